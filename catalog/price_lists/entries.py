"""From staged tiers to the draft of a list, and from the draft to a version; as sets.

A ladder lives in a range of versions. Setting one in the draft ends the ladder with its key at the
next version and adds the new one from there, so a published version never changes and a publication
writes only what differs. All of it happens under the list's row lock.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import text

from catalog.price_lists.rules import PriceRecord, span
from catalog.price_lists.tables import DRAFT, OPEN, StagedPriceRow
from catalog.row_error import RowError
from catalog.staging import row_errors, stage
from marketplace.kernel.limits import OVERLAPS_TOLD_MAX, TIERS_MAX
from marketplace.platform.database import Transaction


class PricesWritten(msgspec.Struct, frozen=True, kw_only=True):
    """What writing a batch of ladders came to."""

    written: int
    unchanged: int


async def stage_prices(
    tx: Transaction, batch_id: UUID, supplier_id: UUID, records: Sequence[PriceRecord]
) -> None:
    """Stage tiers; call `check_staged` and `write_staged` when all are there."""
    fixed = {"batch_id": batch_id, "organization_id": supplier_id}
    values = [
        (
            r.line,
            r.tier,
            r.sku,
            r.unit,
            r.minimum_quantity,
            r.amount,
            r.basis,
            r.valid_from,
            r.valid_until,
            r.volume_mode,
        )
        for r in records
    ]
    await stage(tx, StagedPriceRow, fixed, values)


_ERRORS: Final = text("""
select s.line, 'sku' as column, 'unknown_sku' as code,
       'You have no offer with this SKU.' as detail, s.sku as value
from staged_prices s
left join offers o on o.supplier_id = s.organization_id and o.sku = s.sku
where s.batch_id = :batch_id and o.id is null
union all
select line, 'minimum_quantity', 'duplicate',
       'The tier from ' || trim_scale(minimum_quantity) || ' stands on line ' || first_line
       || ' already.', trim_scale(minimum_quantity)::text
from (
    select line, minimum_quantity, row_number() over same as place,
           first_value(line) over same as first_line
    from staged_prices where batch_id = :batch_id
    window same as (partition by sku, unit, valid_from, minimum_quantity order by line, tier)
) as numbered
where place > 1
union all
select line,
       case when basis <> first_basis then 'basis' when volume_mode <> first_mode then 'volume_mode'
            else 'valid_until' end,
       'contradiction',
       'Line ' || first_line || ' of the same ladder says otherwise.',
       case when basis <> first_basis then trim_scale(basis)::text
            when volume_mode <> first_mode then volume_mode else valid_until::text end
from (
    select line, basis, valid_until, volume_mode, first_value(basis) over same as first_basis,
           first_value(valid_until) over same as first_until,
           first_value(volume_mode) over same as first_mode,
           first_value(line) over same as first_line
    from staged_prices where batch_id = :batch_id
    window same as (partition by sku, unit, valid_from order by line, tier)
) as numbered
where (basis, valid_until, volume_mode)
    is distinct from (first_basis, first_until, first_mode)
union all
select line, '', 'too_many_tiers', 'A ladder has at most ' || :tiers_max || ' tiers.', ''
from (
    select line, row_number() over (partition by sku, unit, valid_from order by line, tier) as place
    from staged_prices where batch_id = :batch_id
) as numbered
where place > :tiers_max
order by line
limit :most
""")


async def check_staged(tx: Transaction, batch_id: UUID) -> list[RowError]:
    """Find what only the whole batch shows: unknown SKUs, tiers that contradict each other."""
    return await row_errors(tx, _ERRORS, batch_id=batch_id, tiers_max=TIERS_MAX)


_LADDERS: Final = """
with given as (
    select o.id as offer_id, s.unit, s.valid_from, min(s.valid_until) as valid_until,
           min(s.basis) as basis, min(s.volume_mode) as volume_mode, o.supplier_id,
           jsonb_agg(jsonb_build_object('minimum_quantity', trim_scale(s.minimum_quantity)::text,
                                        'amount', trim_scale(s.amount)::text)
                     order by s.minimum_quantity) as tiers
    from staged_prices s
    join offers o on o.supplier_id = s.organization_id and o.sku = s.sku
    where s.batch_id = :batch_id
    group by o.id, o.supplier_id, s.unit, s.valid_from
)
"""

# Equal ladders leave in a statement of their own: looked up by the one that inserts, an empty table
# would be scanned for every row, and grow meanwhile.
_DROP_EQUAL: Final = text(
    _LADDERS  # noqa: S608 - our own text; it only looks like a stranger's
    + """, same as (
    select g.offer_id, g.unit, g.valid_from
    from given g
    join price_ladders l
        on l.list_id = :list_id and l.offer_id = g.offer_id and l.unit = g.unit
       and l.valid_from = g.valid_from and l.from_version <= :draft and l.until_version > :draft
    where (l.valid_until, l.basis, l.volume_mode, l.tiers)
        = (g.valid_until, g.basis, g.volume_mode, g.tiers)
), dropped as (
    delete from staged_prices s using same, offers o
    where s.batch_id = :batch_id and o.id = same.offer_id and o.supplier_id = s.organization_id
      and o.sku = s.sku and s.unit = same.unit and s.valid_from = same.valid_from
)
select count(*) from same
"""
)

_END_REPLACED: Final = text(
    _LADDERS
    + """
update price_ladders l set until_version = :draft
from given g
where l.list_id = :list_id and l.offer_id = g.offer_id and l.unit = g.unit
  and l.valid_from = g.valid_from and l.from_version < :draft and l.until_version > :draft
"""
)

_ADD: Final = text(
    _LADDERS
    + """
insert into price_ladders as l (list_id, offer_id, unit, valid_from, from_version, until_version,
                                supplier_id, valid_until, basis, volume_mode, tiers)
select :list_id, offer_id, unit, valid_from, cast(:draft as integer), :open, supplier_id,
       valid_until, basis, volume_mode, tiers
from given
on conflict (list_id, offer_id, unit, valid_from, from_version) do update
    set valid_until = excluded.valid_until, basis = excluded.basis,
        volume_mode = excluded.volume_mode, tiers = excluded.tiers
"""
)


async def write_staged(
    tx: Transaction, batch_id: UUID, list_id: UUID, draft_version: int
) -> PricesWritten:
    """Set the staged ladders in the draft of a locked list; equal ones are left alone."""
    values = {"batch_id": batch_id, "list_id": list_id, "draft": draft_version}
    unchanged: int = await tx.scalar(_DROP_EQUAL.bindparams(**values))
    await tx.execute(_END_REPLACED.bindparams(**values))
    written = await tx.execute(_ADD.bindparams(open=OPEN, **values))
    return PricesWritten(written=written, unchanged=unchanged)


_KEYS: Final = """
with key as (
    select o.id as offer_id, k.unit, k.valid_from
    from unnest(cast(:skus as text[]), cast(:units as text[]), cast(:begins as timestamptz[]))
         as k (sku, unit, valid_from)
    join offers o on o.supplier_id = :supplier_id and o.sku = k.sku
)
"""
_REMOVE_DRAFTED: Final = text(
    _KEYS
    + """
delete from price_ladders l using key
where l.list_id = :list_id and l.from_version = :draft and l.offer_id = key.offer_id
  and l.unit = key.unit and l.valid_from = key.valid_from
"""
)
_END_REMOVED: Final = text(
    _KEYS
    + """
update price_ladders l set until_version = :draft from key
where l.list_id = :list_id and l.from_version < :draft and l.until_version > :draft
  and l.offer_id = key.offer_id and l.unit = key.unit and l.valid_from = key.valid_from
"""
)


async def remove_entries(
    tx: Transaction,
    list_id: UUID,
    supplier_id: UUID,
    draft_version: int,
    keys: Sequence[PriceRecord],
) -> int:
    """Take ladders out of the draft of a locked list; give how many there were."""
    values: dict[str, object] = {
        "list_id": list_id,
        "supplier_id": supplier_id,
        "draft": draft_version,
        "skus": [key.sku for key in keys],
        "units": [key.unit for key in keys],
        "begins": [key.valid_from for key in keys],
    }
    drafted = await tx.execute(_REMOVE_DRAFTED.bindparams(**values))
    return drafted + await tx.execute(_END_REMOVED.bindparams(**values))


_OVERLAPS: Final = text("""
select o.sku, a.unit, a.valid_from, a.valid_until, b.valid_from as other_from,
       b.valid_until as other_until
from price_ladders a
join price_ladders b
    on b.list_id = a.list_id and b.offer_id = a.offer_id and b.unit = a.unit
   and b.from_version <= :draft and b.until_version > :draft
   and b.valid_from < a.valid_until and a.valid_from < b.valid_until
   and (b.valid_from, b.from_version) <> (a.valid_from, a.from_version)
join offers o on o.id = a.offer_id
where a.list_id = :list_id and a.from_version = :draft and a.until_version > :draft
  and (b.from_version < :draft or a.valid_from < b.valid_from)
order by o.sku, a.unit, a.valid_from
limit :most
""").bindparams(DRAFT)


async def overlaps(tx: Transaction, list_id: UUID, draft_version: int) -> list[RowError]:
    """Find ladders of one offer and unit whose validities overlap in the draft of a locked list.

    Only what the draft adds can overlap anything, so the check costs what the draft does.
    """
    rows = await tx.all(
        _OVERLAPS.bindparams(list_id=list_id, draft=draft_version, most=OVERLAPS_TOLD_MAX)
    )
    return [
        RowError(
            line=0,
            column="valid_from",
            code="overlap",
            detail=(
                f"{row.sku} in {row.unit}: the price valid {span(row.valid_from, row.valid_until)}"
                f" overlaps the one valid {span(row.other_from, row.other_until)}."
            ),
            value=row.sku,
        )
        for row in rows
    ]


_COUNT_LADDERS: Final = text("""
select (select count(*) from price_ladders where list_id = :list_id and from_version = :draft)
     + (select count(*) from price_ladders
        where list_id = :list_id and until_version = :draft and from_version < :draft)
""").bindparams(DRAFT)
_COUNT_DISCOUNTS: Final = text("""
select (select count(*) from price_discounts where list_id = :list_id and from_version = :draft)
     + (select count(*) from price_discounts
        where list_id = :list_id and until_version = :draft and from_version < :draft)
""")


async def count_changes(
    tx: Transaction, list_id: UUID, draft_version: int, *, ladders: int | None = None
) -> int:
    """Count the ladders (unless that is known) and discounts that the draft adds or ends."""
    values = {"list_id": list_id, "draft": draft_version}
    if ladders is None:
        ladders = int(await tx.scalar(_COUNT_LADDERS.bindparams(**values)))
    discounts: int = await tx.scalar(_COUNT_DISCOUNTS.bindparams(**values))
    return ladders + discounts
