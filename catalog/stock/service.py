"""Keep stock: settings, locations, and what lies there as a supplier's system tells it."""

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import Row, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from catalog.products.tables import OfferRow
from catalog.row_error import RowError
from catalog.staging import unstage
from catalog.stock.rules import Outcome
from catalog.stock.schemas import (
    StockInput,
    StockLevelView,
    StockLineInput,
    StockLineResult,
    StockLocationInput,
    StockLocationView,
    StockResultView,
    StockSettingsInput,
    StockSettingsView,
)
from catalog.stock.tables import (
    StagedStockRow,
    StockLevelRow,
    StockLocationRow,
    StockSettingRow,
)
from catalog.stock.writing import (
    StockRecord,
    check_staged_stock,
    stage_stock,
    staged_stock_outcomes,
    write_staged_stock,
)
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import Conflict, StaleVersion
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import STOCK_LOCATIONS_MAX
from marketplace.organizations.rules import check_country
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.http.schemas import shown_quantity

_LOCATION: Final = (
    StockLocationRow.id,
    StockLocationRow.code,
    StockLocationRow.name,
    StockLocationRow.country,
    StockLocationRow.version,
    StockLocationRow.created_at,
    StockLocationRow.updated_at,
)
_SETTING: Final = (
    StockSettingRow.shown,
    StockSettingRow.low_below,
    StockSettingRow.policy,
    StockSettingRow.version,
)

# Settings


async def read_settings(platform: Platform, caller: Caller) -> StockSettingsView:
    """Read how the caller's company treats stock."""
    caller.require("stock:read")
    async with transaction(platform, caller) as tx:
        return _settings_view(await tx.maybe(_own_settings(caller)))


def _own_settings(caller: Caller) -> Any:
    return select(*_SETTING).where(StockSettingRow.supplier_id == caller.organization_id)


def _settings_view(row: Row[Any] | None) -> StockSettingsView:
    if row is None:
        default = StockSettingsInput()
        return StockSettingsView(default.shown, default.low_below, default.policy, 0)
    return StockSettingsView(row.shown, shown_quantity(row.low_below), row.policy, row.version)


async def change_settings(
    platform: Platform, caller: Caller, data: StockSettingsInput, version: int
) -> StockSettingsView:
    """Set how stock is treated, from the next request and the next order on; raises StaleVersion.

    What is reserved stays reserved.
    """
    caller.require("stock:write")
    values = {"shown": data.shown, "low_below": Decimal(data.low_below), "policy": data.policy}
    async with transaction(platform, caller) as tx:
        before = _settings_view(await tx.maybe(_own_settings(caller).with_for_update()))
        if before.version != version:
            raise StaleVersion(f"The settings are at version {before.version}; read them again.")
        statement = (
            upsert(StockSettingRow)
            .values(supplier_id=caller.organization_id, **values)
            .on_conflict_do_update(
                index_elements=[StockSettingRow.supplier_id],
                set_={
                    **values,
                    "version": StockSettingRow.version + 1,
                    "updated_at": func.clock(),
                },
                where=StockSettingRow.version == version,
            )
            .returning(*_SETTING)
        )
        row = await tx.maybe(statement)
        if row is None:
            raise StaleVersion("The settings were changed meanwhile; read them again.")
        view = _settings_view(row)
        tx.record(
            "stock_settings.changed",
            "organization",
            caller.organization_id,
            before={"shown": before.shown, "low_below": before.low_below, "policy": before.policy},
            after={"shown": view.shown, "low_below": view.low_below, "policy": view.policy},
        )
        return view


# Locations


async def list_locations(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[StockLocationView]:
    """List the caller's own locations by code."""
    caller.require("stock:read")
    statement = _own_locations(caller).order_by(StockLocationRow.code).limit(asked.fetch)
    if (after := asked.key(str)) is not None:
        statement = statement.where(StockLocationRow.code > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [_location_view(row) for row in rows], lambda view: view.code)


def _own_locations(caller: Caller) -> Any:
    return select(*_LOCATION).where(StockLocationRow.supplier_id == caller.organization_id)


def _location_view(row: Row[Any]) -> StockLocationView:
    return StockLocationView(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name


@retries_conflicts
async def put_location(
    platform: Platform, caller: Caller, code: str, data: StockLocationInput
) -> StockLocationView:
    """Make or change the location with this code; raises InvalidInput for an unknown country."""
    caller.require("stock:write")
    check_country(data.country)
    values = {"name": data.name, "country": data.country}
    async with transaction(platform, caller) as tx:
        own = _own_locations(caller).where(StockLocationRow.code == code)
        earlier = await tx.maybe(own.with_for_update())
        if earlier is not None and (earlier.name, earlier.country) == (data.name, data.country):
            return _location_view(earlier)
        if earlier is None:
            await _check_room(tx, caller)
            new = {"id": new_id(), "supplier_id": caller.organization_id, "code": code}
            # A twin that was first makes this one a change.
            statement: Any = upsert(StockLocationRow).values(**new, **values)
            statement = statement.on_conflict_do_update(
                index_elements=[StockLocationRow.supplier_id, StockLocationRow.code], set_=values
            )
        else:
            statement = (
                update(StockLocationRow)
                .where(StockLocationRow.id == earlier.id)
                .values(**values, version=StockLocationRow.version + 1, updated_at=func.clock())
            )
        view = _location_view(await tx.one(statement.returning(*_LOCATION)))
        before = None if earlier is None else {"name": earlier.name, "country": earlier.country}
        tx.record("stock_location.put", "stock_location", view.id, before=before, after=values)
        return view


async def _check_room(tx: Transaction, caller: Caller) -> None:
    count: int = await tx.scalar(
        select(func.count())
        .select_from(StockLocationRow)
        .where(StockLocationRow.supplier_id == caller.organization_id)
    )
    if count >= STOCK_LOCATIONS_MAX:
        raise Conflict(f"A supplier has at most {STOCK_LOCATIONS_MAX} locations.")


# Levels


@retries_conflicts
async def set_stock(platform: Platform, caller: Caller, data: StockInput) -> StockResultView:
    """Set what lies where, up to 1,000 lines; each line counts for itself and has its own result.

    Sent again it changes nothing; what is older than known changes nothing and is told so.
    """
    caller.require("stock:write")
    batch_id = new_id()
    records = [
        StockRecord(number, line.sku, line.location, Decimal(line.on_hand), line.source_version)
        for number, line in enumerate(data.lines, start=1)
    ]
    async with transaction(platform, caller) as tx:
        await stage_stock(tx, batch_id, caller.organization_id, records)
        errors = {error.line: error for error in reversed(await check_staged_stock(tx, batch_id))}
        await unstage(tx, StagedStockRow, batch_id, sorted(errors))
        count = await write_staged_stock(tx, batch_id)
        found = {row.line: (row, what) for row, what in await staged_stock_outcomes(tx, batch_id)}
        await unstage(tx, StagedStockRow, batch_id, None)
        for row, what in found.values():
            if what is Outcome.SET:
                tell_level(tx, caller.organization_id, row)
        if count:
            after = {"set": count, "lines": len(records)}
            tx.record("stock.set", "organization", caller.organization_id, after=after)
    lines = [
        _refused(number, line, errors[number])
        if number in errors
        else _result(number, line, *found[number])
        for number, line in enumerate(data.lines, start=1)
    ]
    return StockResultView(set=count, lines=lines)


def tell_level(tx: Transaction, supplier_id: UUID, row: Any) -> None:
    """Let a level that was set leave to the supplier's own systems."""
    payload = {
        "sku": row.sku,
        "location": row.location,
        "on_hand": plain_decimal(row.on_hand_now),
        "reserved": plain_decimal(row.reserved),
        "source_version": row.version_in_force,
    }
    audience = frozenset({supplier_id})
    tx.emit(Event("stock.set", "stock", row.offer_id, row.version, audience, payload))


def _refused(number: int, line: StockLineInput, error: RowError) -> StockLineResult:
    return StockLineResult(
        line=number,
        sku=line.sku,
        location=line.location,
        outcome=Outcome.REFUSED.value,
        code=error.code,
        detail=error.detail,
    )


def _result(number: int, line: StockLineInput, row: Any, what: Outcome) -> StockLineResult:
    details = {
        Outcome.OLDER: f"Version {row.version_in_force} is in force; this is older.",
        Outcome.CONTRADICTS: "This source version came with another quantity before.",
    }
    return StockLineResult(
        line=number,
        sku=line.sku,
        location=line.location,
        outcome=what.value,
        source_version=row.version_in_force,
        detail=details.get(what, UNSET),
    )


async def list_levels(
    platform: Platform, caller: Caller, asked: PageRequest, sku: str | None
) -> Page[StockLevelView]:
    """List what the caller's company has where, by SKU and location."""
    caller.require("stock:read")
    statement = (
        select(
            OfferRow.sku,
            StockLocationRow.code,
            OfferRow.unit,
            StockLevelRow.on_hand,
            StockLevelRow.reserved,
            StockLevelRow.source_version,
            StockLevelRow.updated_at,
        )
        .join(OfferRow, OfferRow.id == StockLevelRow.offer_id)
        .join(StockLocationRow, StockLocationRow.id == StockLevelRow.location_id)
        .where(
            and_(
                StockLevelRow.supplier_id == caller.organization_id,
                OfferRow.supplier_id == caller.organization_id,
            )
        )
        .order_by(OfferRow.sku, StockLocationRow.code)
        .limit(asked.fetch)
    )
    if (after := asked.key(tuple[str, str])) is not None:
        statement = statement.where(
            func.row(OfferRow.sku, StockLocationRow.code) > func.row(*after)
        )
    if sku is not None:
        statement = statement.where(OfferRow.sku == sku)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    views = [_level_view(row) for row in rows]
    return page(asked, views, lambda view: (view.sku, view.location))


def _level_view(row: Row[Any]) -> StockLevelView:
    return StockLevelView(
        sku=row.sku,
        location=row.code,
        unit=row.unit,
        on_hand=shown_quantity(row.on_hand),
        reserved=shown_quantity(row.reserved),
        available=shown_quantity(row.on_hand - row.reserved),
        source_version=row.source_version,
        updated_at=row.updated_at,
    )
