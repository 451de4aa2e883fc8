"""The AsyncAPI document of the live channel: valid, in step, and enough to play the channel by."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from websockets.asyncio.client import unix_connect

from auctions.engine.terms import Disclosure
from auctions.live.document import asyncapi_document
from auctions.live.hub import Hub
from auctions.live.routes import live
from marketplace.platform.core import Platform
from tests.auctions.auction_hall import Hall, open_hall
from tests.auctions.live.viewers import bid
from tests.support.waiting import GIVE_UP_S
from tests.support.world import Company, World

SPECIFICATION = (
    Path(__file__).parents[4] / "shared" / "conformance" / "asyncapi" / "asyncapi-3.0.0.schema.json"
)


class Document:
    """An AsyncAPI document, and what a client looks up in it."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def at(self, reference: str) -> Any:
        found: Any = self.content
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return found

    def channel(self, protocol: str) -> dict[str, Any]:
        """Give the channel of the server with a protocol."""
        (channel,) = (
            channel
            for channel in self.content["channels"].values()
            if any(self.at(s["$ref"])["protocol"] == protocol for s in channel["servers"])
        )
        return dict(channel)

    def address(self, channel: dict[str, Any], **parameters: object) -> str:
        assert set(parameters) == set(channel["parameters"])
        return str(channel["address"].format(**parameters))

    def check(self, channel: dict[str, Any], name: str, message: dict[str, Any]) -> None:
        """Hold a message to the schema of its name, and to nothing beyond."""
        schema = self.at(channel["messages"][name]["$ref"])["payload"]
        self.check_value(schema, message)

    def check_value(self, schema: dict[str, Any], value: Any) -> None:
        schemas = {
            name: {**each, "additionalProperties": False} if "properties" in each else each
            for name, each in self.content["components"]["schemas"].items()
        }
        whole = {**schema, "components": {"schemas": schemas}}
        jsonschema_rs.Draft7Validator(whole, validate_formats=True).validate(value)


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "$ref":
                yield each
            else:
                yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_the_document_is_whole_and_in_step_with_the_routes() -> None:
    document = Document(asyncapi_document())
    assert document.content["asyncapi"] == "3.0.0"
    found = set(references(document.content))
    assert len(found) > 15
    for reference in found:
        assert document.at(reference), reference
    (path,) = live.paths
    served = path.replace(":uuid", "")
    assert {c["address"] for c in document.content["channels"].values()} == {served}
    for operation in document.content["operations"].values():
        channel = operation["channel"]["$ref"]
        assert len(operation["messages"]) == len(document.at(channel)["messages"]) == 3
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")


def test_the_document_keeps_to_the_specification() -> None:
    if not SPECIFICATION.exists():
        pytest.skip("the specification's schema is not here")
    validator = jsonschema_rs.Draft7Validator(json.loads(SPECIFICATION.read_bytes()))
    document = asyncapi_document()
    assert [str(error) for error in validator.iter_errors(document)] == []
    del document["operations"]["followBySocket"]["channel"]
    assert not validator.is_valid(document)


@pytest.fixture
async def document(served: str) -> Document:
    """The document as a client reads it."""
    transport = httpx.AsyncHTTPTransport(uds=served)
    async with httpx.AsyncClient(transport=transport, base_url="http://a.test") as http:
        return Document((await http.get("/schema/asyncapi.json")).json())


class Player:
    """A client that knows the document alone: takes messages, checks them, keeps the standing."""

    def __init__(self, document: Document, protocol: str) -> None:
        self.document = document
        self.channel = document.channel(protocol)
        self.number = -1
        self.standing: dict[str, Any] = {}
        self.seen: list[str] = []

    @property
    def finished(self) -> bool:
        """Tell whether the last bid was shown, and a message of each kind came."""
        return '"700.00"' in json.dumps(self.standing) and len(set(self.seen)) == 3

    def take(self, name: str, message: dict[str, Any]) -> None:
        self.document.check(self.channel, name, message)
        if name == "snapshot":
            self.standing = message["standing"]
            self.number = self.standing["number"]
        elif name == "delta":
            assert message["previous"] == self.number
            self.number = message["number"]
            patched = {**self.standing, **message["changes"], "number": self.number}
            self.standing = {k: v for k, v in patched.items() if v is not None}
            kind = "OwnerView" if self.standing["viewer"] == "owner" else "BidderView"
            self.document.check_value({"$ref": f"#/components/schemas/{kind}"}, self.standing)
        assert message.get("number", self.number) == self.number
        self.seen.append(name)


async def by_socket(document: Document, served: str, hall: Hall, who: Company) -> Player:
    player = Player(document, "wss")
    address = document.address(player.channel, auction_id=hall.auction_id)
    headers = who.headers
    async with unix_connect(served, f"ws://a.test{address}", additional_headers=headers) as socket:
        while not player.finished:
            message = json.loads(await socket.recv())
            player.take(message["type"], message)
    return player


async def by_events(document: Document, served: str, hall: Hall, who: Company) -> Player:
    player = Player(document, "https")
    address = document.address(player.channel, auction_id=hall.auction_id)
    transport = httpx.AsyncHTTPTransport(uds=served)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://a.test") as http,
        http.stream("GET", address, headers=who.headers) as stream,
    ):
        fields: dict[str, str] = {}
        async for line in stream.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "data" in fields:
                player.take(fields["event"], json.loads(fields["data"]))
                assert int(fields["id"]) == player.number
                fields = {}
                if player.finished:
                    break
    return player


def hub_rows(platform: Platform) -> list[Any]:
    houses = platform.get(Hub)._houses.values()
    return [row for house in houses for row in house.rows.values()]


@pytest.mark.parametrize("disclosure", [Disclosure.OPEN, Disclosure.BEST_PRICE])
async def test_a_client_plays_the_channel_from_the_document_alone(
    platform: Platform,
    world: World,
    served: str,
    document: Document,
    monkeypatch: pytest.MonkeyPatch,
    disclosure: Disclosure,
) -> None:
    monkeypatch.setattr("auctions.live.hub.LOOKS_PER_HEARTBEAT", 1)
    hall = await open_hall(platform, world, disclosure=disclosure)
    await bid(platform, hall, 0, "900.00")
    async with asyncio.timeout(GIVE_UP_S), asyncio.TaskGroup() as group:
        players = [
            group.create_task(play(document, served, hall, who))
            for play in (by_socket, by_events)
            for who in (hall.suppliers[0], hall.suppliers[1], hall.buyer)
        ]
        while sum(len(row.seats) for row in hub_rows(platform)) < len(players):
            await asyncio.sleep(0.01)
        await bid(platform, hall, 1, "800.00")
        await asyncio.sleep(0.1)
        await bid(platform, hall, 0, "700.00")
    for task in players:
        player = task.result()
        assert player.seen[0] == "snapshot"
        assert player.seen.count("snapshot") == 1
        ranks = [entry["rank"] for entry in player.standing.get("standings", ())]
        assert ranks == ([1, 2] if player.standing.get("standings") else [])
        assert player.standing.get("rank", 1) in {1, 2}
