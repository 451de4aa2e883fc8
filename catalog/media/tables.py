"""Uploaded media."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Hash, Id, Instant


class MediumRow(Base):
    """A picture or a paper that a company uploaded; its content lies at its digest.

    The row is there before the content, `stored_at` once the content is. `uploaded_at` is when the
    same content came last. Which products show it, `product_media` says.
    """

    __tablename__ = "media"
    id: Mapped[Id]
    owner_id: Mapped[UUID]
    digest: Mapped[Hash]
    media_type: Mapped[str]
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    file_name: Mapped[str]
    uploaded_by: Mapped[UUID]
    uploaded_at: Mapped[Instant]
    stored_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("owner_id", "digest"),
        Index("ix_media_owner_id_id", "owner_id", "id"),
    )
