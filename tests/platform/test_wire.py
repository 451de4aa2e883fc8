"""Strict bodies, problems that point at fields, pages."""

from datetime import date, timedelta
from enum import Enum
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from marketplace.kernel.errors import InvalidInput, MalformedRequest
from marketplace.kernel.limits import BODY_FAULTS_BYTES_MAX, BODY_FAULTS_TOLD_MAX
from marketplace.platform.http.paging import PageRequest, page
from marketplace.platform.http.problems import decode_body
from marketplace.platform.http.schemas import (
    AmountText,
    Input,
    InstantIn,
    MoneyInput,
    Name,
    QuantityText,
    Sku,
    shown_amount,
)


class Line(Input):
    sku: str
    quantity: QuantityText
    price: AmountText


class Document(Input):
    lines: list[Line]
    due_at: InstantIn | None = None


DECODER = msgspec.json.Decoder(Document)


def refused(body: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        decode_body(DECODER, body.encode())
    return caught.value


def line(**changes: object) -> str:
    fields: dict[str, object] = {"sku": "A", "quantity": "1", "price": "2.50", **changes}
    return msgspec.json.encode({"lines": [{**fields}]}).decode()


def test_a_good_body_is_read() -> None:
    document = decode_body(DECODER, line().encode())
    assert document.lines[0].price == "2.50"


def test_of_a_hundred_lines_that_are_wrong_each_is_told() -> None:
    good = {"sku": "A", "quantity": "1", "price": "2.50"}
    lines: list[object] = [{**good, "quantity": "-1", "price": 3} for _ in range(100)]
    lines += [good, {"sku": "A", "quantty": "1", "price": "1"}, "x"]
    wrong = refused(msgspec.json.encode({"lines": lines, "due_at": "soon"}).decode())
    told = [(error.pointer, error.code) for error in wrong.errors]
    fields = ("quantity", "price")
    assert told[:200] == [(f"/lines/{n}/{name}", "invalid") for n in range(100) for name in fields]
    assert told[200:] == [
        ("/lines/101/quantty", "unknown_field"),
        ("/lines/101/quantity", "missing"),
        ("/lines/102", "invalid"),
        ("/due_at", "invalid"),
    ]
    assert wrong.detail == wrong.errors[0].detail
    many = msgspec.json.encode({"lines": [{}] * 5_000}).decode()
    assert len(refused(many).errors) == BODY_FAULTS_TOLD_MAX


def test_of_a_large_body_the_first_fault_alone_is_told() -> None:
    wrong = {"sku": "A" * BODY_FAULTS_BYTES_MAX, "quantity": "-1", "price": 3}
    assert len(refused(msgspec.json.encode({"lines": [wrong]}).decode()).errors) == 1
    small = {**wrong, "sku": "A"}
    assert len(refused(msgspec.json.encode({"lines": [small]}).decode()).errors) == 2


def test_of_a_body_that_is_no_json_behind_its_first_fault_this_one_is_told() -> None:
    wrong = refused('{"lines": [{"sku": 1, "quantity": -1}], "due_at": soon}')
    assert [error.pointer for error in wrong.errors] == ["/lines/0/sku"]


class Parcel(Input):
    by_name: dict[str, Line] | None = None
    first: tuple[Line, int] | None = None
    rest: Annotated[list[Line] | None, Meta(description="All others.")] = None


REST = ["/rest/0/quantity", "/rest/0/price", "/rest/1"]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"by_name": {"x": {"sku": 1, "quantity": "1", "price": "1"}}}, ["/by_name"]),
        ({"first": [{"sku": "A", "quantity": "1", "price": "1"}, "2"]}, ["/first/1"]),
        ({"rest": [{"sku": "A", "quantity": 1, "price": 2}, 2]}, REST),
    ],
)
def test_a_fault_is_told_where_it_is_in_mappings_pairs_and_lists(
    body: object, pointers: list[str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_body(msgspec.json.Decoder(Parcel), msgspec.json.encode(body))
    assert [error.pointer for error in caught.value.errors] == pointers


@pytest.mark.parametrize(
    "amount",
    [
        "NaN", "Infinity", "1e3", "1_000", "-1", "+1", "1.2345678", "01", ".5", "5.", "", " 1",
        "1,5", "1" * 19, "٣", "1\n",
    ],
)  # fmt: skip
def test_an_amount_that_is_no_plain_number_is_refused_and_pointed_at(amount: str) -> None:
    error = refused(line(price=amount))
    assert error.errors[0].pointer == "/lines/0/price"


@pytest.mark.parametrize("amount", [2.5, 2, True, None, ["2.50"]])
def test_an_amount_that_is_no_string_is_refused(amount: object) -> None:
    assert refused(line(price=amount)).errors[0].pointer == "/lines/0/price"


def test_an_unknown_field_is_named() -> None:
    error = refused(line(colour="red"))
    assert (error.errors[0].pointer, error.errors[0].code) == ("/lines/0/colour", "unknown_field")


def test_what_is_wrong_in_a_mapping_is_pointed_at_by_the_mapping() -> None:
    class Adjustment(Input):
        costs: dict[str, AmountText]

    with pytest.raises(InvalidInput) as caught:
        decode_body(msgspec.json.Decoder(Adjustment), b'{"costs": {"freight": "red"}}')
    assert caught.value.errors[0].pointer == "/costs"


def test_a_missing_field_is_named() -> None:
    error = refused('{"lines": [{"sku": "A", "quantity": "1"}]}')
    assert (error.errors[0].pointer, error.errors[0].code) == ("/lines/0/price", "missing")


def test_an_instant_without_an_offset_is_refused() -> None:
    assert refused('{"lines": [], "due_at": "2026-01-01T10:00:00"}').errors[0].pointer == "/due_at"


@pytest.mark.parametrize(
    "body", ["", "{", "nonsense", '{"lines": [', "\xff", '{"lines": [{"sku": "\xff"}]}']
)
def test_what_is_no_json_is_malformed(body: str) -> None:
    with pytest.raises(MalformedRequest):
        decode_body(DECODER, body.encode("latin-1"))


def test_a_body_nested_without_end_is_refused() -> None:
    with pytest.raises((InvalidInput, MalformedRequest)):
        decode_body(DECODER, b'{"lines": ' + b"[" * 100_000)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Wish(Input):
    colour: Colour
    finish: Literal["matt", "gloss"] = "matt"
    amount: AmountText = "1"
    name: Name = "x"
    sku: Sku = "A"
    number: Annotated[int, Meta(ge=1, le=9)] = 1
    wanted_on: date | None = None
    within: timedelta | None = None
    tags: Annotated[list[str], Meta(min_length=1, max_length=2)] = msgspec.field(
        default_factory=lambda: ["a"]
    )


WISHES = msgspec.json.Decoder(Wish)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("colour", "green", "'green' is none of: red, blue."),
        ("finish", "wet", "'wet' is none of: gloss, matt."),
        ("colour", "g" * 500, f"'{'g' * 60}…' is none of: red, blue."),
        ("amount", "1e3", "A decimal number that is not negative"),
        ("amount", 1.5, "Send a text here, not a number. A decimal number"),
        ("amount", "1e3", 'For example "12.50".'),
        ("name", " ", "One line of text: not blank"),
        ("name", "", "This must not be empty."),
        ("name", "x" * 201, "at most 200 are taken"),
        ("number", 0, "This must be at least 1."),
        ("number", "1", "Send a whole number here, not a text."),
        ("wanted_on", "31.01.2026", "write it as in 2026-01-31"),
        ("within", "2 minutes", "as in PT2M"),
        ("tags", [], "This must not be empty."),
        ("tags", ["a"] * 3, "more than 2 items"),
        ("tags", [1], "Send a text here, not a whole number."),
        ("name", {}, "Send a text here, not an object."),
    ],
)
def test_a_refusal_says_what_is_taken_instead(field: str, value: object, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_body(WISHES, msgspec.json.encode({"colour": "red", field: value}))
    (error,) = caught.value.errors
    assert words in error.detail
    assert error.pointer.startswith(f"/{field}")
    assert "`" not in error.detail


@pytest.mark.parametrize("text", ["a\0b", "\0", "a\x01b", "a\x7f", "\x1f", "a\n"])
def test_a_name_has_no_control_character(text: str) -> None:
    for field in ("name", "sku"):
        with pytest.raises(InvalidInput) as caught:
            decode_body(WISHES, msgspec.json.encode({"colour": "red", field: text}))
        assert caught.value.errors[0].pointer == f"/{field}"


def test_a_nul_character_is_found_in_any_text() -> None:
    class Free(Input):
        texts: list[dict[str, str]]

    body = msgspec.json.encode({"texts": [{"a": "x"}, {"b": "y\0"}]})
    with pytest.raises(InvalidInput) as caught:
        decode_body(msgspec.json.Decoder(Free), body)
    assert [error.pointer for error in caught.value.errors] == ["/texts/1/b"]
    assert decode_body(msgspec.json.Decoder(Free), rb'{"texts": [{"a": "\\u0000"}]}')


class When(Input):
    at: InstantIn | None = None
    days: tuple[date, ...] = ()


@pytest.mark.parametrize(
    "body",
    [
        '{"at": "0001-01-01T00:00:00Z"}',
        '{"at": "0001-01-01T00:00:00+14:00"}',
        '{"at": "9999-12-31T23:59:59-00:01"}',
        '{"at": "1899-12-31T23:59:59Z"}',
    ],
)
def test_an_instant_that_no_zone_can_tell_is_refused(body: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_body(msgspec.json.Decoder(When), body.encode())
    assert caught.value.errors[0].pointer == "/at"


def test_a_date_before_all_trade_is_pointed_at() -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_body(msgspec.json.Decoder(When), b'{"days": ["1900-01-01", "0001-01-01"]}')
    assert caught.value.errors[0].pointer == "/days/1"


def test_the_last_instant_of_all_is_taken() -> None:
    when = decode_body(msgspec.json.Decoder(When), b'{"at": "9999-12-31T23:59:59.999999Z"}')
    assert when.at is not None


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(InvalidInput, match="EUX"):
        MoneyInput(amount="1", currency="EUX").value()


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [("12.5", "EUR", "12.50"), ("0.0035", "EUR", "0.0035"), ("1200", "JPY", "1200"),
     ("1.5", "KWD", "1.500"), ("3", "CLF", "3.0000")],
)  # fmt: skip
def test_amounts_show_the_digits_of_their_currency(amount: str, currency: str, shown: str) -> None:
    from decimal import Decimal  # noqa: PLC0415 - the one test that needs it

    assert shown_amount(Decimal(amount), currency) == shown


def test_pages_continue_after_the_last_item_until_there_is_none() -> None:
    rows = list(range(7))
    seen: list[int] = []
    after: str | None = None
    while True:
        request = PageRequest(limit=3, after=after)
        start = request.key(int)
        rest = [n for n in rows if start is None or n > start][: request.fetch]
        answer = page(request, rest, lambda n: n)
        seen += answer.items
        if answer.next is None:
            break
        after = answer.next
    assert seen == rows


@pytest.mark.parametrize("after", ["x", "!!!", "bm8", "WzFd", "MTIzNDU2Nzg5MA=="])
def test_a_cursor_that_is_not_ours_is_malformed(after: str) -> None:
    with pytest.raises(MalformedRequest):
        PageRequest(limit=3, after=after).key(tuple[str, str])
