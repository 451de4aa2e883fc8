"""Members of a framework bid at most at their framework prices."""

from dataclasses import replace
from decimal import Decimal

import pytest

from auctions.engine.terms import Format
from marketplace.contracts.framework_rules import FrameworkPrice
from marketplace.contracts.rules import Tier
from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.ids import new_id
from rfq.rules.bid import Bid, BidLine
from rfq.rules.competition import check_auctionable, check_within_framework
from rfq.rules.offering import Offering
from rfq.rules.procedure import Line, Lot, Status
from tests.rfq.rules.cases import procedure

ASKED = Line(new_id(), Decimal(100), "C62", "Bolts")
TIERS = (Tier(Decimal(50), Decimal("2.50")), Tier(Decimal(100), Decimal("2.40")))
AGREED = {("B-1", "C62"): FrameworkPrice(Decimal(10), TIERS)}
"""2.40 per ten from 100 pieces on."""


def codes(price: str, basis: str = "1", sku: str | None = "B-1", quantity: int = 100) -> list[str]:
    asked = replace(ASKED, quantity=Decimal(quantity))
    terms = replace(procedure(Status.PUBLISHED), lots=(Lot(new_id(), "Lot", (asked,)),))
    line = BidLine(line_id=ASKED.id, unit_amount=Decimal(price), basis=Decimal(basis), sku=sku)
    try:
        check_within_framework(terms, Bid(currency="EUR", lines=(line,)), AGREED)
    except InvalidInput as refused:
        return [error.code for error in refused.errors]
    return []


def test_the_framework_price_itself_may_be_offered_and_nothing_above_it() -> None:
    assert codes("0.24") == []
    assert codes("0.239999") == []
    assert codes("0.240001") == ["above_framework_price"]


@pytest.mark.parametrize("basis", ["1", "3", "10", "1000"])
def test_it_makes_no_difference_per_how_many_a_price_is_said(basis: str) -> None:
    equal = Decimal("0.24") * Decimal(basis)
    assert codes(str(equal), basis) == []
    assert codes(str(equal + Decimal("0.000001")), basis) == ["above_framework_price"]


def test_the_quantity_asked_for_decides_the_tier() -> None:
    assert codes("0.25", quantity=99) == []
    assert codes("0.25", quantity=100) == ["above_framework_price"]
    assert codes("0.25", quantity=49) == ["below_minimum_quantity"]


@pytest.mark.parametrize("sku", [None, "B-2"])
def test_a_line_names_an_article_of_the_framework(sku: str | None) -> None:
    assert codes("0.01", sku=sku) == ["not_in_framework"]


def test_members_of_a_framework_are_auctioned_only_where_nobody_ends_above_his_own_bid() -> None:
    under = replace(procedure(Status.OPENED), offering=Offering(framework_id=new_id()))
    for format_ in Format:
        check_auctionable(procedure(Status.OPENED), format_, "")
    for format_ in (Format.ENGLISH, Format.SEALED, Format.STAGED):
        check_auctionable(under, format_, "")
    for format_ in (Format.VICKREY, Format.DUTCH, Format.JAPANESE):
        with pytest.raises(InvalidInput) as refused:
            check_auctionable(under, format_, "/lots/1")
        assert refused.value.errors[0].pointer == "/lots/1/format"
