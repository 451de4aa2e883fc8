"""What lines cost that are ordered together: asked by orders through their port."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from msgspec import structs

from catalog.price_lists.candidate_reads import CANDIDATES_OF_LINES, line_arguments
from catalog.price_lists.candidates import CONTRACT
from catalog.price_lists.price_book import (
    Found,
    buyer_of,
    found_by_line,
)
from catalog.price_lists.rules import Unpriced, price_line
from catalog.price_lists.views import draws, price_detail
from catalog.pricing.terms import Price
from marketplace.contracts.commitments import lock_drawn
from marketplace.contracts.reading import Agreed, agreed_in
from marketplace.contracts.rules import Draw
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.money import Money
from marketplace.orders.ports import NoPriceQuote, PriceQuote, PriceRequest, PriceSource
from marketplace.orders.schemas import CallOffView, PriceDetailView
from marketplace.platform.database import Transaction

_NOTHING_AGREED: Final = Agreed((), {})


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
        agreed = await _agreed(tx, [answer for _, answer in answers])
        return [
            _refusal(answer)
            if isinstance(answer, Unpriced)
            else _quote(answer, book, line.sku, agreed)
            for line, (book, answer) in zip(lines, answers, strict=True)
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
        for place, candidate in enumerate(book.told):
            commitment = candidate.commitment
            if commitment is not None and commitment.id in left:
                now = structs.replace(commitment, left=left[commitment.id])
                book.told[place] = structs.replace(candidate, commitment=now)


async def _agreed(tx: Transaction, answers: Sequence[Price | Unpriced]) -> dict[UUID, Agreed]:
    contracts = {
        answer.winner.source.id
        for answer in answers
        if isinstance(answer, Price) and answer.winner.source.kind == CONTRACT
    }
    return await agreed_in(tx, sorted(contracts)) if contracts else {}


def _quote(price: Price, found: Found, sku: str, agreed: dict[UUID, Agreed]) -> PriceQuote:
    source = price.winner.source
    contract = agreed.get(source.id, _NOTHING_AGREED)
    amount, basis = stated(price)
    return PriceQuote(
        amount=amount,
        basis=basis,
        tier_minimum=price.tier.minimum_quantity,
        level=price.winner.level.value,
        source=PriceSource(source.kind, source.id, source.version),
        line_amount=Money(price.line_amount, price.winner.currency),
        description=found.offer.name if found.offer is not None else found.agreed_text,
        provenance=contract.provenance,
        tax_category=found.offer.terms.tax_category if found.offer is not None else "S",
        detail=_detail(price, contract),
        terms=contract.terms.get((sku, price.winner.unit)),
    )


def _detail(price: Price, contract: Agreed) -> PriceDetailView | None:
    """Explain the price; under a framework, with what the line calls off."""
    detail = price_detail(price)
    if contract.framework_id is None:
        return detail
    source_id = price.winner.source.id
    own = [part for part in price.parts if part.candidate.source.id == source_id]
    amount, quantity = price.line_amount, price.quantity
    if price.parts:
        amount = sum((part.line_amount for part in own), Decimal(0))
        quantity = sum((part.quantity for part in own), Decimal(0))
    called = CallOffView(contract.framework_id, plain_decimal(amount), plain_decimal(quantity))
    return structs.replace(detail or PriceDetailView(), call_off=called)


def _refusal(answer: Unpriced) -> NoPriceQuote:
    return NoPriceQuote(answer.reason, answer.field, answer.detail)
