"""What is known of a lot: the fold of its log."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from auctions.engine.ranking import Place
from auctions.engine.scoring import Yardstick
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
    his entry of `own`, which lies in the order of the ranking; the buyer saw `by_owner`. `personal`
    counts, for whom there are any, the changes of the seldom kinds that only he saw.
    """

    by_all: int = 0
    by_ranked: int = 0
    by_owner: int = 0
    own: tuple[int, ...] = ()
    personal: dict[UUID, int] = {}


class Stage(msgspec.Struct, frozen=True):
    """Where an auction of rounds is: the price called, or the bidder whose turn it is.

    It ends at `until`. `queue` are the bidders whose turns follow in this round.
    """

    round: int
    until: datetime
    price: Decimal | None = None
    bidder: UUID | None = None
    queue: tuple[UUID, ...] = ()


class Proxy(NamedTuple):
    """A limit down to which the engine bids for a bidder, `step` below the leader at a time.

    `seq` is the number under which he set it: of equal limits the earliest wins.
    """

    bidder: UUID
    limit: Decimal
    step: Decimal | None
    seq: int


class Notice(NamedTuple):
    """The buyer's last message to all."""

    at: datetime
    text: str


class WithdrawalRequest(NamedTuple):
    """A bidder's wish to have this bid of his struck; void once it stands no more."""

    bid_id: UUID
    reason: str


class Course(msgspec.Struct, frozen=True):
    """What only some formats, terms and incidents need.

    `out` are bidders who left a Japanese auction; `consents` those who let the buyer bid for them;
    `paused_for` is how long the lot stood still in all, and `paused_at` since when it does now, for
    the reason `paused_because`. `messages` are the identifiers of what the buyer told all, and
    `notice` the last of it; `requests` are by bidder. `starts_at` is when a lot that follows
    another starts, once that one has ended.
    """

    stage: Stage | None = None
    out: frozenset[UUID] = frozenset()
    proxies: dict[UUID, Proxy] = {}
    consents: frozenset[UUID] = frozenset()
    paused_at: datetime | None = None
    paused_for: timedelta = timedelta(0)
    paused_because: str | None = None
    messages: tuple[UUID, ...] = ()
    notice: Notice | None = None
    requests: dict[UUID, WithdrawalRequest] = {}
    starts_at: datetime | None = None


class LotState(msgspec.Struct, frozen=True, kw_only=True):
    """One lot after the event numbered `seq`, decided at `at`.

    `roster` maps bidders to aliases, `yardsticks` those whose score is not their amount to what
    makes it; `places` maps the bidders who have a standing bid to it; `order` is the same places by
    rank. None of them is ever changed in place: a state that was handed out stays what it was, so a
    batch that fails is forgotten by forgetting its states.
    """

    lot_id: UUID
    terms: Terms
    phase: Phase
    seq: int
    at: datetime
    closes_at: datetime
    extensions: int = 0
    roster: Mapping[UUID, str] = MappingProxyType({})
    yardsticks: Mapping[UUID, Yardstick] = MappingProxyType({})
    places: Mapping[UUID, Place] = MappingProxyType({})
    order: tuple[Place, ...] = ()
    witnessed: Witnessed = Witnessed()
    course: Course = Course()
    cancelled_because: str | None = None

    @property
    def starts_at(self) -> datetime:
        """Give when the lot starts; where it waits for another to end, when that is planned."""
        return self.course.starts_at or self.terms.starts_at

    @property
    def waits(self) -> bool:
        """Tell whether the lot waits for the one before to end."""
        return (
            self.phase is Phase.SCHEDULED
            and self.terms.follows is not None
            and self.course.starts_at is None
        )

    def deadline(self) -> datetime | None:
        """Give the next instant at which the clock alone changes something."""
        if self.phase is Phase.SCHEDULED:
            return None if self.waits else self.starts_at
        if self.phase is not Phase.OPEN or self.course.paused_at is not None:
            return None
        stage = self.course.stage
        return self.closes_at if stage is None else min(stage.until, self.closes_at)

    def request_of(self, bidder: UUID) -> WithdrawalRequest | None:
        """Give the bidder's wish to have his standing bid struck, if he has one."""
        request, place = self.course.requests.get(bidder), self.places.get(bidder)
        if request is None or place is None or request.bid_id != place.bid_id:
            return None
        return request

    def currency_of(self, bidder: UUID) -> str:
        """Give the currency a bidder bids in."""
        own = self.yardsticks.get(bidder)
        return self.terms.currency if own is None else own.currency
