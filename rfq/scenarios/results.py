"""What came out of a scenario, reckoned anew from the offers: no number of the solver's is used."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from uuid import UUID

from marketplace.platform.http.schemas import shown_amount
from rfq.rules.scenario import (
    Bill,
    Problem,
    bill,
    broken,
    by_bidder,
    cost_between,
    gap_of,
    is_apart,
)
from rfq.scenarios.messages import Found, PricedConstraint, Solution
from rfq.scenarios.reading import Prepared
from rfq.scenarios.schemas import (
    ConstraintCost,
    GrantedCondition,
    ScenarioAward,
    ScenarioResult,
    ScenarioSupplier,
)


class WrongSolution(Exception):
    """What was found is no award of all parts, or breaks a constraint."""


def checked(problem: Problem, solution: Solution) -> Bill:
    """Reckon exactly what a solution costs; raises WrongSolution where it is none."""
    if solution.allocation.keys() != problem.lot_of.keys():
        raise WrongSolution("not all parts are awarded")
    if any(place not in problem.by_place for place in solution.allocation.items()):
        raise WrongSolution("something is awarded that was not offered")
    if not is_apart(problem, solution.allocation):
        raise WrongSolution("a bidder has two shares of one lot")
    if breaks := broken(problem, solution.allocation):
        raise WrongSolution(f"{breaks[0].name} is broken")
    return bill(problem, solution.allocation)


def result_of(prepared: Prepared, found: Found, names: Mapping[UUID, str]) -> ScenarioResult:
    """Write down what came out; raises WrongSolution."""
    problem, solution = prepared.problem, found.solution
    made = checked(problem, solution) if solution.allocation else None
    total = None if made is None else made.total
    bound = None if total is None else min(solution.bound, total)
    gap = None if total is None or bound is None else f"{gap_of(total, bound):f}"
    return ScenarioResult(
        outcome=solution.outcome,
        solver=found.solver,
        seconds=f"{solution.seconds:.2f}",
        total=None if total is None else shown(problem, total),
        bound=None if bound is None else shown(problem, bound),
        gap_percent=gap,
        awards=[] if made is None else _awards(prepared, solution, made),
        suppliers=[] if made is None else _suppliers(problem, solution, made, names),
        granted=[] if made is None else _granted(problem, made),
        constraints=[_cost(problem, solution, total, each, names) for each in found.priced],
        conflict=list(found.conflict),
        conflict_proven=found.proven,
        left_out=list(prepared.left_out),
    )


def shown(problem: Problem, amount: int) -> str:
    """Show an amount of minor units in the currency's own."""
    return shown_amount(problem.major(amount), problem.currency)


def _awards(prepared: Prepared, solution: Solution, made: Bill) -> list[ScenarioAward]:
    problem = prepared.problem
    awards = []
    for part in problem.parts:
        bidder = solution.allocation[part.id]
        offer = problem.by_place[part.id, bidder]
        awards.append(
            ScenarioAward(
                lot_id=part.lot_id,
                line_id=None if part.id == part.lot_id or part.place is not None else part.id,
                bid_id=prepared.bids[part.id, bidder],
                supplier_id=bidder,
                rank=offer.rank,
                offered=shown(problem, offer.amount),
                amount=shown(problem, made.amounts[part.id]),
                share_rank=None if part.place is None else part.place + 1,
            )
        )
    return awards


def _suppliers(
    problem: Problem, solution: Solution, made: Bill, names: Mapping[UUID, str]
) -> list[ScenarioSupplier]:
    paid = by_bidder(solution.allocation, made)
    won = list(solution.allocation.values())
    return [
        ScenarioSupplier(
            supplier_id=bidder,
            name=names.get(bidder, ""),
            parts=won.count(bidder),
            amount=shown(problem, amount),
            share=percent_of(amount, made.total),
        )
        for bidder, amount in sorted(paid.items(), key=lambda each: (-each[1], each[0]))
    ]


def percent_of(amount: int, whole: int) -> str:
    """Show how many percent of a whole an amount is, to two places."""
    exact = Fraction(100 * amount, whole) if whole else Fraction(0)
    places = Decimal(exact.numerator) / Decimal(exact.denominator)
    return f"{places.quantize(Decimal('0.01'), ROUND_HALF_UP):f}"


def _granted(problem: Problem, made: Bill) -> list[GrantedCondition]:
    return [
        GrantedCondition(
            supplier_id=each.bidder,
            condition=each.place,
            percent=f"{each.percent:f}",
            off=shown(problem, sum(each.off.values())),
        )
        for each in made.granted
    ]


def _cost(
    problem: Problem,
    solution: Solution,
    total: int | None,
    priced: PricedConstraint,
    names: Mapping[UUID, str],
) -> ConstraintCost:
    words = next(each.words for each in problem.constraints if each.name == priced.name)
    for bidder, name in names.items():
        words = words.replace(str(bidder), name)
    without = priced.solution
    if total is None or not without.allocation:
        return ConstraintCost(
            name=priced.name,
            words=words,
            outcome=without.outcome,
            total_without=None,
            cost=None,
            at_least=None,
            at_most=None,
        )
    cost = checked(problem.without([priced.name]), without).total
    least, most = cost_between(total, solution.bound, cost, min(without.bound, cost))
    return ConstraintCost(
        name=priced.name,
        words=words,
        outcome=without.outcome,
        total_without=shown(problem, cost),
        # Within the gap an award without it may have been found that costs more.
        cost=shown(problem, max(0, total - cost)),
        at_least=shown(problem, least),
        at_most=shown(problem, most),
    )
