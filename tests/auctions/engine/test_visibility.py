from uuid import UUID

import msgspec
import pytest

from auctions.engine.events import Rejection, RejectionCode
from auctions.engine.terms import Disclosure
from auctions.engine.visibility import OWNER, BidderView, OwnerView, explain, view
from marketplace.kernel.errors import InvalidInput, NotFound, WrongState
from marketplace.kernel.money import Money
from tests.auctions.engine.lots import (
    ACME,
    BOLT,
    CORE,
    DUNE,
    START,
    Lot,
    a_bid,
    against_leader,
    terms,
)

ENGLISH = [Disclosure.OPEN, Disclosure.BEST_PRICE, Disclosure.RANK_ONLY]


def seen(lot: Lot, bidder: UUID) -> BidderView:
    result = view(lot.state, bidder)
    assert isinstance(result, BidderView)
    return result


def euros(amount: str) -> Money:
    return Money(msgspec.convert(amount, type(Money.zero("EUR").amount), strict=False), "EUR")


def a_lot(disclosure: Disclosure, *, gate: bool = True) -> Lot:
    lot = Lot(terms(disclosure=disclosure, starting_gate=gate)).started()
    lot.bid(ACME, "900.00")
    lot.bid(BOLT, "700.00")
    lot.bid(CORE, "800.00")
    return lot


def test_in_a_rank_only_auction_a_bidder_sees_his_rank_his_bid_and_his_limit() -> None:
    assert msgspec.to_builtins(seen(a_lot(Disclosure.RANK_ONLY), CORE)) == {
        "viewer": "bidder",
        "number": 2,
        "phase": "open",
        "starts_at": "2026-03-02T12:00:00Z",
        "closes_at": "2026-03-02T12:10:00Z",
        "extensions": 0,
        "amount": {"amount": "800.00", "currency": "EUR"},
        "rank": 2,
        "limit": {"amount": "790.00", "currency": "EUR"},
    }


def test_where_the_best_price_is_shown_it_is_and_no_other() -> None:
    view_of_acme = seen(a_lot(Disclosure.BEST_PRICE), ACME)
    assert view_of_acme.best_price == euros("700.00")
    assert view_of_acme.standings is msgspec.UNSET


def test_in_an_open_auction_all_amounts_are_shown_under_aliases() -> None:
    shown = msgspec.to_builtins(seen(a_lot(Disclosure.OPEN), ACME).standings)
    assert [(s["rank"], s["alias"], s["amount"]["amount"]) for s in shown] == [
        (1, "Supplier B", "700.00"),
        (2, "Supplier C", "800.00"),
        (3, "Supplier A", "900.00"),
    ]


@pytest.mark.parametrize("disclosure", ENGLISH)
def test_behind_the_starting_gate_nothing_of_rivals_is_seen(disclosure: Disclosure) -> None:
    nothing_bid = Lot(terms(disclosure=disclosure)).started()
    assert view(a_lot(disclosure).state, DUNE) == view(nothing_bid.state, DUNE)


def test_without_a_starting_gate_the_best_price_is_seen_at_once() -> None:
    assert seen(a_lot(Disclosure.BEST_PRICE, gate=False), DUNE).best_price == euros("700.00")


def test_an_outsider_learns_that_there_is_no_such_auction() -> None:
    with pytest.raises(NotFound):
        view(Lot().state, UUID(int=99))


def test_the_buyer_sees_amounts_under_aliases_and_identities_after_the_close() -> None:
    lot = a_lot(Disclosure.RANK_ONLY)
    during = view(lot.state, OWNER)
    after = view(lot.closed().state, OWNER)
    assert isinstance(during, OwnerView)
    assert isinstance(after, OwnerView)
    assert [s.amount for s in during.standings] == [
        euros("700.00"),
        euros("800.00"),
        euros("900.00"),
    ]
    assert {s.organization_id for s in during.standings} == {msgspec.UNSET}
    assert [s.organization_id for s in after.standings] == [BOLT, CORE, ACME]


def test_the_buyer_may_see_identities_by_the_terms() -> None:
    lot = Lot(terms(buyer_sees_identities=True)).started()
    lot.bid(ACME, "900.00")
    shown = view(lot.state, OWNER)
    assert isinstance(shown, OwnerView)
    assert [s.organization_id for s in shown.standings] == [ACME]


def test_no_limit_is_shown_once_the_lot_is_closed() -> None:
    assert seen(a_lot(Disclosure.RANK_ONLY).closed(), ACME).limit is msgspec.UNSET


def test_a_refusal_in_a_rank_only_auction_tells_the_own_limit_alone() -> None:
    lot = a_lot(Disclosure.RANK_ONLY)
    refusal = lot.submit(a_bid(ACME, "895.00"), START)
    assert isinstance(refusal, Rejection)
    error = explain(refusal, "EUR")
    assert isinstance(error, InvalidInput)
    assert error.errors[0].pointer == "/amount"
    assert "890.00 EUR" in error.detail
    assert "700" not in error.detail


def test_a_refusal_tells_the_leading_price_only_to_those_who_see_it() -> None:
    lot = Lot(terms(disclosure=Disclosure.BEST_PRICE, decrement=against_leader())).started()
    lot.bid(BOLT, "700.00")
    behind_the_gate = lot.submit(a_bid(ACME, "2000.00"), START)
    lot.bid(ACME, "900.00")
    with_a_bid = lot.submit(a_bid(ACME, "695.00"), START)
    assert isinstance(behind_the_gate, Rejection)
    assert isinstance(with_a_bid, Rejection)
    assert "1000.00" in explain(behind_the_gate, "EUR").detail
    assert "690.00" in explain(with_a_bid, "EUR").detail


@pytest.mark.parametrize("code", list(RejectionCode))
def test_every_refusal_is_explained(code: RejectionCode) -> None:
    error = explain(Rejection(code=code, bound=euros("1.00").amount), "EUR")
    assert error.detail
    assert isinstance(error, InvalidInput | WrongState | NotFound)
