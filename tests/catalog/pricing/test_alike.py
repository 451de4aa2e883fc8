"""Candidates that are alike but for amounts are decided between alike."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from catalog.pricing.alike import likeness
from catalog.pricing.resolve import resolve
from catalog.pricing.terms import Candidate, NoPrice, Policy, Price, Tier
from tests.catalog.pricing.reference import PIECES
from tests.catalog.pricing.test_lasting import alike
from tests.catalog.pricing.test_reference import (
    BUYER,
    NOW,
    amounts,
    policies,
    quantities,
    untied_candidates,
)


@st.composite
def others_like(draw: st.DrawFn, candidates: list[Candidate]) -> list[Candidate]:
    """Candidates with the same first minimum quantities, at other amounts and with other tiers."""
    made = []
    for each in candidates:
        first = each.ladder.tiers[0].minimum_quantity
        more = draw(st.integers(1, 5))
        tiers = (Tier(first, draw(amounts)), Tier(first + more, draw(amounts)))
        made.append(structs.replace(each, ladder=structs.replace(each.ladder, tiers=tiers)))
    return made


@settings(max_examples=100)
@given(st.data(), untied_candidates().map(alike), quantities, policies)
def test_of_candidates_that_are_alike_the_same_one_wins_over_the_same_others(
    data: st.DataObject, candidates: list[Candidate], quantity: Decimal, policy: Policy
) -> None:
    others = data.draw(others_like(candidates))
    said = likeness(candidates, policy)
    if said is None:
        drawn = any(each.commitment is not None for each in candidates)
        assert policy is Policy.BEST_PRICE or drawn
        return
    assert said == likeness(others, policy)
    first, second = (
        resolve(some, BUYER, quantity, PIECES, "EUR", NOW, policy=policy)
        for some in (candidates, others)
    )
    if isinstance(first, NoPrice):
        assert isinstance(second, NoPrice)
        assert first.reason == second.reason
        return
    assert isinstance(second, Price)
    assert _places(first, candidates) == _places(second, others)


def _places(price: Price, candidates: list[Candidate]) -> list[int]:
    """Give which of the candidates won, and over which."""
    return [
        next(at for at, each in enumerate(candidates) if each is one)
        for one in (price.winner, *price.fitting)
    ]
