"""What each bidder is told of a proposal: whether he won, and why not; his own reasons alone."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, or_, select

from marketplace.kernel.events import Event
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from rfq.awards.proposals import Proposal
from rfq.awards.schemas import AwardNoticeList, AwardNoticeView
from rfq.awards.tables import AwardRow, NoticeRow
from rfq.evaluation.opened import opened_bids
from rfq.opening.tables import OpenedPricesRow, TechnicalResultRow
from rfq.procedures.reading import Loaded, load, reads_as_buyer
from rfq.rules.settlement import GONE
from rfq.tables import ExplanationRow, OpenedBidRow


async def tell_bidders(
    tx: Transaction, loaded: Loaded, proposal: Proposal, until: datetime | None, at: datetime
) -> None:
    """Write each bidder of the lot his notice, and let him know that it is there."""
    notices = [
        {
            "proposal_id": proposal.id,
            "procedure_id": loaded.procedure.id,
            "lot_id": proposal.row.lot_id,
            "buyer_id": loaded.procedure.buyer_id,
            "notified_at": at,
            "standstill_until": until,
            **notice,
        }
        for notice in await _notices(tx, loaded, proposal)
    ]
    await tx.execute(insert(NoticeRow), notices)
    for notice in notices:
        facts = {
            "procedure_id": loaded.procedure.id,
            "lot_id": proposal.row.lot_id,
            "won": notice["won"],
            "standstill_until": until,
        }
        # One each: who else was told, nobody reads.
        audience = frozenset([notice["bidder_id"]])
        version = proposal.row.version + 1
        tx.emit(Event("award.notified", "award_proposal", proposal.id, version, audience, facts))


async def _notices(tx: Transaction, loaded: Loaded, proposal: Proposal) -> list[dict[str, Any]]:
    ranks = {
        UUID(each["bidder_id"]): int(each["rank"]) for each in proposal.row.computation["ranking"]
    }
    winners = {award.supplier_id for award in proposal.awards}
    own = await _own_reasons(tx, loaded, proposal)
    told = sorted({*ranks, *own, *winners})
    first = min((ranks[winner] for winner in winners if winner in ranks), default=1)
    return [
        {
            "bidder_id": bidder,
            "won": bidder in winners,
            "rank": ranks.get(bidder),
            "reasons": []
            if bidder in winners
            else list(_reasons(ranks.get(bidder), own.get(bidder), first, proposal.row.reason)),
        }
        for bidder in told
    ]


def _reasons(rank: int | None, own: str | None, first: int, reason: str) -> Iterator[str]:
    if own is not None:
        yield own
    elif rank is not None:
        yield f"Your offer has rank {rank}."
    # Who stood before a winner is told why the buyer passed him over.
    if own is None and reason and rank is not None and rank < first:
        yield reason


async def _own_reasons(tx: Transaction, loaded: Loaded, proposal: Proposal) -> Mapping[UUID, str]:
    """Give why bidders could not win at all: an invalid bid, a rejected price, an award refused."""
    reasons: dict[UUID, str] = {}
    for row in await tx.all(
        opened_bids(loaded.procedure.id).where(
            or_(
                OpenedBidRow.invalid_reason.is_not(None),
                OpenedPricesRow.invalid_reason.is_not(None),
            )
        )
    ):
        reasons[row.bidder_id] = f"Your bid was invalid: {row.invalid_reason}"
    for row in await tx.all(
        select(TechnicalResultRow.bidder_id, TechnicalResultRow.reason).where(
            TechnicalResultRow.procedure_id == loaded.procedure.id,
            TechnicalResultRow.passed.is_(False),
        )
    ):
        reasons[row.bidder_id] = f"Your financial envelope was not opened: {row.reason}"
    for bidder, until in proposal.row.computation.get("ended", {}).items():
        reasons[UUID(bidder)] = f"Your bid bound you until {until} and was not extended."
    rejected = {UUID(each["bidder_id"]) for each in proposal.row.computation["rejected"]}
    said = await tx.all(
        select(ExplanationRow.bidder_id, ExplanationRow.decision_reason).where(
            ExplanationRow.lot_id == proposal.row.lot_id, ExplanationRow.bidder_id.in_(rejected)
        )
    )
    why = {row.bidder_id: row.decision_reason or "" for row in said}
    for bidder in rejected:
        words = "Your offer was rejected."
        reasons[bidder] = f"{words} {why.get(bidder, '')}".strip()
    for row in await tx.all(
        select(AwardRow.supplier_id, AwardRow.ended_because).where(
            AwardRow.lot_id == proposal.row.lot_id,
            AwardRow.status.in_([status.value for status in GONE]),
        )
    ):
        words = "An award of this lot to you has ended already."
        reasons[row.supplier_id] = f"{words} {row.ended_because or ''}".strip()
    return reasons


async def list_notices(platform: Platform, caller: Caller, procedure_id: UUID) -> AwardNoticeList:
    """List what bidders were told: all to the buyer, his own to a bidder. Raises NotFound."""
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        reads_as_buyer(caller, loaded)
        rows = await tx.all(
            select(
                NoticeRow.proposal_id,
                NoticeRow.bidder_id,
                NoticeRow.lot_id,
                NoticeRow.won,
                NoticeRow.rank,
                NoticeRow.reasons,
                NoticeRow.notified_at,
                NoticeRow.standstill_until,
                NoticeRow.withdrawn_at,
            )
            .where(NoticeRow.procedure_id == procedure_id)
            .order_by(NoticeRow.notified_at, NoticeRow.bidder_id)
        )
    return AwardNoticeList(
        items=[
            AwardNoticeView(
                proposal_id=row.proposal_id,
                bidder_id=row.bidder_id,
                lot_id=row.lot_id,
                won=row.won,
                rank=row.rank,
                reasons=row.reasons,
                notified_at=row.notified_at,
                standstill_until=row.standstill_until,
                withdrawn_at=row.withdrawn_at,
            )
            for row in rows
        ]
    )
