"""What a file is, and how it writes its numbers, is told by the file; nobody guesses."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.imports.decimals import DecimalMark, Unfit
from catalog.imports.formats import AnyReader, FileFormat, recognize
from catalog.imports.layouts import OFFERS, PRICES
from catalog.imports.rows import Layout, PlainRows
from catalog.imports.separated import SAMPLE_BYTES, CsvReader


def read(
    data: bytes, layout: Layout[Any] = PRICES, chunk: int = 1 << 20, **wishes: Any
) -> tuple[list[Any], AnyReader[Any]]:
    reader = AnyReader(layout, errors_max=100, **wishes)
    rows: list[Any] = []
    for start in range(0, len(data), chunk):
        rows += reader.feed(data[start : start + chunk])
    rows += reader.finish()
    return rows, reader


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (b"PK\x03\x04rest", FileFormat.XLSX),
        (b'\xef\xbb\xbf\n <?xml version="1.0"?><BMECAT>', FileFormat.BMECAT),
        (b'{"sku": "A"}\n', FileFormat.NDJSON),
        (b"sku,unit\n", FileFormat.CSV),
        (b"[odd],unit\n", FileFormat.CSV),
        (b"", FileFormat.CSV),
    ],
)
def test_a_format_is_told_by_the_first_bytes(head: bytes, known: FileFormat) -> None:
    assert recognize(head) is known


@pytest.mark.parametrize(
    "head", [b"\xd0\xcf\x11\xe0", b"\x1f\x8b\x08", b"%PDF-1", b"\xff\xfea\0", b"[{}]", b"a\0b"]
)
def test_what_is_not_read_here_is_refused_with_words(head: bytes) -> None:
    _, reader = read(head * 600)
    assert (reader.broken, reader.errors[0].code) == (True, "wrong_format")
    assert len(reader.errors[0].detail) > 20


@pytest.mark.parametrize(
    ("numbers", "values"),
    [
        (["12,50", "1,234"], ["12.50", "1.234"]),
        (["12.50", "1.234"], ["12.50", "1.234"]),
        (["1,234", "0,5"], ["1.234", "0.5"]),
        (["7", "1234,5"], ["7", "1234.5"]),
        (["0.125"], ["0.125"]),
        (["3", "4"], ["3", "4"]),
    ],
)
def test_one_number_beyond_doubt_tells_the_mark_of_all(
    numbers: list[str], values: list[str]
) -> None:
    rows, reader = read("".join(["sku;unit;amount\n", *(f"A;C62;{n}\n" for n in numbers)]).encode())
    assert reader.errors == []
    assert [row.amount for row in rows] == [Decimal(value) for value in values]


@pytest.mark.parametrize("number", ["1,234", "12.345", "999,000"])
def test_a_number_that_may_be_read_in_two_ways_is_refused_unless_the_sender_says(
    number: str,
) -> None:
    data = f"sku;unit;amount\nA;C62;{number}\n".encode()
    _, reader = read(data)
    (error,) = reader.errors
    assert (error.line, error.column, error.code) == (2, "amount", "ambiguous_decimal")
    assert error.value == number
    rows, reader = read(data, decimal="comma" if "," in number else "point")
    assert reader.errors == []
    assert rows[0].amount == Decimal(number.replace(",", "."))


def test_a_file_does_not_change_its_mark() -> None:
    _, reader = read(b"sku;unit;amount\nA;C62;1,5\nB;C62;1.5\n")
    assert [(e.line, e.code) for e in reader.errors] == [(3, "mixed_decimals")]


@given(st.decimals(0, 10**6, places=4), st.sampled_from(",."))
def test_a_mark_once_known_reads_every_number(number: Decimal, mark: str) -> None:
    text = f"{number:f}".replace(".", mark)
    assert Decimal(DecimalMark(mark).plain(text)) == number  # type: ignore[arg-type]
    if mark in text:
        with pytest.raises(Unfit):
            DecimalMark("," if mark == "." else ".").plain(text)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "windows-1252", "latin-1"])
def test_encodings_and_separators_are_recognized(separator: str, encoding: str) -> None:
    lines = ["sku,name,unit", "A,Kugellager ø 20 für Motoren,C62", 'B,"Öl, grün",LTR']
    if separator != ",":
        lines[2] = lines[2].replace('"', "")
    text = "\n".join(lines).replace(",", separator)
    if separator != ",":
        text = text.replace(f"Öl{separator} ", "Öl, ")
    rows, reader = read(text.encode(encoding), OFFERS)
    assert reader.errors == []
    assert [row.name for row in rows] == ["Kugellager ø 20 für Motoren", "Öl, grün"]


def test_the_first_bytes_beyond_ascii_settle_the_encoding_however_late_they_come() -> None:
    ascii_rows = b"sku,name,unit\n" + b"A,Bolt,C62\n" * (SAMPLE_BYTES // 8)
    rows, reader = read(ascii_rows + "Z,Öl,C62\n".encode("windows-1252"), OFFERS, chunk=50_000)
    assert reader.errors == []
    assert rows[-1].name == "Öl"


# Many rows at one look

skus = st.text("AB1-;,|\\\"' \tä", min_size=0, max_size=4)
amounts = st.sampled_from(["1", "12.50", "12,50", "1.234", "0", "x", "", "1.2345678", " 3 "])
units = st.sampled_from(["C62", "KGM", "FOO", ""])
quantities = st.sampled_from(["", "1", "10", "0", "1.5", "01"])
dates = st.sampled_from(
    [
        *("", "2026-01-01", "2026-02-30", "2026-01-01T00:00:00+02:00", "0001-01-01"),
        *("02.01.2026", "2026-W05-6T00:00Z", "0001-01-01T00:00+05:00", "9999-12-31T23:00-05:00"),
    ]
)


@given(
    st.lists(st.tuples(skus, units, amounts, quantities, dates, dates), min_size=1, max_size=6),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["auto", "point", "comma"]),
)
def test_rows_read_at_one_look_are_those_read_one_by_one(
    rows: list[tuple[str, ...]], separator: str, end: str, decimal: str
) -> None:
    header = separator.join(
        ("sku", "unit", "amount", "minimum_quantity", "valid_from", "valid_until")
    )
    data = end.join([header, *(separator.join(row) for row in rows), ""]).encode()
    slow, careful = read(data, decimal=decimal)
    fast, quick = read(data, decimal=decimal, plain=True)
    taken: list[tuple[str, ...]] = []
    for piece in fast:
        if isinstance(piece, PlainRows):
            for line in piece.text.decode().splitlines():
                named = dict(zip(piece.columns, line.split("\t"), strict=True))
                taken.append(_told(named))
        else:
            taken.append((str(piece.line), piece.sku, piece.unit, str(piece.amount.normalize())))
    expected = [(str(r.line), r.sku, r.unit, str(r.amount.normalize())) for r in slow]
    assert taken == expected
    assert (quick.errors, quick.row_count) == (careful.errors, careful.row_count)


def _told(named: dict[str, str]) -> tuple[str, ...]:
    amount = Decimal(named["amount"]).normalize()
    return (named["line"], named["sku"], named["unit"], str(amount))


def test_plain_rows_are_taken_at_one_look() -> None:
    reader = CsvReader(PRICES, errors_max=10, plain=True)
    rows = reader.feed(b"sku;unit;amount\n" + b"A-1;C62;12,50\n" * 10_000)
    assert sum(r.row_count for r in rows if isinstance(r, PlainRows)) > 9_000
    assert not [r for r in rows if isinstance(r, PlainRows) and b"," in r.text]


def test_numbers_of_ndjson_keep_every_digit() -> None:
    rows, reader = read(
        b'{"sku": "A", "unit": "C62", "amount": 0.1}\n'
        b'{"sku": "B", "unit": "C62", "amount": "1.234", "basis": null}\n'
        b'{"sku": "C", "unit": "C62", "amount": 123456789012345678.123456}\n'
    )
    assert reader.errors == []
    assert [str(row.amount) for row in rows] == ["0.1", "1.234", "123456789012345678.123456"]


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        (b'{"sku": "A", "unit": "C62"}', "amount", "missing"),
        (b'{"sku": "A", "unit": "C62", "amount": NaN}', "", "broken"),
        (b'{"sku": "A", "unit": "C62", "amount": [1]}', "amount", "not_flat"),
        (b'{"sku": "A", "sku": "B"}', "", "broken"),
        (b'{"colour": "red"}', "colour", "unknown_column"),
        (b"[" * 5_000, "", "broken"),
        (b'"A"', "", "broken"),
        (b'{"sku": "\xff"}', "", "not_utf8"),
    ],
)
def test_a_bad_line_of_ndjson_is_named_and_its_neighbours_are_read(
    line: bytes, column: str, code: str
) -> None:
    good = b'{"sku": "X", "unit": "C62", "amount": "1"}\n'
    rows, reader = read(good + line + b"\n" + good)
    assert [row.line for row in rows] == [1, 3]
    assert (2, column, code) in {(e.line, e.column, e.code) for e in reader.errors}


@given(st.binary(max_size=200))
def test_no_bytes_raise_whatever_they_claim_to_be(data: bytes) -> None:
    for head in (b"", b"PK\x03\x04", b"{", b"<BMECAT>", b'<?xml version="1.0"?>'):
        for chunk in (7, 1000):
            read(head + data, chunk=chunk)
