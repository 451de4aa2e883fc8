"""The public listing: what every supplier may bid in now. Of all else not even a number is told."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_

from marketplace.kernel.events import PUBLIC
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from rfq.procedures.reading import SUMMARY, summary
from rfq.procedures.schemas import ProcedureSummary
from rfq.rules.procedure import Kind, Openness, Status
from rfq.tables import ProcedureRow


async def list_open_procedures(
    platform: Platform, caller: Caller, asked: PageRequest, kind: Kind | None = None
) -> Page[ProcedureSummary]:
    """List the open procedures that receive bids, the nearest deadline first.

    One whose deadline has passed is left out before its timer has closed it.
    """
    caller.require("bids:read")
    place = tuple_(ProcedureRow.deadline_at, ProcedureRow.id)
    statement = (
        select(*SUMMARY)
        .where(
            ProcedureRow.status == Status.PUBLISHED.value,
            ProcedureRow.openness == Openness.OPEN.value,
            ProcedureRow.audience.any_() == PUBLIC,
        )
        .order_by(ProcedureRow.deadline_at, ProcedureRow.id)
        .limit(asked.fetch)
    )
    if kind is not None:
        statement = statement.where(ProcedureRow.kind == kind.value)
    if (after := asked.key(tuple[datetime, UUID])) is not None:
        statement = statement.where(place > tuple_(*after))
    async with transaction(platform, caller) as tx:
        receiving = ProcedureRow.deadline_at > await tx.clock()
        rows = await tx.all(statement.where(receiving))
    items = [ProcedureSummary(**summary(row)) for row in rows]
    return page(asked, items, lambda item: (item.deadline_at, item.id))
