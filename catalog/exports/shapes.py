"""The row of a buyer's price file as Postgres puts it together, and what it then needs. Pure.

Postgres joins raw values with what stands between them in the format, and marks where texts and
numbers begin and end. What a text or a number needs to stand there (quotes, an apostrophe, one more
decimal) is decided here, by the rules of `catalog.exports.writers`: they are written once. Looked
at are whole pages, so that a row costs some tenths of a microsecond.
"""

import re
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from catalog.exports.writers import UNCLEAR, Cell, ExportFormat, cell_text, plain_text, quoted
from catalog.imports.defusing import FORMULA

TEXT: Final = "\x01"
END: Final = "\x02"
NUMBER: Final = END
"""Stands before a number, as none follows a text at once; a number ends with its digits."""
MISSING: Final = f"{END}{END}"
"""Stands in the place of an offer whose rows Postgres does not write."""
MARKS: Final = (TEXT, END)
"""No text that holds one of these is put between them."""
_DELETED: Final = "".join(MARKS).encode()

Tail = tuple[str, Decimal, str, str, str | None]
"""What the rows of many offers share: currency, basis, volume mode, level, and until when."""


class RowShape(Protocol):
    """How the columns of a buyer's price file stand in a row of one format."""

    before_name: str
    """What stands between the SKU and the name."""

    def head(self, supplier: str) -> str:
        """Give what stands before the SKU."""

    def priced(self, unit: str, tail: Tail) -> tuple[str, str, str]:
        """Give what stands behind the name, between minimum quantity and amount, and behind it."""

    def unpriced(self, unit: str, reason: str) -> str:
        """Give what stands behind the name where there is no price."""

    def finished(self, raw: str) -> bytes:
        """Give rows as they are sent."""


class CsvShape:
    """Rows as `CsvWriter` writes them."""

    before_name = f"{END},{TEXT}"

    def head(self, supplier: str) -> str:
        """Give what stands before the SKU."""
        return f"{supplier},{TEXT}"

    def priced(self, unit: str, tail: Tail) -> tuple[str, str, str]:
        """Give what stands behind the name, between minimum quantity and amount, and behind it."""
        currency, *others = (_csv_cell(cell) for cell in tail)
        before = f"{END},{_csv_cell(unit)},{currency},{NUMBER}"
        return before, f",{NUMBER}", f",{','.join(others)},\r\n"

    def unpriced(self, unit: str, reason: str) -> str:
        """Give what stands behind the name where there is no price."""
        return f"{END},{_csv_cell(unit)}{',' * 8}{_csv_cell(reason)}\r\n"

    def finished(self, raw: str) -> bytes:
        """Give rows with quotes, apostrophes and decimals where they are needed."""
        careful = _CSV_CARE.sub(lambda found: _csv_cell(found[1]), raw)
        return _plain(_UNCLEAR_NUMBER.sub(r"\g<1>0", careful))


_CSV_CARE: Final = re.compile(rf'{TEXT}((?:{FORMULA}|[^{END}",\r\n]*[",\r\n])[^{END}]*)(?={END})')
_UNCLEAR_NUMBER: Final = re.compile(rf"{NUMBER}({UNCLEAR})(?=,)")


def _csv_cell(cell: Cell) -> str:
    return quoted(cell_text(cell))


class NdjsonShape:
    """Rows as `NdjsonWriter` writes them."""

    before_name = f'{END}","name":"{TEXT}'

    def head(self, supplier: str) -> str:
        """Give what stands before the SKU."""
        return f'{{"supplier_id":"{supplier}","sku":"{TEXT}'

    def priced(self, unit: str, tail: Tail) -> tuple[str, str, str]:
        """Give what stands behind the name, between minimum quantity and amount, and behind it."""
        currency, basis, mode, level, until = tail
        begins = f'{END}","unit":{_json(unit)},"currency":{_json(currency)}'
        ends = "" if until is None else f',"valid_until":{_json(until)}'
        told = f'"basis":{_json(basis)},"volume_mode":{_json(mode)},"level":{_json(level)}{ends}'
        return (
            f'{begins},"minimum_quantity":"{NUMBER}',
            f'","amount":"{NUMBER}',
            f'",{told}}}\n',
        )

    def unpriced(self, unit: str, reason: str) -> str:
        """Give what stands behind the name where there is no price."""
        return f'{END}","unit":{_json(unit)},"no_price":{_json(reason)}}}\n'

    def finished(self, raw: str) -> bytes:
        """Give rows with their texts escaped where they need it."""
        return _plain(_JSON_CARE.sub(lambda found: _json(found[1])[1:-1], raw))


_ESCAPED: Final = r'"\\\x00\x03-\x1f'
_JSON_CARE: Final = re.compile(rf"{TEXT}([^{END}{_ESCAPED}]*[{_ESCAPED}][^{END}]*)(?={END})")
"""The marks, which stand in no text, are the control characters left out."""


def _json(cell: str | Decimal) -> str:
    return msgspec.json.encode(plain_text(cell)).decode()


def _plain(marked: str) -> bytes:
    return marked.encode().translate(None, _DELETED)


SHAPES: Final[dict[ExportFormat, RowShape]] = {
    ExportFormat.CSV: CsvShape(),
    ExportFormat.NDJSON: NdjsonShape(),
}
"""Formats whose rows are lines; a workbook is made row by row."""
