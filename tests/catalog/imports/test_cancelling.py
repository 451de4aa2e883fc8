"""An import is cancelled: whatever the worker does then, nothing of it is written."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text

from catalog.imports import running, service
from catalog.imports.schemas import ImportKind, ImportView, OnError
from catalog.price_lists import reading
from catalog.products import service as products
from marketplace.kernel.errors import NotFound, WrongState
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import Market


async def send(
    market: Market,
    kind: ImportKind,
    data: bytes,
    list_id: UUID | None = None,
    on_error: OnError = OnError.REFUSE_ALL,
    **wishes: Any,
) -> ImportView:
    """Upload a file; the worker has not looked at it yet."""

    async def chunks() -> AsyncIterator[bytes]:
        yield data

    return await service.start_import(
        market.platform, market.supplier, kind, on_error, list_id, chunks(), **wishes
    )


async def cancel(market: Market, sent: ImportView) -> ImportView:
    return await service.cancel_import(market.platform, market.supplier, sent.id)


async def read(market: Market, sent: ImportView) -> ImportView:
    return await service.read_import(market.platform, market.supplier, sent.id)


@pytest.mark.parametrize("dry_run", [False, True])
async def test_an_import_that_waits_is_cancelled_and_never_begins(
    market: Market, *, dry_run: bool
) -> None:
    sent = await send(market, ImportKind.OFFERS, b"sku,name,unit\nA,Bolt,C62\n", dry_run=dry_run)
    cancelled = await cancel(market, sent)
    assert (cancelled.status, cancelled.phase) == ("failed", "finished")
    assert [(e.line, e.code) for e in cancelled.errors] == [(0, "cancelled")]
    assert await cancel(market, sent) == cancelled
    await market.worker.run_until_idle()
    assert await read(market, sent) == cancelled
    offers = await products.list_offers(market.platform, market.supplier, PageRequest(10, None))
    assert offers.items == []


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(("bad_row", "publish"), [(b"", True), (b"B,C62,none\n", False)])
async def test_an_import_that_writes_is_cancelled_and_leaves_the_old_list_in_force(
    market: Market, bad_row: bytes, *, publish: bool, dry_run: bool
) -> None:
    await market.upload(ImportKind.OFFERS, "sku,name,unit\nA,Bolt,C62\n")
    base = await market.price_list(publish=False)
    prices = ImportKind.PRICES
    await market.upload(prices, "sku,unit,amount\nA,C62,1\n", list_id=base.id, publish=True)
    data = b"sku,unit,amount\nA,C62,9\n" + bad_row
    wishes = {"publish": publish, "dry_run": dry_run}
    sent = await send(market, prices, data, base.id, OnError.SKIP_ROW, **wishes)
    job = running.job_of(sent.id, market.supplier)
    async with transaction(market.platform, market.supplier) as tx:
        await tx.execute(text("lock table price_ladders in share mode"))
        work = asyncio.create_task(running.run_import(market.platform, msgspec.to_builtins(job)))
        async with asyncio.timeout(60):
            while (await read(market, sent)).phase != "writing":
                await asyncio.sleep(0.02)
        cancelled = await cancel(market, sent)
    await work
    assert await read(market, sent) == cancelled
    now = await reading.read_price_list(market.platform, market.supplier, base.id)
    assert (now.published_version, now.draft_changes) == (1, 0)
    assert await market.told("A") == "1 base"


async def test_what_is_finished_is_not_cancelled_and_others_imports_are_not_there(
    market: Market,
) -> None:
    done = await market.upload(ImportKind.OFFERS, "sku,name,unit\nA,Bolt,C62\n")
    with pytest.raises(WrongState):
        await cancel(market, done)
    with pytest.raises(NotFound):
        await service.cancel_import(market.platform, market.other, done.id)


async def test_imports_are_listed_the_latest_first_to_their_company_alone(market: Market) -> None:
    sent = [await send(market, ImportKind.OFFERS, b"sku,name,unit\n") for _ in range(3)]
    first = await service.list_imports(market.platform, market.supplier, PageRequest(2, None))
    rest = await service.list_imports(market.platform, market.supplier, PageRequest(2, first.next))
    assert [each.id for each in (*first.items, *rest.items)] == [each.id for each in sent[::-1]]
    assert rest.next is None
    theirs = await service.list_imports(market.platform, market.other, PageRequest(2, None))
    assert theirs.items == []
