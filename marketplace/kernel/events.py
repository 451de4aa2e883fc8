"""Facts that happened, as they leave a business transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

PUBLIC: Final = UUID(int=0)
"""The audience of an event that everybody may read."""


@dataclass(frozen=True, slots=True)
class Event:
    """One fact about one subject.

    `kind` is ``noun.verb_in_the_past`` (``order.placed``); `version` is the subject's version after
    the fact; `audience` the organizations that may read it; `payload` is thin: identifiers and what
    a reader needs to decide whether to fetch the subject.
    """

    kind: str
    subject_kind: str
    subject_id: UUID
    version: int
    audience: frozenset[UUID]
    payload: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.audience:
            msg = f"{self.kind}: an event without an audience reaches nobody"
            raise ValueError(msg)
