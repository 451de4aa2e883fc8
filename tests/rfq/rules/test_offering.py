"""What a bid says beside prices: answers in the form that is asked, and how long it binds."""

from datetime import UTC, datetime, timedelta

import pytest

from marketplace.kernel.errors import FieldError
from rfq.rules.offering import (
    Answer,
    AnswerForm,
    Item,
    Offering,
    answer_errors,
    offering_errors,
    same_questionnaire,
    validity_errors,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ITEMS = (
    Item(code="1", prompt="Where do you make it?"),
    Item(code="2", prompt="Lead time in days?", form=AnswerForm.NUMBER),
    Item(code="3", prompt="ISO 9001?", form=AnswerForm.YES_NO),
    Item(code="4", prompt="Which port?", form=AnswerForm.CHOICE, choices=("Kiel", "Emden")),
    Item(code="5", prompt="Anything else?", required=False),
)
RIGHT = {"1": "In Kiel.", "2": "12.5", "3": "yes", "4": "Emden"}


def answers(**changed: str) -> tuple[Answer, ...]:
    given = {**RIGHT, **{code.removeprefix("_"): text for code, text in changed.items()}}
    return tuple(Answer(code=code, answer=text) for code, text in given.items())


def told(errors: object) -> list[tuple[str, str]]:
    assert hasattr(errors, "__iter__")
    return [(each.pointer, each.code) for each in errors if isinstance(each, FieldError)]


def test_every_required_item_is_answered_and_the_others_may_be() -> None:
    assert told(answer_errors(ITEMS, answers())) == []
    assert told(answer_errors(ITEMS, answers(_5="No."))) == []
    assert told(answer_errors(ITEMS, answers()[:3])) == [("/answers", "answer_missing")]


@pytest.mark.parametrize(
    ("code", "wrong"),
    [("1", " "), ("2", "12,5"), ("2", "1e3"), ("2", "01"), ("3", "Yes"), ("4", "Bremen")],
)
def test_an_answer_is_in_the_form_that_is_asked(code: str, wrong: str) -> None:
    place = list(RIGHT).index(code)
    found = told(answer_errors(ITEMS, answers(**{f"_{code}": wrong})))
    assert found == [(f"/answers/{place}/answer", "not_as_asked")]


def test_an_item_is_answered_once_and_only_where_it_is_asked() -> None:
    given = (*answers(), Answer(code="1", answer="And in Emden."), Answer(code="9", answer="x"))
    assert told(answer_errors(ITEMS, given)) == [
        ("/answers/4/code", "twice"),
        ("/answers/5/code", "unknown_item"),
    ]


def test_a_questionnaire_has_codes_of_its_own_and_choices_only_where_one_chooses() -> None:
    wrong = (
        ITEMS[0],
        Item(code="1", prompt="Again?"),
        Item(code="6", prompt="Which?", form=AnswerForm.CHOICE, choices=("a", "a")),
        Item(code="7", prompt="How many?", form=AnswerForm.NUMBER, choices=("1", "2")),
    )
    assert told(offering_errors(Offering(questionnaire=wrong), NOON)) == [
        ("/questionnaire/1/code", "twice"),
        ("/questionnaire/2/choices", "too_few"),
        ("/questionnaire/3/choices", "no_choice"),
    ]


def test_bids_bind_beyond_the_deadline_and_as_long_as_is_asked() -> None:
    later = NOON + timedelta(days=30)
    asked = Offering(valid_until=later)
    assert told(offering_errors(asked, NOON)) == []
    assert told(offering_errors(Offering(valid_until=NOON), NOON)) != []
    assert told(validity_errors(asked, None, NOON)) == []
    assert told(validity_errors(asked, later, NOON)) == []
    assert told(validity_errors(asked, later - timedelta(seconds=1), NOON)) != []


def test_other_words_ask_the_same_another_form_does_not() -> None:
    worded = (Item(code="1", prompt="Where is it made?"), *ITEMS[1:])
    assert same_questionnaire(ITEMS, worded[::-1])
    as_number = (Item(code="1", prompt="Where?", form=AnswerForm.NUMBER), *ITEMS[1:])
    assert not same_questionnaire(ITEMS, as_number)
