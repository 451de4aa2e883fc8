"""Files of very many prices against COPY: `make bench ARGS=transfer`.

A supplier sends a file over HTTP and a worker process imports and publishes it; a buyer downloads
his price file from the API. Raw COPY writes the rows that the import made, into the same columns,
in a table without keys, indexes, checks or row security; COPY TO reads as many of them out of the
real table. Memory is the greatest that each process ever held.
"""

import contextlib
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, Final
from uuid import UUID

import asyncpg
import httpx

from benchmarks.installation import Installation, peak_mb
from benchmarks.parties import Party, register, until
from benchmarks.report import Row, Target
from marketplace.development import Child
from marketplace.platform.database import Role

CHUNK_ROWS: Final = 5_000
RESIDENT_MB_MAX: Final = 300
IMPORT_MIN: Final = 0.45
EXPORT_MIN: Final = 0.25
SECONDS_MAX: Final = 1_800


@dataclass(frozen=True, slots=True)
class Size:
    """How many price rows go in, and how many of their offers a buyer sees and takes out."""

    rows_in: int
    rows_out: int


FULL: Final = Size(rows_in=1_000_000, rows_out=500_000)
STANDARD: Final = Size(rows_in=100_000, rows_out=50_000)
QUICK: Final = Size(rows_in=2_000, rows_out=1_000)

_PRODUCT: Final = """
insert into products (id, name, description, maker, maker_number, maker_key, maker_number_key,
                      state, proposed_by)
values (uuidv7(), 'Thing', '', 'Acme', '1', 'acme', '1', 'proposed', $1) returning id
"""
# The file's SKUs are the ground it stands on, and no part of what is measured.
_OFFERS: Final = """
insert into offers (id, supplier_id, sku, product_id, name, description, unit, content_numerator,
                    content_denominator, content_unit, minimum_quantity, lead_time_days,
                    tax_category, audience_id, origin, state)
select uuidv7(), $1, 'S' || lpad(n::text, 7, '0'), $2, 'Thing ' || n, '', 'C62', 1, 1, 'C62', 1, 3,
       'S', '00000000-0000-0000-0000-000000000000', 'supplier',
       case when n < $4 then 'active' else 'withdrawn' end
from generate_series(0, $3 - 1) n
"""


@dataclass(slots=True)
class _Times:
    """Seconds of each round, by what was done."""

    imports: list[float] = field(default_factory=list)
    copies_in: list[float] = field(default_factory=list)
    exports: list[float] = field(default_factory=list)
    copies_out: list[float] = field(default_factory=list)


async def transfer_rows(
    installation: Installation,
    operator: Party,
    api: Child,
    worker: Child,
    size: Size,
    rounds: int,
) -> list[Row]:
    """Fill, then measure rounds, each beside its COPY; `api` and `worker` are the processes."""
    supplier = await register(operator, "Sender", supplier=True)
    buyer = await register(operator, "Reader", buyer=True)
    times = _Times()
    owner = await asyncpg.connect(installation.services.owner_url)
    tenant = await _tenant(installation, supplier)
    try:
        product_id = await tenant.fetchval(_PRODUCT, supplier.id)
        numbers = size.rows_in, size.rows_out
        await tenant.execute(_OFFERS, supplier.id, product_id, *numbers, timeout=SECONDS_MAX)
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "ladders.copy"
            for number in range(rounds):
                await installation.settle()
                list_id, seconds = await _import(supplier, size.rows_in, number)
                times.imports.append(seconds)
                await _copy_out(tenant, list_id, size.rows_in, path)
                times.copies_in.append(await _copy_in(owner, path))
                if number == 0:  # with one list, as he has it in life
                    await installation.settle()
                    for _ in range(rounds):
                        times.exports.append(await _export(buyer, size.rows_out))
                        copied = await _copy_out(tenant, list_id, size.rows_out, path)
                        times.copies_out.append(copied)
            await owner.execute("drop table bare_ladders")
    finally:
        await tenant.close()
        await owner.close()
    return _table(size, times, peak_mb(worker.pid), peak_mb(api.pid))


async def _tenant(installation: Installation, supplier: Party) -> asyncpg.Connection:
    connection = await asyncpg.connect(installation.services.database_url)
    await connection.execute(f"set role {Role.API.value}")
    await connection.execute(
        "select set_config('app.org', $1, false), set_config('app.scopes', $2, false)",
        str(supplier.id),
        "{" + str(supplier.id) + "}",
    )
    return connection


async def _file(rows: int) -> AsyncIterator[bytes]:
    yield b"sku;unit;amount\n"
    for start in range(0, rows, CHUNK_ROWS):
        numbers = range(start, min(start + CHUNK_ROWS, rows))
        yield "".join([f"S{n:07};C62;{n % 9_000 + 1},25\n" for n in numbers]).encode()


async def _import(supplier: Party, rows: int, priority: int) -> tuple[UUID, float]:
    """Send a file into a new list; give the list, and the seconds from its receipt to its end."""
    body = {"name": "All", "level": "base", "currency": "EUR", "priority": priority}
    made = await supplier.post("/v1/price-lists", body)
    answer = await supplier.http.post(
        "/v1/imports",
        params={"kind": "prices", "price_list_id": made["id"], "publish": "true"},
        content=_file(rows),
        headers={"Authorization": f"Bearer {supplier.key}", "Content-Type": "text/csv"},
        timeout=SECONDS_MAX,
    )
    answer.raise_for_status()
    path = f"/v1/imports/{answer.json()['id']}"

    async def read() -> Any:
        return await supplier.get(path)

    done = await until(read, lambda each: each["status"] in {"done", "failed"}, SECONDS_MAX)
    if done["status"] != "done" or done["result"]["written"] != rows:
        msg = f"the import came to {done}"
        raise RuntimeError(msg)
    began, ended = (datetime.fromisoformat(done[name]) for name in ("created_at", "finished_at"))
    return UUID(made["id"]), (ended - began).total_seconds()


async def _copy_out(tenant: asyncpg.Connection, list_id: UUID, rows: int, path: Path) -> float:
    began = time.perf_counter()
    done: str = await tenant.copy_from_query(
        "select * from price_ladders where list_id = $1 limit $2",
        *(list_id, rows),
        output=path,
        timeout=SECONDS_MAX,
    )
    if done != f"COPY {rows}":
        msg = f"there are not {rows} rows to copy: {done}"
        raise RuntimeError(msg)
    return time.perf_counter() - began


async def _copy_in(owner: asyncpg.Connection, path: Path) -> float:
    await owner.execute("drop table if exists bare_ladders")
    await owner.execute("create table bare_ladders (like price_ladders)")
    began = time.perf_counter()
    await owner.copy_to_table("bare_ladders", source=path, timeout=SECONDS_MAX)
    return time.perf_counter() - began


async def _export(buyer: Party, rows: int) -> float:
    """Download the buyer's price file; give the seconds."""
    lines = 0
    began = time.perf_counter()
    async with contextlib.AsyncExitStack() as opened:
        answer = await opened.enter_async_context(
            buyer.http.stream(
                "GET",
                "/v1/prices/export",
                params={"format": "csv"},
                headers={"Authorization": f"Bearer {buyer.key}", "Accept-Encoding": "identity"},
                timeout=httpx.Timeout(SECONDS_MAX),
            )
        )
        answer.raise_for_status()
        async for piece in answer.aiter_raw():
            lines += piece.count(b"\n")
    seconds = time.perf_counter() - began
    if lines < rows + 1:
        msg = f"the file has {lines} lines"
        raise RuntimeError(msg)
    return seconds


def _table(size: Size, times: _Times, worker_mb: float, api_mb: float) -> list[Row]:
    into = f"import of {size.rows_in:,} price rows, published"
    out = f"price file of {size.rows_out:,} offers, CSV"
    made = [
        _row(into, size.rows_in, times.imports, times.copies_in, IMPORT_MIN, "COPY"),
        _row(out, size.rows_out, times.exports, times.copies_out, EXPORT_MIN, "COPY TO"),
    ]
    for name, resident in (("worker", worker_mb), ("API", api_mb)):
        made.append(
            Row(
                f"{name} process at most, with {size.rows_in:,} in and {size.rows_out:,} out",
                value=f"{resident:.0f} MB",
                target=Target(RESIDENT_MB_MAX, f"≤ {RESIDENT_MB_MAX} MB"),
                hit=resident <= RESIDENT_MB_MAX,
            )
        )
    return made


def _row(
    name: str, rows: int, ours: list[float], raw: list[float], least: float, against: str
) -> Row:
    ratios = sorted(r / o for o, r in zip(ours, raw, strict=True))
    ratio, each = median(ratios), median(ours)
    return Row(
        name,
        value=(
            f"{each:.1f} s, {rows / each:,.0f} rows/s, {ratio:.0%} "
            f"({ratios[0]:.0%} to {ratios[-1]:.0%}) of {against}"
        ),
        target=Target(least, f"≥ {least:.0%}"),
        hit=ratio >= least,
    )
