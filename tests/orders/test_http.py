import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from marketplace.kernel.ids import new_id
from tests.orders.trade import Trade


def order_of(trade: Trade, **line: Any) -> dict[str, Any]:
    whole = {
        "supplier_id": str(trade.bolts.id),
        "sku": "A-1",
        "quantity": "10",
        "unit": "C62",
        **line,
    }
    return {"currency": "EUR", "lines": [whole]}


async def test_the_road_of_an_order_over_http(client: httpx.AsyncClient, trade: Trade) -> None:
    path = "/v1/orders/by-external/sap/4500001"
    sent = order_of(trade, quantity="100")
    first = await client.put(path, json=sent, headers=trade.purchaser.headers)
    second = await client.put(path, json=sent, headers=trade.purchaser.headers)
    assert (first.status_code, second.status_code) == (200, 200), first.text
    assert first.json() == second.json()
    order = first.json()
    assert (order["state"], order["total"]) == (
        "in_approval",
        {"amount": "1250.00", "currency": "EUR"},
    )

    waiting = await client.get("/v1/approvals?state=pending", headers=trade.approver.headers)
    (request,) = waiting.json()["items"]
    decided = await client.post(
        f"/v1/approvals/{request['id']}/decisions",
        json={"verdict": "approve"},
        headers=trade.approver.writing,
    )
    assert (decided.status_code, decided.json()["state"]) == (201, "approved"), decided.text

    (todo,) = (
        await client.get("/v1/supplier-orders?state=placed", headers=trade.bolts.headers)
    ).json()["items"]
    base = f"/v1/supplier-orders/{todo['id']}"
    confirmed = await client.post(
        f"{base}/confirmations", json={"promised_on": "2026-05-01"}, headers=trade.bolts.writing
    )
    assert confirmed.json()["state"] == "confirmed", confirmed.text
    despatched = await client.post(
        f"{base}/despatches", json={"carrier": "DHL"}, headers=trade.bolts.writing
    )
    assert despatched.json()["state"] == "despatched", despatched.text
    invoice = await client.post(
        "/v1/invoices",
        json={"supplier_order_id": todo["id"], "standard_rate": "19"},
        headers=trade.bolts.writing,
    )
    assert invoice.json()["gross"] == {"amount": "1487.50", "currency": "EUR"}, invoice.text

    seen = await client.get(f"/v1/orders/{order['id']}", headers=trade.purchaser.headers)
    assert seen.headers["etag"] == '"3"'
    (line,) = seen.json()["lines"]
    assert (line["confirmed_quantity"], line["despatched_quantity"]) == ("100", "100")
    told = await client.get(
        f"/v1/orders/{order['id']}/lines/1/provenance", headers=trade.purchaser.headers
    )
    assert [step["kind"] for step in told.json()["steps"]] == ["contract"]


async def test_a_post_needs_its_key_and_makes_one_order(
    client: httpx.AsyncClient, trade: Trade
) -> None:
    sent = order_of(trade)
    without = await client.post("/v1/orders", json=sent, headers=trade.buyer.headers)
    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_missing")
    headers = trade.buyer.writing
    answers = await asyncio.gather(
        *(client.post("/v1/orders", json=sent, headers=headers) for _ in range(16))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    again = await client.post("/v1/orders", json=sent, headers=headers)
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert made == {again.json()["id"]}
    other = order_of(trade, quantity="11")
    reused = await client.post("/v1/orders", json=other, headers=headers)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")


async def test_both_duplicate_keys_together(client: httpx.AsyncClient, trade: Trade) -> None:
    sent = {**order_of(trade), "external": {"system": "sap", "id": "9"}}
    by_post = await client.post("/v1/orders", json=sent, headers=trade.buyer.writing)
    again = await client.post("/v1/orders", json=sent, headers=trade.buyer.writing)
    by_put = await client.put(
        "/v1/orders/by-external/sap/9", json=order_of(trade), headers=trade.buyer.headers
    )
    assert by_post.json()["id"] == again.json()["id"] == by_put.json()["id"]
    other = await client.put(
        "/v1/orders/by-external/sap/9",
        json=order_of(trade, quantity="11"),
        headers=trade.buyer.headers,
    )
    assert (other.status_code, other.json()["code"]) == (409, "conflict")


async def test_cancelling_needs_the_version(client: httpx.AsyncClient, trade: Trade) -> None:
    order = await client.post("/v1/orders", json=order_of(trade), headers=trade.buyer.writing)
    path = f"/v1/orders/{order.json()['id']}/cancel"
    assert (await client.post(path, headers=trade.buyer.headers)).status_code == 428
    stale = await client.post(path, headers={**trade.buyer.headers, "If-Match": '"1"'})
    assert stale.status_code == 412
    etag = order.headers["etag"]
    done = await client.post(path, headers={**trade.buyer.headers, "If-Match": etag})
    assert (done.status_code, done.json()["state"]) == (200, "cancelled")
    twice = await client.post(
        path, headers={**trade.buyer.headers, "If-Match": done.headers["etag"]}
    )
    assert (twice.status_code, twice.json()["state"]) == (409, "cancelled")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"quantity": "NaN"}, "/lines/0/quantity"),
        ({"quantity": "1e3"}, "/lines/0/quantity"),
        ({"quantity": "1_000"}, "/lines/0/quantity"),
        ({"quantity": "-1"}, "/lines/0/quantity"),
        ({"quantity": 10}, "/lines/0/quantity"),
        ({"quantity": "0.5"}, "/lines/0/quantity"),
        ({"unit": "pcs"}, "/lines/0/unit"),
        ({"unit": "QQQ"}, "/lines/0/unit"),
        ({"sku": "A\x00"}, "/lines/0/sku"),
        ({"cost_centre": "A\x00"}, "/lines/0/cost_centre"),
        ({"colour": "red"}, "/lines/0/colour"),
        ({"expected_amount": "1.0000001"}, "/lines/0/expected_amount"),
        ({"supplier_id": str(new_id())}, "/lines/0/sku"),
    ],
)
async def test_bad_lines_are_pointed_at_and_nothing_is_written(
    client: httpx.AsyncClient, trade: Trade, change: dict[str, Any], pointer: str
) -> None:
    answer = await client.post(
        "/v1/orders", json=order_of(trade, **change), headers=trade.buyer.writing
    )
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    listed = await client.get("/v1/orders", headers=trade.buyer.headers)
    assert listed.json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/orders?state=broken",
        "/v1/orders?external_id=%00",
        "/v1/orders?after=zzz",
        "/v1/orders?limit=0",
        "/v1/approvals?state=x",
        "/v1/supplier-orders?state=x",
    ],
)
async def test_bad_parameters_are_refused(
    client: httpx.AsyncClient, trade: Trade, path: str
) -> None:
    headers = trade.bolts.headers if "supplier" in path else trade.buyer.headers
    answer = await client.get(path, headers=headers)
    assert answer.status_code in {400, 422}, answer.text


@pytest.mark.parametrize("number", ["%00", "a%20b", "x" * 65, "a%0A"])
async def test_a_number_out_of_form_is_refused(
    client: httpx.AsyncClient, trade: Trade, number: str
) -> None:
    answer = await client.put(
        f"/v1/orders/by-external/sap/{number}", json=order_of(trade), headers=trade.buyer.headers
    )
    assert answer.status_code in {400, 404, 422}, answer.text


async def test_an_empty_order_and_an_unknown_currency_are_refused(
    client: httpx.AsyncClient, trade: Trade
) -> None:
    for sent, pointer in (
        ({"currency": "EUR", "lines": []}, "/lines"),
        ({**order_of(trade), "currency": "XXX"}, "/currency"),
        ({**order_of(trade), "ordered_at": "2020-01-01T00:00:00"}, "/ordered_at"),
    ):
        answer = await client.post("/v1/orders", json=sent, headers=trade.buyer.writing)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_backdating_is_forbidden(client: httpx.AsyncClient, trade: Trade) -> None:
    sent = {**order_of(trade), "ordered_at": datetime(2020, 1, 1, tzinfo=UTC).isoformat()}
    answer = await client.post("/v1/orders", json=sent, headers=trade.buyer.writing)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")


async def test_rights_are_those_of_the_role(client: httpx.AsyncClient, trade: Trade) -> None:
    viewer = await trade.world.member(trade.buyer, "viewer")
    refused = await client.post("/v1/orders", json=order_of(trade), headers=viewer.writing)
    assert refused.status_code == 403
    assert (await client.get("/v1/orders", headers=viewer.headers)).status_code == 200
    assert (await client.get("/v1/orders")).status_code == 401
