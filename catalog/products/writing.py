"""From staged rows to products and offers: matched, proposed, written, as sets.

An offer's product is, in this order: the one named; the one with its GTIN; the one with its maker
and maker's number; the one the supplier's SKU had; else a new one, proposed by the supplier. The
numbers of a product that was merged lead to the one it was merged into. Rows that propose the same
new product (by GTIN or maker's number) get one.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import text

from catalog.products.rules import RESTRICTED, OfferRecord, maker_key
from catalog.products.tables import StagedOfferRow
from catalog.row_error import RowError
from catalog.staging import row_errors, stage
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.ids import new_id
from marketplace.platform.database import Transaction


class OffersWritten(msgspec.Struct, frozen=True, kw_only=True):
    """What writing a batch came to."""

    created: int
    changed: int
    unchanged: int
    products_proposed: int


async def stage_offers(
    tx: Transaction,
    batch_id: UUID,
    supplier_id: UUID,
    records: Sequence[OfferRecord],
    *,
    audience_id: UUID | None = None,
    product_id: UUID | None = None,
) -> None:
    """Stage offers of one supplier; call `check_staged` and `write_staged` when all are there.

    A record's own visibility comes before `audience_id`; `check_staged` settles what has neither.
    """
    fixed = {
        "batch_id": batch_id,
        "organization_id": supplier_id,
        "product_id": product_id,
    }
    await stage(tx, StagedOfferRow, fixed, [_values(record, audience_id) for record in records])


_AUDIENCES: Final = {"everybody": PUBLIC, "restricted": RESTRICTED}


def _values(record: OfferRecord, audience_id: UUID | None) -> tuple[object, ...]:
    terms = record.terms
    number_key = maker_key(record.maker_number) if record.maker and record.maker_number else None
    return (
        record.line,
        record.sku,
        record.name,
        record.description,
        record.maker,
        record.maker_number,
        maker_key(record.maker) if record.maker else None,
        number_key,
        record.gtin,
        terms.unit,
        terms.content.numerator,
        terms.content.denominator,
        terms.content_unit,
        terms.minimum_quantity,
        terms.multiple,
        terms.maximum_quantity,
        terms.lead_time_days,
        terms.tax_category,
        audience_id if record.visibility is None else _AUDIENCES[record.visibility],
        record.state,
        new_id(),
        new_id(),
    )


_ERRORS: Final = text("""
select line, 'sku' as column, 'duplicate' as code,
       'This SKU stands on line ' || first_line || ' already.' as detail, sku as value
from (
    select line, sku, min(line) over (partition by sku) as first_line
    from staged_offers where batch_id = :batch_id
) as numbered
where line > first_line
union all
select s.line, 'sku', 'not_open',
       'This offer is one buyer''s or nobody''s; change it by itself.', s.sku
from staged_offers s
join offers o on o.supplier_id = s.organization_id and o.sku = s.sku
where s.batch_id = :batch_id
  and coalesce(o.audience_id not in ('00000000-0000-0000-0000-000000000000'::uuid,
                                     '00000000-0000-0000-0000-000000000001'::uuid), true)
order by line
limit :most
""")


_SETTLE_AUDIENCE: Final = text("""
update staged_offers s
set audience_id = coalesce(
    (select o.audience_id from offers o
     where o.supplier_id = s.organization_id and o.sku = s.sku
       and o.audience_id = '00000000-0000-0000-0000-000000000001'::uuid),
    '00000000-0000-0000-0000-000000000000'::uuid)
where s.batch_id = :batch_id and s.audience_id is null
""")


async def check_staged(tx: Transaction, batch_id: UUID) -> list[RowError]:
    """Find what only the whole batch shows: an SKU that stands twice, or is not open to change.

    Offers whose visibility was not said stay open or restricted, as they are.
    """
    await tx.execute(_SETTLE_AUDIENCE.bindparams(batch_id=batch_id))
    return await row_errors(tx, _ERRORS, batch_id=batch_id)


_MATCH: Final = text("""
update staged_offers s
set product_id = coalesce(by_gtin.merged_into, by_gtin.id, by_maker.merged_into, by_maker.id,
                          own.product_id)
from staged_offers t
left join products by_gtin on by_gtin.gtin = t.gtin
left join products by_maker
    on by_maker.maker_key = t.maker_key and by_maker.maker_number_key = t.maker_number_key
left join offers own on own.supplier_id = t.organization_id and own.sku = t.sku
where t.batch_id = :batch_id and s.batch_id = t.batch_id and s.line = t.line
  and s.product_id is null
  and coalesce(by_gtin.id, by_maker.id, own.product_id) is not null
""")

# A private offer proposes nothing: what one buyer asked for is nobody else's business. A product
# that somebody else proposed in the meantime is not proposed again: the second match finds it.
_PROPOSE: Final = text("""
insert into products (id, name, description, maker, maker_number, maker_key, maker_number_key,
                      gtin, state, proposed_by)
select distinct on (coalesce('gtin ' || gtin, 'maker ' || maker_key || '/' || maker_number_key,
                             'line ' || line))
       new_product_id, name, description, maker, maker_number, maker_key, maker_number_key,
       gtin, 'proposed', organization_id
from staged_offers
where batch_id = :batch_id and product_id is null
  and audience_id = '00000000-0000-0000-0000-000000000000'::uuid
order by coalesce('gtin ' || gtin, 'maker ' || maker_key || '/' || maker_number_key,
                  'line ' || line), line
on conflict do nothing
""")

_TAKE_PROPOSED: Final = text("""
update staged_offers s set product_id = p.id
from products p
where s.batch_id = :batch_id and s.product_id is null and p.id = s.new_product_id
""")

_WRITE: Final = text("""
with written as (
    insert into offers as o (id, supplier_id, sku, product_id, name, description, unit,
                             content_numerator, content_denominator, content_unit,
                             minimum_quantity, multiple, maximum_quantity, lead_time_days,
                             tax_category, audience_id, origin, state)
    select offer_id, organization_id, sku, product_id, name, description, unit,
           content_numerator, content_denominator, content_unit, minimum_quantity, multiple,
           maximum_quantity, lead_time_days, tax_category, audience_id, 'supplier', state
    from staged_offers where batch_id = :batch_id
    on conflict (supplier_id, sku) do update set
        product_id = excluded.product_id, name = excluded.name,
        description = excluded.description, unit = excluded.unit,
        content_numerator = excluded.content_numerator,
        content_denominator = excluded.content_denominator,
        content_unit = excluded.content_unit, minimum_quantity = excluded.minimum_quantity,
        multiple = excluded.multiple, maximum_quantity = excluded.maximum_quantity,
        lead_time_days = excluded.lead_time_days, tax_category = excluded.tax_category,
        audience_id = excluded.audience_id, state = excluded.state,
        version = o.version + 1, updated_at = clock()
    where (o.product_id, o.name, o.description, o.unit, o.content_numerator,
           o.content_denominator, o.content_unit, o.minimum_quantity, o.multiple,
           o.maximum_quantity, o.lead_time_days, o.tax_category, o.audience_id, o.state)
       is distinct from
          (excluded.product_id, excluded.name, excluded.description, excluded.unit,
           excluded.content_numerator, excluded.content_denominator, excluded.content_unit,
           excluded.minimum_quantity, excluded.multiple, excluded.maximum_quantity,
           excluded.lead_time_days, excluded.tax_category, excluded.audience_id, excluded.state)
    returning version
)
select count(*) filter (where version = 1) as created,
       count(*) filter (where version > 1) as changed,
       (select count(*) from staged_offers where batch_id = :batch_id) as staged
from written
""")


# A product may have been merged into another since it was matched: its row was locked then, and the
# offers of it waited. What waited is moved as the others were.
_FOLLOW: Final = text("""
update offers o set product_id = p.merged_into
from staged_offers s
join products p on p.id = s.product_id and p.merged_into is not null
where s.batch_id = :batch_id and o.supplier_id = s.organization_id and o.sku = s.sku
""")


async def write_staged(tx: Transaction, batch_id: UUID) -> OffersWritten:
    """Match staged offers to products, propose the missing ones, and write what differs."""
    await tx.execute(_MATCH.bindparams(batch_id=batch_id))
    proposed = await tx.execute(_PROPOSE.bindparams(batch_id=batch_id))
    # Also where nothing was proposed: another import may have proposed all of it a moment before.
    await tx.execute(_MATCH.bindparams(batch_id=batch_id))
    await tx.execute(_TAKE_PROPOSED.bindparams(batch_id=batch_id))
    row = await tx.one(_WRITE.bindparams(batch_id=batch_id))
    await tx.execute(_FOLLOW.bindparams(batch_id=batch_id))
    return OffersWritten(
        created=row.created,
        changed=row.changed,
        unchanged=row.staged - row.created - row.changed,
        products_proposed=proposed,
    )
