"""Searches that are narrowed or sorted, of all that very many products are: no word helps them.

Products get categories and attributes by one statement. Each search asks for what no answer is kept
of, with facets: another buyer, value or length of the page.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import asyncpg

from benchmarks import subjects
from benchmarks.compare import FULL, Subject, interleave
from benchmarks.installation import Installation
from benchmarks.load import Client, http_request
from benchmarks.parties import Party
from benchmarks.report import Row
from marketplace.platform.database import Role

CLIENTS: Final = 4
"""Closed loops: as many as keep Postgres busy on two cores."""
SECONDS: Final = 4.0
PAGES: Final = range(20, 36)
"""Products on a page, so many at a time: no answer is asked for twice."""
_DESCRIBED: Final = """
update products set category_id = categories.id, attributes = jsonb_build_object(
    'material', ($1::text[])[1 + n / 7 % cardinality($1::text[])], 'width', (3 + n % 61)::text)
from (select id, split_part(maker_number, '-', 2)::integer as n from products) as numbered,
     categories
where numbered.id = products.id and categories.code = 'things-' || n % $2
"""
_Asked = Callable[[int], Mapping[str, object]]


def _named(name: str) -> list[dict[str, str]]:
    return [{"language": "en", "name": name}]


def code_of(material: str) -> str:
    """Give the code of a material as a value of its attribute."""
    return material.lower().replace(" ", "-")


async def describe(
    installation: Installation, operator: Party, things: Sequence[str], materials: Sequence[str]
) -> None:
    """Put all products into a category for each thing, with a material and a width."""
    options = [{"code": code_of(each), "names": _named(each)} for each in materials]
    attributes = [
        {"code": "material", "kind": "enum", "names": _named("Material"), "options": options},
        {"code": "width", "kind": "number", "unit": "MMT", "names": _named("Width")},
    ]
    path = "/v1/categories/by-code"
    await operator.put(f"{path}/things", {"names": _named("Things"), "attributes": attributes})
    for place, thing in enumerate(things):
        body = {"names": _named(thing), "parent_code": "things"}
        await operator.put(f"{path}/things-{place}", body)
    connection = await asyncpg.connect(installation.services.database_url)
    try:
        await connection.execute(f"set role {Role.API.value}")
        await connection.execute("select set_config('app.org', $1, false)", str(operator.id))
        codes = [code_of(each) for each in materials]
        await connection.execute(_DESCRIBED, codes, len(things), timeout=900)
    finally:
        await connection.close()
    await installation.settle()


def _searches(buyers: Sequence[Party], asked: _Asked) -> list[Client]:
    def requests() -> Iterator[bytes]:
        for number in count():
            query = {"facets": "true", "limit": PAGES[number // len(buyers) % len(PAGES)]}
            query |= asked(number)
            buyer = buyers[number % len(buyers)]
            yield http_request("GET", f"/v1/catalog?{urlencode(query)}", buyer.key)

    each = requests()
    return [Client(lambda: next(each), _found) for _ in range(CLIENTS)]


def _found(status: int, body: bytes) -> bool:
    return status == 200 and b'"lead_times":[' in body  # noqa: PLR2004


def _kinds(
    buyers: Sequence[Party], suppliers: Sequence[UUID], materials: Sequence[str]
) -> Iterator[tuple[str, list[Client]]]:
    kinds: dict[str, _Asked] = {
        "everything": lambda _: {},
        "of a supplier": lambda n: {"supplier": suppliers[n % len(suppliers)]},
        "within so many days": lambda n: {"lead_time_days": 1 + n % 14},
        "of a material": lambda n: {"attribute": f"material:{code_of(materials[n % 7])}"},
        "in a range of widths": lambda n: {"range": f"width:{3 + n % 50}:{6 + n % 50}"},
        "of a supplier and a material": lambda n: {
            "supplier": suppliers[n % len(suppliers)],
            "attribute": f"material:{code_of(materials[n % 7])}",
        },
        "sorted by own prices": lambda n: {"sort": ("price", "-price")[n % 2], "currency": "EUR"},
        "in a range of own prices": lambda n: {
            "price_from": 50 + n % 400,
            "price_to": 550 + n % 400,
            "currency": "EUR",
        },
    }
    for name, asked in kinds.items():
        yield name, _searches(buyers, asked)


async def measure(
    port: int,
    buyers: Sequence[Party],
    suppliers: Sequence[UUID],
    materials: Sequence[str],
    rounds: int,
) -> list[Row]:
    """Compare each kind of search with the empty handler."""
    empty = Subject("empty GET", port, subjects.empty("GET"))
    kinds = [
        Subject(f"all products, {name}", port, clients)
        for name, clients in _kinds(buyers, suppliers, materials)
    ]
    pace = replace(FULL, rounds=rounds, seconds=SECONDS, warm_seconds=SECONDS)
    await interleave((empty, *kinds), pace)
    return [Row(kind.name, kind, empty) for kind in kinds]
