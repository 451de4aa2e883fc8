from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auctions.engine.terms import Rate
from marketplace.kernel.errors import InvalidInput
from rfq.rules import bid as rules
from rfq.rules.bid import Bid, BidLine
from rfq.rules.offering import Offering
from tests.rfq.rules.cases import CABLE, OFFICE, PAPER, TONER, bid, price, procedure

AMOUNTS = st.decimals("0.000001", "99999999", places=6)


def test_a_bid_may_leave_lots_out() -> None:
    rules.check_bid(procedure(), bid(price(CABLE, "1.25")))


def test_a_bid_may_price_everything_and_name_a_basis() -> None:
    lines = price(PAPER, "3.10"), price(TONER, "90"), price(CABLE, "125", "100")
    rules.check_bid(procedure(), bid(*lines))


@pytest.mark.parametrize(
    ("broken", "pointer", "code"),
    [
        (bid(), "/lines", "empty"),
        (bid(price(PAPER, "3")), "/lines", "lot_incomplete"),
        (bid(price(CABLE, "1"), currency="USD"), "/currency", "other_currency"),
        (bid(price(CABLE, "1"), price(CABLE, "2")), "/lines/1/line_id", "twice"),
        (bid(price(CABLE, "0")), "/lines/0/unit_amount", "not_positive"),
        (bid(price(CABLE, "-1")), "/lines/0/unit_amount", "not_positive"),
        (bid(price(CABLE, "NaN")), "/lines/0/unit_amount", "not_positive"),
        (bid(price(CABLE, "1.0000001")), "/lines/0/unit_amount", "too_many_decimals"),
        (bid(price(CABLE, "1", "0")), "/lines/0/basis", "not_positive"),
        (bid(price(CABLE, "999999999999999999")), "/lines/0/unit_amount", "too_large"),
        (bid(price(CABLE, "10000000000", "0.000001")), "/lines/0/unit_amount", "too_large"),
        (bid(price(CABLE, "1E+999999")), "/lines/0/unit_amount", "too_large"),
        (
            bid(BidLine(line_id=UUID(int=1), unit_amount=Decimal(1))),
            "/lines/0/line_id",
            "unknown_line",
        ),
    ],
)
def test_a_bid_that_does_not_answer_is_refused_with_its_place(
    broken: Bid, pointer: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        rules.check_bid(procedure(), broken)
    assert (pointer, code) in {(error.pointer, error.code) for error in refusal.value.errors}


def test_one_sku_cannot_answer_two_lines_of_a_lot() -> None:
    pens = replace(TONER, id=UUID(int=104), sku=None)
    asked = procedure(lots=(replace(OFFICE, lines=(TONER, pens)),))
    lines = [replace_sku(price(line, "1"), "TN-9") for line in (TONER, pens)]
    with pytest.raises(InvalidInput) as refusal:
        rules.check_bid(asked, bid(*lines))
    assert refusal.value.errors[0].pointer == "/lines/1/sku"
    rules.check_bid(asked, bid(lines[0], price(pens, "1")))


def replace_sku(line: BidLine, sku: str) -> BidLine:
    return msgspec.structs.replace(line, sku=sku)


@pytest.mark.parametrize(
    ("offered", "code"),
    [({}, "unknown_sku"), ({"TN-9": "XBX"}, "other_unit"), ({"TN-9": "C62"}, None)],
)
def test_a_named_sku_is_an_own_offer_in_the_asked_unit(
    offered: dict[str, str], code: str | None
) -> None:
    made = bid(price(PAPER, "1"), replace_sku(price(TONER, "1"), "TN-9"))
    if code is None:
        rules.check_skus(procedure(), made, offered)
        return
    with pytest.raises(InvalidInput) as refusal:
        rules.check_skus(procedure(), made, offered)
    assert [(e.pointer, e.code) for e in refusal.value.errors] == [("/lines/1/sku", code)]


@given(st.lists(st.tuples(AMOUNTS, st.none() | st.text(max_size=64)), max_size=5), st.text())
def test_what_was_written_is_read_back(prices: list[tuple[Decimal, str | None]], note: str) -> None:
    lines = tuple(
        BidLine(line_id=UUID(int=i), unit_amount=amount, sku=sku)
        for i, (amount, sku) in enumerate(prices)
    )
    made = Bid(currency="EUR", lines=lines, note=note)
    assert rules.read(rules.written(made)) == made


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b'{"currency":"EUR","form":"rfq.bid/2","lines":[],"note":""}',
        b'{"currency":"EUR","form":"rfq.bid/1","lines":[],"note":"","extra":1}',
    ],
)
def test_a_text_of_no_known_form_is_no_bid(text: bytes) -> None:
    assert rules.read(text) is None


def test_a_bid_in_a_currency_without_a_rate() -> None:
    """The bid is refused; opened, it is invalid."""
    foreign = bid(price(PAPER, "3"), price(TONER, "90"), currency="USD")
    pounds = Offering(rates=(Rate("GBP", Decimal("1.15")),))
    for asked in (procedure(), replace(procedure(), offering=pounds)):
        with pytest.raises(InvalidInput) as refusal:
            rules.check_bid(asked, foreign)
        assert [error.pointer for error in refusal.value.errors] == ["/currency"]
