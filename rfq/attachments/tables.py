"""Documents of procedures, sealed attachments of bids, and those that were opened."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Hash, Id, Instant


class DocumentRow(Base):
    """A document of the buyer; its content lies at its digest.

    `terms_from` is the first version of the terms it was a part of; until then only the buyer sees
    it. One that no terms name, as it was removed or is still arriving, is forgotten with its
    content at `kept_until`: each content that is stored has a row that was there before it.
    """

    __tablename__ = "procedure_documents"
    id: Mapped[Id]
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    buyer_id: Mapped[UUID]
    name: Mapped[str]
    kind: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[Hash]
    scan: Mapped[str]
    added_by: Mapped[UUID]
    added_at: Mapped[Instant]
    terms_from: Mapped[int | None]
    kept_until: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("procedure_id", "digest"),
        Index("ix_procedure_documents_buyer_id", "buyer_id"),
    )


class SealedAttachmentRow(Base):
    """An attachment as its bidder uploaded it, sealed; what it is called only his bid says.

    `address` finds the same document again (`rules.sealed_files.content_address`), `stored_digest`
    is the SHA-256 of the sealed file, and where it is stored.
    """

    __tablename__ = "sealed_attachments"
    id: Mapped[Id]
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    bidder_id: Mapped[UUID]
    address: Mapped[Hash]
    stored_digest: Mapped[Hash]
    stored_bytes: Mapped[int] = mapped_column(BigInteger)
    part: Mapped[str] = mapped_column(server_default=text("'whole'"))
    ephemeral_key: Mapped[bytes]
    wrapped_slip: Mapped[bytes]
    scan: Mapped[str]
    uploaded_at: Mapped[Instant]
    __table_args__ = (
        UniqueConstraint("procedure_id", "bidder_id", "address"),
        Index("ix_sealed_attachments_bidder_id", "bidder_id"),
    )


class OpenedAttachmentRow(Base):
    """An attachment that an opened bid names, and the key of its file.

    `invalid_reason` says why one did not open; it has no key then. The bid is a part of the key: a
    bid that a client sealed may name whatever it likes, a rival's attachment too.
    """

    __tablename__ = "opened_attachments"
    bid_id: Mapped[UUID] = mapped_column(ForeignKey("opened_bids.id"), primary_key=True)
    id: Mapped[Id]
    procedure_id: Mapped[UUID] = mapped_column(ForeignKey("procedures.id"))
    buyer_id: Mapped[UUID]
    bidder_id: Mapped[UUID]
    name: Mapped[str]
    part: Mapped[str] = mapped_column(server_default=text("'whole'"))
    kind: Mapped[str | None]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    digest: Mapped[Hash]
    stored_digest: Mapped[bytes | None]
    file_key: Mapped[bytes | None]
    scan: Mapped[str]
    invalid_reason: Mapped[str | None]
    __table_args__ = (
        Index("ix_opened_attachments_procedure_id_id", "procedure_id", "id"),
        Index("ix_opened_attachments_buyer_id", "buyer_id"),
        Index("ix_opened_attachments_bidder_id", "bidder_id"),
    )
