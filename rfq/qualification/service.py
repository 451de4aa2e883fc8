"""Decide on bidders before prices are known, and keep the register of qualified suppliers."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Row, select, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.kernel.errors import NotFound, WrongState, invalid
from marketplace.kernel.events import Event
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.evaluation.judged_bids import judged_bids, judged_variants, offered_lots
from rfq.evaluation.moving import move, settle_empty_lots
from rfq.evaluation.panel import own_part
from rfq.evaluation.panel_schemas import JudgedAnswerView
from rfq.ocds.steps import tell_progress
from rfq.opening.prices import open_prices, write_result
from rfq.procedures.publishing import check_version, load_own
from rfq.procedures.reading import Loaded, buyer_view, load, reads_as_buyer
from rfq.procedures.schemas import BuyerProcedureView
from rfq.qualification.reading import exclusions, qualifications
from rfq.qualification.schemas import (
    BidderDecisionInput,
    BidderDecisionView,
    FindingView,
    OpenedBidderList,
    OpenedBidderView,
    OwnDecisionList,
    SupplierQualificationInput,
    SupplierQualificationView,
)
from rfq.qualification.tables import BidderDecisionRow, SupplierQualificationRow
from rfq.rules import qualification as rules
from rfq.rules.procedure import BIDS_COUNTED, PRICES_HIDDEN, Status
from rfq.rules.progress import status_after_qualification
from rfq.rules.qualification import Finding, Outcome
from rfq.rules.variant_decisions import check_all_decided


@retries_conflicts
async def decide_bidder(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    data: BidderDecisionInput,
    key: IdempotencyKey,
) -> BidderDecisionView:
    """Decide whether a bidder is qualified; anew until all are decided on and that is ended.

    Raises NotFound, WrongState outside of the qualification, InvalidInput for findings that do not
    answer the requirements, have no reason, or claim a qualification he does not have.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, BidderDecisionView)) is not None:
            return earlier
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        _check_qualifying(loaded)
        await own_part(tx, caller, loaded)
        if data.bidder_id not in {row.bidder_id for row in await judged_bids(tx, loaded)}:
            raise invalid("/bidder_id", "unknown_bidder", "No valid bid is of this company.")
        at = await tx.clock()
        held = (await qualifications(tx, loaded.procedure.buyer_id)).get(data.bidder_id, {})
        findings = [Finding(each.requirement_id, each.met, each.reason) for each in data.findings]
        outcome = rules.outcome(loaded.procedure.requirements, findings, held, at)
        values = {
            "outcome": outcome.value,
            "findings": [
                {"requirement_id": str(f.requirement_id), "met": f.met, "reason": f.reason}
                for f in findings
            ],
            "decided_by": caller.member_id,
            "decided_at": at,
        }
        await tx.execute(
            upsert(BidderDecisionRow)
            .values(
                procedure_id=procedure_id,
                bidder_id=data.bidder_id,
                buyer_id=caller.organization_id,
                **values,
            )
            .on_conflict_do_update(index_elements=["procedure_id", "bidder_id"], set_=values)
        )
        facts = {"bidder_id": data.bidder_id, "outcome": outcome, "findings": values["findings"]}
        tx.record("bidder.decided", "procedure", procedure_id, after=facts)
        made = (await _decisions(tx, procedure_id))[data.bidder_id]
        return await keep(tx, key, made)


def _check_qualifying(loaded: Loaded) -> None:
    status = loaded.procedure.status
    if status is not Status.QUALIFICATION:
        raise WrongState(
            f"This procedure is {status.value}: no bidder is qualified now.", state=status
        )


async def _decisions(tx: Transaction, procedure_id: UUID) -> dict[UUID, BidderDecisionView]:
    rows = await tx.all(
        select(
            BidderDecisionRow.procedure_id,
            BidderDecisionRow.bidder_id,
            BidderDecisionRow.outcome,
            BidderDecisionRow.findings,
            BidderDecisionRow.decided_at,
        ).where(BidderDecisionRow.procedure_id == procedure_id)
    )
    return {
        row.bidder_id: BidderDecisionView(
            procedure_id=row.procedure_id,
            bidder_id=row.bidder_id,
            outcome=Outcome(row.outcome),
            findings=[
                FindingView(**{**f, "requirement_id": UUID(f["requirement_id"])})
                for f in row.findings
            ],
            decided_at=row.decided_at,
        )
        for row in rows
    }


async def list_bidders(
    platform: Platform, caller: Caller, procedure_id: UUID
) -> OpenedBidderList | OwnDecisionList:
    """List the bidders that are to be qualified, without prices; to a bidder his own decision.

    Raises NotFound, WrongState before the opening.
    """
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        buys = reads_as_buyer(caller, loaded)
        decisions = await _decisions(tx, procedure_id)
        if not buys:
            return OwnDecisionList(items=list(decisions.values()))
        if loaded.procedure.status not in BIDS_COUNTED:
            raise WrongState(
                "Bids are sealed: who bid is known after the opening.",
                state=loaded.procedure.status,
            )
        if loaded.procedure.status in PRICES_HIDDEN:
            await own_part(tx, caller, loaded)
        rows = await judged_bids(tx, loaded)
    bidders: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        bidders.setdefault(row.bidder_id, []).append(row)
    return OpenedBidderList(items=[_bidder(offers, decisions) for offers in bidders.values()])


def _bidder(
    offers: Sequence[Row[Any]], decisions: dict[UUID, BidderDecisionView]
) -> OpenedBidderView:
    """Show a bidder by his main bid, or the first of his variants, with the lots of them all."""
    row = next((each for each in offers if each.variant is None), offers[0])
    lot_ids = dict.fromkeys(lot_id for each in offers for lot_id in each.lot_ids)
    return OpenedBidderView(
        bidder_id=row.bidder_id,
        submitted_at=row.submitted_at,
        lot_ids=list(lot_ids),
        note=row.note,
        answers=msgspec.convert(row.answers, list[JudgedAnswerView]),
        decision=decisions.get(row.bidder_id),
    )


async def end_qualification(
    platform: Platform, caller: Caller, procedure_id: UUID, version: int
) -> BuyerProcedureView:
    """End the qualification once all bidders are decided on; those excluded are told.

    A lot that nobody is left for fails. With two envelopes and no panel those of who is qualified
    are opened then. Raises NotFound, StaleVersion, WrongState, Conflict while somebody is
    undecided, NotPermitted for who has a conflict of interest.
    """
    caller.require("rfq:write")
    await _end(platform, caller, procedure_id, version)
    await open_prices(platform, procedure_id)
    async with transaction(platform, caller) as tx:
        return await buyer_view(tx, await load(tx, procedure_id))


@retries_conflicts
async def _end(platform: Platform, caller: Caller, procedure_id: UUID, version: int) -> None:
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        check_version(loaded, version)
        _check_qualifying(loaded)
        await own_part(tx, caller, loaded)
        bidders = await judged_bids(tx, loaded)
        decisions = await _decisions(tx, procedure_id)
        rules.check_all_decided([row.bidder_id for row in bidders], list(decisions))
        barred = await exclusions(tx, loaded)
        status = status_after_qualification(loaded.procedure)
        if status is Status.LOCKED:
            # What is set aside later would have been opened already.
            check_all_decided(await judged_variants(tx, loaded))
            at = await tx.clock()
            await move(tx, loaded, status, "procedure.qualified", scores_locked_at=at)
            await write_result(tx, procedure_id)
        else:
            left = {lot for lots in (await offered_lots(tx, loaded)).values() for lot in lots}
            status = await settle_empty_lots(tx, loaded, left, status)
            await move(tx, loaded, status, "procedure.qualified")
            await tell_progress(tx, loaded)
        for bidder_id in barred:
            facts: dict[str, object] = {"bidder_id": bidder_id, "reason": barred[bidder_id]}
            audience = frozenset([bidder_id])
            tx.emit(
                Event("bidder.excluded", "procedure", procedure_id, version + 1, audience, facts)
            )


@retries_conflicts
async def put_supplier_qualification(
    platform: Platform,
    caller: Caller,
    supplier_id: UUID,
    code: str,
    data: SupplierQualificationInput,
) -> SupplierQualificationView:
    """Say until when a supplier is qualified for something, or that he is no more.

    Raises InvalidInput for who is no supplier.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        known = await tx.scalar(
            select(OrganizationRow.id).where(
                OrganizationRow.id == supplier_id, OrganizationRow.supplier
            )
        )
        if known is None:
            raise NotFound("There is no such supplier.")
        values = {"title": data.title, "valid_until": data.valid_until}
        await tx.execute(
            upsert(SupplierQualificationRow)
            .values(buyer_id=caller.organization_id, supplier_id=supplier_id, code=code, **values)
            .on_conflict_do_update(
                index_elements=["buyer_id", "supplier_id", "code"],
                set_=values,
            )
        )
        facts = {"code": code, **values}
        tx.record("supplier.qualified", "organization", supplier_id, after=facts)
    return SupplierQualificationView(
        buyer_id=caller.organization_id,
        supplier_id=supplier_id,
        code=code,
        title=data.title,
        valid_until=data.valid_until,
    )


class _Key(NamedTuple):
    buyer_id: UUID
    supplier_id: UUID
    code: str


async def list_supplier_qualifications(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[SupplierQualificationView]:
    """List whom the company has qualified, and for what buyers have qualified the company."""
    caller.require("rfq:read" if caller.may("rfq:read") else "bids:read")
    row = SupplierQualificationRow
    place = tuple_(row.buyer_id, row.supplier_id, row.code)
    statement = (
        select(row.buyer_id, row.supplier_id, row.code, row.title, row.valid_until)
        .order_by(row.buyer_id, row.supplier_id, row.code)
        .limit(asked.fetch)
    )
    if (after := asked.key(_Key)) is not None:
        statement = statement.where(place > tuple_(*after))
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    views = [SupplierQualificationView(**each._asdict()) for each in rows]
    return page(asked, views, lambda each: _Key(each.buyer_id, each.supplier_id, each.code))
