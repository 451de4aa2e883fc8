"""What the catalog reads by one round trip: Postgres knows the tenant before it looks at a row."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest

from catalog.price_lists import checking
from catalog.search import known, page_statements
from catalog.search.in_order import Shape
from catalog.search.statements import rest_of, search_of
from marketplace.platform.core import Platform
from marketplace.platform.database import HotRead, Role

pytestmark = pytest.mark.fresh_database

READS = {
    "the price check": checking._CHECK,
    "a page by versions": page_statements.BROWSE.known,
    "a page, whole": page_statements.BROWSE.whole,
    "what is a buyer's own": page_statements.OWN,
    "the same, with contracts": page_statements.OWN_AND_AGREED,
    "chosen items by versions": page_statements.CHOSEN.known,
    "chosen items, whole": page_statements.CHOSEN.whole,
    "chosen items of what is open": page_statements.OPEN_CHOSEN,
    "chosen items of what is open, with contracts": page_statements.OPEN_CHOSEN_AND_AGREED,
    "a search": search_of(Shape(with_text=True, by_documents=True)),
    "a search with facets": search_of(Shape(with_text=True, facets=True)),
    "a search of what is open": search_of(Shape(with_text=True, facets=True), is_open=True),
    "names of facets": known._NAMES,
    "a category with facets": search_of(Shape(by_documents=True, facets=True, near=True)),
    "a supplier's, in time": search_of(Shape(by_offers=True, facets=True, near=True)),
    "what is open of a supplier": search_of(Shape(by_documents=True, by_offers=True), is_open=True),
    "what lies behind it": rest_of(Shape(with_text=True)),
    "one item": page_statements.ONE,
}
Node = Mapping[str, Any]


def unguarded(node: Node) -> Iterator[str]:
    """Give the scans of tables and of common table expressions that no guard stands above.

    What has a `Subplan Name` runs only when a scan or a condition asks for it.
    """
    if "One-Time Filter" in node:
        return
    if "Scan" in node["Node Type"] and not {"Relation Name", "CTE Name"}.isdisjoint(node):
        yield node.get("Relation Name") or node["CTE Name"]
    for part in node.get("Plans", ()):
        if "Subplan Name" not in part:
            yield from unguarded(part)


def scanned(node: Node) -> list[str]:
    own = [node["Relation Name"]] if "Relation Name" in node else []
    return own + [name for part in node.get("Plans", ()) for name in scanned(part)]


async def plan_of(platform: Platform, sql: str, given: int) -> Node:
    pool = await platform.database.fast(Role.API)
    found = await pool.fetchval(f"explain (format json, generic_plan) {sql}", *[None] * given)
    plan: Node = msgspec.json.decode(found)[0]["Plan"]
    return plan


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
async def test_the_tenant_is_set_before_any_row_is_looked_at(
    platform: Platform, read: HotRead
) -> None:
    given = len(read.statement.names)
    plan = await plan_of(platform, read.sql, given + 2)
    assert {"price_list_assignments", "offers", "organizations"} & set(scanned(plan))
    assert list(unguarded(plan)) == []
    without = await plan_of(platform, read.statement.sql, given)
    assert list(unguarded(without)) != []
