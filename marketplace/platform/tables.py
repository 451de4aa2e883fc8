"""The platform's own tables: outbox, feed, audit, idempotency, timers, clock."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Identity, Index, Interval, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Hash, Instant


class OutboxRow(Base):
    """An event of a committed transaction that has no number yet."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(Uuid)
    kind: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    audience: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    request_id: Mapped[str]
    occurred_at: Mapped[Instant]


class EventRow(Base):
    """A numbered event; numbers have no gap and follow the commits."""

    __tablename__ = "events"
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    event_id: Mapped[UUID] = mapped_column(Uuid, unique=True)
    kind: Mapped[str]
    subject_kind: Mapped[str]
    subject_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    audience: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    request_id: Mapped[str]
    occurred_at: Mapped[Instant]


class EventAudienceRow(Base):
    """Who may read which event: the feed of an organization is a range of this table's key."""

    __tablename__ = "event_audience"
    organization_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)


class EventCounterRow(Base):
    """The number of the last event; one row."""

    __tablename__ = "event_counter"
    singleton: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    last: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class ConsumerRow(Base):
    """How far a consumer inside the product has read the events."""

    __tablename__ = "event_consumers"
    name: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    """How often the event after `number` has failed."""


class ParkedEventRow(Base):
    """An event that a consumer failed to take, passed over until somebody has it retried."""

    __tablename__ = "parked_events"
    consumer: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    error: Mapped[str]
    """The kind of the error; its text may tell of offers and is in the log alone."""
    parked_at: Mapped[Instant] = mapped_column(server_default=func.clock())


class AuditIntakeRow(Base):
    """An audit entry that has no place in its chain yet."""

    __tablename__ = "audit_intake"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    organization_id: Mapped[UUID]
    entry: Mapped[dict[str, Any]] = mapped_column(JSONB)
    recorded_at: Mapped[Instant]


class AuditRow(Base):
    """An entry of an organization's audit trail; its hash follows from the one before."""

    __tablename__ = "audit_trail"
    organization_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    entry: Mapped[dict[str, Any]] = mapped_column(JSONB)
    recorded_at: Mapped[Instant]
    hash: Mapped[Hash]


class IdempotencyRow(Base):
    """The answer a request with a key was given, kept to be given again."""

    __tablename__ = "idempotency_keys"
    organization_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    operation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[Hash]
    answer: Mapped[bytes]
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (Index("ix_idempotency_keys_created_at", "created_at"),)


class TimerRow(Base):
    """A reminder to act on a subject at an instant; a hint, never the truth."""

    __tablename__ = "timers"
    kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    due_at: Mapped[Instant]
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    __table_args__ = (Index("ix_timers_due_at", "due_at"),)


class ClockRow(Base):
    """The offset of the one clock; zero outside of test and sandbox databases."""

    __tablename__ = "clock_offset"
    singleton: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    ahead: Mapped[Any] = mapped_column(Interval, server_default=text("'0'::interval"))
