"""Requests to extend bids: made by the buyer to all in the running, answered by each bidder."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update

from marketplace.kernel.errors import NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.bids.receiving import bids_lock, hold_own
from rfq.procedures.reading import load, reads_as_buyer
from rfq.rules.procedure import check_words
from rfq.rules.validity import ExtensionStatus, answered, check_request, shown, to_ask
from rfq.validity.binding import extended_until
from rfq.validity.reading import bids_in_the_running
from rfq.validity.schemas import (
    BidExtensionAnswerInput,
    BidExtensionRequestInput,
    BidExtensionRequestView,
    BidExtensionView,
)
from rfq.validity.tables import BidExtensionRow

_COLUMNS: Final = (
    BidExtensionRow.id,
    BidExtensionRow.version,
    BidExtensionRow.request_id,
    BidExtensionRow.procedure_id,
    BidExtensionRow.bid_id,
    BidExtensionRow.buyer_id,
    BidExtensionRow.bidder_id,
    BidExtensionRow.status,
    BidExtensionRow.bound_until,
    BidExtensionRow.until,
    BidExtensionRow.reason,
    BidExtensionRow.requested_at,
    BidExtensionRow.answered_at,
    extended_until(BidExtensionRow.bid_id).label("extended_until"),
)


@retries_conflicts
async def request_extension(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    data: BidExtensionRequestInput,
    key: IdempotencyKey,
) -> BidExtensionRequestView:
    """Ask all who are in the running, and whose bids end before, to bind longer.

    Raises NotFound, WrongState, Conflict where nobody is to be asked, InvalidInput for an end that
    is past or too far off.
    """
    caller.require("rfq:write")
    check_words(data.reason, "/reason")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, BidExtensionRequestView)) is not None:
            return earlier
        loaded = await hold_own(tx, caller, procedure_id)
        at = await tx.clock()
        requests = select(func.count(BidExtensionRow.request_id.distinct())).where(
            BidExtensionRow.procedure_id == procedure_id
        )
        before: int = await tx.scalar(requests)
        check_request(loaded.procedure.status, data.until, at, before=before)
        asked = to_ask(await bids_in_the_running(tx, loaded), data.until, at)
        request_id = new_id()
        rows: list[dict[str, Any]] = [
            {
                "id": new_id(),
                "request_id": request_id,
                "procedure_id": procedure_id,
                "bid_id": bid.bid_id,
                "buyer_id": caller.organization_id,
                "bidder_id": bid.bidder_id,
                "status": ExtensionStatus.ASKED.value,
                "bound_until": bid.until,
                "until": data.until,
                "reason": data.reason,
                "requested_at": at,
            }
            for bid in asked
        ]
        await tx.execute(insert(BidExtensionRow), rows)
        for row in rows:
            # One each: who else is in the running, nobody reads.
            facts = {name: row[name] for name in ("procedure_id", "until", "bound_until", "reason")}
            audience = frozenset([row["bidder_id"]])
            kind = "bid_extension.requested"
            tx.emit(Event(kind, "bid_extension", row["id"], 1, audience, facts))
        facts = {"request_id": request_id, "until": data.until, "reason": data.reason}
        facts["bid_ids"] = [bid.bid_id for bid in asked]
        tx.record("bid_extension.requested", "procedure", procedure_id, after=facts)
        view = BidExtensionRequestView(
            id=request_id,
            procedure_id=procedure_id,
            until=data.until,
            reason=data.reason,
            asked=len(asked),
            requested_at=at,
        )
        return await keep(tx, key, view)


@retries_conflicts
async def answer_extension(
    platform: Platform,
    caller: Caller,
    extension_id: UUID,
    data: BidExtensionAnswerInput,
    version: int,
) -> BidExtensionView:
    """Let the own bid bind longer, or say no; once, and while it binds.

    Raises NotFound, StaleVersion, WrongState once it has ended or was answered.
    """
    caller.require("bids:write")
    async with transaction(platform, caller) as tx:
        procedure_id = (await _own(tx, caller, extension_id)).procedure_id
        # Shared with other answers, alone for an award: that sees this one, or this comes too late.
        await tx.execute(select(func.pg_advisory_xact_lock_shared(bids_lock(procedure_id))))
        loaded, at = await load(tx, procedure_id), await tx.clock()
        row = await _own(tx, caller, extension_id)
        if row.version != version:
            raise StaleVersion(f"The request is at version {row.version}, not {version}.")
        status = answered(
            loaded.procedure.status,
            ExtensionStatus(row.status),
            _end_of(row),
            at,
            extend=data.extend,
        )
        changed = await tx.maybe(
            update(BidExtensionRow)
            .where(BidExtensionRow.id == row.id, BidExtensionRow.version == version)
            .values(status=status.value, version=version + 1, answered_at=at)
            .returning(BidExtensionRow.id)
        )
        if changed is None:
            raise StaleVersion("This was answered meanwhile; read it again.")
        facts: dict[str, object] = {
            "procedure_id": procedure_id,
            "bid_id": row.bid_id,
            "status": status,
            "until": row.until,
        }
        kind, audience = "bid_extension.answered", frozenset([row.buyer_id])
        tx.emit(Event(kind, "bid_extension", row.id, version + 1, audience, facts))
        tx.record(kind, "bid_extension", row.id, after=facts)
        return _view(await _own(tx, caller, extension_id), at)


async def _own(tx: Transaction, caller: Caller, extension_id: UUID) -> Row[Any]:
    row = await tx.maybe(select(*_COLUMNS).where(BidExtensionRow.id == extension_id))
    if row is None or row.bidder_id != caller.organization_id:
        raise NotFound("Nobody asked your company for this extension.")
    return row


def _end_of(row: Row[Any]) -> datetime:
    """Give when the bid ends as it stands: another request may have been answered by yes."""
    bound: datetime = row.bound_until
    return bound if row.extended_until is None else max(bound, row.extended_until)


async def list_extensions(
    platform: Platform, caller: Caller, procedure_id: UUID, asked: PageRequest
) -> Page[BidExtensionView]:
    """List who was asked to bind longer and what he said: all to the buyer, his own to a bidder."""
    statement = select(*_COLUMNS).where(BidExtensionRow.procedure_id == procedure_id)
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(BidExtensionRow.id > after)
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        reads_as_buyer(caller, loaded)
        at = await tx.clock()
        rows = await tx.all(statement.order_by(BidExtensionRow.id).limit(asked.fetch))
    return page(asked, [_view(row, at) for row in rows], lambda item: item.id)


def _view(row: Row[Any], at: datetime) -> BidExtensionView:
    return BidExtensionView(
        id=row.id,
        version=row.version,
        request_id=row.request_id,
        procedure_id=row.procedure_id,
        bid_id=row.bid_id,
        bidder_id=row.bidder_id,
        status=shown(ExtensionStatus(row.status), _end_of(row), at),
        bound_until=row.bound_until,
        until=row.until,
        reason=row.reason,
        requested_at=row.requested_at,
        answered_at=row.answered_at,
    )
