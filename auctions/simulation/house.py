"""An auction house in memory: one log, several workers that decide for it, and their accidents.

A worker does what the ledger's transaction does: take the lot's lock, then read the clock and the
log, decide a batch, write. It may be behind when it begins, die before it has written, or die
after: then nobody is answered, and the bidders send the same bids again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from auctions.batch import Batch, KnownBids, decide_all
from auctions.engine.decide import schedule
from auctions.engine.events import (
    BidAccepted,
    BidRefused,
    Command,
    Event,
    PlaceBid,
    ProxySet,
    SetProxy,
)
from auctions.engine.replay import replay
from auctions.engine.state import LotState
from auctions.engine.terms import Terms
from auctions.simulation.made import LOT, SCHEDULED, START, made_invitations, made_terms
from marketplace.kernel.errors import Conflict

Key = tuple[UUID, str]


class House:
    """The log of one made-up lot, its clock, and the workers that write it."""

    def __init__(
        self,
        chance: Random,
        workers: int = 3,
        terms: Terms | None = None,
        lot_id: UUID = LOT,
    ) -> None:
        self.chance = chance
        self.terms = terms or made_terms(chance)
        self.invitations = made_invitations(chance, self.terms)
        self.log: list[Event] = list(schedule(lot_id, self.terms, self.invitations, SCHEDULED))
        self.state: LotState = replay(self.log)
        self.clock: datetime = START
        self.known: dict[Key, BidAccepted | BidRefused | ProxySet] = {}
        self.restarts = 0
        self._workers: list[LotState | None] = [None] * workers

    def decide(self, commands: Sequence[Command], *, waited: timedelta = timedelta(0)) -> Batch:
        """Have some worker decide a batch that waits so long for the lock; give what it decided.

        What it wrote is in the log even where it died before it could answer: `answered` tells.
        """
        number = self.chance.randrange(len(self._workers))
        arrived, self.clock = self.clock, self.clock + waited
        before = self.look(number)
        batch = decide_all(
            before, commands, self.found(commands), self.instant(arrived), lambda _bidder: True
        )
        self.write(before, batch)
        self._workers[number] = batch.state
        if self.chance.random() < 0.05:
            self._workers[number] = None
            self.restarts += 1
        return batch

    def instant(self, _arrived: datetime) -> datetime:
        """Read the clock: now that the lock is held."""
        return self.clock

    def look(self, number: int) -> LotState:
        """Give the log's state as a worker has it once it has caught up."""
        remembered = self._workers[number]
        if remembered is None:
            return replay(self.log)
        return replay(self.log[remembered.seq :], remembered)

    def found(self, commands: Sequence[Command]) -> KnownBids:
        """Give the bids the log knows under the keys of a batch."""
        keys = [(c.bidder, c.client_bid_id) for c in commands if isinstance(c, PlaceBid | SetProxy)]
        return {key: self.known[key] for key in keys if key in self.known}

    def write(self, before: LotState, batch: Batch) -> None:
        """Append what was decided, if nobody else has written since the worker looked."""
        if before.seq != len(self.log):
            raise Conflict("Somebody else wrote meanwhile.")
        self.log += batch.events
        for event in batch.events:
            if isinstance(event, BidAccepted | BidRefused | ProxySet) and event.client_bid_id:
                self.known[event.bidder, event.client_bid_id] = event
        self.state = batch.state
