"""Very many prices on their way into a draft: COPY, and one statement where all is well.

The rows go into a table of the session's own (`open_price_import`, a function of the migration). A
list that is still empty is filled from there by one INSERT, in which whatever is not as it should
be becomes a null that the table refuses. Then, and for a list that has prices, they take the way
of a small batch (`catalog.price_lists.entries`), which names every error and writes what differs.
"""

from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from typing import Final, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from catalog.imports.rows import PlainRows
from catalog.price_lists.entries import PricesWritten
from catalog.price_lists.rules import ALWAYS, FOREVER, PriceRecord
from catalog.price_lists.tables import OPEN
from marketplace.kernel.limits import TIERS_MAX
from marketplace.platform.database import Transaction

_COLUMNS: Final = (
    "line",
    "tier",
    "sku",
    "unit",
    "minimum_quantity",
    "amount",
    "basis",
    "valid_from",
    "valid_until",
    "volume_mode",
)
_WORK_MEMORY: Final = "96MB"
"""For hashing and sorting the rows of one import."""


async def open_loading(tx: Transaction) -> None:
    """Make the table that the rows of this transaction go into."""
    await tx.execute(text("select open_price_import()"))
    await tx.execute(text(f"set local work_mem = '{_WORK_MEMORY}'"))


async def load(
    tx: Transaction, batches: AsyncIterator[Sequence[PriceRecord | PlainRows]]
) -> frozenset[str]:
    """Load rows while they are read, by one COPY for as long as their columns stay the same.

    Gives the columns that any of them has. A tier without a unit has '' and a basis of 0, see
    `complete`.
    """
    connection = await tx.raw()
    pieces = _as_lines(batches)
    piece = await anext(pieces, None)
    loaded: set[str] = set()

    async def run(columns: tuple[str, ...]) -> AsyncIterator[bytes]:
        nonlocal piece
        while piece is not None and piece.columns == columns:
            yield piece.text
            piece = await anext(pieces, None)

    while piece is not None:
        loaded.update(piece.columns)
        await connection.copy_to_table(
            "import_prices",
            source=run(piece.columns),
            schema_name="pg_temp",
            columns=list(piece.columns),
            null="",
        )
    return frozenset(loaded)


async def _as_lines(
    batches: AsyncIterator[Sequence[PriceRecord | PlainRows]],
) -> AsyncIterator[PlainRows]:
    async for batch in batches:
        for plain, rows in groupby(batch, lambda row: isinstance(row, PlainRows)):
            if plain:
                for lines in rows:
                    yield cast("PlainRows", lines)
            else:
                made = [_line(cast("PriceRecord", row)) for row in rows]
                yield PlainRows(_COLUMNS, "".join(made).encode(), len(made))


def _line(record: PriceRecord) -> str:
    begins = "" if record.valid_from == ALWAYS else record.valid_from.isoformat()
    ends = "" if record.valid_until == FOREVER else record.valid_until.isoformat()
    sku = record.sku.replace("\\", "\\\\")
    basis = f"{record.basis:f}" if record.basis else ""
    return (
        f"{record.line}\t{record.tier}\t{sku}\t{record.unit}\t{record.minimum_quantity:f}\t"
        f"{record.amount:f}\t{basis}\t{begins}\t{ends}\t"
        f"{record.volume_mode}\n"
    )


_COMPLETE: Final = text("""
update pg_temp.import_prices s
set unit = o.unit,
    basis = coalesce(s.basis, (
        select l.basis from price_ladders l
        where l.list_id = :list_id and l.offer_id = o.id and l.unit = o.unit
          and l.from_version <= :draft and l.until_version > :draft
        order by l.valid_from = coalesce(s.valid_from, '-infinity') desc, l.valid_from desc
        limit 1
    ), 1)
from offers o
where s.unit is null and o.supplier_id = :supplier_id and o.sku = s.sku
""")


async def complete(tx: Transaction, list_id: UUID, supplier_id: UUID, draft_version: int) -> None:
    """Give loaded rows without a unit that of their offer, and the basis the list has for it.

    A price per 100 that comes anew without its basis is still one per 100.
    """
    values = {"list_id": list_id, "supplier_id": supplier_id, "draft": draft_version}
    await tx.execute(_COMPLETE.bindparams(**values))


_IS_EMPTY: Final = text("select not exists (select from price_ladders where list_id = :list_id)")

# What must not be (an unknown SKU, two tiers of one quantity, tiers that disagree) makes a null, or
# a key twice. In the order of the key, pages of the index are written once; what is wide is made
# after the sorting.
_INSERT: Final = """
insert into price_ladders (list_id, offer_id, unit, valid_from, from_version, until_version,
                           supplier_id, valid_until, basis, volume_mode, tiers)
select :list_id, offer_id, unit, valid_from, cast(:draft as integer), :open, :supplier_id,
"""
_GIVEN: Final = """
from (
    select o.id as offer_id, s.unit, coalesce(s.valid_from, '-infinity') as valid_from,
           coalesce(s.valid_until, 'infinity') as valid_until, coalesce(s.basis, 1) as basis,
           coalesce(s.minimum_quantity, 1) as minimum_quantity, s.amount,
           coalesce(s.volume_mode, 'volume') as volume_mode
    from pg_temp.import_prices s
    left join offers o on o.supplier_id = :supplier_id and o.sku = s.sku
    order by offer_id, unit, valid_from, minimum_quantity
) as given
"""
_TIER: Final = """
'{"amount": "' || trim_scale(amount) || '", "minimum_quantity": "'
|| trim_scale(minimum_quantity) || '"}'
"""
_FILL_SINGLE: Final = text(f"""
{_INSERT} valid_until, basis, volume_mode, cast('[' || {_TIER} || ']' as jsonb)
{_GIVEN}
""")
_FILL: Final = text(f"""
{_INSERT}
       min(valid_until), min(basis), min(volume_mode),
       case when min(valid_until) = max(valid_until) and min(basis) = max(basis)
                 and min(volume_mode) = max(volume_mode)
                 and count(*) <= :tiers_max and count(*) = count(distinct minimum_quantity)
            then cast('[' || string_agg({_TIER}, ', ' order by minimum_quantity) || ']' as jsonb)
       end
{_GIVEN}
group by offer_id, unit, valid_from
""")


_SAMPLE_LITTLE: Final = text("set local default_statistics_target = 1")
_COUNT_LOADED: Final = text("analyze pg_temp.import_prices (sku)")
"""Without a guess at how many rows there are, offers are looked up one by one.

300 of them tell as much as the 30,000 that are looked at otherwise, which takes 50 ms.
"""


class Filled(PricesWritten, frozen=True, kw_only=True):
    """What filling an empty list came to: its draft has these ladders and no others.

    `cannot_overlap` where all of them begin at one instant.
    """

    cannot_overlap: bool

    @property
    def told(self) -> PricesWritten:
        """Give what the sender is told."""
        return PricesWritten(written=self.written, unchanged=self.unchanged)


_LOOK: Final = text("""
select min(coalesce(valid_from, '-infinity')) is not distinct from
           max(coalesce(valid_from, '-infinity')) as begins_together,
       min(coalesce(minimum_quantity, 1)) is not distinct from
           max(coalesce(minimum_quantity, 1)) as single
from pg_temp.import_prices
""")
"""Whether all rows begin at one instant, and whether none can be a second tier of another."""
_LOOKED_AT: Final = frozenset({"valid_from", "minimum_quantity"})


async def fill_empty_draft(
    tx: Transaction,
    list_id: UUID,
    supplier_id: UUID,
    draft_version: int,
    loaded: frozenset[str],
) -> Filled | None:
    """Write all loaded rows into the draft of a locked list that has no ladder yet.

    `loaded` are the columns they have, as `load` gives them. An offer then has one ladder in a unit
    for each beginning, so ladders that all begin together cannot overlap. Gives None, and writes
    nothing, where the list has one or anything is wrong with a row: then `to_batch` and the careful
    statements say what.
    """
    if not await tx.scalar(_IS_EMPTY.bindparams(list_id=list_id)):
        return None
    await tx.execute(_SAMPLE_LITTLE)
    await tx.execute(_COUNT_LOADED)
    values = {
        "list_id": list_id,
        "supplier_id": supplier_id,
        "draft": draft_version,
        "open": OPEN,
    }
    begins_together = single = True
    if not loaded.isdisjoint(_LOOKED_AT):
        looked_at = await tx.one(_LOOK)
        begins_together, single = looked_at.begins_together, looked_at.single
    fill = _FILL_SINGLE if single else _FILL.bindparams(tiers_max=TIERS_MAX)
    try:
        async with tx.connection.begin_nested():
            written = await tx.execute(fill.bindparams(**values))
    except IntegrityError:
        return None
    return Filled(written=written, unchanged=0, cannot_overlap=begins_together)


_TO_BATCH: Final = text("""
insert into staged_prices (batch_id, line, tier, organization_id, sku, unit, minimum_quantity,
                           amount, basis, valid_from, valid_until, volume_mode)
select :batch_id, line, tier, :supplier_id, sku, coalesce(unit, ''), coalesce(minimum_quantity, 1),
       amount,
       coalesce(basis, 1), coalesce(valid_from, '-infinity'), coalesce(valid_until, 'infinity'),
       coalesce(volume_mode, 'volume')
from pg_temp.import_prices
""")


async def to_batch(tx: Transaction, batch_id: UUID, supplier_id: UUID) -> None:
    """Hand all loaded rows on as a staged batch; see `entries.check_staged`."""
    await tx.execute(_TO_BATCH.bindparams(batch_id=batch_id, supplier_id=supplier_id))
