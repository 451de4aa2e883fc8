"""The road of a procedure over HTTP, and what a stranger, a rival or a slip meets on it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from marketplace.worker import Worker
from tests.rfq.parties import HOUR, MoveClock
from tests.support.world import Company, World

Json = dict[str, Any]


def draft(**changes: Any) -> Json:
    return {
        "title": "Office supplies",
        "currency": "EUR",
        "deadline_at": (datetime.now(UTC) + HOUR).isoformat(),
        "lots": [
            {
                "title": "Paper and toner",
                "lines": [
                    {"quantity": "100", "unit": "XBX", "description": "Paper A4, 80 g"},
                    {"quantity": "3", "unit": "C62", "description": "Toner", "sku": "TN-1"},
                ],
            }
        ],
        **changes,
    }


def priced(procedure: Json, *amounts: Any) -> Json:
    lines = procedure["lots"][0]["lines"]
    return {
        "currency": "EUR",
        "lines": [
            {"line_id": line["id"], "unit_amount": amount}
            for line, amount in zip(lines, amounts, strict=True)
        ],
    }


async def published(
    client: httpx.AsyncClient, buyer: Company, *suppliers: Company, **changes: Any
) -> Json:
    made = await client.post("/v1/procedures", json=draft(**changes), headers=buyer.writing)
    assert made.status_code == 201, made.text
    address = f"/v1/procedures/{made.json()['id']}"
    invited = await client.post(
        f"{address}/invitations",
        json={"supplier_ids": [str(supplier.id) for supplier in suppliers]},
        headers=buyer.writing,
    )
    assert invited.status_code == 201, invited.text
    answer = await client.post(
        f"{address}/publish", headers={**buyer.headers, "If-Match": invited.headers["ETag"]}
    )
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def test_from_the_draft_to_the_award(
    client: httpx.AsyncClient, world: World, worker: Worker, move_clock: MoveClock
) -> None:
    buyer, acme, bolt = await world.buyer(), await world.supplier("A"), await world.supplier("B")
    made = await published(client, buyer, acme, bolt)
    address = f"/v1/procedures/{made['id']}"
    for supplier, prices in ((acme, ("3.10", "90")), (bolt, ("2.90", "95"))):
        sent = await client.post(
            f"{address}/bids", json=priced(made, *prices), headers=supplier.writing
        )
        assert sent.status_code == 201, sent.text
        assert set(sent.json()) >= {"commitment", "nonce", "signature", "submitted_at"}
    early = await client.get(f"{address}/bids", headers=buyer.headers)
    assert early.status_code == 409
    assert early.json()["state"] == "published"
    await move_clock(HOUR)
    await worker.run_until_idle()
    ranked = await client.get(f"{address}/bids", headers=buyer.headers)
    assert [item["offers"][0]["total"]["amount"] for item in ranked.json()["items"]] == [
        "575.00",
        "580.00",
    ]
    last_day = (datetime.now(UTC) + timedelta(days=90)).date().isoformat()
    award = await client.post(
        f"{address}/awards",
        json={"lot_id": made["lots"][0]["id"], "last_day": last_day},
        headers=buyer.writing,
    )
    assert award.status_code == 201, award.text
    contract = await client.get(
        f"/v1/contracts/{award.json()['awards'][0]['contract_id']}", headers=bolt.headers
    )
    assert contract.json()["state"] == "active"
    assert [price["tiers"][0]["amount"] for price in contract.json()["prices"]] == ["2.9", "95"]
    seen = await client.get(address, headers=acme.headers)
    assert seen.json()["status"] == "awarded"


async def test_a_rival_a_stranger_and_a_guest_learn_nothing(
    client: httpx.AsyncClient, world: World
) -> None:
    buyer, acme, bolt = await world.buyer(), await world.supplier("A"), await world.supplier("B")
    stranger, other = await world.supplier("C"), await world.buyer("D")
    made = await published(client, buyer, acme, bolt)
    address = f"/v1/procedures/{made['id']}"
    sent = await client.post(f"{address}/bids", json=priced(made, "3", "90"), headers=acme.writing)
    bid = sent.json()
    for who in (stranger, other):
        for path in (address, f"{address}/bids", f"{address}/receipts", f"{address}/awards"):
            answer = await client.get(path, headers=who.headers)
            assert answer.status_code in {403, 404}, (path, answer.text)
    assert (await client.get(f"{address}/bids", headers=bolt.headers)).status_code in {403, 404}
    assert (await client.get(f"{address}/receipts", headers=bolt.headers)).json()["items"] == []
    stolen = await client.post(
        f"{address}/bids/{bid['bid_id']}/withdraw", headers={**bolt.headers, "If-Match": '"1"'}
    )
    assert stolen.status_code == 404
    assert (await client.get(address)).status_code == 401


@pytest.mark.parametrize(
    ("amount", "pointer"),
    [
        ("NaN", "/lines/0/unit_amount"),
        ("1e3", "/lines/0/unit_amount"),
        ("1_000", "/lines/0/unit_amount"),
        ("-1", "/lines/0/unit_amount"),
        ("1.0000001", "/lines/0/unit_amount"),
        (12.5, "/lines/0/unit_amount"),
        ("0", "/lines/0/unit_amount"),
    ],
)
async def test_an_amount_that_is_none_is_refused_with_its_place(
    client: httpx.AsyncClient, world: World, amount: Any, pointer: str
) -> None:
    buyer, acme = await world.buyer(), await world.supplier()
    made = await published(client, buyer, acme)
    address = f"/v1/procedures/{made['id']}"
    answer = await client.post(
        f"{address}/bids", json=priced(made, amount, "90"), headers=acme.writing
    )
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await client.get(f"{address}/receipts", headers=acme.headers)).json()["items"] == []


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"currency": "ZZZ"}, "/currency"),
        ({"lots": []}, "/lots"),
        ({"deadline_at": "2026-03-02T12:00:00"}, "/deadline_at"),
        ({"surprise": 1}, "/surprise"),
        (
            {
                "lots": [
                    {
                        "title": "x",
                        "lines": [{"quantity": "1", "unit": "CTN", "description": "x"}],
                    }
                ]
            },
            "/lots/0/lines/0/unit",
        ),
    ],
)
async def test_terms_that_are_none_are_refused_with_their_place(
    client: httpx.AsyncClient, world: World, changes: Json, pointer: str
) -> None:
    buyer = await world.buyer()
    answer = await client.post("/v1/procedures", json=draft(**changes), headers=buyer.writing)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_bids_and_awards_need_a_key_and_changes_a_version(
    client: httpx.AsyncClient, world: World
) -> None:
    buyer, acme = await world.buyer(), await world.supplier()
    made = await published(client, buyer, acme)
    address = f"/v1/procedures/{made['id']}"
    bid = priced(made, "3", "90")
    without_key = await client.post(f"{address}/bids", json=bid, headers=acme.headers)
    assert without_key.status_code == 400
    sent = await client.post(f"{address}/bids", json=bid, headers=acme.writing)
    own = f"{address}/bids/{sent.json()['bid_id']}"
    without_version = await client.put(own, json=bid, headers=acme.writing)
    assert without_version.status_code == 428
    stale = await client.put(own, json=bid, headers={**acme.writing, "If-Match": '"7"'})
    assert stale.status_code == 412
    replaced = await client.put(
        own, json=bid, headers={**acme.writing, "If-Match": sent.headers["ETag"]}
    )
    assert (replaced.status_code, replaced.headers["ETag"]) == (200, '"2"')
    award = {"lot_id": made["lots"][0]["id"], "last_day": "2030-01-01"}
    unkeyed = await client.post(f"{address}/awards", json=award, headers=buyer.headers)
    assert unkeyed.status_code == 400
    sealed = await client.post(f"{address}/awards", json=award, headers=buyer.writing)
    assert sealed.status_code == 409
    early = await client.post(f"{address}/open", headers=buyer.headers)
    assert early.status_code == 409
