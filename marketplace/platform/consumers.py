"""Hands numbered events to the readers inside the product, each in order and with its own place."""

from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, system_transaction
from marketplace.platform.feature import Consumer
from marketplace.platform.outbox import NumberedEvent
from marketplace.platform.tables import ConsumerRow, EventRow
from marketplace.platform.telemetry import log

CONSUMER_BATCH: Final = 200


async def feed(platform: Platform, consumer: Consumer) -> int:
    """Hand a consumer its next events, each in a transaction of its own; give how many.

    Its place moves over events of other kinds too: a consumer of a rare kind would read all that
    happened since, each time it looks.
    """
    handled = 0
    while handled < CONSUMER_BATCH:
        async with system_transaction(platform, consumer.role) as tx:
            place = await _place_of(tx, consumer)
            last = await tx.scalar(select(func.max(EventRow.number))) or 0
            event = await _next_event(tx, consumer, place, last)
            if event is not None:
                await _handle(platform, consumer, tx, event)
            reached = last if event is None else event.number
            if reached > place:
                await tx.execute(
                    update(ConsumerRow)
                    .where(ConsumerRow.name == consumer.name)
                    .values(number=reached)
                )
        if event is None:
            return handled
        handled += 1
    return handled


async def _handle(
    platform: Platform, consumer: Consumer, tx: Transaction, event: NumberedEvent
) -> None:
    try:
        await consumer.handle(platform, tx, event)
    except Exception:
        # It is tried until it succeeds, for the consumer sees its events in order: say which one.
        log.exception(
            "consumer_failed", consumer=consumer.name, number=event.number, kind=event.kind
        )
        raise


async def _place_of(tx: Transaction, consumer: Consumer) -> int:
    place = select(ConsumerRow.number).where(ConsumerRow.name == consumer.name)
    number = await tx.scalar(place.with_for_update())
    if number is None:
        await tx.execute(
            insert(ConsumerRow).values(name=consumer.name, number=0).on_conflict_do_nothing()
        )
        number = await tx.scalar(place.with_for_update())
    return int(number)


async def _next_event(
    tx: Transaction, consumer: Consumer, place: int, last: int
) -> NumberedEvent | None:
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
        .where(EventRow.number > place, EventRow.number <= last, EventRow.kind.in_(consumer.kinds))
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
