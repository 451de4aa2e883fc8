"""Companies, units, members and keys over HTTP, on the real database."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from marketplace.kernel.limits import CALLER_SECONDS_MAX, UNIT_DEPTH_MAX
from tests.support.world import Company, World

Http = httpx.AsyncClient

ACME: dict[str, Any] = {
    "name": "Acme GmbH",
    "country": "DE",
    "tax_id": "DE 136,695 976",
    "buyer": True,
    "administrator": {"name": "Anna", "email": "anna@acme.example"},
}


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    return body


def made(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def read(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


# Companies


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


# Changing, and versions


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


async def eventually_refused(client: Http, headers: dict[str, str], status: int) -> None:
    """Wait for what a notification carries: moments, not the seconds a memory lives by itself."""
    async with asyncio.timeout(CALLER_SECONDS_MAX - 1):
        while (answer := await client.get("/v1/me", headers=headers)).status_code == 200:
            await asyncio.sleep(0.005)
    problem(answer, status)


# Units


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


# Members


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
    async with asyncio.timeout(CALLER_SECONDS_MAX - 1):
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


# Keys


async def test_a_key_narrows_its_member_and_shows_once(client: Http, world: World) -> None:
    buyer = await world.buyer()
    member = await world.member(buyer, "purchaser")
    url = f"/v1/organizations/{buyer.id}/api-keys"
    body = {
        "member_id": str(member.member_id),
        "name": "ERP",
        "scopes": ["organizations:read"],
        "allowed_addresses": ["127.0.0.1", "2001:db8::/48"],
    }
    headers = buyer.writing
    key = made(await client.post(url, json=body, headers=headers))
    replayed = made(await client.post(url, json=body, headers=headers))
    assert (replayed["id"], replayed["key"]) == (key["id"], None)
    me = read(await client.get("/v1/me", headers=bearer(key["key"])))
    assert me["scopes"] == ["organizations:read"]
    listed = read(await client.get(url, headers=buyer.headers))["items"]
    assert key["id"] in [each["id"] for each in listed]
    assert all("key" not in each and "fingerprint" not in each for each in listed)
    own = read(await client.get(url, headers=member.headers))["items"]
    assert {each["member_id"] for each in own} == {str(member.member_id)}


async def test_a_key_counts_only_from_its_addresses(client: Http, world: World) -> None:
    buyer = await world.buyer()
    body = {
        "member_id": str(buyer.administrator.member_id),
        "name": "ERP",
        "allowed_addresses": ["198.51.100.0/24"],
    }
    url = f"/v1/organizations/{buyer.id}/api-keys"
    key = made(await client.post(url, json=body, headers=buyer.writing))["key"]
    for _ in range(2):  # looked up, then remembered
        answer = await client.get("/v1/me", headers=bearer(key))
        assert "your address" in problem(answer, 403)["detail"]


WRONG_KEYS: list[tuple[dict[str, Any], str]] = [
    ({"scopes": ["organizations:register"]}, "/scopes/0"),
    ({"scopes": []}, "/scopes"),
    ({"allowed_addresses": ["10.0.0.1/8"]}, "/allowed_addresses/0"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
    ({"expires_at": "2999-01-01T00:00:00Z"}, "/expires_at"),
    ({"expires_at": "2999-01-01T00:00:00"}, "/expires_at"),
]


async def test_what_is_wrong_with_a_key_is_pointed_at(client: Http, world: World) -> None:
    buyer = await world.buyer()
    url = f"/v1/organizations/{buyer.id}/api-keys"
    for change, pointer in WRONG_KEYS:
        body = {"member_id": str(buyer.administrator.member_id), "name": "K", **change}
        (error,) = problem(await client.post(url, json=body, headers=buyer.writing), 422)["errors"]
        assert error["pointer"] == pointer


async def test_a_narrow_key_cannot_make_itself_a_wide_one(client: Http, world: World) -> None:
    buyer = await world.buyer()
    member = await world.member(buyer, "purchaser")
    url = f"/v1/organizations/{buyer.id}/api-keys"
    body = {"member_id": str(member.member_id), "name": "K"}
    narrow = {**body, "scopes": ["organizations:read"]}
    key = made(await client.post(url, json=narrow, headers=member.writing))
    writing = {**bearer(key["key"]), "Idempotency-Key": "1"}
    revoke = await client.delete(f"{url}/{member.key_id}", headers=member.headers)
    assert revoke.status_code == 204
    wide = {**body, "scopes": ["orders:write"]}
    problem(await client.post(url, json=wide, headers=writing), 422)
    passed_on = made(await client.post(url, json=body, headers=writing))
    assert passed_on["scopes"] == ["organizations:read"]


async def test_a_member_makes_keys_for_himself_alone(client: Http, world: World) -> None:
    buyer = await world.buyer()
    member = await world.member(buyer, "purchaser")
    url = f"/v1/organizations/{buyer.id}/api-keys"
    body = {"member_id": str(buyer.administrator.member_id), "name": "K"}
    problem(await client.post(url, json=body, headers=member.writing), 403)
    path = f"{url}/{buyer.administrator.key_id}"
    problem(await client.delete(path, headers=member.headers), 403)


async def test_a_third_key_is_refused_even_when_many_are_asked_for_at_once(
    client: Http, world: World
) -> None:
    buyer = await world.buyer()
    url = f"/v1/organizations/{buyer.id}/api-keys"
    body = {"member_id": str(buyer.administrator.member_id), "name": "K"}
    answers = await asyncio.gather(
        *(client.post(url, json=body, headers=buyer.writing) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    made_key = next(a for a in answers if a.status_code == 201).json()
    for _ in range(2):  # revoking again changes nothing
        answer = await client.delete(f"{url}/{made_key['id']}", headers=buyer.headers)
        assert answer.status_code == 204
    made(await client.post(url, json=body, headers=buyer.writing))


async def test_a_revoked_key_and_an_unknown_key_get_the_same_answer(
    client: Http, world: World
) -> None:
    buyer = await world.buyer()
    member = await world.member(buyer, "viewer")
    path = f"/v1/organizations/{buyer.id}/api-keys/{member.key_id}"
    assert (await client.delete(path, headers=buyer.headers)).status_code == 204
    await eventually_refused(client, member.headers, 401)
    other = await world.member(buyer, "viewer")
    forged = f"{member.key[:26]}{other.key[26:]}"
    answers = [
        problem(await client.get("/v1/me", headers=bearer(key)), 401)
        for key in (member.key, forged, "mk_x_y", "x" * 500, f"ms{other.key[2:]}")
    ]
    for answer in answers:
        del answer["request_id"]
    assert answers == [answers[0]] * len(answers)


async def test_a_request_without_a_key_is_told_how_to_send_one(client: Http) -> None:
    answer = await client.get("/v1/me")
    assert "Authorization: Bearer" in problem(answer, 401)["detail"]
    assert answer.headers["www-authenticate"] == "Bearer"
    problem(await client.get("/v1/me", headers={"Authorization": "Basic eDp5"}), 401)


# Units to act for


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


# Sessions

HERE = {"Origin": "http://127.0.0.1:8000"}


async def test_a_browser_swaps_a_key_for_a_cookie_no_script_can_read(
    client: Http, world: World
) -> None:
    buyer = await world.buyer()
    answer = await client.post("/v1/sessions", headers=buyer.headers)
    session = made(answer)
    cookie = answer.headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=3600"):
        assert attribute.lower() in cookie.lower()
    assert buyer.administrator.key not in answer.text + cookie
    ends_at = datetime.fromisoformat(session["expires_at"])
    assert ends_at - datetime.now(UTC) <= timedelta(hours=1)
    me = read(await client.get("/v1/me"))
    assert me["member"]["id"] == str(buyer.administrator.member_id)


async def test_a_page_of_another_origin_cannot_use_the_cookie(client: Http, world: World) -> None:
    buyer = await world.buyer()
    made(await client.post("/v1/sessions", headers=buyer.headers))
    url = f"/v1/organizations/{buyer.id}/units"
    writing = {"Idempotency-Key": "1"}
    body = {"name": "North"}
    for origin in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        answer = await client.post(url, json=body, headers={**writing, **origin})
        assert "session cookie" in problem(answer, 403)["detail"]
    problem(await client.get("/v1/me", headers={"Origin": "https://evil.example"}), 403)
    made(await client.post(url, json=body, headers={**writing, **HERE}))


async def test_a_session_ends_by_itself_with_its_key_and_on_demand(
    client: Http, world: World
) -> None:
    buyer = await world.buyer()
    member = await world.member(buyer, "viewer")
    made(await client.post("/v1/sessions", headers=buyer.headers))
    answer = await client.delete("/v1/sessions", headers=HERE)
    assert answer.status_code == 204
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    client.cookies.clear()
    cookie = (await client.post("/v1/sessions", headers=member.headers)).headers["set-cookie"]
    client.cookies.clear()
    session = {"Cookie": cookie.partition(";")[0]}
    read(await client.get("/v1/me", headers=session))
    path = f"/v1/organizations/{buyer.id}/api-keys/{member.key_id}"
    assert (await client.delete(path, headers=buyer.headers)).status_code == 204
    await eventually_refused(client, session, 401)


async def test_a_session_is_no_bearer_and_a_key_is_no_cookie_though_both_are_remembered(
    client: Http, world: World
) -> None:
    buyer = await world.buyer()
    answer = await client.post("/v1/sessions", headers=buyer.headers)
    read(await client.get("/v1/me"))
    session = answer.cookies["marketplace_session"]
    client.cookies.clear()
    problem(await client.get("/v1/me", headers={"Authorization": f"Bearer {session}"}), 401)
    cookie = f"marketplace_session={buyer.administrator.key}"
    problem(await client.get("/v1/me", headers={"Cookie": cookie}), 401)


async def test_a_session_begins_no_session(client: Http, world: World) -> None:
    buyer = await world.buyer()
    made(await client.post("/v1/sessions", headers=buyer.headers))
    problem(await client.post("/v1/sessions", headers=HERE), 403)


async def test_a_session_acts_for_the_unit_it_was_begun_for(client: Http, world: World) -> None:
    buyer = await world.buyer()
    north = await world.unit(buyer, "North")
    headers = {**buyer.headers, "Marketplace-Unit": str(north)}
    assert made(await client.post("/v1/sessions", headers=headers))["unit_id"] == str(north)
    assert read(await client.get("/v1/me"))["unit"]["name"] == "North"
