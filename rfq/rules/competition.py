"""Mini-competition: the members of a framework bid, and never above their framework prices.

Each line of a bid names the bidder's own article of his framework contract; the contract's price of
it, at the quantity asked for, is the most he may ask. Lower is what the competition is for.
"""

from collections.abc import Iterator, Mapping

from marketplace.contracts.framework_rules import FrameworkPrice
from marketplace.contracts.rules import tier_reached
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput
from rfq.rules.bid import Bid, BidLine
from rfq.rules.procedure import Line, Procedure

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


def check_auctionable(procedure: Procedure) -> None:
    """Guard of an auction: not among the members of a framework; raises Conflict.

    An auction moves totals, and breaking one down could put a single line above its framework
    price.
    """
    if procedure.offering.framework_id is not None:
        raise Conflict("Members of a framework compete by the prices of their lines: award these.")
