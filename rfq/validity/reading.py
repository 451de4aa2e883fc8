"""Which bids are in the running, and until when each binds, as values."""

from collections.abc import Collection
from datetime import datetime

from marketplace.platform.database import Transaction
from rfq.awards.proposals import Proposal
from rfq.evaluation.comparing import compare
from rfq.evaluation.judged_bids import words_of_bids
from rfq.evaluation.opened import bid_of, opened_bids
from rfq.evaluation.rankings import gone_by_lot
from rfq.procedures.reading import Loaded
from rfq.qualification.reading import exclusions
from rfq.rules.procedure import PRICES_HIDDEN, SETTLED_LOT
from rfq.rules.settlement import AwardStatus
from rfq.rules.validity import BindingBid, binds_until, why_ended
from rfq.tables import OpenedBidRow


async def bids_in_the_running(tx: Transaction, loaded: Loaded) -> list[BindingBid]:
    """Give the bids that could still win something, ended ones among them, by their ids."""
    found = await (
        _judged(tx, loaded) if loaded.procedure.status in PRICES_HIDDEN else _ranked(tx, loaded)
    )
    return sorted(found, key=lambda bid: bid.bid_id)


async def _judged(tx: Transaction, loaded: Loaded) -> Collection[BindingBid]:
    """Give those that are being judged, whose prices may be sealed still."""
    barred = await exclusions(tx, loaded)
    return [
        BindingBid(
            row.id,
            row.bidder_id,
            binds_until(loaded.procedure.offering, part.valid_until, row.extended_until),
        )
        for row, part in await words_of_bids(tx, loaded)
        if row.bidder_id not in barred and row.kept_closed is None and row.meets is not False
    ]


async def _ranked(tx: Transaction, loaded: Loaded) -> Collection[BindingBid]:
    """Give those that can win a lot which is not settled: not excluded, rejected or fallen away."""
    open_lots = [
        lot_id for lot_id, status in loaded.lot_statuses.items() if status not in SETTLED_LOT
    ]
    standings = (await compare(tx, loaded)).standings
    gone = await gone_by_lot(tx, open_lots)
    return {
        offer.bid_id: BindingBid(offer.bid_id, offer.bidder_id, offer.binds_until)
        for lot_id in open_lots
        for offer in (each.offer for each in standings[lot_id])
        if offer not in gone[lot_id]
    }.values()


async def why_not_to_conclude(
    tx: Transaction, loaded: Loaded, proposal: Proposal, at: datetime
) -> str | None:
    """Say why a proposal cannot be awarded any more; None while the bids of all winners bind.

    What was agreed in a negotiation binds until the award.
    """
    bid_ids = [
        award.bid_id
        for award in proposal.awards
        if award.status is AwardStatus.PROPOSED
        and not any(step.kind == "rfq.negotiation" for step in award.provenance)
    ]
    rows = await tx.all(opened_bids(loaded.procedure.id).where(OpenedBidRow.id.in_(bid_ids)))
    for row in rows:
        bid = bid_of(row)
        own = None if bid is None else bid.valid_until
        until = binds_until(loaded.procedure.offering, own, row.extended_until)
        if (why := why_ended(until, at)) is not None:
            return f"The bid of a winner has ended. {why}"
    return None
