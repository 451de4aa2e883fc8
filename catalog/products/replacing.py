"""Take products out of the catalog: discontinued, or merged into what they turned out to be."""

from uuid import UUID

from sqlalchemy import delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert as postgres_insert

from catalog.categories.service import WRITE, attributes_of
from catalog.products.lifecycle import MACHINE, Action, ProductState, check_replacement
from catalog.products.reading import product_view, summary
from catalog.products.records import as_engine, locked, set_product, tell
from catalog.products.schemas import DiscontinueInput, MergedView, MergeInput, ProductView
from catalog.products.tables import OfferRow, ProductRelationRow, ProductRow
from marketplace.kernel.errors import Conflict, invalid
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction


@retries_conflicts
async def discontinue_product(
    platform: Platform, caller: Caller, product_id: UUID, version: int, data: DiscontinueInput
) -> ProductView:
    """Take a product out of the catalog, or name another replacement of one that is out.

    For the operator. Raises NotFound, StaleVersion, WrongState, and InvalidInput for a replacement
    that is not active.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        before = await locked(tx, product_id, version)
        if before.merged_into is not None:
            raise Conflict("This product turned out to be another one, which takes its place.")
        gone = before.state == ProductState.DISCONTINUED.value
        action = Action.REPLACE if gone else Action.DISCONTINUE
        state = MACHINE.after(ProductState(before.state), action)
        if data.replacement_id is not None:
            await _check_heir(tx, product_id, data.replacement_id, "/replacement_id")
        values = {"state": state.value, "replacement_id": data.replacement_id}
        row = await set_product(tx, product_id, values)
        await tell(tx, "product.discontinued", before, row)
        return await product_view(tx, row, caller, await attributes_of(tx, row.category_id))


async def _check_heir(tx: Transaction, product_id: UUID, heir_id: UUID, pointer: str) -> None:
    """Lock what is to take a product's place and check that it can."""
    heir = await tx.maybe(
        select(ProductRow.state, ProductRow.replacement_id)
        .where(ProductRow.id == heir_id)
        .with_for_update(read=True)
    )
    if heir is None:
        raise invalid(pointer, "unknown_product", "There is no such product.")
    line = {} if heir.replacement_id is None else {heir_id: heir.replacement_id}
    check_replacement(product_id, heir_id, ProductState(heir.state), line, pointer)


@retries_conflicts
async def merge_product(
    platform: Platform, caller: Caller, product_id: UUID, version: int, data: MergeInput
) -> MergedView:
    """Make a proposed product one with another: its offers move there, and its numbers lead there.

    For the operator. Raises NotFound, StaleVersion, WrongState, and InvalidInput for a product that
    is not active.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        before = await locked(tx, product_id, version, alone=True)
        state = MACHINE.after(ProductState(before.state), Action.MERGE)
        await _check_heir(tx, product_id, data.product_id, "/product_id")
        values = {
            "state": state.value,
            "replacement_id": data.product_id,
            "merged_into": data.product_id,
        }
        row = await set_product(tx, product_id, values)
        await tell(tx, "product.merged", before, row, {"merged_into": data.product_id})
        moved = await _move_offers(tx, product_id, data.product_id)
        await _move_relations(tx, product_id, data.product_id)
        return MergedView(**summary(row), offers_moved=moved)


async def _move_offers(tx: Transaction, product_id: UUID, target_id: UUID) -> int:
    async with as_engine(tx):
        return await tx.execute(
            update(OfferRow)
            .where(OfferRow.product_id == product_id)
            .values(product_id=target_id, version=OfferRow.version + 1, updated_at=func.clock())
        )


async def _move_relations(tx: Transaction, product_id: UUID, target_id: UUID) -> None:
    """Let what is related to a merged product be related to the other one, where it is not yet."""
    relation = ProductRelationRow
    await tx.execute(
        postgres_insert(relation)
        .from_select(
            ["product_id", "related_id", "kind", "position"],
            select(relation.product_id, literal(target_id), relation.kind, relation.position).where(
                relation.related_id == product_id, relation.product_id != target_id
            ),
        )
        .on_conflict_do_nothing()
    )
    await tx.execute(delete(relation).where(relation.related_id == product_id))
