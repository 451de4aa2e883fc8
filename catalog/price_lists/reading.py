"""Read price lists, and lock the one whose draft is changed."""

from typing import Any, Final
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import (
    Integer,
    Row,
    Select,
    case,
    func,
    literal_column,
    select,
)

from catalog.price_lists.rules import bounded
from catalog.price_lists.schemas import (
    PriceListView,
)
from catalog.price_lists.tables import (
    OPEN,
    PriceDiscountRow,
    PriceLadderRow,
    PriceListRow,
)
from marketplace.kernel.errors import NotFound
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Transaction,
    transaction,
)
from marketplace.platform.http.paging import Page, PageRequest, page

_FIRST: Final = literal_column("1", Integer)
_OPEN: Final = literal_column(str(OPEN), Integer)
LIST_COLUMNS: Final = (
    PriceListRow.id,
    PriceListRow.supplier_id,
    PriceListRow.name,
    PriceListRow.level,
    PriceListRow.currency,
    PriceListRow.priority,
    PriceListRow.mode,
    PriceListRow.valid_from,
    PriceListRow.valid_until,
    PriceListRow.published_version,
    PriceListRow.published_at,
    PriceListRow.version,
    PriceListRow.created_at,
)


async def list_price_lists(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[PriceListView]:
    """List the caller's own price lists, the newest first."""
    caller.require("prices:write")
    statement = own_lists(caller).order_by(PriceListRow.id.desc()).limit(asked.fetch)
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(PriceListRow.id < after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [list_view(row, row.draft_changes) for row in rows], lambda view: view.id)


async def read_price_list(platform: Platform, caller: Caller, list_id: UUID) -> PriceListView:
    """Read one of the caller's own price lists; raises NotFound."""
    caller.require("prices:write")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(own_lists(caller).where(PriceListRow.id == list_id))
    if row is None:
        raise NotFound("There is no such price list of yours.")
    return list_view(row, row.draft_changes)


def own_lists(caller: Caller) -> Select[*tuple[Any, ...]]:
    """Select the caller's lists, each with how much its draft changes."""
    draft = PriceListRow.published_version + 1
    changes = []
    for row in (PriceLadderRow, PriceDiscountRow):
        # As the indexes have them: a first draft is all there is of its list.
        its = select(func.count()).where(row.list_id == PriceListRow.id)
        added = case(
            (draft == 1, its.scalar_subquery()),
            else_=its.where(row.from_version == draft, row.from_version > _FIRST).scalar_subquery(),
        )
        ended = its.where(
            row.until_version == draft, row.from_version < draft, row.until_version < _OPEN
        )
        changes += [added, ended.scalar_subquery()]
    return select(*LIST_COLUMNS, sum(changes[1:], changes[0]).label("draft_changes")).where(
        PriceListRow.supplier_id == caller.organization_id
    )


def list_view(row: Row[Any], draft_changes: int) -> PriceListView:
    """Show a list."""
    return PriceListView(
        id=row.id,
        name=row.name,
        level=row.level,
        currency=row.currency,
        priority=row.priority,
        mode=row.mode,
        published_version=row.published_version,
        draft_changes=draft_changes,
        version=row.version,
        created_at=row.created_at,
        valid_from=bounded(row.valid_from) or UNSET,
        valid_until=bounded(row.valid_until) or UNSET,
        published_at=UNSET if row.published_at is None else row.published_at,
    )


async def locked_list(tx: Transaction, caller: Caller, list_id: UUID) -> Row[Any]:
    """Read and lock one of the caller's lists: its draft has one writer; raises NotFound."""
    row = await tx.maybe(
        select(*LIST_COLUMNS)
        .where(PriceListRow.id == list_id, PriceListRow.supplier_id == caller.organization_id)
        .with_for_update()
    )
    if row is None:
        raise NotFound("There is no such price list of yours.")
    return row


async def published_version(tx: Transaction, list_id: UUID) -> int:
    """Read the published version of a list."""
    version: int = await tx.scalar(
        select(PriceListRow.published_version).where(PriceListRow.id == list_id)
    )
    return version
