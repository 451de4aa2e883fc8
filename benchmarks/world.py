"""The data the figures are measured on, made through the product's own API.

Suppliers with a catalog each, its base list with quantity tiers, and lists for single buyers;
buyers whose prices come from both; bidders on one auction.
"""

import csv
import io
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from benchmarks.parties import Party, Refused, each, register, until

CURRENCY: Final = "EUR"
CEILING: Final = 50_000_000_00
"""Of the auctions, in cents: bids fall by one cent and never reach zero."""
IMPORT_SECONDS_MAX: Final = 120.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much data."""

    suppliers: int
    products: int
    buyers: int
    bidders: int
    orders: int
    """Of each buyer before anything is measured, so that his feed has pages."""
    feed_pages: int


FULL: Final = Size(suppliers=9, products=4_000, buyers=16, bidders=128, orders=100, feed_pages=5)
QUICK: Final = Size(suppliers=2, products=120, buyers=2, bidders=16, orders=25, feed_pages=1)


@dataclass(frozen=True, slots=True)
class World:
    """Companies and what they have to do with each other."""

    buyers: Sequence[Party]
    suppliers: Sequence[Party]
    bidders: Sequence[Party]
    catalog: Mapping[UUID, Sequence[str]]
    """The SKUs of each supplier."""


async def make_world(operator: Party, size: Size) -> World:
    """Register the companies and let the suppliers publish their offers and prices."""
    buyers = await each(lambda n: register(operator, f"Buyer {n}", buyer=True), range(size.buyers))
    suppliers = await each(
        lambda n: register(operator, f"Supplier {n}", supplier=True), range(size.suppliers)
    )
    bidders = await each(
        lambda n: register(operator, f"Bidder {n}", supplier=True), range(size.bidders)
    )
    catalog = _catalog(suppliers, size)
    await each(
        lambda supplier: _stock(supplier, catalog[supplier.id], buyers), suppliers, at_once=4
    )
    return World(buyers, suppliers, bidders, catalog)


def _catalog(suppliers: Sequence[Party], size: Size) -> dict[UUID, list[str]]:
    """Give what each supplier sells: every product has one, every fifth one more."""
    catalog: dict[UUID, list[str]] = {supplier.id: [] for supplier in suppliers}
    for number in range(size.products):
        sellers = [suppliers[number % len(suppliers)]]
        if number % 5 == 0:
            sellers.append(suppliers[(number + 1) % len(suppliers)])
        for seller in sellers:
            catalog[seller.id].append(f"SKU-{number:05}")
    return catalog


async def _stock(supplier: Party, skus: Sequence[str], buyers: Sequence[Party]) -> None:
    """Import offers; publish a base list for all, and a list of a fifth of it for each buyer."""
    await import_file(
        supplier,
        "offers",
        ("sku", "name", "unit", "maker", "maker_number", "lead_time_days"),
        [(sku, product_name(sku), "C62", "Maker", sku, 5) for sku in skus],
    )
    base = await _list(supplier, "Base list", "base")
    await _fill(supplier, base, [(sku, _price(sku)) for sku in skus])
    for place, buyer in enumerate(buyers):
        own = await _list(supplier, f"List for {buyer.id}", "organization")
        await _fill(supplier, own, [(sku, _price(sku) * 9 // 10) for sku in skus[place % 5 :: 5]])
        assignment = {"organization_id": str(buyer.id)}
        await supplier.post(f"/v1/price-lists/{own}/assignments", assignment)


def product_name(sku: str) -> str:
    """Give the name under which a product is in the catalog."""
    return f"Article {sku}"


def _price(sku: str) -> int:
    """Give a price in cents that is as good as any other."""
    return 100 + zlib.crc32(sku.encode()) % 100_000


async def _list(supplier: Party, name: str, level: str) -> str:
    body = {"name": name, "level": level, "currency": CURRENCY, "mode": "fill_gaps"}
    made = await supplier.post("/v1/price-lists", body)
    return str(made["id"])


async def _fill(supplier: Party, list_id: str, prices: Sequence[tuple[str, int]]) -> None:
    """Set three tiers for each SKU, and publish."""
    entries = [
        {
            "sku": sku,
            "unit": "C62",
            "tiers": [
                {"minimum_quantity": str(minimum), "amount": _cents(cents * percent // 100)}
                for minimum, percent in ((1, 100), (10, 95), (100, 88))
            ],
        }
        for sku, cents in prices
    ]
    for start in range(0, len(entries), 500):
        body = {"entries": entries[start : start + 500]}
        await supplier.put(f"/v1/price-lists/{list_id}/entries", body)
    await supplier.post(f"/v1/price-lists/{list_id}/publish")


def _cents(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


async def import_file(
    supplier: Party, kind: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Send a CSV file and wait for the end of its import; raises Refused if rows were wrong."""
    await finish_import(supplier, await start_import(supplier, kind, columns, rows))


async def start_import(
    supplier: Party, kind: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> str:
    """Send a CSV file; give the id of its import, which a worker makes."""
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    started = await supplier.upload("/v1/imports", text.getvalue().encode(), kind=kind)
    return str(started["id"])


async def finish_import(supplier: Party, import_id: str) -> None:
    """Wait for the end of an import; raises Refused if rows were wrong."""
    found = await until(
        lambda: supplier.get(f"/v1/imports/{import_id}"),
        lambda found: found["status"] in {"done", "failed"},
        IMPORT_SECONDS_MAX,
    )
    if found["status"] != "done":
        raise Refused(f"The import failed: {found}")


async def open_auction(buyer: Party, bidders: Sequence[Party]) -> UUID:
    """Open a rank-only auction in which own bids fall by a cent or more, and wait for its start."""
    starts_at = datetime.now(UTC) + timedelta(seconds=2)
    lot = {
        "title": "Steel",
        "ceiling": _cents(CEILING),
        "decrement": {"step": {"measure": "absolute", "value": "0.01"}},
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=6)).isoformat(),
        "participants": [{"organization_id": str(bidder.id)} for bidder in bidders],
    }
    made = await buyer.post("/v1/auctions", {"title": "Steel", "currency": CURRENCY, "lots": [lot]})
    path = f"/v1/auctions/{made['id']}"
    await buyer.post(f"{path}/schedule", headers={"If-Match": f'"{made["version"]}"'})
    await until(lambda: buyer.get(path), lambda auction: auction["status"] == "open", 30)
    return UUID(made["id"])


async def open_reference_lot(buyer: Party, bidders: Sequence[Party]) -> UUID:
    """Open a lot of the reference with the same rules."""
    body = {
        "currency": CURRENCY,
        "ceiling": _cents(CEILING),
        "step": "0.01",
        "bidders": [str(bidder.id) for bidder in bidders],
    }
    return UUID((await buyer.post("/v1/reference-lots", body))["id"])
