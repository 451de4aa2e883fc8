"""Workbooks: read like any file, and looked at before they are unpacked."""

import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import xlsxwriter

from catalog.imports import sheets
from catalog.imports.layouts import PRICES
from catalog.imports.rows import Layout
from catalog.imports.sheets import SheetReader


def workbook(*rows: tuple[Any, ...]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for place, row in enumerate(rows):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write_datetime(place, column, cell, day)
                elif cell is not None:
                    sheet.write(place, column, cell)
    return out.getvalue()


def read(data: bytes, layout: Layout[Any] = PRICES) -> tuple[list[Any], SheetReader[Any]]:
    reader = SheetReader(layout, errors_max=100)
    for start in range(0, len(data), 1000):
        reader.feed(data[start : start + 1000])
    return list(reader.finish()), reader


def test_cells_are_read_as_somebody_would_have_typed_them() -> None:
    data = workbook(
        (),
        ("SKU", "Unit", "Amount", "minimum_quantity", "valid_from"),
        (1001, "C62", 12.5, 1, datetime(2026, 1, 31)),  # noqa: DTZ001 - a sheet has no zones
        ("A-2", "KGM", 0.1 + 0.2, 0.5, None),
        (),
        ("A-3", "C62", "7,25", None, "2026-02-01"),
    )
    rows, reader = read(data)
    assert reader.errors == []
    assert [(r.line, r.sku, r.amount) for r in rows] == [
        (3, "1001", Decimal("12.5")),
        (4, "A-2", Decimal("0.3")),
        (6, "A-3", Decimal("7.25")),
    ]
    assert rows[0].valid_from == datetime(2026, 1, 31, tzinfo=UTC)


def test_a_bad_cell_is_told_by_its_row_in_the_sheet() -> None:
    data = workbook(("sku", "unit", "amount"), ("A", "C62", 1), ("B", "FOO", "NaN"), ("C",))
    rows, reader = read(data)
    assert [row.sku for row in rows] == ["A"]
    assert [(e.line, e.column, e.value) for e in reader.errors] == [
        (3, "unit", "FOO"),
        (3, "amount", "NaN"),
        (4, "amount", ""),
        (4, "unit", ""),
    ]


def archive(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("[Content_Types].xml", "<Types/>")
        for name, content in parts.items():
            made.writestr(name, content)
    return out.getvalue()


def test_a_part_that_unpacks_to_a_thousand_times_its_size_is_refused() -> None:
    _, reader = read(archive(sheet=bytes(20_000_000)))
    assert [(e.line, e.code) for e in reader.errors] == [(0, "zip_bomb")]
    assert reader.broken


def test_a_part_larger_than_the_archive_says_is_refused() -> None:
    honest = archive(sheet=bytes(900_000))
    said = (900_000).to_bytes(4, "little")
    at = honest.rindex(said)
    _, reader = read(honest[:at] + (1000).to_bytes(4, "little") + honest[at + 4 :])
    assert reader.errors[0].code == "zip_bomb"


def test_too_many_parts_and_too_much_in_all_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _, reader = read(archive(**{f"p{n}": b"x" for n in range(600)}))
    assert reader.errors[0].code == "zip_bomb"
    monkeypatch.setattr(sheets, "_BOUNDS", replace(sheets._BOUNDS, bytes_max=5_000))
    _, reader = read(workbook(("sku", "unit", "amount"), ("A", "C62", 1)))
    assert reader.errors[0].code == "workbook_too_large"
    monkeypatch.setattr(sheets, "SHEET_UPLOAD_BYTES_MAX", 500)
    _, reader = read(workbook(("sku", "unit", "amount"), ("A", "C62", 1)))
    assert reader.errors[0].code == "workbook_too_large"


@pytest.mark.parametrize("data", [archive(), b"PK\x03\x04" + bytes(100), workbook(())])
def test_an_archive_that_is_no_workbook_is_refused(data: bytes) -> None:
    rows, reader = read(data)
    assert rows == []
    assert reader.broken
    assert reader.errors[0].code in {"broken", "empty_file"}


def test_a_damaged_workbook_is_refused() -> None:
    data = bytearray(workbook(("sku", "unit", "amount"), ("A", "C62", 1)))
    for place in range(60, len(data) - 400, 97):
        data[place] ^= 0x55
    _, reader = read(bytes(data))
    assert reader.broken
