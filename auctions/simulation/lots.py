"""Made-up auctions of several lots: in every order, with overtime of all lots, and what must hold.

Each lot is a house of its own, with all that must hold there; the houses share a clock. What
happens on one lot is written on others in the same step, as the ledger's transaction does.
"""

from collections import Counter
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from auctions import neighbours
from auctions.batch import Batch
from auctions.engine.decide import decide
from auctions.engine.events import (
    Cancelled,
    Closed,
    CloseExtended,
    Event,
    FollowClose,
    FollowLot,
    Rejection,
    Resume,
    Started,
    StartMoved,
)
from auctions.engine.replay import replay
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import Follows, Format, Terms
from auctions.lot_order import LotOrder, Wish, timings
from auctions.simulation.bidders import ended, next_commands, next_step
from auctions.simulation.house import House
from auctions.simulation.made import START, made_terms
from auctions.simulation.properties import Watch, violated

ROUNDS: Final = 24
ENDS_WITHIN: Final = 600
MINUTE: Final = timedelta(minutes=1)


def made_lots(chance: Random) -> tuple[LotOrder, list[Terms]]:
    """Give the terms of two to four lots that follow each other in some order."""
    order = chance.choice(list(LotOrder))
    interval = {LotOrder.PARALLEL: None, LotOrder.STAGGERED: 2 * MINUTE}.get(
        order, chance.choice([None, MINUTE])
    )
    common = chance.random() < 0.6
    made = [_terms(chance, common=common) for _ in range(chance.randint(2, 4))]
    wishes = [Wish(START, made[0].ends_at), *(Wish() for _ in made[1:])]
    lots = []
    for place, timing in enumerate(timings(order, interval, wishes)):
        follows = None
        if timing.break_s is not None:
            follows = Follows(UUID(int=place), timing.break_s)
        times = {"starts_at": timing.starts_at, "ends_at": timing.ends_at}
        lots.append(replace(made[place], follows=follows, **times))
    return order, lots


def _terms(chance: Random, *, common: bool) -> Terms:
    """Give a lot's terms; where overtime is common they are English ones that have it."""
    while True:
        terms = made_terms(chance)
        if not common:
            return terms
        if terms.format is Format.ENGLISH and terms.overtime is not None:
            return replace(terms, overtime=replace(terms.overtime, all_lots=True))


class LotsPlayed:
    """The lots of one auction, each with its house and its watch."""

    def __init__(self, chance: Random, reached: Counter[str]) -> None:
        self.chance, self.reached = chance, reached
        self.order, lots = made_lots(chance)
        self.houses = [
            House(chance, terms=terms, lot_id=UUID(int=place))
            for place, terms in enumerate(lots, start=1)
        ]
        self.watches = [Watch(house, reached) for house in self.houses]
        reached[f"lots: {self.order.value}"] += 1

    @property
    def clock(self) -> datetime:
        """The one clock."""
        return self.houses[0].clock

    def set_clock(self, at: datetime) -> None:
        """Move the clock of all."""
        for house in self.houses:
            house.clock = at

    def settle(self, place: int, commands: list[object]) -> None:
        """Decide commands on a lot, and write on others what follows for them."""
        house = self.houses[place]
        before = house.state
        batch = house.decide(commands)  # type: ignore[arg-type]
        self.watches[place].look(before, commands, batch)  # type: ignore[arg-type]
        for command in neighbours.moved_by(batch.state, batch.events):
            for other, neighbour in enumerate(self.houses):
                if neighbours.concerns(command, batch.state, neighbour.state):
                    self._follow(other, command, batch.state.at)
        self._check(place, batch.events)

    def _follow(self, place: int, command: FollowClose | FollowLot, at: datetime) -> None:
        house = self.houses[place]
        before = house.state
        decision = decide(before, command, at)
        if isinstance(decision, Rejection):
            return
        batch = Batch(replay(decision, before), list(decision), [decision[0]])
        house.write(before, batch)
        self.watches[place].look(before, [command], batch)
        self.reached["lots: close moved by another"] += isinstance(command, FollowClose)

    # What must hold

    def _check(self, place: int, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, CloseExtended) and not event.followed:
                self._check_common(place, event)
            elif isinstance(event, Started):
                self._check_start(place, event)

    def _check_common(self, place: int, moved: CloseExtended) -> None:
        """Where overtime is common no other lot that ran closes earlier, but for its own cap."""
        own = self.houses[place].terms.overtime
        for other, watch in enumerate(self.watches):
            state = self.houses[other].state
            overtime = state.terms.overtime
            if other == place or not _runs(state, moved.at):
                continue
            common = own is not None and own.all_lots and overtime and overtime.all_lots
            if common and state.closes_at < min(moved.closes_at, watch.reckoning.cap()):
                violated("overtime of all lots moves the close of each", (moved, state.closes_at))

    def _check_start(self, place: int, started: Started) -> None:
        follows = self.houses[place].terms.follows
        if follows is None:
            return
        last = self.houses[place - 1].log[-1]
        break_ = timedelta(seconds=follows.break_s)
        if not isinstance(last, Closed | Cancelled) or started.at < last.at + break_:
            violated("a serial lot starts when the one before has ended", started)
        planned = self.houses[place - 1].terms.ends_at
        self.reached["lots: serial began later than planned"] += last.at > planned
        self.reached["lots: serial began earlier than planned"] += last.at < planned

    def finish(self) -> None:
        """Check the whole logs, and how they lie to each other."""
        for place, (house, watch) in enumerate(zip(self.houses, self.watches, strict=True)):
            watch.finish()
            moves = [event for event in house.log if isinstance(event, StartMoved)]
            cancelled = isinstance(house.log[-1], Cancelled)
            if len(moves) != (house.terms.follows is not None) and not cancelled:
                violated("a lot begins by its clock or after another, once", house.log)
            for event in moves:
                length = house.terms.ends_at - house.terms.starts_at
                if event.closes_at - event.starts_at != length:
                    violated("a serial lot lasts as long as was planned", event)
            followed = [e for e in house.log if isinstance(e, CloseExtended) and e.followed]
            overtime = house.terms.overtime
            if followed and not (overtime and overtime.all_lots):
                violated("overtime of one lot moves no other unless the terms say so", followed)
            if place and self.order is LotOrder.STAGGERED and not followed:
                self.reached["lots: staggered closed in their order"] += 1


def _runs(state: LotState, at: datetime) -> bool:
    return state.phase is Phase.OPEN and state.course.paused_at is None and at < state.closes_at


def play_lots(seed: int, reached: Counter[str]) -> int:
    """Play one auction of several lots; give how many entries its logs have; raises Violated."""
    chance = Random(seed)
    event = LotsPlayed(chance, reached)
    for number in range(ROUNDS):
        place = chance.randrange(len(event.houses))
        house = event.houses[place]
        event.set_clock(event.clock + next_step(house))
        if not ended(house.state):
            event.settle(place, list(next_commands(house, number)))
    _run_out(event)
    event.finish()
    return sum(len(house.log) for house in event.houses)


def _run_out(event: LotsPlayed) -> None:
    """Let the clock bring all lots to their ends."""
    for _ in range(ENDS_WITHIN):
        running = [n for n, house in enumerate(event.houses) if not ended(house.state)]
        if not running:
            return
        due = [(d, n) for n in running if (d := event.houses[n].state.deadline()) is not None]
        if due:
            at, place = min(due)
            event.set_clock(max(event.clock, at))
            event.settle(place, [])
            continue
        paused = [n for n in running if event.houses[n].state.course.paused_at is not None]
        if not paused:
            violated("a serial lot starts when the one before has ended", "it waits for ever")
        event.settle(paused[0], [Resume()])
    violated("every auction ends")
