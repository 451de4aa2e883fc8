"""Units of a company over HTTP, and acting for one of them."""

import asyncio
from uuid import uuid4

import httpx

from marketplace.kernel.limits import UNIT_DEPTH_MAX
from tests.organizations.answers import made, problem, read
from tests.support.world import World

Http = httpx.AsyncClient


async def test_units_form_a_tree_of_bounded_depth(client: Http, world: World) -> None:
    buyer = await world.buyer()
    parent = str(buyer.id)
    for depth in range(2, UNIT_DEPTH_MAX + 1):
        url = f"/v1/organizations/{parent}/units"
        unit = made(await client.post(url, json={"name": f"L{depth}"}, headers=buyer.writing))
        assert (unit["parent_id"], unit["company_id"]) == (parent, str(buyer.id))
        parent = unit["id"]
    url = f"/v1/organizations/{parent}/units"
    answer = await client.post(url, json={"name": "too deep"}, headers=buyer.writing)
    assert problem(answer, 422)["errors"][0]["code"] == "too_deep"
    listed = read(await client.get(f"/v1/organizations/{buyer.id}/units", headers=buyer.headers))
    assert [u["name"] for u in listed["items"]] == [f"L{n}" for n in range(2, UNIT_DEPTH_MAX + 1)]


async def test_a_unit_moves_but_never_under_itself(client: Http, world: World) -> None:
    buyer = await world.buyer()
    north, south = await world.unit(buyer, "North"), await world.unit(buyer, "South")
    oslo = await world.unit(buyer, "Oslo", north)
    headers = {**buyer.headers, "If-Match": '"1"'}

    async def move(unit: object, under: object) -> httpx.Response:
        url = f"/v1/organizations/{unit}"
        return await client.patch(url, json={"parent_id": str(under)}, headers=headers)

    assert problem(await move(north, oslo), 422)["errors"][0]["code"] == "cycle"
    assert problem(await move(buyer.id, oslo), 409)
    elsewhere = await world.buyer("Elsewhere")
    assert problem(await move(north, elsewhere.id), 422)["errors"][0]["code"] == "unknown_unit"
    assert read(await move(oslo, south))["parent_id"] == str(south)


async def test_the_operator_moves_nothing_to_where_it_cannot_be(client: Http, world: World) -> None:
    buyer, elsewhere = await world.buyer(), await world.buyer("Elsewhere")
    north = await world.unit(buyer, "North")
    oslo = await world.unit(buyer, "Oslo", north)
    headers = {**(await world.operator()).headers, "If-Match": '"1"'}

    async def move(unit: object, under: object) -> httpx.Response:
        url = f"/v1/organizations/{unit}"
        return await client.patch(url, json={"parent_id": str(under)}, headers=headers)

    assert problem(await move(north, oslo), 422)["errors"][0]["code"] == "cycle"
    assert problem(await move(buyer.id, oslo), 409)
    assert problem(await move(oslo, elsewhere.id), 422)["errors"][0]["code"] == "unknown_unit"


async def test_two_moves_at_once_never_make_a_cycle(client: Http, world: World) -> None:
    buyer = await world.buyer()
    north, south = await world.unit(buyer, "North"), await world.unit(buyer, "South")
    headers = {**buyer.headers, "If-Match": '"1"'}
    answers = await asyncio.gather(
        *(
            client.patch(
                f"/v1/organizations/{unit}", json={"parent_id": str(under)}, headers=headers
            )
            for unit, under in ((north, south), (south, north))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 422]


async def test_a_unit_is_closed_only_when_nobody_stands_in_it(client: Http, world: World) -> None:
    buyer = await world.buyer()
    north = await world.unit(buyer, "North")
    member = await world.member(buyer, "purchaser", unit_id=north)
    url = f"/v1/organizations/{north}"
    headers = {**buyer.headers, "If-Match": '"1"'}
    problem(await client.patch(url, json={"active": False}, headers=headers), 409)
    path = f"/v1/organizations/{north}/members/{member.member_id}"
    read(await client.patch(path, json={"active": False}, headers=headers))
    assert read(await client.patch(url, json={"active": False}, headers=headers))["active"] is False


async def test_a_member_acts_for_another_unit_of_his_by_header(client: Http, world: World) -> None:
    buyer = await world.buyer()
    north, south = await world.unit(buyer, "North"), await world.unit(buyer, "South")
    oslo = await world.unit(buyer, "Oslo", north)
    member = await world.member(buyer, "purchaser", unit_id=north)
    elsewhere = await world.buyer("Elsewhere")

    async def act(unit: object) -> httpx.Response:
        headers = {**member.headers, "Marketplace-Unit": str(unit)}
        return await client.get("/v1/me", headers=headers)

    assert read(await client.get("/v1/me", headers=member.headers))["unit"]["name"] == "North"
    assert read(await act(oslo))["unit"]["name"] == "Oslo"
    problem(await act(south), 403)
    problem(await act(buyer.id), 403)
    problem(await act(elsewhere.id), 404)
    problem(await act(uuid4()), 404)
    problem(await act("north"), 400)
