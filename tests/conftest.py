"""Real servers: one Postgres and one Valkey per test process; each test finds them empty."""

import asyncio
import gc
import json
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import structlog
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from litestar import Litestar
from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

from marketplace.app import Assembly, assemble, create_litestar
from marketplace.devservices import DevServices
from marketplace.platform import garbage
from marketplace.platform.core import Platform
from marketplace.platform.database import Database, Role
from marketplace.platform.http.edge import Edge
from marketplace.platform.settings import Settings
from marketplace.platform.telemetry import log_processors
from marketplace.worker import Worker
from tests.support.folders import ENDS, TOGETHER, folder_of
from tests.support.kept import Kept
from tests.support.once import learn_types_once, look_at_the_queue_once
from tests.support.scratch import scratch_directory
from tests.support.servers import TestServers
from tests.support.waiting import GIVE_UP_S
from tests.support.world import World

REPOSITORY = Path(__file__).parent.parent

# Nothing is garbage before the tests are collected (see `pytest_collection_finish`).
gc.disable()

# No test asserts a time, and on a busy machine an example takes as long as it takes.
for profile, examples in (("suite", 60), ("long", 500)):
    hypothesis_settings.register_profile(
        profile,
        deadline=None,
        max_examples=examples,
        # Which of them complains depends on the examples that happen to be drawn first.
        suppress_health_check=[
            HealthCheck.too_slow,
            HealthCheck.filter_too_much,
            HealthCheck.data_too_large,
        ],
    )
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

# As in the product. What structlog does by itself paints tracebacks for a terminal: a second each.
structlog.configure(processors=log_processors())

MoveClock = Callable[[timedelta], Awaitable[None]]
StopClock = Callable[[datetime], Awaitable[None]]


class FoldersTogether(LoadScopeScheduling):
    """Give each test to the next free process, but those of some folders to one and the same.

    (The mark `xdist_group` has no effect with pytest 9.2, where a test's id cannot be set.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return folder_of(nodeid) or nodeid


KEEPING = tuple(
    f"tests/{area}/"
    for area in "approvals billing catalog contracts integration orders organizations rfq".split()
)
"""Folders whose tests share a database, emptied in between; the others' have one of their own."""

LONG = (*TOGETHER, "tests/test_cli.py::test_one_command", "tests/benchmarks/test_bench.py")
"""What takes longest is begun first, so that none is left to the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes longest."""

    def rank(item: pytest.Item) -> int:
        return next((n for n, start in enumerate(LONG) if item.nodeid.startswith(start)), len(LONG))

    items.sort(key=rank)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End what ends with the last test of a folder."""
    folder = folder_of(item.nodeid)
    if folder is not None and (nextitem is None or folder_of(nextitem.nodeid) != folder):
        ENDS[folder].close()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Have one process more than there are cores: tests of running products wait much."""
    if config.option.numprocesses != "auto":
        return None
    return (os.cpu_count() or 1) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FoldersTogether:
    """Hand tests out by `FoldersTogether`, in the order in which they were put."""
    config.option.loadscopereorder = False
    return FoldersTogether(config, log)


def pytest_collection_finish() -> None:
    """Collect garbage as the product does: rarely, and without looking at what stays anyway."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*garbage.SELDOM)
    gc.enable()


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The OpenAPI document; `tests/test_cli.py` compares it with what is served."""
    read: dict[str, Any] = json.loads((REPOSITORY / "docs" / "openapi.json").read_text())
    return read


@pytest.fixture(scope="session")
def servers() -> Iterator[TestServers]:
    """Postgres without fsync and Valkey, migrated once; databases are cloned from a template."""
    with scratch_directory("marketplace-tests-") as directory:
        services = DevServices(directory / "services", durable=False)
        with services:
            config = Config(toml_file=REPOSITORY / "pyproject.toml")
            config.attributes["owner_url"] = services.owner_url
            command.upgrade(config, "head")
            test_servers = TestServers(services)
            yield test_servers
            test_servers.close()
        services.erase()


@pytest.fixture(scope="session", autouse=True)
def statements_compiled_once(
    servers: TestServers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Let all engines of a test process share one dialect and the statements compiled for it.

    A process of the product compiles each statement once. A test process makes engines for every
    test, and compiling anew was a fifth of its own processor time.
    """
    shared: list[Engine] = []

    def create(*arguments: Any, **options: Any) -> AsyncEngine:
        made = create_async_engine(*arguments, **options)
        engine = made.sync_engine
        if shared:
            engine.dialect, engine._compiled_cache = shared[0].dialect, shared[0]._compiled_cache
            engine.pool._dialect = engine.dialect
        else:
            shared.append(engine)
        return made

    async def learn_the_server() -> None:
        platform = Database(servers.settings("marketplace", tmp_path_factory.mktemp("none")))
        async with platform.engine(Role.API).connect():
            pass
        await platform.close()

    with pytest.MonkeyPatch.context() as patch:
        learn_types_once(patch)
        look_at_the_queue_once(patch)
        patch.setattr("marketplace.platform.database.pools.create_async_engine", create)
        asyncio.run(learn_the_server())
        yield


@pytest.fixture(scope="session", autouse=True)
def slowness_is_no_absence() -> Iterator[None]:
    """Let what is slow on a busy machine not count as away, nor what is remembered as forgotten.

    A Redis that is away in a test is killed; a caller is forgotten because a process was told.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("marketplace.platform.http.rate_limit.ASK_S", GIVE_UP_S)
        patch.setattr("marketplace.platform.redis.REDIS_COMMAND_SECONDS_MAX", GIVE_UP_S)
        patch.setattr("auctions.board.READ_SECONDS_MAX", GIVE_UP_S)
        patch.setattr("marketplace.organizations.authentication.HEARTBEAT_S", GIVE_UP_S)
        patch.setattr("marketplace.organizations.authentication.CALLER_SECONDS_MAX", 10 * GIVE_UP_S)
        yield


@pytest.fixture(scope="session")
async def kept(servers: TestServers) -> AsyncIterator[Kept]:
    """A database and connections that are emptied from test to test."""
    kept = Kept(servers)
    yield kept
    await kept.give_up()


@pytest.fixture
async def settings(
    request: pytest.FixtureRequest, servers: TestServers, kept: Kept, tmp_path: Path
) -> AsyncIterator[Settings]:
    """Settings on a database that holds the test's own rows alone."""
    await asyncio.to_thread(servers.flush_redis)
    node = request.node
    alone = node.get_closest_marker("fresh_database") is not None
    if alone or not node.nodeid.startswith(KEEPING):
        name = f"test_{os.getpid()}_{secrets.token_hex(4)}"
        await asyncio.to_thread(servers.clone, name)
        yield servers.settings(name, tmp_path / "data")
        await asyncio.to_thread(servers.drop, name)
    else:
        yield servers.settings(await kept.database(), tmp_path / "data")
        await kept.take_back()


@pytest.fixture
def assembly(settings: Settings, kept: Kept) -> Assembly:
    """All installed features on one platform."""
    with kept.lent(settings):
        return assemble(settings)


@pytest.fixture
async def platform(assembly: Assembly) -> AsyncIterator[Platform]:
    """A platform as services are handed it; what it left running ends with it."""
    before = asyncio.all_tasks()
    yield assembly.platform
    await assembly.platform.close()
    left = [
        task
        for task in asyncio.all_tasks() - before - {asyncio.current_task()}
        # Ends the processes of `anyio.to_process` with the loop; the next test uses them too.
        if "process_pool" not in task.get_coro().__qualname__
    ]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@pytest.fixture
async def worker(assembly: Assembly, platform: Platform) -> Worker:
    """The worker; tests call `await worker.run_until_idle()`."""
    assert platform is assembly.platform
    return Worker(assembly)


@pytest.fixture(scope="session")
def applications() -> dict[tuple[str, ...], tuple[Assembly, Litestar]]:
    """By the names of its features, an application and the assembly it takes its platform from."""
    return {}


@pytest.fixture
async def app(
    applications: dict[tuple[str, ...], tuple[Assembly, Litestar]],
    assembly: Assembly,
    platform: Platform,
) -> AsyncIterator[Edge]:
    """The ASGI application, started."""
    assert platform is assembly.platform
    names = tuple(feature.name for feature in assembly.features)
    if names not in applications:
        shared = replace(assembly)
        applications[names] = shared, create_litestar(shared)
    shared, litestar = applications[names]
    shared.platform = platform
    edge = Edge(litestar)
    started, stop = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        # In one task from start to end: the lifespan's cancel scopes belong to a task.
        async with edge.litestar.lifespan():
            started.set()
            await stop.wait()

    life = asyncio.create_task(live())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({life, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if life.done():
        life.result()
    yield edge
    stop.set()
    await life


@pytest.fixture
async def client(app: Edge) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client of the application, on the test's own event loop."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://marketplace.test") as http:
        yield http


@pytest.fixture
def world(platform: Platform) -> World:
    """Makes companies, units, members, keys and callers."""
    return World(platform)


@pytest.fixture
def stop_clock(settings: Settings) -> StopClock:
    """Put the database's one clock to an instant and let it stand there."""

    async def stop(at: datetime) -> None:
        connection = await asyncpg.connect(settings.owner_url)
        try:
            await connection.execute(
                "create or replace function clock() returns timestamptz language sql volatile "
                f"as $$ select timestamptz '{at.isoformat()}' $$"
            )
        finally:
            await connection.close()

    return stop


@pytest.fixture
def move_clock(settings: Settings) -> MoveClock:
    """Move the database's one clock ahead: `await move_clock(timedelta(hours=1))`."""

    async def move(ahead: timedelta) -> None:
        connection = await asyncpg.connect(settings.owner_url)
        try:
            await connection.execute("update clock_offset set ahead = ahead + $1", ahead)
        finally:
            await connection.close()

    return move
