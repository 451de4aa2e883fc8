"""From committed facts to numbered events."""

import asyncio
import random
from uuid import UUID

import pytest
from sqlalchemy import select, text

from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.outbox import number_events
from marketplace.platform.tables import EventAudienceRow, EventRow, OutboxRow

COMPANY = new_id()


def fact(subject: UUID, version: int) -> Event:
    return Event("thing.changed", "thing", subject, version, frozenset([COMPANY]), {"n": version})


async def numbers(platform: Platform) -> list[tuple[int, UUID, int]]:
    async with system_transaction(platform, Role.WORKER) as tx:
        rows = await tx.all(
            select(EventRow.number, EventRow.subject_id, EventRow.version).order_by(EventRow.number)
        )
    return [(row.number, row.subject_id, row.version) for row in rows]


async def test_an_event_leaves_with_its_commit_and_gets_the_next_number(platform: Platform) -> None:
    subject = new_id()
    async with system_transaction(platform, Role.ENGINE) as tx:
        tx.emit(fact(subject, 1))
        tx.emit(fact(subject, 2))
    assert await number_events(platform) == 2
    assert await numbers(platform) == [(1, subject, 1), (2, subject, 2)]
    async with system_transaction(platform, Role.WORKER) as tx:
        assert await tx.scalar(select(EventAudienceRow.organization_id).limit(1)) == COMPANY
        assert (await tx.all(select(OutboxRow.id))) == []


async def test_where_nothing_happened_nothing_is_written(platform: Platform) -> None:
    async def version_of_the_counter() -> object:
        async with system_transaction(platform, Role.WORKER) as tx:
            return await tx.scalar(text("select xmin::text from event_counter"))

    before = await version_of_the_counter()
    assert await number_events(platform) == 0
    assert await version_of_the_counter() == before


async def test_a_transaction_that_fails_leaves_no_event(platform: Platform) -> None:
    with pytest.raises(RuntimeError, match="no"):
        async with system_transaction(platform, Role.ENGINE) as tx:
            tx.emit(fact(new_id(), 1))
            await tx.flush()
            raise RuntimeError("no")
    assert await number_events(platform) == 0


async def test_eight_writers_lose_none_invert_none_and_leave_no_gap(platform: Platform) -> None:
    subjects = [new_id() for _ in range(3)]
    versions = dict.fromkeys(subjects, 0)
    stop = asyncio.Event()

    async def write(writer: int) -> None:
        dice = random.Random(writer)  # noqa: S311 - a seed makes it repeatable
        for _ in range(25):
            subject = dice.choice(subjects)
            async with system_transaction(platform, Role.ENGINE) as tx:
                # The lock on the subject, as every service takes it before it writes events.
                lock = text("select pg_advisory_xact_lock(:key)")
                await tx.scalar(lock.bindparams(key=subject.int & 0x7FFF_FFFF))
                versions[subject] += 1
                tx.emit(fact(subject, versions[subject]))
                await tx.flush()
                await asyncio.sleep(dice.random() / 200)

    async def sequence() -> None:
        while not stop.is_set():
            await number_events(platform)
            await asyncio.sleep(0.001)

    sequencers = [asyncio.create_task(sequence()) for _ in range(2)]
    await asyncio.gather(*(write(n) for n in range(8)))
    stop.set()
    await asyncio.gather(*sequencers)
    while await number_events(platform):
        pass

    stored = await numbers(platform)
    assert [number for number, _, _ in stored] == list(range(1, 201))
    for subject in subjects:
        seen = [version for _, s, version in stored if s == subject]
        assert seen == list(range(1, versions[subject] + 1))
