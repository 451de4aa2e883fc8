"""Auctions, their lots, who may bid, and the ledger of each lot.

Sequence, epoch, clock and ledger belong to the lot. What the buyer keeps from bidders lies in
tables of its own: a bidder's role reads his participation and the terms whole.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Amount, Base, CurrencyCode, Hash, Id, Instant, Number


class AuctionRow(Base):
    """An auction as its buyer made it. `origin` is opaque: what asked for it, such as an RFQ."""

    __tablename__ = "auctions"
    id: Mapped[Id]
    buyer_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    unit_id: Mapped[UUID]
    title: Mapped[str]
    currency: Mapped[CurrencyCode]
    status: Mapped[str]
    origin_kind: Mapped[str | None]
    origin_id: Mapped[UUID | None]
    cancelled_because: Mapped[str | None]
    lot_order: Mapped[str] = mapped_column(server_default=text("'parallel'"))
    lot_interval_s: Mapped[int | None]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    updated_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        UniqueConstraint("buyer_id", "id", name="uq_auctions_buyer_id_id"),
        UniqueConstraint("origin_kind", "origin_id", name="uq_auctions_origin"),
        CheckConstraint("(origin_kind is null) = (origin_id is null)", name="origin"),
        CheckConstraint("lot_order in ('parallel', 'staggered', 'serial')", name="lot_order"),
        CheckConstraint(
            "status in ('draft', 'scheduled', 'open', 'closed', 'cancelled')", name="status"
        ),
    )


class LotRow(Base):
    """A lot: its terms without the reserve, and the end of its log.

    `seq`, `hash` and `decided_at` are the last entry's; (`epoch`, `seq`) orders all states the lot
    ever had, also after a database was restored. Whoever writes the ledger holds this row's lock.
    """

    __tablename__ = "auction_lots"
    id: Mapped[Id]
    auction_id: Mapped[UUID]
    buyer_id: Mapped[UUID]
    place: Mapped[int]
    title: Mapped[str]
    terms: Mapped[dict[str, Any]]
    phase: Mapped[str]
    epoch: Mapped[Number] = mapped_column(server_default=text("1"))
    seq: Mapped[Number] = mapped_column(server_default=text("0"))
    hash: Mapped[Hash]
    decided_at: Mapped[datetime | None]
    starts_at: Mapped[Instant]
    closes_at: Mapped[Instant]
    extensions: Mapped[int] = mapped_column(server_default=text("0"))
    __table_args__ = (
        ForeignKeyConstraint(
            ["buyer_id", "auction_id"],
            ["auctions.buyer_id", "auctions.id"],
            name="fk_auction_lots_auction",
        ),
        UniqueConstraint("auction_id", "place", name="uq_auction_lots_place"),
        CheckConstraint(
            "phase in ('draft', 'scheduled', 'open', 'closed', 'cancelled')", name="phase"
        ),
        Index("ix_auction_lots_buyer_id", "buyer_id", "auction_id"),
        Index(
            "ix_auction_lots_running",
            "id",
            postgresql_where=text("phase in ('scheduled', 'open')"),
        ),
        Index("ix_auction_lots_closes_at", "closes_at"),
    )


class ParticipantRow(Base):
    """Who may bid on a lot, under which alias, and the amount he enters with, if any.

    `currency` is the one he bids in, null for the lot's. `outbid_bid_id` is the last of his bids of
    which he was told that it leads no more.
    """

    __tablename__ = "auction_participants"
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("auction_lots.id"))
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    auction_id: Mapped[UUID] = mapped_column(ForeignKey("auctions.id"))
    buyer_id: Mapped[UUID]
    place: Mapped[int]
    alias: Mapped[str]
    opening_amount: Mapped[Amount | None]
    bid_id: Mapped[UUID]
    currency: Mapped[str | None]
    outbid_bid_id: Mapped[UUID | None]
    __table_args__ = (
        PrimaryKeyConstraint("lot_id", "organization_id", name="pk_auction_participants"),
        UniqueConstraint("lot_id", "alias", name="uq_auction_participants_alias"),
        Index("ix_auction_participants_organization_id", "organization_id", "auction_id"),
        Index("ix_auction_participants_buyer_id", "buyer_id"),
    )


class AdjustmentRow(Base):
    """What counts beside a bidder's price; the buyer's secret, from the bidder as well."""

    __tablename__ = "auction_adjustments"
    lot_id: Mapped[UUID]
    organization_id: Mapped[UUID]
    buyer_id: Mapped[UUID]
    adjustment: Mapped[dict[str, Any]]
    __table_args__ = (
        PrimaryKeyConstraint("lot_id", "organization_id", name="pk_auction_adjustments"),
        ForeignKeyConstraint(
            ["lot_id", "organization_id"],
            ["auction_participants.lot_id", "auction_participants.organization_id"],
            name="fk_auction_adjustments_participant",
            ondelete="CASCADE",
        ),
        Index("ix_auction_adjustments_buyer_id", "buyer_id"),
    )


class ReserveRow(Base):
    """The highest amount the buyer of a lot takes; his secret."""

    __tablename__ = "auction_reserves"
    lot_id: Mapped[UUID] = mapped_column(
        ForeignKey("auction_lots.id", ondelete="CASCADE"), primary_key=True
    )
    buyer_id: Mapped[UUID]
    amount: Mapped[Amount]
    __table_args__ = (Index("ix_auction_reserves_buyer_id", "buyer_id"),)


class LedgerRow(Base):
    """An entry of a lot's log; never changed, never removed.

    `bidder_id` to `bound` belong to admissions and bids, `body` to the rest. There is no foreign
    key to the lot: an entry is written only together with the lot's row, under its lock, and a
    trigger per bid would look up the row that is being held.
    """

    __tablename__ = "auction_ledger"
    lot_id: Mapped[UUID]
    seq: Mapped[Number]
    epoch: Mapped[Number]
    at: Mapped[Instant]
    kind: Mapped[str]
    bidder_id: Mapped[UUID | None]
    bid_id: Mapped[UUID | None]
    client_bid_id: Mapped[str | None]
    amount: Mapped[Amount | None]
    rank: Mapped[int | None]
    code: Mapped[str | None]
    bound: Mapped[Amount | None]
    body: Mapped[dict[str, Any] | None]
    salt: Mapped[bytes]
    hash: Mapped[Hash]
    __table_args__ = (
        PrimaryKeyConstraint("lot_id", "seq", name="pk_auction_ledger"),
        Index(
            "uq_auction_ledger_key",
            "lot_id",
            "bidder_id",
            "client_bid_id",
            unique=True,
            postgresql_where=text("client_bid_id is not null"),
        ),
        Index(
            "ix_auction_ledger_announced",
            "lot_id",
            "seq",
            postgresql_where=text("kind = 'announced'"),
        ),
    )


class CheckpointRow(Base):
    """The state of a lot after one of its later entries, to begin folding from; see `ledger`.

    `form` says which code wrote it. It holds what the ledger holds, so only the engine reads it.
    """

    __tablename__ = "auction_checkpoints"
    lot_id: Mapped[UUID]
    seq: Mapped[Number]
    form: Mapped[Hash]
    state: Mapped[bytes]
    __table_args__ = (PrimaryKeyConstraint("lot_id", name="pk_auction_checkpoints"),)
