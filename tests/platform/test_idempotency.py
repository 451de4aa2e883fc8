"""One effect per request."""

import asyncio

import pytest
from sqlalchemy import func, select

from marketplace.kernel.errors import KeyReused, StillRunning
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.platform.http.schemas import Output
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from marketplace.platform.tables import OutboxRow


class Made(Output):
    number: int


def caller() -> Caller:
    company = new_id()
    return Caller(company, company, (company,), new_id(), frozenset(), frozenset())


def key(name: str = "k", body: bytes = b"body") -> IdempotencyKey:
    return IdempotencyKey("make", name, body.ljust(32))


async def make(platform: Platform, who: Caller, request: IdempotencyKey, number: int) -> Made:
    async with transaction(platform, who) as tx:
        if (earlier := await replay(tx, request, Made)) is not None:
            return earlier
        tx.emit(Event("made", "thing", new_id(), 1, frozenset([who.organization_id])))
        await tx.flush()
        await asyncio.sleep(0.05)
        return await keep(tx, request, Made(number=number))


async def effects(platform: Platform) -> int:
    async with system_transaction(platform, Role.WORKER) as tx:
        count: int = await tx.scalar(select(func.count()).select_from(OutboxRow))
    return count


async def test_a_repeated_request_gets_the_first_answer(platform: Platform) -> None:
    who = caller()
    assert await make(platform, who, key(), 1) == Made(1)
    assert await make(platform, who, key(), 2) == Made(1)
    assert await effects(platform) == 1


async def test_sixteen_twins_have_one_effect(platform: Platform) -> None:
    who = caller()
    answers = await asyncio.gather(
        *(make(platform, who, key(), n) for n in range(16)), return_exceptions=True
    )
    made = {a.number for a in answers if isinstance(a, Made)}
    assert len(made) == 1
    assert all(isinstance(a, Made | StillRunning) for a in answers)
    assert await effects(platform) == 1


async def test_another_body_under_the_same_key_is_refused(platform: Platform) -> None:
    who = caller()
    await make(platform, who, key(), 1)
    with pytest.raises(KeyReused):
        await make(platform, who, key(body=b"other"), 1)


async def test_keys_of_two_companies_are_two(platform: Platform) -> None:
    await make(platform, caller(), key(), 1)
    assert await make(platform, caller(), key(), 2) == Made(2)
    assert await effects(platform) == 2


async def test_a_failed_request_keeps_no_answer(platform: Platform) -> None:
    who = caller()
    with pytest.raises(RuntimeError, match="no"):
        async with transaction(platform, who) as tx:
            assert await replay(tx, key(), Made) is None
            await keep(tx, key(), Made(1))
            raise RuntimeError("no")
    assert await make(platform, who, key(), 2) == Made(2)
