"""Three masters of a cluster: boards, the live channel and limits run there as on one server."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from auctions.bidding import read_standing
from auctions.board import Board, board_key, heal
from auctions.ledger import Ledger
from auctions.live.hub import Hub
from marketplace.app import assemble
from marketplace.development import reserved_port
from marketplace.platform.core import Platform
from marketplace.platform.http.rate_limit import RateLimiter
from marketplace.platform.settings import Settings
from tests.auctions.auction_hall import Hall, open_hall
from tests.auctions.live.viewers import bid, taken
from tests.faults.bidders import until
from tests.support.scratch import scratch_directory
from tests.support.servers import TestServers
from tests.support.world import World

MASTERS = 3
SLOTS = 16_384
READY_S = 60
pytestmark = pytest.mark.faults


@dataclass
class Master:
    """One server of the cluster."""

    binary: Path
    directory: Path
    port: int
    bus: int
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        self.directory.mkdir(exist_ok=True)
        options = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.directory),
            "cluster-enabled": "yes",
            "cluster-node-timeout": "15000",
            "cluster-port": str(self.bus),
            "cluster-require-full-coverage": "no",
            "save": "",
        }
        named = [part for name, value in options.items() for part in (f"--{name}", value)]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                [str(self.binary), *named], stdout=log, stderr=log
            )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def ask(self, *command: Any) -> Any:
        async with Redis(port=self.port, single_connection_client=True) as redis:
            return await redis.execute_command(*command)

    async def is_ready(self) -> bool:
        with suppress(OSError, RedisError):
            info = await self.ask("CLUSTER", "INFO")
            text = info if isinstance(info, str) else str(info)
            return "'cluster_state': 'ok'" in text or "cluster_state:ok" in text
        return False


@contextmanager
def masters(binary: Path) -> Iterator[list[Master]]:
    with scratch_directory("marketplace-cluster-") as directory, ExitStack() as stack:
        ports = [stack.enter_context(reserved_port()) for _ in range(2 * MASTERS)]
        made = [
            Master(binary, directory / str(n), ports[n], ports[MASTERS + n]) for n in range(MASTERS)
        ]
        try:
            for master in made:
                master.start()
            yield made
        finally:
            for master in made:
                master.kill()


async def join(made: list[Master]) -> None:
    """Give each master its third of the slots and let them know each other."""

    async def answers(master: Master) -> bool:
        with suppress(OSError, RedisError):
            return bool(await master.ask("PING"))
        return False

    for number, master in enumerate(made):
        await until(lambda master=master: answers(master), READY_S, "a master")  # type: ignore[misc]
        first, last = SLOTS * number // MASTERS, SLOTS * (number + 1) // MASTERS - 1
        await master.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
        await master.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for other in made[:number]:
            await other.ask("CLUSTER", "MEET", "127.0.0.1", master.port, master.bus)
    for master in made:
        await until(master.is_ready, READY_S, "the cluster")


@pytest.fixture
async def cluster(servers: TestServers) -> AsyncIterator[list[Master]]:
    with masters(servers.services.valkey._binary()) as made:
        await join(made)
        yield made


async def holder(made: list[Master], hall: Hall) -> Master:
    """Give the master that holds a lot's board."""
    for master in made:
        with suppress(RedisError):
            if await master.ask("EXISTS", board_key(hall.lot_id)):
                return master
    msg = "no master holds the board"
    raise AssertionError(msg)


@pytest.fixture
async def on_cluster(settings: Settings, cluster: list[Master]) -> AsyncIterator[list[Platform]]:
    """Two processes on the cluster, each told of another server of it."""
    platforms = [
        assemble(replace(settings, redis_url=f"redis+cluster://127.0.0.1:{port}")).platform
        for port in (cluster[0].port, f"{cluster[1].port},127.0.0.1:{cluster[2].port}")
    ]
    yield platforms
    for platform in platforms:
        await platform.close()


async def test_bid_state_and_live_channel_run_on_three_masters_and_outlive_one(
    cluster: list[Master], on_cluster: list[Platform]
) -> None:
    here, there = on_cluster
    world = World(here)
    halls = [await open_hall(here, world, suppliers=2)]
    held = set()
    while len(held) < MASTERS:  # lots on every master
        halls.append(await open_hall(here, world, suppliers=2))
        await bid(here, halls[-1], 0, "900.00")
        await here.get(Board).drain()
        held.add((await holder(cluster, halls[-1])).port)
    halls = halls[1:]
    hub = there.get(Hub)
    async with hub.open():
        for hall in halls:
            async with hub.seat({hall.lot_id: None}, hall.suppliers[0].id) as seat:
                assert (await taken(seat))["standing"]["rank"] == 1
                await bid(here, hall, 1, "800.00")
                assert (await taken(seat))["changes"]["rank"] == 2

        # Wiped: the worker's look at all boards goes over all masters.
        for master in cluster:
            await master.ask("FLUSHALL")
        assert await heal(there) == len(halls) + 1
        for hall in halls:
            assert await there.get(Board).read(hall.lot_id) == await here.get(Ledger).read(
                hall.lot_id
            )
        await here.get(RateLimiter).count(halls[0].buyer.id, scope := {})
        await there.get(RateLimiter).count(halls[0].buyer.id, other := {})
        assert scope["rate_limit"][1] > other["rate_limit"][1], "one count for all processes"

        # One master dies: bids go on, and who watches its lots is told from the ledger.
        lost = halls[-1]
        dead = await holder(cluster, lost)
        async with hub.seat({lost.lot_id: None}, lost.suppliers[0].id) as seat:
            assert (await taken(seat))["standing"]["rank"] == 2
            dead.kill()
            await bid(here, lost, 0, "700.00")
            assert (await taken(seat))["changes"]["rank"] == 1
        for hall in halls[:-1]:
            await bid(here, hall, 0, "700.00")
            await here.get(Board).drain()
            shown = await read_standing(there, hall.suppliers[1].caller, hall.auction_id)
            assert shown.standing.rank == 2  # type: ignore[union-attr]
        dead.start()
        await until(dead.is_ready, READY_S, "the master's return")

        async def healed() -> bool:
            with suppress(RedisError, OSError):
                await heal(there)
                return await there.get(Board).read(lost.lot_id) == await here.get(Ledger).read(
                    lost.lot_id
                )
            return False

        await until(healed, READY_S, "the boards of the master that was away")
