"""Keep the relations between products; for the operator."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, insert, select

from catalog.categories.rules import refuse
from catalog.categories.service import WRITE, attributes_of
from catalog.products.content import Relation, RelationKind, check_relations
from catalog.products.reading import product_view
from catalog.products.records import facts, locked, set_product
from catalog.products.schemas import ProductView, RelationsInput
from catalog.products.tables import ProductRelationRow, ProductRow
from marketplace.kernel.errors import FieldError
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction


@retries_conflicts
async def put_relations(
    platform: Platform, caller: Caller, product_id: UUID, version: int, data: RelationsInput
) -> ProductView:
    """Set all relations of a product; for the operator.

    Raises NotFound, StaleVersion, and InvalidInput for each that leads to nothing or to itself.
    """
    caller.require(WRITE)
    relations = [Relation(each.product_id, RelationKind(each.kind)) for each in data.relations]
    check_relations(product_id, relations)
    async with transaction(platform, caller) as tx:
        before = await locked(tx, product_id, version)
        await _check_related(tx, relations)
        await tx.execute(
            delete(ProductRelationRow).where(ProductRelationRow.product_id == product_id)
        )
        rows = [
            {
                "product_id": product_id,
                "related_id": each.related_id,
                "kind": each.kind.value,
                "position": place,
            }
            for place, each in enumerate(relations)
        ]
        if rows:
            await tx.execute(insert(ProductRelationRow), rows)
        row = await set_product(tx, product_id, {})
        tx.record("product.related", "product", product_id, before=facts(before), after=facts(row))
        return await product_view(tx, row, caller, await attributes_of(tx, row.category_id))


async def _check_related(tx: Transaction, relations: Sequence[Relation]) -> None:
    identifiers = {each.related_id for each in relations}
    rows = await tx.all(select(ProductRow.id).where(ProductRow.id.in_(identifiers)))
    there = {row.id for row in rows}
    refuse(
        [
            FieldError(
                f"/relations/{place}/product_id", "unknown_product", "There is no such product."
            )
            for place, each in enumerate(relations)
            if each.related_id not in there
        ]
    )
