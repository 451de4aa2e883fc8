"""Files as people make them in spreadsheets: read where they are clear, told where they are not."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import xlsxwriter

from catalog.exports.writers import CsvWriter, ExportFormat, writer_of
from catalog.imports.formats import AnyReader
from catalog.imports.layouts import OFFERS, PRICES
from catalog.imports.rows import Layout
from catalog.imports.sheets import Parts

GOOD = ("A", "C62", Decimal("5.8"))


def read(
    data: bytes | str, layout: Layout[Any] = PRICES, chunk: int = 100, *, plain: bool = False
) -> tuple[list[Any], AnyReader[Any]]:
    reader = AnyReader(layout, errors_max=100, plain=plain)
    data = data.encode() if isinstance(data, str) else data
    rows: list[Any] = []
    for start in range(0, len(data), chunk):
        rows += reader.feed(data[start : start + chunk])
    return [*rows, *reader.finish()], reader


def prices(data: bytes | str) -> list[tuple[str, str, Decimal]]:
    rows, reader = read(data)
    assert reader.errors == []
    return [(row.sku, row.unit, row.amount) for row in rows]


def told(data: bytes | str, layout: Layout[Any] = PRICES) -> list[tuple[int, str, str, str]]:
    _, reader = read(data, layout)
    return [(e.line, e.column, e.code, e.value) for e in reader.errors]


def book(*rows: tuple[Any, ...], hidden: tuple[Any, ...] = (), other: bool = False) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as made:
        if hidden:
            made.add_worksheet("Old").write_row(0, 0, hidden)
        sheet = made.add_worksheet("Preise 2026")
        if hidden:
            sheet.activate()
            sheet.set_first_sheet()
            made.worksheets()[0].hide()
        for place, row in enumerate(rows):
            for column, cell in enumerate(row):
                if str(cell).startswith("="):
                    sheet.write_formula(place, column, cell, None, "#N/A")
                elif cell is not None:
                    sheet.write(place, column, cell)
        if other:
            made.add_worksheet("Other").write_formula(1, 2, "=1/0", None, "#DIV/0!")
    return out.getvalue()


HEADER = ("sku", "unit", "amount")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("1.234.567", "1234567"),
        ("12 345,5", "12345.5"),
        ("12\u00a0345,5", "12345.5"),
        ("1\u202f234", "1234"),
        ("1'234.50", "1234.50"),
        ("1’234’567.5", "1234567.5"),
    ],
)
def test_thousands_are_parted_where_a_number_can_be_read_one_way_only(
    written: str, value: str
) -> None:
    assert prices(f"sku;unit;amount\nA;C62;{written}\n") == [("A", "C62", Decimal(value))]
    assert prices(book(HEADER, ("A", "C62", written))) == [("A", "C62", Decimal(value))]


def test_dates_with_points_have_the_day_first_and_dates_with_strokes_are_told() -> None:
    header = "sku;unit;amount;valid_from;valid_until\n"
    (row,), reader = read(f"{header}A;C62;5,8;02.01.2026;1.2.2026\n", plain=True)
    assert reader.errors == []
    assert row.valid_from == datetime(2026, 1, 2, tzinfo=UTC)
    assert row.valid_until == datetime(2026, 2, 1, tzinfo=UTC)
    for wrong in ("01/02/2026", "31.02.2026", "2.1.26", "02.01.2026 10:00"):
        assert told(f"{header}A;C62;5,8;{wrong};\n") == [(2, "valid_from", "not_an_instant", wrong)]


def test_a_number_with_parted_thousands_tells_the_decimal_mark_of_the_file() -> None:
    assert prices("sku;unit;amount\nA;C62;1.234,50\nB;C62;5,125\n")[1][2] == Decimal("5.125")
    assert told("sku;unit;amount\nA;C62;1.234,50\nB;C62;5.125\n") == [
        (3, "amount", "mixed_decimals", "5.125")
    ]
    assert told("sku;unit;amount\nA;C62;5,80\nB;C62;1,234.50\n")[0][2] == "mixed_decimals"


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("5 %", "percent"),
        ("5,80 €", "currency"),
        ("EUR 5,80", "currency"),
        ("1,2E+03", "shortened"),
        ("1.2.3", "plain digits"),
        ("1,23.45", "plain digits"),
        ("12.34.567", "plain digits"),
    ],
)
def test_what_is_wrong_with_a_number_is_told_in_words_that_mend_it(written: str, word: str) -> None:
    _, reader = read(f"sku;unit;amount\nA;C62;{written}\n")
    (error,) = reader.errors
    assert (error.code, error.value) == ("not_a_number", written)
    assert word in error.detail


@pytest.mark.parametrize(
    "data",
    [
        "Sku;Unit ;Minimum  Quantity;AMOUNT\nA;C62;1;5,8\n",
        "sep=;\nsku;unit;amount\nA;C62;5,8\n",
        "Preisliste 2026;;\n;;\nGültig ab 1. Mai;;\nsku;unit;amount\nA;C62;5,8\n",
        "sku;unit;amount;;\nA;C62;5,8;;\n;;;;\n",
        "sku;unit;;amount\nA;C62;;5,8\n",
        "sku;unit;amount\n;;\nA;C62;5,8\n;;;;\n\n",
        book(("SKU", "Unit", "Minimum Quantity", "Amount"), ("A", "C62", 1, 5.8)),
        book(("Preisliste 2026",), (None,), HEADER, ("A", "C62", 5.8)),
        book(("sku", "unit", None, "amount"), ("A", "C62", None, 5.8)),
        book(HEADER, ("A", "C62", 5.8), hidden=("notes",)),
        book(HEADER, ("A", "C62", 5.8), other=True),
    ],
)
def test_titles_blank_columns_and_rows_and_hidden_sheets_do_not_matter(data: bytes | str) -> None:
    assert prices(data) == [GOOD]


@pytest.mark.parametrize("sku", ["4,5", "4.5"])
def test_the_decimal_mark_is_learned_below_the_header_and_not_below_a_title(sku: str) -> None:
    title = "Preisliste\namount;all net\n"
    assert told(f"{title}sku;unit;amount\n{sku};C62;1,234\n") == [
        (4, "amount", "ambiguous_decimal", "1,234")
    ]


def test_a_line_keeps_its_number_below_a_title() -> None:
    assert told("Prices\n\nsku,unit,amount\nA,C62,1\nB,FOO,2\n") == [
        (5, "unit", "unknown_unit", "FOO")
    ]


@pytest.mark.parametrize(
    ("data", "line", "value"),
    [
        ("Artikelnummer;Einheit;Preis\nA;C62;5,8\n", 1, "artikelnummer, einheit, preis"),
        ("A;C62;5,8\n", 1, "a, c62, 5,8"),
        ("\nnotes\n" + "x;y\n" * 30 + "sku;unit;amount\n", 2, "notes"),
        (book(("Bitte lesen",), other=True), 1, "bitte_lesen"),
    ],
)
def test_a_file_without_a_header_is_told_once_and_which_columns_there_are(
    data: bytes | str, line: int, value: str
) -> None:
    assert told(data) == [(line, "", "no_header", value)]
    _, reader = read(data)
    assert "sku, unit, amount must be there" in reader.errors[0].detail
    assert reader.broken


def test_a_workbook_without_a_header_is_told_by_the_name_of_its_sheet() -> None:
    _, reader = read(book(("Bitte lesen",), other=True))
    assert "'Preise 2026'" in reader.errors[0].detail


def test_something_in_a_column_without_a_name_is_told() -> None:
    assert told("sku;unit;;amount\nA;C62;old;5,8\n") == [(2, "", "no_column", "old")]
    assert told(book(("sku", "unit", None, "amount"), ("A", "C62", "old", 5.8))) == [
        (2, "", "no_column", "old")
    ]


def test_lines_that_end_as_they_did_once_are_told() -> None:
    assert told("sku;unit;amount\rA;C62;5,8\r") == [(1, "", "line_ends", "")]


OFFER = "sku,name,unit\n"


@pytest.mark.parametrize("number", ["1.23E+15", "4,00638E+12", "1E+15"])
def test_a_number_of_an_article_that_a_spreadsheet_shortened_is_refused(number: str) -> None:
    assert told(f"sku;name;unit\n{number};Bolt;C62\n", OFFERS) == [
        (2, "sku", "digits_lost", number)
    ]
    assert told(book(("sku", "name", "unit"), (number, "Bolt", "C62")), OFFERS)[0][2] == (
        "digits_lost"
    )
    whole, reader = read(f"sku;unit;amount\n{number};C62;1\n", plain=True)
    assert (whole, [e.code for e in reader.errors]) == ([], ["digits_lost"])


def test_a_number_of_more_digits_than_a_spreadsheet_keeps_is_refused() -> None:
    cells = (
        ("sku", "name", "unit"),
        (62041234567890123, "x", "C62"),
        (620412345678901, "y", "C62"),
    )
    rows, reader = read(book(*cells), OFFERS)
    assert [(e.line, e.column, e.code) for e in reader.errors] == [(2, "sku", "digits_lost")]
    assert [row.sku for row in rows] == ["620412345678901"]


@pytest.mark.parametrize("sku", ["1.23E+15", "'1E+5", "1E+5-X", "1E5", "=1", "'=1"])
@pytest.mark.parametrize("chosen", list(ExportFormat))
def test_a_sku_that_looks_like_a_number_of_a_spreadsheet_comes_back(
    sku: str, chosen: ExportFormat
) -> None:
    writer = writer_of(chosen, ("sku", "name", "unit"))
    data = writer.begin() + writer.rows([[sku, sku, "C62"], ["A", "x", "C62"]])
    rows, reader = read(data + b"".join(writer.end()), OFFERS)
    assert reader.errors == []
    assert [(row.sku, row.name) for row in rows] == [(sku, sku), ("A", "x")]


def test_every_writer_of_csv_defuses_alike() -> None:
    column = [["1.23E+15"], ["A"]]
    assert CsvWriter(("sku",)).rows(column) == b"'1.23E+15\r\nA\r\n"


def test_a_cell_with_an_error_is_no_empty_cell() -> None:
    data = book((*HEADER, "minimum_quantity"), ("A", "C62", 5.8, "=NA()"), ("B", "C62", 1, 1))
    rows, reader = read(data)
    assert [(e.line, e.column, e.code) for e in reader.errors] == [
        (2, "minimum_quantity", "error_cell")
    ]
    assert [row.sku for row in rows] == ["B"]


def test_a_cell_with_an_error_is_found_in_a_table_that_does_not_begin_in_the_first_column() -> None:
    beside = [(None, None, *row) for row in ((*HEADER, "basis"), ("A", "C62", 5.8, "=NA()"))]
    assert told(book((None,), *beside)) == [(3, "basis", "error_cell", "#error")]


@pytest.mark.parametrize(("cells", "refused"), [(1000, False), (1001, True)])
def test_a_sheet_with_more_errors_than_are_told_is_refused_as_a_whole(
    cells: int, *, refused: bool
) -> None:
    faulty = [(f"A{n}", "C62", 5.8, "=NA()") for n in range(cells)]
    rows, reader = read(book((*HEADER, "basis"), *faulty, ("GOOD", "C62", 5.8, 1)), chunk=100_000)
    assert {e.code for e in reader.errors} == {"error_cell"}
    assert (reader.broken, [row.sku for row in rows]) == (refused, [] if refused else ["GOOD"])


def test_an_error_is_told_where_nobody_can_tell_which_part_holds_the_sheet() -> None:
    parts = Parts()
    parts.look("xl/worksheets/odd.xml", iter([b'<row r="2"><c r="C2" t="e"/></row>']))
    parts.look("xl/workbook.xml", iter([b"<workbook"]))
    assert parts.faults_of("Prices") == {(2, 3)}


def test_the_sheets_of_a_workbook_are_not_looked_up_in_an_index_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = looked_at(errors={"sheet1": "A2", "sheet2": "B3"})
    assert parts.faults_of("First") == {(2, 1)}
    assert parts.faults_of("Second") == {(3, 2)}
    monkeypatch.setattr("catalog.imports.sheets.SHEET_INDEX_BYTES_MAX", 300)
    assert looked_at(errors={"sheet1": "A2", "sheet2": "B3"}).faults_of("First") == {(2, 1), (3, 2)}


def test_a_workbook_that_declares_entities_does_not_tell_its_sheets() -> None:
    declared = b'<!DOCTYPE workbook [<!ENTITY x "First">]>'
    parts = looked_at(errors={"sheet1": "A2", "sheet2": "B3"}, before=declared)
    assert parts.faults_of("First") == {(2, 1), (3, 2)}


def looked_at(errors: dict[str, str], before: bytes = b"") -> Parts:
    """Parts of a workbook whose sheets have a cell with an error each."""
    parts = Parts()
    for name, cell in errors.items():
        row = f'<row r="{cell[1:]}"><c r="{cell}" t="e"/></row>'.encode()
        parts.look(f"xl/worksheets/{name}.xml", iter([row]))
    book = (
        b'<workbook xmlns="x" xmlns:r="y"><sheets><sheet name="First" sheetId="1" r:id="a"/>'
        b'<sheet name="Second" sheetId="2" r:id="b"/></sheets></workbook>'
    )
    relations = (
        b'<Relationships xmlns="z"><Relationship Id="a" Target="worksheets/sheet1.xml"/>'
        b'<Relationship Id="b" Target="/xl/worksheets/sheet2.xml"/></Relationships>'
    )
    assert len(book) < len(relations) < 300
    half = len(book) // 2
    parts.look("xl/workbook.xml", iter([before + book[:half], book[half:] + b" " * 200]))
    parts.look("xl/_rels/workbook.xml.rels", iter([relations]))
    return parts
