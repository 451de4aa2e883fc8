"""The statements of a report: each gives sums; row-level security leaves other companies out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, cast, distinct, func, literal, select, text
from sqlalchemy.types import Date

from marketplace.kernel.limits import REPORT_SUPPLIERS_MAX
from marketplace.organizations.tables import OrganizationRow
from rfq.awards.tables import AwardLineRow, AwardRow, ProposalRow
from rfq.comparison.tables import LotEstimateRow
from rfq.reports.rules import Against, CyclePhase
from rfq.reports.tables import ReaderRow
from rfq.rules.procedure import LotStatus
from rfq.rules.settlement import AwardStatus, ProposalStatus
from rfq.tables import InvitationRow, LineRow, LotRow, OpenedBidRow, ProcedureRow

AWARDED: Final = AwardStatus.AWARDED.value


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose procedures, in which time: ``[begin, end)``, months as of `time_zone`."""

    company_id: UUID
    unit_id: UUID | None
    begin: datetime
    end: datetime
    time_zone: str

    def own(self) -> ColumnElement[bool]:
        """Pick the procedures of the company, or of the unit and those below it."""
        own = ProcedureRow.buyer_id == self.company_id
        if self.unit_id is None:
            return own
        below = (
            select(OrganizationRow.id)
            .where(
                OrganizationRow.id == self.unit_id, OrganizationRow.company_id == self.company_id
            )
            .cte("units", recursive=True)
        )
        below = below.union_all(
            select(OrganizationRow.id).where(
                OrganizationRow.parent_id == below.c.id,
                OrganizationRow.company_id == self.company_id,
            )
        )
        return and_(own, ProcedureRow.unit_id.in_(select(below.c.id)))

    def within(self, at: Any) -> ColumnElement[bool]:
        """Pick what happened in the time."""
        return and_(at >= self.begin, at < self.end)

    def month(self, at: Any) -> ColumnElement[Any]:
        """Give the first day of the month of an instant."""
        return cast(func.date_trunc("month", func.timezone(self.time_zone, at)), Date)


def savings(scope: Scope) -> Select[Any]:
    """Sum awarded lots by currency and month, in full apart from in part."""
    awarded_lines = (
        select(AwardLineRow.line_id, func.sum(AwardLineRow.quantity).label("quantity"))
        .join(AwardRow, AwardRow.id == AwardLineRow.award_id)
        .where(AwardRow.status == AWARDED, AwardRow.buyer_id == scope.company_id)
        .group_by(AwardLineRow.line_id)
        .subquery()
    )
    missing = (
        select(literal(1))
        .select_from(LineRow)
        .outerjoin(awarded_lines, awarded_lines.c.line_id == LineRow.id)
        .where(
            LineRow.lot_id == LotRow.id,
            func.coalesce(awarded_lines.c.quantity, 0) < LineRow.quantity,
        )
        .correlate(LotRow)
        .exists()
    )
    prices = (
        select(
            AwardRow.lot_id,
            func.sum(AwardRow.total).label("price"),
            func.max(AwardRow.awarded_at).label("at"),
            func.min(ProposalRow.first_offer).label("first_offer"),
        )
        .join(ProposalRow, ProposalRow.id == AwardRow.proposal_id)
        .where(AwardRow.status == AWARDED, AwardRow.buyer_id == scope.company_id)
        .group_by(AwardRow.lot_id)
        .having(scope.within(func.max(AwardRow.awarded_at)))
        .subquery()
    )
    lots = (
        select(
            ProcedureRow.currency,
            scope.month(prices.c.at).label("month"),
            prices.c.price,
            prices.c.first_offer,
            LotEstimateRow.estimate,
            LotEstimateRow.baseline,
            missing.label("in_part"),
        )
        .select_from(prices)
        .join(LotRow, LotRow.id == prices.c.lot_id)
        .join(ProcedureRow, ProcedureRow.id == LotRow.procedure_id)
        .outerjoin(LotEstimateRow, LotEstimateRow.lot_id == LotRow.id)
        .where(scope.own(), LotRow.status == LotStatus.AWARDED.value)
        .subquery()
    )
    references: Mapping[Against, Any] = {
        Against.BASELINE: lots.c.baseline,
        Against.ESTIMATE: lots.c.estimate,
        Against.FIRST_OFFER: lots.c.first_offer,
    }
    sums = [
        column
        for name, reference in references.items()
        for column in (
            func.count(reference).label(f"{name}_lots"),
            func.coalesce(func.sum(reference), 0).label(f"{name}_reference"),
            func.coalesce(func.sum(lots.c.price).filter(reference.is_not(None)), 0).label(
                f"{name}_price"
            ),
        )
    ]
    return (
        select(
            lots.c.currency,
            lots.c.month,
            lots.c.in_part,
            func.count().label("lots"),
            func.sum(lots.c.price).label("price"),
            *sums,
        )
        .group_by(lots.c.currency, lots.c.month, lots.c.in_part)
        .order_by(lots.c.currency, lots.c.month)
    )


def _count_of(table: Any, *more: Any) -> Any:
    return (
        select(func.count())
        .select_from(table)
        .where(table.procedure_id == ProcedureRow.id, *more)
        .correlate(ProcedureRow)
        .scalar_subquery()
    )


def _bidders(*more: Any) -> Any:
    """Count who bid, whoever sent variants once."""
    return (
        select(func.count(distinct(OpenedBidRow.bidder_id)))
        .where(OpenedBidRow.procedure_id == ProcedureRow.id, *more)
        .correlate(ProcedureRow)
        .scalar_subquery()
    )


def _answered() -> Any:
    return (
        select(func.count(distinct(InvitationRow.supplier_id)))
        .select_from(InvitationRow)
        .join(
            OpenedBidRow,
            and_(
                OpenedBidRow.procedure_id == InvitationRow.procedure_id,
                OpenedBidRow.bidder_id == InvitationRow.supplier_id,
            ),
        )
        .where(InvitationRow.procedure_id == ProcedureRow.id)
        .correlate(ProcedureRow)
        .scalar_subquery()
    )


def participation(scope: Scope) -> Select[Any]:
    """Count who took part, by the month of the opening."""
    withdrawn = func.jsonb_array_length(
        func.jsonb_path_query_array(
            ProcedureRow.bid_entries, text("""'$[*] ? (@.status == "withdrawn")'""")
        )
    )
    each = (
        select(
            scope.month(ProcedureRow.opened_at).label("month"),
            _count_of(InvitationRow).label("invited"),
            _count_of(ReaderRow).label("looked"),
            _bidders().label("submitted"),
            (_bidders() - _bidders(OpenedBidRow.invalid_reason.is_(None))).label("invalid"),
            _answered().label("answered"),
            withdrawn.label("withdrawn"),
        )
        .where(scope.own(), scope.within(ProcedureRow.opened_at))
        .subquery()
    )
    names = ("invited", "looked", "submitted", "invalid", "answered", "withdrawn")
    sums = [func.coalesce(func.sum(each.c[name]), 0).label(name) for name in names]
    return (
        select(each.c.month, func.count().label("procedures"), *sums)
        .group_by(each.c.month)
        .order_by(each.c.month)
    )


def _submitted(procedures: Any) -> Any:
    """Give who bid, whoever sent variants once, and whether an offer of his was valid."""
    return (
        select(
            OpenedBidRow.procedure_id,
            OpenedBidRow.bidder_id,
            func.bool_or(OpenedBidRow.invalid_reason.is_(None)).label("valid"),
        )
        .where(OpenedBidRow.procedure_id.in_(procedures))
        .group_by(OpenedBidRow.procedure_id, OpenedBidRow.bidder_id)
        .subquery("submitted_bids")
    )


def suppliers(scope: Scope) -> Select[Any]:
    """Count how each supplier took part, those with the most bids first, so many of them."""
    procedures = (
        select(ProcedureRow.id)
        .where(scope.own(), scope.within(ProcedureRow.opened_at))
        .cte("procedures_opened")
    )
    chosen = select(procedures.c.id)
    took_part = (
        select(InvitationRow.supplier_id, InvitationRow.procedure_id)
        .where(InvitationRow.procedure_id.in_(chosen))
        .union(
            select(ReaderRow.supplier_id, ReaderRow.procedure_id).where(
                ReaderRow.procedure_id.in_(chosen)
            ),
            select(OpenedBidRow.bidder_id, OpenedBidRow.procedure_id).where(
                OpenedBidRow.procedure_id.in_(chosen)
            ),
        )
        .subquery("took_part")
    )
    won = (
        select(func.count(distinct(AwardRow.lot_id)))
        .where(
            AwardRow.supplier_id == took_part.c.supplier_id,
            AwardRow.procedure_id.in_(chosen),
            AwardRow.status == AWARDED,
        )
        .correlate(took_part)
        .scalar_subquery()
    )

    opened = _submitted(chosen)

    def same(table: Any, supplier: Any) -> ColumnElement[bool]:
        return and_(
            table.procedure_id == took_part.c.procedure_id, supplier == took_part.c.supplier_id
        )

    invited, submitted = InvitationRow.supplier_id, opened.c.bidder_id
    bids = func.count(submitted).label("submitted")
    return (
        select(
            took_part.c.supplier_id,
            func.count(invited).label("invited"),
            func.count(ReaderRow.supplier_id).label("looked"),
            bids,
            func.count(submitted).filter(opened.c.valid.is_(False)).label("invalid"),
            func.count(submitted).filter(invited.is_not(None)).label("answered"),
            won.label("won"),
        )
        .select_from(took_part)
        .outerjoin(InvitationRow, same(InvitationRow, invited))
        .outerjoin(ReaderRow, same(ReaderRow, ReaderRow.supplier_id))
        .outerjoin(opened, same(opened.c, submitted))
        .group_by(took_part.c.supplier_id)
        .order_by(bids.desc(), took_part.c.supplier_id)
        .limit(REPORT_SUPPLIERS_MAX)
    )


def cycle_times(scope: Scope) -> Select[Any]:
    """Measure the phases of procedures whose last award lies in the time, in seconds."""
    ends = (
        select(
            AwardRow.procedure_id,
            func.max(AwardRow.awarded_at).label("concluded_at"),
            func.max(ProposalRow.proposed_at).label("decided_at"),
        )
        .join(ProposalRow, ProposalRow.id == AwardRow.proposal_id)
        .where(
            AwardRow.status == AWARDED,
            AwardRow.buyer_id == scope.company_id,
            ProposalRow.status == ProposalStatus.AWARDED.value,
        )
        .group_by(AwardRow.procedure_id)
        .subquery()
    )
    procedure, begin = ProcedureRow, ProcedureRow.published_at
    spans = {
        CyclePhase.RECEIVING: procedure.closed_at - begin,
        CyclePhase.OPENING: procedure.opened_at - procedure.closed_at,
        CyclePhase.JUDGING: ends.c.decided_at - procedure.opened_at,
        CyclePhase.CONCLUDING: ends.c.concluded_at - ends.c.decided_at,
        CyclePhase.TOTAL: ends.c.concluded_at - begin,
    }
    columns = []
    for phase, span in spans.items():
        seconds = func.extract("epoch", span)
        columns += [
            func.avg(seconds).label(f"{phase}_mean"),
            func.percentile_cont(0.5).within_group(seconds).label(f"{phase}_median"),
            func.percentile_cont(0.9).within_group(seconds).label(f"{phase}_p90"),
        ]
    return (
        select(func.count().label("procedures"), *columns)
        .select_from(ends)
        .join(procedure, procedure.id == ends.c.procedure_id)
        .where(scope.own(), procedure.status == "awarded", scope.within(ends.c.concluded_at))
    )
