"""Quotes. Rows of both parties, but the buyer sees none before it is sent."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, CurrencyCode, Hash, Id, Instant


class QuoteRow(Base):
    """An offer of prices to one company, or to one of its units (`unit_id`) and all below it.

    `lines` are written and read whole: ``[{"sku": …, "description": …, "unit": …, "basis": "1",
    "tiers": […], "commitment": {…}}]``. What is offered never changes. `valid_until` is the end of
    `last_day` in `time_zone`; `contract_id` is what came of it.
    """

    __tablename__ = "quotes"
    id: Mapped[Id]
    supplier_id: Mapped[UUID]
    buyer_id: Mapped[UUID]
    unit_id: Mapped[UUID | None]
    title: Mapped[str]
    note: Mapped[str]
    currency: Mapped[CurrencyCode]
    time_zone: Mapped[str]
    last_day: Mapped[date]
    valid_until: Mapped[Instant]
    lines: Mapped[list[dict[str, Any]]]
    content_hash: Mapped[Hash]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    made_by: Mapped[UUID]
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    sent_at: Mapped[datetime | None]
    approval_id: Mapped[UUID | None]
    answered_by: Mapped[UUID | None]
    answered_at: Mapped[datetime | None]
    reason: Mapped[str]
    contract_id: Mapped[UUID | None]
    __table_args__ = (
        CheckConstraint(
            "state in ('in_approval', 'open', 'accepted', 'declined', 'withdrawn')", name="state"
        ),
        CheckConstraint("(state = 'accepted') = (contract_id is not null)", name="contract"),
        CheckConstraint(
            "sent_at is not null or state in ('in_approval', 'withdrawn')", name="sent"
        ),
        Index("ix_quotes_buyer_id_id", "buyer_id", "id"),
        Index("ix_quotes_supplier_id_id", "supplier_id", "id"),
    )
