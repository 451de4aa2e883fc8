"""Amend what is asked for, or move the deadline later, while bids are received.

Both hold the procedure's bids: a bid is for the terms before or for those after, never between.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import structs, to_builtins
from sqlalchemy import Row, insert, select, update

from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from rfq.amendments.schemas import (
    AmendedLotInput,
    AmendmentInput,
    AmendmentList,
    AmendmentView,
    ChangeView,
    ExtensionInput,
)
from rfq.attachments.terms import documents_of, put_in_force
from rfq.bids.receiving import hold_own
from rfq.ocds.steps import tell_amended
from rfq.procedures.deadlines import extend, move_deadline
from rfq.procedures.judging import stored_judging, stored_requirements
from rfq.procedures.publishing import check_version, replace_lots
from rfq.procedures.reading import Loaded, buyer_view, load, lots_document, reads_as_buyer
from rfq.procedures.schemas import BuyerProcedureView, questionnaire
from rfq.rules import procedure as rules
from rfq.rules.amendment import (
    check_amendment,
    check_extension,
    check_known_ids,
    check_known_parts,
    judging_left,
    same_lines,
)
from rfq.rules.differences import Terms, changes
from rfq.rules.procedure import Line, Lot
from rfq.rules.publication import check_terms
from rfq.tables import AmendmentRow, ProcedureRow


@retries_conflicts
async def extend_deadline(
    platform: Platform, caller: Caller, procedure_id: UUID, data: ExtensionInput, version: int
) -> BuyerProcedureView:
    """Move the deadline later; bids stand as they are, and everybody is told why.

    Raises NotFound, StaleVersion, WrongState, InvalidInput for a deadline that is not later.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        loaded, at = await _held(tx, caller, procedure_id, version)
        check_extension(loaded.procedure, data.deadline_at, at)
        await extend(platform, tx, loaded, data.deadline_at, data.reason)
        return await buyer_view(tx, await load(tx, procedure_id))


@retries_conflicts
async def amend_procedure(
    platform: Platform, caller: Caller, procedure_id: UUID, data: AmendmentInput, version: int
) -> BuyerProcedureView:
    """Put other terms in force; bids submitted before have to be confirmed or replaced.

    Raises NotFound, StaleVersion, WrongState after the deadline, InvalidInput for terms that do not
    fit, change nothing, or leave bidders too little time.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        loaded, at = await _held(tx, caller, procedure_id, version)
        before = _terms(loaded)
        after = await _amended(tx, procedure_id, before, data)
        deadline_at = data.deadline_at or loaded.procedure.deadline_at
        found = changes(before, after)
        check_amendment(loaded.procedure, found, deadline_at, at)
        offering = structs.replace(loaded.procedure.offering, questionnaire=after.questionnaire)
        amended = replace(
            loaded.procedure,
            lots=after.lots,
            deadline_at=deadline_at,
            offering=offering,
            judging=after.judging,
            requirements=after.requirements,
        )
        check_terms(amended)
        await _write_terms(tx, amended, after, version)
        if deadline_at > loaded.procedure.deadline_at:
            await move_deadline(platform, tx, procedure_id, deadline_at)
        row = {
            "procedure_id": procedure_id,
            "number": loaded.procedure.terms_version + 1,
            "buyer_id": loaded.procedure.buyer_id,
            "summary": data.summary,
            "changes": [asdict(change) for change in found],
            "lines_changed": not same_lines(before, after),
            "terms_before": _document(before),
            "deadline_before": loaded.procedure.deadline_at,
            "deadline_after": deadline_at,
            "amended_by": caller.member_id,
            "amended_at": at,
        }
        await tx.execute(insert(AmendmentRow).values(row))
        _tell(tx, loaded, row)
        now = await load(tx, procedure_id)
        await tell_amended(tx, now, before, data.summary)
        return await buyer_view(tx, now)


def _terms(loaded: Loaded) -> Terms:
    return Terms(
        loaded.row.title,
        loaded.row.description,
        loaded.procedure.lots,
        loaded.procedure.offering.questionnaire,
        loaded.procedure.judging,
        loaded.procedure.requirements,
        loaded.documents(),
    )


async def _held(
    tx: Transaction, caller: Caller, procedure_id: UUID, version: int
) -> tuple[Loaded, datetime]:
    """Take the procedure and all its bids; give it and the instant that counts."""
    loaded = await hold_own(tx, caller, procedure_id)
    check_version(loaded, version)
    return loaded, await tx.clock()


async def _amended(
    tx: Transaction, procedure_id: UUID, before: Terms, data: AmendmentInput
) -> Terms:
    """Give the new terms, with an id for what is new; raises InvalidInput for an unknown id."""
    new: set[UUID] = set()

    def known(id_: UUID | None) -> UUID:
        if id_ is None:
            new.add(id_ := new_id())
        return id_

    lots = tuple(_lot(each, known) for each in data.lots)
    after = replace(before, title=data.title, description=data.description, lots=lots)
    lot_ids = [lot.id for lot in lots]
    after = replace(after, judging=judging_left(before.judging, lot_ids))
    if data.questionnaire is not None:
        after = replace(after, questionnaire=questionnaire(data.questionnaire))
    if data.judging is not None:
        ids = [known(each.id) for each in data.judging.criteria]
        after = replace(after, judging=data.judging.by(data.judging.criteria, ids, lot_ids))
    if data.requirements is not None:
        asked = tuple(each.requirement(known(each.id)) for each in data.requirements)
        after = replace(after, requirements=asked)
    if data.document_ids is not None:
        after = replace(after, documents=await documents_of(tx, procedure_id, data.document_ids))
    check_known_ids(before, after, frozenset(new))
    check_known_parts(before, after, frozenset(new))
    return after


def _lot(data: AmendedLotInput, known: Callable[[UUID | None], UUID]) -> Lot:
    lines = tuple(
        Line(
            known(line.id),
            Decimal(line.quantity),
            line.unit,
            line.description,
            line.sku,
            line.terms,
        )
        for line in data.lines
    )
    return Lot(known(data.id), data.title, lines)


async def _write_terms(
    tx: Transaction, amended: rules.Procedure, after: Terms, version: int
) -> None:
    await replace_lots(tx, amended)
    await put_in_force(tx, amended.id, after.documents, amended.terms_version + 1)
    await tx.execute(
        update(ProcedureRow)
        .where(ProcedureRow.id == amended.id)
        .values(
            title=after.title,
            description=after.description,
            offering=to_builtins(amended.offering),
            judging=stored_judging(amended.judging),
            requirements=stored_requirements(amended.requirements),
            terms_version=amended.terms_version + 1,
            version=version + 1,
        )
    )


def _document(terms: Terms) -> dict[str, Any]:
    return {
        "title": terms.title,
        "description": terms.description,
        "lots": lots_document(terms.lots),
        "questionnaire": to_builtins(terms.questionnaire),
        "judging": stored_judging(terms.judging),
        "requirements": stored_requirements(terms.requirements),
        "documents": to_builtins(terms.documents),
    }


def _tell(tx: Transaction, loaded: Loaded, row: dict[str, Any]) -> None:
    procedure = loaded.procedure
    facts = {
        "terms_version": row["number"],
        "summary": row["summary"],
        "lines_changed": row["lines_changed"],
        "deadline_at": row["deadline_after"],
    }
    version, audience = loaded.version + 1, loaded.may_be_seen_by()
    tx.emit(Event("procedure.amended", "procedure", procedure.id, version, audience, facts))
    tx.record(
        "procedure.amended",
        "procedure",
        procedure.id,
        before={"terms_version": procedure.terms_version, "deadline_at": procedure.deadline_at},
        after=facts,
    )


async def list_amendments(platform: Platform, caller: Caller, procedure_id: UUID) -> AmendmentList:
    """List the amendments of a procedure, the first first, to all who see it; raises NotFound."""
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        reads_as_buyer(caller, loaded)
        rows = await tx.all(
            select(
                AmendmentRow.number,
                AmendmentRow.summary,
                AmendmentRow.changes,
                AmendmentRow.lines_changed,
                AmendmentRow.deadline_before,
                AmendmentRow.deadline_after,
                AmendmentRow.amended_at,
            )
            .where(AmendmentRow.procedure_id == procedure_id)
            .order_by(AmendmentRow.number)
        )
    return AmendmentList(items=_views(rows))


def _views(rows: Sequence[Row[Any]]) -> list[AmendmentView]:
    return [
        AmendmentView(
            number=row.number,
            summary=row.summary,
            changes=[ChangeView(**change) for change in row.changes],
            lines_changed=row.lines_changed,
            deadline_before=row.deadline_before,
            deadline_after=row.deadline_after,
            amended_at=row.amended_at,
        )
        for row in rows
    ]
