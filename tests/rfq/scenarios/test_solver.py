"""The solver against every possible award, and what it says of constraints."""

from decimal import Decimal

import pytest
from hypothesis import given, settings

from rfq.rules.conditions import Conditions
from rfq.rules.scenario import (
    AtLeastShare,
    AtMostShare,
    AtMostSuppliers,
    Problem,
    Without,
    bill,
    broken,
)
from rfq.scenarios import solver
from rfq.scenarios.messages import Found, ScenarioPhase, SolutionOutcome, Step, Task
from rfq.scenarios.process import work
from rfq.scenarios.solver import solve
from tests.rfq.scenarios.problems import (
    ACME,
    BIDDERS,
    BOLT,
    COIL,
    cheapest,
    problem,
    problems,
    volume,
)

NONE = Decimal(0)


@given(problems())
@settings(deadline=None)
def test_the_solver_finds_what_trying_every_award_finds(of: Problem) -> None:
    least = cheapest(of)
    found = solve(of, gap_percent=NONE, seconds=20)
    if least is None:
        assert found.outcome is SolutionOutcome.IMPOSSIBLE
        return
    assert found.outcome is SolutionOutcome.SOLVED
    assert broken(of, found.allocation) == []
    assert bill(of, found.allocation).total == found.cost == found.bound == least


@given(problems())
@settings(deadline=None, max_examples=25)
def test_constraints_that_conflict_are_an_irreducible_set_and_the_others_are_priced(
    of: Problem,
) -> None:
    found = work(Task(of, NONE, 20.0, 60.0), lambda _: None)
    if cheapest(of) is None:
        names = {each.name for each in of.constraints}
        assert found.proven
        assert cheapest(of.without(names - set(found.conflict))) is None
        for name in found.conflict:
            assert cheapest(of.without(names - set(found.conflict) | {name})) is not None
        return
    assert {each.name: each.solution.cost for each in found.priced} == {
        each.name: cheapest(of.without([each.name])) for each in of.constraints
    }


def solved(of: Problem) -> Found:
    return work(Task(of, NONE, 20.0, 60.0), lambda _: None)


def test_each_constraint_tells_by_how_much_the_award_is_cheaper_without_it() -> None:
    of = problem(
        [[100, 120, 130], [200, 190, 260], [300, 400, 290]],
        AtMostSuppliers(1),
        Without(frozenset([COIL])),
    )
    found = solved(of)
    assert found.solution.cost == 600
    assert [each.solution.cost for each in found.priced] == [590, 600]


def test_a_small_problem_is_solved_exactly_though_a_gap_would_do_so_that_costs_are_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(solver, "SOON_SECONDS", 20.0)  # however slow the machine is
    of = problem(
        [
            [10_094, 10_130, 9_741],
            [9_965, 10_223, 10_197],
            [10_114, 10_010, 10_188],
            [10_066, 10_297, 9_923],
            [10_216, 9_842, 9_988],
        ],
        AtMostShare(Decimal(45)),
        conditions={each: Conditions(volume=(volume("200", "1.5"),)) for each in BIDDERS},
    )
    found = work(Task(of, Decimal("0.5"), 20.0, 60.0), lambda _: None)
    (without,) = found.priced
    assert found.solution.cost == cheapest(of)
    assert without.solution.cost == cheapest(of.without(["c0"]))


def test_shares_that_ask_for_more_than_all_are_named_and_what_is_innocent_is_not() -> None:
    of = problem(
        [[100, 120, 130], [200, 190, 260]],
        AtMostSuppliers(3),
        AtLeastShare(frozenset([ACME]), Decimal(60)),
        AtLeastShare(frozenset([BOLT]), Decimal("40.01")),
    )
    found = solved(of)
    assert found.solution.outcome is SolutionOutcome.IMPOSSIBLE
    assert found.conflict == ("c1", "c2")


def test_a_share_is_kept_to_the_cent() -> None:
    # One of three equal parts is a third: 33.33 percent at most is not kept by it.
    amounts = [[100, 100, 100]] * 3
    kept = problem(amounts, AtMostShare(Decimal("33.34")))
    assert len(set(solve(kept, gap_percent=NONE, seconds=20).allocation.values())) == len(BIDDERS)
    missed = problem(amounts, AtMostShare(Decimal("33.33")))
    assert solve(missed, gap_percent=NONE, seconds=20).outcome is SolutionOutcome.IMPOSSIBLE


def test_it_tells_how_far_it_is() -> None:
    told: list[object] = []
    of = problem([[100, 120, 130], [200, 190, 260]], AtMostSuppliers(1), AtMostSuppliers(2))
    work(Task(of, NONE, 20.0, 60.0), told.append)
    steps = [each for each in told if isinstance(each, Step)]
    assert [(step.phase, step.done, step.total) for step in steps if step.best is None] == [
        (ScenarioPhase.SOLVING, 0, 1),
        (ScenarioPhase.PRICING, 1, 3),
        (ScenarioPhase.PRICING, 2, 3),
    ]
