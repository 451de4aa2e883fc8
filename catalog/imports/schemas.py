"""Imports on the wire."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from msgspec import UNSET, UnsetType

from marketplace.platform.http.schemas import Output
from marketplace.platform.jobs import Progress


class ImportKind(StrEnum):
    """What a file holds."""

    OFFERS = "offers"
    PRODUCTS = "products"
    PRICES = "prices"
    STOCK = "stock"


class OnError(StrEnum):
    """What a bad row does to the file."""

    REFUSE_ALL = "refuse_all"
    """Nothing is written unless every row is good."""
    SKIP_ROW = "skip_row"
    """The good rows are written."""


class DecimalWish(StrEnum):
    """How the numbers of a CSV file are written."""

    AUTO = "auto"
    """The file shows it; where it does not, numbers that may be read in two ways are refused."""
    COMMA = "comma"
    POINT = "point"


class ImportErrorView(Output):
    """One thing wrong with one row; `line` counts from 1, 0 is the file as a whole."""

    line: int
    column: str
    code: str
    detail: str
    value: str


class ImportSummary(Output):
    """An import and how far it is; `progress` counts bytes.

    `error_count` counts all errors of rows. `result` counts what was written, of a dry run what
    would have been; a failed import has written nothing. `rows_total_estimated` is reckoned from
    the bytes read so far.
    """

    id: UUID
    kind: Literal["offers", "products", "prices", "stock"]
    on_error: Literal["refuse_all", "skip_row"]
    status: Literal["queued", "running", "done", "failed"]
    progress: Progress
    error_count: int
    created_at: datetime
    phase: Literal["waiting", "reading", "checking", "writing", "publishing", "finished"]
    dry_run: bool
    rows_read: int
    result: dict[str, Any] | None = None
    price_list_id: UUID | UnsetType = UNSET
    finished_at: datetime | UnsetType = UNSET
    rows_total_estimated: int | UnsetType = UNSET
    format: Literal["csv", "xlsx", "ndjson", "bmecat"] | UnsetType = UNSET


class ImportView(ImportSummary, kw_only=True):
    """An import with the first of its errors; a cancelled one has one, `cancelled`."""

    errors: list[ImportErrorView]
