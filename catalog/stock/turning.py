"""Tell a supplier when stock of an offer runs out, and when there is some again.

A turn is of what can be promised over all locations: orders reserve and give back, reports set. An
offer that is stock-managed from now on has not turned.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Uuid, bindparam, select, text

from catalog.products.records import as_engine
from catalog.products.tables import OfferRow
from catalog.stock.rules import turn
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.events import Event
from marketplace.platform.database import Transaction


class Free(msgspec.Struct, frozen=True):
    """What could be promised of an offer before and after, in its unit.

    It is less than nothing where more was promised than there is.
    """

    supplier_id: UUID
    offer_id: UUID
    sku: str
    before: Decimal
    after: Decimal


def tell_turns(tx: Transaction, offers: Iterable[Free]) -> None:
    """Let turns leave to the suppliers' own systems; buyers look at what they are shown."""
    for each in offers:
        turned = turn(each.before, each.after)
        if turned is not None:
            told = {"sku": each.sku, "available": plain_decimal(max(Decimal(0), each.after))}
            audience = frozenset({each.supplier_id})
            # A sum over locations has no version of its own.
            tx.emit(Event(f"stock.{turned.value}", "stock", each.offer_id, 0, audience, told))


# Reports: what a batch will write, of the levels it has locked.

_LOCK: Final = text("""
with locked as materialized (
    select v.offer_id from stock_levels v
    where v.offer_id in (
        select o.id from staged_stock s
        join offers o on o.supplier_id = s.organization_id and o.sku = s.sku
        where s.batch_id = :batch_id
    )
    order by v.offer_id, v.location_id
    for no key update
)
select count(*) from locked
""")
_REPORTED: Final = text("""
with given as (
    select distinct on (o.id, l.id) o.id as offer_id, o.sku, o.supplier_id, l.id as location_id,
           s.on_hand, s.source_version
    from staged_stock s
    join offers o on o.supplier_id = s.organization_id and o.sku = s.sku
    join stock_locations l on l.supplier_id = s.organization_id and l.code = s.location
    where s.batch_id = :batch_id
    order by o.id, l.id, s.source_version desc, s.line
), changed as (
    select g.offer_id, g.sku, g.supplier_id, sum(g.on_hand - coalesce(v.on_hand, 0)) as more
    from given g
    left join stock_levels v on v.offer_id = g.offer_id and v.location_id = g.location_id
    where v.offer_id is null or g.source_version > v.source_version
    group by g.offer_id, g.sku, g.supplier_id
), free as (
    select v.offer_id, sum(v.on_hand - v.reserved) as before
    from stock_levels v where v.offer_id in (select offer_id from changed) group by v.offer_id
)
select c.supplier_id, c.offer_id, c.sku, f.before, f.before + c.more as after
from changed c join free f on f.offer_id = c.offer_id
where (f.before > 0) <> (f.before + c.more > 0)
""")


async def tell_reported(tx: Transaction, batch_id: UUID) -> None:
    """Lock the levels that staged stock will set, and tell which offers turn by it."""
    await tx.scalar(_LOCK.bindparams(batch_id=batch_id))
    rows = await tx.all(_REPORTED.bindparams(batch_id=batch_id))
    tell_turns(tx, [Free(**row._mapping) for row in rows])  # noqa: SLF001 - SQLAlchemy's public name


# What orders give back

_STOCK_OF: Final = text("select offer_id, on_hand, reserved from stock_of(:ids)").bindparams(
    bindparam("ids", type_=ARRAY(Uuid))
)


async def tell_given_back(tx: Transaction, released: Mapping[UUID, Decimal]) -> None:
    """Tell which offers turn by what was just given back of them; levels are locked and written."""
    ids = sorted(offer_id for offer_id, quantity in released.items() if quantity)
    if not ids:
        return
    free = {
        row.offer_id: row.on_hand - row.reserved for row in await tx.all(_STOCK_OF, {"ids": ids})
    }
    # A buyer who cancels need not see the offer any more.
    async with as_engine(tx):
        offers = await tx.all(
            select(OfferRow.id, OfferRow.supplier_id, OfferRow.sku).where(OfferRow.id.in_(free))
        )
    tell_turns(
        tx,
        [
            Free(
                each.supplier_id,
                each.id,
                each.sku,
                free[each.id] - released[each.id],
                free[each.id],
            )
            for each in offers
        ],
    )
