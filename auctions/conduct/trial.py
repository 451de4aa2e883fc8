"""What terms would make of bids that nobody has made: a whole auction in memory. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid5

from auctions.batch import Answer, Batch, decide_all
from auctions.engine.decide import decide, schedule
from auctions.engine.events import BidAccepted, Command, Invitation, PlaceBid, Rejection, SetProxy
from auctions.engine.replay import replay
from auctions.engine.state import LotState
from auctions.engine.terms import Terms
from auctions.neighbours import concerns, moved_by


@dataclass(frozen=True, slots=True)
class TrialLot:
    """A lot to try bids on, and who may bid there."""

    id: UUID
    terms: Terms
    invitations: Sequence[Invitation]


@dataclass(frozen=True, slots=True)
class TrialBid:
    """A bid on a lot to try, so long after the first lot's start; or a proxy, down to `amount`."""

    lot_id: UUID
    bidder: UUID
    amount: Decimal
    after: timedelta
    proxy: bool = False
    step: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a bid, what proxies bid because of it, and the lot after it."""

    answer: Answer
    proxy_bids: Sequence[BidAccepted]
    state: LotState


class Trial:
    """An auction of these lots in memory, on one clock, from the start of the first.

    Raises InvalidInput for terms and invitations that cannot be. A lot that follows another one
    needs that one among the lots.
    """

    def __init__(self, lots: Iterable[TrialLot]) -> None:
        lots = list(lots)
        self._start = self._clock = min(lot.terms.starts_at for lot in lots)
        self.states: dict[UUID, LotState] = {
            lot.id: replay(schedule(lot.id, lot.terms, lot.invitations, self._start))
            for lot in lots
        }
        self._tried = 0

    def make(self, bid: TrialBid) -> Tried:
        """Make a bid; an instant before that of the bid before counts as that one."""
        at = max(self._clock, self._start + bid.after)
        self._run_until(at)
        self._clock = at
        batch = self._decide(bid.lot_id, [self._command(bid)])
        answered = (e for e in batch.events if isinstance(e, BidAccepted))
        return Tried(
            answer=batch.answers[0],
            proxy_bids=[event for event in answered if event.client_bid_id is None],
            state=batch.state,
        )

    def finish(self) -> None:
        """Let the clock bring all that is still to come."""
        self._run_until(None)

    def _command(self, bid: TrialBid) -> Command:
        self._tried += 1
        key = str(self._tried)
        bid_id = uuid5(bid.lot_id, key)
        if bid.proxy:
            return SetProxy(
                bid_id=bid_id,
                bidder=bid.bidder,
                client_bid_id=key,
                limit=bid.amount,
                step=bid.step,
            )
        return PlaceBid(bid_id=bid_id, bidder=bid.bidder, client_bid_id=key, amount=bid.amount)

    def _run_until(self, at: datetime | None) -> None:
        """Let the clock bring what is due until `at`, or to the end of the auction."""
        while True:
            deadlines = [d for s in self.states.values() if (d := s.deadline()) is not None]
            if not deadlines or (at is not None and min(deadlines) > at):
                return
            self._clock = max(self._clock, min(deadlines))
            # The start and the first stage's end may be one instant: each look brings something.
            brought = [
                self._decide(lot_id, []).events
                for lot_id, state in list(self.states.items())
                if state.deadline() == min(deadlines)
            ]
            if not any(brought):
                return

    def _decide(self, lot_id: UUID, commands: Sequence[Command]) -> Batch:
        """Decide commands on a lot now, and on others what follows for them."""
        batch = decide_all(self.states[lot_id], commands, {}, self._clock, lambda _bidder: True)
        self.states[lot_id] = batch.state
        for command in moved_by(batch.state, batch.events):
            for other in list(self.states.values()):
                if concerns(command, batch.state, other):
                    events = decide(other, command, batch.state.at)
                    if not isinstance(events, Rejection):
                        self.states[other.lot_id] = replay(events, other)
        return batch
