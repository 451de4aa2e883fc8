"""What was made public: releases, which nobody can change, and the records merged of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Hash, Id, Instant, Number


class ProcessRow(Base):
    """A procedure as a contracting process: its ocid, and where its releases end.

    There is one for each procedure whose publication was released, and for no other. `releases`,
    `released_at` and `chain` are the last release's; whoever releases holds this row.
    """

    __tablename__ = "ocds_processes"
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"), primary_key=True)
    buyer_id: Mapped[UUID]
    ocid: Mapped[str]
    releases: Mapped[int] = mapped_column(server_default=text("0"))
    released_at: Mapped[datetime | None]
    chain: Mapped[Hash]
    __table_args__ = (
        UniqueConstraint("ocid"),
        Index("ix_ocds_processes_buyer_id", "buyer_id"),
    )


class ReleaseRow(Base):
    """A release as it was published, byte by byte.

    `digest` is the SHA-256 of `document`, `chain` that of the chain before and the document.
    """

    __tablename__ = "ocds_releases"
    id: Mapped[Id]
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("ocds_processes.procedure_id"))
    number: Mapped[int]
    ocid: Mapped[str]
    release_id: Mapped[str]
    tags: Mapped[list[str]]
    released_at: Mapped[Instant]
    document: Mapped[str]
    digest: Mapped[Hash]
    chain: Mapped[Hash]
    __table_args__ = (
        UniqueConstraint("procedure_id", "number"),
        UniqueConstraint("release_id"),
        Index("ix_ocds_releases_ocid_number", "ocid", "number"),
    )


class FeedRow(Base):
    """The place of a release among all: in the order of commits, without a gap."""

    __tablename__ = "ocds_feed"
    number: Mapped[Number] = mapped_column(primary_key=True, autoincrement=False)
    release_id: Mapped[UUID] = mapped_column(ForeignKey("ocds_releases.id"))
    published_at: Mapped[Instant]
    __table_args__ = (
        UniqueConstraint("release_id"),
        Index("ix_ocds_feed_published_at", "published_at", "number"),
    )


class RecordRow(Base):
    """The compiled release of a process, merged of its first `releases` releases."""

    __tablename__ = "ocds_records"
    procedure_id: Mapped[UUID] = mapped_column(
        ForeignKey("ocds_processes.procedure_id"), primary_key=True
    )
    ocid: Mapped[str]
    releases: Mapped[int]
    compiled: Mapped[str]
    digest: Mapped[Hash]
    merged_at: Mapped[Instant]
    __table_args__ = (UniqueConstraint("ocid"),)
