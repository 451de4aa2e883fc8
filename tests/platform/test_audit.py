"""The audit trail and what its verification finds."""

from datetime import timedelta

import asyncpg
import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import AUDIT_HEADS_HOURS
from marketplace.platform.audit import chain_entries, heads_of, verify_trail
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction
from marketplace.platform.settings import Settings
from marketplace.platform.witness import (
    SignedHeads,
    check_heads,
    keep_writing,
    signing_key,
    take_heads,
    write_heads,
)
from marketplace.worker import Worker
from tests.conftest import MoveClock

COMPANY = new_id()


async def record_three(platform: Platform) -> None:
    for price in ("1.50", "1.40", "1.30"):
        async with system_transaction(platform, Role.ENGINE) as tx:
            after = {"price": price, "within": str(timedelta(days=1))}
            tx.record("changed", "thing", new_id(), after=after, organization_id=COMPANY)
    assert await chain_entries(platform) == 3


async def broken_at(platform: Platform) -> int | None:
    async with system_transaction(platform, Role.WORKER) as tx:
        link = await verify_trail(tx, COMPANY)
    return link.number if link else None


async def tamper(settings: Settings, statement: str) -> None:
    """Do as somebody with the owner's password could."""
    connection = await asyncpg.connect(settings.owner_url)
    try:
        await connection.execute("alter table audit_trail no force row level security")
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_an_untouched_trail_verifies(platform: Platform) -> None:
    await record_three(platform)
    assert await broken_at(platform) is None
    async with system_transaction(platform, Role.WORKER) as tx:
        (head,) = await heads_of(tx, {COMPANY})
    assert head.number == 3


async def test_a_later_batch_continues_the_chain(platform: Platform) -> None:
    await record_three(platform)
    await record_three(platform)
    assert await broken_at(platform) is None


async def test_the_end_of_a_long_trail_is_one_step_away(platform: Platform) -> None:
    async with system_transaction(platform, Role.WORKER) as tx:
        await tx.execute(LONG_TRAIL.bindparams(company=COMPANY))
        await tx.execute(text("set local enable_seqscan = off"))
        before = await entries_read(tx)
        heads = await heads_of(tx, {COMPANY, new_id()})
        assert 0 < await entries_read(tx) - before < 10
    assert [head.number for head in heads] == [20_000]


LONG_TRAIL = text("""
    insert into audit_trail (organization_id, number, entry, recorded_at, hash)
    select :company, number, '{}', now(), '' from generate_series(1, 20000) as number
""")


async def entries_read(tx: Transaction) -> int:
    """Count what this transaction took from the trail's index."""
    read: int = await tx.scalar(
        text("select pg_stat_get_xact_tuples_returned('pk_audit_trail'::regclass)")
    )
    return read


CHANGED = """
    update audit_trail set entry = jsonb_set(entry, '{after,price}', '"9"') where number = 2
"""
DELETED = "delete from audit_trail where number = 2"
MOVED = "update audit_trail set recorded_at = recorded_at + interval '1 s' where number = 1"
RENUMBERED = "update audit_trail set number = 9 where number = 3"
REORDERED = """
    update audit_trail set number = number + 10 where number > 1;
    update audit_trail set number = 15 - number where number > 10
"""


@pytest.mark.parametrize(
    ("statement", "number"),
    [(CHANGED, 2), (DELETED, 2), (MOVED, 1), (RENUMBERED, 3), (REORDERED, 2)],
)
async def test_a_bent_trail_is_found(
    platform: Platform, settings: Settings, statement: str, number: int
) -> None:
    await record_three(platform)
    await tamper(settings, statement)
    assert await broken_at(platform) == number


@pytest.mark.parametrize("role", list(Role))
async def test_no_role_may_change_or_remove_an_entry(platform: Platform, role: Role) -> None:
    await record_three(platform)
    for statement in ("update audit_trail set number = 9", "delete from audit_trail"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with system_transaction(platform, role, organization_id=COMPANY) as tx:
                await tx.execute(text(statement))


async def test_heads_that_were_kept_find_what_the_trail_itself_cannot_tell(
    platform: Platform, settings: Settings
) -> None:
    await record_three(platform)
    key = await write_heads(platform)
    written = b"".join([chunk async for chunk in platform.files.read_stream(key)])
    kept = msgspec.json.decode(written, type=SignedHeads)
    await record_three(platform)
    assert await check_heads(platform, kept) == []

    await tamper(settings, "delete from audit_trail where number >= 3")
    assert await broken_at(platform) is None
    (fault,) = await check_heads(platform, kept)
    assert "was cut" in fault

    await tamper(settings, "delete from audit_trail")
    await record_three(platform)
    assert await broken_at(platform) is None
    (fault,) = await check_heads(platform, kept)
    assert "written anew" in fault


async def test_a_witness_cannot_change_what_he_keeps(platform: Platform) -> None:
    await record_three(platform)
    kept = await take_heads(platform)
    public = signing_key(platform.secrets).public_key()
    assert kept.is_signed_by(public)
    other = msgspec.structs.replace(kept, heads=())
    assert not other.is_signed_by(public)
    (fault,) = await check_heads(platform, other)
    assert "not as it was signed" in fault


async def test_the_worker_writes_heads_and_comes_again_a_day_later(
    platform: Platform, worker: Worker, settings: Settings, move_clock: MoveClock
) -> None:
    folder = settings.data_directory / "files" / "audit-heads"
    for files in (1, 2):
        async with keep_writing(platform):  # as each worker that starts
            await move_clock(timedelta(hours=AUDIT_HEADS_HOURS))
            await worker.run_until_idle()
        assert len(list(folder.iterdir())) == files
    async with keep_writing(platform):
        await move_clock(timedelta(hours=1))
        await worker.run_until_idle()
    assert len(list(folder.iterdir())) == 2
