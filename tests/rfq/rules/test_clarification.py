from dataclasses import replace
from datetime import timedelta

import pytest

from marketplace.kernel.errors import InvalidInput, WrongState
from marketplace.kernel.limits import QUESTIONS_PER_BIDDER_MAX
from rfq.rules.clarification import (
    QUESTION,
    QuestionAction,
    QuestionStatus,
    check_asking,
    deadline_after_answer,
    deadline_with_open_questions,
)
from rfq.rules.procedure import Status, check_words
from tests.rfq.rules.cases import DEADLINE, MOMENT, procedure

DAY = timedelta(days=1)


def test_questions_are_taken_while_bids_are() -> None:
    check_asking(procedure(), 0, DEADLINE - MOMENT)
    with pytest.raises(WrongState):
        check_asking(procedure(), 0, DEADLINE)
    with pytest.raises(WrongState):
        check_asking(procedure(Status.DRAFT), 0, DEADLINE - DAY)


def test_the_time_to_ask_may_end_before_the_deadline_and_ends_at_its_instant() -> None:
    asked_until = replace(procedure(), questions_until=DEADLINE - DAY)
    check_asking(asked_until, 0, DEADLINE - DAY - MOMENT)
    with pytest.raises(WrongState, match="bids still are"):
        check_asking(asked_until, 0, DEADLINE - DAY)


def test_a_company_asks_only_so_often() -> None:
    check_asking(procedure(), QUESTIONS_PER_BIDDER_MAX - 1, DEADLINE - DAY)
    with pytest.raises(InvalidInput, match="at most"):
        check_asking(procedure(), QUESTIONS_PER_BIDDER_MAX, DEADLINE - DAY)


def test_a_question_is_answered_or_declined_once() -> None:
    for action in QuestionAction:
        settled = QUESTION.after(QuestionStatus.ASKED, action)
        assert QUESTION.actions(settled) == ()


def test_an_answer_leaves_bidders_time_to_read_it_and_never_shortens_the_deadline() -> None:
    patient = replace(procedure(), answer_time=DAY)
    assert deadline_after_answer(patient, DEADLINE - MOMENT) == DEADLINE - MOMENT + DAY
    assert deadline_after_answer(patient, DEADLINE - DAY) == DEADLINE
    assert deadline_after_answer(patient, DEADLINE - 5 * DAY) == DEADLINE
    assert deadline_after_answer(procedure(), DEADLINE - MOMENT) == DEADLINE


def test_receiving_does_not_end_while_a_question_is_unanswered_where_that_is_set() -> None:
    patient = replace(procedure(), answer_time=DAY)
    assert deadline_with_open_questions(patient, 1, DEADLINE) == DEADLINE + DAY
    assert deadline_with_open_questions(patient, 1, DEADLINE - MOMENT) is None
    assert deadline_with_open_questions(patient, 0, DEADLINE) is None
    assert deadline_with_open_questions(procedure(), 1, DEADLINE) is None


def test_what_is_said_has_words() -> None:
    check_words("It was answered in question 3.", "/reason")
    with pytest.raises(InvalidInput) as refused:
        check_words("  ", "/reason")
    assert refused.value.errors[0].pointer == "/reason"
