"""What each bidder is told of a proposal: whether he won, and why not; his own reasons alone."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, or_, select

from marketplace.kernel.events import Event
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.schemas import shown_amount
from rfq.awards.proposals import Proposal
from rfq.awards.schemas import AwardNoticeList, AwardNoticeView
from rfq.awards.tables import AwardRow, NoticeRow
from rfq.evaluation.opened import aside, bid_of, opened_bids
from rfq.opening.tables import OpenedPricesRow, TechnicalResultRow
from rfq.procedures.reading import Loaded, load, reads_as_buyer
from rfq.rules.awarding import Division
from rfq.rules.settlement import GONE
from rfq.rules.variants import MAIN
from rfq.tables import ExplanationRow, OpenedBidRow
from rfq.variants.tables import VariantDecisionRow


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
    ranking = {UUID(each["bidder_id"]): each for each in proposal.row.computation["ranking"]}
    ranks = {bidder: int(each["rank"]) for bidder, each in ranking.items()}
    winners = {award.supplier_id for award in proposal.awards}
    own = await _own_reasons(tx, loaded, proposal)
    told = sorted({*ranks, *own, *winners})
    passed = _passed(proposal, ranks)
    granted = _granted(proposal)

    def reasons(bidder: UUID) -> Iterator[str]:
        if bidder not in winners:
            yield from own.get(bidder, ())
            if bidder in ranking:
                name = ranking[bidder].get("variant") or "offer"
                yield f"Your {name} has rank {ranks[bidder]}."
        if bidder in passed and proposal.row.reason:
            yield proposal.row.reason
        if bidder in granted:
            yield granted[bidder]

    return [
        {
            "bidder_id": bidder,
            "won": bidder in winners,
            "rank": ranks.get(bidder),
            "reasons": list(reasons(bidder)),
        }
        for bidder in told
    ]


def _passed(proposal: Proposal, ranks: Mapping[UUID, int]) -> set[UUID]:
    """Give who stood before one who got the lot, or a larger share of it: he is told why.

    Where lines are awarded apart it is not the ranking that decides: only who stood before all
    winners was passed.
    """
    given = [award.supplier_id for award in proposal.awards if award.supplier_id in ranks]
    losers = ranks.keys() - set(given)
    if proposal.row.computation.get("division") == Division.LINES.value:
        first = min((ranks[winner] for winner in given), default=1)
        return {bidder for bidder in losers if ranks[bidder] < first}
    passed, worst = set(), 0
    for winner in given:
        if ranks[winner] < worst:
            passed.add(winner)
        worst = max(worst, ranks[winner])
    return passed | {bidder for bidder in losers if ranks[bidder] < worst}


def _granted(proposal: Proposal) -> dict[UUID, str]:
    """Tell each winner what his conditions for several lots take off this one."""
    scenario = proposal.row.computation.get("scenario") or {"awards": ()}
    sums: dict[UUID, tuple[Decimal, Decimal]] = {}
    for each in scenario["awards"]:
        bidder = UUID(each["supplier_id"])
        offered, amount = sums.get(bidder, (Decimal(0), Decimal(0)))
        sums[bidder] = offered + Decimal(each["offered"]), amount + Decimal(each["amount"])
    currency = proposal.row.currency
    return {
        bidder: (
            f"Of your {shown_amount(offered, currency)} {currency} for this your conditions for "
            f"several lots take {shown_amount(offered - amount, currency)} {currency} off."
        )
        for bidder, (offered, amount) in sums.items()
        if offered != amount
    }


async def _own_reasons(
    tx: Transaction, loaded: Loaded, proposal: Proposal
) -> Mapping[UUID, list[str]]:
    """Give why offers could not win at all, by their bidders.

    An invalid bid, a variant that was set aside, a rejected price, an award refused.
    """
    reasons: dict[UUID, list[str]] = {}

    def tell(bidder: UUID, words: str) -> None:
        reasons.setdefault(bidder, []).append(words.strip())

    for row in await _out(tx, loaded, proposal.row.lot_id):
        name = "bid" if row.variant == MAIN else f"variant {row.variant}"
        if row.invalid_reason is not None:
            tell(row.bidder_id, f"Your {name} was invalid: {row.invalid_reason}")
        else:
            tell(row.bidder_id, f"Your {name} was set aside. {aside(row)}")
    for row in await tx.all(
        select(OpenedBidRow.bidder_id, OpenedBidRow.variant, TechnicalResultRow.reason)
        .join(TechnicalResultRow, TechnicalResultRow.bid_id == OpenedBidRow.id)
        .where(
            TechnicalResultRow.procedure_id == loaded.procedure.id,
            TechnicalResultRow.passed.is_(False),
        )
        .order_by(OpenedBidRow.variant)
    ):
        of = "" if row.variant == MAIN else f" of variant {row.variant}"
        tell(row.bidder_id, f"Your financial envelope{of} was not opened: {row.reason}")
    for each in proposal.row.computation.get("ended", ()):
        name = each.get("variant") or "bid"
        words = f"Your {name} bound you until {each['until']} and was not extended."
        tell(UUID(each["bidder_id"]), words)
    fallen = {
        row.supplier_id: row.ended_because or ""
        for row in await tx.all(
            select(AwardRow.supplier_id, AwardRow.ended_because).where(
                AwardRow.lot_id == proposal.row.lot_id,
                AwardRow.status.in_([status.value for status in GONE]),
            )
        )
    }
    said = await tx.all(
        select(ExplanationRow.bid_id, ExplanationRow.decision_reason).where(
            ExplanationRow.lot_id == proposal.row.lot_id
        )
    )
    why = {row.bid_id: row.decision_reason or "" for row in said}
    for each in proposal.row.computation["rejected"]:
        bidder = UUID(each["bidder_id"])
        if bidder not in fallen:
            name = each.get("variant") or "offer"
            tell(bidder, f"Your {name} was rejected. {why.get(UUID(each['bid_id']), '')}")
    # Whoever fell away as a winner fell with all he offered: of that alone he is told.
    ended = "An award of this lot to you has ended already."
    return {
        **reasons,
        **{bidder: [f"{ended} {because}".strip()] for bidder, because in fallen.items()},
    }


async def _out(tx: Transaction, loaded: Loaded, lot_id: UUID) -> list[Row[Any]]:
    """Read the bids that are invalid, and the variants for this lot that were set aside."""
    lot = loaded.procedure.lot(lot_id)
    rows = await tx.all(
        opened_bids(loaded.procedure.id).where(
            or_(
                OpenedBidRow.invalid_reason.is_not(None),
                OpenedPricesRow.invalid_reason.is_not(None),
                VariantDecisionRow.meets.is_(False),
            )
        )
    )
    return [
        row
        for row in rows
        if row.invalid_reason is not None
        or (lot is not None and (bid := bid_of(row)) is not None and bid.priced(lot))
    ]


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
