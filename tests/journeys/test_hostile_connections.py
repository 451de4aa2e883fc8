"""Connections that mean ill: endless heads, bodies that do not come, viewers who talk."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.journeys.attack import keys, writing
from tests.journeys.conftest import Played
from tests.support.waiting import GIVE_UP_S


@pytest.fixture
async def http(played: Played) -> AsyncIterator[httpx.AsyncClient]:
    async with played.product.client() as client:
        yield client


def connection(played: Played) -> socket.socket:
    address = urlsplit(played.product.url)
    assert address.hostname is not None
    return socket.create_connection((address.hostname, address.port or 80), timeout=GIVE_UP_S)


def head(played: Played, length: int) -> bytes:
    lines = (
        "POST /v1/prices/check HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        f"Authorization: Bearer {keys(played)[0]}",
    )
    return "\r\n".join((*lines, "", "")).encode()


def test_a_head_without_end_is_cut_off(played: Played) -> None:
    sent = 0
    with connection(played) as client, pytest.raises(OSError, match=r"reset|pipe"):
        client.sendall(b"GET /v1/ping HTTP/1.1\r\nX-Endless: ")
        while sent < 64 * 1_048_576:
            client.sendall(b"y" * 65_536)
            sent += 65_536
    assert sent < 32 * 1_048_576


@pytest.mark.parametrize(
    "length", [b"Content-Length: -1", b"Content-Length: 2\r\nContent-Length: 3",
               b"Content-Length: 2\r\nTransfer-Encoding: chunked"]
)  # fmt: skip
def test_a_body_of_two_lengths_is_not_read(played: Played, length: bytes) -> None:
    with connection(played) as client:
        client.sendall(b"POST /v1/ping HTTP/1.1\r\nHost: x\r\n" + length + b"\r\n\r\n{}")
        assert client.recv(1_000).startswith(b"HTTP/1.1 400")


def test_who_breaks_off_is_no_fault_of_ours(played: Played) -> None:
    log = played.product.directory / "api.log"
    before = log.read_text().count('"error"')
    for _ in range(3):
        with connection(played) as client:
            client.sendall(head(played, 100) + b'{"half')
    time.sleep(0.5)
    assert log.read_text().count('"error"') == before


def test_slow_bodies_take_no_place_from_others(played: Played) -> None:
    slow = [connection(played) for _ in range(200)]
    for client in slow:
        client.sendall(head(played, 100) + b"{")
    answer = httpx.get(f"{played.product.url}/v1/ping", timeout=GIVE_UP_S)
    for client in slow:
        client.close()
    assert answer.status_code == 200


# The live channel


def live(played: Played, *, key: str | None, query: str = "", **headers: str) -> connect:
    url = played.product.url.replace("http", "ws", 1)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if key is not None:
        named["Authorization"] = f"Bearer {key}"
    address = f"{url}/v1/auctions/{played.spare.auction_id}/live{query}"
    return connect(address, additional_headers=named, max_size=None, open_timeout=GIVE_UP_S)


async def snapshot(channel: ClientConnection) -> Any:
    async with asyncio.timeout(GIVE_UP_S):
        return json.loads(await channel.recv())


@pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("a liar", 401), ("stranger", 404)])
async def test_a_live_channel_is_refused_like_any_request(
    played: Played, who: str, status: int
) -> None:
    key = {"nobody": None, "a liar": "mk_0", "stranger": played.stranger.key}[who]
    with pytest.raises(InvalidStatus) as refused:
        async with live(played, key=key):
            pass
    problem = json.loads(refused.value.response.body or b"")
    assert (refused.value.response.status_code, problem["status"]) == (status, status)


async def test_a_live_channel_at_no_address_is_not_found(played: Played) -> None:
    url = played.product.url.replace("http", "ws", 1)
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{url}/v1/auctions/not-a-uuid/live"):
            pass
    assert refused.value.response.status_code == 404


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 400, "1e3", "%00", "%D9%A3"])
async def test_any_number_seen_last_gets_a_snapshot(played: Played, after: str) -> None:
    async with live(played, key=keys(played)[1], query=f"?after={after}") as channel:
        assert (await snapshot(channel))["type"] == "snapshot"


async def test_what_a_viewer_says_is_not_heard(played: Played) -> None:
    async with live(played, key=keys(played)[1]) as channel:
        await snapshot(channel)
        for said in ("{]", "\0" * 10, b"\xff" * 100, json.dumps({"amount": "1"})):
            await channel.send(said)
        pong = await channel.ping()
        await asyncio.wait_for(pong, GIVE_UP_S)


async def test_a_viewer_who_says_ten_megabytes_is_shown_out(played: Played) -> None:
    with pytest.raises(ConnectionClosed):
        async with live(played, key=keys(played)[1]) as channel, asyncio.timeout(GIVE_UP_S):
            await channel.send("x" * 10_000_000)
            while True:
                await channel.recv()


async def test_a_cookie_of_another_page_opens_no_channel(
    played: Played, http: httpx.AsyncClient
) -> None:
    began = await http.post("/v1/sessions", headers=writing(keys(played)[1]))
    cookie = began.headers["set-cookie"].partition(";")[0]
    with pytest.raises(InvalidStatus) as refused:
        async with live(played, key=None, Cookie=cookie, Origin="https://evil.example"):
            pass
    assert refused.value.response.status_code == 403
    async with live(played, key=None, Cookie=cookie, Origin=played.product.url) as channel:
        assert (await snapshot(channel))["type"] == "snapshot"
