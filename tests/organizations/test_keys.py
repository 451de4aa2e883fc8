"""API keys over HTTP."""

import asyncio
from typing import Any

import httpx

from tests.organizations.answers import bearer, eventually_refused, made, problem, read
from tests.support.world import World

Http = httpx.AsyncClient


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
