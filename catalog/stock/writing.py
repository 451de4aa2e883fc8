"""From staged rows to stock: checked and written as sets.

A request of one line and a file of a million take the same way: `stage_stock`, `check_staged_stock`
(refuse the lines it names, `unstage` them), `write_staged_stock`. The newest source version of an
(offer, location) wins, within a batch as well as against what is known.
"""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Text, bindparam, text

from catalog.row_error import RowError
from catalog.staging import row_errors, stage
from catalog.stock.rules import Outcome, outcome
from catalog.stock.tables import StagedStockRow
from catalog.stock.turning import tell_reported
from marketplace.kernel.units import MEASURED
from marketplace.platform.database import Transaction


class StockRecord(msgspec.Struct, frozen=True):
    """What lies of one SKU at one location, as a supplier's system says; `line` is its place."""

    line: int
    sku: str
    location: str
    on_hand: Decimal
    source_version: int


async def stage_stock(
    tx: Transaction, batch_id: UUID, supplier_id: UUID, records: Sequence[StockRecord]
) -> None:
    """Stage stock of one supplier; call `check_staged_stock` and `write_staged_stock` after it."""
    fixed = {"batch_id": batch_id, "organization_id": supplier_id, "outcome": None}
    rows = [(r.line, r.sku, r.location, r.on_hand, r.source_version) for r in records]
    await stage(tx, StagedStockRow, fixed, rows)


_ERRORS: Final = text("""
select s.line, 'sku' as column, 'unknown_sku' as code,
       'You have no offer with this SKU.' as detail, s.sku as value
from staged_stock s
left join offers o on o.supplier_id = s.organization_id and o.sku = s.sku
where s.batch_id = :batch_id and o.id is null
union all
select s.line, 'location', 'unknown_location', 'You have no location with this code.', s.location
from staged_stock s
left join stock_locations l on l.supplier_id = s.organization_id and l.code = s.location
where s.batch_id = :batch_id and l.id is null
union all
select s.line, 'on_hand', 'too_many_decimals',
       'A quantity in ' || o.unit || ' has no decimals.', trim_scale(s.on_hand)::text
from staged_stock s
join offers o on o.supplier_id = s.organization_id and o.sku = s.sku
where s.batch_id = :batch_id and s.on_hand <> trunc(s.on_hand) and o.unit <> all (:measured)
order by line
limit :most
""").bindparams(bindparam("measured", sorted(MEASURED), ARRAY(Text)))


async def check_staged_stock(tx: Transaction, batch_id: UUID) -> list[RowError]:
    """Find SKUs and locations the supplier does not have, and parts of whole things."""
    return await row_errors(tx, _ERRORS, batch_id=batch_id)


# Levels are written, and so locked, in the order in which orders lock them. What left since the
# report is in the report: `on_hand` begins anew.
_WRITE: Final = text("""
with given as (
    select distinct on (o.id, l.id)
           s.line, o.id as offer_id, l.id as location_id, s.organization_id, s.on_hand,
           s.source_version
    from staged_stock s
    join offers o on o.supplier_id = s.organization_id and o.sku = s.sku
    join stock_locations l on l.supplier_id = s.organization_id and l.code = s.location
    where s.batch_id = :batch_id
    order by o.id, l.id, s.source_version desc, s.line
), written as (
    insert into stock_levels as known (offer_id, location_id, supplier_id, reported, source_version,
                                       on_hand)
    select offer_id, location_id, organization_id, on_hand, source_version, on_hand
    from given order by offer_id, location_id
    on conflict (offer_id, location_id) do update
    set reported = excluded.reported, source_version = excluded.source_version,
        on_hand = excluded.on_hand, version = known.version + 1, updated_at = clock()
    where excluded.source_version > known.source_version
    returning offer_id, location_id
)
update staged_stock s set outcome = 'set'
from written join given on given.offer_id = written.offer_id
                       and given.location_id = written.location_id
where s.batch_id = :batch_id and s.line = given.line
""")


async def write_staged_stock(tx: Transaction, batch_id: UUID) -> int:
    """Write what is newer than known; give how many levels that set, and tell of turns."""
    await tell_reported(tx, batch_id)
    return await tx.execute(_WRITE.bindparams(batch_id=batch_id))


_OUTCOMES: Final = text("""
select s.line, s.sku, s.location, s.on_hand, s.source_version, s.outcome,
       v.offer_id, v.reported, v.source_version as version_in_force, v.on_hand as on_hand_now,
       v.reserved, v.version
from staged_stock s
join offers o on o.supplier_id = s.organization_id and o.sku = s.sku
join stock_locations l on l.supplier_id = s.organization_id and l.code = s.location
join stock_levels v on v.offer_id = o.id and v.location_id = l.id
where s.batch_id = :batch_id and s.line > :after
order by s.line
limit :most
""")


async def staged_stock_outcomes(
    tx: Transaction, batch_id: UUID, *, after: int = 0, most: int = 1_000
) -> list[tuple[Any, Outcome]]:
    """Give the staged rows, each with what became of it, in the order of lines."""
    statement = _OUTCOMES.bindparams(batch_id=batch_id, after=after, most=most)
    return [(row, _outcome(row)) for row in await tx.all(statement)]


def _outcome(row: Any) -> Outcome:
    if row.outcome is not None:
        return Outcome(row.outcome)
    return outcome(row.on_hand, row.source_version, row.reported, row.version_in_force)


async def count_staged_stock(tx: Transaction, batch_id: UUID) -> Counter[Outcome]:
    """Count what became of the staged rows, a thousand at a time."""
    counted: Counter[Outcome] = Counter()
    after = 0
    while outcomes := await staged_stock_outcomes(tx, batch_id, after=after):
        counted.update(one for _, one in outcomes)
        after = outcomes[-1][0].line
    return counted
