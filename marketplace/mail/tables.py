"""Mail to members: that it was due and went out, never its text or the address."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Id, Instant


class MailRow(Base):
    """The mail of one event to one member: there is one, however often the event is handled."""

    __tablename__ = "mails"
    id: Mapped[Id]
    organization_id: Mapped[UUID]
    member_id: Mapped[UUID]
    event_number: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[Instant]
    sent_at: Mapped[datetime | None]
    refused: Mapped[str | None]
    __table_args__ = (
        UniqueConstraint("event_number", "member_id"),
        Index("ix_mails_organization_id_id", "organization_id", "id"),
    )


class MailPreferenceRow(Base):
    """The topics a member does not want mail about."""

    __tablename__ = "mail_preferences"
    member_id: Mapped[Id]
    organization_id: Mapped[UUID]
    muted: Mapped[list[str]]
    changed_at: Mapped[Instant]
    __table_args__ = (Index("ix_mail_preferences_organization_id", "organization_id"),)
