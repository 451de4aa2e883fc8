"""How long bids bind, and who is asked to bind longer."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from marketplace.kernel.errors import Conflict, InvalidInput, WrongState
from rfq.rules.offering import NOTHING_ELSE, Offering
from rfq.rules.procedure import Status
from rfq.rules.validity import (
    UNDECIDED,
    BindingBid,
    ExtensionStatus,
    answered,
    binds_until,
    check_binding,
    check_request,
    shown,
    to_ask,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
ASKED = ExtensionStatus.ASKED


def running(*until: datetime | None) -> list[BindingBid]:
    return [BindingBid(UUID(int=n), UUID(int=n), each) for n, each in enumerate(until)]


def test_a_bid_binds_as_long_as_it_says_or_was_extended_whichever_is_later() -> None:
    asked = Offering(valid_until=NOON)
    assert binds_until(NOTHING_ELSE, None) is None
    assert binds_until(NOTHING_ELSE, None, NOON) is None
    assert binds_until(asked, None) == NOON
    assert binds_until(asked, NOON + DAY) == NOON + DAY
    assert binds_until(asked, NOON + 2 * DAY, NOON + DAY) == NOON + 2 * DAY
    assert binds_until(asked, None, NOON + DAY) == NOON + DAY


def test_at_its_last_instant_a_bid_has_ended() -> None:
    check_binding(None, NOON)
    check_binding(NOON, NOON - INSTANT)
    with pytest.raises(Conflict, match="bound its bidder until"):
        check_binding(NOON, NOON)


def test_all_who_would_be_free_before_are_asked_and_nobody_else() -> None:
    bids = running(None, NOON, NOON + INSTANT, NOON + DAY, NOON + 2 * DAY)
    assert [bid.bid_id.int for bid in to_ask(bids, NOON + 2 * DAY, NOON)] == [2, 3]
    with pytest.raises(Conflict, match="No bid in the running"):
        to_ask(bids, NOON + INSTANT, NOON)


def test_bids_are_extended_from_their_opening_until_all_is_decided() -> None:
    for status in Status:
        if status in UNDECIDED:
            check_request(status, NOON + DAY, NOON, before=0)
            continue
        with pytest.raises(WrongState):
            check_request(status, NOON + DAY, NOON, before=0)
        with pytest.raises(WrongState):
            answered(status, ASKED, NOON + DAY, NOON, extend=True)
    assert Status.PUBLISHED not in UNDECIDED
    assert Status.AWARDED not in UNDECIDED


def test_the_new_end_is_to_come_and_within_a_year_and_few_are_asked_for() -> None:
    for wrong in (NOON, NOON + 366 * DAY + INSTANT):
        with pytest.raises(InvalidInput) as refused:
            check_request(Status.OPENED, wrong, NOON, before=0)
        assert refused.value.errors[0].pointer == "/until"
    with pytest.raises(Conflict, match="at most 20"):
        check_request(Status.OPENED, NOON + DAY, NOON, before=20)


def test_each_answers_once_and_silence_is_a_no() -> None:
    def answer(status: ExtensionStatus, at: datetime, *, extend: bool) -> ExtensionStatus:
        return answered(Status.EVALUATED, status, NOON, at, extend=extend)

    assert answer(ASKED, NOON - INSTANT, extend=True) is ExtensionStatus.EXTENDED
    assert answer(ASKED, NOON - INSTANT, extend=False) is ExtensionStatus.REFUSED
    assert shown(ASKED, NOON, NOON - INSTANT) is ASKED
    assert shown(ASKED, NOON, NOON) is ExtensionStatus.LAPSED
    assert shown(ExtensionStatus.EXTENDED, NOON, NOON) is ExtensionStatus.EXTENDED
    for status, at in (
        (ASKED, NOON),
        (ExtensionStatus.EXTENDED, NOON - DAY),
        (ExtensionStatus.REFUSED, NOON - DAY),
    ):
        with pytest.raises(WrongState):
            answer(status, at, extend=True)
