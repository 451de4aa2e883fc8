"""Offers that leave out lines of a lot: where they are allowed, and what still compares."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import msgspec
import pytest

from marketplace.kernel.errors import InvalidInput
from rfq.rules import division
from rfq.rules.award import Breakdown
from rfq.rules.awarding import Awarding, Division
from rfq.rules.bid import check_bid
from rfq.rules.conditions import Conditions, Package
from rfq.rules.evaluation import Offer, lot_lines, ranked
from rfq.rules.offering import Offering
from rfq.rules.procedure import LowOfferRule, Procedure, Status
from rfq.rules.publication import check_terms
from tests.rfq.rules.cases import CABLE, DEADLINE, OFFICE, PAPER, TONER, WIRING, bid, price
from tests.rfq.rules.cases import procedure as any_procedure

PARTIAL = Offering(partial_bids=True)
BY_LINE = Awarding(Division.LINES)


def procedure(**terms: Any) -> Procedure:
    asked = {"offering": PARTIAL, "awarding": BY_LINE, **terms}
    return replace(any_procedure(status=Status.DRAFT), **asked)


def offer(number: int, **prices: str) -> Offer:
    lines = lot_lines(
        OFFICE,
        bid(
            *(
                price({"paper": PAPER, "toner": TONER}[name], given)
                for name, given in prices.items()
            )
        ),
    )
    left_out = len(OFFICE.lines) - len(lines)
    return Offer(UUID(int=number), UUID(int=number), DEADLINE, b"", lines, None, left_out)


def test_lines_may_be_left_out_only_where_each_line_is_awarded_to_its_best() -> None:
    check_terms(procedure())
    for wrong in (
        {"awarding": Awarding()},
        {"awarding": Awarding(Division.SHARES, (60, 40))},
        {"low_offers": LowOfferRule(below_mean=40)},
        {"low_offers": LowOfferRule(below_next=30)},
    ):
        with pytest.raises(InvalidInput) as refused:
            check_terms(procedure(**wrong))
        assert [each.pointer for each in refused.value.errors] == ["/partial_bids"]


def test_a_bid_may_leave_out_lines_where_the_terms_allow_it_but_not_all_of_them() -> None:
    check_bid(procedure(), bid(price(PAPER, "3")))
    with pytest.raises(InvalidInput) as refused:
        check_bid(procedure(offering=Offering()), bid(price(PAPER, "3")))
    assert [each.code for each in refused.value.errors] == ["lot_incomplete"]
    with pytest.raises(InvalidInput) as refused:
        check_bid(procedure(), bid())
    assert [each.code for each in refused.value.errors] == ["empty"]


def test_a_package_names_only_lots_that_the_bid_prices_whole() -> None:
    both = Package(lot_ids=(OFFICE.id, WIRING.id), percent=Decimal(2))
    whole = bid(price(PAPER, "3"), price(TONER, "90"), price(CABLE, "1"))
    part = bid(price(PAPER, "3"), price(CABLE, "1"))
    conditions = Conditions(packages=(both,))
    check_bid(procedure(), msgspec.structs.replace(whole, conditions=conditions))
    with pytest.raises(InvalidInput) as refused:
        check_bid(procedure(), msgspec.structs.replace(part, conditions=conditions))
    assert [each.pointer for each in refused.value.errors] == ["/conditions/packages/0/lot_ids/0"]


def test_whoever_leaves_lines_out_stands_behind_who_prices_more_of_them() -> None:
    cheap, dear = offer(1, paper="0.01"), offer(2, paper="9", toner="900")
    assert [each.offer for each in ranked([cheap, dear])] == [dear, cheap]


def test_each_line_goes_to_the_best_of_those_who_price_it_and_one_of_nobody_stays_unbought() -> (
    None
):
    offers = [
        Breakdown(each.lines, each.total)
        for each in (offer(1, paper="3"), offer(2, paper="2.90"), offer(3, paper="2.90"))
    ]
    ones = [Fraction(1)] * 3
    paper, toner = (division.line_offers(offers, ones, line.id) for line in OFFICE.lines)
    assert (list(paper), toner) == ([0, 1, 2], {})
    left = {line.id: line.quantity for line in OFFICE.lines}
    made = division.by_lines(offers, left, {PAPER.id: division.best_in(paper)})
    assert [part and part.total.amount for part in made] == [None, Decimal(290), None]
