"""Small problems to solve, and all their awards tried one by one."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product
from uuid import UUID

from hypothesis import strategies as st

from rfq.rules.conditions import Conditions, Package, VolumeDiscount
from rfq.rules.scenario import (
    AtLeastShare,
    AtMostPerLot,
    AtMostShare,
    AtMostSuppliers,
    Constraint,
    KeepsParts,
    Part,
    Priced,
    Problem,
    RankedAtMost,
    Rule,
    Without,
    bill,
    broken,
    share_part,
)

ACME, BOLT, COIL = BIDDERS = tuple(UUID(int=n) for n in (11, 12, 13))


def problem(
    amounts: Sequence[Sequence[int | None]],
    *rules: Rule,
    lots: Sequence[int] | None = None,
    shared: bool = False,
    conditions: dict[UUID, Conditions] | None = None,
) -> Problem:
    """A row of amounts in cents for each part, one for each bidder; None where he does not bid.

    `lots` tells the lot of each part, which is a line or, where `shared`, a share.
    """
    lot_ids = [UUID(int=100 + n) for n in lots or range(len(amounts))]
    parts = tuple(
        Part(lot_ids[n] if lots is None else UUID(int=200 + n), lot_ids[n])
        for n in range(len(amounts))
    )
    if shared:
        places = [lot_ids[:n].count(lot_id) for n, lot_id in enumerate(lot_ids)]
        parts = tuple(map(share_part, lot_ids, places))
    offers = []
    for part, row in zip(parts, amounts, strict=True):
        ranked = sorted(
            (amount, bidder)
            for amount, bidder in zip(row, BIDDERS, strict=False)
            if amount is not None
        )
        offers += [
            Priced(part.id, bidder, amount, rank)
            for rank, (amount, bidder) in enumerate(ranked, start=1)
        ]
    constraints = tuple(Constraint(f"c{n}", "", rule) for n, rule in enumerate(rules))
    return Problem(
        currency="EUR",
        digits=2,
        parts=parts,
        offers=tuple(offers),
        conditions=conditions or {},
        constraints=constraints,
    )


def package(percent: str, *lots: int) -> Package:
    ids = tuple(UUID(int=100 + lot) for lot in lots)
    return Package(lot_ids=ids, percent=Decimal(percent))


def volume(from_amount: str, percent: str) -> VolumeDiscount:
    return VolumeDiscount(from_amount=Decimal(from_amount), percent=Decimal(percent))


def awards(of: Problem) -> Iterator[dict[UUID, UUID]]:
    """Every way to give each part to one who offered it, and nobody two shares of a lot."""
    bidders = [[o.bidder for o in of.offers if o.part_id == part.id] for part in of.parts]
    for chosen in product(*bidders):
        shares = [
            (part.lot_id, bidder)
            for part, bidder in zip(of.parts, chosen, strict=True)
            if part.place is not None
        ]
        if len(set(shares)) == len(shares):
            yield {part.id: bidder for part, bidder in zip(of.parts, chosen, strict=True)}


def cheapest(of: Problem) -> int | None:
    """What the cheapest award costs that keeps all constraints, found by trying all."""
    return min((bill(of, each).total for each in awards(of) if not broken(of, each)), default=None)


def _percents(least: int, most: int) -> st.SearchStrategy[Decimal]:
    return st.integers(least * 100, most * 100).map(lambda n: Decimal(n).scaleb(-2))


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Up to five parts and three bidders, with conditions and constraints of all kinds."""
    count = draw(st.integers(1, 5))
    amount = st.integers(1, 100_000)
    amounts = [
        [draw(amount), *(draw(st.none() | amount) for _ in BIDDERS[1:])] for _ in range(count)
    ]
    lots = draw(st.none() | st.just([n // 2 for n in range(count)]))
    shared = lots is not None and draw(st.booleans())
    if shared:
        # Whoever prices one share of a lot prices all, and there are no more shares than bidders.
        amounts = [
            [None if first is None else draw(amount) for first in amounts[n // 2 * 2]]
            for n in range(count)
        ]
        for row in amounts:
            row[1] = row[1] or draw(amount)
    made = problem(amounts, lots=lots, shared=shared)
    conditions = {}
    for bidder in BIDDERS:
        packages = draw(
            st.lists(
                st.tuples(
                    st.sets(st.sampled_from(sorted(made.parts_of_lots)), min_size=2, max_size=3),
                    _percents(1, 30),
                ),
                max_size=2,
            )
            if len(made.parts_of_lots) > 1
            else st.just([])
        )
        starts = sorted(draw(st.sets(st.integers(1, 3_000), max_size=2)))
        percents = sorted(draw(st.sets(_percents(1, 30), min_size=2, max_size=2)))
        conditions[bidder] = Conditions(
            packages=tuple(
                Package(lot_ids=tuple(sorted(lot_ids)), percent=percent)
                for lot_ids, percent in packages
            ),
            volume=tuple(
                VolumeDiscount(from_amount=Decimal(start), percent=percent)
                for start, percent in zip(starts, percents, strict=False)
            ),
        )
    rule = st.one_of(
        st.builds(AtMostSuppliers, st.integers(1, 3)),
        st.builds(AtMostPerLot, st.integers(1, 2)),
        st.builds(AtMostShare, _percents(20, 90)),
        st.builds(
            AtLeastShare, st.frozensets(st.sampled_from(BIDDERS), min_size=1), _percents(1, 70)
        ),
        st.builds(
            KeepsParts,
            st.sampled_from(BIDDERS),
            _percents(1, 100),
            st.frozensets(st.sampled_from([part.id for part in made.parts]), min_size=1),
        ),
        st.builds(RankedAtMost, st.integers(1, 3)),
        st.builds(Without, st.frozensets(st.sampled_from(BIDDERS), min_size=1, max_size=2)),
    )
    rules = draw(st.lists(rule, max_size=3))
    return problem(amounts, *rules, lots=lots, shared=shared, conditions=conditions)
