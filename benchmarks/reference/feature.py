"""The reference as a part of the product's own server: same process, same middleware, same keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from litestar import post

from auctions.engine.events import PlaceBid
from auctions.engine.terms import Decrement, Measure, Step, Terms, check_amount
from auctions.routes import ClientBidId
from auctions.schemas import BidInput, BidView
from auctions.terms_schemas import money_view
from benchmarks.reference.lot import ReferenceLots
from marketplace.kernel.errors import IdempotencyKeyMissing
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.feature import Feature
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.schemas import AmountText, CurrencyText, Input, Output


class ReferenceLotInput(Input):
    """A lot that is open at once, in which own bids fall by `step`."""

    currency: CurrencyText
    ceiling: AmountText
    step: AmountText
    bidders: list[UUID]


class ReferenceLotView(Output):
    """The lot that was opened."""

    id: UUID


@post("/v1/reference-lots", operation_id="openReferenceLot", tags=["reference"])
async def open_lot(
    data: JSONBody[ReferenceLotInput], caller: Given[Caller], platform: Given[Platform]
) -> ReferenceLotView:
    """Open a lot."""
    caller.require("auctions:write")
    now = datetime.now(UTC)
    terms = Terms(
        currency=data.currency,
        ceiling=Decimal(data.ceiling),
        decrement=Decrement(Step(Measure.ABSOLUTE, Decimal(data.step))),
        starts_at=now,
        ends_at=now + timedelta(days=1),
    )
    return ReferenceLotView(id=await platform.get(ReferenceLots).open_lot(terms, data.bidders))


@post("/v1/reference-lots/{lot_id:uuid}/bids", operation_id="placeReferenceBid", tags=["reference"])
async def place_bid(
    lot_id: FromPath[UUID],
    data: JSONBody[BidInput],
    caller: Given[Caller],
    platform: Given[Platform],
    client_bid_id: ClientBidId,
) -> BidView:
    """Bid."""
    caller.require("bids:write")
    if client_bid_id is None:
        raise IdempotencyKeyMissing("Send the header Idempotency-Key.")
    money = data.amount.value()
    amount = check_amount(money.amount, money.currency, "/amount/amount")
    bid = PlaceBid(
        bid_id=new_id(),
        bidder=caller.organization_id,
        client_bid_id=client_bid_id,
        amount=amount,
    )
    accepted = await platform.get(ReferenceLots).bid(lot_id, bid)
    return BidView(
        id=accepted.bid_id,
        lot_id=lot_id,
        client_bid_id=client_bid_id,
        outcome="accepted",
        amount=money_view(accepted.amount, data.amount.currency),
        decided_at=accepted.at,
        rank=accepted.rank,
    )


@asynccontextmanager
async def open_pool(platform: Platform) -> AsyncIterator[None]:
    """Keep the reference's connections open while the API runs."""
    async with platform.get(ReferenceLots).open():
        yield


FEATURE: Final = Feature(
    name="reference",
    routes=(open_lot, place_bid),
    provides={ReferenceLots: lambda platform: ReferenceLots(platform, [], {})},
    api_lifespans=(open_pool,),
)
