"""Readers of events inside the product."""

from dataclasses import dataclass, field

import pytest
from sqlalchemy import select

from marketplace.kernel.errors import NotFound
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import EVENT_ATTEMPTS_MAX
from marketplace.platform.consumers import feed, parked_events, retry_parked
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction
from marketplace.platform.feature import Consumer
from marketplace.platform.outbox import NumberedEvent, number_events
from marketplace.platform.tables import ConsumerRow


@dataclass
class Reader:
    """Remembers the versions of what it was handed; fails at those it is told to."""

    failing: set[int] = field(default_factory=set)
    seen: list[int] = field(default_factory=list)
    error: Exception = field(default_factory=lambda: ValueError("not yet"))

    def consumer(self) -> Consumer:
        return Consumer("reader", frozenset({"rare"}), self.handle)

    async def handle(self, _platform: Platform, _tx: Transaction, event: NumberedEvent) -> None:
        if event.version in self.failing:
            raise self.error
        self.seen.append(event.version)


async def tell(platform: Platform, *kinds: str) -> None:
    subject = new_id()
    async with system_transaction(platform, Role.ENGINE) as tx:
        for version, kind in enumerate(kinds, start=1):
            tx.emit(Event(kind, "thing", subject, version, frozenset([subject]), {}))
    assert await number_events(platform) == len(kinds)


async def place(platform: Platform) -> int:
    async with system_transaction(platform, Role.WORKER) as tx:
        number: int = await tx.scalar(select(ConsumerRow.number))
    return number


async def test_a_consumer_sees_its_kinds_once_and_in_order(platform: Platform) -> None:
    reader = Reader()
    await tell(platform, "rare", "common", "rare")
    assert await feed(platform, reader.consumer()) == 2
    assert await feed(platform, reader.consumer()) == 0
    assert reader.seen == [1, 3]


async def test_a_consumer_of_a_rare_kind_leaves_behind_what_is_not_for_it(
    platform: Platform,
) -> None:
    reader = Reader()
    await tell(platform, *["common"] * 20)
    assert await feed(platform, reader.consumer()) == 0
    assert await place(platform) == 20


async def test_an_event_that_fails_is_handed_over_again_and_none_passes_it(
    platform: Platform,
) -> None:
    reader = Reader(failing={2})
    await tell(platform, "rare", "rare", "rare")
    with pytest.raises(ValueError, match="not yet"):
        await feed(platform, reader.consumer())
    assert await place(platform) == 1
    reader.failing.clear()
    assert await feed(platform, reader.consumer()) == 2
    assert reader.seen == [1, 2, 3]


async def test_an_event_that_fails_too_often_is_parked_and_taken_when_it_is_retried(
    platform: Platform,
) -> None:
    reader = Reader(failing={2})
    await tell(platform, "rare", "rare", "rare")
    for _ in range(EVENT_ATTEMPTS_MAX - 1):
        with pytest.raises(ValueError, match="not yet"):
            await feed(platform, reader.consumer())
    assert await parked_events(platform) == []
    assert await feed(platform, reader.consumer()) == 2
    assert reader.seen == [1, 3]
    (parked,) = await parked_events(platform)
    assert (parked.consumer, parked.number, parked.kind) == ("reader", 2, "rare")
    assert parked.error == "ValueError"

    with pytest.raises(ValueError, match="not yet"):
        await retry_parked(platform, reader.consumer(), 2)
    assert len(await parked_events(platform)) == 1
    reader.failing.clear()
    await retry_parked(platform, reader.consumer(), 2)
    assert reader.seen == [1, 3, 2]
    assert await parked_events(platform) == []
    with pytest.raises(NotFound):
        await retry_parked(platform, reader.consumer(), 2)
    assert await place(platform) == 3


async def test_a_server_that_is_away_is_not_the_events_fault(platform: Platform) -> None:
    reader = Reader(failing={1}, error=ConnectionRefusedError("away"))
    await tell(platform, "rare")
    for _ in range(EVENT_ATTEMPTS_MAX + 1):
        with pytest.raises(ConnectionRefusedError):
            await feed(platform, reader.consumer())
    assert await parked_events(platform) == []
