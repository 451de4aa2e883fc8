"""Make price lists and fill their drafts."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import (
    Row,
    and_,
    func,
    insert,
    select,
)

from catalog.price_lists import entries as drafts
from catalog.price_lists.assigning import assign
from catalog.price_lists.reading import LIST_COLUMNS, list_view, locked_list
from catalog.price_lists.rules import ALWAYS, FOREVER, PriceRecord, bounded, check_list
from catalog.price_lists.schemas import (
    PriceEntriesInput,
    PriceEntriesView,
    PriceEntryInput,
    PriceEntryView,
    PriceListInput,
    PriceListView,
    PriceTierView,
)
from catalog.price_lists.tables import (
    PriceLadderRow,
    PriceListRow,
    StagedPriceRow,
)
from catalog.pricing.terms import Ladder, Level, Tier
from catalog.products.tables import OfferRow
from catalog.row_error import RowError
from catalog.staging import unstage
from marketplace.kernel.errors import FieldError, InvalidInput, invalid
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.ids import new_id
from marketplace.kernel.units import check_unit
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    retries_conflicts,
    transaction,
)
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.http.schemas import shown_quantity
from marketplace.platform.idempotency import IdempotencyKey, keep, replay


async def create_price_list(
    platform: Platform, caller: Caller, data: PriceListInput, key: IdempotencyKey
) -> PriceListView:
    """Make an empty list. A base list is everybody's at once; others wait for assignments.

    Raises InvalidInput, and Conflict where a base list of this priority exists.
    """
    caller.require("prices:write")
    valid = (_utc(data.valid_from) or ALWAYS, _utc(data.valid_until) or FOREVER)
    check_list(data.currency, data.priority, valid)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, PriceListView)) is not None:
            return earlier
        row = await tx.one(
            insert(PriceListRow)
            .values(
                id=new_id(),
                supplier_id=caller.organization_id,
                name=data.name,
                level=data.level,
                currency=data.currency,
                priority=data.priority,
                mode=data.mode,
                valid_from=valid[0],
                valid_until=valid[1],
                published_version=0,
            )
            .returning(*LIST_COLUMNS)
        )
        if row.level == Level.BASE:
            await assign(tx, row, PUBLIC, PUBLIC)
        view = list_view(row, 0)
        tx.record("price_list.created", "price_list", view.id, after={"name": view.name})
        return await keep(tx, key, view)


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)


@retries_conflicts
async def put_entries(
    platform: Platform, caller: Caller, list_id: UUID, data: PriceEntriesInput
) -> PriceEntriesView:
    """Set and remove ladders in the draft of a list; all or none.

    Raises NotFound, and InvalidInput with a pointer for every entry that is wrong.
    """
    caller.require("prices:write")
    records = _records(data.entries)
    keys = [
        PriceRecord(line, key.sku, key.unit, Decimal(1), Decimal(0), valid_from=_begin(key))
        for line, key in enumerate(data.removed)
    ]
    async with transaction(platform, caller) as tx:
        row = await locked_list(tx, caller, list_id)
        draft, batch_id = row.published_version + 1, new_id()
        removed = await drafts.remove_entries(tx, list_id, row.supplier_id, draft, keys)
        await drafts.stage_prices(tx, batch_id, row.supplier_id, records)
        _refuse(await drafts.check_staged(tx, batch_id))
        written = await drafts.write_staged(tx, batch_id, list_id, draft)
        await unstage(tx, StagedPriceRow, batch_id, None)
        after = {"written": written.written, "removed": removed, "draft_version": draft}
        tx.record("price_list.drafted", "price_list", list_id, after=after)
    return PriceEntriesView(
        draft_version=draft,
        written=written.written,
        unchanged=written.unchanged,
        removed=removed,
    )


def _begin(entry: Any) -> datetime:
    return _utc(entry.valid_from) or ALWAYS


def _records(given: Iterable[PriceEntryInput]) -> list[PriceRecord]:
    """Check ladders one by one and take them apart into tiers; a line is an entry, from 1 on."""
    records: list[PriceRecord] = []
    errors: list[FieldError] = []
    for place, entry in enumerate(given):
        try:
            records += _tiers(place, entry)
        except InvalidInput as error:
            errors += error.errors
    if errors:
        raise InvalidInput("Some entries cannot be taken.", errors=errors)
    return records


def _tiers(place: int, entry: PriceEntryInput) -> list[PriceRecord]:
    pointer = f"/entries/{place}"
    check_unit(entry.unit, f"{pointer}/unit")
    tiers = tuple(Tier(Decimal(t.minimum_quantity), Decimal(t.amount)) for t in entry.tiers)
    basis = Decimal(entry.basis)
    Ladder.checked(tiers, entry.unit, basis=basis, pointer=pointer)
    begin, end = _begin(entry), _utc(entry.valid_until) or FOREVER
    if begin >= end:
        detail = "valid_until must be later than valid_from."
        raise invalid(f"{pointer}/valid_until", "ends_before_it_begins", detail)
    return [
        PriceRecord(
            place + 1,
            entry.sku,
            entry.unit,
            tier.minimum_quantity,
            tier.amount,
            basis,
            begin,
            end,
            number,
            entry.volume_mode,
        )
        for number, tier in enumerate(tiers)
    ]


def _refuse(errors: Iterable[RowError]) -> None:
    told = [
        FieldError(
            f"/entries/{error.line - 1}/{error.column}".rstrip("/"), error.code, error.detail
        )
        for error in errors
    ]
    if told:
        raise InvalidInput("Some entries cannot be taken.", errors=told)


async def list_entries(
    platform: Platform, caller: Caller, list_id: UUID, asked: PageRequest
) -> Page[PriceEntryView]:
    """List the ladders of the draft of a list, by SKU, unit and beginning; raises NotFound."""
    caller.require("prices:write")
    ladder = PriceLadderRow
    key = func.row(OfferRow.sku, ladder.unit, ladder.valid_from)
    statement = (
        select(
            OfferRow.sku,
            ladder.unit,
            ladder.basis,
            ladder.volume_mode,
            ladder.tiers,
            ladder.from_version,
            ladder.valid_from,
            ladder.valid_until,
        )
        .join_from(ladder, OfferRow, OfferRow.id == ladder.offer_id)
        .join(
            PriceListRow,
            and_(
                PriceListRow.id == ladder.list_id,
                ladder.from_version <= PriceListRow.published_version + 1,
                ladder.until_version > PriceListRow.published_version + 1,
            ),
        )
        .where(ladder.list_id == list_id, PriceListRow.supplier_id == caller.organization_id)
        .order_by(OfferRow.sku, ladder.unit, ladder.valid_from)
        .limit(asked.fetch)
    )
    if (after := asked.key(tuple[str, str, datetime])) is not None:
        statement = statement.where(key > func.row(*after))
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
        if not rows:
            await locked_list(tx, caller, list_id)
    shown = page(asked, rows, lambda row: (row.sku, row.unit, bounded(row.valid_from) or ALWAYS))
    return Page(items=[_entry_view(row) for row in shown.items], next=shown.next)


def _entry_view(row: Row[Any]) -> PriceEntryView:
    tiers = msgspec.convert(row.tiers, tuple[Tier, ...])
    return PriceEntryView(
        sku=row.sku,
        unit=row.unit,
        basis=shown_quantity(row.basis),
        volume_mode=row.volume_mode,
        tiers=[
            PriceTierView(
                minimum_quantity=shown_quantity(tier.minimum_quantity),
                amount=shown_quantity(tier.amount),
            )
            for tier in tiers
        ],
        since_version=row.from_version,
        valid_from=bounded(row.valid_from) or UNSET,
        valid_until=bounded(row.valid_until) or UNSET,
    )
