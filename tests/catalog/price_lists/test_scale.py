"""What a price costs does not depend on how many organizations there are: counted, not timed."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from benchmarks.scale import load_prices
from catalog.price_lists import checking
from catalog.price_lists.candidate_reads import line_arguments
from catalog.price_lists.visibility import scopes_of
from catalog.search import page_statements
from marketplace.platform.database import HotRead
from marketplace.platform.settings import Settings
from tests.catalog.parties import Market, entry

FEW, MANY = 300, 1_500
LINES = 20


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from nodes(part)


async def pages_read(
    market: Market, read: HotRead, values: Mapping[str, object]
) -> tuple[int, set[str]]:
    """Give how many pages of the database a read looks at, and which tables it reads whole."""
    arguments = read.arguments(market.buyer, values)
    (row,) = await market.platform.database.hot.fetch(
        f"explain (analyze, buffers, format json) {read.sql}", arguments
    )
    plan = msgspec.json.decode(row[0])[0]["Plan"]
    whole = {
        node["Relation Name"]
        for node in nodes(plan)
        if node["Node Type"] == "Seq Scan" and node["Actual Loops"]
    }
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], whole


async def asked(market: Market) -> dict[str, tuple[int, set[str]]]:
    path = market.buyer.path
    keys = [(market.supplier.organization_id, f"S{n}") for n in range(LINES)]
    page = {"after_name": "", "after_id": UUID(int=0), "fetch": LINES}
    his = {"scopes": scopes_of(path), "company_id": path[-1]}
    return {
        "lines": await pages_read(market, checking._CHECK, line_arguments(path, keys)),
        "page": await pages_read(market, page_statements.BROWSE.known, page | his),
        "page, whole": await pages_read(market, page_statements.BROWSE.whole, page | his),
    }


@pytest.mark.fresh_database
async def test_a_price_reads_as_little_with_many_organizations_as_with_few(
    market: Market, settings: Settings
) -> None:
    for number in range(LINES):
        await market.offer(f"S{number}")
    await market.price_list(*(entry(f"S{number}", ("1", "10")) for number in range(LINES)))
    assert settings.owner_url
    owner = await asyncpg.connect(settings.owner_url)
    await owner.execute(
        "alter table organizations no force row level security;"
        "update organizations set name = 'Supplier 1' where name = 'Supplier';"
        "alter table organizations force row level security"
    )
    found = []
    for added in (FEW, MANY - FEW):
        rows = await load_prices(settings.owner_url, added, ["Organization %"])
        assert rows >= added * LINES // 2
        await owner.execute("vacuum (analyze)")
        await market.platform.database.hot.close_idle()  # so that what was planned is planned anew
        found.append(await asked(market))
    await owner.close()
    few, many = found
    grown = {"organizations", "price_lists", "price_list_assignments", "price_ladders"}
    for question, (pages, whole) in many.items():
        assert whole.isdisjoint(grown), question
        assert pages <= few[question][0] * 1.5, question
