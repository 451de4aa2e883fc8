"""Playing auctions from seeds."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from auctions.engine.events import Close, Resume
from auctions.simulation.bidders import ended, next_commands, next_step
from auctions.simulation.house import House
from auctions.simulation.lots import play_lots
from auctions.simulation.properties import Violated, Watch, violated
from marketplace.kernel.errors import Conflict

ROUNDS = 16
"""Batches of bids before an auction is let run out."""
SEEDS_PER_LOTS = 8
"""An auction of several lots takes as long as some of one."""
ENDS_WITHIN = 200
"""Deadlines after which an auction must be over."""

MakeHouse = Callable[[Random], House]


@dataclass(slots=True)
class Finding:
    """A seed whose auction breaks a property."""

    seed: int
    rule: str
    detail: str


@dataclass(slots=True)
class Played:
    """What many auctions came to."""

    auctions: int = 0
    entries: int = 0
    findings: list[Finding] = field(default_factory=list)
    reached: Counter[str] = field(default_factory=Counter)


def play(seed: int, reached: Counter[str], make: MakeHouse = House) -> int:
    """Play one auction, of some seeds one of several lots as well; raises Violated.

    Give how many entries the logs have.
    """
    chance = Random(seed)
    house = make(chance)
    watch = Watch(house, reached)
    for number in range(ROUNDS):
        step = next_step(house)
        house.clock += step
        reached["clock stepped back"] += step < timedelta(0)
        _settle(house, watch, number)
        if ended(house.state):
            break
    _run_out(house, watch)
    watch.finish()
    reached["restarts"] += house.restarts
    more = play_lots(seed, reached) if seed % SEEDS_PER_LOTS == 0 else 0
    return len(house.log) + more


def _settle(house: House, watch: Watch, number: int) -> None:
    before, commands = house.state, next_commands(house, number)
    waited = timedelta(seconds=house.chance.choice([0, 0, 0, 1, 3]))
    batch = house.decide(commands, waited=waited)
    watch.look(before, commands, batch)
    if house.chance.random() < 0.1:
        before = house.state
        again = house.decide(commands)
        watch.reached["sent again"] += 1
        watch.look(before, commands, again)


def _run_out(house: House, watch: Watch) -> None:
    """Let the clock bring the auction to its end, and two workers try to close it at once."""
    for _ in range(ENDS_WITHIN):
        if ended(house.state):
            break
        before, deadline = house.state, house.state.deadline()
        if deadline is None:
            watch.look(before, [Resume()], house.decide([Resume()]))
            continue
        house.clock = max(house.clock, deadline)
        watch.look(before, [], house.decide([]))
    else:
        violated("every auction ends")
    before = house.state
    batch = house.decide([Close(), Close()])
    watch.look(before, [Close(), Close()], batch)
    if batch.events:
        violated("two workers that close at once make one end")


def simulate(seeds: Iterable[int], make: MakeHouse = House) -> Iterable[tuple[int, Played]]:
    """Play the auctions of these seeds; give after each what all of them came to."""
    played = Played()
    for seed in seeds:
        try:
            played.entries += play(seed, played.reached, make)
        except Violated as error:
            played.findings.append(Finding(seed, error.rule, str(error)))
        except Conflict:
            rule = "two workers that close at once make one end"
            played.findings.append(Finding(seed, rule, "a worker wrote on what it had not read"))
        played.auctions += 1
        yield seed, played
