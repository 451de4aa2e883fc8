"""Companies over HTTP, on the real database."""

import asyncio
from typing import Any

import httpx

from tests.organizations.answers import ACME, bearer, eventually_refused, made, problem, read
from tests.support.world import World

Http = httpx.AsyncClient


async def test_the_operator_registers_a_company_whose_administrator_can_begin(
    client: Http, world: World
) -> None:
    operator = await world.operator()
    body = made(await client.post("/v1/organizations", json=ACME, headers=operator.writing))
    company = body["organization"]
    assert (company["name"], company["tax_id"], company["buyer"]) == (
        "Acme GmbH",
        "136695976",
        True,
    )
    me = read(await client.get("/v1/me", headers=bearer(body["api_key"]["key"])))
    assert me["company"] == me["unit"] == {"id": company["id"], "name": "Acme GmbH"}
    assert me["roles"] == ["administrator"]
    assert me["member"]["email"] == "anna@acme.example"


async def test_nobody_but_the_operator_registers_companies(client: Http, world: World) -> None:
    buyer = await world.buyer()
    answer = await client.post("/v1/organizations", json=ACME, headers=buyer.writing)
    assert "organizations:register" in problem(answer, 403)["detail"]


async def test_a_company_is_registered_once(client: Http, world: World) -> None:
    operator = await world.operator()
    made(await client.post("/v1/organizations", json=ACME, headers=operator.writing))
    again = {**ACME, "name": "Acme Holding", "tax_id": "136695976"}
    answer = await client.post("/v1/organizations", json=again, headers=operator.writing)
    assert "registered already" in problem(answer, 409)["detail"]


async def test_the_same_request_again_makes_nothing_and_shows_no_key(
    client: Http, world: World
) -> None:
    operator = await world.operator()
    headers = operator.writing
    first = made(await client.post("/v1/organizations", json=ACME, headers=headers))
    second = made(await client.post("/v1/organizations", json=ACME, headers=headers))
    assert first["api_key"].pop("key").startswith("mk_")
    assert second["api_key"].pop("key") is None
    assert second == first


WRONG_COMPANIES: list[tuple[dict[str, Any], str, str]] = [
    ({"tax_id": "DE136695978"}, "/tax_id", "invalid_tax_id"),
    ({"country": "XX"}, "/country", "unknown_country"),
    ({"country": "de"}, "/country", "invalid"),
    ({"buyer": False}, "/buyer", "no_side"),
    ({"buyer": "yes"}, "/buyer", "invalid"),
    ({"name": "  "}, "/name", "invalid"),
    ({"operator": True}, "/operator", "unknown_field"),
    (
        {"administrator": {"name": "Anna", "email": "anna"}},
        "/administrator/email",
        "invalid_email",
    ),
]


async def test_what_is_wrong_with_a_company_is_pointed_at_and_nothing_is_written(
    client: Http, world: World
) -> None:
    operator = await world.operator()
    for change, pointer, code in WRONG_COMPANIES:
        answer = await client.post(
            "/v1/organizations", json={**ACME, **change}, headers=operator.writing
        )
        (error,) = problem(answer, 422)["errors"]
        assert (error["pointer"], error["code"]) == (pointer, code)
    listed = read(await client.get("/v1/organizations", headers=operator.headers))
    assert [each["name"] for each in listed["items"]] == ["Marketplace operator"]


async def test_suppliers_are_listed_to_all_and_buyers_to_themselves_and_the_operator(
    client: Http, world: World
) -> None:
    one, other = await world.buyer("One"), await world.buyer("Other")
    await world.supplier("Bolts")
    await world.unit(one, "North")
    operator = await world.operator()

    async def names(headers: dict[str, str]) -> set[str]:
        page = read(await client.get("/v1/organizations", headers=headers))
        return {item["name"] for item in page["items"]}

    assert await names(one.headers) == {"One", "Bolts"}
    assert await names(other.headers) == {"Other", "Bolts"}
    assert await names(operator.headers) == {"One", "Other", "Bolts", "Marketplace operator"}


async def test_a_supplier_shows_others_its_name_and_country_alone(
    client: Http, world: World
) -> None:
    buyer, supplier = await world.buyer(), await world.supplier("Bolts")
    path = f"/v1/organizations/{supplier.id}"
    seen = read(await client.get(path, headers=buyer.headers))
    assert seen == {"id": str(supplier.id), "name": "Bolts", "country": "DE", "version": 1}
    assert read(await client.get(path, headers=supplier.headers))["supplier"] is True


async def test_a_list_continues_where_its_page_ended(client: Http, world: World) -> None:
    buyer = await world.buyer("Buyer")
    for number in range(5):
        await world.supplier(f"S{number}")
    names, path = [], "/v1/organizations?limit=2"
    while path:
        answer = await client.get(path, headers=buyer.headers)
        body = read(answer)
        assert len(body["items"]) <= 2
        names += [item["name"] for item in body["items"]]
        path = f"/v1/organizations?limit=2&after={body['next']}" if body["next"] else ""
        assert ('rel="next"' in answer.headers.get("link", "")) is bool(body["next"])
    assert names == ["Buyer", "S0", "S1", "S2", "S3", "S4"]


FOREIGN: list[tuple[str, str, dict[str, Any] | None]] = [
    ("GET", "", None),
    ("PATCH", "", {"name": "Mine"}),
    ("POST", "/units", {"name": "Mine"}),
    ("GET", "/units", None),
    ("POST", "/members", {"name": "Me", "memberships": [{"roles": ["administrator"]}]}),
    ("GET", "/members", None),
    ("GET", "/members/{member}", None),
    ("PATCH", "/members/{member}", {"active": False}),
    ("POST", "/api-keys", {"member_id": "{member}", "name": "Mine"}),
    ("GET", "/api-keys", None),
    ("DELETE", "/api-keys/{key}", None),
]


async def test_a_foreign_company_is_not_there(client: Http, world: World) -> None:
    mine, theirs = await world.buyer("Mine"), await world.buyer("Theirs")
    victim = theirs.administrator
    for method, path, body in FOREIGN:
        rest = path.format(member=victim.member_id, key=victim.key_id)
        if body and "member_id" in body:
            body["member_id"] = str(victim.member_id)
        # Nor can what is foreign be reached through the own company's address.
        addresses = [theirs.id] if path == rest and "api-keys" not in path else [theirs.id, mine.id]
        for organization in addresses:
            answer = await client.request(
                method,
                f"/v1/organizations/{organization}{rest}",
                json=body,
                headers={**mine.writing, "If-Match": '"1"'},
            )
            if (method, path, organization) == ("GET", "/api-keys", mine.id):
                assert str(victim.key_id) not in answer.text
            else:
                problem(answer, 404)
    assert read(await client.get("/v1/me", headers=theirs.headers))["member"]["version"] == 1


async def test_a_supplier_that_is_seen_cannot_be_changed(client: Http, world: World) -> None:
    buyer, supplier = await world.buyer(), await world.supplier()
    headers = {**buyer.headers, "If-Match": '"1"'}
    url = f"/v1/organizations/{supplier.id}"
    problem(await client.patch(url, json={"name": "Mine"}, headers=headers), 403)


async def test_a_change_needs_the_present_version(client: Http, world: World) -> None:
    buyer = await world.buyer()
    url = f"/v1/organizations/{buyer.id}"
    etag = (await client.get(url, headers=buyer.headers)).headers["etag"]
    assert etag == '"1"'
    problem(await client.patch(url, json={"name": "B"}, headers=buyer.headers), 428)
    changed = await client.patch(
        url, json={"name": "B"}, headers={**buyer.headers, "If-Match": etag}
    )
    assert (read(changed)["name"], changed.headers["etag"]) == ("B", '"2"')
    stale = await client.patch(url, json={"name": "C"}, headers={**buyer.headers, "If-Match": etag})
    problem(stale, 412)
    assert read(await client.get(url, headers=buyer.headers))["name"] == "B"


async def test_of_two_changes_at_once_one_is_stale(client: Http, world: World) -> None:
    buyer = await world.buyer()
    url = f"/v1/organizations/{buyer.id}"
    headers = {**buyer.headers, "If-Match": '"1"'}
    answers = await asyncio.gather(
        *(client.patch(url, json={"name": f"N{n}"}, headers=headers) for n in range(8))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[412] * 7]


async def test_the_operator_suspends_a_company_and_its_keys_stop(
    client: Http, world: World
) -> None:
    operator, buyer = await world.operator(), await world.buyer()
    url = f"/v1/organizations/{buyer.id}"
    body = {"active": False}
    problem(await client.patch(url, json=body, headers={**buyer.headers, "If-Match": '"1"'}), 403)
    by_operator = {**operator.headers, "If-Match": '"1"'}
    read(await client.patch(url, json=body, headers=by_operator))
    await eventually_refused(client, buyer.headers, 403)
