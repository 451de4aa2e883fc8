"""The opened bids, as their buyer reads them."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.schemas import MoneyView
from rfq.evaluation.comparing import Compared, compare
from rfq.evaluation.offers import line_view
from rfq.evaluation.opened import bid_of, variant_of
from rfq.evaluation.schemas import OpenedBidList, OpenedBidView, OpenedOfferView
from rfq.hexadecimal import hexadecimal
from rfq.procedures.publishing import load_own
from rfq.rules.evaluation import Standing
from rfq.rules.procedure import check_bids_readable
from rfq.rules.validity import why_ended
from rfq.variants.schemas import VariantView

LAST: Final = 10**9
"""Behind every rank there is."""


async def list_bids(platform: Platform, caller: Caller, procedure_id: UUID) -> OpenedBidList:
    """List the opened bids to the buyer, best first.

    Raises WrongState before the opening, telling nothing of what was received; NotFound for
    another's procedure.
    """
    caller.require("rfq:read")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        check_bids_readable(loaded.procedure)
        compared = await compare(tx, loaded)
        at = await tx.clock()
    views = [_bid_view(row, compared, at) for row in compared.evaluated.bids]
    views.sort(key=lambda view: (min((o.rank or LAST for o in view.offers), default=LAST), view.id))
    return OpenedBidList(items=views)


def _bid_view(row: Row[Any], compared: Compared, at: datetime) -> OpenedBidView:
    return OpenedBidView(
        id=row.id,
        bidder_id=row.bidder_id,
        version=row.version,
        submitted_at=row.submitted_at,
        commitment=bytes(row.commitment).hex(),
        nonce=hexadecimal(row.nonce),
        content=row.content,
        prices_nonce=hexadecimal(row.prices_nonce),
        prices=row.prices,
        kept_closed=row.kept_closed,
        invalid_reason=row.invalid_reason,
        variant=_variant(row),
        offers=[
            _offer_view(lot_id, standing, why)
            for lot_id in compared.standings
            for standing, why in (
                *(
                    (standing, why_ended(standing.offer.binds_until, at))
                    for standing in compared.standings[lot_id]
                ),
                *compared.excluded[lot_id],
            )
            if standing.offer.bid_id == row.id
        ],
    )


def _variant(row: Row[Any]) -> VariantView | None:
    bid = bid_of(row)
    return None if bid is None else VariantView.of(variant_of(row, bid))


def _offer_view(lot_id: UUID, standing: Standing, why: str | None) -> OpenedOfferView:
    return OpenedOfferView(
        lot_id=lot_id,
        rank=None if why else standing.rank,
        total=MoneyView.of(standing.total),
        lines=[line_view(line) for line in standing.offer.lines],
        left_out=standing.offer.left_out,
        excluded=why,
    )
