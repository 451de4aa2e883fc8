from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.money import Money
from rfq.rules import evaluation as rules
from rfq.rules.criteria import LOWEST_PRICE
from rfq.rules.evaluation import Offer
from tests.rfq.rules.cases import (
    CABLE,
    DEADLINE,
    OFFICE,
    PAPER,
    TONER,
    WIRING,
    bid,
    price,
    priced,
)


def offer(bidder: int, amount: str, *, minute: int = 0, commitment: int = 0) -> Offer:
    return Offer(
        UUID(int=1000 + bidder),
        UUID(int=bidder),
        DEADLINE - timedelta(minutes=60 - minute),
        commitment.to_bytes(32, "big"),
        (priced("10", amount),),
    )


def order(*offers: Offer) -> list[int]:
    return [standing.offer.bidder_id.int for standing in rules.ranked(offers)]


def test_the_total_is_the_sum_of_rounded_line_amounts() -> None:
    # 3 × 0.335 = 1.005 → 1.01, twice: 2.02, where the exact sum 2.01 would be less.
    made = Offer(UUID(int=1), UUID(int=2), DEADLINE, b"", (priced("3", "0.335"),) * 2)
    assert made.total == Money(Decimal("2.02"), "EUR")


def test_a_basis_divides() -> None:
    assert priced("250", "12.40", "100").amount == Money(Decimal("31.00"), "EUR")


def test_a_lot_takes_only_its_lines_in_its_order() -> None:
    made = bid(price(TONER, "90"), price(CABLE, "1"), price(PAPER, "3"))
    assert [line.line for line in rules.lot_lines(OFFICE, made)] == [PAPER, TONER]
    assert [line.line for line in rules.lot_lines(WIRING, made)] == [CABLE]


def test_a_lot_left_out_has_no_lines() -> None:
    assert rules.lot_lines(OFFICE, bid(price(CABLE, "1"))) == ()


def test_the_lowest_total_stands_first() -> None:
    assert order(offer(1, "3"), offer(2, "1"), offer(3, "2")) == [2, 3, 1]


def test_a_tie_goes_to_the_earlier_submission() -> None:
    assert order(offer(1, "1", minute=5), offer(2, "1", minute=4)) == [2, 1]


def test_a_tie_in_the_same_moment_goes_to_the_lesser_commitment() -> None:
    assert order(offer(1, "1", commitment=8), offer(2, "1", commitment=7)) == [2, 1]


OFFERS = st.lists(
    st.builds(
        offer,
        st.integers(1, 99),
        st.sampled_from(["1", "2", "3"]),
        minute=st.integers(0, 3),
        commitment=st.integers(0, 1000),
    ),
    max_size=8,
    unique_by=(lambda made: made.bidder_id, lambda made: made.commitment),
)


@given(OFFERS, st.randoms())
def test_the_ranking_is_a_total_order(offers: list[Offer], random: object) -> None:
    shuffled = list(offers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    standings = rules.ranked(offers)
    assert standings == rules.ranked(shuffled)
    assert [standing.rank for standing in standings] == list(range(1, len(offers) + 1))
    totals = [standing.total.amount for standing in standings]
    assert totals == sorted(totals)


def test_without_an_auction_the_offers_are_final() -> None:
    standings = rules.ranked([offer(1, "3"), offer(2, "1")])
    found = rules.finals(LOWEST_PRICE, OFFICE.id, standings, {})
    assert [(f.offer.bidder_id.int, f.amount.amount) for f in found] == [
        (2, Decimal("10.00")),
        (1, Decimal("30.00")),
    ]


def test_after_an_auction_its_ranking_counts_and_the_others_follow() -> None:
    standings = rules.ranked([offer(1, "1"), offer(2, "2"), offer(3, "3")])
    last = {UUID(int=1): Money(Decimal("9.50"), "EUR"), UUID(int=2): Money(Decimal(8), "EUR")}
    order = [UUID(int=2), UUID(int=1)]
    finals = rules.finals(LOWEST_PRICE, OFFICE.id, standings, last, order)
    assert [(f.offer.bidder_id.int, f.amount.amount) for f in finals] == [
        (2, Decimal(8)),
        (1, Decimal("9.50")),
        (3, Decimal("30.00")),
    ]


def test_the_best_are_the_first_of_the_ranking() -> None:
    standings = rules.ranked([offer(1, "3"), offer(2, "1"), offer(3, "2")])
    assert [s.offer.bidder_id.int for s in rules.best(standings, 2)] == [2, 3]
