"""What a buyer is told of a line that has no price."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest

from catalog.price_lists.rules import Unpriced, price_line
from catalog.pricing.terms import (
    AtExhaustion,
    Buyer,
    Candidate,
    Commitment,
    Ladder,
    Level,
    Measure,
    Source,
    Tier,
)
from catalog.products.rules import OfferTerms
from marketplace.kernel.clock import Validity

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BUYER = Buyer((UUID(int=1),))


def priced(unit: str = "C62", currency: str = "EUR", **more: Any) -> Candidate:
    ladder = Ladder((Tier(Decimal(10), Decimal(5)),))
    source = Source("price_list", UUID(int=9), 1, "list")
    return Candidate(
        level=Level.BASE, source=source, unit=unit, currency=currency, ladder=ladder, **more
    )


def drawn(left: str, measure: Measure) -> Candidate:
    commitment = Commitment(UUID(int=5), measure, Decimal(left), AtExhaustion.STOP)
    return priced(commitment=commitment)


JULY = datetime(2026, 7, 1, tzinfo=UTC)
JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("candidates", "quantity", "told"),
    [
        ([priced()], "9", "Prices begin at 10 C62."),
        ([priced("XBX"), priced("KGM")], "10", "It is priced per KGM, XBX, not per C62."),
        ([priced(currency="USD")], "10", "It is priced in USD, not in EUR."),
        (
            [priced(validity=Validity(JULY)), priced(validity=Validity(JANUARY, FEBRUARY))],
            "10",
            "Its prices begin later: 2026-07-01T00:00:00.000000Z.",
        ),
        (
            [priced(validity=Validity(JANUARY, FEBRUARY))],
            "10",
            "Its prices have ended: 2026-02-01T00:00:00.000000Z.",
        ),
        (
            [drawn("12", Measure.QUANTITY)],
            "13",
            "Left to draw at the price agreed: 12 C62; this line asks for more.",
        ),
        (
            [drawn("50.5", Measure.VALUE)],
            "11",
            "Left to draw at the price agreed: 50.5 EUR; this line asks for more.",
        ),
        ([], "1", "Nobody has a price of this for you."),
        ([priced()], "1.5", "A quantity in C62 has no decimals; 1.5 has 1."),
    ],
)
def test_it_is_said_what_would_have_a_price(
    candidates: list[Candidate], quantity: str, told: str
) -> None:
    terms = OfferTerms(
        unit="C62", content=Fraction(1), content_unit="C62", minimum_quantity=Decimal(1)
    )
    answer = price_line(terms, candidates, BUYER, Decimal(quantity), "C62", "EUR", NOW)
    assert isinstance(answer, Unpriced)
    assert answer.detail == told
