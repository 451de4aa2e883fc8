"""The ranking a lot is awarded from, with the offers that are abnormally low."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final as Constant
from uuid import UUID

from sqlalchemy import select

from marketplace.kernel.errors import NotFound
from marketplace.kernel.money import Money
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.schemas import MoneyView
from rfq.awards.tables import AwardRow
from rfq.evaluation.comparing import Compared, compare
from rfq.evaluation.schemas import ExcludedOfferView, LotRankingView, RankedOfferView
from rfq.handover.service import EndedAuction, ended_auctions
from rfq.negotiation.agreed import AgreedOffer, agreed_by_lot
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded
from rfq.rules.abnormal import ExplanationStatus, Flag, flagged
from rfq.rules.computation import shown
from rfq.rules.evaluation import Final, Offer, Standing, finals, judged, leading, ordered
from rfq.rules.procedure import LowOfferRule, check_bids_readable
from rfq.rules.settlement import GONE
from rfq.rules.validity import why_ended
from rfq.tables import ExplanationRow
from rfq.variants.schemas import VariantView

BEHIND: Constant = "Another offer of its bidder stands before it."


@dataclass(frozen=True, slots=True)
class Gone:
    """What cannot win a lot any more.

    `bidders` fell away as winners: they declined its award, or it failed, and they gave way to
    others with all they offered. `bids` are offers whose explanation of a low price was rejected;
    another offer of the same bidder stands.
    """

    bidders: frozenset[UUID] = frozenset()
    bids: frozenset[UUID] = frozenset()

    def __contains__(self, offer: Offer) -> bool:
        return offer.bidder_id in self.bidders or offer.bid_id in self.bids


@dataclass(frozen=True, slots=True)
class Ranking:
    """Who would win a lot, best first, without those who were rejected or fell away as winners.

    Each bidder is there once, by the best of his offers; his others are `behind` it.
    `excluded` are the offers of who is not qualified or failed by the panel's scores, and variants
    that were set aside, with why. `flags`, `explanations`, `agreed` and `first_totals` are by bid;
    what was agreed about it stands in its place, and its total is the first one. `ended` are offers
    whose bidders are bound no more. Those and the ones behind are among the `excluded`.
    """

    finals: tuple[Final, ...]
    rejected: tuple[Final, ...]
    excluded: tuple[tuple[Standing, str], ...]
    flags: Mapping[UUID, Flag]
    explanations: Mapping[UUID, ExplanationStatus]
    auction: EndedAuction | None
    agreed: Mapping[UUID, AgreedOffer]
    first_totals: Mapping[UUID, Money]
    ended: tuple[Final, ...] = ()
    behind: tuple[Final, ...] = ()

    @property
    def whole_totals(self) -> Mapping[UUID, Money]:
        """The first totals of the offers for all of the lot; no others compare."""
        left_out = {
            final.offer.bid_id
            for final in (*self.finals, *self.behind, *self.rejected, *self.ended)
            if final.offer.left_out
        }
        return {bid: money for bid, money in self.first_totals.items() if bid not in left_out}

    @property
    def no_winner(self) -> str | None:
        """Why the lot's auction ended without a winner; None where there was none or one won."""
        return None if self.auction is None else self.auction.no_winner


async def rank_lot(
    tx: Transaction, loaded: Loaded, lot_id: UUID, compared: Compared | None = None
) -> Ranking:
    """Read what was offered for a lot, or reached in its auction, and rank it.

    `compared` are the bids where they were read already: they are those of all lots. Raises
    Conflict while its auction runs.
    """
    return (await rank_lots(tx, loaded, [lot_id], compared))[lot_id]


async def rank_lots(
    tx: Transaction,
    loaded: Loaded,
    lot_ids: Collection[UUID],
    compared: Compared | None = None,
) -> dict[UUID, Ranking]:
    """Rank lots in as many statements as one takes; raises Conflict while one is auctioned."""
    auctions = await ended_auctions(tx, lot_ids)
    agreed = await agreed_by_lot(tx, lot_ids)
    compared = compared or await compare(tx, loaded)
    explanations = await _explanations(tx, lot_ids)
    gone = await _gone(tx, lot_ids, explanations)
    at = await tx.clock()
    return {
        lot_id: _ranking(
            _finals(loaded, compared, lot_id, agreed.get(lot_id, {}), auctions.get(lot_id)),
            gone[lot_id],
            Ranking(
                finals=(),
                rejected=(),
                excluded=compared.excluded[lot_id],
                flags={},
                explanations=explanations.get(lot_id, {}),
                auction=auctions.get(lot_id),
                agreed=agreed.get(lot_id, {}),
                first_totals={
                    each.offer.bid_id: each.offer.total for each in compared.standings[lot_id]
                },
            ),
            loaded.procedure.low_offers,
            at,
        )
        for lot_id in lot_ids
    }


def _ranking(
    every: Sequence[Final],
    gone: Gone,
    known: Ranking,
    low_offers: LowOfferRule,
    at: datetime,
) -> Ranking:
    """Part those who can win from those who were rejected or fell away, and whose bids ended."""
    rejected = tuple(final for final in every if final.offer in gone)
    running = [final for final in every if final.offer not in gone]
    ended = [(final, why_ended(final.offer.binds_until, at)) for final in running]
    left, behind = leading(final for final, why in ended if why is None)
    # Of each bidder one: nobody moves the mean of the others by sending more.
    totals = {final.offer.bid_id: final.amount.amount for final in left}
    return replace(
        known,
        finals=left,
        rejected=rejected,
        excluded=(
            *known.excluded,
            *((final.standing, why) for final, why in ended if why),
            *((final.standing, BEHIND) for final in behind),
        ),
        flags=flagged(totals, low_offers),
        ended=tuple(final for final, why in ended if why),
        behind=behind,
    )


def _finals(
    loaded: Loaded,
    compared: Compared,
    lot_id: UUID,
    agreed: Mapping[UUID, AgreedOffer],
    auction: EndedAuction | None,
) -> tuple[Final, ...]:
    standings, judging = compared.standings[lot_id], loaded.procedure.judging
    if auction is None:
        if agreed:
            offers = (_negotiated(standing.offer, agreed) for standing in standings)
            anew = (judged(judging, lot_id, offer, compared.marks) for offer in offers)
            standings = ordered(judging.method, anew)
        return finals(judging, lot_id, standings, {})
    currency = loaded.procedure.currency
    amounts = {entry.bidder_id: Money(entry.price, currency) for entry in auction.ranking}
    order = [entry.bidder_id for entry in auction.ranking]
    return finals(judging, lot_id, standings, amounts, order, compared.marks)


def _negotiated(offer: Offer, agreed: Mapping[UUID, AgreedOffer]) -> Offer:
    of_bid = agreed.get(offer.bid_id)
    return offer if of_bid is None else of_bid.in_place_of(offer)


async def gone_by_lot(tx: Transaction, lot_ids: Collection[UUID]) -> Mapping[UUID, Gone]:
    """Give what cannot win a lot any more, and who."""
    return await _gone(tx, lot_ids, await _explanations(tx, lot_ids))


async def _gone(
    tx: Transaction,
    lot_ids: Collection[UUID],
    explanations: Mapping[UUID, Mapping[UUID, ExplanationStatus]],
) -> Mapping[UUID, Gone]:
    rows = await tx.all(
        select(AwardRow.lot_id, AwardRow.supplier_id).where(
            AwardRow.lot_id.in_(lot_ids), AwardRow.status.in_([status.value for status in GONE])
        )
    )
    return {
        lot_id: Gone(
            bidders=frozenset(row.supplier_id for row in rows if row.lot_id == lot_id),
            bids=frozenset(
                bid_id
                for bid_id, status in explanations.get(lot_id, {}).items()
                if status is ExplanationStatus.REJECTED
            ),
        )
        for lot_id in lot_ids
    }


async def _explanations(
    tx: Transaction, lot_ids: Collection[UUID]
) -> dict[UUID, dict[UUID, ExplanationStatus]]:
    rows = await tx.all(
        select(ExplanationRow.lot_id, ExplanationRow.bid_id, ExplanationRow.status).where(
            ExplanationRow.lot_id.in_(lot_ids)
        )
    )
    found: dict[UUID, dict[UUID, ExplanationStatus]] = {}
    for row in rows:
        found.setdefault(row.lot_id, {})[row.bid_id] = ExplanationStatus(row.status)
    return found


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
        excluded=[
            ExcludedOfferView(
                bid_id=standing.offer.bid_id,
                bidder_id=standing.offer.bidder_id,
                variant=VariantView.of(standing.offer.variant),
                total=MoneyView.of(standing.total),
                reason=why,
            )
            for standing, why in ranking.excluded
        ],
    )


def _items(ranking: Ranking, offers: Sequence[Final]) -> list[RankedOfferView]:
    views = []
    for rank, final in enumerate(offers, start=1):
        bid_id = final.offer.bid_id
        flag = ranking.flags.get(bid_id)
        views.append(
            RankedOfferView(
                rank=rank,
                bid_id=bid_id,
                bidder_id=final.offer.bidder_id,
                variant=VariantView.of(final.offer.variant),
                total=MoneyView.of(final.amount),
                score=shown(final.standing.score),
                abnormally_low=None if flag is None else flag.reason,
                explanation=ranking.explanations.get(bid_id),
                negotiated=bid_id in ranking.agreed,
                binds_until=final.offer.binds_until,
                left_out=final.offer.left_out,
            )
        )
    return views
