"""A scenario as a mixed-integer program, in whole minor units.

    minimise    Σ amount·x − Σ off·y − Σ off·w
    subject to  Σ_bidders x[part] = 1, Σ_shares x[lot, bidder] ≤ 1 where lots are divided by shares,
                and a row or more for each constraint

`x` is one where a bidder gets a part. `z` is one where he reaches a volume discount, and `y` is
x·z, so that exactly the reached one counts; `w` is one where a package counts, as `complete` says.
What a constraint on shares needs to be linear are columns of what each bidder is paid.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final
from uuid import UUID

from rfq.rules.conditions import Conditions, Package, discount
from rfq.rules.scenario import (
    HUNDRED,
    AtLeastShare,
    AtMostPerLot,
    AtMostShare,
    AtMostSuppliers,
    KeepsParts,
    Priced,
    Problem,
    RankedAtMost,
    Rule,
    Without,
    from_minor,
    parts_kept,
)

UNBOUNDED: Final = None
Terms = list[tuple[int, int | Fraction]]
"""Columns with their factors."""
Granted = Mapping[UUID, int]
"""Which volume discount each bidder reaches, of those he can; no other bidder reaches any."""


class Form(StrEnum):
    """How volume discounts are written; each says the same of whole numbers."""

    TIGHT = "tight"
    """A column for each part and discount: many, but the bound is close. Least cost takes every
    discount by itself, unless a share is kept only by refusing one."""
    FORCED = "forced"
    """Tight, and none can be refused: still more rows."""


@dataclass(slots=True)
class Column:
    """A variable: whole numbers from 0 to `upper`, or what lies between; `cost` in minor units.

    One in `money` is counted in minor units itself.
    """

    cost: int = 0
    upper: int | None = 1
    whole: bool = True
    money: bool = False


@dataclass(slots=True)
class Row:
    """`lower` ≤ Σ factor·column ≤ `upper`; one in `money` is in minor units."""

    terms: Terms
    lower: int | Fraction | None
    upper: int | Fraction | None
    money: bool = False


@dataclass(slots=True)
class Model:
    """Columns and rows; the first columns are the offers of the problem, in their order."""

    columns: list[Column] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    reached: dict[UUID, list[int]] = field(default_factory=dict)
    """The columns of the volume discounts that each bidder can reach."""
    scale: int = 1
    """What money is worth in the problem: the cheapest offers of all parts together."""

    def column(self, column: Column) -> int:
        """Add a column; give its number."""
        self.columns.append(column)
        return len(self.columns) - 1

    def row(
        self,
        terms: Terms,
        lower: int | Fraction | None,
        upper: int | Fraction | None,
        *,
        money: bool = False,
    ) -> None:
        """Add a row; a column that is named twice counts with both factors."""
        merged: dict[int, int | Fraction] = {}
        for column, factor in terms:
            merged[column] = merged.get(column, 0) + factor
        self.rows.append(Row(list(merged.items()), lower, upper, money))


def build(
    problem: Problem,
    *,
    margin: int = 0,
    form: Form = Form.TIGHT,
    granted: Granted | None = None,
) -> Model:
    """Write a problem as a program; shares are kept with `margin` minor units to spare.

    With `granted` it is decided which volume discounts are reached: what is left is small.
    """
    model = Model()
    for offer in problem.offers:
        model.column(Column(cost=offer.amount))
    by_part: dict[UUID, list[int]] = {}
    for number, offer in enumerate(problem.offers):
        by_part.setdefault(offer.part_id, []).append(number)
    for numbers in by_part.values():
        model.row([(number, 1) for number in numbers], 1, 1)
    cheapest = (min(problem.offers[n].amount for n in numbers) for numbers in by_part.values())
    model.scale = max(1, sum(cheapest))
    builder = _Builder(problem, model, form, granted)
    builder.keep_apart()
    for bidder, conditions in problem.conditions.items():
        builder.add_conditions(bidder, conditions)
    for constraint in problem.constraints:
        builder.add(constraint.rule, margin)
    return model


class _Builder:
    """Adds conditions and constraints to a model whose offers are there."""

    def __init__(self, problem: Problem, model: Model, form: Form, granted: Granted | None) -> None:
        self.problem = problem
        self.form = form
        self.granted = granted
        self.model = model
        self.offers: dict[UUID, list[tuple[int, Priced]]] = {}
        for number, offer in enumerate(problem.offers):
            self.offers.setdefault(offer.bidder, []).append((number, offer))
        self.off: dict[UUID, Terms] = {}
        self.paid: dict[UUID, int] = {}
        self.total = -1

    def keep_apart(self) -> None:
        """Give no bidder two shares of a lot."""
        lot_of, shared = self.problem.lot_of, self.problem.shared_lots
        for offers in self.offers.values():
            theirs: dict[UUID, Terms] = {}
            for number, offer in offers:
                lot_id = lot_of[offer.part_id]
                if lot_id in shared:
                    theirs.setdefault(lot_id, []).append((number, 1))
            for terms in theirs.values():
                if len(terms) > 1:
                    self.model.row(terms, UNBOUNDED, 1)

    def add_conditions(self, bidder: UUID, conditions: Conditions) -> None:
        own = [(number, offer) for number, offer in self.offers.get(bidder, ()) if offer.own]
        self._add_packages(bidder, conditions, own)
        self._add_volume(bidder, conditions, own)

    def _add_packages(
        self, bidder: UUID, conditions: Conditions, own: Sequence[tuple[int, Priced]]
    ) -> None:
        numbers = {offer.part_id: number for number, offer in own}
        amounts = {offer.part_id: offer.amount for _, offer in own}
        counted: list[tuple[int, frozenset[UUID]]] = []
        for package in conditions.packages:
            lots = frozenset(package.lot_ids)
            parts = self._parts_of(lots)
            if parts is None or not parts <= numbers.keys():
                continue
            off = sum(discount(amounts[part], package.percent) for part in parts)
            w = self.model.column(Column(cost=-off))
            self.off.setdefault(bidder, []).append((w, off))
            before = [column for column, other in counted if other & lots]
            for part in parts:
                self.model.row([(w, 1), (numbers[part], -1)], UNBOUNDED, 0)
            for other in before:
                self.model.row([(w, 1), (other, 1)], UNBOUNDED, 1)
            counted.append((w, lots))
            if before or self.form is Form.FORCED or self._overlaps(package, conditions):
                # It counts where all parts are his, unless one that was named before it counts.
                forced: Terms = [(w, 1), *((other, 1) for other in before)]
                forced += [(numbers[part], -1) for part in parts]
                self.model.row(forced, 1 - len(parts), UNBOUNDED)

    @staticmethod
    def _overlaps(package: Package, conditions: Conditions) -> bool:
        lots = set(package.lot_ids)
        return any(each is not package and lots & set(each.lot_ids) for each in conditions.packages)

    def _parts_of(self, lots: frozenset[UUID]) -> frozenset[UUID] | None:
        known = self.problem.parts_of_lots
        if not lots <= known.keys():
            return None
        return frozenset(part for lot_id in lots for part in known[lot_id])

    def _add_volume(
        self, bidder: UUID, conditions: Conditions, own: Sequence[tuple[int, Priced]]
    ) -> None:
        most = sum(offer.amount for _, offer in own)
        starts = [from_minor(self.problem, each.from_amount) for each in conditions.volume]
        tiers = [(z, each) for z, each in zip(starts, conditions.volume, strict=True) if z <= most]
        if not tiers:
            return
        if self.granted is not None:
            place = self.granted.get(bidder)
            if place is not None:
                start, each = tiers[place]
                self._fix_volume(bidder, own, start, each.percent)
            return
        model = self.model
        reached = [model.column(Column()) for _ in tiers]
        model.reached[bidder] = reached
        model.row([(z, 1) for z in reached], UNBOUNDED, 1)
        split: dict[int, Terms] = {number: [(number, -1)] for number, _ in own}
        for z, (start, each) in zip(reached, tiers, strict=True):
            value: Terms = []
            for number, offer in own:
                off = discount(offer.amount, each.percent)
                y = model.column(Column(cost=-off, whole=False))
                model.row([(y, 1), (z, -1)], UNBOUNDED, 0)
                split[number].append((y, 1))
                value.append((y, offer.amount))
                self.off.setdefault(bidder, []).append((y, off))
            model.row([*value, (z, -start)], 0, UNBOUNDED, money=True)
        for terms in split.values():
            model.row(terms, UNBOUNDED, 0)
        if self.form is Form.FORCED:
            self._force_volume(own, reached, split, [start for start, _ in tiers])

    def _fix_volume(
        self, bidder: UUID, own: Sequence[tuple[int, Priced]], start: int, percent: Decimal
    ) -> None:
        """Grant one volume discount, and hold all that is his at or above its start."""
        for number, offer in own:
            off = discount(offer.amount, percent)
            self.model.columns[number].cost -= off
            self.off.setdefault(bidder, []).append((number, off))
        value: Terms = [(number, offer.amount) for number, offer in own]
        self.model.row(value, start, UNBOUNDED, money=True)

    def _force_volume(
        self,
        own: Sequence[tuple[int, Priced]],
        reached: Sequence[int],
        split: Mapping[int, Terms],
        starts: Sequence[int],
    ) -> None:
        """Let a discount count wherever it is reached: all that is his stays below the next."""
        model = self.model
        for terms in split.values():
            # Nothing is left undiscounted unless no discount counts.
            model.row([*terms, *((z, -1) for z in reached)], -1, UNBOUNDED)
        most = sum(offer.amount for _, offer in own)
        value: Terms = [(number, offer.amount) for number, offer in own]
        for place, start in enumerate(starts):
            beyond = [(z, start - 1 - most) for z in reached[place:]]
            model.row([*value, *beyond], UNBOUNDED, start - 1, money=True)

    def add(self, rule: Rule, margin: int) -> None:
        """Add a constraint."""
        match rule:
            case AtMostSuppliers():
                self._at_most(None, rule.count)
            case AtMostPerLot():
                lots = self.problem.parts_of_lots
                self._at_most((lot for lot in lots if len(lots[lot]) > 1), rule.count)
            case AtMostShare():
                self._know_paid()
                for paid in self.paid.values():
                    self._share([paid], -1, rule.percent, margin)
            case AtLeastShare():
                self._know_paid()
                theirs = [self.paid[b] for b in sorted(rule.bidders) if b in self.paid]
                self._share(theirs, 1, rule.percent, margin)
            case KeepsParts():
                numbers = [
                    n for n, o in self.offers.get(rule.bidder, ()) if o.part_id in rule.parts
                ]
                self.model.row([(n, 1) for n in numbers], parts_kept(rule), UNBOUNDED)
            case RankedAtMost():
                self._forbid(n for n, o in enumerate(self.problem.offers) if o.rank > rule.rank)
            case Without():
                for bidder in rule.bidders:
                    self._forbid(number for number, _ in self.offers.get(bidder, ()))

    def _forbid(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.model.columns[number].upper = 0

    def _at_most(self, lots: Iterable[UUID] | None, count: int) -> None:
        """Let no more than `count` bidders get anything of each lot, or of all (None)."""
        groups: dict[UUID | None, dict[UUID, list[int]]] = {}
        wanted = None if lots is None else set(lots)
        for number, offer in enumerate(self.problem.offers):
            lot_id = None if wanted is None else self.problem.lot_of[offer.part_id]
            if wanted is None or lot_id in wanted:
                groups.setdefault(lot_id, {}).setdefault(offer.bidder, []).append(number)
        for bidders in groups.values():
            used: Terms = []
            for numbers in bidders.values():
                u = self.model.column(Column())
                used.append((u, 1))
                for number in numbers:
                    self.model.row([(number, 1), (u, -1)], UNBOUNDED, 0)
            self.model.row(used, UNBOUNDED, count)

    def _know_paid(self) -> None:
        """Add what each bidder is paid, and all together, as columns; once."""
        if self.total >= 0:
            return
        model = self.model
        for bidder, offers in self.offers.items():
            paid = model.column(Column(upper=None, whole=False, money=True))
            terms: Terms = [(number, offer.amount) for number, offer in offers]
            terms += [(column, -off) for column, off in self.off.get(bidder, ())]
            model.row([*terms, (paid, -1)], 0, 0, money=True)
            self.paid[bidder] = paid
        self.total = model.column(Column(upper=None, whole=False, money=True))
        model.row([*((p, 1) for p in self.paid.values()), (self.total, -1)], 0, 0, money=True)

    def _share(self, paid: Sequence[int], sign: int, percent: Decimal, margin: int) -> None:
        """Hold sign·(paid - share·total) at or above the margin."""
        share = Fraction(percent) / HUNDRED
        terms: Terms = [(column, sign) for column in paid]
        self.model.row([*terms, (self.total, -sign * share)], margin, UNBOUNDED, money=True)
