"""Made-up auctions: none breaks a property, and every planted bug is caught by the one named."""

from collections import Counter

import pytest

from auctions.simulation.properties import Violated
from auctions.simulation.run import play, simulate
from tests.auctions.simulation.mutants import MUTANTS

PART = 500
REACHED = (
    "bid at the very close",
    "bid entered by the buyer",
    "bid in another currency",
    "bid in the last microsecond",
    "bids at the same instant",
    "cancelled: english",
    "clock stepped back",
    "close moved by another lot",
    "close moved by hand",
    "closed: dutch",
    "closed: english",
    "closed: japanese",
    "closed: sealed",
    "closed: staged",
    "closed: vickrey",
    "leader withdrawn",
    "message to all",
    "lots: close moved by another",
    "lots: parallel",
    "lots: serial",
    "lots: serial began earlier than planned",
    "lots: serial began later than planned",
    "lots: staggered",
    "no winner: above_reserve",
    "no winner: no_bids",
    "no winner: practice",
    "overtime",
    "overtime cut at its cap",
    "overtime for the last time",
    "pause",
    "pause across the deadline",
    "proxies of equal limits",
    "proxy duel",
    "refused bid in the overtime window",
    "refused: below_floor",
    "refused: off_grid",
    "refused: out",
    "refused: tied",
    "restarts",
    "second price",
    "taken back by its bidder",
    "sent again",
    "tie at first place",
    "withdrawal asked for",
)


@pytest.mark.parametrize("first", range(0, 4 * PART, PART))
def test_two_thousand_auctions_hold_every_property_and_reach_what_matters(first: int) -> None:
    *_, (_, played) = simulate(range(first, first + PART))
    assert played.findings == []
    assert played.auctions == PART
    assert [state for state in REACHED if not played.reached[state]] == []


def test_a_seed_is_one_auction_on_every_machine() -> None:
    reached: list[Counter[str]] = [Counter(), Counter()]
    assert play(7, reached[0]) == play(7, reached[1])
    assert reached[0] == reached[1]


@pytest.mark.parametrize("bug", MUTANTS)
def test_a_planted_bug_is_caught(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant = MUTANTS[bug]
    mutant.plant(monkeypatch)
    rules = set()
    for seed in range(mutant.first, mutant.first + 600):
        try:
            play(seed, Counter(), mutant.house)
        except Violated as error:
            rules.add(error.rule)
        except (ArithmeticError, IndexError, KeyError, ValueError):
            rules.add("the engine broke down")
        if mutant.caught_by in rules:
            return
    pytest.fail(f"not caught by its property, but by {rules}")
