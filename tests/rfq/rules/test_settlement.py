from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from marketplace.approvals.rules import Requester, award_rule, needs_approval
from marketplace.kernel.errors import Conflict, InvalidInput, NotPermitted, WrongState
from marketplace.kernel.money import Money
from marketplace.kernel.periods import Calendar, Counting
from rfq.rules import settlement as rules
from rfq.rules.awarding import Awarding
from rfq.rules.procedure import Party
from rfq.rules.settlement import AwardAction, AwardStatus, ProposalAction, ProposalStatus
from tests.rfq.rules.cases import MOMENT

BERLIN = "Europe/Berlin"
TEN_DAYS = Awarding(standstill_days=10, time_zone=BERLIN)
P, A = ProposalStatus, ProposalAction

TARGETS = {
    (P.PROPOSED, A.ASK_APPROVAL): P.IN_APPROVAL,
    (P.IN_APPROVAL, A.REJECT): P.REJECTED,
    (P.PROPOSED, A.STAND_STILL): P.STANDSTILL,
    (P.IN_APPROVAL, A.STAND_STILL): P.STANDSTILL,
    (P.STANDSTILL, A.CONTEST): P.CONTESTED,
    (P.CONTESTED, A.RESUME): P.STANDSTILL,
    (P.CONTESTED, A.UPHOLD): P.WITHDRAWN,
    (P.PROPOSED, A.AWARD): P.AWARDED,
    (P.IN_APPROVAL, A.AWARD): P.AWARDED,
    (P.STANDSTILL, A.AWARD): P.AWARDED,
    (P.IN_APPROVAL, A.WITHDRAW): P.WITHDRAWN,
    (P.STANDSTILL, A.WITHDRAW): P.WITHDRAWN,
    (P.CONTESTED, A.WITHDRAW): P.WITHDRAWN,
}
WHO = {
    A.ASK_APPROVAL: {Party.BUYER},
    A.REJECT: {Party.BUYER},
    A.STAND_STILL: {Party.BUYER},
    A.CONTEST: {Party.BIDDER},
    A.RESUME: {Party.BUYER},
    A.UPHOLD: {Party.BUYER},
    A.AWARD: {Party.BUYER, Party.CLOCK},
    A.WITHDRAW: {Party.BUYER, Party.CLOCK},
}


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_each_transition_that_is_declared_is_tested_here_and_no_other() -> None:
    declared = {
        (source, each.action): each.target
        for each in rules.PROPOSAL.transitions
        for source in each.sources
    }
    assert declared == TARGETS
    assert set(WHO) == set(A)


@pytest.mark.parametrize("action", list(A))
def test_who_may_moves_a_proposal_from_where_it_may_and_nobody_else_does(
    action: ProposalAction,
) -> None:
    for party in Party:
        for status in P:
            target = TARGETS.get((status, action))
            if party in WHO[action] and target is not None:
                assert rules.moved(status, action, party) is target
            else:
                refusal = WrongState if party in WHO[action] else NotPermitted
                with pytest.raises(refusal):
                    rules.moved(status, action, party)


def test_an_award_that_fell_away_comes_not_back() -> None:
    for gone in (AwardStatus.DECLINED, AwardStatus.FAILED, AwardStatus.DROPPED):
        assert rules.AWARD.actions(gone) == ()
    assert rules.AWARD.after(AwardStatus.AWARDED, AwardAction.FAIL) is AwardStatus.FAILED


def test_a_complaint_is_answered_once() -> None:
    filed = rules.ComplaintStatus.FILED
    for answered in set(rules.ComplaintStatus) - {filed}:
        assert rules.COMPLAINT.actions(answered) == ()


@pytest.mark.parametrize(
    ("notified", "until"),
    [
        # Thursday's notice; the tenth day is a Sunday and moves to the end of Monday.
        ("2026-06-04T15:00:00+02:00", "2026-06-16T00:00:00+02:00"),
        # Just before and at midnight: another day of notice in the buyer's zone.
        ("2026-06-01T23:59:59+02:00", "2026-06-12T00:00:00+02:00"),
        ("2026-06-02T00:00:00+02:00", "2026-06-13T00:00:00+02:00"),
        # Late on the 1st in UTC is the 2nd in Berlin.
        ("2026-06-01T22:30:00+00:00", "2026-06-13T00:00:00+02:00"),
    ],
)
def test_the_day_of_the_notice_does_not_count_and_no_standstill_ends_on_a_weekend(
    notified: str, until: str
) -> None:
    assert rules.standstill_until(berlin(notified), TEN_DAYS) == berlin(until)


@pytest.mark.parametrize(
    ("notified", "until", "hours"),
    [
        # Clocks went ahead on 29 March 2026 and back on 25 October.
        ("2026-03-20T00:00:00+01:00", "2026-03-31T00:00:00+02:00", 263),
        ("2026-10-16T00:00:00+02:00", "2026-10-27T00:00:00+01:00", 265),
    ],
)
def test_clock_change_in_the_buyers_zone(notified: str, until: str, hours: int) -> None:
    ends = rules.standstill_until(berlin(notified), TEN_DAYS)
    assert ends == berlin(until)
    assert ends is not None
    assert ends - berlin(notified) == timedelta(hours=hours)


def test_without_days_there_is_no_standstill() -> None:
    assert rules.standstill_until(berlin("2026-06-01T12:00:00+02:00"), Awarding()) is None


UNTIL = berlin("2026-06-12T00:00:00+02:00")


def test_a_complaint_on_the_last_moment_counts_and_one_at_the_end_is_late() -> None:
    told = rules.Notice(UNTIL, withdrawn=False)
    rules.check_complaint(told, UNTIL - MOMENT)
    with pytest.raises(WrongState, match="ended"):
        rules.check_complaint(told, UNTIL)
    for void in (rules.Notice(UNTIL, withdrawn=True), rules.Notice(None, withdrawn=False)):
        with pytest.raises(WrongState):
            rules.check_complaint(void, UNTIL - MOMENT)


def test_at_no_instant_can_one_complain_and_the_standstill_end() -> None:
    for offset in (-MOMENT, timedelta(0), MOMENT):
        at = UNTIL + offset
        ends = rules.check_end(P.STANDSTILL, UNTIL, at)
        assert ends is (at >= UNTIL)
    assert not rules.check_end(P.CONTESTED, UNTIL, UNTIL + timedelta(days=99))


def test_what_was_left_when_it_stopped_is_left_again_to_the_end_of_that_day() -> None:
    stopped = berlin("2026-06-11T12:00:00+02:00")
    # Half a day was left. Answered on Monday morning: Monday is the last day.
    lifted = berlin("2026-06-15T09:00:00+02:00")
    resumed = rules.resumed_until(UNTIL, stopped, lifted, TEN_DAYS)
    assert resumed == berlin("2026-06-16T00:00:00+02:00")
    # Nothing of the order of a day was lost, and a weekend moves it once more.
    friday = berlin("2026-06-19T20:00:00+02:00")
    assert rules.resumed_until(UNTIL, stopped, friday, TEN_DAYS) == berlin(
        "2026-06-23T00:00:00+02:00"
    )


def test_a_complaint_stops_the_standstill_and_nothing_else() -> None:
    assert rules.present_status(P.STANDSTILL, 1) is P.CONTESTED
    assert rules.present_status(P.STANDSTILL, 0) is P.STANDSTILL
    assert rules.present_status(P.WITHDRAWN, 1) is P.WITHDRAWN


def test_an_award_at_the_threshold_goes_on_and_one_above_it_waits_also_for_an_administrator() -> (
    None
):
    rule = award_rule(Money(Decimal(1000), "EUR"), 3)
    asks = Requester(UUID(int=1), frozenset({"administrator"}), None)
    assert not needs_approval(rule, asks, Money(Decimal(1000), "EUR"))
    assert needs_approval(rule, asks, Money(Decimal("1000.01"), "EUR"))
    assert needs_approval(rule, asks, Money(Decimal(1), "USD"))


def test_a_contract_begins_on_no_day_that_is_gone_and_ends_after_it_can_begin() -> None:
    at = berlin("2026-06-12T00:00:00+02:00")
    today = date(2026, 6, 12)
    assert rules.first_day(None, at, BERLIN) == today
    assert rules.first_day(date(2026, 6, 1), at, BERLIN) == today
    assert rules.first_day(date(2026, 7, 1), at, BERLIN) == date(2026, 7, 1)
    rules.check_last_day(today, UNTIL, at, BERLIN)
    with pytest.raises(InvalidInput):
        rules.check_last_day(date(2026, 6, 11), UNTIL, at - timedelta(days=9), BERLIN)


def test_a_winner_says_no_until_his_contract_is_in_force() -> None:
    rules.check_decline(in_force=False)
    with pytest.raises(Conflict):
        rules.check_decline(in_force=True)


def test_what_is_open_goes_first_to_who_holds_nothing_of_the_lot() -> None:
    first, second, third = (UUID(int=number) for number in (1, 2, 3))
    assert rules.next_first([first, second, third], frozenset([first])) == [second, third, first]


EASTER = Calendar((date(2026, 4, 3), date(2026, 4, 6)))
IN_WORKING_DAYS = Awarding(
    standstill_days=5, time_zone=BERLIN, counting=Counting.WORKING_DAYS, calendar=EASTER
)


def test_a_standstill_in_working_days_passes_over_holidays_and_one_in_days_ends_on_none() -> None:
    notified = berlin("2026-03-30T12:00:00+02:00")
    assert rules.standstill_until(notified, IN_WORKING_DAYS) == berlin("2026-04-09T00:00:00+02:00")
    in_days = replace(IN_WORKING_DAYS, standstill_days=4, counting=Counting.CALENDAR_DAYS)
    assert rules.standstill_until(notified, in_days) == berlin("2026-04-08T00:00:00+02:00")


def test_as_many_working_days_are_left_again_as_a_complaint_stopped() -> None:
    until = berlin("2026-04-09T00:00:00+02:00")
    # On Tuesday evening there are three left: Wednesday, Thursday, and after Easter Tuesday, with
    # Wednesday the last. Lifted on Thursday before Easter: Tuesday, Wednesday, Thursday, Friday.
    stopped = berlin("2026-03-31T20:00:00+02:00")
    lifted = berlin("2026-04-02T09:00:00+02:00")
    resumed = rules.resumed_until(until, stopped, lifted, IN_WORKING_DAYS)
    assert resumed == berlin("2026-04-11T00:00:00+02:00")
    # Never less time than was left, however long a holiday made that.
    thursday = berlin("2026-04-02T09:00:00+02:00")
    resumed = rules.resumed_until(until, thursday, berlin("2026-04-07T09:00:00+02:00"), TEN_DAYS)
    assert resumed == berlin("2026-04-14T00:00:00+02:00")
