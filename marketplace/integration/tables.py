"""Names other systems have for our things, and where the feed begins."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, func, text, true
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Instant


class ExternalIdRow(Base):
    """What a company's system calls one of our things."""

    __tablename__ = "external_ids"
    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    system: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    updated_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (Index("ix_external_ids_id", "organization_id", "id"),)


class FeedFloorRow(Base):
    """The number of the last event that was forgotten, and when that was; one row."""

    __tablename__ = "feed_floor"
    singleton: Mapped[bool] = mapped_column(primary_key=True, server_default=true())
    number: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    forgotten_at: Mapped[datetime | None]
    __table_args__ = (CheckConstraint("singleton", name="singleton"),)
