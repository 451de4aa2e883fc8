"""`python -m benchmarks.transfer`: import and export of very many prices against COPY.

One process does what the worker does, on a durable Postgres: its greatest resident size is that of
an import of the whole file. Raw COPY writes the rows the import made, into the same columns, in a
table without keys, indexes, checks or row security; COPY TO reads them out of the real table.
"""

import resource
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import UUID

import asyncpg
import click
import uvloop
from rich.console import Console

from benchmarks.installation import Installation, installed, machine_facts
from benchmarks.report import Row, Target, print_report
from catalog.exports import service as exports
from catalog.exports.streaming import started
from catalog.exports.writers import ExportFormat
from catalog.imports import running
from catalog.imports import service as imports
from catalog.imports.schemas import ImportKind, OnError
from marketplace.app import assemble
from marketplace.platform.core import Platform
from marketplace.platform.database import Role
from marketplace.platform.settings import load_settings
from marketplace.worker import Worker
from tests.catalog.parties import Market

CHUNK_ROWS: Final = 5_000
RESIDENT_MB_MAX: Final = 300
NOTES: Final = "Rows are ladders of one tier; ratios are medians of rounds, each beside its COPY."


async def _lines(rows: int, header: str, line: str) -> AsyncIterator[bytes]:
    yield header.encode()
    for start in range(0, rows, CHUNK_ROWS):
        numbers = range(start, min(start + CHUNK_ROWS, rows))
        yield "".join([line.format(n=n, price=n % 9_000 + 1) for n in numbers]).encode()


async def _import(
    market: Market, kind: ImportKind, lines: AsyncIterator[bytes], **to: Any
) -> float:
    """Upload and import; give the seconds of the import alone."""
    list_id = to.pop("list_id", None)
    sent = await imports.start_import(
        market.platform, market.supplier, kind, OnError.REFUSE_ALL, list_id, lines, **to
    )
    job = running.job_of(sent.id, market.supplier)  # what the queue hands over
    payload = {name: getattr(job, name) for name in job.__struct_fields__}
    began = time.perf_counter()
    await running.run_import(market.platform, payload)
    seconds = time.perf_counter() - began
    done = await imports.read_import(market.platform, market.supplier, sent.id)
    assert done.status == "done", done.errors
    return seconds


async def _tenant(platform: Platform, market: Market) -> asyncpg.Connection:
    connection = await platform.database.connection(Role.API)
    await connection.execute(
        "select set_config('app.org', $1, false), set_config('app.scopes', $2, false)",
        str(market.supplier.organization_id),
        "{" + str(market.supplier.organization_id) + "}",
    )
    return connection


async def _copy_out(connection: asyncpg.Connection, list_id: UUID, path: Path) -> float:
    began = time.perf_counter()
    await connection.copy_from_query(
        "select * from price_ladders where list_id = $1", list_id, output=path, timeout=600
    )
    return time.perf_counter() - began


async def _copy_in(owner: asyncpg.Connection, path: Path) -> float:
    await owner.execute("drop table if exists bare_ladders")
    await owner.execute("create table bare_ladders (like price_ladders)")
    began = time.perf_counter()
    await owner.copy_to_table("bare_ladders", source=path, timeout=600)
    return time.perf_counter() - began


async def _export(market: Market, chosen: ExportFormat) -> float:
    began = time.perf_counter()
    pieces = exports.export_own_prices(market.platform, market.buyer, chosen, None)
    size = 0
    async for piece in await started(pieces):
        size += len(piece)
    assert size
    return time.perf_counter() - began


def _resident_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


async def measure(
    installation: Installation, directory: Path, rows: int, rounds: int, console: Console
) -> tuple[list[Row], list[str]]:
    """Fill, then measure rounds."""
    facts = await machine_facts(installation)
    assembly = assemble(load_settings(installation.environ))
    market = Market(assembly.platform, Worker(assembly))
    scratch = directory / "ladders.copy"
    owner = await asyncpg.connect(installation.services.owner_url)
    try:
        await market.register()
        header = (
            "sku;name;unit;maker;maker_number\n"  # all of one product: offers are only the ground
        )
        seconds = await _import(
            market, ImportKind.OFFERS, _lines(rows, header, "S{n:07};Thing {n};C62;Acme;1\n")
        )
        console.print(f"{rows:,} offers imported in {seconds:.1f} s, {_resident_mb():.0f} MB")
        await installation.settle()
        tenant = await _tenant(assembly.platform, market)
        times: dict[str, list[float]] = {name: [] for name in ("in", "raw in", "out", "raw out")}
        for number in range(rounds):
            made = await market.price_list(publish=False, priority=number)
            lines = _lines(rows, "sku;unit;amount\n", "S{n:07};C62;{price},25\n")
            times["in"].append(
                await _import(market, ImportKind.PRICES, lines, list_id=made.id, publish=True)
            )
            times["raw out"].append(await _copy_out(tenant, made.id, scratch))
            times["raw in"].append(await _copy_in(owner, scratch))
            if number == 0:
                await installation.settle()
                times["out"] = [await _export(market, ExportFormat.CSV) for _ in range(rounds)]
            console.print({name: [f"{s:.2f}" for s in t] for name, t in times.items()})
        await tenant.close()
    finally:
        await owner.close()
        await assembly.platform.close()
    return _rows(rows, times), facts


def _rows(rows: int, times: dict[str, list[float]]) -> list[Row]:
    made = []
    for name, ours, raw, least in (
        (f"import of {rows:,} price rows, published", "in", "raw in", 0.45),
        (f"a buyer's price file of {rows:,} offers, CSV", "out", "raw out", 0.25),
    ):
        ratio = median(r / o for o, r in zip(times[ours], times[raw], strict=True))
        each = median(times[ours])
        made.append(
            Row(
                name,
                value=f"{each:.1f} s, {rows / each:,.0f} rows/s, {ratio:.0%} of raw COPY",
                target=Target(least, f"≥ {least:.0%}"),
                hit=ratio >= least,
            )
        )
    resident = _resident_mb()
    made.append(
        Row(
            "greatest resident size",
            value=f"{resident:.0f} MB",
            target=Target(RESIDENT_MB_MAX, f"≤ {RESIDENT_MB_MAX} MB"),
            hit=resident <= RESIDENT_MB_MAX,
        )
    )
    return made


@click.command()
@click.option("--rows", default=1_000_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".marketplace") / "benchmarks",
    show_default=True,
)
def main(*, rows: int, rounds: int, directory: Path) -> None:
    """Measure import and export of prices against COPY."""
    console = Console(highlight=False, width=None if Console().is_terminal else 160)
    with installed(directory) as installation:
        table, ran_on = uvloop.run(measure(installation, directory, rows, rounds, console))
    print_report(console, table, ran_on, NOTES)


if __name__ == "__main__":
    main()
