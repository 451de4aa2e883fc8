from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.carts.quick_order import (
    QuickError,
    QuickLine,
    alike,
    common_beginning,
    read_quick_order,
)


def told(text: str) -> list[tuple[str, ...]]:
    return [
        (one.code,)
        if isinstance(one, QuickError)
        else (one.sku, str(one.quantity.normalize()) if one.quantity else "-", one.unit or "-")
        for one in read_quick_order(text)
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A-1", ("A-1", "-", "-")),
        ("A-1 10", ("A-1", "1E+1", "-")),
        ("A-1\t10\tC62", ("A-1", "1E+1", "C62")),
        ("A-1;2,5;kgm", ("A-1", "2.5", "KGM")),
        ("A-1; 2.5 ;KGM;", ("A-1", "2.5", "KGM")),
        ("A-1,3,C62", ("A-1", "3", "C62")),
        ("A-1 2,5 KGM", ("A-1", "2.5", "KGM")),
        ("  A 1 7 C62  ", ("A 1", "7", "C62")),
        ("6204 2RS", ("6204 2RS", "-", "-")),
        ('"A;1";2', ("A;1", "2", "-")),
        ("A-1;;C62", ("A-1", "-", "C62")),
        ("A-1 1.5", ("A-1", "1.5", "-")),
        ("A-1;0", ("not_positive",)),
        ("A-1;0;C62", ("not_positive",)),
        ("A-1;1.5;C62", ("too_many_decimals",)),
        ("A-1;many", ("not_a_number",)),
        ("A-1;-1", ("not_a_number",)),
        ("A-1;1.000", ("ambiguous_number",)),
        ("A-1;12,345,678", ("ambiguous_number",)),
        ("KA 6204,10", ("ambiguous_number",)),
        ("A-1;1;QQQ", ("unknown_unit",)),
        ("A-1;1;C62;9", ("too_many_fields",)),
        (";1", ("missing_sku",)),
        ("x" * 65, ("invalid_sku",)),
        ('"A;1', ("broken",)),
    ],
)
def test_a_pasted_line_is_read_or_told_what_is_wrong(text: str, line: tuple[str, ...]) -> None:
    assert told(text) == [line]


def test_a_header_may_be_in_the_words_of_a_buyers_own_system() -> None:
    pasted = "Menge;Artikelnummer;Text;Einheit\n10;A-1;Bolt;C62\n"
    assert read_quick_order(pasted) == [QuickLine(2, "A-1", Decimal(10), "C62")]


def test_a_header_names_the_columns_in_any_order_and_their_separator() -> None:
    text = "\ufeffUnit,SKU,Qty\nC62,KA 6204,10\n,A-1,2\n"
    assert told(text) == [("KA 6204", "1E+1", "C62"), ("A-1", "2", "-")]


def test_lines_are_counted_as_they_were_pasted_and_a_bad_one_keeps_no_other_out() -> None:
    read = read_quick_order("A-1 1\n\nA-2;x\r\nA-3\t3\n")
    assert [one.line for one in read] == [1, 3, 4]
    assert read[1] == QuickError(
        3, "A-2;x", "not_a_number", "'x' is not a quantity, such as 10 or 2.5."
    )
    assert read[2] == QuickLine(4, "A-3", Decimal(3), None)


@given(st.text(max_size=200))
def test_whatever_is_pasted_every_line_has_one_answer(text: str) -> None:
    read = read_quick_order(text)
    lines = [n for n, raw in enumerate(text.removeprefix("\ufeff").splitlines(), 1) if raw.strip()]
    assert [one.line for one in read] in (lines, lines[1:])


def test_where_only_blanks_part_a_line_all_of_it_may_be_the_sku() -> None:
    read = read_quick_order("BOLT  8\nBOLT\nBOLT;8\n")
    whole = [one.whole for one in read if isinstance(one, QuickLine)]
    assert whole == ["BOLT 8", None, None]


def test_what_is_alike_is_suggested_the_most_alike_first() -> None:
    known = ["KA-6204-2RS", "KA-6204-ZZ", "KA-6205-2RS", "BOLT"]
    assert [known[place] for place in alike("KA-6204-2R5", known)] == [
        "KA-6204-2RS",
        "KA-6205-2RS",
        "KA-6204-ZZ",
    ]
    assert list(alike("XYZ", known)) == []
    assert common_beginning("KA-6204") == "ka-6"
    assert common_beginning("A") == "a"
