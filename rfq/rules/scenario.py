"""Scenarios: which bidder gets which part of a procedure, under constraints of the buyer's.

A part is what goes to one bidder: a lot, a line where lots are divided by line, or a share where
they are divided by shares, of which nobody gets two in one lot. Amounts are whole numbers of the
currency's minor unit. A solver proposes an allocation; what it costs, and
whether it keeps each constraint, is reckoned here in integers from the offers alone, whatever the
solver's floating-point numbers said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Final
from uuid import UUID, uuid5

import msgspec

from marketplace.kernel.money import EXACT
from rfq.rules.conditions import Conditions, complete, discount, reached

HUNDRED: Final = 100

Allocation = Mapping[UUID, UUID]
"""Which bidder gets which part."""


class AtMostSuppliers(msgspec.Struct, frozen=True, tag=True):
    """No more than `count` bidders in all."""

    count: int


class AtMostPerLot(msgspec.Struct, frozen=True, tag=True):
    """No more than `count` bidders in any one lot."""

    count: int


class AtMostShare(msgspec.Struct, frozen=True, tag=True):
    """No bidder gets more than `percent` of all that is paid."""

    percent: Decimal


class AtLeastShare(msgspec.Struct, frozen=True, tag=True):
    """These bidders together get at least `percent` of all that is paid."""

    bidders: frozenset[UUID]
    percent: Decimal


class KeepsParts(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """A bidder gets at least `percent` of these parts, counted and rounded up.

    Where nobody can get them all, `of` is how many there are to count: lots, of which parts are
    shares.
    """

    bidder: UUID
    percent: Decimal
    parts: frozenset[UUID]
    of: int | None = None


class RankedAtMost(msgspec.Struct, frozen=True, tag=True):
    """Each part goes to one of the first `rank` of its lot's ranking."""

    rank: int


class Without(msgspec.Struct, frozen=True, tag=True):
    """These bidders get nothing."""

    bidders: frozenset[UUID]


Rule = (
    AtMostSuppliers
    | AtMostPerLot
    | AtMostShare
    | AtLeastShare
    | KeepsParts
    | RankedAtMost
    | Without
)


class Constraint(msgspec.Struct, frozen=True):
    """A rule with the name it has in the scenario, and what it asks in words."""

    name: str
    words: str
    rule: Rule


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """What goes to one bidder; of a lot that is not divided `id` is the lot's.

    `place` is that of a share among the lot's, from 0 on.
    """

    id: UUID
    lot_id: UUID
    place: int | None = None


def share_part(lot_id: UUID, place: int) -> Part:
    """Give the part that is a share of a lot; its id follows from lot and place."""
    return Part(uuid5(lot_id, f"share/{place}"), lot_id, place)


class Priced(msgspec.Struct, frozen=True):
    """One bidder's offer for one part: minor units, and his rank in the lot.

    `own` is the price of his sealed bid, the only one that his conditions are for.
    """

    part_id: UUID
    bidder: UUID
    amount: int
    rank: int
    own: bool = True


class Problem(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """All there is to decide: parts that somebody offered, offers, conditions, constraints.

    `digits` are the decimal places of the currency.
    """

    currency: str
    digits: int
    parts: tuple[Part, ...]
    offers: tuple[Priced, ...]
    conditions: Mapping[UUID, Conditions]
    constraints: tuple[Constraint, ...]

    @cached_property
    def by_place(self) -> Mapping[tuple[UUID, UUID], Priced]:
        """Give the offers by part and bidder."""
        return {(offer.part_id, offer.bidder): offer for offer in self.offers}

    @cached_property
    def parts_of_lots(self) -> Mapping[UUID, frozenset[UUID]]:
        """Give the parts of each lot."""
        lots: dict[UUID, set[UUID]] = {}
        for part in self.parts:
            lots.setdefault(part.lot_id, set()).add(part.id)
        return {lot_id: frozenset(parts) for lot_id, parts in lots.items()}

    @cached_property
    def lot_of(self) -> Mapping[UUID, UUID]:
        """Give the lot of each part."""
        return {part.id: part.lot_id for part in self.parts}

    @cached_property
    def shared_lots(self) -> Mapping[UUID, frozenset[UUID]]:
        """Give the parts of each lot that is divided by shares."""
        shared = {part.lot_id for part in self.parts if part.place is not None}
        return {lot_id: self.parts_of_lots[lot_id] for lot_id in shared}

    def without(self, names: Iterable[str]) -> "Problem":
        """Give the problem without some of its constraints."""
        left_out = set(names)
        kept = tuple(each for each in self.constraints if each.name not in left_out)
        return msgspec.structs.replace(self, constraints=kept)

    def major(self, amount: int) -> Decimal:
        """Give an amount in the currency's own unit."""
        return Decimal(amount).scaleb(-self.digits, context=EXACT)


@dataclass(frozen=True, slots=True)
class Granted:
    """A condition that counts: which of a bidder's, and what it takes off which parts."""

    bidder: UUID
    place: str
    percent: Decimal
    off: Mapping[UUID, int]


@dataclass(frozen=True, slots=True)
class Bill:
    """What an allocation costs, exactly: the amount of each part, and the conditions that count."""

    amounts: Mapping[UUID, int]
    granted: tuple[Granted, ...]

    @property
    def total(self) -> int:
        """What is paid in all."""
        return sum(self.amounts.values())


def bill(problem: Problem, allocation: Allocation) -> Bill:
    """Reckon what an allocation of all parts costs; raises KeyError for what was not offered."""
    amounts = {part: problem.by_place[part, bidder].amount for part, bidder in allocation.items()}
    granted = [
        each
        for bidder, conditions in problem.conditions.items()
        for each in _granted(problem, allocation, bidder, conditions)
    ]
    for each in granted:
        for part, off in each.off.items():
            amounts[part] -= off
    return Bill(amounts, tuple(granted))


def _granted(
    problem: Problem, allocation: Allocation, bidder: UUID, conditions: Conditions
) -> Iterable[Granted]:
    own = {
        part: problem.by_place[part, bidder].amount
        for part, winner in allocation.items()
        if winner == bidder and problem.by_place[part, bidder].own
    }
    lots = frozenset(
        lot_id for lot_id, parts in problem.parts_of_lots.items() if parts <= own.keys()
    )
    for place in complete(conditions.packages, lots):
        package = conditions.packages[place]
        parts = (part for lot_id in package.lot_ids for part in problem.parts_of_lots[lot_id])
        off = {part: discount(own[part], package.percent) for part in parts}
        yield Granted(bidder, f"packages/{place}", package.percent, off)
    tier = reached(conditions.volume, problem.major(sum(own.values())))
    if tier is not None:
        percent = conditions.volume[tier].percent
        off = {part: discount(amount, percent) for part, amount in own.items()}
        yield Granted(bidder, f"volume/{tier}", percent, off)


def from_minor(problem: Problem, amount: Decimal) -> int:
    """Give the least whole number of minor units that reaches an amount."""
    return int(amount.scaleb(problem.digits, context=EXACT).to_integral_value(ROUND_CEILING))


def parts_kept(rule: KeepsParts) -> int:
    """Give how many parts a bidder has to get: the percentage, rounded up."""
    count = len(rule.parts) if rule.of is None else rule.of
    return -(-Fraction(rule.percent) * count // HUNDRED)


def is_apart(problem: Problem, allocation: Allocation) -> bool:
    """Tell whether the shares of each lot go to bidders of their own."""
    return all(
        len({allocation[part] for part in parts}) == len(parts)
        for parts in problem.shared_lots.values()
    )


def is_kept(  # noqa: PLR0911 - one answer per rule
    problem: Problem, rule: Rule, allocation: Allocation, amounts: Bill
) -> bool:
    """Tell exactly whether an allocation keeps a rule."""
    match rule:
        case AtMostSuppliers():
            return len(set(allocation.values())) <= rule.count
        case AtMostPerLot():
            return all(
                len({allocation[part] for part in parts}) <= rule.count
                for parts in problem.parts_of_lots.values()
            )
        case AtMostShare():
            most = Fraction(rule.percent) * amounts.total
            return all(HUNDRED * paid <= most for paid in by_bidder(allocation, amounts).values())
        case AtLeastShare():
            paid = sum(
                amounts.amounts[part]
                for part, bidder in allocation.items()
                if bidder in rule.bidders
            )
            return HUNDRED * paid >= Fraction(rule.percent) * amounts.total
        case KeepsParts():
            kept = sum(allocation[part] == rule.bidder for part in rule.parts)
            return kept >= parts_kept(rule)
        case RankedAtMost():
            return all(
                problem.by_place[part, bidder].rank <= rule.rank
                for part, bidder in allocation.items()
            )
        case Without():
            return rule.bidders.isdisjoint(allocation.values())


def by_bidder(allocation: Allocation, amounts: Bill) -> dict[UUID, int]:
    """Give what each bidder is paid."""
    paid: dict[UUID, int] = {}
    for part, bidder in allocation.items():
        paid[bidder] = paid.get(bidder, 0) + amounts.amounts[part]
    return paid


def broken(problem: Problem, allocation: Allocation) -> list[Constraint]:
    """Give the constraints that an allocation of all parts does not keep, exactly."""
    amounts = bill(problem, allocation)
    return [
        each for each in problem.constraints if not is_kept(problem, each.rule, allocation, amounts)
    ]


def holds(problem: Problem, allocation: Allocation) -> bool:
    """Tell exactly whether an allocation of all parts is an award that keeps every constraint."""
    return is_apart(problem, allocation) and not broken(problem, allocation)


def gap_of(cost: int, bound: int) -> Decimal:
    """Give by how many percent of itself a cost may lie above the least, rounded up to 4 places."""
    if cost <= 0 or bound >= cost:
        return Decimal(0)
    steps = -(-(cost - max(bound, 0)) * 1_000_000 // cost)
    return Decimal(steps).scaleb(-4)


def cost_between(cost: int, bound: int, cost_without: int, bound_without: int) -> tuple[int, int]:
    """Give the least and the most that a constraint can cost.

    What is least possible lies between bound and cost, with the constraint and without it.
    """
    return max(0, bound - cost_without), max(0, cost - bound_without)


def unanswered(parts: Sequence[Part], offers: Sequence[Priced]) -> list[Part]:
    """Give the parts that nobody can be awarded."""
    offered = {offer.part_id for offer in offers}
    return [part for part in parts if part.id not in offered]
