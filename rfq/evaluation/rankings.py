"""The ranking a lot is awarded from, with the offers that are abnormally low."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from marketplace.kernel.errors import NotFound
from marketplace.kernel.money import Money
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.schemas import MoneyView
from rfq.evaluation.offers import evaluate
from rfq.evaluation.schemas import LotRankingView, RankedOfferView
from rfq.handover.service import EndedAuction, ended_auction
from rfq.negotiation.agreed import AgreedOffer, agreed_offers
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded
from rfq.rules.abnormal import ExplanationStatus, Flag, flagged
from rfq.rules.evaluation import Final, Offer, Standing, finals, ranked
from rfq.rules.procedure import check_bids_readable
from rfq.tables import ExplanationRow


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who would win a lot, best first, without those whose explanation was rejected.

    `flags`, `explanations` and `agreed` are by bidder; what was agreed with him stands in the
    place of his bid.
    """

    finals: tuple[Final, ...]
    rejected: tuple[Final, ...]
    flags: Mapping[UUID, Flag]
    explanations: Mapping[UUID, ExplanationStatus]
    auction: EndedAuction | None
    agreed: Mapping[UUID, AgreedOffer]

    @property
    def no_winner(self) -> str | None:
        """Why the lot's auction ended without a winner; None where there was none or one won."""
        return None if self.auction is None else self.auction.no_winner


async def rank_lot(tx: Transaction, loaded: Loaded, lot_id: UUID) -> Ranking:
    """Read what was offered for a lot, or reached in its auction, and rank it.

    Raises Conflict while its auction runs.
    """
    auction = await ended_auction(tx, lot_id)
    agreed = await agreed_offers(tx, lot_id)
    every = _finals((await evaluate(tx, loaded)).standings[lot_id], agreed, auction)
    explanations = await _explanations(tx, lot_id)
    rejected = tuple(
        final
        for final in every
        if explanations.get(final.offer.bidder_id) is ExplanationStatus.REJECTED
    )
    left = tuple(final for final in every if final not in rejected)
    totals = {final.offer.bidder_id: final.amount.amount for final in left}
    flags = flagged(totals, loaded.procedure.low_offers)
    return Ranking(left, rejected, flags, explanations, auction, agreed)


def _finals(
    standings: Sequence[Standing],
    agreed: Mapping[UUID, AgreedOffer],
    auction: EndedAuction | None,
) -> tuple[Final, ...]:
    if auction is None:
        offers = (standing.offer for standing in standings)
        return finals(ranked(_negotiated(offer, agreed) for offer in offers), {})
    currency = standings[0].total.currency
    amounts = {entry.bidder_id: Money(entry.price, currency) for entry in auction.ranking}
    return finals(standings, amounts, [entry.bidder_id for entry in auction.ranking])


def _negotiated(offer: Offer, agreed: Mapping[UUID, AgreedOffer]) -> Offer:
    of_bidder = agreed.get(offer.bidder_id)
    return offer if of_bidder is None else of_bidder.in_place_of(offer)


async def _explanations(tx: Transaction, lot_id: UUID) -> dict[UUID, ExplanationStatus]:
    rows = await tx.all(
        select(ExplanationRow.bidder_id, ExplanationRow.status).where(
            ExplanationRow.lot_id == lot_id
        )
    )
    return {row.bidder_id: ExplanationStatus(row.status) for row in rows}


async def read_ranking(
    platform: Platform, caller: Caller, procedure_id: UUID, lot_id: UUID
) -> LotRankingView:
    """Show the buyer the ranking a lot would be awarded from.

    Raises NotFound, WrongState before the opening, Conflict while the lot's auction runs.
    """
    caller.require("rfq:read")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        check_bids_readable(loaded.procedure)
        if lot_id not in loaded.lot_statuses:
            raise NotFound("This procedure has no such lot.")
        ranking = await rank_lot(tx, loaded, lot_id)
    return LotRankingView(
        lot_id=lot_id,
        auctioned=ranking.auction is not None,
        no_winner=ranking.no_winner,
        items=_items(ranking, ranking.finals),
        rejected=_items(ranking, ranking.rejected),
    )


def _items(ranking: Ranking, offers: Sequence[Final]) -> list[RankedOfferView]:
    views = []
    for rank, final in enumerate(offers, start=1):
        bidder_id = final.offer.bidder_id
        flag = ranking.flags.get(bidder_id)
        views.append(
            RankedOfferView(
                rank=rank,
                bid_id=final.offer.bid_id,
                bidder_id=bidder_id,
                total=MoneyView.of(final.amount),
                abnormally_low=None if flag is None else flag.reason,
                explanation=ranking.explanations.get(bidder_id),
                negotiated=bidder_id in ranking.agreed,
            )
        )
    return views
