"""A real Postgres and a real Valkey for development and tests, on a machine that has neither.

The servers are binaries inside two development packages; nothing of those packages' Python runs.
`DevServices` starts both as direct children, on Unix sockets only, keeps their data in one
directory, and takes them along when it ends, however it ends. Used when ``DATABASE_URL`` and
``REDIS_URL`` are unset; ``MARKETPLACE_PG_BIN`` (a directory) and ``MARKETPLACE_VALKEY_BIN``
(a file) name other binaries.

What the pieces guard against:

- Postgres refuses to run as root, so root starts both servers as ``nobody``; binaries and data must
  then be reachable by ``nobody`` and are kept elsewhere where a parent directory is private.
- The servers hold the lock on the directory too: it is free only when the last of their processes
  has gone, so a start never meets the remains of a killed one.
- A data directory appears under its name only when it is complete, roles included.
"""

import contextlib
import fcntl
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from marketplace.devservices.places import (
    Account,
    AlreadyRunning,
    DevServicesError,
    locked,
    place_for,
    socket_directory,
)
from marketplace.devservices.servers import (
    APP_LOGIN,
    DATABASE,
    OWNER_LOGIN,
    Postgres,
    Server,
    Valkey,
    tied_to_parent,
)

__all__ = [
    "AlreadyRunning",
    "DevServices",
    "DevServicesError",
    "Server",
    "ServiceUrls",
    "running_services",
    "tied_to_parent",
]


@dataclass(frozen=True, slots=True)
class ServiceUrls:
    """Where running services are, and the process that holds them."""

    database_url: str
    owner_url: str
    redis_url: str
    pid: int


def running_services(directory: Path) -> ServiceUrls | None:
    """Find the services another process runs in `directory`; None when there are none."""
    try:
        with (directory / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        try:
            return ServiceUrls(**json.loads((directory / "services.json").read_bytes()))
        except FileNotFoundError:  # they are starting or stopping at this moment
            return None
    return None


class DevServices:
    """Postgres and Valkey with their data in one directory.

    `durable=False` trades the safety of the data for speed (no fsync): for tests that do not pull
    the plug. Start it from the main thread: Linux ends the servers with the thread that made them.
    """

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self.directory = directory.resolve()  # as the kernel shows it for the working directory
        self.durable = durable
        self.lock: int | None = None
        self.were_used = False
        """Whether they were launched on data of an earlier start."""
        self.account = Account.current()
        self.place = self.directory
        self.sockets = self.place / "run"
        self.postgres = Postgres(self)
        self.valkey = Valkey(self)

    def start(self) -> None:
        """Start both servers and return when they answer.

        Raises `AlreadyRunning` when another process runs them on this directory, and
        `DevServicesError` with the end of the server's log when one does not come up.
        """
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start both servers, on their first data or what they left, and return at once."""
        if self.lock is not None:
            raise AlreadyRunning(f"The services of {self.directory} are already started here.")
        if not self.directory.exists():
            self.directory.mkdir(parents=True)
            self.directory.chmod(0o755 if self.account.dropped else 0o700)
        self.lock = locked(self.directory)
        try:
            self.place = place_for(self.directory, self.account)
            self.sockets = socket_directory(self.place, self.account)
            self.were_used = self.postgres.has_data
            self.valkey.launch()
            self.postgres.launch()
        except BaseException:
            self.stop()
            raise

    def wait_until_ready(self) -> None:
        """Return when both answer, and let others find them."""
        try:
            self.postgres.wait_until_ready()
            self.valkey.wait_until_ready()
            self._publish()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop Valkey, then Postgres, cleanly. Does nothing when they do not run."""
        if self.lock is None:
            return
        (self.directory / "services.json").unlink(missing_ok=True)
        self.valkey.stop()
        self.postgres.stop()
        if self.sockets.parent != self.place:
            shutil.rmtree(self.sockets, ignore_errors=True)
        os.close(self.lock)
        self.lock = None

    def erase(self) -> None:
        """Delete all data of stopped services, wherever it is kept."""
        if self.lock is not None:
            raise DevServicesError("Stop the services before you erase their data.")
        lock = locked(self.directory)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(place_for(self.directory, self.account))
            shutil.rmtree(self.directory)
        os.close(lock)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def database_url(self) -> str:
        """For the application: a login without rights of its own."""
        return self._postgres_url(APP_LOGIN)

    @property
    def owner_url(self) -> str:
        """For migrations: the owner of the database."""
        return self._postgres_url(OWNER_LOGIN)

    @property
    def redis_url(self) -> str:
        """For redis-py: database 0 behind the Unix socket."""
        return f"unix://{quote(str(self.valkey.socket))}?db=0"

    def _postgres_url(self, login: str) -> str:
        return f"postgresql://{login}@/{DATABASE}?host={quote(str(self.sockets))}"

    def _publish(self) -> None:
        urls = ServiceUrls(self.database_url, self.owner_url, self.redis_url, os.getpid())
        fresh = self.directory / "services.json.new"
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(urls), file, indent=2)
        fresh.rename(self.directory / "services.json")
