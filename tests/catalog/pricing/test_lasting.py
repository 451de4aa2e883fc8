"""What is said of one line lasts for as long, and as many others, as `resolve` says the same."""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from catalog.pricing.lasting import Lasting, lasting
from catalog.pricing.resolve import resolve
from catalog.pricing.terms import (
    AtExhaustion,
    Candidate,
    Commitment,
    Ladder,
    Level,
    Measure,
    Mode,
    Policy,
    Price,
    Source,
    Tier,
)
from marketplace.kernel.clock import Validity
from tests.catalog.pricing.reference import PIECES
from tests.catalog.pricing.test_reference import (
    BUYER,
    NOW,
    TICK,
    policies,
    quantities,
    untied_candidates,
)

others = st.tuples(
    quantities, st.sampled_from([NOW - timedelta(days=1), NOW - TICK, NOW, NOW + TICK])
)


def alike(candidates: list[Candidate]) -> list[Candidate]:
    """Let all be of one unit and currency: then there is more to decide between."""
    return [structs.replace(each, unit=PIECES, currency="EUR") for each in candidates]


@settings(max_examples=50)
@given(
    untied_candidates().map(alike),
    quantities,
    policies,
    st.lists(others, min_size=8, max_size=8),
)
def test_where_it_lasts_every_quantity_the_ladder_reaches_is_priced_by_it(
    candidates: list[Candidate],
    quantity: Decimal,
    policy: Policy,
    asked: list[tuple[Decimal, datetime]],
) -> None:
    price = resolve(candidates, BUYER, quantity, PIECES, "EUR", NOW, policy=policy)
    said = lasting(price, candidates, NOW) if isinstance(price, Price) else None
    if said is None:
        return
    assert isinstance(price, Price)
    assert said.holds(NOW)
    for other, at in asked:
        tier = said.winner.ladder.tier_at(other)
        if tier is None or not said.holds(at):
            continue
        again = resolve(candidates, BUYER, other, PIECES, "EUR", at, policy=policy)
        assert isinstance(again, Price)
        assert again.winner is said.winner
        assert again.fitting == price.fitting
        assert (again.tier, again.parts) == (tier, ())
        assert again.line_amount == said.winner.ladder.amount_at(tier, other, PIECES, "EUR")


def test_it_ends_where_another_price_begins() -> None:
    """An entry that begins at an instant is not in what was said before it, to the microsecond."""
    now = candidate("5", begins=NOW - timedelta(days=2))
    best = candidate("4", begins=NOW + TICK, ends=NOW + TICK + TICK, priority=1)
    said = said_of(now, best)
    assert said is not None
    assert (said.since, said.until) == (NOW - timedelta(days=2), NOW + TICK)
    assert said.holds(NOW - timedelta(days=2))
    assert not said.holds(NOW + TICK)


def test_nothing_lasts_where_more_would_be_priced_by_another_or_amounts_are_compared() -> None:
    """A better list may begin at ten; the best price and what is left to draw need the quantity."""
    plain, from_ten = candidate("5"), candidate("4", minimum="10", priority=1)
    drawn = Commitment(UUID(int=9), Measure.QUANTITY, Decimal(5), AtExhaustion.NEXT_PRICE)
    agreed = structs.replace(candidate("4", priority=1), commitment=drawn)
    assert said_of(plain) is not None
    assert said_of(plain, from_ten) is None
    assert said_of(plain, from_ten, policy=Policy.BEST_PRICE) is None
    assert said_of(plain, candidate("4", priority=1), policy=Policy.BEST_PRICE) is None
    assert said_of(plain, agreed) is None


def said_of(*candidates: Candidate, policy: Policy = Policy.PRIORITY) -> Lasting | None:
    price = resolve(candidates, BUYER, Decimal(1), PIECES, "EUR", NOW, policy=policy)
    assert isinstance(price, Price)
    return lasting(price, candidates, NOW)


def candidate(
    amount: str,
    *,
    minimum: str = "1",
    begins: datetime | None = None,
    ends: datetime | None = None,
    priority: int = 0,
) -> Candidate:
    return Candidate(
        level=Level.BASE,
        source=Source("price_list", UUID(int=1), 1, "List"),
        unit=PIECES,
        currency="EUR",
        ladder=Ladder((Tier(Decimal(minimum), Decimal(amount)),)),
        priority=priority,
        mode=Mode.FILL_GAPS,
        validity=Validity(begins, ends),
    )
