"""Who may move a negotiation and when, and which offers nobody could accept."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.contracts.terms import Address, LineTerms
from marketplace.kernel.errors import Conflict, InvalidInput, WrongState
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import NEGOTIATION_DAYS_MAX, NEGOTIATION_ROUNDS_MAX
from rfq.rules.evaluation import PricedLine
from rfq.rules.negotiation import (
    NEGOTIATION,
    OPEN,
    TURN,
    Negotiation,
    NegotiationAction,
    NegotiationStatus,
    OfferedLine,
    Side,
    check_answer_by,
    check_beginning,
    check_message,
    check_offer,
    check_rounds,
    has_expired,
    moved,
    priced_lines,
    total_of,
)
from rfq.rules.procedure import Kind, Line, LotStatus

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EARLIER = NOON - timedelta(microseconds=1)
BY_HAND = (
    NegotiationAction.ASK,
    NegotiationAction.OFFER,
    NegotiationAction.ACCEPT,
    NegotiationAction.END,
)
ADDRESS = Address(name="Dock", street=[], city="Kiel", country="DE")


def going(status: NegotiationStatus) -> Negotiation:
    return Negotiation(status, 1, NOON)


def bid(*prices: str) -> tuple[PricedLine, ...]:
    return tuple(
        PricedLine(Line(new_id(), Decimal(10), "C62", "x"), Decimal(price), Decimal(1), "EUR")
        for price in prices
    )


def offer(lines: tuple[PricedLine, ...], *prices: str) -> tuple[OfferedLine, ...]:
    return tuple(
        OfferedLine(line.line.id, Decimal(price), Decimal(1))
        for line, price in zip(lines, prices, strict=True)
    )


@pytest.mark.parametrize("status", NegotiationStatus)
@pytest.mark.parametrize("action", BY_HAND)
@pytest.mark.parametrize("side", Side)
def test_only_who_has_the_turn_moves_it(
    status: NegotiationStatus, action: NegotiationAction, side: Side
) -> None:
    may = NEGOTIATION.allows(status, action) and TURN.get(status) is side
    if may:
        assert moved(going(status), side, action, EARLIER) is NEGOTIATION.after(status, action)
    else:
        with pytest.raises(WrongState):
            moved(going(status), side, action, EARLIER)


@pytest.mark.parametrize("status", sorted(OPEN))
def test_an_answer_at_the_instant_of_expiry_is_late(status: NegotiationStatus) -> None:
    side = TURN[status]
    moved(going(status), side, NegotiationAction.ACCEPT, EARLIER)
    with pytest.raises(WrongState, match="expired"):
        moved(going(status), side, NegotiationAction.ACCEPT, NOON)
    assert has_expired(going(status), NOON)
    assert not has_expired(going(status), EARLIER)


def test_what_has_ended_does_not_expire() -> None:
    ended = set(NegotiationStatus) - OPEN
    assert not any(has_expired(going(status), NOON) for status in ended)


def test_a_tender_is_not_negotiated_nor_a_lot_that_was_auctioned() -> None:
    check_beginning(Kind.RFQ, LotStatus.OPENED)
    with pytest.raises(Conflict):
        check_beginning(Kind.TENDER, LotStatus.OPENED)
    for status in set(LotStatus) - {LotStatus.OPENED}:
        with pytest.raises(WrongState):
            check_beginning(Kind.RFQ, status)


def test_messages_are_for_what_goes_on_or_was_agreed() -> None:
    for status in NegotiationStatus:
        if status in {*OPEN, NegotiationStatus.AGREED}:
            check_message(status)
        else:
            with pytest.raises(WrongState):
                check_message(status)


def test_an_offer_leaves_time_and_does_not_bind_for_ever() -> None:
    longest = NOON + timedelta(days=NEGOTIATION_DAYS_MAX)
    check_answer_by(longest, NOON)
    check_answer_by(NOON + timedelta(microseconds=1), NOON)
    for wrong in (NOON, longest + timedelta(microseconds=1)):
        with pytest.raises(InvalidInput):
            check_answer_by(wrong, NOON)


def test_after_so_many_offers_it_is_accepted_or_ended() -> None:
    check_rounds(Negotiation(NegotiationStatus.WITH_BUYER, NEGOTIATION_ROUNDS_MAX - 1, NOON))
    with pytest.raises(Conflict):
        check_rounds(Negotiation(NegotiationStatus.WITH_BUYER, NEGOTIATION_ROUNDS_MAX, NOON))


@pytest.mark.parametrize("side", Side)
def test_nothing_is_offered_above_the_sealed_bid(side: Side) -> None:
    lines = bid("5", "7")
    check_offer(lines, (), side, offer(lines, "6", "6"))  # the total decides, to the coin
    with pytest.raises(InvalidInput) as refused:
        check_offer(lines, (), side, offer(lines, "6", "6.001"))
    assert refused.value.errors[0].code == "above_bid"


def test_the_offer_it_answers_is_accepted_and_not_repeated() -> None:
    lines = bid("5")
    last = offer(lines, "4")
    per_ten = (OfferedLine(lines[0].line.id, Decimal(40), Decimal(10)),)
    for same in (last, per_ten):
        with pytest.raises(Conflict, match="accept it"):
            check_offer(lines, last, Side.BIDDER, same)
    sooner = (OfferedLine(lines[0].line.id, Decimal(4), Decimal(1), LineTerms(payment_days=10)),)
    check_offer(lines, last, Side.BIDDER, sooner)


def test_every_fault_of_an_offer_is_told_at_once() -> None:
    lines = bid("5", "7")
    wrong = (
        OfferedLine(lines[0].line.id, Decimal(0), Decimal(1), LineTerms(ship_to=ADDRESS)),
        OfferedLine(lines[0].line.id, Decimal("0.1234567"), Decimal(1)),
        OfferedLine(new_id(), Decimal(1), Decimal(1)),
    )
    with pytest.raises(InvalidInput) as refused:
        check_offer(lines, (), Side.BIDDER, wrong)
    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/lines/0/unit_amount", "out_of_range"),
        ("/lines/0/terms/ship_to", "not_yours"),
        ("/lines/1/line_id", "twice"),
        ("/lines/1/unit_amount", "out_of_range"),
        ("/lines/2/line_id", "unknown_line"),
        ("/lines", "line_missing"),
    ]


def test_the_buyer_may_name_another_address() -> None:
    lines = bid("5")
    moved_to = OfferedLine(lines[0].line.id, Decimal(4), Decimal(1), LineTerms(ship_to=ADDRESS))
    check_offer(lines, (), Side.BUYER, (moved_to,))
    (agreed,) = priced_lines(lines, (moved_to,))
    assert agreed.terms == LineTerms(ship_to=ADDRESS)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)), min_size=1, max_size=5))
def test_an_offer_no_line_of_which_is_dearer_is_never_above_the_bid(
    prices: list[tuple[int, int]],
) -> None:
    lines = bid(*(str(Decimal(max(pair)) / 100) for pair in prices))
    lower = offer(lines, *(str(Decimal(min(pair)) / 100) for pair in prices))
    check_offer(lines, (), Side.BIDDER, lower)
    assert total_of(priced_lines(lines, lower)).amount <= total_of(lines).amount


def test_lines_are_known_by_their_ids_and_not_by_their_places() -> None:
    lines = bid("5", "7")
    turned = offer(lines, "4", "6")[::-1]
    assert [line.unit_amount for line in priced_lines(lines, turned)] == [Decimal(4), Decimal(6)]
