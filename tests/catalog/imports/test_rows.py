"""Import files: any bytes become rows and row errors, never an exception."""

import time
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.imports.layouts import OFFERS, PRICES
from catalog.imports.rows import Layout
from catalog.imports.separated import CsvReader
from catalog.price_lists.rules import PriceRecord
from catalog.products.rules import OfferRecord
from catalog.row_error import RowError
from marketplace.kernel.limits import RECORD_BYTES_MAX


def read(
    data: bytes, layout: Layout[Any] = PRICES, chunk: int = 1 << 20
) -> tuple[list[Any], list[RowError], CsvReader[Any]]:
    reader = CsvReader(layout, errors_max=100)
    rows = []
    for start in range(0, len(data), chunk):
        rows += reader.feed(data[start : start + chunk])
    rows += reader.finish()
    return rows, reader.errors, reader


def first_error(data: str, layout: Layout[Any] = PRICES) -> tuple[int, str, str, str]:
    _, errors, _ = read(data.encode(), layout)
    return errors[0].line, errors[0].column, errors[0].code, errors[0].value


PLAIN = PriceRecord(2, "A-1", "C62", Decimal(1), Decimal("12.50"), Decimal(1))


@pytest.mark.parametrize(
    "data",
    [
        b"sku,unit,amount\nA-1,C62,12.50\n",
        b"sku,unit,amount\r\nA-1,C62,12.50",
        b"\xef\xbb\xbfsku;unit;amount\nA-1;C62;12.50\n",
        b"sku\tunit\tamount\nA-1\tC62\t12.50\n",
        b"Amount , SKU,unit\n12.50,A-1 ,C62\n",
        b'"sku","unit","amount"\n"A-1","C62","12.50"\n\n',
        b"sku,unit,amount,minimum_quantity,basis,valid_from\nA-1,C62,12.50,,,\n",
    ],
)
def test_separator_quotes_order_of_columns_and_byte_order_mark_do_not_matter(data: bytes) -> None:
    for chunk in (1, 3, 1000):
        assert read(data, chunk=chunk)[:2] == ([PLAIN], [])


def test_all_columns_of_a_price_are_read() -> None:
    data = (
        "sku;unit;amount;minimum_quantity;basis;valid_from;valid_until\n"
        "A;KGM;0.0035;0.5;100;2026-01-01;2026-07-01T00:00:00+02:00\n"
    )
    rows, errors, _ = read(data.encode())
    assert errors == []
    assert rows == [
        PriceRecord(
            2,
            "A",
            "KGM",
            Decimal("0.5"),
            Decimal("0.0035"),
            Decimal(100),
            datetime(2026, 1, 1, tzinfo=UTC),
            datetime(2026, 6, 30, 22, tzinfo=UTC),
        )
    ]


def test_all_columns_of_an_offer_are_read() -> None:
    data = (
        "sku,name,unit,description,maker,maker_number,gtin,content,content_unit,"
        "minimum_quantity,multiple,maximum_quantity,lead_time_days,tax_category\n"
        '"B-7","Bolt, ""M8""",XBX,"two\nlines",Acme,8-20,4006381333931,1/3,KGM,10,5,100,14,S\n'
    )
    (row,), errors, _ = read(data.encode(), OFFERS)
    assert errors == []
    assert isinstance(row, OfferRecord)
    assert (row.name, row.description) == ('Bolt, "M8"', "two\nlines")
    assert row.gtin == "04006381333931"
    assert row.terms.content == Fraction(1, 3)
    assert (row.terms.minimum_quantity, row.terms.lead_time_days) == (10, 14)


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("NaN", "not_a_number"),
        ("Infinity", "not_a_number"),
        ("1e3", "not_a_number"),
        ("1_000", "not_a_number"),
        ("1 00", "not_a_number"),
        ("1,000.5,0", "not_a_number"),
        ("+1", "not_a_number"),
        (".5", "not_a_number"),
        ("1.", "not_a_number"),
        ("=1+1", "not_a_number"),
        ("٣", "not_a_number"),
        ("-1", "negative"),
        ("-0.01", "negative"),
        ("0.0000001", "too_many_decimals"),
        ("1" * 19, "too_large"),
        ("", "missing"),
    ],
)
def test_an_amount_out_of_form_names_line_column_reason_and_value(amount: str, code: str) -> None:
    assert first_error(f"sku;unit;amount\nA;C62;1\nB;C62;{amount}\n") == (3, "amount", code, amount)


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("A,FOO,1,1,1,,", "unit", "unknown_unit"),
        (",C62,1,1,1,,", "sku", "missing"),
        ("A,C62,1,0,1,,", "minimum_quantity", "not_positive"),
        ("A,C62,1,1.5,1,,", "minimum_quantity", "too_many_decimals"),
        ("A,C62,1,1,0,,", "basis", "not_positive"),
        ("A,C62,1,1,1,yesterday,", "valid_from", "not_an_instant"),
        ("A,C62,1,1,1,2026-01-01T00:00:00,", "valid_from", "not_an_instant"),
        ("A,C62,1,1,1,2026-02-30,", "valid_from", "not_an_instant"),
        ("A,C62,1,1,1,2026-02-01,2026-02-01", "", "ends_before_it_begins"),
        ("A,C62,1,1,1,", "", "wrong_number_of_fields"),
        ('A,C62,"1"2,1,1,,', "", "broken"),
        ("A\x01,C62,1,1,1,,", "sku", "control_character"),
        ("A" * 65 + ",C62,1,1,1,,", "sku", "too_long"),
    ],
)
def test_a_bad_row_is_named_and_its_neighbours_are_read(row: str, column: str, code: str) -> None:
    header = "sku,unit,amount,minimum_quantity,basis,valid_from,valid_until\n"
    rows, errors, reader = read(f"{header}X,C62,1,,,,\n{row}\nY,C62,2,,,,\n".encode())
    assert [r.sku for r in rows] == ["X", "Y"]
    assert [(e.line, e.column, e.code) for e in errors] == [(3, column, code)]
    assert not reader.broken


def test_every_error_of_a_row_is_told() -> None:
    _, errors, _ = read(b"sku,unit,amount\n,FOO,NaN\n")
    assert {(e.column, e.code) for e in errors} == {
        ("sku", "missing"),
        ("unit", "unknown_unit"),
        ("amount", "not_a_number"),
    }


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty_file"),
        (b"\n\n", "empty_file"),
        (b"sku,unit\nA,C62\n", "column_missing"),
        (b"sku,unit,amount,colour\nA,C62,1,red\n", "unknown_column"),
        (b"sku,unit,amount,amount\nA,C62,1,2\n", "column_twice"),
        ("sku,unit,amount\n".encode("utf-16"), "not_utf8"),
        (b'sku,unit,amount\nA,C62,1\nB,C62,"2\n', "broken"),
        (b"sku,unit,amount\nA,C62," + b"1" * (RECORD_BYTES_MAX + 1), "row_too_long"),
        (b'sku,unit,amount\nA,C62,"1\n' + b"x,y,z\n" * RECORD_BYTES_MAX, "row_too_long"),
    ],
)
def test_a_file_that_cannot_be_read_on_is_broken(data: bytes, code: str) -> None:
    _, errors, reader = read(data, chunk=1000)
    assert reader.broken
    assert code in {e.code for e in errors}


def test_a_header_of_a_row_full_of_columns_is_refused_in_no_time() -> None:
    began = time.process_time()
    _, errors, reader = read(b",".join(b"%x" % number for number in range(13_000)) + b"\n")
    assert reader.broken
    assert errors[0].code == "no_header"
    assert time.process_time() - began < 5


def test_bytes_that_are_not_utf8_spoil_their_own_row_only() -> None:
    rows, errors, reader = read(b"sku,unit,amount\nA,C62,1\nB\xff,C62,1\n\xc3\xa4,C62,1\n")
    assert [r.sku for r in rows] == ["A", "ä"]
    assert [(e.line, e.code) for e in errors] == [(3, "not_utf8")]
    assert not reader.broken


def test_lines_are_counted_through_quoted_line_breaks() -> None:
    data = b'sku,name,unit\nA,"one\ntwo\nthree",C62\nB,x,FOO\n'
    _, errors, _ = read(data, OFFERS)
    assert errors[0].line == 5


def test_a_quote_inside_a_field_is_a_character() -> None:
    (row, other), errors, _ = read(b'sku,name,unit\nA,5" pipe,C62\nB,6" pipe,C62\n', OFFERS)
    assert (row.name, other.name, errors) == ('5" pipe', '6" pipe', [])


def test_errors_are_kept_up_to_a_bound_and_counted_beyond() -> None:
    reader = CsvReader(PRICES, errors_max=3)
    reader.feed(b"sku,unit,amount\n" + b"A,C62,x\n" * 10)
    list(reader.finish())
    assert (len(reader.errors), reader.error_count, reader.row_count) == (3, 10, 10)


@pytest.mark.parametrize(
    ("terms", "column", "code"),
    [
        ("10,3,11", "maximum_quantity", "below_minimum_quantity"),  # 12 is the smallest multiple
        ("1.5,,", "minimum_quantity", "too_many_decimals"),
        (",0.5,", "multiple", "too_many_decimals"),
    ],
)
def test_terms_of_an_offer_that_do_not_fit_each_other_are_refused(
    terms: str, column: str, code: str
) -> None:
    header = "sku,name,unit,minimum_quantity,multiple,maximum_quantity"
    assert first_error(f"{header}\nA,Bolt,C62,{terms}\n", OFFERS)[1:3] == (column, code)


def test_a_gtin_with_a_wrong_check_digit_is_refused() -> None:
    assert first_error("sku,name,unit,gtin\nA,B,C62,4006381333932\n", OFFERS) == (
        2,
        "gtin",
        "invalid_gtin",
        "4006381333932",
    )


@given(st.binary(max_size=300), st.integers(1, 50))
def test_no_bytes_raise_and_chunks_never_matter(data: bytes, chunk: int) -> None:
    for head in (b"", b"sku,unit,amount\n", b'sku;unit;amount\nA;C62;"'):
        whole = read(head + data)
        in_chunks = read(head + data, chunk=chunk)
        assert whole[:2] == in_chunks[:2]
        assert whole[2].broken == in_chunks[2].broken


fields = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(
    lambda s: bool(s.strip()) and len(s) <= 50
)


@given(st.lists(st.tuples(fields, fields), min_size=1, max_size=5), st.sampled_from(",;\t"))
def test_what_a_csv_writer_wrote_is_read_back(rows: list[tuple[str, str]], separator: str) -> None:
    import csv  # noqa: PLC0415
    import io  # noqa: PLC0415

    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator)
    writer.writerow(["sku", "name", "unit"])
    writer.writerows([(sku, name, "C62") for sku, name in rows])
    got, errors, _ = read(out.getvalue().encode(), OFFERS)
    assert errors == []
    assert [(r.sku, r.name) for r in got] == [(sku.strip(), name.strip()) for sku, name in rows]
