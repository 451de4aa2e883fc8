"""The road's live auction: the best two of the sealed offers, by rank alone."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect

from marketplace.demo.road import Road, check
from marketplace.demo.story import PATIENCE_S, eventually

AUCTION_STARTS_IN: Final = timedelta(seconds=1)
AUCTION_RUNS_FOR: Final = timedelta(seconds=8)
WINDOW: Final = timedelta(seconds=4)
EXTENSION: Final = timedelta(seconds=3)


async def live_auction(road: Road) -> None:
    """Hold the auction, English and rank only, with overtime; it closes on the second."""
    buyer = road.buyer_as("purchaser")
    starts = datetime.now(UTC) + AUCTION_STARTS_IN
    ends = starts + AUCTION_RUNS_FOR
    started = await buyer.post(
        f"/v1/procedures/{road.procedure['id']}/auction",
        {
            "lot_id": road.lot["id"],
            "bidders": 2,
            "decrement": {"step": {"measure": "absolute", "value": "50"}},
            "overtime": {
                "window": f"PT{WINDOW.seconds}S",
                "extension": f"PT{EXTENSION.seconds}S",
                "at_most": 2,
                "total_max": "PT10S",
            },
            "starts_at": starts.isoformat(),
            "ends_at": ends.isoformat(),
        },
        once=True,
        show="startLotAuction",
    )
    road.auction_id = started["auction_id"]
    path = f"/v1/auctions/{road.auction_id}"
    await road.supplier_as(2).get(path, expect=404)
    road.narrator.say("The two best go on; for the third there is no such auction.")
    await _until(road, starts, "for the auction to start")
    async with _live(road, 0) as live:
        await _bid_live(road, 1, "10400.00")
        await _bid_live(road, 0, "10350.00")
        refused = await road.supplier_as(0).post(
            f"{path}/bids", _amount("10340.00"), once=True, expect=(200, 201, 422)
        )
        check(refused.get("outcome", "refused") == "refused", "The step is 50 below the own bid.")
        await _bid_live(road, 1, "10200.00")
        seen = await _messages(live, until="rank", equals=2)
        check("10200.00" not in json.dumps(seen), "Rank only: a rival's price is nowhere.")
    road.narrator.say("Over WebSocket the first bidder saw his rank fall from 1 to 2, no price.")
    await _until(road, ends - WINDOW * 0.75, "for the last moments")
    await _bid_live(road, 0, "10100.00")
    await _bid_live(road, 0, "10100.00", key="bid-0-10100.00")
    view = await buyer.get(f"{path}/standing", show="readStanding")
    closes_at = datetime.fromisoformat(view["standing"]["closes_at"])
    check(closes_at == ends + EXTENSION, "A bid in the window moves the close by the extension.")
    road.narrator.say(f"A bid in the last seconds moved the close to {closes_at:%H:%M:%S}.")
    await _until(road, closes_at, "for the close")
    closed = await eventually(
        lambda: buyer.get(path), lambda auction: auction["status"] == "closed", what="the close"
    )
    late = await road.supplier_as(1).post(
        f"{path}/bids", _amount("9000.00"), once=True, expect=(200, 201, 409, 422)
    )
    check(late.get("outcome") != "accepted", "Nothing is accepted after the close.")
    view = await buyer.get(f"{path}/standing")
    for standing in view["standing"]["standings"]:
        amount = Decimal(standing["amount"]["amount"])
        road.final_totals[standing["organization_id"]] = amount
    check(len(closed["lots"]) == 1, "The auction has the lot it was opened for.")
    road.narrator.say(f"Closed on the second; the best total is {min(road.final_totals.values())}.")


def _amount(amount: str) -> dict[str, Any]:
    return {"amount": {"amount": amount, "currency": "EUR"}}


async def _bid_live(road: Road, number: int, amount: str, key: str | None = None) -> None:
    answer = await road.supplier_as(number).post(
        f"/v1/auctions/{road.auction_id}/bids",
        _amount(amount),
        once=key or f"bid-{number}-{amount}",
        show="placeBid",
    )
    check(answer["outcome"] == "accepted", f"The bid of {amount} is accepted: {answer}")
    found = await road.supplier_as(number).get(
        f"/v1/auctions/{road.auction_id}/bids/by-key/{key or f'bid-{number}-{amount}'}",
        show="findBid",
    )
    check(found["id"] == answer["id"], "A bid is found by its key.")


def _live(road: Road, number: int) -> connect:
    base = urlsplit(str(road.operator.http.base_url))
    scheme = "wss" if base.scheme == "https" else "ws"
    key = road.suppliers[number].keys["seller"]
    return connect(
        f"{scheme}://{base.netloc}/v1/auctions/{road.auction_id}/live",
        additional_headers={"Authorization": f"Bearer {key}"},
        open_timeout=PATIENCE_S,
    )


async def _messages(live: ClientConnection, *, until: str, equals: object) -> list[Any]:
    """Read messages until one's standing has a field of a value; give all."""
    seen: list[Any] = []
    async with asyncio.timeout(PATIENCE_S):
        while True:
            message = json.loads(await live.recv())
            seen.append(message)
            if message.get("standing", {}).get(until) == equals:
                return seen


async def _until(road: Road, instant: datetime, why: str) -> None:
    left = (instant - datetime.now(UTC)).total_seconds()
    if left > 0:
        await road.narrator.wait(left, why)
