"""What is known of a lot: the fold of its log."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Final
from uuid import UUID

import msgspec

from auctions.engine.ranking import Place
from auctions.engine.terms import Terms
from marketplace.kernel.states import StateMachine, transition


class Phase(Enum):
    """Where a lot is on its way."""

    SCHEDULED = "scheduled"
    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


LOT: Final[StateMachine[Phase, str]] = StateMachine(
    "lot",
    [
        transition("start", Phase.SCHEDULED, Phase.OPEN),
        transition("close", Phase.OPEN, Phase.CLOSED),
        transition("cancel", (Phase.SCHEDULED, Phase.OPEN), Phase.CANCELLED),
    ],
)


class Witnessed(msgspec.Struct, frozen=True):
    """How many changes each viewer saw, kept so that one bid costs little.

    Somebody without a standing bid saw `by_all`; somebody with one saw `by_all + by_ranked` plus
    his entry of `own`, which lies in the order of the ranking; the buyer saw `by_owner`.
    """

    by_all: int = 0
    by_ranked: int = 0
    by_owner: int = 0
    own: tuple[int, ...] = ()


class LotState(msgspec.Struct, frozen=True, kw_only=True):
    """One lot after the event numbered `seq`, decided at `at`.

    `roster` maps bidders to aliases; `places` the bidders who have a standing bid to it; `order` is
    the same places by rank. None of them is ever changed in place: a state that was handed out
    stays what it was, so a batch that fails is forgotten by forgetting its states.
    """

    lot_id: UUID
    terms: Terms
    phase: Phase
    seq: int
    at: datetime
    closes_at: datetime
    extensions: int = 0
    roster: Mapping[UUID, str] = MappingProxyType({})
    places: Mapping[UUID, Place] = MappingProxyType({})
    order: tuple[Place, ...] = ()
    witnessed: Witnessed = Witnessed()
    cancelled_because: str | None = None

    def deadline(self) -> datetime | None:
        """Give the next instant at which the clock alone changes something."""
        if self.phase is Phase.SCHEDULED:
            return self.terms.starts_at
        return self.closes_at if self.phase is Phase.OPEN else None
