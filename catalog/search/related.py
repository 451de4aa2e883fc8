"""What else there is for who looks at a product: declared relations, and what is bought with it.

What is bought together follows from all orders of the marketplace, and is told only where several
buyers did it, so that nobody's buying shows: a pair that fewer than `BUYERS_TOGETHER_MIN` companies
ordered together does not exist. The worker counts anew each night. A relation is shown where the
other product is in the caller's own catalog.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, text

from catalog.price_lists.visibility import scopes_of
from catalog.search.matching import VISIBLE, statement_of
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.limits import (
    BUYERS_TOGETHER_MIN,
    PRODUCTS_TOGETHER_MAX,
    RELATED_SHOWN,
    TOGETHER_DAYS,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, hot_rows, system_transaction
from marketplace.platform.feature import Timer
from marketplace.platform.timers import set_timer

# ruff: noqa: S608 - parts of statements are put together, values never

KINDS: Final = ("accessory", "spare_part", "substitute", "bundle", "bought_together")
_EVERY: Final = timedelta(days=1)

_RELATED: Final = statement_of(
    f"""
    select kind, related_id from (
        select kind, related_id, row_number() over (
                   partition by kind order by position, related_id) as place
        from (
            select kind, related_id, position from product_relations where product_id = :item_id
            union all
            select 'bought_together', related_id, -buyers from bought_together
            where product_id = :item_id
        ) as related
        join products on products.id = related.related_id
        where products.state in ('proposed', 'active')
          and exists (select from offers where offers.product_id = related_id and {VISIBLE})
    ) as shown
    where place <= :most
    order by kind, place
    """,
    bindparam("item_id", type_=Uuid),
    bindparam("most", type_=Integer),
)


async def related_ids(platform: Platform, caller: Caller, item_id: UUID) -> dict[str, list[UUID]]:
    """Give the products related to one, by kind, of those in the caller's catalog."""
    values = {"item_id": item_id, "scopes": scopes_of(caller.path), "most": RELATED_SHOWN}
    found: dict[str, list[UUID]] = {kind: [] for kind in KINDS}
    for kind, related_id in await hot_rows(platform, caller, _RELATED, values):
        found[kind].append(related_id)
    return found


# An order that names a hundred products says little of any two of them, and has ten thousand pairs.
_COUNT: Final = text("""
with bought as (
    select distinct l.order_id, l.buyer_id, f.product_id
    from orders o
    join order_lines l on l.order_id = o.id
    join offers f on f.supplier_id = l.supplier_id and f.sku = l.sku
    where o.placed_at > clock() - make_interval(days => :days) and f.product_id is not null
), small as (
    select order_id from bought group by order_id having count(*) between 2 and :products_max
), pairs as (
    select a.product_id, b.product_id as related_id, count(distinct a.buyer_id) as buyers
    from small
    join bought a on a.order_id = small.order_id
    join bought b on b.order_id = a.order_id and b.product_id <> a.product_id
    group by a.product_id, b.product_id
    having count(distinct a.buyer_id) >= :buyers_min
), gone as (
    delete from bought_together t
    where not exists (
        select from pairs p where p.product_id = t.product_id and p.related_id = t.related_id)
)
insert into bought_together as t (product_id, related_id, buyers)
select product_id, related_id, buyers from pairs
on conflict (product_id, related_id) do update set buyers = excluded.buyers
where t.buyers <> excluded.buyers
""")


async def count_together(platform: Platform, _subject_id: UUID) -> None:
    """Count anew what is bought together, and come again in a day."""
    values = {
        "days": TOGETHER_DAYS,
        "products_max": PRODUCTS_TOGETHER_MAX,
        "buyers_min": BUYERS_TOGETHER_MIN,
    }
    async with system_transaction(platform, Role.WORKER) as tx:
        await tx.execute(_COUNT, values)
        await set_timer(tx, TIMER.kind, PUBLIC, await tx.clock() + _EVERY)


TIMER: Final = Timer("count_bought_together", count_together)


@asynccontextmanager
async def keep_counting(platform: Platform) -> AsyncIterator[None]:
    """Count when a worker starts; that it happens twice does no harm."""
    async with system_transaction(platform, Role.WORKER) as tx:
        await set_timer(tx, TIMER.kind, PUBLIC, tx.opened_at)
    yield
