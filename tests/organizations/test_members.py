"""Members and their roles over HTTP."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx

from marketplace.organizations.rules import Sides
from tests.organizations.answers import made, problem, read
from tests.support.waiting import GIVE_UP_S
from tests.support.world import Company, World

Http = httpx.AsyncClient


async def test_a_member_has_roles_in_units_and_a_limit(client: Http, world: World) -> None:
    buyer = await world.buyer()
    north = await world.unit(buyer, "North")
    body = {
        "name": "Piet",
        "email": "Piet@Example.COM",
        "memberships": [
            {"unit_id": str(north), "roles": ["purchaser"], "includes_subunits": False},
            {"roles": ["viewer"]},
        ],
        "order_limit": {"amount": "500.5", "currency": "EUR"},
    }
    url = f"/v1/organizations/{buyer.id}/members"
    answer = await client.post(url, json=body, headers=buyer.writing)
    member = made(answer)
    assert answer.headers["etag"] == '"1"'
    assert member["email"] == "Piet@example.com"
    assert member["order_limit"] == {"amount": "500.50", "currency": "EUR"}
    assert member["memberships"] == [
        {"unit_id": str(north), "roles": ["purchaser"], "includes_subunits": False},
        {"unit_id": str(buyer.id), "roles": ["viewer"], "includes_subunits": True},
    ]
    found = await client.get(f"{url}/{member['id']}", headers=buyer.headers)
    assert read(found) == member
    of_north = read(await client.get(f"/v1/organizations/{north}/members", headers=buyer.headers))
    assert [each["id"] for each in of_north["items"]] == [member["id"]]


async def test_an_administrator_does_what_his_company_is_registered_for(
    client: Http, world: World
) -> None:
    for sides, may in (
        (Sides(buyer=True), "orders"),
        (Sides(supplier=True), "invoices"),
        (Sides(buyer=True, supplier=True), "orders invoices"),
    ):
        company = await world.company("Acme", sides, ["administrator"])
        scopes = set(read(await client.get("/v1/me", headers=company.headers))["scopes"])
        assert {"orders:write", "invoices:write"} & scopes == {f"{x}:write" for x in may.split()}
        assert {"orders:approve", "organizations:write"} <= scopes


WRONG_MEMBERS: list[tuple[dict[str, Any], str, str]] = [
    ({"memberships": []}, "/memberships", "invalid"),
    ({"memberships": [{"roles": ["seller"]}]}, "/memberships/0/roles/0", "role_not_for_company"),
    ({"memberships": [{"roles": ["operator"]}]}, "/memberships/0/roles/0", "role_not_for_company"),
    (
        {"memberships": [{"roles": ["viewer"], "unit_id": str(uuid4())}]},
        "/memberships/0/unit_id",
        "unknown_unit",
    ),
    ({"memberships": [{"roles": ["viewer"]}] * 2}, "/memberships/0/unit_id", "unit_twice"),
    ({"order_limit": {"amount": "-1", "currency": "EUR"}}, "/order_limit/amount", "invalid"),
    ({"order_limit": {"amount": 5, "currency": "EUR"}}, "/order_limit/amount", "invalid"),
    (
        {"order_limit": {"amount": "5", "currency": "XXX"}},
        "/order_limit/currency",
        "unknown_currency",
    ),
]


async def test_what_is_wrong_with_a_member_is_pointed_at(client: Http, world: World) -> None:
    buyer = await world.buyer()
    url = f"/v1/organizations/{buyer.id}/members"
    for change, pointer, code in WRONG_MEMBERS:
        body = {"name": "Piet", "memberships": [{"roles": ["viewer"]}], **change}
        (error,) = problem(await client.post(url, json=body, headers=buyer.writing), 422)["errors"]
        assert (error["pointer"], error["code"]) == (pointer, code)
    assert len(read(await client.get(url, headers=buyer.headers))["items"]) == 1


async def test_an_email_belongs_to_one_member_of_a_company(client: Http, world: World) -> None:
    one, other = await world.buyer("One"), await world.buyer("Other")
    body = {
        "name": "Piet",
        "email": "piet@example.com",
        "memberships": [{"roles": ["viewer"]}],
    }

    async def add(company: Company, **change: str) -> httpx.Response:
        url = f"/v1/organizations/{company.id}/members"
        return await client.post(url, json={**body, **change}, headers=company.writing)

    made(await add(one))
    made(await add(other))
    problem(await add(one, email="PIET@example.com"), 409)


async def test_an_administrator_of_a_unit_manages_that_unit_alone(
    client: Http, world: World
) -> None:
    buyer = await world.buyer()
    north, south = await world.unit(buyer, "North"), await world.unit(buyer, "South")
    head = await world.member(buyer, "administrator", unit_id=north)
    body = {"name": "Piet", "memberships": [{"roles": ["purchaser"]}]}

    async def add(unit: object) -> httpx.Response:
        url = f"/v1/organizations/{unit}/members"
        return await client.post(url, json=body, headers=head.writing)

    made(await add(north))
    problem(await add(south), 403)
    problem(await add(buyer.id), 403)
    url = f"/v1/organizations/{buyer.id}/members/{buyer.administrator.member_id}"
    headers = {**head.headers, "If-Match": '"1"'}
    problem(await client.patch(url, json={"active": False}, headers=headers), 403)
    key = {"member_id": str(buyer.administrator.member_id), "name": "mine"}
    url = f"/v1/organizations/{north}/api-keys"
    problem(await client.post(url, json=key, headers=head.writing), 403)


async def test_a_company_never_loses_its_last_administrator(client: Http, world: World) -> None:
    buyer = await world.buyer()
    one = buyer.administrator
    other = await world.member(buyer, "administrator")

    async def dismiss(member: object, by: dict[str, str]) -> httpx.Response:
        url = f"/v1/organizations/{buyer.id}/members/{member}"
        body = {"memberships": [{"roles": ["viewer"]}]}
        return await client.patch(url, json=body, headers={**by, "If-Match": '"1"'})

    answers = await asyncio.gather(
        dismiss(other.member_id, one.headers), dismiss(one.member_id, other.headers)
    )
    # The second may find himself no administrator any more, or the company's last one.
    assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 409])


async def test_a_changed_role_counts_for_keys_in_use(client: Http, world: World) -> None:
    buyer = await world.buyer()
    member = await world.member(buyer, "administrator")
    url = f"/v1/organizations/{buyer.id}/members/{member.member_id}"
    headers = {**buyer.headers, "If-Match": '"1"'}
    read(await client.get("/v1/me", headers=member.headers))
    read(await client.patch(url, json={"memberships": [{"roles": ["viewer"]}]}, headers=headers))
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            me = read(await client.get("/v1/me", headers=member.headers))
            if me["roles"] == ["viewer"]:
                break
            await asyncio.sleep(0.005)
    assert "organizations:write" not in me["scopes"]


async def test_what_is_left_out_stays_and_null_removes(client: Http, world: World) -> None:
    buyer = await world.buyer()
    member = await world.member(buyer, "purchaser", order_limit="100 EUR")
    url = f"/v1/organizations/{buyer.id}/members/{member.member_id}"

    async def change(version: int, body: dict[str, Any]) -> dict[str, Any]:
        headers = {**buyer.headers, "If-Match": f'"{version}"'}
        found: dict[str, Any] = read(await client.patch(url, json=body, headers=headers))
        return found

    renamed = await change(1, {"name": "New", "email": "new@example.com"})
    assert renamed["order_limit"] == {"amount": "100.00", "currency": "EUR"}
    freed = await change(2, {"order_limit": None})
    assert (freed["order_limit"], freed["name"]) == (None, "New")
