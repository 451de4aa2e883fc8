"""The whole road over HTTP, and what it leaves behind."""

import json
from typing import Any
from uuid import UUID

import asyncpg

from marketplace.demo.examples import examples_of, filled_guide, shape
from marketplace.platform.audit import heads_of, verify_trail
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.http.openapi import EXAMPLES
from marketplace.platform.settings import load_settings
from tests.conftest import REPOSITORY
from tests.journeys.conftest import BESIDE, Played


def test_the_road_is_played_from_the_registration_to_the_provenance(played: Played) -> None:
    road = played.road
    assert road.order["state"] == "placed"
    assert road.invoice["number"]
    assert min(road.final_totals.values()) < min(road.opening_totals.values())


def test_no_process_logged_an_error(played: Played) -> None:
    for child in (played.product.api, played.product.worker):
        lines = [json.loads(line) for line in child.log.read_text().splitlines() if line[:1] == "{"]
        wrong = [line for line in lines if line.get("level") in {"error", "critical"}]
        assert not wrong, "\n".join(map(repr, wrong))


def test_no_log_holds_a_key(played: Played) -> None:
    logs = "".join(c.log.read_text() for c in (played.product.api, played.product.worker))
    companies = [played.road.buyer, *played.road.suppliers, played.stranger]
    for company in companies:
        for key in company.keys.values():
            assert key not in logs
            assert key.split("_")[-1] not in logs


async def test_no_table_holds_a_key(played: Played) -> None:
    connection = await asyncpg.connect(played.product.urls.owner_url)
    try:
        secret = played.road.buyer.keys["administrator"].split("_")[-1]
        tables = await connection.fetch("select tablename from pg_tables where schemaname='public'")
        for (table,) in tables:
            await connection.execute(f'alter table "{table}" no force row level security')
            found = await connection.fetchval(
                f'select count(*) from "{table}" t where t::text like $1',
                f"%{secret}%",
            )
            await connection.execute(f'alter table "{table}" force row level security')
            assert found == 0, table
    finally:
        await connection.close()


async def test_every_audit_trail_of_the_road_verifies(played: Played) -> None:
    settings = load_settings(played.product.environ)
    platform = Platform(settings)
    try:
        async with system_transaction(platform, Role.WORKER) as tx:
            companies = [played.road.buyer, *played.road.suppliers]
            heads = await heads_of(tx, {UUID(c.organization_id) for c in companies})
            assert len(heads) == len(companies)
            for head in heads:
                assert head.number > 5
                assert await verify_trail(tx, head.organization_id) is None
    finally:
        await platform.close()


async def test_event_numbers_of_the_road_have_no_gap(played: Played) -> None:
    connection = await asyncpg.connect(played.product.urls.owner_url)
    try:
        await connection.execute("alter table events no force row level security")
        rows = await connection.fetch("select number from events order by number")
        await connection.execute("alter table events force row level security")
    finally:
        await connection.close()
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) > 20


def test_the_documented_examples_are_those_of_the_road(played: Played) -> None:
    """Run `make examples` after a change of what the API answers."""
    stored = json.loads(EXAMPLES.read_text())
    on_the_road = {k: v for k, v in played.exchanges.items() if k not in BESIDE}
    recorded = examples_of(on_the_road)
    assert sorted(stored) == sorted(recorded)
    for name in recorded:
        assert shape(stored[name]) == shape(recorded[name]), name


def test_the_guide_shows_the_stored_examples() -> None:
    guide = (REPOSITORY / "docs" / "api-guide.md").read_text()
    assert filled_guide(guide, json.loads(EXAMPLES.read_text())) == guide


def test_every_example_belongs_to_an_operation(document: dict[str, Any]) -> None:
    operations = {
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
    }
    assert set(json.loads(EXAMPLES.read_text())) <= operations


async def test_a_price_is_explained_to_its_supplier_over_four_levels_and_to_the_buyer_his_own(
    played: Played,
) -> None:
    road = played.road
    sold = {"supplier_id": road.award["supplier_id"], "sku": road.award["lines"][0]["sku"]}
    asked = {"currency": "EUR", "explain": True, "lines": [{**sold, "quantity": "400"}]}
    named = {**asked, "organization_id": road.buyer.organization_id}
    seller, buyer = road.suppliers[road.winner].keys["seller"], road.buyer.keys["purchaser"]
    async with played.product.client() as http:
        headers = {"Authorization": f"Bearer {seller}"}
        told = (await http.post("/v1/prices/check", json=named, headers=headers)).json()
        headers = {"Authorization": f"Bearer {buyer}"}
        own = (await http.post("/v1/prices/check", json=asked, headers=headers)).json()
        headers = {"Authorization": f"Bearer {played.stranger.key}"}
        refused = await http.post("/v1/prices/check", json=named, headers=headers)
    price = told["lines"][0]["price"]
    assert price["level"] == "contract"
    losing = {(loser["level"], loser["reason"]) for loser in price["losers"]}
    lower = ("organization", "segment", "base")
    assert {(level, "shadowed_by_level") for level in lower} <= losing
    his = own["lines"][0]["price"]
    assert his["amount"] == price["amount"]
    assert "not_assigned" not in {loser["reason"] for loser in his["losers"]}
    assert all("assigned_to" not in loser for loser in his["losers"])
    assert refused.status_code == 422
