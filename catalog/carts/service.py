"""Keep carts: make, rename, share, remove them; put lines in, change them, take them out."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from catalog.carts.adding import (
    Added,
    Wanted,
    add_lines,
    look_at,
    refuse_all,
    shown_columns,
    touched,
)
from catalog.carts.adding import Refused as RefusedLine
from catalog.carts.reading import CART as CART_COLUMNS
from catalog.carts.reading import LINE, locked_cart
from catalog.carts.rules import CART, CartState
from catalog.carts.schemas import (
    CartChange,
    CartInput,
    CartLineChange,
    CartLinesAdded,
    CartLinesInput,
    CartSummary,
    RefusedLineView,
)
from catalog.carts.tables import CartLineRow, CartRow
from catalog.carts.views import cart_summary
from marketplace.kernel.errors import (
    Conflict,
    NotFound,
    NotPermitted,
    StaleVersion,
    invalid,
)
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import CARTS_OPEN_MAX
from marketplace.kernel.money import currency_digits
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Transaction,
    constraint_of,
    retries_conflicts,
    transaction,
)
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

ADMINISTRATOR = "administrator"


async def create_cart(
    platform: Platform, caller: Caller, data: CartInput, key: IdempotencyKey
) -> CartSummary:
    """Make an empty cart of the unit the caller acts for.

    Raises InvalidInput for an unknown currency, Conflict for a name he has there or too many carts.
    """
    caller.require("carts:write")
    currency_digits(data.currency)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, CartSummary)) is not None:
            return earlier
        await _check_room(tx, caller)
        statement = insert(CartRow).values(
            id=new_id(),
            company_id=caller.organization_id,
            unit_id=caller.unit_id,
            owner_id=caller.member_id,
            name=data.name,
            currency=data.currency,
            shared=data.shared,
            state=CartState.OPEN.value,
        )
        try:
            row = await tx.one(statement.returning(*CART_COLUMNS))
        except IntegrityError as error:
            raise _named(error, data.name) from error
        view = cart_summary(row, 0)
        tx.record("cart.created", "cart", view.id, after={"name": data.name, "shared": data.shared})
        return await keep(tx, key, view)


async def _check_room(tx: Transaction, caller: Caller) -> None:
    count: int = await tx.scalar(
        select(func.count())
        .select_from(CartRow)
        .where(
            CartRow.company_id == caller.organization_id,
            CartRow.unit_id == caller.unit_id,
            CartRow.owner_id == caller.member_id,
            CartRow.state == CartState.OPEN.value,
        )
    )
    if count >= CARTS_OPEN_MAX:
        raise Conflict(f"You have {count} open carts here; order or remove some first.")


def _named(error: IntegrityError, name: str) -> Exception:
    if constraint_of(error) == "uq_carts_name":
        return Conflict(f"You have an open cart named {name!r} here already.")
    return error


def _check_version(cart: Row[Any], version: int) -> None:
    if cart.version != version:
        raise StaleVersion(f"The cart is at version {cart.version}; read it again.")


def _check_owner(caller: Caller, cart: Row[Any]) -> None:
    if cart.owner_id != caller.member_id and ADMINISTRATOR not in caller.roles:
        raise NotPermitted("Whose cart it is, or an administrator, names, shares and removes it.")


async def change_cart(
    platform: Platform, caller: Caller, cart_id: UUID, data: CartChange, version: int
) -> CartSummary:
    """Rename a cart, share it or take it back.

    Raises NotFound, NotPermitted for other members, StaleVersion, WrongState once it is ordered.
    """
    caller.require("carts:write")
    given = {"name": data.name, "shared": data.shared}
    values = {name: value for name, value in given.items() if value is not UNSET}
    async with transaction(platform, caller) as tx:
        cart = await locked_cart(tx, caller, cart_id)
        _check_owner(caller, cart)
        _check_version(cart, version)
        CART.after(CartState(cart.state), "change")
        statement = (
            update(CartRow)
            .where(CartRow.id == cart_id)
            .values(**values, version=CartRow.version + 1, updated_at=func.clock())
        )
        try:
            row = await tx.one(statement.returning(*CART_COLUMNS))
        except IntegrityError as error:
            raise _named(error, str(data.name)) from error
        before = {"name": cart.name, "shared": cart.shared}
        tx.record("cart.changed", "cart", cart_id, before=before, after=values)
        return cart_summary(row, await _count(tx, cart_id))


async def _count(tx: Transaction, cart_id: UUID) -> int:
    count: int = await tx.scalar(
        select(func.count()).select_from(CartLineRow).where(CartLineRow.cart_id == cart_id)
    )
    return count


async def remove_cart(platform: Platform, caller: Caller, cart_id: UUID, version: int) -> None:
    """Remove a cart with its lines; an order that came of it stays.

    Raises NotFound, NotPermitted for other members, StaleVersion.
    """
    caller.require("carts:write")
    async with transaction(platform, caller) as tx:
        cart = await locked_cart(tx, caller, cart_id)
        _check_owner(caller, cart)
        _check_version(cart, version)
        await tx.execute(delete(CartRow).where(CartRow.id == cart_id))
        tx.record("cart.removed", "cart", cart_id, before={"name": cart.name, "state": cart.state})


@retries_conflicts
async def put_lines_in(
    platform: Platform, caller: Caller, cart_id: UUID, data: CartLinesInput, key: IdempotencyKey
) -> CartLinesAdded:
    """Put lines into a cart, all or none.

    Raises InvalidInput pointing at lines whose SKU or quantity is none; a line without a price now
    is taken, and the cart says why it has none.
    """
    caller.require("carts:write")
    wanted = [
        Wanted(
            line=number,
            supplier_id=line.supplier_id,
            sku=line.sku,
            quantity=Decimal(line.quantity),
            unit=line.unit,
            requested_on=line.requested_on,
            cost_centre=line.cost_centre,
            quote_id=line.quote_id,
        )
        for number, line in enumerate(data.lines, start=1)
    ]
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, CartLinesAdded)) is not None:
            return earlier
        cart = await locked_cart(tx, caller, cart_id)
        added = await add_lines(tx, caller, cart, wanted)
        refuse_all(added.refused)
        return await keep(tx, key, added_view(cart_id, added))


def added_view(cart_id: UUID, added: Added) -> CartLinesAdded:
    """Show what was put into a cart."""
    return CartLinesAdded(
        cart_id=cart_id,
        version=added.version,
        line_count=added.line_count,
        added=added.line_ids,
        refused=[
            RefusedLineView(
                line=no.wanted.line,
                supplier_id=no.wanted.supplier_id,
                sku=no.wanted.sku,
                code=no.code,
                detail=no.detail,
            )
            for no in added.refused
        ],
    )


async def _line(tx: Transaction, cart_id: UUID, line_id: UUID) -> Row[Any]:
    row = await tx.maybe(
        select(*LINE).where(CartLineRow.cart_id == cart_id, CartLineRow.id == line_id)
    )
    if row is None:
        raise NotFound("There is no such line in this cart.")
    return row


@retries_conflicts
async def change_line(
    platform: Platform,
    caller: Caller,
    cart_id: UUID,
    line_id: UUID,
    data: CartLineChange,
    version: int,
) -> CartLinesAdded:
    """Change a line; what it costs now is what its member is shown from here on.

    Raises NotFound, StaleVersion, WrongState, and InvalidInput for a quantity that is none.
    """
    caller.require("carts:write")
    async with transaction(platform, caller) as tx:
        cart = await locked_cart(tx, caller, cart_id)
        _check_version(cart, version)
        CART.after(CartState(cart.state), "change")
        line = await _line(tx, cart_id, line_id)
        wanted = Wanted(
            line=1,
            supplier_id=line.supplier_id,
            sku=line.sku,
            quantity=line.quantity if data.quantity is UNSET else Decimal(data.quantity),
            unit=line.unit if data.unit is UNSET else data.unit,
        )
        (looked,) = await look_at(tx, caller, [wanted], cart.currency)
        if isinstance(looked, RefusedLine):
            raise invalid(f"/{looked.field}", looked.code, looked.detail)
        values: dict[str, Any] = {
            "quantity": looked.quantity,
            "unit": looked.unit,
            **shown_columns(looked.answer),
        }
        if data.requested_on is not UNSET:
            values["requested_on"] = data.requested_on
        if data.cost_centre is not UNSET:
            values["cost_centre"] = data.cost_centre
        await tx.execute(update(CartLineRow).where(CartLineRow.id == line_id).values(**values))
        now = await touched(tx, cart)
        before = {"quantity": line.quantity, "unit": line.unit}
        after = {"line": line_id, "quantity": looked.quantity, "unit": looked.unit}
        tx.record("cart.line_changed", "cart", cart_id, before=before, after=after)
        return CartLinesAdded(cart_id, now, await _count(tx, cart_id), [], [])


@retries_conflicts
async def take_line_out(
    platform: Platform, caller: Caller, cart_id: UUID, line_id: UUID, version: int
) -> CartLinesAdded:
    """Take a line out of a cart; raises NotFound, StaleVersion, WrongState."""
    caller.require("carts:write")
    async with transaction(platform, caller) as tx:
        cart = await locked_cart(tx, caller, cart_id)
        _check_version(cart, version)
        CART.after(CartState(cart.state), "change")
        line = await _line(tx, cart_id, line_id)
        await tx.execute(delete(CartLineRow).where(CartLineRow.id == line_id))
        now = await touched(tx, cart)
        before = {"line": line_id, "sku": line.sku, "quantity": line.quantity}
        tx.record("cart.line_removed", "cart", cart_id, before=before)
        return CartLinesAdded(cart_id, now, await _count(tx, cart_id), [], [])
