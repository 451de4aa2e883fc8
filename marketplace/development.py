"""Everything on one machine: what `marketplace dev` starts, watches and stops again.

The other commands find what it started: services by their directory, the secret by its file.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final, Protocol

from marketplace.devservices import (
    DevServices,
    ServiceUrls,
    running_services,
    tied_to_parent,
)
from marketplace.platform.settings import SettingsError

DIRECTORY: Final = Path(".marketplace")
READY_S_MAX: Final = 180.0
STOP_S_MAX: Final = 10.0
WATCH_S: Final = 0.2
RESTARTS_MAX: Final = 5
RESTARTS_WINDOW_S: Final = 30.0

Environ = dict[str, str]


def directory_of(environ: Mapping[str, str]) -> Path:
    """Give the directory of local data."""
    return Path(environ.get("MARKETPLACE_DATA", DIRECTORY))


def demo_keys_file(environ: Mapping[str, str]) -> Path:
    """Give the file that keeps the keys of the demo's companies."""
    return directory_of(environ) / "demo-keys.json"


def has_own_services(environ: Mapping[str, str]) -> bool:
    """Tell whether the environment names servers. Raises SettingsError if it names only one."""
    named = [name for name in ("DATABASE_URL", "REDIS_URL") if environ.get(name)]
    if len(named) == 1:
        raise SettingsError(f"{named[0]} is set alone; set both URLs, or none for embedded ones.")
    return bool(named)


def found_environment(environ: Mapping[str, str]) -> Environ:
    """Complete the environment by the services that `marketplace dev` runs in another terminal.

    Raises SettingsError where the environment names no servers and none run here.
    """
    if has_own_services(environ):
        return dict(environ)
    directory = directory_of(environ)
    urls = running_services(directory)
    if urls is None:
        raise SettingsError(
            f"No servers: start them with `make run` in another terminal (it keeps {directory}),"
            " or set DATABASE_URL and REDIS_URL."
        )
    return local_environment(environ, urls)


def local_environment(environ: Mapping[str, str], urls: ServiceUrls) -> Environ:
    """Complete the environment by embedded services and a secret of this directory alone."""
    complete = {
        **environ,
        "DATABASE_URL": urls.database_url,
        "MARKETPLACE_OWNER_URL": urls.owner_url,
        "REDIS_URL": urls.redis_url,
    }
    if not (environ.get("MARKETPLACE_SECRET") or environ.get("MARKETPLACE_SECRET_FILE")):
        complete["MARKETPLACE_SECRET_FILE"] = str(_secret_file(directory_of(environ)))
    return complete


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, replacing it as a whole."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


def _secret_file(directory: Path) -> Path:
    path = directory / "secret"
    if not path.exists():
        write_private(path, secrets.token_hex(32))
    return path


@contextmanager
def embedded_services(environ: Mapping[str, str]) -> Iterator[tuple[DevServices | None, Environ]]:
    """Run embedded services for the length of the block, unless the environment names servers.

    They are launched and do not answer yet: a second and more of other things can begin meanwhile.
    """
    if has_own_services(environ):
        yield None, dict(environ)
        return
    services = DevServices(directory_of(environ))
    services.launch()
    try:
        urls = ServiceUrls(
            services.database_url, services.owner_url, services.redis_url, os.getpid()
        )
        yield services, local_environment(environ, urls)
    finally:
        services.stop()


class Watched(Protocol):
    """A process that is started again when it ends by itself."""

    name: str

    @property
    def running(self) -> bool:
        """Whether it lives."""

    @property
    def log(self) -> Path:
        """Where it writes."""

    def start(self) -> None:
        """Start it."""


@dataclass
class Child:
    """A process of ours, with its log in a file; it ends with us."""

    name: str
    command: list[str]
    environ: Environ
    log: Path
    _process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Tell whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process's id, of the latest start."""
        if self._process is None:
            raise SettingsError(f"{self.name} was not started.")
        return self._process.pid

    def start(self) -> None:
        """Start it and return at once."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                self.command,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we stop it in order
                preexec_fn=tied_to_parent(signal.SIGTERM),  # noqa: PLW1509 - one thread so far
            )

    def ask_to_stop(self) -> None:
        """Let it finish what it does."""
        if self.running and self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """Stop it; by force when it takes too long."""
        self.ask_to_stop()
        if self._process is None:
            return
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def command_child(name: str, environ: Environ, *arguments: str) -> Child:
    """Make a child that runs one of our own commands."""
    command = [sys.executable, "-m", "marketplace.cli", *arguments]
    return Child(name, command, environ, directory_of(environ) / f"{name}.log")


@dataclass
class Watch:
    """Starts processes again that ended by themselves, until one does so over and over."""

    processes: list[Watched]
    tell: Callable[[str], None]
    _restarts: dict[str, deque[float]] = field(default_factory=dict)

    def look(self) -> None:
        """Start again what has ended. Raises SettingsError for what ends again at once."""
        for process in self.processes:
            if process.running:
                continue
            recent = self._restarts.setdefault(process.name, deque(maxlen=RESTARTS_MAX))
            if len(recent) == RESTARTS_MAX and time.monotonic() - recent[0] < RESTARTS_WINDOW_S:
                raise SettingsError(
                    f"{process.name} ends again and again; its log says:\n{tail(process.log)}"
                )
            recent.append(time.monotonic())
            self.tell(f"{process.name} ended by itself and is started again")
            process.start()


def tail(log: Path, lines: int = 12) -> str:
    """Give the last lines of a log."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def wait_until_ready(url: str, child: Child) -> None:
    """Return when the API answers that it is ready; raises SettingsError with its log's end."""
    import httpx  # noqa: PLC0415 - a server process has no use for a client, and shares this file

    deadline = time.monotonic() + READY_S_MAX
    with httpx.Client(base_url=url, timeout=READY_S_MAX) as http:
        while True:
            with contextlib.suppress(httpx.TransportError):
                if http.get("/health/ready").is_success:
                    return
            if not child.running or time.monotonic() > deadline:
                raise SettingsError(f"The {child.name} did not start:\n{tail(child.log)}")
            time.sleep(0.05)


def check_port(host: str, port: int) -> None:
    """Raise SettingsError where another program has the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise SettingsError(
                f"Port {port} is taken by another program; choose one: make run PORT=8001"
            ) from None


@contextmanager
def reserved_port() -> Iterator[int]:
    """Give a free port of this machine that nobody else is given before the block ends.

    Who binds it by name and reuses addresses, as servers do, gets it; a port that is merely free
    can be anybody's by the time a server has started.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        yield port


@contextmanager
def until_stopped() -> Iterator[None]:
    """End the block at Ctrl-C or SIGTERM; another signal does not disturb what it cleans up."""
    numbers = (signal.SIGINT, signal.SIGTERM)

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before: dict[int, Any] = {number: signal.signal(number, stop) for number in numbers}
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
