"""What is killed, and how it comes back."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from marketplace.development import Child
from marketplace.devservices import Server
from marketplace.platform.database import Role, connect
from tests.faults.bidders import until
from tests.support.running import RunningProduct

DOWN_S: Final = 0.3
"""How long a server is away at most before it is started again."""
READY_S: Final = 60

Kill = Callable[[RunningProduct, random.Random], Awaitable[None]]


@dataclass(frozen=True)
class Victim:
    """A part of the product; `kill` ends it without a warning and has it come back."""

    name: str
    kill: Kill


async def _kill_child(product: RunningProduct, child: Child) -> None:
    product.kill(child)
    child.start()


async def _kill_api(product: RunningProduct, _chance: random.Random) -> None:
    await _kill_child(product, product.api)


async def _kill_worker(product: RunningProduct, _chance: random.Random) -> None:
    await _kill_child(product, product.worker)


async def _kill_server(server: Server, chance: random.Random) -> None:
    server.kill()
    await asyncio.sleep(chance.uniform(0, DOWN_S))
    server.launch()
    await until(server._ready, READY_S, f"the restart of {server.name}")


async def _kill_postgres(product: RunningProduct, chance: random.Random) -> None:
    await _kill_server(product.services.postgres, chance)


async def _kill_valkey(product: RunningProduct, chance: random.Random) -> None:
    await _kill_server(product.services.valkey, chance)


async def _kill_session(product: RunningProduct, _chance: random.Random) -> None:
    """Kill one process of Postgres, as the kernel does when memory runs out: all sessions end."""
    connection = await connect(product.urls.database_url, Role.ENGINE)
    try:
        pid = await connection.fetchval(_A_LEDGERS_SESSION)
    finally:
        await connection.close()
    os.kill(pid, signal.SIGKILL)


_A_LEDGERS_SESSION: Final = """
select pid from pg_stat_activity
where application_name = 'marketplace_engine' and pid <> pg_backend_pid()
order by query_start desc limit 1
"""

API: Final = Victim("API", _kill_api)
WORKER: Final = Victim("worker", _kill_worker)
POSTGRES: Final = Victim("Postgres", _kill_postgres)
SESSION: Final = Victim("session of Postgres", _kill_session)
VALKEY: Final = Victim("Valkey", _kill_valkey)
VICTIMS: Final = (API, WORKER, POSTGRES, SESSION, VALKEY)
