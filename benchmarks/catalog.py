"""Prices and pages: what buyers ask of the catalog, against the empty handler and bare asyncpg."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks import subjects
from benchmarks.compare import Pace, Subject, interleave
from benchmarks.installation import Api
from benchmarks.load import Client
from benchmarks.report import Row, Target
from benchmarks.rows import RawRows
from benchmarks.world import World

ONE_PRICE: Final = "price of one line"
MANY_PRICES: Final = "prices of 1,000 lines at once"
NEW_PAGE: Final = "page of 50, own prices, made anew"
KNOWN_PAGE: Final = "page of 50, own prices, asked before"


@dataclass(frozen=True, slots=True)
class CatalogLoad:
    """The clients of each subject, whichever process they ask."""

    prices: Sequence[Client]
    many_prices: Sequence[Client]
    raw_rows: RawRows
    new_pages: Sequence[Client]
    known_pages: Sequence[Client]


def catalog_load(made: World, database_url: str) -> CatalogLoad:
    """Prepare the clients."""
    return CatalogLoad(
        prices=subjects.one_price(made),
        many_prices=subjects.many_prices(made),
        raw_rows=RawRows(
            "asyncpg, the same rows",
            database_url,
            [each.id for each in made.buyers],
            subjects.many_keys(made),
        ),
        new_pages=subjects.pages(made, subjects.PAGES_TOO_MANY_TO_KNOW),
        known_pages=subjects.pages(made, 5),
    )


async def catalog_rows(
    api: Api, load: CatalogLoad, pace: Pace, tell: Callable[[str], None]
) -> list[Row]:
    """Ask for prices and pages, each in turn with what it is compared with."""

    def subject(name: str, clients: Sequence[Client]) -> Subject:
        return Subject(name, api.port, clients)

    empty_get = subject("empty GET", subjects.empty("GET"))
    before_pages = subject("empty GET", subjects.empty("GET"))
    empty_post = subject("empty POST", subjects.empty("POST"))
    alone = subject("empty POST, 1 client", subjects.empty("POST", 1))
    prices = subject(ONE_PRICE, load.prices)
    many_prices = subject(MANY_PRICES, load.many_prices)
    new_pages = subject(NEW_PAGE, load.new_pages)
    known_pages = subject(KNOWN_PAGE, load.known_pages)
    for compared in (
        (empty_get, known_pages),
        (before_pages, new_pages),
        (empty_post, prices),
        (alone, load.raw_rows, many_prices),
    ):
        await interleave(compared, pace, tell)
    return [
        Row("empty GET", empty_get),
        Row("empty POST", empty_post),
        Row(ONE_PRICE, prices, empty_post, Target(0.17, "≥ 17 %")),
        Row(MANY_PRICES, many_prices, load.raw_rows, Target(1 / 3, "≥ 33 %")),
        Row(MANY_PRICES, many_prices, alone, Target(1 / 110, "≥ 0.9 % (1 in 110)")),
        Row(NEW_PAGE, new_pages, before_pages, Target(0.08, "≥ 8 %")),
        Row(KNOWN_PAGE, known_pages, empty_get, Target(0.22, "≥ 22 %")),
    ]
