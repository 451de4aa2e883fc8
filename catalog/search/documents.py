"""Keep the documents products are found by in step with what they follow from.

Triggers write them for products and their texts, in the statement that changes these. What a
category or an attribute is called may stand in a hundred thousand documents: there the trigger only
sets a timer, and the worker writes them anew, batch by batch. Each batch counts as a change of the
catalog: answers kept since the category's own change were made of the documents before.
"""

from typing import Final
from uuid import UUID

from sqlalchemy import Uuid, bindparam, text

from marketplace.kernel.limits import SEARCH_INDEX_BATCH
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.feature import Timer

_BATCH: Final = text("""
with batch as (
    select p.id from products p join categories c on c.id = p.category_id
    where c.path @> array[:category_id] and p.id > :after
    order by p.id limit :most
), written as materialized (
    select search_index(array(select id from batch))
), counted as (
    insert into catalog_changes (changes) values (1)
)
select last.id from (select id from batch order by id desc limit 1) as last, written
""").bindparams(bindparam("category_id", type_=Uuid), bindparam("after", type_=Uuid))


async def index_category(platform: Platform, category_id: UUID) -> None:
    """Write the documents of the products in a category and below; harmless when repeated."""
    after: UUID | None = UUID(int=0)
    while after is not None:
        values = {"category_id": category_id, "after": after, "most": SEARCH_INDEX_BATCH}
        async with system_transaction(platform, Role.WORKER) as tx:
            after = await tx.scalar(_BATCH, values)


TIMER: Final = Timer("search_category", index_category)
