"""Sessions of browsers over HTTP."""

from datetime import UTC, datetime, timedelta

import httpx

from tests.organizations.answers import eventually_refused, made, problem, read
from tests.support.world import World

Http = httpx.AsyncClient


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
