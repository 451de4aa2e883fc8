"""Read carts: every line priced anew by the one resolver, whoever asks and however often."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, or_, select

from catalog.carts.rules import CartState
from catalog.carts.schemas import CartSummary, CartView
from catalog.carts.tables import CartLineRow, CartRow
from catalog.carts.views import PricedCartLine, cart_summary, cart_view
from catalog.price_lists.quoting import price_lines
from catalog.stock.availability import availability_of
from marketplace.kernel.errors import NotFound
from marketplace.orders.ports import PriceRequest
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest, page

_LINES_OF_CART: Final = (
    select(func.count())
    .select_from(CartLineRow)
    .where(CartLineRow.cart_id == CartRow.id)
    .correlate(CartRow)
    .scalar_subquery()
)
CART: Final[tuple[Any, ...]] = (
    CartRow.id,
    CartRow.version,
    CartRow.name,
    CartRow.currency,
    CartRow.company_id,
    CartRow.unit_id,
    CartRow.owner_id,
    CartRow.shared,
    CartRow.state,
    CartRow.order_id,
    CartRow.created_at,
    CartRow.updated_at,
)
LINE: Final[tuple[Any, ...]] = (
    CartLineRow.id,
    CartLineRow.position,
    CartLineRow.supplier_id,
    CartLineRow.sku,
    CartLineRow.unit,
    CartLineRow.quantity,
    CartLineRow.requested_on,
    CartLineRow.cost_centre,
    CartLineRow.quote_id,
    CartLineRow.shown_amount,
    CartLineRow.shown_basis,
    CartLineRow.added_at,
)


def carts_of(caller: Caller, *columns: Any) -> Any:
    """Select carts the caller may see: of the unit he acts for, shared or his own."""
    return select(*(columns or CART)).where(
        CartRow.company_id == caller.organization_id,
        CartRow.unit_id == caller.unit_id,
        or_(CartRow.shared, CartRow.owner_id == caller.member_id),
    )


async def locked_cart(tx: Transaction, caller: Caller, cart_id: UUID) -> Row[Any]:
    """Lock a cart the caller may see; raises NotFound for any other."""
    return _there(await tx.maybe(carts_of(caller).where(CartRow.id == cart_id).with_for_update()))


def _there(row: Row[Any] | None) -> Row[Any]:
    if row is None:
        raise NotFound("The unit you act for has no such cart, or it is another member's own.")
    return row


async def lines_of_cart(tx: Transaction, cart_id: UUID) -> Sequence[Row[Any]]:
    """Read the lines of a cart in their order."""
    return await tx.all(
        select(*LINE)
        .where(CartLineRow.cart_id == cart_id)
        .order_by(CartLineRow.position, CartLineRow.id)
    )


async def list_carts(
    platform: Platform, caller: Caller, asked: PageRequest, state: CartState | None
) -> Page[CartSummary]:
    """List the carts of the unit the caller acts for, the newest first."""
    caller.require("carts:read")
    statement = (
        carts_of(caller, *CART, _LINES_OF_CART.label("line_count"))
        .order_by(CartRow.id.desc())
        .limit(asked.fetch)
    )
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(CartRow.id < after)
    if state is not None:
        statement = statement.where(CartRow.state == state.value)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [cart_summary(row, row.line_count) for row in rows], lambda view: view.id)


async def read_cart(platform: Platform, caller: Caller, cart_id: UUID) -> CartView:
    """Read a cart with prices and availability of now; raises NotFound.

    The number of queries does not grow with the lines. A line without a price says why, the others
    answer all the same.
    """
    caller.require("carts:read")
    async with transaction(platform, caller) as tx:
        cart = _there(await tx.maybe(carts_of(caller).where(CartRow.id == cart_id)))
        lines = await lines_of_cart(tx, cart_id)
        return await _view(tx, caller, cart, lines)


async def _view(
    tx: Transaction, caller: Caller, cart: Row[Any], lines: Sequence[Row[Any]]
) -> CartView:
    answers, as_of = await price_lines(tx, caller.path, price_requests_of(lines, cart.currency))
    offers = [book.offer for book, _ in answers]
    told = await availability_of(
        tx, {offer.id: offer.terms.unit for offer in offers if offer is not None}
    )
    names = await _names(tx, {line.supplier_id for line in lines})
    priced = [
        PricedCartLine(line, book, answer, told.get(offer.id) if offer is not None else None)
        for line, offer, (book, answer) in zip(lines, offers, answers, strict=True)
    ]
    return cart_view(cart, priced, names, as_of)


def price_requests_of(lines: Sequence[Any], currency: str) -> list[PriceRequest]:
    """Ask for the prices of lines, as an order would."""
    return [
        PriceRequest(line.supplier_id, line.sku, Decimal(line.quantity), line.unit, currency)
        for line in lines
    ]


async def _names(tx: Transaction, suppliers: set[UUID]) -> dict[UUID, str]:
    if not suppliers:
        return {}
    rows = await tx.all(
        select(OrganizationRow.id, OrganizationRow.name).where(
            OrganizationRow.id.in_(sorted(suppliers))
        )
    )
    return {row.id: row.name for row in rows}
