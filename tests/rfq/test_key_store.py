import asyncio
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from marketplace.kernel.errors import Conflict, NotFound
from rfq.key_store import (
    AwaitingOfficers,
    DatabaseClock,
    KeyUnusable,
    NotAdmitted,
    StillSealed,
)
from rfq.local_key_store import LocalKeyStore
from rfq.rules.bid import Part
from rfq.rules.officers import code_hash
from rfq.rules.sealed_files import FilePlace
from rfq.rules.sealing import Place, Wrapped, wrapped

PROCEDURE = UUID(int=9)
ACME, BOLT = UUID(int=11), UUID(int=12)
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


def boxed(
    bidder: UUID, public: X25519PublicKey, version: int = 1, variant: int = 0
) -> tuple[Place | FilePlace, Wrapped]:
    """A bid's key, wrapped as it is in a financial envelope."""
    place = Place(PROCEDURE, bidder, version, Part.FINANCIAL, variant)
    bound = place.associated_data()
    return place, wrapped(bytes(32), bound, public, purpose=place.purpose)


async def financial(path: Path, at: datetime) -> tuple[LocalKeyStore, X25519PublicKey]:
    """A store with the two keys of a procedure, whose clock says `at`."""
    keys = store(path, Clock(at))
    await keys.create(PROCEDURE, DEADLINE)
    return keys, await keys.create(PROCEDURE, DEADLINE, part=Part.FINANCIAL)


async def test_financial_envelopes_open_after_the_result_is_recorded_and_of_who_passed_alone(
    tmp_path: Path,
) -> None:
    later = DEADLINE + timedelta(days=9)
    now = DatabaseClock(later)
    keys, public = await financial(tmp_path, later)
    assert public != await keys.public_key(PROCEDURE)
    acme, bolt = boxed(ACME, public), boxed(BOLT, public)
    with pytest.raises(NotAdmitted, match="until the technical result"):
        await keys.unwrap(PROCEDURE, [acme], now)
    for locked_at in (DEADLINE - MOMENT, later + MOMENT):
        with pytest.raises(NotAdmitted, match="after the deadline"):
            await keys.admit(PROCEDURE, [ACME], locked_at, now)
    await keys.admit(PROCEDURE, [ACME], later, now)
    await keys.admit(PROCEDURE, [ACME], later, now)
    with pytest.raises(Conflict, match="never changes"):
        await keys.admit(PROCEDURE, [ACME, BOLT], later, now)
    assert await keys.unwrap(PROCEDURE, [acme], now) == [bytes(32)]
    with pytest.raises(NotAdmitted, match="did not pass"):
        await keys.unwrap(PROCEDURE, [acme, bolt], now)
    # Nor under the name of one who passed.
    assert await keys.unwrap(PROCEDURE, [(acme[0], bolt[1])], now) == [None]
    await keys.destroy(PROCEDURE, Part.FINANCIAL)
    with pytest.raises(KeyUnusable, match="missing"):
        await keys.unwrap(PROCEDURE, [acme], now)
    await keys.release(PROCEDURE, now)


async def test_of_a_bidders_offers_those_open_that_passed_and_a_file_with_any_of_them(
    tmp_path: Path,
) -> None:
    now = DatabaseClock(DEADLINE)
    keys, public = await financial(tmp_path, DEADLINE)
    main, first, second = (boxed(ACME, public, variant=number) for number in range(3))
    place = FilePlace(PROCEDURE, ACME, BOLT)
    bound = place.associated_data()
    file = place, wrapped(bytes(32), bound, public, purpose=place.purpose)
    await keys.admit(PROCEDURE, [], DEADLINE, now, [(ACME, 1)])
    with pytest.raises(Conflict, match="never changes"):
        await keys.admit(PROCEDURE, [], DEADLINE, now, [(ACME, 1), (ACME, 2)])
    assert await keys.unwrap(PROCEDURE, [first, file], now) == [bytes(32)] * 2
    for closed in (main, second, boxed(BOLT, public, variant=1)):
        with pytest.raises(NotAdmitted):
            await keys.unwrap(PROCEDURE, [closed], now)
    # Nor under the name of the one that passed.
    assert await keys.unwrap(PROCEDURE, [(first[0], second[1])], now) == [None]
    stored = tmp_path / "keys" / f"{PROCEDURE}.financial.json"
    stored.write_text(stored.read_text().replace(f'["{ACME}",1]', f'["{ACME}",2]'))
    with pytest.raises(KeyUnusable):
        await keys.unwrap(PROCEDURE, [second], now)


@pytest.mark.parametrize(
    ("own", "database"),
    [
        (DEADLINE - MOMENT, DEADLINE + timedelta(days=400)),
        (DEADLINE + timedelta(days=400), DEADLINE - MOMENT),
    ],
)
async def test_no_result_is_recorded_before_both_clocks_have_passed_the_deadline(
    tmp_path: Path, own: datetime, database: datetime
) -> None:
    keys, _ = await financial(tmp_path, own)
    with pytest.raises(StillSealed):
        await keys.admit(PROCEDURE, [ACME], DEADLINE, DatabaseClock(database))


async def test_a_later_deadline_holds_for_the_financial_key_and_an_edited_result_makes_it_useless(
    tmp_path: Path,
) -> None:
    keys, public = await financial(tmp_path, DEADLINE)
    await keys.extend(PROCEDURE, DEADLINE + MOMENT)
    with pytest.raises(StillSealed):
        await keys.admit(PROCEDURE, [ACME], DEADLINE, DatabaseClock(DEADLINE))
    keys = store(tmp_path, Clock(DEADLINE + MOMENT))
    now = DatabaseClock(DEADLINE + MOMENT)
    await keys.admit(PROCEDURE, [ACME], now.at, now)
    file = tmp_path / "keys" / f"{PROCEDURE}.financial.json"
    file.write_text(file.read_text().replace(str(ACME), str(BOLT)))
    with pytest.raises(KeyUnusable):
        await keys.unwrap(PROCEDURE, [boxed(BOLT, public)], now)


async def test_officers_approve_the_financial_envelopes_once_the_result_is_recorded(
    tmp_path: Path,
) -> None:
    now = DatabaseClock(DEADLINE)
    keys = store(tmp_path, Clock(DEADLINE))
    hashes = {who: code_hash(PROCEDURE, who, str(who)) for who in (ACME, BOLT)}
    for part in (Part.WHOLE, Part.FINANCIAL):
        public = await keys.create(PROCEDURE, DEADLINE, hashes, part)
    with pytest.raises(NotAdmitted):
        await keys.approve(PROCEDURE, ACME, str(ACME), now, Part.FINANCIAL)
    await keys.admit(PROCEDURE, [ACME], DEADLINE, now)
    await keys.approve(PROCEDURE, ACME, str(ACME), now, Part.FINANCIAL)
    with pytest.raises(AwaitingOfficers):
        await keys.unwrap(PROCEDURE, [boxed(ACME, public)], now)
    await keys.approve(PROCEDURE, BOLT, str(BOLT), now, Part.FINANCIAL)
    assert await keys.unwrap(PROCEDURE, [boxed(ACME, public)], now) == [bytes(32)]
    assert await keys.approvals(PROCEDURE) == ()


async def test_an_unknown_procedure_has_no_key(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await store(tmp_path).public_key(PROCEDURE)
    with pytest.raises(KeyUnusable, match="missing"):
        await store(tmp_path).release(PROCEDURE, DatabaseClock(DEADLINE))
