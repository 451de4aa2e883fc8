"""Procedures as values: rows read into what the rules decide on, and the views of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, or_, select

from auctions.terms_schemas import CurrencyRateView
from marketplace.contracts.documents import read_terms, terms_document
from marketplace.kernel.canonical import content_hash, plain_decimal
from marketplace.kernel.errors import NotFound
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.money import Money
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.http.schemas import MoneyView, shown_quantity
from rfq.hexadecimal import hexadecimal
from rfq.procedures.calendars import day_views, read_day_count
from rfq.procedures.judging import (
    judging_view,
    read_judging,
    read_requirements,
    requirement_views,
)
from rfq.procedures.key_schemas import FinancialKeysView
from rfq.procedures.schemas import (
    BuyerProcedureView,
    ProcedureLineView,
    ProcedureLotView,
    ProcedureSummary,
    SupplierProcedureView,
    item_view,
)
from rfq.reports.readers import note_reader
from rfq.rules.awarding import Awarding, Division
from rfq.rules.bid import BidStatus
from rfq.rules.differences import TermsDocument
from rfq.rules.offering import Offering
from rfq.rules.procedure import (
    BIDS_COUNTED,
    HolderKeys,
    Kind,
    Line,
    Lot,
    LotStatus,
    LowOfferRule,
    Openness,
    Procedure,
    Status,
    StrictKeys,
)
from rfq.rules.sealing import Leaf, leaf_hashes
from rfq.tables import BudgetRow, InvitationRow, LineRow, LotRow, ProcedureRow
from rfq.variants.schemas import VariantTermsView

SUMMARY: Final = (
    ProcedureRow.id,
    ProcedureRow.buyer_id,
    ProcedureRow.kind,
    ProcedureRow.openness,
    ProcedureRow.status,
    ProcedureRow.title,
    ProcedureRow.currency,
    ProcedureRow.deadline_at,
    ProcedureRow.published_at,
)
"""The columns of a procedure in a list."""
# Row security decides who finds one: of a hidden budget a bidder's role has no row.
BUDGET: Final = (
    select(BudgetRow.amount).where(BudgetRow.procedure_id == ProcedureRow.id).scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A procedure as stored: the value for the rules, its lots' states, and the rest of the row.

    Where it stands is in `procedure` and `version`, which move; `row` stays as it was read.
    """

    procedure: Procedure
    lot_statuses: Mapping[UUID, LotStatus]
    row: Row[Any]
    version: int
    known_terms_hash: str | None = None

    def moved(self, lot_id: UUID, lot_status: LotStatus, status: Status) -> "Loaded":
        """Give it as it is stored after one of its lots has moved, and it with it."""
        return replace(
            self,
            procedure=replace(self.procedure, status=status),
            lot_statuses={**self.lot_statuses, lot_id: lot_status},
            version=self.version + 1,
        )

    def with_terms_hash(self) -> "Loaded":
        """Give it with its hash at hand, for who asks of many lots: it is made of all of them."""
        return replace(self, known_terms_hash=self.terms_hash())

    def may_be_seen_by(self) -> frozenset[UUID]:
        """Give the audience of what everybody in the procedure may know."""
        return frozenset([self.procedure.buyer_id, *self.row.audience])

    def documents(self) -> tuple[TermsDocument, ...]:
        """Give the documents that are a part of the terms in force."""
        return msgspec.convert(self.row.documents, tuple[TermsDocument, ...])

    def terms_hash(self) -> str:
        """Give the hash of what was asked and of all commitments to what was offered."""
        if self.known_terms_hash is not None:
            return self.known_terms_hash
        terms = {
            "procedure_id": self.procedure.id,
            "buyer_id": self.procedure.buyer_id,
            "title": self.row.title,
            "currency": self.procedure.currency,
            "deadline_at": self.procedure.deadline_at,
            "bids_root": self.row.bids_root,
            "terms_version": self.procedure.terms_version,
            "lots": lots_document(self.procedure.lots),
            "beyond_quantity": self.row.beyond_quantity,
            "offering": self.row.offering,
            "awarding": _awarding_document(self.procedure.awarding),
        }
        # What a procedure does not have is no part of its terms, and of no older hash.
        for name in ("judging", "requirements", "calendar"):
            if (asked := getattr(self.row, name)) is not None:
                terms[name] = asked
        if self.row.documents:
            # Their order says nothing; a changed content is another document.
            terms["documents"] = sorted([each.name, each.sha256] for each in self.documents())
        return content_hash(terms).hex()


def _awarding_document(awarding: Awarding) -> dict[str, Any]:
    # How days are counted is the calendar's, where there is one.
    apart = {"counting", "calendar"}
    return {name: value for name, value in asdict(awarding).items() if name not in apart}


def lots_document(lots: Sequence[Lot]) -> list[dict[str, Any]]:
    """Give what is asked for as plain values."""
    return [
        {
            "id": str(lot.id),
            "title": lot.title,
            "lines": [
                {
                    "id": str(line.id),
                    "quantity": plain_decimal(line.quantity),
                    "unit": line.unit,
                    "description": line.description,
                    "sku": line.sku,
                    **_stated_terms(line),
                }
                for line in lot.lines
            ],
        }
        for lot in lots
    ]


def _stated_terms(line: Line) -> dict[str, Any]:
    # Left out where there are none: what was hashed before lines had terms keeps its hash.
    return {} if line.terms is None else {"terms": terms_document(line.terms)}


def reads_as_buyer(caller: Caller, loaded: Loaded) -> bool:
    """Tell whether who reads is the procedure's buyer; raises NotPermitted without his scope."""
    buys = loaded.procedure.buyer_id == caller.organization_id
    caller.require("rfq:read" if buys else "bids:read")
    return buys


async def load(tx: Transaction, procedure_id: UUID, *, lock: bool = False) -> Loaded:
    """Read a procedure that the transaction's role may see; raises NotFound.

    With `lock` its row is held until the transaction ends; whoever does so reads the clock after.
    """
    statement = select(
        ProcedureRow.id,
        ProcedureRow.buyer_id,
        ProcedureRow.unit_id,
        ProcedureRow.version,
        ProcedureRow.kind,
        ProcedureRow.openness,
        ProcedureRow.status,
        ProcedureRow.title,
        ProcedureRow.description,
        ProcedureRow.currency,
        ProcedureRow.deadline_at,
        ProcedureRow.minimum_bids,
        ProcedureRow.terms_version,
        ProcedureRow.questions_until,
        ProcedureRow.answer_hours,
        ProcedureRow.amendment_notice_hours,
        ProcedureRow.beyond_quantity,
        ProcedureRow.low_below_mean,
        ProcedureRow.low_below_next,
        ProcedureRow.offering,
        BUDGET.label("budget"),
        ProcedureRow.award_division,
        ProcedureRow.award_shares,
        ProcedureRow.standstill_days,
        ProcedureRow.time_zone,
        ProcedureRow.signatures,
        ProcedureRow.calendar,
        ProcedureRow.judging,
        ProcedureRow.requirements,
        ProcedureRow.documents,
        ProcedureRow.scores_locked_at,
        ProcedureRow.audience,
        ProcedureRow.officer_ids,
        ProcedureRow.buyer_key,
        ProcedureRow.auditor_key,
        ProcedureRow.sealing_key,
        ProcedureRow.financial_buyer_key,
        ProcedureRow.financial_auditor_key,
        ProcedureRow.financial_sealing_key,
        ProcedureRow.bids_root,
        ProcedureRow.bids_blinding,
        ProcedureRow.bid_entries,
        ProcedureRow.cancelled_because,
        ProcedureRow.created_at,
        ProcedureRow.published_at,
        ProcedureRow.closed_at,
        ProcedureRow.opened_at,
        ProcedureRow.prices_opened_at,
        ProcedureRow.remind_days,
        ProcedureRow.reminded_for,
    ).where(ProcedureRow.id == procedure_id)
    row = await tx.maybe(statement.with_for_update() if lock else statement)
    if row is None:
        raise no_such_procedure()
    lots, statuses = await _lots(tx, procedure_id)
    days = read_day_count(row.calendar)
    procedure = Procedure(
        id=row.id,
        buyer_id=row.buyer_id,
        kind=Kind(row.kind),
        openness=Openness(row.openness),
        status=Status(row.status),
        currency=row.currency,
        deadline_at=row.deadline_at,
        lots=lots,
        minimum_bids=row.minimum_bids,
        terms_version=row.terms_version,
        questions_until=row.questions_until,
        answer_time=hours(row.answer_hours),
        amendment_notice=timedelta(hours=row.amendment_notice_hours),
        low_offers=LowOfferRule(row.low_below_mean, row.low_below_next),
        offering=msgspec.convert(row.offering, Offering),
        officer_ids=tuple(row.officer_ids),
        strict=_strict_keys(row),
        awarding=Awarding(
            Division(row.award_division),
            tuple(row.award_shares),
            row.standstill_days,
            row.time_zone,
            row.signatures,
            days.standstill_in,
            days.calendar(),
        ),
        least_times=days.least_times(),
        judging=read_judging(row.judging),
        requirements=read_requirements(row.requirements),
    )
    return Loaded(procedure, statuses, row, row.version)


def _strict_keys(row: Row[Any]) -> StrictKeys | None:
    if row.buyer_key is None:
        return None
    apart = None
    if row.financial_buyer_key is not None:
        apart = HolderKeys(bytes(row.financial_buyer_key), bytes(row.financial_auditor_key))
    return StrictKeys(HolderKeys(bytes(row.buyer_key), bytes(row.auditor_key)), apart)


def no_such_procedure() -> NotFound:
    """Give the error for a procedure that is not there, or that the caller may not see."""
    return NotFound("There is no such procedure.")


def hours(count: int | None) -> timedelta | None:
    """Give so many hours as a time; None of none."""
    return None if count is None else timedelta(hours=count)


async def _lots(
    tx: Transaction, procedure_id: UUID
) -> tuple[tuple[Lot, ...], dict[UUID, LotStatus]]:
    rows = await tx.all(
        select(
            LotRow.id.label("lot_id"),
            LotRow.title,
            LotRow.status,
            LineRow.id,
            LineRow.quantity,
            LineRow.unit,
            LineRow.description,
            LineRow.sku,
            LineRow.terms,
        )
        .join(LineRow, LineRow.lot_id == LotRow.id)
        .where(LotRow.procedure_id == procedure_id)
        .order_by(LotRow.position, LineRow.position)
    )
    lines = defaultdict(list)
    heads = {}
    for row in rows:
        heads[row.lot_id] = row
        terms = None if row.terms is None else read_terms(row.terms)
        line = Line(row.id, row.quantity, row.unit, row.description, row.sku, terms)
        lines[row.lot_id].append(line)
    lots = tuple(Lot(id_, head.title, tuple(lines[id_])) for id_, head in heads.items())
    return lots, {id_: LotStatus(head.status) for id_, head in heads.items()}


async def read_procedure(
    platform: Platform, caller: Caller, procedure_id: UUID
) -> BuyerProcedureView | SupplierProcedureView:
    """Read a procedure: the buyer's view for its buyer, the supplier's for who may bid.

    Raises NotFound, also for a draft that is not one's own.
    """
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        if loaded.procedure.buyer_id != caller.organization_id:
            caller.require("bids:read")
            await note_reader(tx, loaded.procedure, caller.organization_id)
            return SupplierProcedureView(**_shared(loaded))
        caller.require("rfq:read")
        return await buyer_view(tx, loaded)


async def buyer_view(tx: Transaction, loaded: Loaded) -> BuyerProcedureView:
    """Show a procedure to its buyer."""
    invited = await tx.all(
        select(InvitationRow.supplier_id)
        .where(InvitationRow.procedure_id == loaded.procedure.id)
        .order_by(InvitationRow.invited_at, InvitationRow.supplier_id)
    )
    return BuyerProcedureView(
        **_shared(loaded),
        minimum_bids=loaded.procedure.minimum_bids,
        remind_days=loaded.row.remind_days,
        budget_shown=await tx.scalar(
            select(BudgetRow.shown).where(BudgetRow.procedure_id == loaded.procedure.id)
        ),
        officer_ids=list(loaded.procedure.officer_ids),
        created_at=loaded.row.created_at,
        invited_ids=[row.supplier_id for row in invited],
    )


def _shared(loaded: Loaded) -> dict[str, Any]:
    row, procedure = loaded.row, loaded.procedure
    # The leaves' number is the number of versions: nobody is told before the opening.
    opened = procedure.status in BIDS_COUNTED
    return {
        **summary(row),
        "status": procedure.status,
        "version": loaded.version,
        "description": row.description,
        "lots": [_lot_view(lot, loaded.lot_statuses[lot.id]) for lot in procedure.lots],
        "terms_version": row.terms_version,
        "questions_until": row.questions_until,
        "answer_hours": row.answer_hours,
        "amendment_notice_hours": row.amendment_notice_hours,
        "beyond_quantity": row.beyond_quantity,
        "low_below_mean": row.low_below_mean,
        "low_below_next": row.low_below_next,
        "budget": None if row.budget is None else MoneyView.of(Money(row.budget, row.currency)),
        "questionnaire": [item_view(item) for item in procedure.offering.questionnaire],
        "framework_id": procedure.offering.framework_id,
        "bids_valid_until": procedure.offering.valid_until,
        "two_envelopes": procedure.two_envelopes,
        "partial_bids": procedure.offering.partial_bids,
        "variants": VariantTermsView.of(procedure.offering.variants),
        "rates": [
            CurrencyRateView(currency=each.currency, rate=plain_decimal(each.rate))
            for each in procedure.offering.rates
        ],
        "award_division": Division(row.award_division),
        "award_shares": row.award_shares,
        "standstill_days": row.standstill_days,
        "time_zone": row.time_zone,
        "signatures": row.signatures,
        **day_views(row, procedure),
        "judging": judging_view(procedure.judging),
        "requirements": requirement_views(procedure.requirements),
        "sealing_key": hexadecimal(row.sealing_key) or "",
        "buyer_key": hexadecimal(row.buyer_key),
        "auditor_key": hexadecimal(row.auditor_key),
        "financial_keys": _financial_keys(row),
        "closed_at": row.closed_at,
        "opened_at": row.opened_at,
        "prices_opened_at": row.prices_opened_at,
        "cancelled_because": row.cancelled_because,
        "bids_root": hexadecimal(row.bids_root),
        "bid_leaves": _leaves(row) if opened else None,
        "bids_blinding": hexadecimal(row.bids_blinding) if opened else None,
    }


def _financial_keys(row: Row[Any]) -> FinancialKeysView | None:
    if row.financial_buyer_key is None:
        return None
    return FinancialKeysView(
        sealing_key=hexadecimal(row.financial_sealing_key) or "",
        buyer_key=bytes(row.financial_buyer_key).hex(),
        auditor_key=bytes(row.financial_auditor_key).hex(),
    )


def _leaves(row: Row[Any]) -> list[str]:
    entries = (
        Leaf(bytes.fromhex(each["commitment"]), BidStatus(each["status"]))
        for each in row.bid_entries
    )
    return [leaf.hex() for leaf in leaf_hashes(entries, bytes(row.bids_blinding))]


def summary(row: Row[Any]) -> dict[str, Any]:
    """Give the fields of a procedure in a list, from the columns `SUMMARY`."""
    return {
        "id": row.id,
        "buyer_id": row.buyer_id,
        "kind": Kind(row.kind),
        "openness": Openness(row.openness),
        "status": Status(row.status),
        "title": row.title,
        "currency": row.currency,
        "deadline_at": row.deadline_at,
        "published_at": row.published_at,
    }


def _lot_view(lot: Lot, status: LotStatus) -> ProcedureLotView:
    return ProcedureLotView(
        id=lot.id,
        title=lot.title,
        status=status,
        lines=[
            ProcedureLineView(
                id=line.id,
                quantity=shown_quantity(line.quantity),
                unit=line.unit,
                description=line.description,
                sku=line.sku,
                terms=line.terms,
            )
            for line in lot.lines
        ],
    )


async def list_procedures(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[ProcedureSummary]:
    """List the company's own procedures and those it may bid in, the newest first."""
    caller.require("rfq:read" if caller.may("rfq:read") else "bids:read")
    company = caller.organization_id
    statement = (
        select(*SUMMARY)
        .where(
            or_(
                ProcedureRow.buyer_id == company,
                ProcedureRow.audience.any_() == company,
                ProcedureRow.audience.any_() == PUBLIC,
            )
        )
        .order_by(ProcedureRow.id.desc())
        .limit(asked.fetch)
    )
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(ProcedureRow.id < after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [ProcedureSummary(**summary(row)) for row in rows], lambda item: item.id)
