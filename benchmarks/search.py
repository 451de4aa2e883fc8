"""`python -m benchmarks.search`: search pages with facets on very many products.

The products are made by one statement: what a distributor of everything calls its articles, each
with a maker's number, an offer of one of ten suppliers and a price in his base list. Buyers ask for
part numbers and for two to four words, with facets, 24 items on a page; then products get
categories and attributes, and buyers ask for all of them, narrowed or sorted.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
import click
import httpx
import uvloop
from rich.console import Console

from benchmarks import filtered, subjects
from benchmarks.compare import FULL, Subject, interleave
from benchmarks.installation import Installation, installed, machine_facts
from benchmarks.load import Client, http_request
from benchmarks.parties import Party, each, register
from benchmarks.report import Row, Target, print_report
from marketplace.app import assemble
from marketplace.organizations.service import seed_operator
from marketplace.platform.database import Role
from marketplace.platform.settings import load_settings

SUPPLIERS: Final = 10
BUYERS: Final = 16
QUERIES: Final = 3_000
KNOWN: Final = 60
PAGE: Final = 24
THINGS: Final = (
    *("Deep groove ball bearing", "Tapered roller bearing", "Hexagon bolt", "Socket cap screw"),
    *("Flat washer", "Lock nut", "Cable gland", "Contactor", "Circuit breaker", "Terminal block"),
    *("Safety glasses", "Work gloves", "Angle grinder", "Torque wrench", "Hydraulic hose"),
    *("Pneumatic cylinder", "Proximity sensor", "Timing belt", "Roller chain", "Shaft seal"),
)
MATERIALS: Final = ("steel", "stainless A2", "brass", "zinc plated", "nylon", "aluminium", "PTFE")
SERIES: Final = tuple(f"{letter}{number}" for letter in "ABCDEFGHKLMNPRST" for number in range(60))

_PRODUCTS: Final = """
insert into products (id, name, description, maker, maker_number, maker_key, maker_number_key,
                      state, proposed_by)
select gen_random_uuid(),
       format('%s %s %s %sx%s mm', ($2::text[])[1 + n % cardinality($2::text[])],
              ($4::text[])[1 + n / 7 % cardinality($4::text[])],
              ($3::text[])[1 + n / 20 % cardinality($3::text[])], 3 + n % 61, 5 + n % 193),
       format('For industrial use, packed in boxes of %s.', 1 + n % 100),
       'Maker ' || n % 40, format('%s-%s', n % 977, n), 'maker' || n % 40,
       format('%s-%s', n % 977, n), 'proposed', $1
from generate_series(1, $5) as n
"""
_OFFERS: Final = """
insert into offers (id, supplier_id, sku, product_id, name, description, unit, content_numerator,
                    content_denominator, content_unit, minimum_quantity, lead_time_days,
                    tax_category, audience_id, origin, state)
select gen_random_uuid(), $1, 'W' || split_part(maker_number, '-', 2), id, name, '', 'C62', 1, 1,
       'C62', 1, split_part(maker_number, '-', 2)::integer % 20, 'S',
       '00000000-0000-0000-0000-000000000000', 'supplier', 'active'
from products where split_part(maker_number, '-', 2)::integer % $3 = $2
"""
_LADDERS: Final = """
insert into price_ladders (list_id, offer_id, unit, valid_from, from_version, until_version,
                           supplier_id, valid_until, basis, volume_mode, tiers)
select $2, id, 'C62', '-infinity', 1, 2147483647, supplier_id, 'infinity', 1, 'volume',
       jsonb_build_array(jsonb_build_object(
           'minimum_quantity', '1', 'amount', (1 + abs(hashtext(sku)) % 900)::text))
from offers where supplier_id = $1
"""
NOTES: Final = (
    "One API process; clients are closed loops. Ratio: median of the rounds, each against the "
    "empty GET of the same round. Words of products are evenly spread: each is in a twentieth of "
    "them or fewer."
)


async def make_products(
    installation: Installation, suppliers: Sequence[Party], products: int
) -> float:
    """Write products with offers and published prices; give the seconds the products took."""
    connection = await asyncpg.connect(installation.services.database_url)
    seconds = 0.0
    try:
        await connection.execute(f"set role {Role.API.value}")
        for place, supplier in enumerate(suppliers):
            await connection.execute(
                "select set_config('app.org', $1, false)", str(supplier.id), timeout=60
            )
            if place == 0:
                began = time.perf_counter()
                await connection.execute(
                    _PRODUCTS, supplier.id, THINGS, SERIES, MATERIALS, products, timeout=900
                )
                seconds = time.perf_counter() - began
            await connection.execute(_OFFERS, supplier.id, place, len(suppliers), timeout=900)
            body = {"name": "Base list", "level": "base", "currency": "EUR"}
            made = await supplier.post("/v1/price-lists", body)
            await connection.execute(_LADDERS, supplier.id, UUID(made["id"]), timeout=900)
            await supplier.post(f"/v1/price-lists/{made['id']}/publish")
    finally:
        await connection.close()
    return seconds


def searches(buyers: Sequence[Party], products: int, different: int) -> list[Client]:
    """Ask for part numbers, SKUs, and words with a series, a material or a measure."""
    chance = random.Random(different)  # noqa: S311 - the same searches in each run
    requests = []
    for number in range(different):
        n = chance.randint(1, products)
        thing = THINGS[n % len(THINGS)].lower()
        material = MATERIALS[n // 7 % len(MATERIALS)].lower()
        series = SERIES[n // 20 % len(SERIES)].lower()
        text = chance.choice(
            (
                f"{n % 977}-{n}",
                f"{n % 977}{n}",
                f"w{n}",
                f"{thing} {series}",
                f"{series} {material}",
                f"{thing} {3 + n % 61}x{5 + n % 193}",
                f"{thing.split()[0]} {material} {series}",
            )
        )
        query = urlencode({"q": text, "language": "en", "facets": "true", "limit": PAGE})
        buyer = buyers[number % len(buyers)]
        requests.append(http_request("GET", f"/v1/catalog?{query}", buyer.key))
    return subjects._cycling(requests, _found)  # noqa: SLF001 - the same load as all others


def _found(status: int, body: bytes) -> bool:
    return status == httpx.codes.OK and b'"suppliers":[{' in body and b'"line_amount"' in body


async def measure(
    installation: Installation, products: int, rounds: int, console: Console
) -> tuple[list[Row], list[str]]:
    """Fill, then compare with the empty handler."""
    facts = await machine_facts(installation)
    platform = assemble(load_settings(installation.environ)).platform
    seeded = await seed_operator(platform)
    await platform.close()
    async with (
        installation.api() as api,
        httpx.AsyncClient(base_url=api.url, timeout=60) as http,
    ):
        operator = Party(http, seeded.organization_id, str(seeded.key))
        suppliers = await each(
            lambda n: register(operator, f"Supplier {n}", supplier=True), range(SUPPLIERS)
        )
        buyers = await each(lambda n: register(operator, f"Buyer {n}", buyer=True), range(BUYERS))
        seconds = await make_products(installation, suppliers, products)
        console.print(f"{products:,} products written and indexed in {seconds:.1f} s")
        await installation.settle()
        empty = Subject("empty GET", api.port, subjects.empty("GET"))
        new = Subject(
            f"search with facets, {products:,} products, made anew",
            api.port,
            searches(buyers, products, QUERIES * 4),
        )
        known = Subject("the same, asked before", api.port, searches(buyers, products, KNOWN))
        await interleave((empty, known, new), replace(FULL, rounds=rounds))
        await filtered.describe(installation, operator, THINGS, MATERIALS)
        sellers = [each.id for each in suppliers]
        narrowed = await filtered.measure(api.port, buyers, sellers, MATERIALS, rounds)
        held = Row("API process after the run", value=f"{api.resident_mb():.0f} MB")
    target = Target(0.05, "≥ 5 %")
    return [
        Row("empty GET", empty),
        Row(new.name, new, empty, target),
        Row(known.name, known, empty, target),
        *narrowed,
        held,
    ], facts


@click.command()
@click.option("--products", default=100_000, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".marketplace") / "benchmarks",
    show_default=True,
)
def main(*, products: int, rounds: int, directory: Path) -> None:
    """Measure search pages with facets against the empty handler."""
    console = Console(highlight=False, width=None if Console().is_terminal else 240)
    with installed(directory) as installation:
        table, ran_on = uvloop.run(measure(installation, products, rounds, console))
    print_report(console, table, ran_on, NOTES)


if __name__ == "__main__":
    main()
