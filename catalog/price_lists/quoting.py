"""What lines cost: asked by buyers over HTTP, and by orders through their port."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from msgspec import structs

from catalog.price_lists.candidates import CANDIDATES_OF_LINES, CONTRACT, line_arguments
from catalog.price_lists.explaining import Looked, look_wide, path_of
from catalog.price_lists.price_book import Found, buyer_of, found_by_line
from catalog.price_lists.rules import Unpriced, price_line
from catalog.price_lists.schemas import (
    PriceCheckInput,
    PriceCheckLine,
    PriceCheckView,
    PricedLineView,
)
from catalog.price_lists.views import draws, no_price_view, price_detail, price_view
from catalog.pricing.terms import Price
from marketplace.contracts.rules import Draw, Provenance
from marketplace.contracts.service import lock_drawn, provenance_of
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.money import Money, currency_digits
from marketplace.kernel.units import UNITS, Quantity
from marketplace.orders.ports import NoPriceQuote, PriceQuote, PriceRequest, PriceSource
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import HotRead, Transaction, hot_rows
from marketplace.platform.http.schemas import shown_quantity

_CHECK: Final = HotRead(CANDIDATES_OF_LINES)


async def check_prices(platform: Platform, caller: Caller, data: PriceCheckInput) -> PriceCheckView:
    """Price up to 1,000 lines for the caller's unit; a line without a price says why.

    A unit of his company, or a customer of his, may be named instead. Raises InvalidInput for an
    unknown currency or organization, and for lines that cannot be read.
    """
    caller.require("prices:read")
    currency_digits(data.currency)
    quantities = _quantities(data.lines)
    if data.organization_id is not None and data.organization_id not in caller.path[:1]:
        path = await path_of(platform, caller, data.organization_id)
        if path[-1] != caller.organization_id:
            asked = await look_wide(platform, caller, data, path)
            return _answer(data, quantities, asked, to_supplier=True)
        caller = replace(caller, unit_id=data.organization_id, path=path)
    keys = [(line.supplier_id, line.sku) for line in data.lines]
    rows = await hot_rows(platform, caller, _CHECK, line_arguments(caller.path, keys))
    found, clock = found_by_line(rows, len(keys))
    buyer = buyer_of(caller.path, (each for book in found for each in book.candidates))
    return _answer(data, quantities, Looked(found, buyer, clock), to_supplier=False)


def _answer(
    data: PriceCheckInput, quantities: Sequence[Decimal], looked: Looked, *, to_supplier: bool
) -> PriceCheckView:
    as_of = looked.clock if data.as_of is None else data.as_of.astimezone(UTC)
    view = PriceCheckView(
        as_of=as_of,
        lines=[
            _line_view(line, quantity, book, looked, as_of, data, to_supplier=to_supplier)
            for line, quantity, book in zip(data.lines, quantities, looked.found, strict=True)
        ],
    )
    for place in looked.hidden:
        view.lines[place].hidden = True
    return view


def _quantities(lines: Sequence[PriceCheckLine]) -> list[Decimal]:
    """Read the quantities; raises InvalidInput with a pointer for each line that is wrong."""
    quantities: list[Decimal] = []
    errors: list[FieldError] = []
    for place, line in enumerate(lines):
        quantity = Decimal(line.quantity)
        pointer = f"/lines/{place}"
        if line.unit is not None:
            try:
                Quantity.checked(quantity, line.unit, pointer)
            except InvalidInput as error:
                errors += error.errors
        elif quantity <= 0:
            detail = "A quantity must be greater than zero."
            errors.append(FieldError(f"{pointer}/quantity", "not_positive", detail))
        quantities.append(quantity)
    if errors:
        raise InvalidInput("Some lines cannot be read.", errors=errors)
    return quantities


def _line_view(
    line: PriceCheckLine,
    quantity: Decimal,
    found: Found,
    looked: Looked,
    as_of: datetime,
    asked: PriceCheckInput,
    *,
    to_supplier: bool,
) -> PricedLineView:
    unit = line.unit or _own_unit(found)
    answer = price_line(
        found.terms,
        found.candidates,
        looked.buyer,
        quantity,
        unit,
        asked.currency,
        as_of,
        policy=found.policy,
        explain=asked.explain,
    )
    held = looked.held_back(found)
    if held:
        answer = structs.replace(answer, losers=(*answer.losers, *held))
    view = PricedLineView(line.supplier_id, line.sku, shown_quantity(quantity))
    if isinstance(answer, Price):
        view.price = price_view(answer, explain=asked.explain, to_supplier=to_supplier)
    else:
        view.no_price = no_price_view(answer, explain=asked.explain, to_supplier=to_supplier)
    return view


def _own_unit(found: Found) -> str:
    if found.offer is not None:
        return found.offer.terms.unit
    return found.candidates[0].unit if found.candidates else next(iter(UNITS))


async def price_lines(
    tx: Transaction,
    buyer_path: tuple[UUID, ...],
    lines: Sequence[PriceRequest],
    at: datetime | None = None,
    *,
    lock: bool = False,
) -> tuple[list[tuple[Found, Price | Unpriced]], datetime]:
    """Price lines as they would be ordered together, at an instant (now unless said).

    Gives for each line what the book holds of its SKU and the answer; and the instant. One query;
    with `lock` one more where prices are drawn from commitments, which then wait for this order.
    """
    places = {key: n for n, key in enumerate(dict.fromkeys((x.supplier_id, x.sku) for x in lines))}
    if not places:
        return [], await tx.clock() if at is None else at
    rows = await tx.all(CANDIDATES_OF_LINES, line_arguments(buyer_path, list(places)))
    found, clock = found_by_line(rows, len(places))
    as_of = clock if at is None else at
    buyer = buyer_of(buyer_path, (each for book in found for each in book.candidates))
    if lock:
        await _lock_commitments(tx, found)
    answers = []
    for line in lines:
        book = found[places[line.supplier_id, line.sku]]
        answer = price_line(
            book.terms,
            book.candidates,
            buyer,
            line.quantity,
            line.unit,
            line.currency,
            as_of,
            policy=book.policy,
        )
        answers.append((book, answer))
        if isinstance(answer, Price) and (drawn := draws(answer)):
            _take(found, drawn)
    return answers, as_of


def stated(price: Price) -> tuple[Decimal, Decimal]:
    """Give amount and basis as documents state a price: of the whole line where it has parts."""
    detail = price_detail(price)
    if detail is not None and detail.as_whole:
        return price.whole_amount, price.quantity
    return price.tier.amount, price.winner.ladder.basis


class CatalogPrices:
    """Implements the port `Prices` of orders: lists and contracts, by the same resolution."""

    async def quote(
        self,
        tx: Transaction,
        buyer_path: tuple[UUID, ...],
        lines: Sequence[PriceRequest],
        at: datetime,
    ) -> list[PriceQuote | NoPriceQuote]:
        """Answer each line, with one query, and one more where contracts priced something."""
        if not lines:
            return []
        answers, _ = await price_lines(tx, buyer_path, lines, at, lock=True)
        provenance = await _provenance(tx, [answer for _, answer in answers])
        return [
            _refusal(answer) if isinstance(answer, Unpriced) else _quote(answer, book, provenance)
            for book, answer in answers
        ]


async def _lock_commitments(tx: Transaction, found: Sequence[Found]) -> None:
    """Lock the commitments that might be drawn on, and see what is left of them now.

    An order takes what it is told here in the same transaction; until then others wait.
    """
    committed = {
        candidate.commitment.id: candidate.commitment
        for book in found
        for candidate in book.candidates
        if candidate.commitment is not None
    }
    if committed:
        drawn = await lock_drawn(tx, committed)
        left = {key: each.cap - drawn[key] for key, each in committed.items()}
        _set_left(found, left)


def _take(found: Sequence[Found], drawn: Sequence[Draw]) -> None:
    """Let later lines of the same order find less: they are one order, not each a first one."""
    taken = {each.price_id: each.amount for each in drawn}
    left = {
        candidate.commitment.id: candidate.commitment.left - taken[candidate.commitment.id]
        for book in found
        for candidate in book.candidates
        if candidate.commitment is not None and candidate.commitment.id in taken
    }
    _set_left(found, left)


def _set_left(found: Sequence[Found], left: Mapping[UUID, Decimal]) -> None:
    for book in found:
        for place, candidate in enumerate(book.candidates):
            commitment = candidate.commitment
            if commitment is not None and commitment.id in left:
                now = structs.replace(commitment, left=left[commitment.id])
                book.candidates[place] = structs.replace(candidate, commitment=now)


async def _provenance(
    tx: Transaction, answers: Sequence[Price | Unpriced]
) -> dict[UUID, tuple[Provenance, ...]]:
    contracts = {
        answer.winner.source.id
        for answer in answers
        if isinstance(answer, Price) and answer.winner.source.kind == CONTRACT
    }
    return await provenance_of(tx, sorted(contracts)) if contracts else {}


def _quote(
    price: Price, found: Found, provenance: dict[UUID, tuple[Provenance, ...]]
) -> PriceQuote:
    source = price.winner.source
    amount, basis = stated(price)
    return PriceQuote(
        amount=amount,
        basis=basis,
        tier_minimum=price.tier.minimum_quantity,
        level=price.winner.level.value,
        source=PriceSource(source.kind, source.id, source.version),
        line_amount=Money(price.line_amount, price.winner.currency),
        description=found.offer.name if found.offer is not None else found.agreed_text,
        provenance=provenance.get(source.id, ()),
        tax_category=found.offer.terms.tax_category if found.offer is not None else "S",
        detail=price_detail(price),
    )


def _refusal(answer: Unpriced) -> NoPriceQuote:
    return NoPriceQuote(answer.reason, answer.field, answer.detail)
