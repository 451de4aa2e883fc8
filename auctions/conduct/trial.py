"""What terms would make of bids that nobody has made: a whole auction in memory. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from auctions.batch import Answer, Batch, decide_all
from auctions.engine.decide import schedule
from auctions.engine.events import Command, Invitation, PlaceBid
from auctions.engine.replay import replay
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import Terms


@dataclass(frozen=True, slots=True)
class TrialBid:
    """A bid to try, so long after the start."""

    bidder: UUID
    amount: Decimal
    after: timedelta


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a bid, and the lot after it."""

    answer: Answer
    state: LotState


def try_bids(
    lot_id: UUID, terms: Terms, invitations: Sequence[Invitation], bids: Sequence[TrialBid]
) -> Iterator[Tried]:
    """Play an auction of these terms and bids; after the bids give the lot once it has ended.

    An instant before that of the bid before counts as that one. Raises InvalidInput for invitations
    that cannot be.
    """
    house = _House(replay(schedule(lot_id, terms, invitations, terms.starts_at)))
    for number, bid in enumerate(bids):
        command = PlaceBid(
            bid_id=uuid5(lot_id, str(number)),
            bidder=bid.bidder,
            client_bid_id=str(number),
            amount=bid.amount,
        )
        at = max(house.state.at, terms.starts_at + bid.after)
        yield Tried(house.decide(command, at), house.state)


def end_of(state: LotState) -> LotState:
    """Give a lot after all that its clock alone still brings."""
    house = _House(state)
    house.run_until(None)
    return house.state


class _House:
    def __init__(self, state: LotState) -> None:
        self.state = state

    def decide(self, command: Command, at: datetime) -> Answer:
        self.run_until(at)
        return self._batch([command], at).answers[0]

    def run_until(self, at: datetime | None) -> None:
        """Let the clock bring what is due until `at`, or to the end of the auction."""
        while self.state.phase in {Phase.SCHEDULED, Phase.OPEN}:
            deadline = self.state.deadline()
            if deadline is None or (at is not None and deadline > at):
                return
            # The start and the first stage's end may be one instant: each look brings something.
            before = self.state.seq
            self._batch([], deadline)
            if self.state.seq == before:
                return

    def _batch(self, commands: Sequence[Command], at: datetime) -> Batch:
        batch = decide_all(self.state, commands, {}, at, lambda _bidder: True)
        self.state = batch.state
        return batch
