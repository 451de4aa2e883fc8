"""Mini-competition: the members of a framework bid, and never above their framework prices.

Each line of a bid names the bidder's own article of his framework contract; the contract's price of
it, at the quantity asked for, is the most he may ask. Lower is what the competition is for. An
auction moves the total of a lot down from a member's own bid, and breaking it down raises no line.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from auctions.engine.terms import Format
from marketplace.contracts.framework_rules import FrameworkPrice
from marketplace.contracts.rules import tier_reached
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, invalid
from rfq.rules.bid import Bid, BidLine
from rfq.rules.evaluation import Offer, PricedLine
from rfq.rules.procedure import Line, Procedure

NEVER_ABOVE_OWN: Final = frozenset({Format.ENGLISH, Format.SEALED, Format.STAGED})
"""Formats in which a bidder enters with his own total and gets what he bid last, which is less."""
Prices = Mapping[tuple[str, str], FrameworkPrice]
"""What a member agreed in the framework, by SKU and unit."""


def check_within_framework(procedure: Procedure, bid: Bid, agreed: Prices) -> None:
    """Refuse a line above its framework price, and one that the framework does not price.

    A price that equals it is allowed. Raises InvalidInput, all pointers at once.
    """
    asked = {line.id: line for lot in procedure.lots for line in lot.lines}
    errors = [
        error
        for number, line in enumerate(bid.lines)
        if line.line_id in asked
        for error in _line_errors(line, asked[line.line_id], agreed, f"/lines/{number}")
    ]
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


def _line_errors(line: BidLine, asked: Line, agreed: Prices, pointer: str) -> Iterator[FieldError]:
    price = None if line.sku is None else agreed.get((line.sku, asked.unit))
    if price is None:
        detail = f"Name the article of your framework contract that is sold by {asked.unit}."
        yield FieldError(f"{pointer}/sku", "not_in_framework", detail)
        return
    tier = tier_reached(price.tiers, asked.quantity)
    if tier is None:
        least = plain_decimal(price.tiers[0].minimum_quantity)
        detail = f"The framework prices {line.sku} from {least} {asked.unit} on; asked is less."
        yield FieldError(f"{pointer}/sku", "below_minimum_quantity", detail)
    elif line.unit_amount * price.basis > tier.amount * line.basis:
        most = f"{plain_decimal(tier.amount)} per {plain_decimal(price.basis)} {asked.unit}"
        detail = f"The framework price of {line.sku} is {most}: nothing is offered above it."
        yield FieldError(f"{pointer}/unit_amount", "above_framework_price", detail)


def check_lines_within(lines: Sequence[PricedLine], agreed: Prices) -> None:
    """Refuse a breakdown with a line above its framework price; raises InvalidInput."""
    errors = [
        error
        for number, each in enumerate(lines)
        for error in _line_errors(_bid_line(each), each.line, agreed, f"/lines/{number}")
    ]
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


def _bid_line(line: PricedLine) -> BidLine:
    return BidLine(
        line_id=line.line.id, unit_amount=line.unit_amount, basis=line.basis, sku=line.sku
    )


def check_auctionable(procedure: Procedure, format_: Format, pointer: str) -> None:
    """Guard of an auction among the members of a framework: nobody can end above his own bid.

    In other formats a member gets what the second asked, or what a clock calls: above his bid, and
    so perhaps above his framework prices. Raises InvalidInput.
    """
    if procedure.offering.framework_id is not None and format_ not in NEVER_ABOVE_OWN:
        formats = ", ".join(sorted(each.value for each in NEVER_ABOVE_OWN))
        detail = f"Members of a framework are auctioned in a format that only lowers: {formats}."
        raise invalid(f"{pointer}/format", "above_own_bid", detail)


def check_one_solution(offers: Iterable[Offer]) -> None:
    """Guard of an auction: all who could win bid for the same; raises Conflict.

    So each bidder is in it with the one offer he has.
    """
    found = next((each.variant for each in offers if each.variant is not None), None)
    if found is not None:
        raise Conflict(
            f"Amounts for different solutions do not compete in one auction, and {found} is in the "
            "running: award this lot from its bids."
        )
