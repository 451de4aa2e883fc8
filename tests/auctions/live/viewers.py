"""Those who watch an auction in the tests, over real connections."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from websockets.asyncio.client import ClientConnection, unix_connect

from auctions.bidding import place_bid
from auctions.live.hub import Seat
from auctions.schemas import BidInput
from marketplace.platform.core import Platform
from marketplace.platform.http.edge import Edge
from marketplace.platform.http.schemas import MoneyInput
from marketplace.platform.http.server import BoundedHttp
from tests.auctions.auction_hall import Hall, fresh
from tests.support.waiting import GIVE_UP_S
from tests.support.world import Company


@asynccontextmanager
async def serving(app: Edge) -> AsyncIterator[str]:
    """Serve as in production, on a Unix socket; give its path."""
    with tempfile.TemporaryDirectory(prefix="live-") as directory:
        path = str(Path(directory) / "http")
        config = uvicorn.Config(
            app, uds=path, lifespan="off", http=BoundedHttp, ws="websockets-sansio", log_config=None
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        yield path
        server.should_exit = True
        await running


async def bid(platform: Platform, hall: Hall, place: int, amount: str, lot: int = 0) -> None:
    lot_id = hall.lot_ids[lot] if hall.lot_ids else None
    data = BidInput(amount=MoneyInput(amount=amount, currency="EUR"), lot_id=lot_id)
    await place_bid(platform, hall.suppliers[place].caller, hall.auction_id, fresh(), data)


@asynccontextmanager
async def watching(
    served: str, hall: Hall, who: Company, query: str = ""
) -> AsyncIterator[ClientConnection]:
    uri = f"ws://marketplace.test/v1/auctions/{hall.auction_id}/live{query}"
    patience = {"open_timeout": GIVE_UP_S, "ping_timeout": GIVE_UP_S}
    async with unix_connect(served, uri, additional_headers=who.headers, **patience) as socket:
        yield socket


async def message(socket: ClientConnection) -> dict[str, Any]:
    """Give the next message that is no heartbeat."""
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            read: dict[str, Any] = json.loads(await socket.recv())
            if read["type"] != "heartbeat":
                return read


async def taken(seat: Seat, *, beats: bool = False) -> dict[str, Any]:
    """Give the next message at a seat that is no heartbeat, unless that is asked for."""
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            message = await seat.mailbox.get()
            assert message is not None
            read: dict[str, Any] = json.loads(message.json)
            if beats or read["type"] != "heartbeat":
                return read
