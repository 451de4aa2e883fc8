"""Put lines into a cart, from wherever they come: one way for all of them.

Each line is looked at as an order would look at it. What does not exist for the buyer, and a
quantity that is none, is refused; a line that has no price now stays in the cart and says why.
"""

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func, insert, select, update

from catalog.carts.rules import CART, CURABLE, CartState
from catalog.carts.tables import CartLineRow, CartRow
from catalog.price_lists.price_book import Found
from catalog.price_lists.quoting import price_lines, stated
from catalog.price_lists.rules import UNKNOWN_SKU, Unpriced
from catalog.pricing.terms import Price
from catalog.products.rules import smallest_order
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import LINE_AMOUNT_MAX, LINES_MAX
from marketplace.kernel.units import UNITS, Quantity
from marketplace.orders.ports import PriceRequest
from marketplace.platform.caller import Caller
from marketplace.platform.database import Transaction


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A line somebody wants in a cart; `line` counts from 1 in what he sent.

    Without `quantity` it is the smallest order, without `unit` the offer's own. `quote_id` is the
    quote that must price it when it is ordered.
    """

    line: int
    supplier_id: UUID
    sku: str
    quantity: Decimal | None = None
    unit: str | None = None
    requested_on: date | None = None
    cost_centre: str = ""
    quote_id: UUID | None = None


class Refused(msgspec.Struct, frozen=True):
    """A line that was not put in, and why; `field` is the line's field to blame."""

    wanted: Wanted
    field: str
    code: str
    detail: str


class Added(msgspec.Struct, frozen=True):
    """What came of it: the cart's new version, how many lines it has, the new ones, the rest."""

    version: int
    line_count: int
    line_ids: list[UUID]
    refused: list[Refused]


async def add_lines(
    tx: Transaction,
    caller: Caller,
    cart: Any,
    wanted: Sequence[Wanted],
    *,
    only_buyable: bool = False,
) -> Added:
    """Put lines into a locked cart, those that can be; one query for all prices.

    With `only_buyable` a line that no other quantity would give a price is refused as well. Raises
    WrongState unless the cart is open, Conflict where it would become too long.
    """
    CART.after(CartState(cart.state), "change")
    looked = await look_at(tx, caller, wanted, cart.currency)
    refused = [_refused_as_unbuyable(one, only_buyable=only_buyable) for one in looked]
    good = [
        one for one, no in zip(looked, refused, strict=True) if isinstance(one, Looked) and not no
    ]
    count, last = await _end_of(tx, cart.id)
    if count + len(good) > LINES_MAX:
        raise Conflict(
            f"A cart has at most {LINES_MAX} lines; this one has {count}, and {len(good)} more "
            "are too many. Order it, or begin another."
        )
    rows = [_row(cart, one, last + place) for place, one in enumerate(good, start=1)]
    version = cart.version
    if rows:
        await tx.execute(insert(CartLineRow), rows)
        version = await touched(tx, cart)
        tx.record("cart.lines_added", "cart", cart.id, after={"lines": len(rows)})
    return Added(
        version, count + len(rows), [row["id"] for row in rows], [no for no in refused if no]
    )


class Looked(msgspec.Struct, frozen=True):
    """A wanted line with its quantity, unit and answer."""

    wanted: Wanted
    quantity: Decimal
    unit: str
    answer: Price | Unpriced


async def look_at(
    tx: Transaction, caller: Caller, wanted: Sequence[Wanted], currency: str
) -> list[Looked | Refused]:
    """Look at lines as an order would, each for itself.

    Two queries: what a line leaves out, unit and smallest quantity, the first one finds.
    """
    first = [
        PriceRequest(one.supplier_id, one.sku, one.quantity or Decimal(1), one.unit or "", currency)
        for one in wanted
    ]
    found, _ = await price_lines(tx, caller.path, first)
    settled = [
        _settled(one, book, answer) for one, (book, answer) in zip(wanted, found, strict=True)
    ]
    asked = [
        PriceRequest(one.supplier_id, one.sku, line[0], line[1], currency)
        for one, line in zip(wanted, settled, strict=True)
        if not isinstance(line, Refused)
    ]
    answers = iter((await price_lines(tx, caller.path, asked))[0])
    return [
        line if isinstance(line, Refused) else Looked(one, *line, next(answers)[1])
        for one, line in zip(wanted, settled, strict=True)
    ]


def _settled(one: Wanted, book: Found, answer: Price | Unpriced) -> tuple[Decimal, str] | Refused:
    """Give quantity and unit of a line, or why it is none."""
    if isinstance(answer, Unpriced) and answer.reason == UNKNOWN_SKU:
        return Refused(one, "sku", UNKNOWN_SKU, answer.detail)
    unit = one.unit or _own_unit(book)
    quantity = one.quantity if one.quantity is not None else _least(book, unit)
    try:
        Quantity.checked(quantity, unit)
    except InvalidInput as error:
        wrong = error.errors[0]
        return Refused(one, wrong.pointer.rsplit("/", 1)[-1], wrong.code, wrong.detail)
    return quantity, unit


def _own_unit(book: Found) -> str:
    if book.terms is not None:
        return book.terms.unit
    return book.candidates[0].unit if book.candidates else next(iter(UNITS))


def _least(book: Found, unit: str) -> Decimal:
    if book.terms is not None and book.terms.unit == unit:
        return smallest_order(book.terms)
    return Decimal(1)


def _refused_as_unbuyable(one: Looked | Refused, *, only_buyable: bool) -> Refused | None:
    if isinstance(one, Refused):
        return one
    answer = one.answer
    if only_buyable and isinstance(answer, Unpriced) and answer.reason not in CURABLE:
        return Refused(one.wanted, answer.field, answer.reason, answer.detail)
    return None


def refuse_all(refused: Collection[Refused]) -> None:
    """Raise InvalidInput pointing at every refused line; nothing if there is none."""
    if refused:
        errors = [
            FieldError(f"/lines/{one.wanted.line - 1}/{one.field}", one.code, one.detail)
            for one in refused
        ]
        raise InvalidInput("Some lines cannot be taken; each is named.", errors=errors)


async def _end_of(tx: Transaction, cart_id: UUID) -> tuple[int, int]:
    row = await tx.one(
        select(
            func.count().label("lines"),
            func.coalesce(func.max(CartLineRow.position), 0).label("last"),
        ).where(CartLineRow.cart_id == cart_id)
    )
    return row.lines, row.last


def shown_columns(answer: Price | Unpriced) -> dict[str, Decimal | None]:
    """Give what a line keeps of the price its member is shown; none of what no order may cost."""
    if isinstance(answer, Unpriced) or answer.line_amount >= LINE_AMOUNT_MAX:
        return {"shown_amount": None, "shown_basis": None}
    amount, basis = stated(answer)
    return {"shown_amount": amount, "shown_basis": basis}


def _row(cart: Any, one: Looked, position: int) -> dict[str, Any]:
    return {
        "id": new_id(),
        "cart_id": cart.id,
        "company_id": cart.company_id,
        "position": position,
        "supplier_id": one.wanted.supplier_id,
        "sku": one.wanted.sku,
        "unit": one.unit,
        "quantity": one.quantity,
        "requested_on": one.wanted.requested_on,
        "cost_centre": one.wanted.cost_centre,
        "quote_id": one.wanted.quote_id,
        **shown_columns(one.answer),
    }


async def touched(tx: Transaction, cart: Any) -> int:
    """Give a changed cart its next version."""
    version: int = await tx.scalar(
        update(CartRow)
        .where(CartRow.id == cart.id)
        .values(version=CartRow.version + 1, updated_at=func.clock())
        .returning(CartRow.version)
    )
    return version
