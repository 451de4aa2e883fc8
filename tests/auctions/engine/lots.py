"""A lot and bids to vary in the tests of the engine, and the ledger's fold without a database."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from auctions.engine.decide import decide, refused, schedule
from auctions.engine.events import (
    BidRefused,
    Cancel,
    Close,
    Command,
    Event,
    Invitation,
    PlaceBid,
    Rejection,
    RejectionCode,
    Start,
)
from auctions.engine.evolve import evolve
from auctions.engine.replay import replay
from auctions.engine.state import LotState
from auctions.engine.terms import Decrement, Measure, Overtime, Reference, Step, Terms

LOT = UUID(int=1)
ACME, BOLT, CORE, DUNE = (UUID(int=number) for number in range(11, 15))
BIDDERS = (ACME, BOLT, CORE, DUNE)
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
END = START + timedelta(minutes=10)
MOMENT = timedelta(microseconds=1)
EARLY = START - timedelta(days=1)

TEN = Step(Measure.ABSOLUTE, Decimal(10))
OVERTIME = Overtime(window_s=60, extension_s=120, lowest_rank=2, at_most=3, total_max_s=300)


def terms(**changes: Any) -> Terms:
    values: dict[str, Any] = {
        "currency": "EUR",
        "ceiling": Decimal("1000.00"),
        "decrement": Decrement(TEN),
        "starts_at": START,
        "ends_at": END,
    }
    return Terms(**(values | changes))


def against_leader(step: Step = TEN, maximum: Step | None = None) -> Decrement:
    return Decrement(step, Reference.LEADER, maximum)


def percent(value: str) -> Step:
    return Step(Measure.PERCENT, Decimal(value))


def invitations(openings: Sequence[str | None] = (None,) * 4) -> list[Invitation]:
    return [
        Invitation(
            bidder=bidder,
            alias=f"Supplier {chr(65 + place)}",
            bid_id=UUID(int=1000 + place),
            opening=None if opening is None else Decimal(opening),
        )
        for place, (bidder, opening) in enumerate(zip(BIDDERS, openings, strict=False))
    ]


class Lot:
    """A lot's log as it grows, entry by entry, as the ledger would write it."""

    def __init__(
        self, the_terms: Terms | None = None, openings: Sequence[str | None] = (None,) * 4
    ) -> None:
        self.log: list[Event] = list(
            schedule(LOT, the_terms or terms(), invitations(openings), EARLY)
        )
        self.state: LotState = replay(self.log)

    def submit(self, command: Command, at: datetime) -> tuple[Event, ...] | Rejection:
        decision = decide(self.state, command, at)
        if isinstance(decision, Rejection):
            if isinstance(command, PlaceBid):
                refusal = refused(self.state, command, decision, at)
                if refusal is not None:
                    self._append(refusal)
            return decision
        for event in decision:
            self._append(event)
        return decision

    def _append(self, event: Event) -> None:
        self.log.append(event)
        self.state = evolve(self.state, event)

    def started(self) -> "Lot":
        self.submit(Start(), START)
        return self

    def closed(self) -> "Lot":
        self.submit(Close(), self.state.closes_at)
        return self

    def cancelled(self, reason: str = "no need any more") -> "Lot":
        self.submit(Cancel(reason), START)
        return self

    def bid(self, bidder: UUID, amount: str, at: datetime = START) -> RejectionCode | None:
        """Bid; give the code of the refusal, None if the bid stands."""
        result = self.submit(a_bid(bidder, amount, len(self.log)), at)
        return result.code if isinstance(result, Rejection) else None

    def ranking(self) -> list[tuple[UUID, str]]:
        return [(place.bidder, str(place.amount)) for place in self.state.order]

    def refusals(self) -> list[BidRefused]:
        return [event for event in self.log if isinstance(event, BidRefused)]


def a_bid(bidder: UUID, amount: str, number: int = 1) -> PlaceBid:
    return PlaceBid(
        bid_id=UUID(int=5000 + number),
        bidder=bidder,
        client_bid_id=f"bid-{number}",
        amount=Decimal(amount),
    )
