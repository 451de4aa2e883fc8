"""The books on the marketplace, loaded once for the tests of this folder."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio

from benchmarks.adventureworks import DATA, read_books
from benchmarks.adventureworks_market import Market, load_market
from benchmarks.parties import Party
from marketplace.app import assemble, create_app
from marketplace.organizations.service import seed_operator
from marketplace.worker import Worker
from tests.support.servers import TestServers


@dataclass(frozen=True)
class Trade:
    """The loaded market, and the worker that numbers its events."""

    market: Market
    worker: Worker


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trade(
    servers: TestServers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Trade]:
    if DATA is None:
        pytest.skip("the tables do not lie beside the repository")
    name = f"adventureworks_{os.getpid()}"
    await asyncio.to_thread(servers.clone, name)
    await asyncio.to_thread(servers.flush_redis)
    settings = servers.settings(
        name,
        tmp_path_factory.mktemp("data"),
        features=("catalog", "auctions", "rfq", "tests.adventureworks.backdating"),
        requests_per_minute=1_000_000,
    )
    assembly = assemble(settings)
    edge = create_app(assembly)
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with edge.litestar.lifespan():
            started.set()
            await stop.wait()

    life = asyncio.create_task(live())
    await started.wait()
    transport = httpx.ASGITransport(app=edge)
    async with httpx.AsyncClient(transport=transport, base_url="http://marketplace.test") as http:
        seeded = await seed_operator(assembly.platform)
        operator = Party(http, seeded.organization_id, str(seeded.key))
        worker = Worker(assembly)
        books = read_books(DATA)
        yield Trade(
            await load_market(operator, assembly.platform, books, worker.run_until_idle), worker
        )
    stop.set()
    await life
    await asyncio.to_thread(servers.drop, name)
