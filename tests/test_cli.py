"""The command line as a person uses it: real processes, real signals."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner

from marketplace import development
from marketplace.cli import main
from marketplace.commands.terminal import says_what_is_wrong
from marketplace.devservices import running_services
from marketplace.platform.settings import SettingsError

ROOT = Path(__file__).parents[1]
NO_SERVERS = {"DATABASE_URL": None, "REDIS_URL": None, "MARKETPLACE_OWNER_URL": None}


@pytest.fixture
def directory() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="cli-"))
    parent.chmod(0o755)
    yield parent / "data"
    shutil.rmtree(parent)


def refused(*arguments: str, environ: dict[str, str | None]) -> str:
    result = CliRunner().invoke(main, arguments, env={**NO_SERVERS, **environ})
    assert result.exit_code == 1, result.output
    return result.output


def test_without_servers_a_command_says_how_to_get_them(directory: Path) -> None:
    said = refused("migrate", environ={"MARKETPLACE_DATA": str(directory)})
    assert "make run" in said
    assert "DATABASE_URL and REDIS_URL" in said


def test_one_of_the_two_servers_alone_is_refused(directory: Path) -> None:
    environ: dict[str, str | None] = {
        "MARKETPLACE_DATA": str(directory),
        "REDIS_URL": "redis://localhost",
    }
    assert "REDIS_URL is set alone" in refused("migrate", environ=environ)


def test_servers_of_the_environment_are_taken_as_they_are() -> None:
    given = {"DATABASE_URL": "postgresql://elsewhere", "REDIS_URL": "redis://elsewhere"}
    assert development.found_environment(given) == given


def test_the_secret_of_a_directory_is_made_once_and_private(directory: Path) -> None:
    directory.mkdir()
    first = development._secret_file(directory)
    text = first.read_text()
    assert len(text) == 64
    assert first.stat().st_mode & 0o777 == 0o600
    assert development._secret_file(directory).read_text() == text


def test_the_document_of_the_repository_is_the_one_that_is_served(tmp_path: Path) -> None:
    """Other tests read it there: making it takes a second and a half."""
    path = tmp_path / "openapi.json"
    write = CliRunner().invoke(main, ["openapi", str(path)])
    assert write.exit_code == 0, write.output
    assert path.read_text() == (ROOT / "docs" / "openapi.json").read_text(), "make openapi"


def test_a_document_that_is_checked_is_compared_not_written(tmp_path: Path) -> None:
    path = tmp_path / "asyncapi.json"
    path.write_text("{}")
    assert "make openapi" in refused("asyncapi", "--check", str(path), environ={})
    assert path.read_text() == "{}"


def test_an_error_a_person_can_mend_is_one_line_and_no_traceback() -> None:
    @click.command()
    @says_what_is_wrong
    def broken() -> None:
        raise SettingsError("The frobnicator is unset; set it.")

    result = CliRunner().invoke(broken)
    assert result.exit_code == 1
    assert result.output == "Error: The frobnicator is unset; set it.\n"


class Flapping:
    """A process that ends at once, every time."""

    name = "flapping"
    running = False
    starts = 0

    def __init__(self, log: Path) -> None:
        self.log = log

    def start(self) -> None:
        self.starts += 1


def test_what_ends_again_and_again_is_given_up_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "flapping.log"
    log.write_text("out of luck\n")
    process = Flapping(log)
    told: list[str] = []
    watch = development.Watch([process], told.append)
    for _ in range(development.RESTARTS_MAX):
        watch.look()
    with pytest.raises(SettingsError, match="out of luck"):
        watch.look()
    assert process.starts == development.RESTARTS_MAX
    assert told == ["flapping ended by itself and is started again"] * process.starts


def test_a_taken_port_is_named_before_anything_starts() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} is taken"):
            development.check_port("127.0.0.1", port)


STEP_S = 600
"""What one step may take, on a machine that does many other things."""


def within_its_time(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + STEP_S
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def processes_naming(text: str) -> list[int]:
    """The processes whose command line, or working directory, names `text`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            said = (entry / "cmdline").read_bytes().decode() + str((entry / "cwd").readlink())
        except OSError:
            continue
        if text in said:
            found.append(int(entry.name))
    return found


@pytest.mark.faults
@pytest.mark.timeout(5 * STEP_S)
def test_one_command_runs_everything_survives_kills_and_leaves_nothing(directory: Path) -> None:
    environ = {
        name: value
        for name, value in os.environ.items()
        if name not in NO_SERVERS and not name.startswith("PYTEST")
    }
    environ |= {"MARKETPLACE_DATA": str(directory), "PYTHONPATH": str(ROOT)}

    def marketplace(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "marketplace.cli", *arguments]

    def in_another_terminal(*arguments: str) -> str:
        given = {**NO_SERVERS, "MARKETPLACE_DATA": str(directory)}
        done = CliRunner().invoke(main, arguments, env=given)
        assert done.exit_code == 0, done.output
        return done.output

    def is_ready() -> bool:
        try:
            return http.get("/health/ready").is_success
        except httpx.TransportError:
            return False

    output = directory.with_name("said")
    said = output.read_text

    def restarted(name: str) -> bool:
        return f"{name} ended by itself and is started again" in said()

    def child(command: str) -> int:
        named = [pid for pid in processes_naming(command) if is_child(pid, run.pid)]
        assert len(named) == 1
        return named[0]

    with (
        development.reserved_port() as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
        output.open("wb") as terminal,
        subprocess.Popen(  # noqa: S603 - our own program
            marketplace("dev", f"--port={port}"), env=environ, cwd=ROOT, stdout=terminal
        ) as run,
        stopped_on_failure(run),
    ):
        # From then on it watches; the catalog of the demo is sent before.
        last = "Bid in it against the others"
        assert within_its_time(lambda: last in said() or run.poll() is not None), said()
        assert is_ready()

        # The demo's keys are for this user alone, and count.
        keys = directory / "demo-keys.json"
        assert keys.stat().st_mode & 0o777 == 0o600
        buyer = json.loads(keys.read_text())["buyer"]
        assert status_of(http, buyer["keys"]["administrator"]) == 200

        # Another terminal finds the servers.
        assert "The schema is at" in in_another_terminal("migrate")
        assert "There is an operator already" in in_another_terminal("seed")
        operator_key = in_another_terminal("seed", "--new-key").split()[-1]
        assert status_of(http, operator_key) == 200

        os.kill(child("\0serve\0"), signal.SIGKILL)
        assert within_its_time(lambda: restarted("api"))
        assert within_its_time(is_ready)

        killed = running_postgres(directory)
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        assert within_its_time(lambda: running_postgres(directory) not in {None, killed})
        assert within_its_time(lambda: restarted("postgres"))
        assert within_its_time(is_ready)

        run.send_signal(signal.SIGINT)
        run.wait(STEP_S)
    assert run.returncode == 0
    assert "The data stays" in said()
    key = buyer["keys"]["administrator"]
    assert f"/standing -H 'Authorization: Bearer {key}'" in said()
    assert running_services(directory) is None
    assert processes_naming(str(directory)) == []


@contextmanager
def stopped_on_failure(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        process.terminate()
        raise


def running_postgres(directory: Path) -> int | None:
    try:
        return int((directory / "pg18" / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def status_of(http: httpx.Client, key: str) -> int:
    return http.get("/v1/me", headers={"Authorization": f"Bearer {key}"}).status_code


def is_child(pid: int, parent: int) -> bool:
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except OSError:
        return False
    return int(after_name.split()[1]) == parent
