"""Imports and the errors of their rows."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.platform.columns import Base, Id, Instant, Number


class ImportRow(Base):
    """One uploaded file and what became of it; `done` and `total` count bytes."""

    __tablename__ = "imports"
    id: Mapped[Id]
    organization_id: Mapped[UUID]
    kind: Mapped[str]
    on_error: Mapped[str]
    price_list_id: Mapped[UUID | None]
    publish: Mapped[bool]
    dry_run: Mapped[bool] = mapped_column(server_default=text("false"))
    decimal_mark: Mapped[str] = mapped_column(server_default=text("'auto'"))
    format: Mapped[str | None]
    file_key: Mapped[str]
    status: Mapped[str]
    done: Mapped[Number]
    total: Mapped[Number]
    phase: Mapped[str] = mapped_column(server_default=text("'waiting'"))
    rows_read: Mapped[Number] = mapped_column(server_default=text("0"))
    error_count: Mapped[Number] = mapped_column(server_default=text("0"))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    created_at: Mapped[Instant] = mapped_column(server_default=func.clock())
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("kind in ('offers', 'products', 'prices', 'stock')", name="kind"),
        CheckConstraint("decimal_mark in ('auto', 'comma', 'point')", name="decimal_mark"),
        CheckConstraint("format in ('csv', 'xlsx', 'ndjson', 'bmecat')", name="format"),
        CheckConstraint(
            "phase in ('waiting', 'reading', 'checking', 'writing', 'publishing', 'finished')",
            name="phase",
        ),
        CheckConstraint("on_error in ('refuse_all', 'skip_row')", name="on_error"),
        CheckConstraint("status in ('queued', 'running', 'done', 'failed')", name="status"),
        Index("ix_imports_organization_id_id", "organization_id", "id"),
    )


IMPORT_COLUMNS: Final = (
    ImportRow.id,
    ImportRow.organization_id,
    ImportRow.kind,
    ImportRow.on_error,
    ImportRow.price_list_id,
    ImportRow.publish,
    ImportRow.dry_run,
    ImportRow.decimal_mark,
    ImportRow.format,
    ImportRow.phase,
    ImportRow.rows_read,
    ImportRow.file_key,
    ImportRow.status,
    ImportRow.done,
    ImportRow.total,
    ImportRow.error_count,
    ImportRow.result,
    ImportRow.created_at,
    ImportRow.finished_at,
)


class ImportErrorRow(Base):
    """One thing wrong with one row of a file; `line` counts from 1."""

    __tablename__ = "import_errors"
    import_id: Mapped[UUID] = mapped_column(ForeignKey("imports.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID]
    line: Mapped[Number]
    column_name: Mapped[str]
    code: Mapped[str]
    detail: Mapped[str]
    value: Mapped[str]
