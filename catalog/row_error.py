"""What is wrong with a row of a file or of a list."""

import msgspec


class RowError(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with one row; `line` counts from 1, `column` is empty for the whole row."""

    line: int
    column: str
    code: str
    detail: str
    value: str
