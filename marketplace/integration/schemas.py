"""The feed and external ids on the wire."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta

from marketplace.kernel.limits import CODE_CHARACTERS_MAX
from marketplace.platform.http.schemas import Input, Output


class Subject(Output):
    """What an event is about."""

    kind: str
    id: UUID


class EventView(Output):
    """A fact that happened. `id` tells a repeated event from a new one."""

    id: UUID
    kind: str
    subject: Subject
    version: Annotated[int, Meta(description="The subject's version after the fact.")]
    occurred_at: datetime
    data: dict[str, Any]


class FeedView(Output):
    """Events in their one order. Keep `next` once you have stored the items: it continues there."""

    items: list[EventView]
    next: Annotated[str, Meta(description="`after` of the next read; never null.")]
    more: Annotated[bool, Meta(description="More events are there now: read on at once.")]


SystemText = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9][a-z0-9_-]{0,31}(?!\n)$",
        description="Your name of the system, such as sap or shop-2.",
        examples=["sap"],
    ),
]
KindText = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z_]{0,31}(?!\n)$",
        description="What it names, as events name their subjects.",
        examples=["order"],
    ),
]
ExternalIdText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=CODE_CHARACTERS_MAX,
        pattern=r"^[^\x00-\x1f\x7f]+(?!\n)$",
        description="Your system's own number or name, without control characters.",
        examples=["4500012345"],
    ),
]


class ExternalIdInput(Input):
    """What a system of yours calls a thing of ours; one name means one thing."""

    system: SystemText
    kind: KindText
    external_id: ExternalIdText
    id: UUID


class ExternalIdView(Output):
    """A name and what it means."""

    system: str
    kind: str
    external_id: str
    id: UUID
    version: int
    created_at: datetime
    updated_at: datetime
