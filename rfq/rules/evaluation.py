"""Evaluation: what a bid costs, what it is worth, and who stands where.

A lot's total is the sum of its rounded line amounts, the figure an invoice over the asked
quantities would show. What an offer is ranked by follows from the offer and the terms alone, in
exact fractions; the order is total: ties go to the earlier submission, then to the lesser
commitment, so that two runs never differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final as Constant
from uuid import UUID

from marketplace.contracts.terms import LineTerms, completed
from marketplace.kernel.money import Money, line_amount, total
from rfq.rules.bid import Bid
from rfq.rules.criteria import LOWEST_PRICE, Criterion, CriterionKind, Judging, Method
from rfq.rules.currencies import Exchange
from rfq.rules.procedure import Line, Lot
from rfq.rules.variants import OpenedVariant


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One asked line with one bidder's price: `unit_amount` per `basis` of the line's unit.

    `terms` are those asked, completed by those offered. `quoted` is the price as it was bid in
    another currency, and how it was converted.
    """

    line: Line
    unit_amount: Decimal
    basis: Decimal
    currency: str
    sku: str | None = None
    terms: LineTerms | None = None
    quoted: tuple[Decimal, Exchange] | None = None

    @property
    def amount(self) -> Money:
        """Quantity × unit amount ÷ basis, rounded once."""
        return line_amount(self.line.quantity, self.unit_amount, self.basis, self.currency)


@dataclass(frozen=True, slots=True)
class Offer:
    """What one opened bid offers for one lot; `lines` in the lot's order, never empty.

    `left_out` counts the lines of the lot that it does not price; then its total is not the lot's.
    A main bid is no `variant`.
    """

    bid_id: UUID
    bidder_id: UUID
    submitted_at: datetime
    commitment: bytes
    lines: tuple[PricedLine, ...]
    binds_until: datetime | None = None
    left_out: int = 0
    variant: OpenedVariant | None = None

    @property
    def total(self) -> Money:
        """The sum of the line amounts."""
        return total([line.amount for line in self.lines], self.lines[0].currency)


Place = tuple[UUID, UUID | None, UUID]
"""What a mark is for: the bid, the lot (None: all its lots), and the criterion."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the panel gives in one place; `given` is who gave what, `agreed` in consensus."""

    value: Fraction
    given: tuple[tuple[UUID, Decimal], ...] = ()
    agreed: bool = False


Marks = Mapping[Place, Mark]
NOTHING: Constant = Fraction(0)
ALL: Constant = Fraction(1)


@dataclass(frozen=True, slots=True)
class Part:
    """What one criterion gives an offer: `share` of the full points, and what failed, in words."""

    criterion: Criterion
    share: Fraction
    mark: Mark | None
    failure: str | None = None

    @property
    def points(self) -> Fraction:
        """The weighted points, of 100 in all."""
        return Fraction(self.criterion.weight) * self.share


@dataclass(frozen=True, slots=True)
class Standing:
    """An offer with its place, counted from 1, the amount it was judged at, and what decided.

    `score` is what it is ranked by: points (most first), or the price as it compares (least first).
    """

    rank: int
    offer: Offer
    total: Money
    score: Fraction
    parts: tuple[Part, ...] = ()

    @property
    def failures(self) -> tuple[str, ...]:
        """Why it cannot win by its marks; empty where it can."""
        return tuple(part.failure for part in self.parts if part.failure is not None)


def lot_lines(lot: Lot, bid: Bid, exchange: Exchange | None = None) -> tuple[PricedLine, ...]:
    """Give the lot's lines with the bid's prices; none if the bid leaves the lot out.

    The prices of a bid in another currency are converted by `exchange`.
    """
    prices = bid.priced(lot)
    return tuple(
        PricedLine(
            line,
            price.unit_amount if exchange is None else exchange.unit_price(price.unit_amount),
            price.basis,
            bid.currency if exchange is None else exchange.base,
            price.sku,
            completed(line.terms, price.terms),
            None if exchange is None else (price.unit_amount, exchange),
        )
        for line in lot.lines
        if (price := prices.get(line.id)) is not None
    )


def ranked(offers: Iterable[Offer]) -> tuple[Standing, ...]:
    """Rank the offers for one lot: least total, then earliest, then least commitment."""
    return ordered(Method.LOWEST_PRICE, (judged(LOWEST_PRICE, None, offer) for offer in offers))


def judged(
    judging: Judging,
    lot_id: UUID | None,
    offer: Offer,
    marks: Marks | None = None,
    amount: Money | None = None,
) -> Standing:
    """Judge an offer for one lot, at its own total or at the `amount` reached in an auction.

    Looks at nothing but this offer, its marks and the terms. Raises KeyError for a missing mark.
    """
    cost = offer.total if amount is None else amount
    price = Fraction(cost.amount)
    criteria = () if lot_id is None else judging.of_lot(lot_id)
    parts = tuple(
        _priced(judging.method, each, price)
        if each.kind is CriterionKind.PRICE
        else _marked(each, (marks or {})[offer.bid_id, each.judged_in(lot_id), each.id])
        for each in criteria
        if lot_id is not None
    )
    return Standing(0, offer, cost, _score(judging.method, price, parts), parts)


def failures(
    judging: Judging, lot_id: UUID, bid_id: UUID, marks: Mapping[Place, Mark]
) -> tuple[str, ...]:
    """Say why a bid cannot win a lot by its marks, before anybody knows its price."""
    parts = (
        _marked(each, marks[bid_id, each.judged_in(lot_id), each.id])
        for each in judging.of_lot(lot_id)
        if each.kind is not CriterionKind.PRICE
    )
    return tuple(part.failure for part in parts if part.failure is not None)


def _priced(method: Method, criterion: Criterion, price: Fraction) -> Part:
    if method is not Method.POINTS or criterion.reference is None:
        return Part(criterion, NOTHING, None)
    reference, full = Fraction(criterion.reference), Fraction(criterion.full_points_at)
    share = (reference - price) / (reference - full)
    return Part(criterion, min(max(share, NOTHING), ALL), None)


def _marked(criterion: Criterion, mark: Mark) -> Part:
    if criterion.kind is CriterionKind.GATE:
        # More than half of the panel has to say so.
        failure = None if 2 * mark.value > 1 else f"It failed {criterion.title!r}."
        return Part(criterion, NOTHING, mark, failure)
    failure = None
    if criterion.minimum is not None and mark.value < Fraction(criterion.minimum):
        failure = f"It scored less than {criterion.minimum} in {criterion.title!r}."
    return Part(criterion, mark.value / Fraction(criterion.max_score), mark, failure)


def _score(method: Method, price: Fraction, parts: Sequence[Part]) -> Fraction:
    if method is Method.POINTS:
        return sum((part.points for part in parts), NOTHING)
    return price / coefficient(parts) if method is Method.COEFFICIENT else price


def coefficient(parts: Sequence[Part]) -> Fraction:
    """Give 1 + Σv / (1 - Σvmax): what a price is divided by for what is offered beside it.

    A criterion's worth v is its share of its weight, so 1 - Σvmax is the weight of the price.
    """
    worth = sum((part.points for part in parts), NOTHING)
    price_weight = sum(
        (part.criterion.weight for part in parts if part.criterion.kind is CriterionKind.PRICE),
        Decimal(0),
    )
    return 1 + worth / Fraction(price_weight)


def line_divisor(method: Method, standing: Standing) -> Fraction:
    """Give what the price of a single line is divided by, where lines are compared apart.

    What is offered beside the price is worth the same in each line: the coefficient of the lot.
    """
    return coefficient(standing.parts) if method is Method.COEFFICIENT else ALL


def ordered(method: Method, standings: Iterable[Standing]) -> tuple[Standing, ...]:
    """Put judged offers in order and give them their places.

    Whoever leaves lines out stands behind who leaves out fewer: their totals do not compare, and
    the place decides between equal prices of a line alone.
    """
    sign = -1 if method is Method.POINTS else 1
    first = sorted(
        standings,
        key=lambda s: (
            s.offer.left_out,
            sign * s.score,
            s.offer.submitted_at,
            s.offer.commitment,
        ),
    )
    return tuple(replace(standing, rank=rank) for rank, standing in enumerate(first, start=1))


def best(standings: Sequence[Standing], count: int) -> tuple[Standing, ...]:
    """Give the first `count` of a ranking, for the auction."""
    return tuple(standings[:count])


@dataclass(frozen=True, slots=True)
class Final:
    """What one bidder ended with in a lot: his offer, or his last bid in its auction.

    `standing` is how he was judged at that amount.
    """

    offer: Offer
    amount: Money
    standing: Standing


def finals(
    judging: Judging,
    lot_id: UUID,
    standings: Sequence[Standing],
    auctioned: Mapping[UUID, Money],
    order: Sequence[UUID] = (),
    marks: Marks | None = None,
) -> tuple[Final, ...]:
    """Give the ranking an award is made from.

    `order` are the bidders as the auction ranked them, `auctioned` their last amounts. Where more
    than the price counts, they are judged anew at these amounts. Whoever was not in the auction
    follows with what he offered: his offer stands for the case that those before him fall away, yet
    the auction's participants come first, for they were chosen for it. One who was excluded since
    is no longer among the `standings`, and so no longer here.
    """
    by_bidder = {standing.offer.bidder_id: standing for standing in standings}
    first = [
        judged(judging, lot_id, by_bidder[bidder].offer, marks, auctioned[bidder])
        for bidder in order
        if bidder in by_bidder
    ]
    if judging.method is not Method.LOWEST_PRICE:
        first = list(ordered(judging.method, first))
    rest = [standing for standing in standings if standing.offer.bidder_id not in auctioned]
    return tuple(
        Final(each.offer, each.total, replace(each, rank=rank))
        for rank, each in enumerate((*first, *rest), start=1)
    )


def leading(finals: Iterable[Final]) -> tuple[tuple[Final, ...], tuple[Final, ...]]:
    """Part a ranking into the first offer of each bidder, and his others, which stand behind it.

    Whoever sends variants wins a lot with one of his offers at most, and is in its ranking once: by
    the one that ranks best. Where that is set aside his next takes its place.
    """
    first: dict[UUID, Final] = {}
    behind = []
    for final in finals:
        if final.offer.bidder_id in first:
            behind.append(final)
        else:
            first[final.offer.bidder_id] = final
    return tuple(first.values()), tuple(behind)
