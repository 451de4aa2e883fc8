"""Periods before the deadline in working days, over Easter 2026 in Germany."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from marketplace.kernel.errors import InvalidInput, WrongState
from marketplace.kernel.periods import Calendar, Counting
from rfq.rules.amendment import check_amendment
from rfq.rules.awarding import Awarding
from rfq.rules.clarification import (
    check_asking,
    deadline_after_answer,
    deadline_with_open_questions,
)
from rfq.rules.differences import Change, ChangeKind
from rfq.rules.least_times import LeastTimes
from rfq.rules.procedure import Procedure, Status
from rfq.rules.publication import check_publication
from tests.rfq.rules.cases import MOMENT, procedure

EASTER = Calendar((date(2026, 4, 3), date(2026, 4, 6)))
DEADLINE = datetime(2026, 4, 8, 10, tzinfo=UTC)
"""On the Wednesday after Easter, at noon in Berlin."""
TUESDAY = datetime(2026, 3, 31, 9, tzinfo=UTC)


CHANGED = [Change(ChangeKind.CHANGED, "title", "Before", "After")]


def counted(status: Status = Status.PUBLISHED, **days: int) -> Procedure:
    times = LeastTimes(**days, counting=Counting.WORKING_DAYS)
    awarding = Awarding(time_zone="Europe/Berlin", calendar=EASTER)
    asked = replace(procedure(status), deadline_at=DEADLINE)
    return replace(asked, least_times=times, awarding=awarding)


def berlin(day: str) -> datetime:
    """The end of a day in Berlin, where the clocks are two hours ahead."""
    return datetime.fromisoformat(f"{day}T22:00:00+00:00")


def test_questions_end_so_many_working_days_before_the_deadline_and_move_with_it() -> None:
    asked = counted(questions=2)
    ends = berlin("2026-04-02")
    check_asking(asked, 0, ends - MOMENT)
    with pytest.raises(WrongState):
        check_asking(asked, 0, ends)
    later = replace(asked, deadline_at=DEADLINE + timedelta(days=2))
    assert later.questions_end() == berlin("2026-04-08")
    # Beside an instant of their own whichever is earlier counts.
    assert replace(asked, questions_until=TUESDAY).questions_end() == TUESDAY


def test_an_answer_can_be_read_for_so_many_working_days() -> None:
    asked = counted(answer=3)
    thursday = datetime(2026, 4, 2, 9, tzinfo=UTC)
    assert deadline_after_answer(asked, thursday) == berlin("2026-04-09")
    assert deadline_after_answer(asked, TUESDAY) == DEADLINE
    assert deadline_with_open_questions(asked, 1, DEADLINE) == berlin("2026-04-13")
    assert deadline_with_open_questions(asked, 0, DEADLINE) is None
    # With hours beside it bidders have the longer of both.
    hours = replace(asked, answer_time=timedelta(days=30))
    assert deadline_after_answer(hours, thursday) == thursday + timedelta(days=30)


def test_an_amendment_leaves_so_many_working_days_to_confirm_bids() -> None:
    asked = counted(amendment=3)
    check_amendment(asked, CHANGED, DEADLINE, TUESDAY)
    thursday = datetime(2026, 4, 2, 9, tzinfo=UTC)
    with pytest.raises(InvalidInput) as refused:
        check_amendment(asked, CHANGED, DEADLINE, thursday)
    assert refused.value.errors[0].code == "too_little_notice"
    check_amendment(asked, CHANGED, berlin("2026-04-09"), thursday)


def test_bids_are_received_for_so_many_working_days_and_somebody_can_ask() -> None:
    asked = counted(Status.DRAFT, receiving=4)
    with pytest.raises(InvalidInput) as refused:
        check_publication(asked, 1, TUESDAY)
    assert "2026-04-08T22:00" in str(refused.value)
    check_publication(counted(Status.DRAFT, receiving=3), 1, TUESDAY)
    with pytest.raises(InvalidInput) as refused:
        check_publication(counted(Status.DRAFT, questions=5), 1, TUESDAY)
    assert refused.value.errors[0].pointer == "/questions_days"
