"""Proxies, pauses, withdrawals, surrogates, scoring and currencies."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from auctions.engine.decide import schedule
from auctions.engine.events import (
    AllowSurrogate,
    BidAccepted,
    Close,
    FollowClose,
    Invitation,
    Pause,
    ProxySet,
    Rejection,
    RejectionCode,
    Resume,
    RevokeSurrogate,
    SetProxy,
    Withdraw,
)
from auctions.engine.log import entry_bytes
from auctions.engine.replay import replay
from auctions.engine.scoring import Adjustment
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import (
    Decrement,
    Disclosure,
    Feature,
    Overtime,
    Rate,
    Reference,
    Scoring,
    ScoringMethod,
)
from auctions.engine.visibility import OWNER, BidderView, view
from marketplace.kernel.errors import InvalidInput
from tests.auctions.engine.lots import (
    ACME,
    BOLT,
    CORE,
    EARLY,
    END,
    LOT,
    MOMENT,
    OVERTIME,
    START,
    TEN,
    Lot,
    a_bid,
    percent,
    terms,
)


def proxied(**changes: Any) -> Lot:
    return Lot(terms(proxies=True, disclosure=Disclosure.OPEN, **changes)).started()


def proxy(lot: Lot, bidder: UUID, limit: str | None) -> RejectionCode | None:
    number = len(lot.log)
    command = SetProxy(
        bid_id=UUID(int=9000 + number),
        bidder=bidder,
        client_bid_id=f"proxy-{number}",
        limit=None if limit is None else Decimal(limit),
    )
    result = lot.submit(command, START)
    return result.code if isinstance(result, Rejection) else None


# Proxies


def test_a_proxy_takes_the_lead_as_cheaply_as_it_can() -> None:
    lot = proxied()
    lot.bid(ACME, "900.00")
    proxy(lot, BOLT, "700.00")
    assert lot.ranking() == [(BOLT, "890.00"), (ACME, "900.00")]
    lot.bid(ACME, "850.00")
    assert lot.ranking() == [(BOLT, "840.00"), (ACME, "850.00")]


def test_a_duel_ends_just_below_what_the_weaker_could_go_to() -> None:
    lot = proxied()
    proxy(lot, ACME, "600.00")
    proxy(lot, BOLT, "700.00")
    assert lot.ranking() == [(ACME, "690.00"), (BOLT, "700.00")]


def test_of_equal_limits_the_earliest_wins() -> None:
    lot = proxied()
    proxy(lot, ACME, "600.00")
    proxy(lot, BOLT, "600.00")
    assert lot.ranking() == [(ACME, "600.00")]


def test_a_proxy_that_cannot_answer_a_limit_any_more_forestalls_it() -> None:
    lot = proxied()
    proxy(lot, ACME, "600.00")
    proxy(lot, BOLT, "605.00")
    assert lot.ranking() == [(ACME, "600.00")]


def test_a_limit_is_shown_to_its_bidder_alone() -> None:
    lot = proxied()
    proxy(lot, ACME, "612.34")
    assert "612.34" in repr(view(lot.state, ACME))
    assert "612.34" not in repr((view(lot.state, OWNER), view(lot.state, BOLT)))


def test_a_withdrawn_bid_takes_its_proxy_along_and_lets_others_lead() -> None:
    lot = proxied()
    proxy(lot, ACME, "600.00")
    proxy(lot, BOLT, "700.00")
    lot.submit(Withdraw(ACME, "a slip"), START)
    assert lot.ranking() == [(BOLT, "700.00")]
    assert list(lot.state.course.proxies) == [BOLT]


def test_a_proxy_taken_back_bids_no_more() -> None:
    lot = proxied()
    proxy(lot, ACME, "600.00")
    proxy(lot, ACME, None)
    lot.bid(BOLT, "900.00")
    assert lot.ranking()[0] == (BOLT, "900.00")


def test_where_the_terms_take_no_proxies_none_is_set() -> None:
    assert proxy(Lot().started(), ACME, "600.00") is RejectionCode.NO_PROXIES


def test_a_duel_moves_the_close_once() -> None:
    lot = proxied(overtime=OVERTIME)
    proxy(lot, ACME, "600.00")
    lot.bid(BOLT, "700.00", END - MOMENT)
    assert lot.state.extensions == 1
    assert lot.state.closes_at == END + timedelta(seconds=120)


# Pauses, withdrawals, surrogates


def test_a_pause_across_the_deadline_keeps_the_time_that_was_left() -> None:
    lot = Lot(terms(overtime=OVERTIME)).started()
    lot.submit(Pause("a question"), END - timedelta(seconds=30))
    assert lot.bid(ACME, "900.00", END) is RejectionCode.PAUSED
    assert lot.state.deadline() is None
    lot.submit(Close(), END + timedelta(hours=1))
    assert lot.state.phase is Phase.OPEN
    lot.submit(Resume(), END + timedelta(hours=1))
    assert lot.state.closes_at == END + timedelta(hours=1, seconds=30)
    lot.bid(ACME, "900.00", lot.state.closes_at - MOMENT)
    assert lot.state.closes_at == END + timedelta(hours=1, seconds=150)


def test_a_withdrawal_keeps_the_close_and_lets_the_bidder_begin_again() -> None:
    lot = Lot(terms(overtime=OVERTIME)).started()
    lot.bid(ACME, "9.00", END - MOMENT)
    closes_at = lot.state.closes_at
    lot.submit(Withdraw(ACME, "two digits missing"), END)
    assert lot.state.closes_at == closes_at
    assert lot.bid(ACME, "900.00", END) is None


def test_the_buyer_bids_for_those_alone_who_consented_and_the_log_says_who_did() -> None:
    lot = Lot(terms(surrogates=True)).started()
    clerk = UUID(int=4711)
    bid = a_bid(ACME, "900.00")
    entered = type(bid)(
        bid_id=bid.bid_id,
        bidder=ACME,
        client_bid_id="on paper",
        amount=bid.amount,
        surrogate=clerk,
    )
    refused = lot.submit(entered, START)
    assert isinstance(refused, Rejection)
    assert refused.code is RejectionCode.NO_CONSENT
    lot.submit(AllowSurrogate(ACME), START)
    lot.submit(entered, START)
    last = lot.log[-1]
    assert isinstance(last, BidAccepted)
    assert last.surrogate == clerk
    lot.submit(RevokeSurrogate(ACME), START)
    assert lot.submit(RevokeSurrogate(ACME), START) == Rejection(code=RejectionCode.NO_CONSENT)
    assert lot.state.places[ACME].amount == Decimal("900.00")
    lower = a_bid(ACME, "890.00")
    again = type(bid)(
        bid_id=lower.bid_id,
        bidder=ACME,
        client_bid_id="by telephone",
        amount=lower.amount,
        surrogate=clerk,
    )
    refused = lot.submit(again, START)
    assert isinstance(refused, Rejection)
    assert refused.code is RejectionCode.NO_CONSENT
    lot.submit(AllowSurrogate(ACME), START)
    lot.submit(again, START)
    assert lot.state.places[ACME].amount == Decimal("890.00")


def test_another_lots_overtime_moves_this_close_within_its_own_cap() -> None:
    along = Overtime(60, 120, 1, 3, 300, all_lots=True)
    lot = Lot(terms(overtime=along)).started()
    lot.submit(FollowClose(END + timedelta(hours=1)), START)
    assert lot.state.closes_at == END + timedelta(seconds=300)
    assert lot.state.extensions == 0
    assert lot.submit(FollowClose(END), START) == Rejection(code=RejectionCode.NOT_LATER)


# Scoring and currencies


def scored(
    scoring: Scoring, adjustments: list[Adjustment | None], **changes: Any
) -> tuple[Lot, LotState]:
    the_terms = terms(scoring=scoring, **changes)
    people = [
        Invitation(bidder=b, alias=f"S{b.int}", bid_id=UUID(int=b.int + 1000), adjustment=a)
        for b, a in zip((ACME, BOLT), adjustments, strict=True)
    ]
    lot = Lot(terms())
    lot.log = list(schedule(LOT, the_terms, people, EARLY))
    lot.state = replay(lot.log)
    return lot.started(), lot.state


def test_a_transformed_price_ranks_and_its_bidder_sees_all_in_his_own_terms() -> None:
    hidden = Adjustment(multiplier=Decimal("1.1"), addend=Decimal(20))
    leader = Decrement(TEN, Reference.LEADER)
    lot, _ = scored(
        Scoring(ScoringMethod.TRANSFORMED),
        [hidden, None],
        disclosure=Disclosure.BEST_PRICE,
        decrement=leader,
    )
    lot.bid(ACME, "800.00")  # ranked by 900
    lot.bid(BOLT, "880.00")
    assert [place.bidder for place in lot.state.order] == [BOLT, ACME]
    shown = view(lot.state, ACME)
    assert isinstance(shown, BidderView)
    assert str(shown.best_price.amount) == "781.81"  # type: ignore[union-attr]
    assert str(shown.limit.amount) == "771.81"  # type: ignore[union-attr]
    assert lot.bid(ACME, "771.82") is RejectionCode.ABOVE_LIMIT
    assert lot.bid(ACME, "771.81") is None
    assert lot.state.order[0].bidder == ACME


def test_better_features_make_a_higher_price_lead() -> None:
    features = (Feature("warranty", Decimal("0.1")), Feature("delivery", Decimal("0.1")))
    lot, _ = scored(
        Scoring(ScoringMethod.COEFFICIENT, features),
        [Adjustment(features={"warranty": Decimal("0.1")}), None],
    )
    lot.bid(ACME, "900.00")  # 900 / (1 + 0.1 / 0.8) = 800
    lot.bid(BOLT, "800.00")
    assert [place.score for place in lot.state.order] == [Decimal(800), Decimal(800)]
    assert lot.state.order[0].bidder == ACME


def test_the_costs_of_owning_count() -> None:
    lot, _ = scored(
        Scoring(ScoringMethod.LIFE_CYCLE), [Adjustment(costs={"energy": Decimal(150)}), None]
    )
    lot.bid(ACME, "700.00")
    lot.bid(BOLT, "849.00")
    assert lot.state.order[0].bidder == BOLT


def test_a_limit_in_another_currency_always_converts_to_an_acceptable_bid() -> None:
    rates = (Rate("JPY", Decimal("0.0061")),)
    people = [
        Invitation(bidder=ACME, alias="A", bid_id=UUID(int=1), currency="JPY"),
        Invitation(bidder=BOLT, alias="B", bid_id=UUID(int=2)),
    ]
    lot = Lot()
    lot.log = list(schedule(LOT, terms(rates=rates), people, EARLY))
    lot.state = replay(lot.log)
    lot.started()
    assert lot.bid(ACME, "163935") is RejectionCode.ABOVE_LIMIT  # 1,000.0035 EUR
    assert lot.bid(ACME, "163934") is None
    shown = view(lot.state, ACME)
    assert isinstance(shown, BidderView)
    limit = shown.limit.amount  # type: ignore[union-attr]
    assert (shown.limit.currency, str(limit)) == ("JPY", "162294")  # type: ignore[union-attr]
    assert (163934 - limit) * Decimal("0.0061") >= 10
    assert lot.bid(ACME, str(limit + 1)) is RejectionCode.ABOVE_LIMIT
    assert lot.bid(ACME, str(limit)) is None


def test_what_a_scoring_does_not_count_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        scored(Scoring(), [Adjustment(multiplier=Decimal(2)), None])
    assert caught.value.errors[0].pointer == "/participants/0/adjustment/multiplier"


# The log


def test_terms_written_before_there_were_other_formats_keep_their_bytes() -> None:
    """Copied from a log of that time: what was hashed then must be found again."""
    old = (
        '{"at":"2026-03-01T12:00:00.000000Z","kind":"scheduled",'
        '"lot_id":"00000000-0000-0000-0000-000000000001","seq":1,"terms":'
        '{"buyer_sees_identities":false,"ceiling":"1000","currency":"EUR","decrement":{"maximum":'
        '{"measure":"percent","value":"50"},"reference":"own","step":{"measure":"absolute",'
        '"value":"10"}},"disclosure":"rank_only","ends_at":"2026-03-02T12:10:00.000000Z",'
        '"format":"english","overtime":{"at_most":3,"counted_from":"close","extension_s":120,'
        '"lowest_rank":2,"total_max_s":300,"window_s":60},"starting_gate":true,'
        '"starts_at":"2026-03-02T12:00:00.000000Z","ties":"by_time"}}'
    )
    lot = Lot(terms(overtime=OVERTIME, decrement=Decrement(TEN, maximum=percent("50"))))
    assert entry_bytes(lot.log[0], bytes(16)).decode() == old


def test_neither_reserve_nor_limit_nor_transformation_stands_open_in_the_log() -> None:
    lot, _ = scored(
        Scoring(ScoringMethod.TRANSFORMED),
        [Adjustment(multiplier=Decimal("1.2345")), None],
        reserve=Decimal("678.90"),
        proxies=True,
        disclosure=Disclosure.OPEN,
    )
    proxy(lot, CORE, "600.00")
    assert proxy(lot, ACME, "543.21") is None
    assert any(isinstance(event, ProxySet) for event in lot.log)
    written = b"".join(entry_bytes(event, bytes(16)) for event in lot.log)
    for secret in (b"1.2345", b"678.9", b"543.21"):
        assert secret not in written
