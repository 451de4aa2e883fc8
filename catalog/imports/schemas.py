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
    PRICES = "prices"


class OnError(StrEnum):
    """What a bad row does to the file."""

    REFUSE_ALL = "refuse_all"
    """Nothing is written unless every row is good."""
    SKIP_ROW = "skip_row"
    """The good rows are written."""


class ImportErrorView(Output):
    """One thing wrong with one row; `line` counts from 1, 0 is the file as a whole."""

    line: int
    column: str
    code: str
    detail: str
    value: str


class ImportView(Output):
    """An import and how far it is; `progress` counts bytes.

    `errors` holds the first ones, `error_count` counts all. `result` counts what was written; a
    failed import has written nothing.
    """

    id: UUID
    kind: Literal["offers", "prices"]
    on_error: Literal["refuse_all", "skip_row"]
    status: Literal["queued", "running", "done", "failed"]
    progress: Progress
    error_count: int
    errors: list[ImportErrorView]
    created_at: datetime
    result: dict[str, Any] | None = None
    price_list_id: UUID | UnsetType = UNSET
    finished_at: datetime | UnsetType = UNSET
