"""Names of other systems for our things."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx

from tests.support.world import Company, World

Http = httpx.AsyncClient
URL = "/v1/external-ids"


def name(**change: object) -> dict[str, Any]:
    given = {"system": "sap", "kind": "order", "external_id": "4500/1 ä", "id": uuid4(), **change}
    return {key: str(value) for key, value in given.items()}


async def put(client: Http, who: Company, body: dict[str, Any]) -> dict[str, Any]:
    answer = await client.put(URL, json=body, headers=who.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def found(client: Http, who: Company, **query: str) -> list[dict[str, Any]]:
    answer = await client.get(URL, params=query, headers=who.headers)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_a_name_means_what_it_was_last_said_to_mean(client: Http, world: World) -> None:
    buyer = await world.buyer()
    first = name()
    assert (await put(client, buyer, first))["version"] == 1
    assert (await put(client, buyer, first))["version"] == 1
    second = {**first, "id": str(uuid4())}
    assert (await put(client, buyer, second))["version"] == 2
    (only,) = await found(client, buyer)
    assert only["id"] == second["id"]


async def test_sixteen_at_once_make_one(client: Http, world: World) -> None:
    buyer = await world.buyer()
    body = name()
    views = await asyncio.gather(*(put(client, buyer, body) for _ in range(16)))
    assert {(view["id"], view["version"]) for view in views} == {(body["id"], 1)}
    assert len(await found(client, buyer)) == 1


async def test_names_are_found_by_what_they_name_and_by_themselves(
    client: Http, world: World
) -> None:
    buyer = await world.buyer()
    order = str(uuid4())
    for body in (
        name(id=order),
        name(id=order, system="shop-2", external_id="77"),
        name(kind="invoice"),
    ):
        await put(client, buyer, body)
    assert {each["system"] for each in await found(client, buyer, id=order)} == {"sap", "shop-2"}
    (one,) = await found(client, buyer, system="sap", kind="order", external_id="4500/1 ä")
    assert one["id"] == order
    assert await found(client, buyer, external_id="unknown") == []


async def test_names_come_in_pages(client: Http, world: World) -> None:
    buyer = await world.buyer()
    for number in range(5):
        await put(client, buyer, name(external_id=str(number)))
    after, seen = None, []
    while True:
        query = {"limit": "2"} | ({"after": after} if after else {})
        body = (await client.get(URL, params=query, headers=buyer.headers)).json()
        seen += [item["external_id"] for item in body["items"]]
        after = body["next"]
        if after is None:
            break
    assert seen == ["0", "1", "2", "3", "4"]


async def test_two_companies_use_the_same_name_for_themselves(client: Http, world: World) -> None:
    one, other = await world.buyer("One"), await world.buyer("Other")
    mine, theirs = name(), name()
    await put(client, one, mine)
    await put(client, other, theirs)
    assert [each["id"] for each in await found(client, one)] == [mine["id"]]
    assert await found(client, one, id=theirs["id"]) == []


async def test_what_is_wrong_with_a_name_is_pointed_at(client: Http, world: World) -> None:
    buyer = await world.buyer()
    for change, pointer in (
        ({"system": "SAP ERP"}, "/system"),
        ({"kind": "Order"}, "/kind"),
        ({"external_id": ""}, "/external_id"),
        ({"external_id": "4500\n"}, "/external_id"),
        ({"external_id": "4" * 65}, "/external_id"),
        ({"id": "4500"}, "/id"),
    ):
        answer = await client.put(URL, json=name(**change), headers=buyer.headers)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert await found(client, buyer) == []
