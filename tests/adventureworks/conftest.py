"""The books on the marketplace, loaded once for the tests of this folder."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from benchmarks.adventureworks import DATA, read_books
from benchmarks.adventureworks_market import Market, load_market
from benchmarks.parties import Party
from marketplace.app import assemble, create_app
from marketplace.organizations.service import seed_operator
from marketplace.platform.settings import Environment, Secrets, Settings
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
    await servers.clone(name)
    await servers.flush_redis()
    assembly = assemble(_settings(servers, name, tmp_path_factory.mktemp("data")))
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
    await servers.drop(name)


def _settings(servers: TestServers, database: str, directory: Path) -> Settings:
    return Settings(
        database_url=servers.database_url(database),
        owner_url=servers.owner_url(database),
        redis_url=servers.redis_url,
        secrets=Secrets("only-for-tests-" + secrets.token_hex(16)),
        environment=Environment.TEST,
        features=("catalog", "auctions", "rfq", "tests.adventureworks.backdating"),
        data_directory=directory,
        requests_per_minute=1_000_000,
    )
