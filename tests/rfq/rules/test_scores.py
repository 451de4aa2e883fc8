"""What an offer is worth: absolute, exact, and in a total order."""

from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.kernel.money import Money
from rfq.rules.criteria import Judging, Method
from rfq.rules.evaluation import Marks, Offer, Standing, finals, judged, ordered
from tests.rfq.rules.judging import LOT, coefficients, gate, mark, offer, points, price, scored


def marks_of(**values: Fraction | str) -> Marks:
    """Marks by bidder and criterion: `b1c2` is bidder 1 and criterion 2."""
    made = {}
    for name, value in values.items():
        bidder, criterion = name[1:].split("c")
        made[UUID(int=1000 + int(bidder)), None, UUID(int=int(criterion))] = mark(value)
    return made


def ranking(judging: Judging, marks: Marks, *offers: Offer) -> tuple[Standing, ...]:
    return ordered(judging.method, (judged(judging, LOT, each, marks) for each in offers))


def bidders(standings: tuple[Standing, ...]) -> list[int]:
    return [standing.offer.bidder_id.int for standing in standings]


def test_price_100_with_coefficient_9_7_and_one_of_77_78_do_not_tie() -> None:
    # v = 30 % × 20/30 = 0.2, Σvmax = 0.3: the coefficient is 1 + 0.2 / 0.7 = 9/7.
    judging = coefficients(price("70"), scored("30", highest="30"))
    found = ranking(
        judging, marks_of(b1c2="20", b2c2="0"), offer(1, "100", minute=9), offer(2, "77.78")
    )
    assert [standing.score for standing in found] == [Fraction(700, 9), Fraction(7778, 100)]
    assert bidders(found) == [1, 2]
    # Rounded to cents both would be 77.78, and the earlier bid would win.
    assert round(found[0].score, 2) == found[1].score


def test_points_of_a_price_go_by_the_reference_alone() -> None:
    judging = points(price("100", reference="1000", full="400"))
    given = {"400": 100, "399": 100, "1000": 0, "1001": 0, "700": 50, "600": Fraction(200, 3)}
    for amount, expected in given.items():
        assert judged(judging, LOT, offer(1, amount)).score == expected, amount


def test_points_of_scores_and_price_add_up() -> None:
    judging = points(price("70", reference="1000"), scored("30"))
    standing = judged(judging, LOT, offer(1, "575"), marks_of(b1c2="8.5"))
    assert standing.score == Fraction("29.75") + Fraction("25.5")


def test_a_tie_at_the_award() -> None:
    """Equal points go to the earlier submission, at whatever price they were reached."""
    judging = points(price("50", reference="1000"), scored("50"))
    marks = marks_of(b1c2="5", b2c2="6")
    found = ranking(judging, marks, offer(1, "400", minute=8), offer(2, "500", minute=7))
    assert found[0].score == found[1].score
    assert bidders(found) == [2, 1]


def test_who_fails_a_criterion_or_scores_below_its_minimum_says_why() -> None:
    judging = points(scored("100", minimum="5"), gate())
    fine = judged(judging, LOT, offer(1, "1"), marks_of(b1c2="5", b1c3="1"))
    assert fine.failures == ()
    low = judged(judging, LOT, offer(1, "1"), marks_of(b1c2="4.99", b1c3="1"))
    assert low.failures == ("It scored less than 5 in 'Quality 2'.",)
    half = judged(judging, LOT, offer(1, "1"), marks_of(b1c2="5", b1c3="1/2"))
    assert half.failures == ("It failed 'Fits'.",)
    most = judged(judging, LOT, offer(1, "1"), marks_of(b1c2="5", b1c3="2/3"))
    assert most.failures == ()


SCORES = st.fractions(0, 10, max_denominator=7)
JUDGINGS = st.sampled_from(
    [
        points(price("40", reference="50", full="5"), scored("35"), scored("25", number=4)),
        coefficients(price("40"), scored("35"), scored("25", number=4)),
        Judging(method=Method.LOWEST_PRICE),
    ]
)
BIDS = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, 3), SCORES, SCORES), min_size=2, max_size=8
)


@given(JUDGINGS, BIDS, st.data())
@settings(max_examples=25)
def test_removing_a_bid_never_changes_the_order_of_the_others(
    judging: Judging, bids: list[tuple[int, int, Fraction, Fraction]], data: st.DataObject
) -> None:
    offers, marks = [], {}
    for number, (amount, minute, quality, service) in enumerate(bids, start=1):
        offers.append(offer(number, str(amount), minute=minute))
        marks |= dict(marks_of(**{f"b{number}c2": quality, f"b{number}c4": service}))
    removed = data.draw(st.sampled_from(offers))
    left = [each for each in offers if each is not removed]
    whole = [s.offer for s in ranking(judging, marks, *offers) if s.offer is not removed]
    assert [s.offer for s in ranking(judging, marks, *left)] == whole


@given(SCORES, SCORES, st.integers(1, 99), st.integers(1, 99))
@settings(max_examples=25)
def test_more_score_or_less_price_never_makes_an_offer_worse(
    low: Fraction, high: Fraction, cheap: int, dear: int
) -> None:
    low, high = sorted((low, high))
    cheap, dear = sorted((cheap, dear))
    by_points = points(price("70", reference="80"), scored("30"))
    by_coefficient = coefficients(price("70"), scored("30"))

    def score(judging: Judging, amount: int, value: Fraction) -> Fraction:
        return judged(judging, LOT, offer(1, str(amount)), marks_of(b1c2=value)).score

    assert score(by_points, cheap, high) >= score(by_points, dear, low)
    assert score(by_coefficient, cheap, high) <= score(by_coefficient, dear, low)


def test_after_an_auction_its_bidders_are_judged_anew_at_what_they_reached() -> None:
    judging = points(price("50", reference="100"), scored("50"))
    marks = marks_of(b1c2="9", b2c2="5", b3c2="10")
    standings = ranking(judging, marks, offer(1, "80"), offer(2, "60"), offer(3, "20"))
    assert bidders(standings) == [3, 1, 2]
    last = {UUID(int=n): Money(Decimal(a), "EUR") for n, a in ((1, "60.00"), (2, "30.00"))}
    found = finals(judging, LOT, standings, last, list(last), marks)
    # By the auction 2 leads; with what else counts 1 does (65 to 60 points). 3 was not in it.
    assert [(f.offer.bidder_id.int, f.standing.score) for f in found][:2] == [(1, 65), (2, 60)]
    assert [f.standing.rank for f in found] == [1, 2, 3]


def test_who_was_excluded_since_is_not_awarded_what_he_reached_in_the_auction() -> None:
    standings = ranking(Judging(), {}, offer(1, "80"))
    last = {UUID(int=n): Money(Decimal(10 * n), "EUR") for n in (1, 2)}
    found = finals(Judging(), LOT, standings, last, [UUID(int=2), UUID(int=1)])
    assert [f.offer.bidder_id.int for f in found] == [1]


def test_a_mark_that_is_missing_is_no_zero() -> None:
    with pytest.raises(KeyError):
        judged(points(scored("100")), LOT, offer(1, "1"), {})
