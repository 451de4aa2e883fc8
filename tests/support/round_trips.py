"""Counts how often a server is asked and waited for, from outside of the product.

A proxy stands between the application and a server and looks only at which way bytes go: whenever
the client speaks after the server has spoken (or speaks first), one more round trip has begun.
Pipelined commands are one, whatever their number; so is an answer in many pieces. Each connection
is counted by itself.

    async with counted(settings.database_url) as meter:
        ...  # an application on `meter.url`, warmed up: a first use also connects and prepares
        before = meter.count
        await client.get("/v1/orders")
        assert meter.count - before == 4
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

_CHUNK_BYTES = 1 << 16
_POSTGRES_PORT = 5432
_REDIS_PORT = 6379


@dataclass(slots=True)
class _Link:
    """One connection through the proxy."""

    trips: int = 0
    client_spoke_last: bool = False

    def from_client(self) -> None:
        if not self.client_spoke_last:
            self.client_spoke_last = True
            self.trips += 1

    def from_server(self) -> None:
        self.client_spoke_last = False


@dataclass(slots=True)
class Meter:
    """What went through one proxy; `url` is the server's address with the proxy in between."""

    url: str
    _links: list[_Link] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Round trips so far, over all connections."""
        return sum(link.trips for link in self._links)

    @property
    def connections(self) -> int:
        """Connections so far."""
        return len(self._links)


@asynccontextmanager
async def counted(url: str) -> AsyncIterator[Meter]:
    """Put a counting proxy in front of the Postgres or Redis server at `url`."""
    with tempfile.TemporaryDirectory(prefix="trips-") as directory:
        socket = Path(directory) / f".s.PGSQL.{_POSTGRES_PORT}"
        meter = Meter(_proxied(url, socket))
        running: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            running.add(task)
            link = _Link()
            meter._links.append(link)
            try:
                await _relay(link, reader, writer, await _dial(url))
            except asyncio.CancelledError:
                pass  # the block has ended
            finally:
                running.discard(task)

        server = await asyncio.start_unix_server(serve, socket)
        try:
            yield meter
        finally:
            server.close()
            for task in list(running):
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def fewest(
    call: Callable[[], Awaitable[object]], *meters: Meter, repeats: int = 5
) -> list[int]:
    """Give the least round trips a repetition of `call` took, for each meter, after two to warm up.

    The least, because a heartbeat of the application may fall into any single repetition.
    """
    for _ in range(2):
        await call()
    counts = []
    for _ in range(repeats):
        before = [meter.count for meter in meters]
        await call()
        counts.append([meter.count - start for meter, start in zip(meters, before, strict=True)])
    return [min(column) for column in zip(*counts, strict=True)]


async def _relay(
    link: _Link,
    client: asyncio.StreamReader,
    to_client: asyncio.StreamWriter,
    dialled: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    server, to_server = dialled
    ways = [
        asyncio.ensure_future(_pump(client, to_server, link.from_client)),
        asyncio.ensure_future(_pump(server, to_client, link.from_server)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for writer in (to_client, to_server):
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: Callable[[], None]
) -> None:
    while data := await reader.read(_CHUNK_BYTES):
        note()
        writer.write(data)
        await writer.drain()


async def _dial(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return await asyncio.open_unix_connection(unquote(parts.path))
    directory = dict(parse_qsl(parts.query)).get("host", "")
    if directory.startswith("/"):
        return await asyncio.open_unix_connection(f"{directory}/.s.PGSQL.{_POSTGRES_PORT}")
    port = _POSTGRES_PORT if parts.scheme.startswith("postgres") else _REDIS_PORT
    return await asyncio.open_connection(parts.hostname, parts.port or port)


def _proxied(url: str, socket: Path) -> str:
    """Write the address anew, with the proxy's socket for the server's place."""
    parts = urlsplit(url)
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    query = dict(parse_qsl(parts.query))
    if parts.scheme.startswith("postgres"):
        query["host"] = str(socket.parent)
        return f"{parts.scheme}://{login}{parts.path}?{urlencode(query)}"
    if parts.scheme != "unix" and parts.path.strip("/"):
        query["db"] = parts.path.strip("/")
    return f"unix://{login}{quote(str(socket))}?{urlencode(query)}"
