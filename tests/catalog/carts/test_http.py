"""Carts over HTTP: versions, keys, roles, files; and a unit that moves."""

import asyncio
from typing import Any

import httpx
import pytest

from marketplace.kernel.ids import new_id
from tests.catalog.carts.buying import price_for
from tests.catalog.stock.shop import Shop
from tests.support.waiting import GIVE_UP_S
from tests.support.world import Actor


class Portal:
    """One member's way to the API."""

    def __init__(self, http: httpx.AsyncClient, actor: Actor) -> None:
        self.http = http
        self.actor = actor

    async def send(
        self, method: str, path: str, body: object = None, *, match: object = None, **more: Any
    ) -> httpx.Response:
        headers = {**self.actor.headers, **more.pop("headers", {})}
        if method == "POST":
            headers.setdefault("Idempotency-Key", str(new_id()))
        if match is not None:
            headers["If-Match"] = f'"{match}"'
        if body is not None:
            more["json"] = body
        return await self.http.request(method, path, headers=headers, **more)


@pytest.fixture
def portal(client: httpx.AsyncClient, shop: Shop) -> Portal:
    return Portal(client, shop.buyer.administrator)


async def begin(portal: Portal, name: str = "Mine", **more: object) -> str:
    answer = await portal.send("POST", "/v1/carts", {"name": name, "currency": "EUR", **more})
    assert answer.status_code == 201, answer.text
    assert answer.headers["etag"] == '"1"'
    return f"/v1/carts/{answer.json()['id']}"


def line(shop: Shop, sku: str, quantity: str = "1") -> dict[str, str]:
    return {"supplier_id": str(shop.supplier.id), "sku": sku, "quantity": quantity}


async def test_the_same_key_for_another_unit_is_no_repetition(shop: Shop, portal: Portal) -> None:
    site = await shop.world.unit(shop.buyer, "Site")
    body, once = {"name": "Mine", "currency": "EUR"}, {"Idempotency-Key": "begin-1"}
    first = await portal.send("POST", "/v1/carts", body, headers=once)
    again = await portal.send("POST", "/v1/carts", body, headers=once)
    assert (first.status_code, again.json()) == (201, first.json())
    for_site = once | {"Marketplace-Unit": str(site)}
    other = await portal.send("POST", "/v1/carts", body, headers=for_site)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_cart_is_filled_changed_and_ordered_by_version_and_key(
    shop: Shop, portal: Portal
) -> None:
    await shop.offer("A")
    cart = await begin(portal)
    lines = {"lines": [line(shop, "A", "2"), line(shop, "A", "3")]}
    once = {"Idempotency-Key": "add-1"}
    first = await portal.send("POST", f"{cart}/lines", lines, headers=once)
    again = await portal.send("POST", f"{cart}/lines", lines, headers=once)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert first.headers["etag"] == '"2"'
    one, other = first.json()["added"]
    missing = await portal.send("PATCH", f"{cart}/lines/{one}", {"quantity": "5"})
    assert missing.status_code == 428
    stale = await portal.send("PATCH", f"{cart}/lines/{one}", {"quantity": "5"}, match=1)
    assert stale.status_code == 412
    changed = await portal.send("PATCH", f"{cart}/lines/{one}", {"quantity": "5"}, match=2)
    assert changed.headers["etag"] == '"3"'
    taken = await portal.send("DELETE", f"{cart}/lines/{other}", match=3)
    assert taken.json()["line_count"] == 1
    read = await portal.send("GET", cart)
    assert read.headers["etag"] == '"4"'
    assert read.json()["total"] == {"amount": "50.00", "currency": "EUR"}
    pay = {"Idempotency-Key": "order-1"}
    body = {"expected_total": "50.00"}
    ordered = await portal.send("POST", f"{cart}/checkout", body, match=4, headers=pay)
    twice = await portal.send("POST", f"{cart}/checkout", body, match=4, headers=pay)
    assert ordered.status_code == 201, ordered.text
    assert ordered.json() == twice.json()
    late = await portal.send("POST", f"{cart}/checkout", body, match=4)
    assert (late.status_code, late.json()["code"]) == (409, "wrong_state")
    orders = (await portal.send("GET", "/v1/orders")).json()["items"]
    assert [order["id"] for order in orders] == [ordered.json()["id"]]


async def test_roles_see_and_fill_carts_as_they_may(shop: Shop, portal: Portal) -> None:
    cart = await begin(portal, shared=True)
    members = {
        role: Portal(portal.http, await shop.world.member(shop.buyer, role))
        for role in ("viewer", "approver", "purchaser")
    }
    for role, member in members.items():
        assert (await member.send("GET", cart)).status_code == 200, role
        wanted = {"name": "Own", "currency": "EUR"}
        made = await member.send("POST", "/v1/carts", wanted)
        assert made.status_code == (201 if role == "purchaser" else 403), role
    seller = Portal(portal.http, shop.supplier.administrator)
    assert (await seller.send("GET", cart)).status_code == 404
    removed = await members["purchaser"].send("DELETE", cart, match=1)
    assert removed.status_code == 403
    assert (await portal.send("DELETE", cart, match=1)).status_code == 204


async def test_a_file_of_skus_is_uploaded_at_a_version(shop: Shop, portal: Portal) -> None:
    await shop.offer("A")
    cart = await begin(portal)
    csv = {"Content-Type": "text/csv"}
    path, content = f"{cart}/quick-order/file", b"sku;qty\nA;4\nB;1\n"
    assert (await portal.send("POST", path, content=content, headers=csv)).status_code == 428
    wrong = await portal.send("POST", path, content=content, match=1)
    assert wrong.status_code == 415
    taken = await portal.send("POST", path, content=content, headers=csv, match=1)
    assert taken.status_code == 201, taken.text
    assert [error["line"] for error in taken.json()["errors"]] == [3]
    twice = await portal.send("POST", path, content=content, headers=csv, match=1)
    assert twice.status_code == 412
    big = await portal.send("POST", path, content=b"A\n" * 150_000, headers=csv, match=2)
    assert big.status_code == 413
    assert (await portal.send("GET", cart)).json()["line_count"] == 1


async def test_unit_re_parented_while_carts_are_open(shop: Shop, portal: Portal) -> None:
    await shop.offer("A")
    north = await shop.world.unit(shop.buyer, "North")
    south = await shop.world.unit(shop.buyer, "South")
    site = await shop.world.unit(shop.buyer, "Site", north)
    await price_for(shop, north, 1, A="9")
    await price_for(shop, south, 2, A="8")
    limit = {"order_limit": "100000 EUR"}
    buyer = Portal(
        portal.http, await shop.world.member(shop.buyer, "purchaser", unit_id=site, **limit)
    )
    cart = await begin(buyer)
    await buyer.send("POST", f"{cart}/lines", {"lines": [line(shop, "A", "10")]})
    assert (await buyer.send("GET", cart)).json()["total"]["amount"] == "90.00"
    moved = await portal.send(
        "PATCH", f"/v1/organizations/{site}", {"parent_id": str(south)}, match=1
    )
    assert moved.status_code == 200, moved.text
    async with asyncio.timeout(GIVE_UP_S):
        # The commit tells every process to forget who acts for the unit; that takes a moment.
        while (read := (await buyer.send("GET", cart)).json())["total"]["amount"] != "80.00":
            await asyncio.sleep(0.01)
    assert read["lines"][0]["change"]["kind"] == "price_fell"
    ordered = await buyer.send("POST", f"{cart}/checkout", {}, match=2)
    assert ordered.json()["total"]["amount"] == "80.00"
