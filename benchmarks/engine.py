"""The auction engine alone: deciding and folding bids in memory, without a database or HTTP."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from statistics import median
from typing import Final
from uuid import UUID

from auctions.engine.decide import decide, refused, schedule
from auctions.engine.events import Invitation, PlaceBid, Rejection, Start
from auctions.engine.evolve import evolve
from auctions.engine.replay import replay
from auctions.engine.state import LotState
from auctions.engine.terms import Decrement, Measure, Step, Terms
from benchmarks.report import Row, Target

BIDDERS: Final = 128
DECISIONS_LEAST: Final = 60_000
NAME: Final = f"engine alone, English rank-only, {BIDDERS} bidders"
_START: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rounds:
    """How often and how many bids."""

    rounds: int
    bids: int


FULL: Final = Rounds(7, 60_000)
QUICK: Final = Rounds(1, 2_000)


def engine_rows(pace: Rounds) -> list[Row]:
    """Measure decisions per second of processor time; one bid in ten is refused."""
    opened = _opened()
    bids = _bids(pace.bids)
    rates = [_round(opened, bids) for _ in range(pace.rounds)]
    middle = median(rates)
    return [
        Row(
            NAME,
            value=f"{middle:,.0f}/s ({min(rates):,.0f} to {max(rates):,.0f})",
            target=Target(DECISIONS_LEAST, f"≥ {DECISIONS_LEAST:,}/s"),
            hit=middle >= DECISIONS_LEAST,
        )
    ]


def _opened() -> LotState:
    terms = Terms(
        currency="EUR",
        ceiling=Decimal("1000000.00"),
        decrement=Decrement(Step(Measure.ABSOLUTE, Decimal("0.01"))),
        starts_at=_START,
        ends_at=_START + timedelta(hours=1),
    )
    invitations = [
        Invitation(
            bidder=UUID(int=place + 1), alias=f"Bidder {place}", bid_id=UUID(int=1000 + place)
        )
        for place in range(BIDDERS)
    ]
    state = replay(schedule(UUID(int=1), terms, invitations, _START - timedelta(days=1)))
    started = decide(state, Start(), _START)
    assert not isinstance(started, Rejection)
    return replay(started, state)


def _bids(count: int) -> list[PlaceBid]:
    chance = Random(1)  # noqa: S311 - made-up bids
    standing = [Decimal("1000000.00")] * BIDDERS
    bids = []
    for number in range(count):
        place = chance.randrange(BIDDERS)
        if number % 10:
            standing[place] -= Decimal(chance.randint(1, 300)).scaleb(-2)
        bids.append(
            PlaceBid(
                bid_id=UUID(int=10**6 + number),
                bidder=UUID(int=place + 1),
                client_bid_id=f"bid-{number}",
                amount=standing[place],
            )
        )
    return bids


def _round(state: LotState, bids: list[PlaceBid]) -> float:
    accepted = 0
    began = time.process_time()
    for bid in bids:
        decision = decide(state, bid, _START)
        if isinstance(decision, Rejection):
            refusal = refused(state, bid, decision, _START)
            assert refusal is not None
            state = evolve(state, refusal)
            continue
        accepted += 1
        for event in decision:
            state = evolve(state, event)
    seconds = time.process_time() - began
    assert accepted >= len(bids) * 0.85
    return len(bids) / seconds
