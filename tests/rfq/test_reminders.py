"""A reminder of the deadline: on its day, once, however many workers, and after it moved."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec

from marketplace.worker import Worker
from rfq.amendments.schemas import ExtensionInput
from rfq.amendments.service import extend_deadline
from rfq.procedures.reminders import remind
from rfq.procedures.schemas import BuyerProcedureView
from tests.rfq.parties import MoveClock, Parties

DAY = timedelta(days=1)


async def published(parties: Parties, days: int, remind_days: int | None) -> BuyerProcedureView:
    """A procedure whose deadline is so many days ahead."""
    terms = await parties.terms()
    later = terms.deadline_at + days * DAY
    return await parties.published(
        msgspec.structs.replace(terms, deadline_at=later, remind_days=remind_days)
    )


async def reminders(owner: Any) -> list[Any]:
    """The audiences of the reminders there are, wherever the events are on their way."""
    kind = "where kind = 'procedure.closing_soon'"
    return [
        *await owner.fetch(f"select audience from outbox {kind}"),
        *await owner.fetch(f"select audience from events {kind}"),
    ]


async def test_who_may_bid_is_reminded_once_on_the_day(
    parties: Parties, worker: Worker, owner: Any, move_clock: MoveClock
) -> None:
    made = await published(parties, days=5, remind_days=2)
    await move_clock(2 * DAY)
    await worker.run_until_idle()
    assert await reminders(owner) == []
    await move_clock(DAY + timedelta(hours=2))
    await worker.run_until_idle()
    await asyncio.gather(*(remind(parties.platform, made.id) for _ in range(3)))
    (told,) = await reminders(owner)
    assert {each.organization_id for each in parties.suppliers} < set(told["audience"])


async def test_a_deadline_that_moved_is_reminded_of_on_its_own_day(
    parties: Parties, worker: Worker, owner: Any, move_clock: MoveClock
) -> None:
    made = await published(parties, days=3, remind_days=2)
    await move_clock(DAY + timedelta(hours=2))
    await worker.run_until_idle()
    data = ExtensionInput(deadline_at=made.deadline_at + 4 * DAY, reason="Holidays.")
    await extend_deadline(parties.platform, parties.buyer, made.id, data, made.version + 1)
    await remind(parties.platform, made.id)
    assert len(await reminders(owner)) == 1
    await move_clock(4 * DAY)
    await worker.run_until_idle()
    assert len(await reminders(owner)) == 2


async def test_nobody_is_reminded_at_once_nor_after_the_deadline_nor_unasked(
    parties: Parties, worker: Worker, owner: Any, move_clock: MoveClock
) -> None:
    await published(parties, days=1, remind_days=2)
    late = await published(parties, days=2, remind_days=1)
    unasked = await published(parties, days=4, remind_days=None)
    await worker.run_until_idle()
    assert await reminders(owner) == []
    await move_clock(3 * DAY)
    for each in (late, unasked):
        await remind(parties.platform, each.id)
    assert await reminders(owner) == []
