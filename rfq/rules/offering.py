"""What a bid says beside its prices: answers to a questionnaire, and how long it binds.

A request for information is a questionnaire and nothing else: it asks for no prices, and ends with
its answers. Items are known by their codes, which the buyer chooses and answers refer to.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from auctions.engine.terms import Rate
from marketplace.kernel.errors import FieldError
from marketplace.kernel.limits import QUESTIONNAIRE_ITEMS_MAX, TEXT_CHARACTERS_MAX
from rfq.rules.variants import Variants, terms_errors

YES_NO: Final = ("yes", "no")
NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?")
CHOICES_LEAST: Final = 2


class AnswerForm(StrEnum):
    """In what an item of a questionnaire is answered."""

    TEXT = "text"
    NUMBER = "number"
    YES_NO = "yes_no"
    CHOICE = "choice"


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One item of a questionnaire; `choices` are there where one of them is the answer."""

    code: str
    prompt: str
    form: AnswerForm = AnswerForm.TEXT
    choices: tuple[str, ...] = ()
    required: bool = True


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bidder answers to the item `code`."""

    code: str
    answer: str


class Offering(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the terms of a procedure say of bids beside what is bought.

    A bid binds until `valid_until` or longer; without it, until it says so itself. Where members of
    a framework compete, `framework_id` is theirs. With `two_envelopes` prices are sealed apart, and
    with `partial_bids` a bid may leave out lines of a lot. `rates` are the other currencies a bid
    may be in. Without `variants` none are taken.
    """

    questionnaire: tuple[Item, ...] = ()
    valid_until: datetime | None = None
    framework_id: UUID | None = None
    two_envelopes: bool = False
    partial_bids: bool = False
    rates: tuple[Rate, ...] = ()
    variants: Variants | None = None


NOTHING_ELSE: Final = Offering()
"""A procedure that asks for prices alone."""


def offering_errors(offering: Offering, deadline_at: datetime) -> Iterator[FieldError]:
    """Find what keeps these terms from being published."""
    if offering.valid_until is not None and offering.valid_until <= deadline_at:
        detail = "Bids bind beyond the deadline, or there is nothing to award."
        yield FieldError("/bids_valid_until", "before_deadline", detail)
    if len(offering.questionnaire) > QUESTIONNAIRE_ITEMS_MAX:
        detail = f"A questionnaire has at most {QUESTIONNAIRE_ITEMS_MAX} items."
        yield FieldError("/questionnaire", "too_many", detail)
    seen: set[str] = set()
    for number, item in enumerate(offering.questionnaire):
        pointer = f"/questionnaire/{number}"
        if item.code in seen:
            yield FieldError(f"{pointer}/code", "twice", f"The code {item.code} is given twice.")
        seen.add(item.code)
        chooses = item.form is AnswerForm.CHOICE
        if chooses and len(set(item.choices)) < CHOICES_LEAST:
            detail = "A choice is between two answers or more."
            yield FieldError(f"{pointer}/choices", "too_few", detail)
        if item.choices and not chooses:
            detail = f"An item answered by {item.form.value} has no choices."
            yield FieldError(f"{pointer}/choices", "no_choice", detail)
    if offering.variants is not None:
        yield from terms_errors(offering.variants)


def answer_errors(questionnaire: Sequence[Item], answers: Sequence[Answer]) -> Iterator[FieldError]:
    """Find what keeps these answers from answering the questionnaire."""
    items = {item.code: item for item in questionnaire}
    seen: set[str] = set()
    for number, given in enumerate(answers):
        pointer = f"/answers/{number}"
        if given.code not in items:
            yield FieldError(f"{pointer}/code", "unknown_item", f"Nobody asks {given.code!r}.")
        elif given.code in seen:
            yield FieldError(f"{pointer}/code", "twice", f"{given.code} is answered twice.")
        elif (fault := _fault(items[given.code], given.answer)) is not None:
            yield FieldError(f"{pointer}/answer", "not_as_asked", fault)
        seen.add(given.code)
    for item in questionnaire:
        if item.required and item.code not in seen:
            yield FieldError("/answers", "answer_missing", f"{item.code} has to be answered.")


def _fault(item: Item, answer: str) -> str | None:
    if not answer.strip() or len(answer) > TEXT_CHARACTERS_MAX:
        return f"An answer has words, and at most {TEXT_CHARACTERS_MAX} characters."
    match item.form:
        case AnswerForm.NUMBER if NUMBER.fullmatch(answer) is None:
            return f"{item.code} is answered by a number in plain digits."
        case AnswerForm.YES_NO if answer not in YES_NO:
            return f"{item.code} is answered by yes or no."
        case AnswerForm.CHOICE if answer not in item.choices:
            return f"{item.code} is answered by one of: {', '.join(item.choices)}."
        case _:
            return None


def validity_errors(
    offering: Offering, valid_until: datetime | None, deadline_at: datetime
) -> Iterator[FieldError]:
    """Find out whether a bid binds long enough to be awarded."""
    if valid_until is None:
        return
    least = offering.valid_until or deadline_at
    if valid_until < least:
        detail = f"A bid binds at least until {least.isoformat()}."
        yield FieldError("/valid_until", "too_short", detail)


def same_questionnaire(before: Sequence[Item], after: Sequence[Item]) -> bool:
    """Tell whether what answers one answers the other; prompts and order may differ."""

    def asked(items: Sequence[Item]) -> dict[str, tuple[object, ...]]:
        return {item.code: (item.form, item.choices, item.required) for item in items}

    return asked(before) == asked(after)
