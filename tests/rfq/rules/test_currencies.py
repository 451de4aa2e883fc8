"""Bids in other currencies: rates that fit, prices converted once, amounts that can be stored."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auctions.engine.terms import Rate
from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.units import places
from rfq.rules.bid import check_bid
from rfq.rules.conditions import Conditions, VolumeDiscount, in_base
from rfq.rules.currencies import Exchange, exchanges
from rfq.rules.evaluation import lot_lines
from rfq.rules.offering import Offering
from rfq.rules.procedure import Openness, Procedure, Status
from rfq.rules.publication import check_terms
from tests.rfq.rules.cases import CABLE, OFFICE, PAPER, TONER, bid, price, procedure

DOLLAR = Rate("USD", Decimal("0.9"))
EXCHANGE = Exchange("USD", Decimal("0.9"), "EUR")


def asked(*rates: Rate, **more: Any) -> Procedure:
    return replace(procedure(Status.DRAFT), offering=Offering(rates=rates), **more)


@pytest.mark.parametrize(
    ("rates", "pointer"),
    [
        ((Rate("EUR", Decimal(1)),), "/rates/0/currency"),
        ((DOLLAR, DOLLAR), "/rates/1/currency"),
        ((Rate("XXQ", Decimal(1)),), "/rates/0/currency"),
        ((Rate("USD", Decimal(0)),), "/rates/0/rate"),
        ((Rate("USD", Decimal("1E-13")),), "/rates/0/rate"),
    ],
)
def test_rates_are_of_other_currencies_once_each_and_above_zero(
    rates: tuple[Rate, ...], pointer: str
) -> None:
    check_terms(asked(DOLLAR))
    with pytest.raises(InvalidInput) as refused:
        check_terms(asked(*rates))
    assert pointer in {each.pointer for each in refused.value.errors}


def test_members_of_a_framework_bid_in_its_currency() -> None:
    offering = Offering(rates=(DOLLAR,), framework_id=UUID(int=7))
    with pytest.raises(InvalidInput) as refused:
        check_terms(replace(asked(), offering=offering, openness=Openness.MEMBERS))
    assert [each.pointer for each in refused.value.errors] == ["/rates"]


def test_a_price_is_converted_unit_by_unit_and_remembers_what_was_bid() -> None:
    dollars = bid(price(PAPER, "3.20"), price(TONER, "100", "3"), currency="USD")
    check_bid(asked(DOLLAR), dollars)
    paper, toner = lot_lines(OFFICE, dollars, exchanges(asked(DOLLAR))["USD"])
    assert (paper.unit_amount, paper.currency) == (Decimal("2.88"), "EUR")
    assert (toner.unit_amount, toner.basis) == (Decimal(90), Decimal(3))
    assert paper.quoted == (Decimal("3.20"), EXCHANGE)
    (own, _) = lot_lines(OFFICE, bid(price(PAPER, "3.20"), price(TONER, "1")))
    assert (own.unit_amount, own.quoted) == (Decimal("3.20"), None)


@settings(max_examples=50)
@given(
    amount=st.decimals("0.000001", "99999999", places=6),
    rate=st.decimals("0.000000000001", "1000", places=12),
)
def test_a_converted_price_is_storable_never_nothing_and_at_most_half_a_step_off(
    amount: Decimal, rate: Decimal
) -> None:
    exchange = Exchange("USD", rate, "EUR")
    made = exchange.unit_price(amount)
    assert made > 0
    assert places(made) <= 6
    step = Decimal("0.000001")
    assert abs(made - amount * rate) <= step / 2 or made == step


def test_what_is_too_much_once_converted_is_refused() -> None:
    dear = Rate("KWD", Decimal(10**8))
    check_bid(asked(dear), bid(price(CABLE, "1"), currency="KWD"))
    with pytest.raises(InvalidInput) as refused:
        check_bid(asked(dear), bid(price(CABLE, "99999999999"), currency="KWD"))
    assert [each.code for each in refused.value.errors] == ["too_large"]


def test_a_volume_discount_counts_from_its_amount_as_converted() -> None:
    conditions = Conditions(
        volume=(VolumeDiscount(from_amount=Decimal("500.01"), percent=Decimal(2)),)
    )
    assert in_base(conditions, EXCHANGE).volume[0].from_amount == Decimal("450.009")
    assert in_base(conditions, None) == conditions
