"""From what a buyer asks to lines with prices, by the `Prices` that are installed."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from marketplace.contracts.documents import provenance_document, terms_document
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.limits import LINE_AMOUNT_MAX
from marketplace.kernel.money import currency_digits
from marketplace.kernel.units import Quantity
from marketplace.orders.contract_prices import ContractPrices
from marketplace.orders.ports import NoPriceQuote, PriceQuote, PriceRequest, Prices
from marketplace.orders.rules import (
    HigherPrice,
    OrderedLine,
    Price,
    expected_price,
    price_at_placement,
    refuse_higher_prices,
)
from marketplace.orders.schemas import OrderInput, OrderLineInput
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction


def price_requests(data: OrderInput) -> list[PriceRequest]:
    """Read the lines of an order; raises InvalidInput with a pointer for each that is wrong."""
    currency_digits(data.currency)
    requests: list[PriceRequest] = []
    errors: list[FieldError] = []
    for index, line in enumerate(data.lines):
        try:
            quantity = Quantity.checked(Decimal(line.quantity), line.unit, f"/lines/{index}")
        except InvalidInput as error:
            errors.extend(error.errors)
            continue
        if Decimal(line.expected_basis) == 0:
            where = f"/lines/{index}/expected_basis"
            errors.append(FieldError(where, "not_positive", "A price basis is above zero."))
        requests.append(
            PriceRequest(line.supplier_id, line.sku, quantity.value, line.unit, data.currency)
        )
    if errors:
        raise InvalidInput("Some lines of this order cannot be read.", errors=errors)
    return requests


async def quote(
    platform: Platform,
    tx: Transaction,
    path: tuple[UUID, ...],
    requests: Sequence[PriceRequest],
    at: datetime,
) -> list[PriceQuote]:
    """Resolve the price of every line; raises InvalidInput pointing at those that have none."""
    prices: Prices = (
        platform.get(Prices)  # type: ignore[type-abstract]
        if platform.has(Prices)
        else ContractPrices()
    )
    answers = await prices.quote(tx, path, requests, at)
    errors = [error for i, answer in enumerate(answers) for error in _unpriced(i, answer)]
    if errors:
        raise InvalidInput("Some lines of this order have no price.", errors=errors)
    return [answer for answer in answers if isinstance(answer, PriceQuote)]


def _unpriced(index: int, answer: PriceQuote | NoPriceQuote) -> Iterator[FieldError]:
    if isinstance(answer, NoPriceQuote):
        yield FieldError(f"/lines/{index}/{answer.field}", answer.code, answer.detail)
    elif answer.line_amount.amount >= LINE_AMOUNT_MAX:
        detail = f"A line costs less than {LINE_AMOUNT_MAX}; this one would cost more."
        yield FieldError(f"/lines/{index}/quantity", "too_large", detail)


def _by_quote(index: int, asked: OrderLineInput, answer: PriceQuote) -> Iterator[FieldError]:
    steps = {(step.kind, step.id) for step in answer.provenance}
    if asked.quote_id is not None and ("quote", asked.quote_id) not in steps:
        detail = (
            "This quote does not price this line now: it is not accepted, has ended, is used up, "
            "is for another SKU, unit, quantity or unit of your company, or another price counts."
        )
        yield FieldError(f"/lines/{index}/quote_id", "not_priced_by_quote", detail)


def ordered_lines(
    data: OrderInput, requests: Sequence[PriceRequest], quotes: Sequence[PriceQuote]
) -> list[OrderedLine]:
    """Take the prices quoted.

    Raises Conflict where the buyer's document expects lower ones, and InvalidInput where it names
    quotes that do not price its lines.
    """
    errors = [error for i, each in enumerate(data.lines) for error in _by_quote(i, each, quotes[i])]
    if errors:
        raise InvalidInput("Some lines are not priced by the quote they name.", errors=errors)
    lines, higher = [], []
    for number, (asked, request, answer) in enumerate(
        zip(data.lines, requests, quotes, strict=True), start=1
    ):
        decided = price_at_placement(number, _expected(asked, request), _price(answer))
        if isinstance(decided, HigherPrice):
            higher.append(decided)
        lines.append(_line(number, asked, request, answer))
    refuse_higher_prices(higher, data.currency)
    return lines


def repriced_lines(
    lines: Sequence[OrderedLine], quotes: Sequence[PriceQuote], currency: str
) -> list[OrderedLine]:
    """Give the lines at the prices of now; raises Conflict with the difference of those that rose.

    A line keeps its number, quantity and everything the buyer said.
    """
    repriced, higher = [], []
    for line, answer in zip(lines, quotes, strict=True):
        decided = price_at_placement(line.line, line.price(currency), _price(answer))
        if isinstance(decided, HigherPrice):
            higher.append(decided)
        repriced.append(_with_price(line, answer))
    refuse_higher_prices(higher, currency)
    return repriced


def _price(answer: PriceQuote) -> Price:
    return Price(answer.amount, answer.basis, answer.line_amount)


def _expected(asked: OrderLineInput, request: PriceRequest) -> Price | None:
    amount = None if asked.expected_amount is None else Decimal(asked.expected_amount)
    basis = Decimal(asked.expected_basis)
    return expected_price(request.quantity, amount, basis, request.currency)


def _line(
    number: int, asked: OrderLineInput, request: PriceRequest, answer: PriceQuote
) -> OrderedLine:
    return OrderedLine(
        line=number,
        supplier_id=request.supplier_id,
        sku=request.sku,
        description=answer.description,
        unit=request.unit,
        quantity=request.quantity,
        amount=answer.amount,
        basis=answer.basis,
        tier_minimum=answer.tier_minimum,
        line_amount=answer.line_amount.amount,
        price_level=answer.level,
        source_kind=answer.source.kind,
        source_id=answer.source.id,
        source_version=answer.source.version,
        provenance=provenance_document(answer.provenance),
        tax_category=_tax_category(answer),
        requested_on=asked.requested_on,
        cost_centre=asked.cost_centre,
        price_detail=_detail(answer),
        agreed_terms=terms_document(answer.terms),
    )


def _with_price(line: OrderedLine, answer: PriceQuote) -> OrderedLine:
    return replace(
        line,
        description=answer.description,
        amount=answer.amount,
        basis=answer.basis,
        tier_minimum=answer.tier_minimum,
        line_amount=answer.line_amount.amount,
        price_level=answer.level,
        source_kind=answer.source.kind,
        source_id=answer.source.id,
        source_version=answer.source.version,
        provenance=provenance_document(answer.provenance),
        tax_category=_tax_category(answer),
        price_detail=_detail(answer),
        agreed_terms=terms_document(answer.terms),
    )


def _tax_category(answer: PriceQuote) -> str:
    agreed = None if answer.terms is None else answer.terms.tax_category
    return answer.tax_category if agreed is None else agreed.value


def _detail(answer: PriceQuote) -> dict[str, Any] | None:
    return None if answer.detail is None else msgspec.to_builtins(answer.detail)
