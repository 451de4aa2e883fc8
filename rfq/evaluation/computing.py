"""The computation of a lot's ranking: as it stands, and as it was when its award was proposed."""

from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select

from marketplace.kernel.errors import NotFound
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from rfq.awards.tables import ProposalRow
from rfq.evaluation.rankings import Ranking, rank_lot
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded
from rfq.rules.computation import (
    RULES,
    Computation,
    ComputedOffer,
    LotComputation,
    computed,
    kept_computation,
)
from rfq.rules.evaluation import Standing
from rfq.rules.procedure import LotStatus, check_bids_readable

_REJECTED: Final = "Its explanation of the low price was rejected."


def computation(loaded: Loaded, lot_id: UUID, ranking: Ranking) -> Computation:
    """Tell how a ranking came about, the first first, then those that cannot win."""
    lot = loaded.procedure.lot(lot_id)
    reached = {}
    if ranking.auction is not None:
        reached = {
            entry.bidder_id: f"auction {ranking.auction.auction_id}, entry {entry.entry_hash.hex()}"
            for entry in ranking.auction.ranking
        }
    method = loaded.procedure.judging.method

    def told(standing: Standing, rank: int | None, why: str | None) -> ComputedOffer:
        agreed = ranking.agreed.get(standing.offer.bid_id)
        return computed(
            standing,
            method,
            rank=rank,
            excluded=why,
            reached=reached.get(standing.offer.bidder_id),
            agreed=None if agreed is None else f"negotiation {agreed.negotiation_id}",
        )

    return Computation(
        procedure_id=loaded.procedure.id,
        lot_id=lot_id,
        lot="" if lot is None else lot.title,
        currency=loaded.procedure.currency,
        terms_version=loaded.procedure.terms_version,
        terms_hash=loaded.terms_hash(),
        method=method,
        rule=RULES[method],
        offers=(
            *(told(each.standing, rank, None) for rank, each in enumerate(ranking.finals, 1)),
            *(told(each.standing, None, _REJECTED) for each in ranking.rejected),
            *(told(standing, None, why) for standing, why in ranking.excluded),
        ),
    )


async def read_computation(
    platform: Platform, caller: Caller, procedure_id: UUID, lot_id: UUID
) -> LotComputation:
    """Show the buyer how a lot's ranking comes about; of a decided lot, how it came about then.

    Raises NotFound, WrongState while prices are hidden, Conflict while the lot's auction runs.
    """
    caller.require("rfq:read")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        check_bids_readable(loaded.procedure)
        if lot_id not in loaded.lot_statuses:
            raise NotFound("This procedure has no such lot.")
        status = loaded.lot_statuses[lot_id]
        if status in {LotStatus.PROPOSED, LotStatus.AWARDED}:
            kept = await tx.maybe(
                select(
                    ProposalRow.computation["document"].label("document"),
                    ProposalRow.computation["scenario"].label("scenario"),
                )
                .where(ProposalRow.lot_id == lot_id)
                .order_by(ProposalRow.id.desc())
                .limit(1)
            )
            # What was decided before this document was kept is reckoned from the same bids.
            if kept is not None and kept.document is not None:
                return kept_computation(kept.document, kept.scenario)
        reckoned = computation(loaded, lot_id, await rank_lot(tx, loaded, lot_id))
    return LotComputation(**msgspec.structs.asdict(reckoned))
