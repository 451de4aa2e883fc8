"""The feed: all of it, once in order, for those who may know; on the real database."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from marketplace.integration import pulse, retention
from marketplace.integration.pulse import Pulse
from marketplace.kernel.events import PUBLIC, Event
from marketplace.kernel.limits import EVENT_DAYS_KEPT
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.outbox import number_events
from marketplace.worker import Worker
from tests.conftest import MoveClock
from tests.support.world import Company, World

Http = httpx.AsyncClient


async def happen(
    platform: Platform,
    audience: Collection[UUID],
    *,
    subject: UUID | None = None,
    version: int = 1,
    number: bool = True,
    **payload: object,
) -> None:
    """Let one fact happen, and number it."""
    event = Event(
        "thing.changed", "thing", subject or uuid4(), version, frozenset(audience), payload
    )
    async with system_transaction(platform, Role.ENGINE) as tx:
        tx.emit(event)
    if number:
        await number_events(platform)


async def read(client: Http, who: Company, **query: object) -> dict[str, Any]:
    parameters = {name: str(value) for name, value in query.items()}
    answer = await client.get("/v1/events", params=parameters, headers=who.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def data(feed: Mapping[str, Any]) -> list[object]:
    return [item["data"]["n"] for item in feed["items"]]


async def whole(client: Http, who: Company, limit: int = 1_000) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    feed = await read(client, who, after=0, limit=limit)
    items += feed["items"]
    while feed["more"]:
        feed = await read(client, who, after=feed["next"], limit=limit)
        items += feed["items"]
    return items


async def test_each_company_reads_its_own_events_and_those_for_everybody(
    client: Http, platform: Platform, world: World
) -> None:
    one, other = await world.buyer("One"), await world.buyer("Other")
    await happen(platform, [one.id], n="one")
    await happen(platform, [other.id], n="other")
    await happen(platform, [one.id, other.id], n="both")
    await happen(platform, [PUBLIC], n="all")
    await happen(platform, [PUBLIC, one.id], n="all, one by name too")
    assert data(await read(client, one)) == ["one", "both", "all", "all, one by name too"]
    assert data(await read(client, other)) == ["other", "both", "all", "all, one by name too"]


async def test_an_event_says_what_happened_to_what_and_nothing_of_the_inside(
    client: Http, platform: Platform, world: World
) -> None:
    buyer = await world.buyer()
    subject = uuid4()
    await happen(platform, [buyer.id], subject=subject, version=3, n=1)
    (item,) = (await read(client, buyer))["items"]
    assert item.pop("occurred_at").endswith("Z")
    assert UUID(item.pop("id")).version == 7
    assert item == {
        "kind": "thing.changed",
        "subject": {"kind": "thing", "id": str(subject)},
        "version": 3,
        "data": {"n": 1},
    }


async def test_reading_on_continues_without_a_hole_or_a_repetition(
    client: Http, platform: Platform, world: World
) -> None:
    buyer, other = await world.buyer(), await world.buyer()
    seen: list[object] = []
    cursor = "0"
    for n in range(10):
        await happen(platform, [buyer.id if n % 3 else PUBLIC], n=n)
        await happen(platform, [other.id], n="not mine")
        if n % 2:
            feed = await read(client, buyer, after=cursor, limit=100)
            seen += data(feed)
            cursor = feed["next"]
    assert seen == list(range(10))
    assert [item["data"]["n"] for item in await whole(client, buyer, limit=3)] == list(range(10))
    empty = await read(client, buyer, after=cursor)
    assert (empty["items"], empty["more"], empty["next"]) == ([], False, cursor)


async def test_from_the_end_only_what_comes_is_read(
    client: Http, platform: Platform, world: World
) -> None:
    buyer = await world.buyer()
    await happen(platform, [buyer.id], n="before")
    latest = await read(client, buyer, after="latest", wait=5)
    assert latest["items"] == []
    await happen(platform, [buyer.id], n="after")
    assert data(await read(client, buyer, after=latest["next"])) == ["after"]


async def test_a_cursor_works_for_its_company_alone(client: Http, world: World) -> None:
    one, other = await world.buyer("One"), await world.buyer("Other")
    cursor = (await read(client, one))["next"]
    for after in (cursor, "1", "-1", "x" * 200, ""):
        answer = await client.get("/v1/events", params={"after": after}, headers=other.headers)
        assert answer.status_code == 400, answer.text
    for query in ("limit=0", "limit=1001", "limit=x", "wait=-1", "wait=26", "wait=x"):
        answer = await client.get(f"/v1/events?{query}", headers=other.headers)
        assert answer.status_code == 400, answer.text


async def test_a_key_without_the_scope_reads_nothing(client: Http, world: World) -> None:
    buyer = await world.buyer()
    body = {
        "member_id": str(buyer.administrator.member_id),
        "name": "narrow",
        "scopes": ["organizations:read"],
    }
    url = f"/v1/organizations/{buyer.id}/api-keys"
    key = (await client.post(url, json=body, headers=buyer.writing)).json()["key"]
    answer = await client.get("/v1/events", headers={"Authorization": f"Bearer {key}"})
    assert "events:read" in answer.json()["detail"]


# Waiting


async def test_a_long_poll_answers_when_something_happens(
    client: Http, platform: Platform, world: World
) -> None:
    buyer, other = await world.buyer(), await world.buyer()
    cursor = (await read(client, buyer))["next"]

    async def later() -> None:
        await asyncio.sleep(0.2)
        await happen(platform, [other.id], n="not mine")
        await asyncio.sleep(0.2)
        await happen(platform, [buyer.id], n="mine")

    began = time.monotonic()
    feed, _ = await asyncio.gather(read(client, buyer, after=cursor, wait=20), later())
    assert data(feed) == ["mine"]
    assert 0.4 <= time.monotonic() - began < 15


async def test_a_long_poll_ends_with_nothing_when_nothing_happens(
    client: Http, world: World
) -> None:
    buyer = await world.buyer()
    began = time.monotonic()
    feed = await read(client, buyer, wait=1)
    assert feed["items"] == []
    assert time.monotonic() - began >= 1


async def test_what_is_there_already_is_not_waited_for(
    client: Http, platform: Platform, world: World
) -> None:
    buyer = await world.buyer()
    await happen(platform, [PUBLIC], n=1)
    began = time.monotonic()
    assert data(await read(client, buyer, wait=20)) == [1]
    assert time.monotonic() - began < 15


async def test_nothing_that_is_numbered_while_a_poll_begins_is_slept_through(
    client: Http, platform: Platform, world: World
) -> None:
    buyer = await world.buyer()
    cursor = (await read(client, buyer))["next"]
    for n in range(20):

        async def soon(n: int = n) -> None:
            await asyncio.sleep(random.random() * 0.02)  # noqa: S311 - a moment, no secret
            await happen(platform, [buyer.id], n=n)

        async with asyncio.timeout(15):
            feed, _ = await asyncio.gather(read(client, buyer, after=cursor, wait=20), soon())
        assert data(feed) == [n]
        cursor = feed["next"]


async def test_many_wait_on_one_query_and_nobody_asks_when_nobody_waits(
    client: Http, platform: Platform, world: World
) -> None:
    buyer = await world.buyer()
    waiting = platform.get(Pulse)
    polls = [asyncio.create_task(read(client, buyer, wait=20)) for _ in range(30)]
    async with asyncio.timeout(10):
        while waiting._count < 30:
            await asyncio.sleep(0.01)
    beat = waiting._beat
    await happen(platform, [buyer.id], n=1)
    async with asyncio.timeout(15):
        answers = await asyncio.gather(*polls)
    assert all(data(answer) == [1] for answer in answers)
    assert (waiting._count, dict(waiting._waiters)) == (0, {})
    assert beat is not None
    async with asyncio.timeout(15):
        await beat


async def test_beyond_the_bound_nobody_waits(
    client: Http, platform: Platform, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulse, "FEED_WAITERS_MAX", 1)
    buyer = await world.buyer()
    first = asyncio.create_task(read(client, buyer, wait=20))
    async with asyncio.timeout(15):
        while platform.get(Pulse)._count < 1:
            await asyncio.sleep(0.01)
    async with asyncio.timeout(15):
        assert (await read(client, buyer, wait=20))["items"] == []
    await happen(platform, [buyer.id], n=1)
    assert data(await first) == [1]


# Many writers


class Writers:
    """Many transactions that overlap, roll back, and commit out of order."""

    def __init__(self, platform: Platform, companies: list[UUID]) -> None:
        self.platform = platform
        self.companies = companies
        self.chance = random.Random(7)  # noqa: S311 - repeatable, no secret
        # A lock stands for the lock on the subject's row, held to the commit.
        self.subjects = {uuid4(): asyncio.Lock() for _ in range(6)}
        self.versions: dict[UUID, int] = dict.fromkeys(self.subjects, 0)
        self.committed: dict[UUID, list[tuple[UUID, int]]] = {each: [] for each in companies}

    async def write(self, count: int) -> None:
        audiences = [*([each] for each in self.companies), self.companies, [PUBLIC]]
        for _ in range(count):
            subject = self.chance.choice(list(self.subjects))
            audience = self.chance.choice(audiences)
            async with self.subjects[subject]:
                version = self.versions[subject] + 1
                if await self._transact(subject, version, audience):
                    self.versions[subject] = version
                    for company in self.companies if audience == [PUBLIC] else audience:
                        self.committed[company].append((subject, version))

    async def _transact(self, subject: UUID, version: int, audience: list[UUID]) -> bool:
        event = Event(
            "thing.changed", "thing", subject, version, frozenset(audience), {"n": version}
        )
        rolls_back = self.chance.random() < 0.15
        with suppress(InterruptedError):
            async with system_transaction(self.platform, Role.WORKER) as tx:
                tx.emit(event)
                await tx.flush()
                await asyncio.sleep(self.chance.random() * 0.01)
                if rolls_back:
                    raise InterruptedError
            return True
        return False


async def follow(client: Http, who: Company, done: asyncio.Event) -> list[dict[str, Any]]:
    """Read on from the beginning until nothing comes any more."""
    items: list[dict[str, Any]] = []
    cursor = "0"
    while True:
        last_round = done.is_set()
        feed = await read(client, who, after=cursor, limit=7)
        cursor = feed["next"]
        items += feed["items"]
        if last_round and not feed["items"]:
            return items
        await asyncio.sleep(0.002)


async def test_with_many_writers_none_is_lost_none_inverted_and_numbers_have_no_gap(
    client: Http, platform: Platform, world: World
) -> None:
    buyer, seller = await world.buyer(), await world.supplier()
    writers = Writers(platform, [buyer.id, seller.id])
    written, numbered = asyncio.Event(), asyncio.Event()

    async def sequence() -> None:
        finished = False
        while not finished:
            all_written = written.is_set()  # asked before the numbering, which sees all of it then
            # Two at once: the one without the lock does nothing.
            counts = await asyncio.gather(number_events(platform), number_events(platform))
            finished = all_written and not any(counts)
            await asyncio.sleep(0.002)
        numbered.set()

    readers = [asyncio.create_task(follow(client, who, numbered)) for who in (buyer, seller)]
    sequencing = asyncio.create_task(sequence())
    await asyncio.gather(*(writers.write(40) for _ in range(8)))
    written.set()
    await sequencing
    for who, items in zip((buyer, seller), await asyncio.gather(*readers), strict=True):
        # Nothing lost and nothing twice, though it was read while it was written.
        found = [(UUID(item["subject"]["id"]), item["version"]) for item in items]
        assert sorted(found) == sorted(writers.committed[who.id])
        assert items == await whole(client, who)
        by_subject = defaultdict(list)
        for subject, version in found:
            by_subject[subject].append(version)
        assert all(order == sorted(order) for order in by_subject.values())
    async with system_transaction(platform, Role.WORKER) as tx:
        stored = await tx.one(text("select count(*) as numbers, max(number) as last from events"))
    assert stored.numbers == stored.last > 200


# What is no longer kept


async def test_a_cursor_older_than_what_is_kept_is_gone_with_a_way_on(
    client: Http, platform: Platform, world: World, move_clock: MoveClock
) -> None:
    buyer, quiet = await world.buyer(), await world.buyer()
    for n in range(3):
        await happen(platform, [buyer.id], n=n)
    early = (await read(client, buyer, limit=1))["next"]
    of_quiet = (await read(client, quiet))["next"]
    await move_clock(timedelta(days=EVENT_DAYS_KEPT, minutes=1))
    await happen(platform, [buyer.id, PUBLIC], n="young")
    assert await retention.forget_events(platform) == 3
    assert await retention.forget_events(platform) == 0
    for after in ("0", early):
        answer = await client.get("/v1/events", params={"after": after}, headers=buyer.headers)
        assert answer.status_code == 410, answer.text
        assert "after=latest" in answer.json()["detail"]
    assert data(await read(client, buyer, after="oldest")) == ["young"]
    # Who read nothing because nothing happened to him has not fallen behind.
    assert data(await read(client, quiet, after=of_quiet)) == ["young"]
    async with system_transaction(platform, Role.WORKER) as tx:
        addressed = await tx.all(text("select number from event_audience"))
    assert {row.number for row in addressed} == {4}


async def test_forgetting_comes_again_by_itself(
    platform: Platform, worker: Worker, world: World, move_clock: MoveClock
) -> None:
    buyer = await world.buyer()
    async with retention.keep_forgetting(platform):
        for _ in range(2):
            await happen(platform, [buyer.id], n=1)
            await worker.run_until_idle()
            await move_clock(timedelta(days=EVENT_DAYS_KEPT, minutes=1))
            await worker.run_until_idle()
            async with system_transaction(platform, Role.WORKER) as tx:
                assert await tx.scalar(text("select count(*) from events")) == 0
