"""The embedded servers, started, killed and found again. Real binaries, real signals."""

import asyncio
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
import redis

from marketplace.devservices import (
    AlreadyRunning,
    DevServices,
    DevServicesError,
    places,
    running_services,
)
from marketplace.devservices.places import Account
from marketplace.devservices.servers import _processes_in


@contextmanager
def fresh_directory() -> Iterator[Path]:
    """A directory that does not exist yet, below one that others may enter."""
    parent = Path(tempfile.mkdtemp(prefix="services-"))
    parent.chmod(0o755)
    yield parent / "services"
    shutil.rmtree(parent)


@pytest.fixture
def directory() -> Iterator[Path]:
    with fresh_directory() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def initialized() -> Iterator[Path]:
    """What a first start leaves."""
    with fresh_directory() as fresh:
        with DevServices(fresh, durable=False):
            pass
        yield fresh


@pytest.fixture
def used_directory(initialized: Path, directory: Path) -> Path:
    """A directory in which services ran before: making the first files takes longest."""
    copy = shutil.which("cp")
    assert copy is not None
    subprocess.run([copy, "--archive", initialized, directory], check=True)  # noqa: S603 - cp
    return directory


@pytest.fixture
def services(used_directory: Path) -> Iterator[DevServices]:
    """Services that the test may break."""
    with DevServices(used_directory, durable=False) as started:
        yield started


@pytest.fixture(scope="module")
def running() -> Iterator[DevServices]:
    """Services that the tests only look at."""
    with fresh_directory() as directory, DevServices(directory, durable=False) as started:
        yield started


def ask(url: str, *statements: str) -> object:
    """Run the statements in one session; the value of the last one."""

    async def run() -> object:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements[:-1]:
                await connection.execute(statement)
            return await connection.fetchval(statements[-1])
        finally:
            await connection.close()

    return asyncio.run(run())


def processes_of(services: DevServices) -> list[int]:
    return [*_processes_in(services.postgres.data), *_processes_in(services.valkey.data)]


def test_both_servers_answer_after_the_start(running: DevServices) -> None:
    assert ask(running.database_url, "SELECT current_user") == "marketplace_app"
    with redis.Redis.from_url(running.redis_url) as client:
        assert client.ping()


def test_neither_login_is_a_superuser_or_passes_row_security(running: DevServices) -> None:
    found = ask(
        running.owner_url,
        "SELECT count(*) FROM pg_roles WHERE rolname IN ('marketplace_owner', 'marketplace_app')"
        " AND NOT rolsuper AND NOT rolbypassrls",
    )
    assert found == 2


def test_the_owner_can_do_what_migrations_and_tests_need(running: DevServices) -> None:
    last = ask(
        running.owner_url,
        "CREATE EXTENSION pg_trgm",
        "CREATE EXTENSION btree_gist",
        "CREATE EXTENSION unaccent",
        "CREATE ROLE marketplace_api NOLOGIN",
        "GRANT marketplace_api TO marketplace_app",
        "CREATE DATABASE another TEMPLATE marketplace",
        "SELECT 1",
    )
    assert last == 1
    assert ask(running.database_url, "SET ROLE marketplace_api", "SELECT current_user") == (
        "marketplace_api"
    )


def test_text_sorts_the_same_on_every_machine(running: DevServices) -> None:
    locale = ask(running.owner_url, "SELECT datlocale FROM pg_database WHERE datname = 'postgres'")
    assert locale == "C.UTF-8"


def test_no_server_listens_on_a_port(running: DevServices) -> None:
    ports = ask(running.owner_url, "SELECT current_setting('listen_addresses')")
    assert ports == ""
    with redis.Redis.from_url(running.redis_url) as client:
        assert client.config_get("port") == {"port": "0"}


def test_others_cannot_enter_the_directory_of_the_sockets(running: DevServices) -> None:
    assert stat.S_IMODE(running.valkey.socket.parent.stat().st_mode) == 0o700


def test_a_stop_leaves_no_process_and_no_note(services: DevServices) -> None:
    assert len(processes_of(services)) > 2
    services.stop()
    assert processes_of(services) == []
    assert not (services.directory / "services.json").exists()


def test_a_second_start_continues_with_the_data(used_directory: Path) -> None:
    with DevServices(used_directory) as services:
        ask(services.owner_url, "CREATE TABLE kept (x int)", "INSERT INTO kept VALUES (7)")
        with redis.Redis.from_url(services.redis_url) as client:
            client.set("kept", "7")
    with DevServices(used_directory) as services:
        assert ask(services.owner_url, "SELECT x FROM kept") == 7
        with redis.Redis.from_url(services.redis_url) as client:
            assert client.get("kept") == b"7"


def test_a_killed_postgres_comes_back_with_what_it_confirmed(used_directory: Path) -> None:
    with DevServices(used_directory) as services:
        ask(services.owner_url, "CREATE TABLE kept (x int)", "INSERT INTO kept VALUES (7)")
        first = services.postgres.pid
        services.postgres.kill()
        assert list(_processes_in(services.postgres.data)) == []
        with pytest.raises(ConnectionRefusedError):
            ask(services.owner_url, "SELECT 1")
        services.postgres.start()
        assert services.postgres.pid != first
        assert ask(services.owner_url, "SELECT x FROM kept") == 7


def test_a_postgres_killed_by_somebody_else_can_be_started_again(services: DevServices) -> None:
    os.kill(services.postgres.pid, signal.SIGKILL)
    services.postgres._process.wait()  # type: ignore[union-attr]
    services.postgres.start()
    assert ask(services.owner_url, "SELECT 1") == 1


def test_a_killed_valkey_comes_back_with_what_it_was_told(used_directory: Path) -> None:
    with DevServices(used_directory) as services:
        with redis.Redis.from_url(services.redis_url) as client:
            client.set("kept", "7")
        services.valkey.kill()
        services.valkey.start()
        with redis.Redis.from_url(services.redis_url) as client:
            assert client.get("kept") == b"7"


def test_remains_of_a_lost_machine_do_not_stop_the_start(used_directory: Path) -> None:
    with DevServices(used_directory, durable=False) as services:
        data, sockets = services.postgres.data, services.valkey.socket.parent
    # The process id of this test lives, as one given out again after a restart would.
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n0\n5432\n{sockets}\n\n\nready\n")
    (sockets / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
    for name in (".s.PGSQL.5432", "valkey.sock"):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(sockets / name))
    with DevServices(used_directory, durable=False) as services:
        assert ask(services.owner_url, "SELECT 1") == 1


def test_an_interrupted_first_start_is_begun_anew(directory: Path) -> None:
    (directory / "pg18.new").mkdir(parents=True)
    directory.chmod(0o755)
    (directory / "pg18.new" / "PG_VERSION").write_text("18\n")
    with DevServices(directory, durable=False) as services:
        assert ask(services.owner_url, "SELECT 1") == 1


def test_a_second_start_on_one_directory_is_refused_and_names_the_first(
    running: DevServices,
) -> None:
    with pytest.raises(AlreadyRunning, match=rf"already running \(process {os.getpid()}\)"):
        DevServices(running.directory).start()
    assert ask(running.owner_url, "SELECT 1") == 1


def test_another_process_finds_running_services(running: DevServices) -> None:
    assert stat.S_IMODE((running.directory / "services.json").stat().st_mode) == 0o600
    found = running_services(running.directory)
    assert found is not None
    assert found.database_url == running.database_url
    assert found.redis_url == running.redis_url
    assert found.pid == os.getpid()


def test_a_note_that_outlived_its_services_is_not_believed(used_directory: Path) -> None:
    assert running_services(used_directory) is None
    with DevServices(used_directory, durable=False) as services:
        note = (services.directory / "services.json").read_text()
    (used_directory / "services.json").write_text(note)
    assert running_services(used_directory) is None


def test_the_servers_end_with_the_process_that_started_them(used_directory: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from marketplace.devservices import *;"
        "DevServices(Path(sys.argv[1]), durable=False).start(); print('ready', flush=True);"
        "time.sleep(3600)"
    )
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program, str(used_directory)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.kill()
    with DevServices(used_directory, durable=False) as services:  # waits for the old ones to end
        assert ask(services.owner_url, "SELECT 1") == 1


def test_a_server_that_cannot_start_says_why(used_directory: Path) -> None:
    with DevServices(used_directory, durable=False) as services:
        version = services.postgres.data / "PG_VERSION"
    version.write_text("9\n")
    with pytest.raises(DevServicesError, match="database files are incompatible with server"):
        DevServices(used_directory, durable=False).start()
    version.write_text("18\n")
    with DevServices(used_directory, durable=False) as services:
        assert ask(services.owner_url, "SELECT 1") == 1


def test_a_binary_that_is_not_there_is_named(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETPLACE_PG_BIN", "/nowhere")
    with pytest.raises(DevServicesError, match="no server at /nowhere/initdb"):
        DevServices(directory).start()


def test_a_directory_with_a_long_path_gets_short_sockets(directory: Path) -> None:
    with DevServices(directory / ("long" * 30), durable=False) as services:
        sockets = services.valkey.socket.parent
        assert ask(services.owner_url, "SELECT 1") == 1
        assert not sockets.is_relative_to(directory)
    assert not sockets.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the servers to another account")
def test_data_below_a_private_directory_is_kept_where_the_servers_reach_it(
    directory: Path,
) -> None:
    directory.mkdir(mode=0o700)
    services = DevServices(directory / "inner", durable=False)
    with services:
        assert ask(services.owner_url, "SELECT 1") == 1
        assert not services.postgres.data.is_relative_to(directory)
        assert running_services(directory / "inner") is not None
    services.erase()
    assert not services.postgres.data.exists()
    assert not (directory / "inner").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the servers to another account")
def test_binaries_below_a_private_directory_are_copied(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = Account.reaches
    monkeypatch.setattr(
        Account,
        "reaches",
        lambda self, path: "site-packages" not in path.parts and reached(self, path),
    )
    public = directory.with_name("public")
    public.mkdir(mode=0o755)
    monkeypatch.setattr(places, "_public_directory", lambda _name: public)
    with DevServices(directory, durable=False) as services:
        assert ask(services.owner_url, "CREATE EXTENSION pg_trgm", "SELECT 1") == 1
        command = Path(f"/proc/{services.postgres.pid}/exe").readlink()
        assert command.is_relative_to(public)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file of somebody else")
def test_data_of_somebody_else_is_refused(used_directory: Path) -> None:
    with DevServices(used_directory, durable=False) as services:
        os.chown(services.valkey.data, 12345, 12345)
    with pytest.raises(DevServicesError, match="belongs to user 12345"):
        services.start()
    assert json.loads((used_directory / "lock").read_text()) == os.getpid()
    assert processes_of(services) == []
