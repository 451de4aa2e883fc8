"""Evaluation: what a bid costs, and who stands where.

The lowest price wins. A lot's total is the sum of its rounded line amounts, the figure an invoice
over the asked quantities would show. The order is total: ties go to the earlier submission, then to
the lesser commitment, so that two runs never differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marketplace.contracts.terms import LineTerms, completed
from marketplace.kernel.money import Money, line_amount, total
from rfq.rules.bid import Bid
from rfq.rules.procedure import Line, Lot


@dataclass(frozen=True, slots=True)
class PricedLine:
    """One asked line with one bidder's price: `unit_amount` per `basis` of the line's unit.

    `terms` are those asked, completed by those offered.
    """

    line: Line
    unit_amount: Decimal
    basis: Decimal
    currency: str
    sku: str | None = None
    terms: LineTerms | None = None

    @property
    def amount(self) -> Money:
        """Quantity × unit amount ÷ basis, rounded once."""
        return line_amount(self.line.quantity, self.unit_amount, self.basis, self.currency)


@dataclass(frozen=True, slots=True)
class Offer:
    """What one opened bid offers for one lot; `lines` in the lot's order, never empty."""

    bid_id: UUID
    bidder_id: UUID
    submitted_at: datetime
    commitment: bytes
    lines: tuple[PricedLine, ...]

    @property
    def total(self) -> Money:
        """The sum of the line amounts."""
        return total([line.amount for line in self.lines], self.lines[0].currency)


@dataclass(frozen=True, slots=True)
class Standing:
    """An offer with its place, counted from 1, and the total that decided it."""

    rank: int
    offer: Offer
    total: Money


def lot_lines(lot: Lot, bid: Bid) -> tuple[PricedLine, ...]:
    """Give the lot's lines with the bid's prices; none if the bid leaves the lot out."""
    prices = bid.priced(lot)
    return tuple(
        PricedLine(
            line,
            price.unit_amount,
            price.basis,
            bid.currency,
            price.sku,
            completed(line.terms, price.terms),
        )
        for line in lot.lines
        if (price := prices.get(line.id)) is not None
    )


def ranked(offers: Iterable[Offer]) -> tuple[Standing, ...]:
    """Rank the offers for one lot: least total, then earliest, then least commitment."""
    priced = [(offer.total, offer) for offer in offers]
    priced.sort(key=lambda pair: (pair[0].amount, pair[1].submitted_at, pair[1].commitment))
    return tuple(Standing(i, offer, total_) for i, (total_, offer) in enumerate(priced, start=1))


def best(standings: Sequence[Standing], count: int) -> tuple[Standing, ...]:
    """Give the first `count` of a ranking, for the auction."""
    return tuple(standings[:count])


@dataclass(frozen=True, slots=True)
class Final:
    """What one bidder ended with in a lot: his offer, or his last bid in its auction."""

    offer: Offer
    amount: Money


def finals(
    standings: Sequence[Standing], auctioned: Mapping[UUID, Money], order: Sequence[UUID] = ()
) -> tuple[Final, ...]:
    """Give the ranking an award is made from.

    `order` are the bidders as the auction ranked them, `auctioned` their last amounts. Whoever was
    not in the auction follows with what he offered: his offer stands for the case that those before
    him fall away, yet the auction's participants come first, for they were chosen for it.
    """
    by_bidder = {standing.offer.bidder_id: standing for standing in standings}
    first = [Final(by_bidder[bidder].offer, auctioned[bidder]) for bidder in order]
    rest = [
        Final(standing.offer, standing.total)
        for standing in standings
        if standing.offer.bidder_id not in auctioned
    ]
    return (*first, *rest)
