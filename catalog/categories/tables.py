"""Categories and the attributes they ask of their products."""

from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Id, Instant


class CategoryRow(Base):
    """A category, kept by the operator; `path` leads from its root to itself.

    `names` are by language; `code` is the operator's own name of it, which imports use.
    """

    __tablename__ = "categories"
    id: Mapped[Id]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("categories.id"))
    code: Mapped[str]
    names: Mapped[dict[str, Any]]
    path: Mapped[list[UUID]]
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    __table_args__ = (
        UniqueConstraint("code"),
        Index("ix_categories_parent_id", "parent_id"),
        Index("ix_categories_path", "path", postgresql_using="gin"),
    )


class CategoryAttributeRow(Base):
    """What a category, and all below it, tells of its products: one typed attribute.

    `unit` is that of a number; `options` of an enum is a list of ``{code, names}``.
    """

    __tablename__ = "category_attributes"
    category_id: Mapped[UUID] = mapped_column(ForeignKey("categories.id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    unit: Mapped[str | None]
    required: Mapped[bool]
    options: Mapped[list[dict[str, Any]]]
    names: Mapped[dict[str, Any]]
    position: Mapped[int]
    __table_args__ = (
        CheckConstraint("kind in ('text', 'number', 'enum', 'boolean')", name="kind"),
    )
