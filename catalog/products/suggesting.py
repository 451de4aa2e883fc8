"""What suppliers tell of products over HTTP, and what the operator makes of their suggestions."""

from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import Row, func, select, update

from catalog.categories.service import WRITE
from catalog.products.batches import ProductRecord
from catalog.products.reading import known_to, who
from catalog.products.schemas import (
    DeclineInput,
    ProductSuggestionView,
    ToldAnswer,
    ToldInput,
    ToldView,
)
from catalog.products.tables import ProductRow, ProductSuggestionRow
from catalog.products.taking import Taking
from marketplace.kernel.errors import Conflict, NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page

TELL: Final = "catalog:write"
_SUGGESTION: Final = (
    ProductSuggestionRow.id,
    ProductSuggestionRow.product_id,
    ProductSuggestionRow.supplier_id,
    ProductSuggestionRow.content,
    ProductSuggestionRow.state,
    ProductSuggestionRow.reason,
    ProductSuggestionRow.version,
    ProductSuggestionRow.created_at,
    ProductSuggestionRow.updated_at,
)


@retries_conflicts
async def tell_of_product(
    platform: Platform, caller: Caller, product_id: UUID, data: ToldInput
) -> ToldAnswer:
    """Take what is told of a product: written if it is the caller's to say, else suggested.

    Sending it again changes nothing. Raises NotFound for a product the caller does not know of, and
    InvalidInput with all that is wrong.
    """
    caller.require(TELL)
    async with transaction(platform, caller) as tx:
        known = select(ProductRow.id).where(ProductRow.id == product_id, known_to(caller))
        if await tx.maybe(known, who(caller)) is None:
            raise NotFound("There is no such product.")
        told, outcome = await _take(platform, tx, caller, product_id, data)
        answer = ToldAnswer(product_id=told, outcome=outcome)
        if outcome == "suggested":
            answer.suggestion_id = await tx.scalar(
                select(ProductSuggestionRow.id).where(
                    ProductSuggestionRow.product_id == told,
                    ProductSuggestionRow.supplier_id == caller.organization_id,
                    ProductSuggestionRow.state == "open",
                )
            )
        return answer


async def _take(
    platform: Platform, tx: Transaction, caller: Caller, product_id: UUID, data: ToldInput
) -> Any:
    """Take what is told of one product; give the product and the outcome, or raise."""
    taking = Taking(tx, caller, platform.settings.public_url)
    for _, error in await taking.take([ProductRecord(line=1, told=data, product_id=product_id)]):
        raise error
    return taking.last


async def list_suggestions(
    platform: Platform, caller: Caller, state: str | None, asked: PageRequest
) -> Page[ProductSuggestionView]:
    """List suggestions, oldest first: for the operator all, for a supplier his own."""
    caller.require(TELL)
    statement = _seen_by(caller).order_by(ProductSuggestionRow.id).limit(asked.fetch)
    if state is not None:
        statement = statement.where(ProductSuggestionRow.state == state)
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(ProductSuggestionRow.id > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [_view(row) for row in rows], lambda view: view.id)


async def read_suggestion(
    platform: Platform, caller: Caller, suggestion_id: UUID
) -> ProductSuggestionView:
    """Read a suggestion; raises NotFound."""
    caller.require(TELL)
    async with transaction(platform, caller) as tx:
        return _view(await _found(tx, caller, suggestion_id))


@retries_conflicts
async def take_suggestion(
    platform: Platform, caller: Caller, suggestion_id: UUID, version: int
) -> ProductSuggestionView:
    """Let a product say what a supplier suggested; for the operator.

    Raises NotFound, StaleVersion, Conflict where it is decided, and InvalidInput where the product
    or its category changed so that it does not fit any more.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        row = await _open(tx, caller, suggestion_id, version)
        told = msgspec.convert(row.content, ToldInput)
        await _take(platform, tx, caller, row.product_id, told)
        return _view(await _decide(tx, row, "taken", ""))


async def decline_suggestion(
    platform: Platform, caller: Caller, suggestion_id: UUID, version: int, data: DeclineInput
) -> ProductSuggestionView:
    """Leave a product as it is and tell the supplier why; for the operator.

    Raises NotFound, StaleVersion, and Conflict where it is decided.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        row = await _open(tx, caller, suggestion_id, version)
        return _view(await _decide(tx, row, "declined", data.reason))


def _seen_by(caller: Caller) -> Any:
    statement = select(*_SUGGESTION)
    if caller.may(WRITE):
        return statement
    return statement.where(ProductSuggestionRow.supplier_id == caller.organization_id)


async def _found(
    tx: Transaction, caller: Caller, suggestion_id: UUID, *, locked: bool = False
) -> Row[Any]:
    statement = _seen_by(caller).where(ProductSuggestionRow.id == suggestion_id)
    row = await tx.maybe(statement.with_for_update() if locked else statement)
    if row is None:
        raise NotFound("There is no such suggestion.")
    return row


async def _open(tx: Transaction, caller: Caller, suggestion_id: UUID, version: int) -> Row[Any]:
    row = await _found(tx, caller, suggestion_id, locked=True)
    if row.version != version:
        raise StaleVersion(f"The present version is {row.version}; read it again.")
    if row.state != "open":
        raise Conflict(f"This suggestion was {row.state} before.")
    return row


async def _decide(tx: Transaction, before: Row[Any], state: str, reason: str) -> Row[Any]:
    row = await tx.one(
        update(ProductSuggestionRow)
        .where(ProductSuggestionRow.id == before.id)
        .values(state=state, reason=reason, version=before.version + 1, updated_at=func.clock())
        .returning(*_SUGGESTION)
    )
    kind, facts = f"product.suggestion_{state}", {"product_id": row.product_id, "reason": reason}
    audience = frozenset({row.supplier_id})
    tx.emit(Event(kind, "product_suggestion", row.id, row.version, audience, facts))
    tx.record(kind, "product_suggestion", row.id, after=facts)
    return row


def _view(row: Row[Any]) -> ProductSuggestionView:
    return ProductSuggestionView(
        id=row.id,
        product_id=row.product_id,
        supplier_id=row.supplier_id,
        state=row.state,
        content=msgspec.convert(row.content, ToldView),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        reason=row.reason or UNSET,
    )
