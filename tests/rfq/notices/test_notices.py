"""Notices over HTTP: a draft with the account of it beside, or reasons and nothing."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from marketplace.kernel.limits import NOTICE_BYTES_MAX
from tests.rfq.notices.builders import Lot, Notice, as_json, release
from tests.rfq.notices.variety import refused, taken
from tests.support.world import Company, World

Json = dict[str, Any]
IMPORT = "/v1/procedures/import"
CHECK = f"{IMPORT}/check"
BYTES = {"Content-Type": "application/octet-stream"}
FOLDERS = (each / "shared/conformance/eforms" for each in Path(__file__).parents)
OFFICIAL = [
    (each.name, each.read_bytes()) for folder in FOLDERS for each in sorted(folder.glob("*.xml"))
]
"""Notices of the eForms SDK, where they lie beside the repository."""


@pytest.fixture
async def buyer(world: World) -> Company:
    return await world.buyer()


async def sent(
    client: httpx.AsyncClient, buyer: Company, data: bytes, **params: str
) -> httpx.Response:
    headers = {**buyer.writing, **BYTES}
    return await client.post(IMPORT, content=data, headers=headers, params=params)


async def counted(owner: asyncpg.Connection, table: str) -> int:
    return int(await owner.fetchval(f"select count(*) from {table}"))


async def test_what_can_be_taken_over_becomes_a_draft_and_what_cannot_leaves_nothing(
    client: httpx.AsyncClient, buyer: Company, owner: asyncpg.Connection
) -> None:
    drafts = [*((name, data) for name, data, _ in taken()), *OFFICIAL]
    assert len(drafts) >= 25
    for name, data in drafts:
        answer = await sent(client, buyer, data)
        assert answer.status_code == 201, (name, answer.text)
        made = answer.json()
        assert made["procedure"]["status"] == "draft"
        assert answer.headers["ETag"] == '"1"'
    for name, data, codes in refused():
        for address in (IMPORT, CHECK):
            headers = {**buyer.writing, **BYTES}
            answer = await client.post(address, content=data, headers=headers)
            assert answer.status_code == 422, (name, answer.text)
            assert {each["code"] for each in answer.json()["errors"]} <= codes, name
    for table in ("procedures", "procedure_notices"):
        assert await counted(owner, table) == len(drafts)


async def test_the_account_is_kept_beside_the_draft(
    client: httpx.AsyncClient, buyer: Company, world: World
) -> None:
    made = (await sent(client, buyer, Notice().bytes())).json()
    procedure = made["procedure"]
    address = f"/v1/procedures/{procedure['id']}"
    changed = {
        "title": "My own title",
        "currency": "EUR",
        "deadline_at": "2031-01-01T00:00:00Z",
        "lots": [{"title": "x", "lines": [{"quantity": "1", "unit": "C62", "description": "x"}]}],
    }
    headers = {**buyer.headers, "If-Match": '"1"'}
    assert (await client.put(address, json=changed, headers=headers)).status_code == 200
    read = await client.get(f"{address}/notice", headers=buyer.headers)
    assert read.status_code == 200, read.text
    kept = read.json()
    assert kept["report"] == made["report"]
    assert kept["report"]["notice_id"] == "f42be27e-09cf-4f0e-a745-63ec689631e6"
    assert kept["size_bytes"] == len(Notice().bytes())
    assert len(kept["sha256"]) == 64
    stranger = await world.buyer("Stranger")
    answer = await client.get(f"{address}/notice", headers=stranger.headers)
    assert answer.status_code == 404
    own = await client.post("/v1/procedures", json=changed, headers=buyer.writing)
    answer = await client.get(f"/v1/procedures/{own.json()['id']}/notice", headers=buyer.headers)
    assert answer.status_code == 404, "a draft that was made of no notice has none"


async def test_a_dry_run_tells_the_same_and_its_draft_can_be_sent(
    client: httpx.AsyncClient, buyer: Company, owner: asyncpg.Connection
) -> None:
    data = as_json(release())
    checked = await client.post(CHECK, content=data, headers={**buyer.headers, **BYTES})
    assert checked.status_code == 200, checked.text
    assert await counted(owner, "procedures") == 0
    made = (await sent(client, buyer, data)).json()
    assert checked.json()["report"] == made["report"]
    draft = checked.json()["draft"]
    by_hand = await client.post("/v1/procedures", json=draft, headers=buyer.writing)
    assert by_hand.status_code == 201, by_hand.text
    own = {"id", "created_at"}
    for part in ("title", "lots", "deadline_at", "budget", "openness", "description"):
        assert _without(by_hand.json()[part], own) == _without(made["procedure"][part], own)


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {k: _without(v, names) for k, v in value.items() if k not in names}
    return [_without(each, names) for each in value] if isinstance(value, list) else value


async def test_the_same_request_again_is_the_same_draft(
    client: httpx.AsyncClient, buyer: Company, owner: asyncpg.Connection
) -> None:
    headers = {**buyer.writing, **BYTES}
    data = Notice([Lot(value=None)]).bytes()
    answers = [
        await client.post(IMPORT, content=data, headers=headers, params={"currency": currency})
        for currency in ("EUR", "EUR", "SEK")
    ]
    assert [each.status_code for each in answers] == [201, 201, 422]
    assert answers[0].json() == answers[1].json()
    assert answers[2].json()["code"] == "idempotency_key_reused"
    other = await client.post(IMPORT, content=data + b" ", headers=headers)
    assert other.json()["code"] == "idempotency_key_reused"
    assert await counted(owner, "procedures") == 1
    twin = {**buyer.writing, **BYTES}
    twins = await asyncio.gather(
        *(client.post(IMPORT, content=data, headers=twin) for _ in range(8))
    )
    assert {each.status_code for each in twins} <= {201, 409}
    assert len({each.text for each in twins if each.status_code == 201}) == 1
    assert await counted(owner, "procedures") == 2


async def test_a_deadline_that_has_passed_is_taken_over_and_not_published(
    client: httpx.AsyncClient, buyer: Company
) -> None:
    for lot in (Lot(deadline=("2020-02-04Z", "10:00:00Z")), Lot(deadline=None)):
        made = (await sent(client, buyer, Notice([lot]).bytes())).json()
        answer = await client.post(
            f"/v1/procedures/{made['procedure']['id']}/publish",
            headers={**buyer.headers, "If-Match": '"1"'},
        )
        assert answer.status_code == 422
        assert [each["code"] for each in answer.json()["errors"]] == ["in_the_past"]


async def test_only_who_may_draft_takes_notices_over(
    client: httpx.AsyncClient, world: World, buyer: Company
) -> None:
    viewer = await world.member(buyer, "viewer")
    seller = await world.member(await world.supplier(), "seller")
    for who in (viewer, seller):
        for address in (IMPORT, CHECK):
            answer = await client.post(
                address, content=Notice().bytes(), headers={**who.writing, **BYTES}
            )
            assert answer.status_code == 403


async def test_what_is_no_request_for_it_is_refused_as_such(
    client: httpx.AsyncClient, buyer: Company
) -> None:
    answer = await sent(client, buyer, b" " * (NOTICE_BYTES_MAX + 1))
    assert answer.status_code == 413
    answer = await sent(client, buyer, Notice().bytes(), currency="XXX")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "?currency"
    for headers, status in (
        ({"Content-Type": "text/csv"}, 415),
        ({**BYTES, "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "application/vnd.x+xml"}, 201),
    ):
        answer = await client.post(
            IMPORT, content=Notice().bytes(), headers={**buyer.writing, **headers}
        )
        assert answer.status_code == status, answer.text


async def test_the_largest_notice_is_read(client: httpx.AsyncClient, buyer: Company) -> None:
    few = Notice([Lot(f"LOT-{number:04}") for number in range(1_000)]).bytes()
    assert len(few) < NOTICE_BYTES_MAX
    answer = await sent(client, buyer, few)
    assert answer.status_code == 201, answer.text[:1_000]
    assert len(answer.json()["procedure"]["lots"]) == 1_000
    assert len(answer.json()["report"]["mapped"]) == 2_000
