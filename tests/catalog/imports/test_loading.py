"""Imports of prices: rehearsed, taken at once, broken off; on the real Postgres."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text

from catalog.imports import importers, running, service
from catalog.imports.rows import PlainRows
from catalog.imports.schemas import ImportKind, OnError
from catalog.price_lists import loading
from marketplace.kernel.errors import Unavailable
from marketplace.platform.database import transaction
from tests.catalog.parties import Market, entry

OFFERS, PRICES = ImportKind.OFFERS, ImportKind.PRICES


async def count(market: Market, table: str) -> int:
    async with transaction(market.platform, market.supplier) as tx:
        return int(await tx.scalar(text(f"select count(*) from {table}")))


async def test_a_dry_run_tells_all_and_writes_nothing(market: Market) -> None:
    data = "sku,name,unit\nA,Bolt,C62\nB,Nut,C62\n"
    told = await market.upload(OFFERS, data, dry_run=True)
    assert (told.status, told.dry_run, told.phase) == ("done", True, "finished")
    assert told.result
    assert (told.result["rows"], told.result["created"]) == (2, 2)
    assert await count(market, "offers") == 0
    assert await count(market, "staged_offers") == 0
    done = await market.upload(OFFERS, data)
    assert done.result == told.result
    base = await market.price_list(entry("A", ("1", "10")))
    prices = "sku,unit,amount\nA,C62,9\nX,C62,1\n"
    refused = await market.upload(PRICES, prices, list_id=base.id, publish=True, dry_run=True)
    assert (refused.status, [e.code for e in refused.errors]) == ("failed", ["unknown_sku"])
    partly = await market.upload(
        PRICES, prices, list_id=base.id, publish=True, dry_run=True, on_error=OnError.SKIP_ROW
    )
    assert partly.result
    assert (partly.result["written"], partly.result["published_version"]) == (1, 2)
    assert partly.error_count == 1
    assert await market.told("A") == "10 base"


async def test_an_import_tells_format_rows_and_phase(market: Market) -> None:
    done = await market.upload(OFFERS, '{"sku": "A", "name": "Bolt", "unit": "C62"}\n')
    assert (done.format, done.rows_read, done.phase) == ("ndjson", 1, "finished")
    assert done.rows_total_estimated == 1


HEADER = "sku;unit;minimum_quantity;amount\n"
SHAPES = {
    "one tier": f"{HEADER}A;C62;1;10\nB;C62;1;20\n",
    "no quantities": "sku;unit;amount\nA;C62;10\nB;C62;20\n",
    "tiers apart": f"{HEADER}A;C62;1;10.50\nB;C62;1;20\nA;C62;10;9.125\n",
    "quoted": f'{HEADER}"A";C62;1;10\nB;C62;1;20\n',
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_empty_list_is_filled_at_once_as_it_is_row_by_row(
    market: Market, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    await market.offer("A")
    await market.offer("B")
    data = SHAPES[shape]

    async def ladders() -> list[Any]:
        base = await market.price_list(publish=False, priority=len(made))
        done = await market.upload(PRICES, data, list_id=base.id, publish=True)
        assert done.status == "done"
        assert done.result
        made.append(done.result["written"])
        async with transaction(market.platform, market.supplier) as tx:
            rows = await tx.all(
                text(
                    "select offer_id, unit, valid_from, valid_until, basis, volume_mode, tiers,"
                    " from_version, until_version, supplier_id"
                    " from price_ladders where list_id = :id order by 1"
                ).bindparams(id=base.id)
            )
        return [tuple(row) for row in rows]

    made: list[int] = []
    at_once = await ladders()

    async def never(*_args: object) -> None:
        return None

    monkeypatch.setattr(loading, "fill_empty_draft", never)
    assert at_once == await ladders()
    assert made == [2, 2]


@pytest.mark.parametrize(
    ("rows", "codes"),
    [
        ("A;C62;1;10\nX;C62;1;9\n", ["unknown_sku"]),
        ("A;C62;1;10\nA;C62;1;9\n", ["duplicate"]),
        ("A;C62;1;10\n" + "".join(f"A;C62;{n};9\n" for n in range(2, 53)), ["too_many_tiers"] * 2),
    ],
)
async def test_what_spoils_a_filling_is_named_row_by_row(
    market: Market, rows: str, codes: list[str]
) -> None:
    await market.offer("A")
    base = await market.price_list(publish=False)
    data = HEADER + rows
    refused = await market.upload(PRICES, data, list_id=base.id, publish=True)
    assert (refused.status, [e.code for e in refused.errors]) == ("failed", codes)
    assert await count(market, "price_ladders") == 0
    assert await count(market, "staged_prices") == 0


async def test_a_file_is_seen_by_nobody_while_it_comes_in(market: Market) -> None:
    """The table it is loaded into belongs to the session, and goes with the transaction."""
    async with transaction(market.platform, market.supplier) as tx:
        await loading.open_loading(tx)

        async def rows() -> AsyncIterator[list[PlainRows]]:
            yield [PlainRows(("line", "sku", "amount"), b"1\tA\t1\n", 1)]

        await loading.load(tx, rows())
        async with transaction(market.platform, market.other) as theirs:
            with pytest.raises(Exception, match="import_prices"):
                await theirs.all(text("select * from import_prices"))


async def test_an_import_that_dies_leaves_the_old_list_and_can_be_sent_again(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    skus = [f"S{n:04}" for n in range(3000)]
    await market.upload(OFFERS, "sku,name,unit\n" + "".join(f"{s},Thing,C62\n" for s in skus))
    base = await market.price_list(entry("S0000", ("1", "10")))
    data = "sku,unit,amount\n" + "".join(f"{s},C62,9\n" for s in skus)
    started = asyncio.Event()
    true_write = importers.entries.write_staged

    async def write(*args: Any) -> Any:
        written = await true_write(*args)
        if not started.is_set():
            started.set()
            await asyncio.sleep(60)  # the connection dies meanwhile
        return written

    monkeypatch.setattr(importers.entries, "write_staged", write)

    async def chunks() -> AsyncIterator[bytes]:
        yield data.encode()

    sent = await service.start_import(
        market.platform,
        market.supplier,
        PRICES,
        OnError.REFUSE_ALL,
        base.id,
        chunks(),
        publish=True,
    )
    job = running.job_of(sent.id, market.supplier)
    under_way = asyncio.create_task(
        running.run_import(
            market.platform, {name: getattr(job, name) for name in job.__struct_fields__}
        )
    )
    await asyncio.wait_for(started.wait(), 30)
    seen = await service.read_import(market.platform, market.supplier, sent.id)
    assert (seen.status, seen.phase, seen.rows_read) == ("running", "writing", 3000)
    under_way.cancel()
    await asyncio.wait([under_way])
    assert await market.told("S0000") == "10 base"
    assert await count(market, "staged_prices") == 0
    await market.worker.run_until_idle()
    done = await service.read_import(market.platform, market.supplier, sent.id)
    assert done.status == "done"
    assert await market.told("S2999") == "9 base"
    again = await market.upload(PRICES, data, list_id=base.id, publish=True)
    assert again.result
    assert (again.result["written"], again.result["unchanged"]) == (0, 3000)


async def test_an_import_whose_connection_is_cut_is_tried_again(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    await market.offer("A")
    base = await market.price_list(entry("A", ("1", "10")))
    true_open, times = loading.open_loading, []

    async def opened(tx: Any) -> None:
        await true_open(tx)
        times.append(1)
        if len(times) == 1:
            raw = await tx.raw()
            raw.terminate()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"sku,unit,amount\nA,C62,9\n"

    monkeypatch.setattr(loading, "open_loading", opened)
    sent = await service.start_import(
        market.platform,
        market.supplier,
        PRICES,
        OnError.REFUSE_ALL,
        base.id,
        chunks(),
        publish=True,
    )
    job = running.job_of(sent.id, market.supplier)
    payload = {name: getattr(job, name) for name in job.__struct_fields__}
    with pytest.raises(Unavailable):  # what the queue sees, and tries again
        await running.run_import(market.platform, payload)
    assert await market.told("A") == "10 base"
    await running.run_import(market.platform, payload)
    done = await service.read_import(market.platform, market.supplier, sent.id)
    assert (done.status, len(times)) == ("done", 2)
    assert await market.told("A") == "9 base"


async def test_an_import_that_another_session_still_holds_is_tried_again_with_its_file(
    market: Market,
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"sku,name,unit\nA,Bolt,C62\n"

    sent = await service.start_import(
        market.platform, market.supplier, OFFERS, OnError.REFUSE_ALL, None, chunks()
    )
    job = running.job_of(sent.id, market.supplier)
    payload = {name: getattr(job, name) for name in job.__struct_fields__}
    held = text("select pg_advisory_xact_lock(:number)")
    async with transaction(market.platform, market.supplier) as tx:
        await tx.execute(held.bindparams(number=running._lock_number(sent.id)))
        with pytest.raises(Unavailable):  # the queue tries again
            await running.run_import(market.platform, payload)
    await running.run_import(market.platform, payload)
    done = await service.read_import(market.platform, market.supplier, sent.id)
    assert (done.status, done.rows_read) == ("done", 1)
