import asyncio
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from marketplace.kernel.errors import Conflict, NotFound
from rfq.key_store import DatabaseClock, KeyUnusable, LocalKeyStore, StillSealed

PROCEDURE = UUID(int=9)
DEADLINE = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
SECRET = bytes(32)


class Clock:
    def __init__(self, at: datetime = DEADLINE - timedelta(hours=1)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def store(
    path: Path, clock: Clock | None = None, *, secret: bytes = SECRET, clock_may_move: bool = False
) -> LocalKeyStore:
    return LocalKeyStore(
        path / "keys", secret, clock=clock or Clock(), clock_may_move=clock_may_move
    )


async def test_the_released_key_is_the_one_that_was_sealed_to(tmp_path: Path) -> None:
    keys = store(tmp_path, Clock(DEADLINE))
    public = await keys.create(PROCEDURE, DEADLINE)
    private = await keys.release(PROCEDURE, DatabaseClock(DEADLINE))
    assert private.public_key() == public
    assert await keys.public_key(PROCEDURE) == public


@pytest.mark.parametrize(
    ("own", "database"),
    [
        (DEADLINE - MOMENT, DEADLINE - MOMENT),
        (DEADLINE - MOMENT, DEADLINE + timedelta(days=400)),
        (DEADLINE + timedelta(days=400), DEADLINE - MOMENT),
    ],
)
async def test_both_clocks_must_have_passed_the_deadline(
    tmp_path: Path, own: datetime, database: datetime
) -> None:
    keys = store(tmp_path, Clock(own))
    await keys.create(PROCEDURE, DEADLINE)
    with pytest.raises(StillSealed) as refusal:
        await keys.release(PROCEDURE, DatabaseClock(database))
    assert refusal.value.opens_in == MOMENT


async def test_a_moved_database_clock_moves_the_own_one_only_where_that_is_allowed(
    tmp_path: Path,
) -> None:
    moved = DatabaseClock(DEADLINE, timedelta(hours=1))
    await store(tmp_path).create(PROCEDURE, DEADLINE)
    with pytest.raises(StillSealed):
        await store(tmp_path).release(PROCEDURE, moved)
    await store(tmp_path, clock_may_move=True).release(PROCEDURE, moved)


async def test_the_deadline_moves_later_and_never_earlier(tmp_path: Path) -> None:
    clock = Clock(DEADLINE)
    keys = store(tmp_path, clock)
    public = await keys.create(PROCEDURE, DEADLINE)
    await keys.extend(PROCEDURE, DEADLINE + timedelta(days=1))
    for earlier in (DEADLINE, DEADLINE + timedelta(hours=23)):
        with pytest.raises(Conflict):
            await keys.extend(PROCEDURE, earlier)
        with pytest.raises(Conflict):
            await keys.create(PROCEDURE, earlier)
    with pytest.raises(StillSealed):
        await keys.release(PROCEDURE, DatabaseClock(DEADLINE))
    clock.at = DEADLINE + timedelta(days=1)
    private = await keys.release(PROCEDURE, DatabaseClock(clock.at))
    assert private.public_key() == public


async def test_of_many_deadlines_set_at_once_the_latest_stays(tmp_path: Path) -> None:
    keys = store(tmp_path, Clock(DEADLINE))
    await keys.create(PROCEDURE, DEADLINE)
    days = [timedelta(days=n) for n in range(1, 33)]
    await asyncio.gather(
        *(keys.extend(PROCEDURE, DEADLINE + day) for day in days), return_exceptions=True
    )
    with pytest.raises(StillSealed) as refusal:
        await keys.release(PROCEDURE, DatabaseClock(DEADLINE))
    assert refusal.value.opens_in == days[-1]


async def test_a_key_is_made_once(tmp_path: Path) -> None:
    assert await store(tmp_path).create(PROCEDURE, DEADLINE) == await store(tmp_path).create(
        PROCEDURE, DEADLINE
    )


async def test_an_edited_deadline_in_the_file_makes_the_key_useless(tmp_path: Path) -> None:
    keys = store(tmp_path, Clock(DEADLINE))
    await keys.create(PROCEDURE, DEADLINE + timedelta(days=1))
    file = tmp_path / "keys" / f"{PROCEDURE}.json"
    file.write_text(file.read_text().replace("2026-03-03", "2026-03-01"))
    with pytest.raises(KeyUnusable):
        await keys.release(PROCEDURE, DatabaseClock(DEADLINE))


async def test_without_the_secret_the_file_is_useless(tmp_path: Path) -> None:
    await store(tmp_path).create(PROCEDURE, DEADLINE)
    thief = store(tmp_path, Clock(DEADLINE), secret=b"x" * 32)
    with pytest.raises(KeyUnusable):
        await thief.release(PROCEDURE, DatabaseClock(DEADLINE))


async def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    keys = store(tmp_path, Clock(DEADLINE))
    await keys.create(PROCEDURE, DEADLINE)
    (tmp_path / "keys" / f"{PROCEDURE}.json").write_text("{}")
    with pytest.raises(KeyUnusable):
        await keys.release(PROCEDURE, DatabaseClock(DEADLINE))


async def test_the_private_key_lies_nowhere_in_the_clear(tmp_path: Path) -> None:
    keys = store(tmp_path, Clock(DEADLINE))
    await keys.create(PROCEDURE, DEADLINE)
    private = await keys.release(PROCEDURE, DatabaseClock(DEADLINE))
    for file in (tmp_path / "keys").iterdir():
        assert private.private_bytes_raw() not in file.read_bytes()
        assert private.private_bytes_raw().hex() not in file.read_text()


async def test_only_the_owner_enters_the_directory_and_reads_its_files(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)
    await store(tmp_path).create(PROCEDURE, DEADLINE)
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    files = list((tmp_path / "keys").iterdir())
    assert [file.name for file in files] == [f"{PROCEDURE}.json"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


async def test_an_unknown_procedure_has_no_key(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await store(tmp_path).public_key(PROCEDURE)
    with pytest.raises(KeyUnusable, match="missing"):
        await store(tmp_path).release(PROCEDURE, DatabaseClock(DEADLINE))
