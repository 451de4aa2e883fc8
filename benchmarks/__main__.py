"""`make bench`: measure, and print one table."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import UUID

import click
import httpx
import uvloop
from rich.console import Console

from benchmarks import (
    bids,
    engine,
    evaluation,
    live,
    proposals,
    scale,
    scenarios,
    search,
    subjects,
    tenders,
    transfer,
    world,
)
from benchmarks.catalog import (
    KNOWN_PAGE,
    MANY_PRICES,
    NEW_PAGE,
    ONE_PRICE,
    CatalogLoad,
    catalog_load,
    catalog_rows,
)
from benchmarks.compare import FULL, QUICK, Pace, Subject, interleave
from benchmarks.installation import Api, Installation, installed, machine_facts
from benchmarks.load import Client, drive
from benchmarks.parties import Party
from benchmarks.reference.lot import make_tables
from benchmarks.report import Row, Target, Trips, print_report
from benchmarks.world import Size, World
from marketplace.app import assemble
from marketplace.organizations.service import seed_operator
from marketplace.platform.settings import load_settings
from tests.support.round_trips import Meter, counted

RESIDENT_MB_MAX: Final = 200
TRANSFER_ROUNDS: Final = 3
"""A round of a million rows takes its minutes."""
SEARCH_FULL: Final = 100_000
SEARCH_QUICK: Final = 1_000
NOTES: Final = (
    "One API process unless said otherwise; clients are closed loops, so latencies are those of a "
    "full server. Ratio: median of the rounds, each against the baseline of the same round. "
    "Postgres, Redis: round trips per request, one request at a time."
)
Tell = Callable[[str], None]


@click.command()
@click.argument(
    "what",
    type=click.Choice(
        ["all", "bids", "catalog", "scale", "search", "transfer", "live", "engine", "tenders"]
    ),
    default="all",
)
@click.option(
    "--organizations",
    "--products",
    "--rows",
    "many",
    type=int,
    help="How many, where it is not 10,000 for scale, 100,000 for search, 1,000,000 for transfer.",
)
@click.option("--quick", is_flag=True, help="A smoke run: few requests, figures without meaning.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".marketplace") / "benchmarks",
    show_default=True,
    help="For the servers' data; fsync costs what the disk below it costs.",
)
@click.option(
    "--part", "parts", type=click.Choice(live.PARTS), multiple=True, help="Of live: not all of it."
)
@click.option("--rounds", type=int, help="Of each comparison: 7, or 3 of transfer.")
def main(
    *,
    what: str,
    many: int | None,
    quick: bool,
    directory: Path,
    parts: Sequence[live.Part],
    rounds: int | None,
) -> None:
    """Measure ratios within one run and print them as one table."""
    console = Console(highlight=False, width=None if Console().is_terminal else 300)
    if what == "engine":
        rows = engine.engine_rows(engine.QUICK if quick else engine.FULL)
        rows += evaluation.evaluation_rows(evaluation.QUICK if quick else evaluation.FULL)
        rows += scenarios.scenario_rows(scenarios.QUICK if quick else scenarios.FULL)
        print_report(console, rows, (), NOTES)
        return
    rounds = rounds or (TRANSFER_ROUNDS if what == "transfer" else FULL.rounds)
    with (
        console.status("Starting servers") as status,
        installed(directory) as installation,
        ExitStack() as more,
    ):
        pace, size = (QUICK, world.QUICK) if quick else (replace(FULL, rounds=rounds), world.FULL)
        match what:
            case "catalog":
                measured = _measure_catalog(installation, pace, size, status.update)
            case "scale":
                chosen = scale.QUICK if quick else scale.FULL
                chosen = replace(chosen, many=many or chosen.many)
                other = more.enter_context(installed(directory / "many"))
                measured = _measure_scale(installation, other, pace, chosen)
            case "bids":
                measured = _measure_bids(installation, pace, status.update)
            case "live":
                measured = _measure_live(installation, parts or live.PARTS, quick=quick)
            case "tenders":
                measured = _measure_tenders(installation, quick=quick)
            case "search":
                products = many or (SEARCH_QUICK if quick else SEARCH_FULL)
                measured = search.measure(installation, products, pace.rounds, console)
            case "transfer":
                files = transfer.QUICK if quick else transfer.FULL
                if many:
                    files = transfer.Size(rows_in=many, rows_out=max(many // 2, 1))
                measured = _measure_transfer(installation, files, pace.rounds)
            case _:
                files = transfer.QUICK if quick else transfer.STANDARD
                measured = _measure(installation, pace, size, files, status.update, smoke=quick)
        rows, ran_on = uvloop.run(measured)
    print_report(console, rows, ran_on, search.NOTES if what == "search" else NOTES)


@dataclass(frozen=True, slots=True)
class _Load:
    """The clients of each subject, whichever process they ask."""

    catalog: CatalogLoad
    orders: Sequence[Client]
    feed: Sequence[Client]
    bids: Sequence[Client]
    reference_bids: Sequence[Client]


async def _measure(
    installation: Installation,
    pace: Pace,
    size: Size,
    files: transfer.Size,
    tell: Tell,
    *,
    smoke: bool,
) -> tuple[list[Row], list[str]]:
    """Measure what everybody asks about; a smoke run tries what has a command of its own, too."""
    lively: list[Row] = []
    ran_on = await machine_facts(installation)
    await make_tables(installation.services.owner_url)
    async with _served(installation, behind_meters=smoke) as (api, metered):
        async with installation.worker() as worker:
            tell("Filling")
            operator = await _operator(installation, api)
            async with operator.http:
                made = await world.make_world(operator, size)
                load = await _load(made, size, api, installation.services.database_url)
                await installation.settle()
            rows = await _rows(api, load, pace, tell)
            hot = (load.bids, load.reference_bids)
            rows += await bids.bid_rows(installation, api, hot, pace, tell)
            resident = api.resident_mb()
            tell("Files")
            rounds = min(pace.rounds, TRANSFER_ROUNDS)
            async with _http(api) as http:
                operator = replace(operator, http=http)
                moved = await transfer.transfer_rows(
                    installation, operator, api.child, worker, files, rounds
                )
                if smoke:
                    lively += await live.live_rows(
                        installation,
                        operator,
                        live.QUICK,
                        ("deadlines",),
                        api=api,
                        worker_runs=True,
                    )
            requests = pace.requests_max or 50
            trips = await _count_trips(installation, load, tell, requests, metered)
            rows = [_with_trips(row, trips) for row in rows]
        async with nullcontext(api) if smoke else installation.api("one") as one:
            rows += await bids.two_process_rows(installation, load.bids, pace, tell, one)
        if smoke:
            async with _http(api) as http:
                operator = replace(operator, http=http)
                parts = [part for part in live.PARTS if part != "deadlines"]
                lively += await live.live_rows(installation, operator, live.QUICK, parts, api=api)
                lively += await tenders.tender_rows(installation, api, operator, tenders.QUICK)
                lively += await proposals.proposal_rows(
                    installation, api, operator, proposals.QUICK
                )
    rows += moved
    rows += engine.engine_rows(engine.FULL if pace.requests_max is None else engine.QUICK)
    full = pace.requests_max is None
    rows += evaluation.evaluation_rows(evaluation.FULL if full else evaluation.QUICK)
    rows += scenarios.scenario_rows(scenarios.FULL if full else scenarios.QUICK)
    rows.append(_resident(resident))
    return rows + lively, ran_on


def _resident(megabytes: float) -> Row:
    return Row(
        "API process after the run",
        value=f"{megabytes:.0f} MB",
        target=Target(RESIDENT_MB_MAX, f"≤ {RESIDENT_MB_MAX} MB"),
        hit=megabytes <= RESIDENT_MB_MAX,
    )


async def _measure_catalog(
    installation: Installation, pace: Pace, size: Size, tell: Tell
) -> tuple[list[Row], list[str]]:
    ran_on = await machine_facts(installation)
    async with installation.worker(), installation.api() as api:
        operator = await _operator(installation, api)
        async with operator.http:
            made = await world.make_world(operator, size)
        await installation.settle()
        load = catalog_load(made, installation.services.database_url)
        rows = await catalog_rows(api, load, pace, tell)
        return [*rows, _resident(api.resident_mb())], ran_on


async def _measure_scale(
    few: Installation, many: Installation, pace: Pace, chosen: scale.Scale
) -> tuple[list[Row], list[str]]:
    ran_on = await machine_facts(few)

    async def loaded(installation: Installation, organizations: int) -> scale.Loaded:
        async with installation.worker(), installation.api() as api:
            operator = await _operator(installation, api)
            async with operator.http:
                made = await world.make_world(operator, chosen.world)
                return await scale.load(installation, operator, made, organizations, chosen.asking)

    here, there = await loaded(few, chosen.few), await loaded(many, chosen.many)
    return await scale.scale_rows(here, there, pace), ran_on


async def _measure_bids(
    installation: Installation, pace: Pace, tell: Tell
) -> tuple[list[Row], list[str]]:
    ran_on = await machine_facts(installation)
    await make_tables(installation.services.owner_url)
    async with installation.worker(), installation.api() as api:
        operator = await _operator(installation, api)
        async with operator.http:
            return await bids.measure(installation, api, operator, pace, tell), ran_on


async def _measure_live(
    installation: Installation, parts: Sequence[live.Part], *, quick: bool
) -> tuple[list[Row], list[str]]:
    ran_on = await machine_facts(installation)
    async with installation.api() as api:  # no worker: it would heal boards beside the measured
        operator = await _operator(installation, api)
        async with operator.http:
            chosen = live.QUICK if quick else live.FULL
            return await live.live_rows(installation, operator, chosen, parts), ran_on


async def _measure_tenders(
    installation: Installation, *, quick: bool
) -> tuple[list[Row], list[str]]:
    ran_on = await machine_facts(installation)
    async with installation.api() as api:  # no worker: the opening is measured here
        operator = await _operator(installation, api)
        async with operator.http:
            chosen = tenders.QUICK if quick else tenders.FULL
            rows = await tenders.tender_rows(installation, api, operator, chosen)
            size = proposals.QUICK if quick else proposals.FULL
            rows += await proposals.proposal_rows(installation, api, operator, size)
            return rows, ran_on


async def _measure_transfer(
    installation: Installation, files: transfer.Size, rounds: int
) -> tuple[list[Row], list[str]]:
    ran_on = await machine_facts(installation)
    async with installation.worker() as worker, installation.api() as api:
        operator = await _operator(installation, api)
        async with operator.http:
            rows = await transfer.transfer_rows(
                installation, operator, api.child, worker, files, rounds
            )
    return rows, ran_on


def _http(api: Api) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=api.url, timeout=60)


async def _operator(installation: Installation, api: Api) -> Party:
    platform = assemble(load_settings(installation.environ)).platform
    try:
        seeded = await seed_operator(platform)
    finally:
        await platform.close()
    return Party(_http(api), seeded.organization_id, str(seeded.key))


async def _load(made: World, size: Size, api: Api, database_url: str) -> _Load:
    buyer, parties = made.buyers[0], made.bidders
    auction: UUID = await world.open_auction(buyer, parties)
    lot = await world.open_reference_lot(buyer, parties)
    orders = subjects.orders(made)
    await drive(api.port, orders, 60, len(made.buyers) * size.orders)
    return _Load(
        catalog=catalog_load(made, database_url),
        orders=orders,
        feed=await subjects.feed(made, size.feed_pages),
        bids=subjects.bidders(parties, subjects.auction_path(auction)),
        reference_bids=subjects.bidders(parties, subjects.reference_path(lot)),
    )


async def _rows(api: Api, load: _Load, pace: Pace, tell: Tell) -> list[Row]:
    def subject(name: str, clients: Sequence[Client]) -> Subject:
        return Subject(name, api.port, clients)

    empty_get = subject("empty GET", subjects.empty("GET"))
    empty_post = subject("empty POST", subjects.empty("POST"))
    orders = subject("order of 5 lines", load.orders)
    feed = subject("feed read, 50 events", load.feed)
    of_catalog = await catalog_rows(api, load.catalog, pace, tell)
    for compared in ((empty_get, feed), (empty_post, orders)):
        await interleave(compared, pace, tell)
    return [
        *of_catalog,
        Row(orders.name, orders, empty_post),
        Row(feed.name, feed, empty_get),
    ]


@dataclass(frozen=True, slots=True)
class _Metered:
    """A process that serves the API, and what counts its round trips."""

    api: Api
    postgres: Meter
    redis: Meter


@asynccontextmanager
async def _metered(installation: Installation) -> AsyncIterator[_Metered]:
    """Serve the API by a process of its own whose servers are behind proxies."""
    services = installation.services
    async with (
        counted(services.database_url) as postgres,
        counted(services.redis_url) as redis,
        installation.api("counted", DATABASE_URL=postgres.url, REDIS_URL=redis.url) as api,
    ):
        yield _Metered(api, postgres, redis)


@asynccontextmanager
async def _served(
    installation: Installation, *, behind_meters: bool
) -> AsyncIterator[tuple[Api, _Metered | None]]:
    """Serve what is measured; a smoke run, whose times say nothing, counts round trips there."""
    if behind_meters:
        async with _metered(installation) as metered:
            yield metered.api, metered
    else:
        async with installation.api() as api:
            yield api, None


async def _count_trips(
    installation: Installation,
    load: _Load,
    tell: Tell,
    requests: int,
    running: _Metered | None,
) -> dict[str, Trips]:
    """Count round trips on the process that runs behind proxies, or one of their own."""
    async with nullcontext(running) if running else _metered(installation) as metered:
        found = {}
        asked = {
            "empty GET": subjects.empty("GET"),
            "empty POST": subjects.empty("POST"),
            ONE_PRICE: load.catalog.prices,
            MANY_PRICES: load.catalog.many_prices,
            NEW_PAGE: load.catalog.new_pages,
            KNOWN_PAGE: load.catalog.known_pages,
            "order of 5 lines": load.orders,
            "feed read, 50 events": load.feed,
            bids.bids_name(len(load.bids)): load.bids,
        }
        for name, clients in asked.items():
            tell(f"{name}: counting round trips")
            found[name] = await _trips(metered, clients[:1], requests)
    return found


async def _trips(metered: _Metered, clients: Sequence[Client], requests: int) -> Trips:
    """Ask one at a time, after a while to warm up, and give the means."""
    port, postgres, redis = metered.api.port, metered.postgres, metered.redis
    await drive(port, clients, 30, requests)
    before = (postgres.count, redis.count)
    outcome = await drive(port, clients, 30, requests)
    after = (postgres.count, redis.count)
    return Trips((after[0] - before[0]) / outcome.counted, (after[1] - before[1]) / outcome.counted)


def _with_trips(row: Row, trips: dict[str, Trips]) -> Row:
    return Row(row.name, row.subject, row.baseline, row.target, trips.get(row.name), row.value)


if __name__ == "__main__":
    main()
