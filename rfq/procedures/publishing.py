"""Draft a procedure, invite suppliers, publish it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from auctions.engine.terms import Rate
from marketplace.contracts.documents import terms_document
from marketplace.contracts.frameworks import members_of
from marketplace.contracts.tables import FrameworkRow
from marketplace.kernel.errors import NotFound, StaleVersion, invalid
from marketplace.kernel.events import PUBLIC, Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.money import currency_digits
from marketplace.kernel.units import places
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from marketplace.platform.timers import set_timer
from rfq.key_store import KeyStore
from rfq.ocds.steps import tell_published
from rfq.officers.records import check_members, codes_of
from rfq.procedures.calendars import PLAIN, DayCount, day_count, stored_day_count
from rfq.procedures.judging import stored_judging, stored_requirements
from rfq.procedures.reading import Loaded, buyer_view, hours, load
from rfq.procedures.reminders import set_reminder
from rfq.procedures.schemas import (
    BuyerProcedureView,
    InvitationInput,
    ProcedureInput,
    ProcedureLotInput,
    questionnaire,
)
from rfq.procedures.settling import settle_time
from rfq.rules import procedure as rules
from rfq.rules.awarding import Awarding
from rfq.rules.bid import Part
from rfq.rules.criteria import LOWEST_PRICE
from rfq.rules.offering import Offering
from rfq.rules.officers import check_codes_taken
from rfq.rules.procedure import (
    Action,
    Line,
    Lot,
    LotStatus,
    LowOfferRule,
    Openness,
    Party,
    Procedure,
    Status,
    StrictKeys,
)
from rfq.rules.publication import check_invitation, check_publication, check_terms
from rfq.tables import BudgetRow, InvitationRow, LineRow, LotRow, ProcedureRow

OPENING_TIMER: Final = "rfq.opening"


@retries_conflicts
async def create_procedure(
    platform: Platform, caller: Caller, data: ProcedureInput, key: IdempotencyKey
) -> BuyerProcedureView:
    """Write down a draft; only its buyer sees it. Raises InvalidInput for terms that do not fit."""
    caller.require("rfq:write")
    days = await day_count(data)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, BuyerProcedureView)) is not None:
            return earlier
        return await keep(tx, key, await store_draft(tx, caller, data, days))


async def store_draft(
    tx: Transaction, caller: Caller, data: ProcedureInput, days: DayCount = PLAIN
) -> BuyerProcedureView:
    """Write a draft down in somebody's transaction; raises InvalidInput for what does not fit.

    `days` is how it counts days (`day_count`), which takes longer than a transaction should.
    """
    procedure = check_draft_terms(caller, data, days)
    await check_members(tx, caller, procedure.officer_ids)
    await _members(tx, procedure)
    await _store(tx, caller, procedure, data, days)
    tx.record("procedure.drafted", "procedure", procedure.id, after={"title": data.title})
    return await buyer_view(tx, await load(tx, procedure.id))


def check_draft_terms(caller: Caller, data: ProcedureInput, days: DayCount = PLAIN) -> Procedure:
    """Give the draft these terms would be; raises InvalidInput with every pointer at once."""
    procedure = _drafted(caller, data, new_id(), days)
    check_terms(procedure)
    return procedure


@retries_conflicts
async def update_draft(
    platform: Platform, caller: Caller, procedure_id: UUID, data: ProcedureInput, version: int
) -> BuyerProcedureView:
    """Write a draft anew, whole; who was invited stays so.

    Raises NotFound, StaleVersion, WrongState once it is published, InvalidInput.
    """
    caller.require("rfq:write")
    days = await day_count(data)
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        rules.check_draft(loaded.procedure)
        check_version(loaded, version)
        procedure = _drafted(caller, data, procedure_id, days)
        check_terms(procedure)
        await check_members(tx, caller, procedure.officer_ids)
        await _members(tx, procedure)
        await replace_lots(tx, procedure)
        await tx.execute(delete(BudgetRow).where(BudgetRow.procedure_id == procedure_id))
        await _store_budget(tx, procedure, data)
        await tx.execute(
            update(ProcedureRow)
            .where(ProcedureRow.id == procedure_id)
            .values(version=version + 1, **_settings(data, procedure, days))
        )
        tx.record("procedure.redrafted", "procedure", procedure_id, after={"title": data.title})
        return await buyer_view(tx, await load(tx, procedure_id))


def _drafted(caller: Caller, data: ProcedureInput, procedure_id: UUID, days: DayCount) -> Procedure:
    lots = tuple(_lot(lot) for lot in data.lots)
    judging = LOWEST_PRICE
    if data.judging is not None:
        ids = [new_id() for _ in data.judging.criteria]
        judging = data.judging.by(data.judging.criteria, ids, [lot.id for lot in lots])
    return Procedure(
        id=procedure_id,
        buyer_id=caller.organization_id,
        kind=data.kind,
        openness=data.openness,
        status=Status.DRAFT,
        currency=data.currency,
        deadline_at=data.deadline_at,
        lots=lots,
        minimum_bids=data.minimum_bids,
        questions_until=data.questions_until,
        answer_time=hours(data.answer_hours),
        amendment_notice=timedelta(hours=data.amendment_notice_hours),
        low_offers=LowOfferRule(data.low_below_mean, data.low_below_next),
        offering=_offering(data),
        officer_ids=tuple(data.officer_ids),
        strict=None if data.strict is None else data.strict.keys(),
        awarding=Awarding(
            data.award_division,
            tuple(data.award_shares),
            data.standstill_days,
            data.time_zone,
            data.signatures,
            days.standstill_in,
            days.calendar(),
        ),
        least_times=days.least_times(),
        judging=judging,
        requirements=tuple(each.requirement(new_id()) for each in data.requirements),
    )


def _lot(lot: ProcedureLotInput) -> Lot:
    lines = (
        Line(new_id(), Decimal(line.quantity), line.unit, line.description, line.sku, line.terms)
        for line in lot.lines
    )
    return Lot(new_id(), lot.title, tuple(lines))


def _offering(data: ProcedureInput) -> Offering:
    return Offering(
        questionnaire=questionnaire(data.questionnaire),
        valid_until=data.bids_valid_until,
        framework_id=data.framework_id,
        two_envelopes=data.two_envelopes,
        partial_bids=data.partial_bids,
        variants=None if data.variants is None else data.variants.terms(),
        rates=tuple(Rate(each.currency, Decimal(each.rate)) for each in data.rates),
    )


async def _members(tx: Transaction, procedure: Procedure) -> list[UUID]:
    """Give the members who compete in a procedure, none where others do.

    Raises InvalidInput for a framework that is not the buyer's.
    """
    framework_id = procedure.offering.framework_id
    if framework_id is None:
        return []
    members = (await members_of(tx, [framework_id]))[framework_id]
    owner = await tx.scalar(select(FrameworkRow.buyer_id).where(FrameworkRow.id == framework_id))
    if owner != procedure.buyer_id:
        raise invalid("/framework_id", "unknown_framework", "Your company has no such framework.")
    return [member.supplier_id for member in members]


async def _store(
    tx: Transaction, caller: Caller, procedure: Procedure, data: ProcedureInput, days: DayCount
) -> None:
    await tx.execute(
        insert(ProcedureRow).values(
            id=procedure.id,
            buyer_id=procedure.buyer_id,
            unit_id=caller.unit_id,
            status=procedure.status.value,
            audience=[],
            created_by=caller.member_id,
            created_at=tx.opened_at,
            **_settings(data, procedure, days),
        )
    )
    await store_lots(tx, procedure)
    await _store_budget(tx, procedure, data)


async def _store_budget(tx: Transaction, procedure: Procedure, data: ProcedureInput) -> None:
    if data.budget is None:
        return
    amount = Decimal(data.budget.amount)
    if amount <= 0 or places(amount) > currency_digits(data.currency):
        detail = f"A budget is more than zero, in whole coins of {data.currency}."
        raise invalid("/budget/amount", "out_of_range", detail)
    await tx.execute(
        insert(BudgetRow).values(
            procedure_id=procedure.id,
            buyer_id=procedure.buyer_id,
            amount=amount,
            shown=data.budget.shown,
        )
    )


def _settings(data: ProcedureInput, procedure: Procedure, days: DayCount) -> dict[str, Any]:
    """Give what a draft says beside its lots, as columns."""
    return {
        "kind": data.kind.value,
        "openness": data.openness.value,
        "title": data.title,
        "description": data.description,
        "currency": data.currency,
        "deadline_at": data.deadline_at,
        "minimum_bids": data.minimum_bids,
        "questions_until": data.questions_until,
        "answer_hours": data.answer_hours,
        "amendment_notice_hours": data.amendment_notice_hours,
        "remind_days": data.remind_days,
        "beyond_quantity": data.beyond_quantity,
        "low_below_mean": data.low_below_mean,
        "low_below_next": data.low_below_next,
        "offering": msgspec.to_builtins(_offering(data)),
        "officer_ids": data.officer_ids,
        **_key_columns(procedure.strict),
        "award_division": data.award_division.value,
        "award_shares": data.award_shares,
        "standstill_days": data.standstill_days,
        "time_zone": data.time_zone,
        "signatures": data.signatures,
        "calendar": stored_day_count(days),
        "judging": stored_judging(procedure.judging),
        "requirements": stored_requirements(procedure.requirements),
    }


def _key_columns(keys: StrictKeys | None) -> dict[str, bytes | None]:
    first = None if keys is None else keys.first
    apart = None if keys is None else keys.financial
    return {
        "buyer_key": None if first is None else first.buyer,
        "auditor_key": None if first is None else first.auditor,
        "financial_buyer_key": None if apart is None else apart.buyer,
        "financial_auditor_key": None if apart is None else apart.auditor,
    }


async def store_lots(tx: Transaction, procedure: Procedure) -> None:
    """Write the lots and lines of a procedure that has none stored."""
    owner = {"procedure_id": procedure.id, "buyer_id": procedure.buyer_id}
    if not procedure.lots:
        return
    await tx.execute(
        insert(LotRow),
        [
            {
                **owner,
                "id": lot.id,
                "position": position,
                "title": lot.title,
                "status": LotStatus.RECEIVING.value,
            }
            for position, lot in enumerate(procedure.lots)
        ],
    )
    await tx.execute(
        insert(LineRow),
        [
            {
                **owner,
                "id": line.id,
                "lot_id": lot.id,
                "position": position,
                "quantity": line.quantity,
                "unit": line.unit,
                "description": line.description,
                "sku": line.sku,
                "terms": terms_document(line.terms),
            }
            for lot in procedure.lots
            for position, line in enumerate(lot.lines)
        ],
    )


async def replace_lots(tx: Transaction, procedure: Procedure) -> None:
    """Write lots and lines anew: places are unique, and moving them past each other collides."""
    for table in (LineRow, LotRow):
        await tx.execute(delete(table).where(table.procedure_id == procedure.id))
    await store_lots(tx, procedure)


def check_version(loaded: Loaded, version: int) -> None:
    """Refuse a change to what somebody changed meanwhile; raises StaleVersion."""
    if loaded.version != version:
        raise StaleVersion(f"The procedure is at version {loaded.version}, not {version}.")


async def load_own(
    tx: Transaction, caller: Caller, procedure_id: UUID, *, lock: bool = False
) -> Loaded:
    """Read a procedure of the caller's company; raises NotFound for anybody else's."""
    # Asked first: a lock is refused, not waited for, on a row that is only to be seen.
    owner = await tx.scalar(
        select(ProcedureRow.buyer_id).where(
            ProcedureRow.id == procedure_id, ProcedureRow.buyer_id == caller.organization_id
        )
    )
    if owner is None:
        raise NotFound("There is no such procedure of your company.")
    return await load(tx, procedure_id, lock=lock)


@retries_conflicts
async def invite_suppliers(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    data: InvitationInput,
    key: IdempotencyKey,
) -> BuyerProcedureView:
    """Invite suppliers; who is invited already stays so. In a published procedure they see it now.

    Raises NotFound, WrongState after the deadline, InvalidInput for who is no supplier.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, BuyerProcedureView)) is not None:
            return earlier
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        at = await tx.clock()
        check_invitation(loaded.procedure, at)
        await _check_suppliers(tx, caller, data.supplier_ids)
        added = await _invite(tx, loaded, data.supplier_ids, at)
        if loaded.procedure.status is Status.PUBLISHED and added:
            await _show_to(tx, loaded, added)
        tx.record(
            "procedure.invited", "procedure", procedure_id, after={"supplier_ids": sorted(added)}
        )
        return await keep(tx, key, await buyer_view(tx, await load(tx, procedure_id)))


async def _check_suppliers(tx: Transaction, caller: Caller, supplier_ids: Sequence[UUID]) -> None:
    rows = await tx.all(
        select(OrganizationRow.id).where(
            OrganizationRow.id.in_(supplier_ids),
            OrganizationRow.supplier,
            OrganizationRow.active,
        )
    )
    known = {row.id for row in rows} - {caller.organization_id}
    for number, supplier_id in enumerate(supplier_ids):
        if supplier_id not in known:
            detail = f"{supplier_id} is no supplier who could be invited."
            raise invalid(f"/supplier_ids/{number}", "unknown_supplier", detail)


async def _invite(
    tx: Transaction, loaded: Loaded, supplier_ids: Sequence[UUID], at: datetime
) -> list[UUID]:
    added = await tx.all(
        upsert(InvitationRow)
        .values(
            [
                {
                    "procedure_id": loaded.procedure.id,
                    "supplier_id": supplier_id,
                    "buyer_id": loaded.procedure.buyer_id,
                    "invited_at": at,
                }
                for supplier_id in dict.fromkeys(supplier_ids)
            ]
        )
        .on_conflict_do_nothing()
        .returning(InvitationRow.supplier_id)
    )
    return [row.supplier_id for row in added]


async def _show_to(tx: Transaction, loaded: Loaded, added: Sequence[UUID]) -> None:
    procedure, version = loaded.procedure, loaded.version + 1
    await tx.execute(
        update(ProcedureRow)
        .where(ProcedureRow.id == procedure.id)
        .values(audience=sorted({*loaded.row.audience, *added}), version=version)
    )
    # To them alone: for everybody else it was published before.
    tx.emit(_published(loaded, version, frozenset(added)))


def _published(loaded: Loaded, version: int, audience: frozenset[UUID]) -> Event:
    payload = {"title": loaded.row.title, "deadline_at": loaded.procedure.deadline_at}
    return Event(
        "procedure.published", "procedure", loaded.procedure.id, version, audience, payload
    )


@retries_conflicts
async def publish_procedure(
    platform: Platform, caller: Caller, procedure_id: UUID, version: int
) -> BuyerProcedureView:
    """Publish a draft: from now on bids are received, sealed to a key of this procedure's own.

    The key store makes the key before the commit and remembers the deadline; a publication that
    then fails leaves a key nobody has sealed to, and the next one finds it.
    Raises NotFound, StaleVersion, WrongState, InvalidInput for terms that do not fit any more.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        at = await tx.clock()
        status = rules.moved(loaded.procedure.status, Action.PUBLISH, Party.BUYER)
        check_version(loaded, version)
        invited = await tx.all(
            select(InvitationRow.supplier_id).where(InvitationRow.procedure_id == procedure_id)
        )
        check_publication(loaded.procedure, len(invited), at)
        codes = await codes_of(tx, procedure_id)
        check_codes_taken(loaded.procedure.officer_ids, codes)
        deadline_at = loaded.procedure.deadline_at
        store = platform.get(KeyStore)  # type: ignore[type-abstract]
        officers = {each: codes[each] for each in loaded.procedure.officer_ids}
        sealing_key = await store.create(procedure_id, deadline_at, officers)
        prices_key = None
        if loaded.procedure.two_envelopes:
            prices_key = await store.create(procedure_id, deadline_at, officers, Part.FINANCIAL)
        openness = loaded.procedure.openness
        seen_by = [PUBLIC] if openness is Openness.OPEN else [row.supplier_id for row in invited]
        if openness is Openness.MEMBERS:
            seen_by = await _members(tx, loaded.procedure)
        await tx.execute(
            update(ProcedureRow)
            .where(ProcedureRow.id == procedure_id)
            .values(
                status=status.value,
                version=version + 1,
                audience=sorted(seen_by),
                sealing_key=sealing_key.public_bytes_raw(),
                financial_sealing_key=prices_key and prices_key.public_bytes_raw(),
                published_at=at,
            )
        )
        due_at = deadline_at + settle_time(platform)
        await set_timer(tx, OPENING_TIMER, procedure_id, due_at)
        await set_reminder(tx, procedure_id, deadline_at, loaded.row.remind_days)
        tx.emit(_published(loaded, version + 1, frozenset([caller.organization_id, *seen_by])))
        tx.record(
            "procedure.published",
            "procedure",
            procedure_id,
            before={"status": loaded.procedure.status},
            after={"status": status, "sealing_key": sealing_key.public_bytes_raw().hex()},
        )
        published = await load(tx, procedure_id)
        await tell_published(platform, tx, published)
        return await buyer_view(tx, published)
