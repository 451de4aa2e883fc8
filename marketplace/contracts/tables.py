"""Contracts and their prices. Rows belong to both parties."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Amount, Base, CurrencyCode, Hash, Id, Instant, Quantity


class ContractRow(Base):
    """An agreement. `unit_ids` empty covers the whole company; `priority` is unique per pair.

    Of two contracts that price the same SKU the higher priority counts (decision 0301).
    """

    __tablename__ = "contracts"
    id: Mapped[Id]
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    unit_ids: Mapped[list[UUID]]
    title: Mapped[str]
    currency: Mapped[CurrencyCode]
    time_zone: Mapped[str]
    first_day: Mapped[date]
    last_day: Mapped[date]
    valid_from: Mapped[Instant]
    valid_until: Mapped[Instant]
    state: Mapped[str]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    priority: Mapped[int]
    provenance: Mapped[list[dict[str, Any]]]
    content_hash: Mapped[Hash]
    concluded_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("buyer_id", "supplier_id", "priority"),
        Index("ix_contracts_buyer_id_id", "buyer_id", "id"),
        Index("ix_contracts_supplier_id_id", "supplier_id", "id"),
    )


class ContractPriceRow(Base):
    """The agreed ladder of one SKU in one unit: one row per ladder, all a price query needs.

    `tiers` is ``[{"minimum_quantity": "1", "amount": "12.5"}, …]``, ascending. Validity, units,
    currency, state and priority are the contract's; an amendment closes rows and adds new ones.

    `commitment` is ``{"measure": "quantity", "cap": "1000", "at_exhaustion": "split"}``, with
    ``"committed"`` where it is less; `drawn` is what orders took of it, never more than its cap.

    `terms` are those of delivery and payment (`contracts.terms.LineTerms`), where any are agreed.

    `level` is ``quote`` where an accepted quote was concluded: it comes before other contracts.
    """

    __tablename__ = "contract_prices"
    id: Mapped[Id]
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.id"))
    contract_version: Mapped[int]
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    unit_ids: Mapped[list[UUID]]
    sku: Mapped[str]
    description: Mapped[str]
    unit: Mapped[str]
    currency: Mapped[CurrencyCode]
    basis: Mapped[Quantity]
    tiers: Mapped[list[dict[str, Any]]]
    valid_from: Mapped[Instant]
    valid_until: Mapped[Instant]
    state: Mapped[str]
    priority: Mapped[int]
    level: Mapped[str] = mapped_column(server_default=text("'contract'"))
    commitment: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    drawn: Mapped[Amount] = mapped_column(server_default=text("0"))
    terms: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    __table_args__ = (
        CheckConstraint("level in ('contract', 'quote')", name="level"),
        CheckConstraint("drawn between 0 and (commitment ->> 'cap')::numeric", name="drawn"),
        Index("ix_contract_prices_buyer_id_supplier_id_sku", "buyer_id", "supplier_id", "sku"),
        Index("ix_contract_prices_contract_id", "contract_id"),
        Index(
            "ix_contract_prices_terms", "contract_id", postgresql_where=text("terms is not null")
        ),
    )


class SignatureRow(Base):
    """One side's signature under the content of a contract; with both it is in force."""

    __tablename__ = "contract_signatures"
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.id"), primary_key=True)
    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    member_id: Mapped[UUID]
    content_hash: Mapped[Hash]
    signed_at: Mapped[Instant]
    __table_args__ = (
        Index("ix_contract_signatures_buyer_id", "buyer_id"),
        Index("ix_contract_signatures_supplier_id", "supplier_id"),
    )


class FrameworkRow(Base):
    """Contracts under one ceiling; `drawn` is what was called off, never more than the ceiling."""

    __tablename__ = "frameworks"
    id: Mapped[Id]
    buyer_id: Mapped[UUID]
    title: Mapped[str]
    currency: Mapped[CurrencyCode]
    ceiling: Mapped[Amount | None]
    drawn: Mapped[Amount] = mapped_column(server_default=text("0"))
    made_at: Mapped[Instant]
    __table_args__ = (
        CheckConstraint("drawn >= 0 and (ceiling is null or drawn <= ceiling)", name="drawn"),
        Index("ix_frameworks_buyer_id_id", "buyer_id", "id"),
    )


class FrameworkCeilingRow(Base):
    """One more ceiling of a framework: in `unit`, or in value without one.

    Over all members, or over `supplier_id` alone; over these `articles` (each a `supplier_id` and
    his `sku`), or over everything where there are none.
    """

    __tablename__ = "framework_ceilings"
    id: Mapped[Id]
    framework_id: Mapped[UUID] = mapped_column(ForeignKey("frameworks.id"))
    buyer_id: Mapped[UUID]
    position: Mapped[int]
    title: Mapped[str]
    supplier_id: Mapped[UUID | None]
    unit: Mapped[str | None]
    articles: Mapped[list[dict[str, Any]]]
    ceiling: Mapped[Amount]
    drawn: Mapped[Amount] = mapped_column(server_default=text("0"))
    __table_args__ = (
        CheckConstraint("drawn >= 0 and drawn <= ceiling", name="drawn"),
        UniqueConstraint("framework_id", "position"),
        Index("ix_framework_ceilings_buyer_id", "buyer_id"),
        Index("ix_framework_ceilings_supplier_id", "supplier_id"),
    )


class FrameworkMemberRow(Base):
    """A contract under a framework, which is in one at most.

    A member's own contract has his framework prices; one that a mini-competition made is a
    `call_off` and counts against the same ceiling.
    """

    __tablename__ = "framework_members"
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.id"), primary_key=True)
    framework_id: Mapped[UUID] = mapped_column(ForeignKey("frameworks.id"))
    buyer_id: Mapped[UUID]
    supplier_id: Mapped[UUID]
    call_off: Mapped[bool] = mapped_column(server_default=text("false"))
    __table_args__ = (
        Index(
            "uq_framework_members_supplier",
            "framework_id",
            "supplier_id",
            unique=True,
            postgresql_where=text("not call_off"),
        ),
        Index("ix_framework_members_buyer_id", "buyer_id"),
        Index("ix_framework_members_supplier_id", "supplier_id"),
    )
