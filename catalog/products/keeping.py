"""Keep products: add, change, accept and show them; for the operator."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert
from sqlalchemy.exc import IntegrityError

from catalog.categories.rules import missing
from catalog.categories.service import WRITE, attributes_for_values, attributes_of
from catalog.media.naming import check_media
from catalog.products.describing import checked_content, taken, write_contents
from catalog.products.lifecycle import COMPLETE, MACHINE, Action, ProductState
from catalog.products.reading import product_view
from catalog.products.records import PRODUCT, facts, locked, set_product, tell
from catalog.products.schemas import AcceptInput, ProductContent, ProductInput, ProductView
from catalog.products.tables import ProductRow
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay


async def create_product(
    platform: Platform, caller: Caller, data: ProductInput, key: IdempotencyKey
) -> ProductView:
    """Add a product; for the operator alone. Raises Conflict if its numbers are taken."""
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, ProductView)) is not None:
            return earlier
        attributes = await attributes_for_values(tx, data.category_id)
        state = ProductState(data.state)
        await check_media(tx, caller, data.media, platform.settings.public_url)
        content = checked_content(data, attributes, complete=state in COMPLETE)
        statement = insert(ProductRow).values(
            id=new_id(),
            state=state.value,
            proposed_by=caller.organization_id,
            **content.columns,
        )
        try:
            row = await tx.one(statement.returning(*PRODUCT))
            await write_contents(tx, {row.id: content}, new=True)
        except IntegrityError as error:
            raise taken(error) from error
        tx.record("product.created", "product", row.id, after=facts(row))
        return await keep(tx, key, await product_view(tx, row, caller, attributes))


async def change_product(
    platform: Platform, caller: Caller, product_id: UUID, version: int, data: ProductContent
) -> ProductView:
    """Set all that is told of a product; for the operator.

    Raises NotFound, StaleVersion, InvalidInput, and Conflict if its numbers are taken or it was
    merged: its numbers lead to the other one.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        before = await locked(tx, product_id, version)
        if before.merged_into is not None:
            raise Conflict("This product turned out to be another one; change that one.")
        await check_media(tx, caller, data.media, platform.settings.public_url)
        row = await _set_content(tx, before, data, ProductState(before.state))
        await tell(tx, "product.changed", before, row)
        return await product_view(tx, row, caller, await attributes_of(tx, row.category_id))


async def _set_content(
    tx: Transaction, before: Row[Any], data: ProductContent, state: ProductState
) -> Row[Any]:
    attributes = await attributes_for_values(tx, data.category_id)
    content = checked_content(data, attributes, complete=state in COMPLETE)
    try:
        row = await set_product(tx, before.id, {**content.columns, "state": state.value})
        await write_contents(tx, {before.id: content})
    except IntegrityError as error:
        raise taken(error) from error
    return row


async def accept_product(
    platform: Platform, caller: Caller, product_id: UUID, version: int, data: AcceptInput
) -> ProductView:
    """Take a proposed product into the catalog, as it is or corrected; for the operator.

    Raises NotFound, StaleVersion, WrongState, and InvalidInput where its category asks for more.
    """
    caller.require(WRITE)
    action = Action.ACCEPT if data.state == ProductState.ACTIVE.value else Action.KEEP_BACK
    async with transaction(platform, caller) as tx:
        before = await locked(tx, product_id, version)
        state = MACHINE.after(ProductState(before.state), action)
        if data.product is None:
            row = await set_product(tx, product_id, {"state": state.value})
        else:
            with _under("/product"):
                await check_media(tx, caller, data.product.media, platform.settings.public_url)
                row = await _set_content(tx, before, data.product, state)
        await tell(tx, "product.accepted", before, row)
        return await product_view(tx, row, caller, await attributes_of(tx, row.category_id))


@contextmanager
def _under(pointer: str) -> Iterator[None]:
    """Let errors of a part of the body point into it."""
    try:
        yield
    except InvalidInput as error:
        errors = [FieldError(f"{pointer}{e.pointer}", e.code, e.detail) for e in error.errors]
        raise InvalidInput(error.detail, errors=errors) from None


async def activate_product(
    platform: Platform, caller: Caller, product_id: UUID, version: int
) -> ProductView:
    """Show a draft to everybody; for the operator.

    Raises NotFound, StaleVersion, WrongState, and Conflict while required attributes are missing.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        before = await locked(tx, product_id, version)
        state = MACHINE.after(ProductState(before.state), Action.ACTIVATE)
        attributes = await attributes_for_values(tx, before.category_id)
        if lacking := missing(attributes, before.attributes):
            raise Conflict(f"Its category requires {', '.join(lacking)}; tell these first.")
        row = await set_product(tx, product_id, {"state": state.value})
        await tell(tx, "product.activated", before, row)
        return await product_view(tx, row, caller, await attributes_of(tx, row.category_id))
