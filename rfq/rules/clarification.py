"""Clarification: suppliers ask, the buyer answers to all, and nobody learns who asked.

Not the buyer either: who asks will bid, and the number and names of bidders are hidden until the
opening. The question is published in the buyer's wording, since the asker's own may give him away.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from marketplace.kernel.errors import InvalidInput, WrongState
from marketplace.kernel.limits import QUESTIONS_PER_BIDDER_MAX
from marketplace.kernel.states import StateMachine, transition
from rfq.rules.least_times import later_of
from rfq.rules.procedure import Procedure, check_receiving


class QuestionStatus(StrEnum):
    """What became of a question."""

    ASKED = "asked"
    ANSWERED = "answered"
    DECLINED = "declined"


class QuestionAction(StrEnum):
    """What the buyer does with a question."""

    ANSWER = "answer"
    DECLINE = "decline"


QUESTION: Final = StateMachine[QuestionStatus, QuestionAction](
    "question",
    [
        transition(QuestionAction.ANSWER, QuestionStatus.ASKED, QuestionStatus.ANSWERED),
        transition(QuestionAction.DECLINE, QuestionStatus.ASKED, QuestionStatus.DECLINED),
    ],
)


def check_asking(procedure: Procedure, asked_before: int, at: datetime) -> None:
    """Guard of a question: bids are received, and the time to ask has not ended.

    `asked_before` are the asker's own questions in this procedure. Raises WrongState, InvalidInput.
    """
    check_receiving(procedure, at)
    until = procedure.questions_end()
    if until is not None and at >= until:
        raise WrongState(
            f"Questions were taken until {until.isoformat()}; bids still are.",
            state=procedure.status.value,
        )
    if asked_before >= QUESTIONS_PER_BIDDER_MAX:
        raise InvalidInput(f"A company asks at most {QUESTIONS_PER_BIDDER_MAX} questions here.")


def deadline_after_answer(procedure: Procedure, at: datetime) -> datetime:
    """Give the deadline once a question was answered at `at`: bidders have time to read.

    Without an answer time the deadline stands.
    """
    least = _read_until(procedure, at)
    return procedure.deadline_at if least is None else max(procedure.deadline_at, least)


def deadline_with_open_questions(
    procedure: Procedure, open_questions: int, at: datetime
) -> datetime | None:
    """Give the later deadline of a procedure that cannot close yet, None where it can.

    Receiving does not end while a question is unanswered, where the procedure has an answer time.
    """
    if open_questions == 0 or at < procedure.deadline_at:
        return None
    return _read_until(procedure, at)


def _read_until(procedure: Procedure, at: datetime) -> datetime | None:
    """Give until when an answer of `at` can be read at least, None where the terms say nothing."""
    days = procedure.least_times.answer
    return later_of(procedure.days_of(), at, procedure.answer_time, days)
