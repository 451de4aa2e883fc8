"""What is measured: the product on durable servers of its own, served as in production."""

import asyncio
import contextlib
import os
import platform as machine
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import asyncpg
from redis.asyncio import Redis

from marketplace.development import Child, command_child, reserved_port, wait_until_ready
from marketplace.devservices import DevServices
from marketplace.platform.schema import upgrade

UNLIMITED_PER_MINUTE: Final = "100000000"
"""Limits are for tenants; one bench client is all tenants at once."""


@dataclass
class Installation:
    """Running servers, and the processes of the product on them."""

    services: DevServices
    environ: dict[str, str]

    @asynccontextmanager
    async def api(
        self, name: str = "api", workers: int = 1, **environ: str
    ) -> AsyncIterator["Api"]:
        """Serve the API by processes of its own for the length of the block."""
        with reserved_port() as port:
            child = command_child(
                name,
                {**self.environ, **environ},
                *("serve", f"--port={port}", f"--workers={workers}"),
            )
            async with _running(child):
                await asyncio.to_thread(wait_until_ready, f"http://127.0.0.1:{port}", child)
                yield Api(port, child)

    async def settle(self) -> None:
        """Do at once what autovacuum would do within minutes: without statistics plans are bad."""
        connection = await asyncpg.connect(self.services.owner_url)
        try:
            await connection.execute("vacuum (analyze)")
        finally:
            await connection.close()

    def postgres_seconds(self) -> float:
        """Give the processor time that Postgres' processes, those that run, have used so far."""
        return sum(map(_processor_seconds, _family(self.services.postgres.pid)))

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Child]:
        """Run one worker process for the length of the block."""
        async with _running(command_child("worker", self.environ, "work")) as child:
            yield child


@dataclass(frozen=True, slots=True)
class Api:
    """One served API."""

    port: int
    child: Child

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def resident_mb(self) -> float:
        """Give the memory its largest process holds (RSS), in MB of 10⁶ bytes."""
        return max(_status_bytes(pid, "VmRSS:") for pid in _family(self.child.pid)) / 1e6

    def processor_seconds(self) -> float:
        """Give the processor time its processes have used so far."""
        return sum(_processor_seconds(pid) for pid in _family(self.child.pid))


@asynccontextmanager
async def _running(child: Child) -> AsyncIterator[Child]:
    child.start()  # from the main thread: a child ends with the thread that made it
    try:
        yield child
    finally:
        await asyncio.to_thread(child.stop)


@contextmanager
def installed(directory: Path) -> Iterator[Installation]:
    """Install the product on empty, durable servers in `directory`; delete them after."""
    services = DevServices(directory / "services", durable=True)
    if services.directory.exists():
        services.erase()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with services:
            upgrade(services.owner_url)
            yield Installation(services, _environ(directory, services))
    finally:
        services.erase()


def _environ(directory: Path, services: DevServices) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": services.database_url,
        "MARKETPLACE_OWNER_URL": services.owner_url,
        "REDIS_URL": services.redis_url,
        "MARKETPLACE_ENVIRONMENT": "production",
        "MARKETPLACE_SECRET": secrets.token_hex(32),
        "MARKETPLACE_DATA": str(directory),
        "MARKETPLACE_FEATURES": "catalog,auctions,rfq,benchmarks.reference",
        "MARKETPLACE_LOG_LEVEL": "WARNING",
        "MARKETPLACE_REQUESTS_PER_MINUTE": UNLIMITED_PER_MINUTE,
        "MARKETPLACE_REFUSALS_PER_MINUTE": UNLIMITED_PER_MINUTE,
    }


async def machine_facts(installation: Installation) -> list[str]:
    """Say what the figures were measured on, one line for each kind of thing."""
    connection = await asyncpg.connect(installation.services.database_url)
    redis = Redis.from_url(installation.services.redis_url)
    try:
        settings = [
            f"{name} {await connection.fetchval('select current_setting($1)', name)}"
            for name in ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        ]
        valkey = (await redis.info("server")).get("valkey_version", "?")
        appendfsync = (await redis.config_get("appendfsync"))["appendfsync"]
    finally:
        await connection.close()
        await redis.aclose()
    packages = ("uvicorn", "uvloop", "httptools", "litestar", "asyncpg", "sqlalchemy", "msgspec")
    versions = [f"{name} {version(name)}" for name in packages]
    cpu = f"{_cpu()}, {os.cpu_count()} cores shared by load generator, API, worker and servers"
    disk = _filesystem(installation.services.place)
    busy = os.getloadavg()[0]
    return [
        f"{cpu}; {machine.system()} {machine.release()}; {busy:.1f} processes busy before",
        f"Postgres {', '.join(settings)}, on {disk}",
        f"Valkey {valkey}, appendfsync {appendfsync}; servers reached by Unix sockets",
        f"Python {machine.python_version()}, {', '.join(versions)}; HTTP on loopback",
    ]


def _cpu() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return machine.processor() or machine.machine()


def _filesystem(path: Path) -> str:
    """Name the file system a path lies on: fsync on one in memory proves nothing."""
    best, kind = "", "?"
    with contextlib.suppress(OSError):
        for line in Path("/proc/mounts").read_text().splitlines():
            mount, type_ = line.split()[1:3]
            if len(mount) >= len(best) and path.resolve().is_relative_to(mount):
                best, kind = mount, type_
    return kind


def _family(pid: int) -> list[int]:
    """Give a process and its children."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]
    return [pid]


def peak_mb(pid: int) -> float:
    """Give the most memory that a process, or a child of it, ever held, in MB of 10⁶ bytes."""
    return max(_status_bytes(each, "VmHWM:") for each in _family(pid)) / 1e6


def _processor_seconds(pid: int) -> float:
    with contextlib.suppress(OSError):
        # Behind the name in brackets, which may hold anything: the 12th and 13th of what follows.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _status_bytes(pid: int, name: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0
