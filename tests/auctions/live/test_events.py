"""The live channel as server-sent events: the same messages, over a plain GET."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import pytest

from auctions.crowd import Crowd
from auctions.live.hub import Hub
from marketplace.organizations.keys import revoke_key
from marketplace.platform.core import Platform
from marketplace.platform.http.edge import Edge
from tests.auctions.auction_hall import Hall, open_hall
from tests.auctions.live.viewers import bid, message, serving, watching
from tests.support.waiting import GIVE_UP_S
from tests.support.world import Company, World


@dataclass(frozen=True)
class Event:
    """One event as it came, its data read."""

    name: str
    id: str
    data: Any
    raw: str


@dataclass
class Stream:
    """An open stream of events."""

    response: httpx.Response
    lines: AsyncIterator[str]

    async def event(self, *, beats: bool = False) -> Event:
        """Give the next event that is no heartbeat, unless that is asked for."""
        async with asyncio.timeout(GIVE_UP_S):
            while True:
                fields: dict[str, str] = {}
                while line := await anext(self.lines):
                    name, _, value = line.partition(": ")
                    fields[name] = value
                if "event" in fields and (beats or fields["event"] != "heartbeat"):
                    data = json.loads(fields["data"])
                    return Event(fields["event"], fields["id"], data, fields["data"])


@asynccontextmanager
async def listening(
    served: str, hall: Hall, who: Company, query: str = "", **headers: str
) -> AsyncIterator[Stream]:
    named = httpx.Headers(who.headers)
    named.update({name.replace("_", "-"): value for name, value in headers.items()})
    transport = httpx.AsyncHTTPTransport(uds=served)
    url = f"http://marketplace.test/v1/auctions/{hall.auction_id}/live{query}"
    async with (
        httpx.AsyncClient(transport=transport, timeout=GIVE_UP_S) as http,
        http.stream("GET", url, headers=named) as response,
    ):
        yield Stream(response, response.aiter_lines())


async def test_events_carry_the_same_messages_as_the_socket(
    platform: Platform, world: World, served: str
) -> None:
    hall = await open_hall(platform, world)
    await bid(platform, hall, 0, "900.00")
    acme = hall.suppliers[0]
    async with listening(served, hall, acme) as events, watching(served, hall, acme) as socket:
        assert events.response.headers["content-type"].startswith("text/event-stream")
        assert events.response.headers["cache-control"] == "no-store"
        first, same = await events.event(), await message(socket)
        assert first.name == same["type"] == "snapshot"
        assert first.data["standing"] == same["standing"]
        await bid(platform, hall, 1, "800.00")
        delta, same = await events.event(), await message(socket)
        assert delta.data == same
        assert (delta.name, delta.id) == ("delta", str(delta.data["number"]))


async def test_a_browser_that_comes_back_by_itself_says_what_it_saw_last(
    platform: Platform, world: World, served: str
) -> None:
    hall = await open_hall(platform, world)
    await bid(platform, hall, 0, "900.00")
    acme = hall.suppliers[0]
    async with listening(served, hall, acme) as events:
        seen = (await events.event()).id
    async with listening(served, hall, acme, last_event_id=seen) as events:
        same = await events.event(beats=True)
        assert (same.name, same.id) == ("heartbeat", seen)
    async with listening(served, hall, acme, f"?after={seen}") as events:
        assert (await events.event(beats=True)).name == "heartbeat"
    await bid(platform, hall, 1, "800.00")
    # It reconnects to the address it was given at first: what it says of itself is newer.
    async with listening(served, hall, acme, "?after=0", last_event_id=seen) as events:
        missed = await events.event()
        assert (missed.name, missed.id) == ("snapshot", str(int(seen) + 1))


@pytest.mark.parametrize(("who", "status"), [("outsider", 404), ("a liar", 401)])
async def test_events_are_refused_like_any_request(
    platform: Platform, world: World, served: str, who: str, status: int
) -> None:
    hall = await open_hall(platform, world, suppliers=1)
    stranger = await world.supplier("Stranger")
    named = {"authorization": "Bearer mk_0"} if who == "a liar" else {}
    async with listening(served, hall, stranger, **named) as events:
        answer = events.response
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


async def test_readers_of_events_are_no_work_under_way_and_are_noticed_when_they_leave(
    platform: Platform, world: World, served: str, app: Edge
) -> None:
    hall = await open_hall(platform, world, suppliers=1)
    hub, crowd = platform.get(Hub), platform.get(Crowd)
    async with listening(served, hall, hall.buyer) as events:
        await events.event()
        assert app._in_flight == 0
        assert crowd._of_company[hall.buyer.id] == 1
    while hub._houses or crowd._of_company:
        await asyncio.sleep(0.01)
    assert app._in_flight == 0


async def test_a_stream_ends_when_the_process_does(
    platform: Platform, world: World, app: Edge
) -> None:
    hall = await open_hall(platform, world, suppliers=1)
    async with AsyncExitStack() as readers:
        async with serving(app) as path:
            events = await readers.enter_async_context(listening(path, hall, hall.buyer))
            await events.event()
        with pytest.raises(httpx.RemoteProtocolError):
            await events.event()


async def test_who_lost_his_key_is_shown_out(
    platform: Platform, world: World, served: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auctions.live.routes.RECHECK_SECONDS", 0)
    hall = await open_hall(platform, world)
    seller = await world.member(hall.suppliers[0], "administrator", "seller")
    with pytest.raises(StopAsyncIteration):  # the stream's end
        async with listening(served, hall, seller) as events:  # type: ignore[arg-type]
            await events.event()
            await revoke_key(
                platform, hall.suppliers[0].caller, hall.suppliers[0].id, seller.key_id
            )
            # Once its process has heard of it, the next message is not for him any more.
            for amount in count(900, -1):
                await bid(platform, hall, 0, f"{amount}.00")
                await events.event()
