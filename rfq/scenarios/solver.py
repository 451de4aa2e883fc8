"""HiGHS: solves a model, and tells how far it is.

Imported in a process of its own alone (`rfq.scenarios.process`): the solver and numpy take 60 MB,
and while it solves nothing else runs. Money goes in divided, so that the cheapest award is worth a
million: the solver's tolerances are absolute.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import highspy
import numpy as np
from msgspec.structs import replace

from marketplace.kernel.limits import SCENARIO_GAP_PERCENT_MAX
from rfq.rules.scenario import Allocation, Problem, bill, gap_of, holds
from rfq.scenarios.messages import Progress, Solution, SolutionOutcome, Tell
from rfq.scenarios.model import Form, Model, build

WORTH: Final = 1_000_000
"""What the cheapest award is worth to the solver."""
SLACK: Final = 1e-9
"""Of the problem's worth: by so much the solver's bound may be wrong."""
STRICTER: Final = ((0, Form.TIGHT), (0, Form.FORCED), (1, Form.FORCED), (100, Form.FORCED))
"""Should what the solver took for kept be broken exactly: minor units to spare in shares, and
whether discounts are forced."""
SOON_SECONDS: Final = 1.0
"""For so long an exact solution is looked for before one within the gap will do."""
LIKELY: Final = 0.05
"""A discount that the program without whole numbers takes to less is not tried."""


_NOTHING: Final = Solution(SolutionOutcome.UNKNOWN, {}, 0, 0, 0.0)


def solve(
    problem: Problem,
    *,
    gap_percent: Decimal,
    seconds: float,
    start: Allocation | None = None,
    tell: Tell = lambda _: None,
) -> Solution:
    """Find the cheapest allocation within the gap, or the best within the time.

    `start` is an allocation known to keep the constraints.
    """
    began = time.monotonic()

    def left() -> float:
        return began + seconds - time.monotonic()

    first = _Search(problem, gap_percent, left)
    best = first.best(start)
    bound, found = first.bound, _NOTHING
    for margin, form in STRICTER:
        run = _Run(problem, build(problem, margin=margin, form=form), tell)
        found = run.exactly_or_within(gap_percent, left, best)
        if margin == 0:
            bound = max(bound, found.bound)
        if found.outcome is SolutionOutcome.IMPOSSIBLE and margin:
            break
        if found.outcome is SolutionOutcome.IMPOSSIBLE and best is None:
            return replace(found, seconds=seconds - left())
        if found.allocation and holds(problem, found.allocation):
            best = first.cheaper(best, found.allocation)
            break
        if found.outcome is SolutionOutcome.UNKNOWN:
            break
    if best is None:
        return replace(_NOTHING, bound=bound, seconds=seconds - left())
    cost = bill(problem, best).total
    bound = min(bound, cost)
    outcome = (
        SolutionOutcome.SOLVED if gap_of(cost, bound) <= gap_percent else SolutionOutcome.STOPPED
    )
    return Solution(outcome, dict(best), cost, bound, seconds - left())


class _Search:
    """Looks for a good award to start with, where volume discounts make that hard.

    Once it is decided who reaches which discount, the rest is soon solved; the program without
    whole numbers says what to decide, and its bidders that are in two minds are tried both ways.
    """

    def __init__(self, problem: Problem, gap_percent: Decimal, left: Callable[[], float]) -> None:
        self.problem = problem
        self.gap_percent = gap_percent
        self.left = left
        self.bound = 0

    def best(self, start: Allocation | None) -> Allocation | None:
        """Give the cheapest award found, or None; `bound` is then known."""
        best = start if start is None or holds(self.problem, start) else None
        if not any(each.volume for each in self.problem.conditions.values()):
            return best
        model = build(self.problem)
        self.bound, values = _Run(self.problem, model, lambda _: None).relaxed(self.left() / 3)
        if not values:
            return best
        until = self.left() / 2
        reached = {bidder: [values[z] for z in zs] for bidder, zs in model.reached.items()}
        for granted in _guesses(reached):
            if self.left() < until or (best is not None and self._is_near(best)):
                break
            fixed = _Run(self.problem, build(self.problem, granted=granted), lambda _: None)
            found = fixed.solve(self.gap_percent / 4, self.left() - until, None).allocation
            if found and holds(self.problem, found):
                best = self.cheaper(best, found)
        return best

    def cheaper(self, one: Allocation | None, other: Allocation) -> Allocation:
        """Give the cheaper of two."""
        return other if one is None or self._cost(other) < self._cost(one) else one

    def _cost(self, allocation: Allocation) -> int:
        return bill(self.problem, allocation).total

    def _is_near(self, allocation: Allocation) -> bool:
        return gap_of(self._cost(allocation), self.bound) <= self.gap_percent


def _guesses(shares: Mapping[UUID, Sequence[float]]) -> Iterator[dict[UUID, int]]:
    """Give decisions on discounts, the likeliest first: then one bidder at a time otherwise."""
    likely: dict[UUID, int] = {}
    others: list[tuple[float, UUID, int | None]] = []
    for bidder, values in shares.items():
        options = [(1 - sum(values), None), *((v, place) for place, v in enumerate(values))]
        options.sort(key=lambda option: -option[0])
        if options[0][1] is not None:
            likely[bidder] = options[0][1]
        others += [(-v, bidder, place) for v, place in options[1:] if v > LIKELY]
    yield likely
    for _, bidder, place in sorted(others, key=lambda other: other[0]):
        changed = {b: p for b, p in likely.items() if b != bidder}
        yield changed if place is None else {**changed, bidder: place}


def version() -> str:
    """Give the solver's version."""
    text: str = _new().version()
    return text


def _new() -> Any:
    return highspy.Highs()  # type: ignore[no-untyped-call]


class _Run:
    """One model in the solver."""

    def __init__(self, problem: Problem, model: Model, tell: Tell) -> None:
        self.problem = problem
        self.model = model
        self.unit = model.scale / WORTH
        self.tell = tell
        self.told = Progress(None, None)

    def solve(self, gap_percent: Decimal, seconds: float, start: Allocation | None) -> Solution:
        """Solve the program."""
        highs = self._highs(seconds)
        highs.setOptionValue("mip_rel_gap", float(gap_percent) / 100)
        highs.setOptionValue("mip_abs_gap", 0.0)
        highs.passModel(self._program())
        if start is not None:
            highs.setSolution(self._start(start))
        highs.setCallback(self._heard, None)
        for kind in (
            highspy.cb.HighsCallbackType.kCallbackMipLogging,
            highspy.cb.HighsCallbackType.kCallbackMipImprovingSolution,
        ):
            highs.startCallback(kind)
        highs.run()
        return self._solution(highs)

    def exactly_or_within(
        self, gap_percent: Decimal, left: Callable[[], float], start: Allocation | None
    ) -> Solution:
        """Solve exactly where that is soon done, else to the gap.

        Within a gap nobody could tell what a constraint of a small problem costs.
        """
        if not 0 < gap_percent <= SCENARIO_GAP_PERCENT_MAX:
            return self.solve(gap_percent, left(), start)
        exact = self.solve(Decimal(0), min(SOON_SECONDS, left()), start)
        if exact.outcome in {SolutionOutcome.SOLVED, SolutionOutcome.IMPOSSIBLE}:
            return exact
        found = self.solve(gap_percent, left(), exact.allocation or start)
        return replace(found, bound=max(found.bound, exact.bound))

    def relaxed(self, seconds: float) -> tuple[int, Sequence[float]]:
        """Solve the program without whole numbers: give its bound and values; none in doubt."""
        highs, program = self._highs(seconds), self._program()
        program.integrality_ = []
        highs.passModel(program)
        highs.run()
        if highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return 0, ()
        bound = self._bound(highs.getInfo().objective_function_value)
        return bound, list(highs.getSolution().col_value)

    @staticmethod
    def _highs(seconds: float) -> Any:
        highs = _new()
        highs.silent()
        highs.setOptionValue("threads", 1)
        highs.setOptionValue("time_limit", max(seconds, 0.01))
        return highs

    def _program(self) -> Any:
        model, unit = self.model, self.unit
        columns, rows = model.columns, model.rows
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(columns), len(rows)
        lp.col_cost_ = np.array([c.cost if c.money else c.cost / unit for c in columns])
        lp.col_lower_ = np.zeros(len(columns))
        lp.col_upper_ = np.array([math.inf if c.upper is None else c.upper for c in columns])
        whole, free = highspy.HighsVarType.kInteger, highspy.HighsVarType.kContinuous
        lp.integrality_ = [whole if column.whole else free for column in columns]
        lp.row_lower_ = np.array([_bound(row.lower, row.money, unit, -1) for row in rows])
        lp.row_upper_ = np.array([_bound(row.upper, row.money, unit, 1) for row in rows])
        starts, places, values = [0], [], []
        for row in rows:
            for column, factor in row.terms:
                # What is counted in money stays so; all other columns are divided into its unit.
                divided = row.money and not columns[column].money
                places.append(column)
                values.append(float(factor) / unit if divided else float(factor))
            starts.append(len(places))
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.array(starts)
        lp.a_matrix_.index_ = np.array(places)
        lp.a_matrix_.value_ = np.array(values)
        return lp

    def _start(self, start: Allocation) -> Any:
        given = highspy.HighsSolution()
        chosen = [float(start.get(o.part_id) == o.bidder) for o in self.problem.offers]
        # The solver completes what is not said: of the other columns nothing is.
        unsaid = [math.inf] * (len(self.model.columns) - len(chosen))
        given.col_value = [*chosen, *unsaid]
        return given

    def _heard(self, _kind: Any, _message: str, data: Any, *_more: Any) -> None:
        best = self._minor(data.mip_primal_bound)
        bound = self._minor(data.mip_dual_bound)
        heard = Progress(best, bound)
        if heard != self.told:
            self.told = heard
            self.tell(heard)

    def _minor(self, value: float) -> int | None:
        return round(value * self.unit) if abs(value) < highspy.kHighsInf / 2 else None

    def _solution(self, highs: Any) -> Solution:
        seconds = highs.getRunTime()
        status, info = highs.getModelStatus(), highs.getInfo()
        if status == highspy.HighsModelStatus.kInfeasible:
            return Solution(SolutionOutcome.IMPOSSIBLE, {}, 0, 0, seconds)
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return Solution(SolutionOutcome.UNKNOWN, {}, 0, 0, seconds)
        values = highs.getSolution().col_value
        best: dict[UUID, tuple[float, UUID]] = {}
        for offer, value in zip(self.problem.offers, values, strict=False):
            if offer.part_id not in best or value > best[offer.part_id][0]:
                best[offer.part_id] = value, offer.bidder
        allocation = {part: bidder for part, (_, bidder) in best.items()}
        cost = bill(self.problem, allocation).total
        outcome = SolutionOutcome.STOPPED
        if status == highspy.HighsModelStatus.kOptimal:
            outcome = SolutionOutcome.SOLVED
        bound = min(self._bound(info.mip_dual_bound), cost)
        return Solution(outcome, allocation, cost, bound, seconds)

    def _bound(self, value: float) -> int:
        """Give what no award costs less than: the next whole number, for all costs are whole."""
        if not math.isfinite(value):
            return 0
        return max(0, math.ceil(value * self.unit - SLACK * self.model.scale - SLACK))


def _bound(value: Any, money: bool, unit: float, sign: int) -> float:
    if value is None:
        return sign * math.inf
    return float(value) / unit if money else float(value)
