"""Hands numbered events to the readers inside the product, each in order and with its own place.

An event that a reader cannot take would keep all later ones from it. After EVENT_ATTEMPTS_MAX
failures it is parked: written down, counted, passed over, and handed over again when somebody who
has mended the cause asks for it. See docs/decisions/0111-parked-events.md.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from marketplace.kernel.errors import NotFound, Unavailable
from marketplace.kernel.limits import CONSUMER_BATCH_MAX, EVENT_ATTEMPTS_MAX
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, is_away, system_transaction
from marketplace.platform.feature import Consumer
from marketplace.platform.outbox import NumberedEvent
from marketplace.platform.tables import ConsumerRow, EventRow, ParkedEventRow
from marketplace.platform.telemetry import EVENTS_PARKED, log


async def feed(platform: Platform, consumer: Consumer) -> int:
    """Hand a consumer its next events, each in a transaction of its own; give how many.

    Raises what the consumer raises, until its event is parked.
    """
    handled = 0
    while handled < CONSUMER_BATCH_MAX and await _feed_one(platform, consumer):
        handled += 1
    return handled


async def _feed_one(platform: Platform, consumer: Consumer) -> bool:
    """Hand over the next event, if there is one.

    The place moves over events of other kinds too: a consumer of a rare kind would read all that
    happened since, each time it looks.
    """
    event = None
    try:
        async with system_transaction(platform, consumer.role) as tx:
            place = await _place_of(tx, consumer)
            last = await tx.scalar(select(func.max(EventRow.number))) or 0
            event = await _event(
                tx,
                EventRow.number > place,
                EventRow.number <= last,
                EventRow.kind.in_(consumer.kinds),
            )
            if event is not None:
                await consumer.handle(platform, tx, event)
            reached = last if event is None else event.number
            if reached > place:
                await _move(tx, consumer, reached)
    except Exception as error:
        # A server that is away is not the event's fault: it is waited for, however long.
        if event is None or isinstance(error, Unavailable) or is_away(error):
            raise
        if not await _park(platform, consumer, event, error):
            raise
    return event is not None


async def _park(
    platform: Platform, consumer: Consumer, event: NumberedEvent, error: Exception
) -> bool:
    """Count a failure; tell whether it was the last one and the event is parked."""
    log.warning(
        "consumer_failed",
        consumer=consumer.name,
        number=event.number,
        kind=event.kind,
        exc_info=error,
    )
    async with system_transaction(platform, consumer.role) as tx:
        attempts = await tx.scalar(
            update(ConsumerRow)
            .where(ConsumerRow.name == consumer.name, ConsumerRow.number < event.number)
            .values(attempts=ConsumerRow.attempts + 1)
            .returning(ConsumerRow.attempts)
        )
        if attempts is None or attempts < EVENT_ATTEMPTS_MAX:
            return False  # None where another worker got it done
        await tx.execute(
            insert(ParkedEventRow).values(
                consumer=consumer.name, number=event.number, error=type(error).__name__
            )
        )
        await _move(tx, consumer, event.number)
    EVENTS_PARKED.labels(consumer.name).inc()
    log.error("event_parked", consumer=consumer.name, number=event.number, kind=event.kind)
    return True


async def parked_events(platform: Platform) -> Sequence[Row[Any]]:
    """Give consumer, number, kind, subject, error and instant of what is parked, oldest first."""
    async with system_transaction(platform, Role.WORKER) as tx:
        return await tx.all(
            select(
                ParkedEventRow.consumer,
                ParkedEventRow.number,
                ParkedEventRow.error,
                ParkedEventRow.parked_at,
                EventRow.kind,
                EventRow.subject_id,
            )
            .join(EventRow, EventRow.number == ParkedEventRow.number)
            .order_by(ParkedEventRow.number, ParkedEventRow.consumer)
        )


async def retry_parked(platform: Platform, consumer: Consumer, number: int) -> None:
    """Hand a parked event over once more: done and no longer parked, or neither.

    Raises NotFound where it is not parked, and what the consumer raises.
    """
    async with system_transaction(platform, consumer.role) as tx:
        taken = await tx.execute(
            delete(ParkedEventRow).where(
                ParkedEventRow.consumer == consumer.name, ParkedEventRow.number == number
            )
        )
        event = await _event(tx, EventRow.number == number)
        if not taken or event is None:
            raise NotFound(f"Event {number} is not parked for {consumer.name}.")
        await consumer.handle(platform, tx, event)


async def _move(tx: Transaction, consumer: Consumer, number: int) -> None:
    await tx.execute(
        update(ConsumerRow)
        .where(ConsumerRow.name == consumer.name)
        .values(number=number, attempts=0)
    )


async def _place_of(tx: Transaction, consumer: Consumer) -> int:
    place = select(ConsumerRow.number).where(ConsumerRow.name == consumer.name)
    number = await tx.scalar(place.with_for_update())
    if number is None:
        await tx.execute(
            insert(ConsumerRow).values(name=consumer.name, number=0).on_conflict_do_nothing()
        )
        number = await tx.scalar(place.with_for_update())
    return int(number)


async def _event(tx: Transaction, *conditions: Any) -> NumberedEvent | None:
    """Give the first event for which all of these hold."""
    row = await tx.maybe(
        select(
            EventRow.number,
            EventRow.event_id,
            EventRow.kind,
            EventRow.subject_kind,
            EventRow.subject_id,
            EventRow.version,
            EventRow.audience,
            EventRow.payload,
            EventRow.occurred_at,
        )
        .where(*conditions)
        .order_by(EventRow.number)
        .limit(1)
    )
    if row is None:
        return None
    return NumberedEvent(
        row.number,
        row.event_id,
        row.kind,
        row.subject_kind,
        row.subject_id,
        row.version,
        frozenset(row.audience),
        row.payload,
        row.occurred_at,
    )
