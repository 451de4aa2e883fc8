"""Make a draft of what a notice says.

Where it says nothing, or what has no place here, the draft has the least harmful value there is,
and the buyer is told to decide. A deadline need not lie ahead when the notice is taken over: nobody
publishes one that has passed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.limits import LINES_MAX, NOTICE_ROWS_MAX
from marketplace.kernel.money import CURRENCIES, currency_digits
from marketplace.kernel.units import UNITS, places, too_fine
from rfq.rules.notices.judged import judging_of
from rfq.rules.notices.notice import FoundLine, FoundLot, FoundNotice, Months
from rfq.rules.notices.reading import Amount, Found, Reading, fits, in_lines, one_line
from rfq.rules.notices.report import NoticeReport, Why
from rfq.rules.notices.required import line_terms, put_line, requirements, shortened
from rfq.rules.procedure import Kind, Openness

LUMP_SUM: Final = "LS"
NO_UNIT: Final = "ZZ"
"""Mutually defined: the description says what is counted or measured."""
_NO_QUANTITY: Final = (
    f"The notice does not say how much of something is asked for: the draft has 1 {LUMP_SUM}, the "
    "whole of it as a lump sum. Say what is to be bid on."
)
_ADD_MONTHS_MAX: Final = 1_200


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a notice became: a draft as `createProcedure` takes it, and the account of it."""

    terms: dict[str, Any]
    report: NoticeReport


def drafted(notice: FoundNotice, reading: Reading, at: datetime, currency: str) -> Drafted:
    """Make the draft; `currency` is taken where the notice names none.

    Raises InvalidInput with every reason why the notice is not valid.
    """
    reading.check()
    terms: dict[str, Any] = {"kind": Kind.TENDER.value}
    if notice.procedure is not None:
        terms["kind"] = notice.procedure.value.value
        reading.take(notice.procedure, "/kind", terms["kind"])
    terms["title"] = _title(notice, reading)
    if notice.description is not None:
        _put_text(reading, terms, notice.description)
    terms["currency"] = _currency(notice, reading, currency)
    lots = _lots(notice, reading)
    terms["lots"] = [_lot(reading, notice, lot, number) for number, lot in enumerate(lots)]
    _calendar(notice, lots, reading, terms, at)
    _openness(notice, reading, terms)
    budget = _budget(notice, lots, reading, terms)
    judging = judging_of(notice, lots, reading, terms["currency"], budget)
    if judging is not None:
        terms["judging"] = judging
    kept = requirements(notice, lots, reading)
    if kept:
        terms["requirements"] = kept
    if reading.documents:
        detail = (
            "Documents that the notice names are not fetched: upload those bidders are to have."
        )
        reading.decide("documents", detail, "/documents")
    return Drafted(terms, _report(notice, reading))


def _report(notice: FoundNotice, reading: Reading) -> NoticeReport:
    unmapped = reading.unmapped()
    shown = list(islice(unmapped, NOTICE_ROWS_MAX))
    return NoticeReport(
        format=notice.format,
        notice_id=one_line(notice.notice_id),
        process_id=one_line(notice.process_id),
        kind=one_line(notice.kind),
        dated=one_line(notice.dated),
        language=one_line(notice.language),
        other_languages=[one_line(each) for each in notice.other_languages[:NOTICE_ROWS_MAX]],
        mapped=reading.mapped[:NOTICE_ROWS_MAX],
        mapped_count=len(reading.mapped),
        unmapped=shown,
        unmapped_count=len(shown) + sum(1 for _ in unmapped),
        decisions=reading.decisions,
        documents=reading.documents[:NOTICE_ROWS_MAX],
    )


# Texts


def _title(notice: FoundNotice, reading: Reading) -> str:
    title = put_line(reading, notice.title, "/title")
    if title:
        return title
    first = next((lot.title for lot in notice.lots if lot.title is not None), None)
    reading.decide("title_missing", "The notice has no title of its own: name the draft.", "/title")
    named = first.value if first else notice.notice_id
    return one_line(named) or one_line(notice.process_id) or "Notice without a title"


def _put_text(reading: Reading, terms: dict[str, Any], found: Found[str]) -> None:
    text = in_lines(found.value)
    note = shortened(reading, found.value.strip(), text, "/description")
    reading.take(found, "/description", text, note)
    terms["description"] = text


# Lots and lines


def _lots(notice: FoundNotice, reading: Reading) -> list[FoundLot]:
    if not notice.lots:
        detail = "The notice has no lots: the draft has one, for the whole of it."
        reading.decide("lots_missing", detail, "/lots/0")
        whole = Found(notice.notice_id, (reading.root,))
        return [FoundLot(whole, title=notice.title, description=notice.description)]
    kept: list[FoundLot] = []
    lines = 0
    for lot in notice.lots:
        lines += max(1, len(lot.lines))
        if lines > LINES_MAX:
            detail = f"A procedure has at most {LINES_MAX} lines; lots beyond them were left out."
            reading.decide("too_many_lines", detail, "/lots")
            break
        kept.append(lot)
    if not kept:
        # One lot that is too large by itself: what fits of it.
        first = notice.lots[0]
        first.lines = first.lines[:LINES_MAX]
        kept.append(first)
    return kept


def _lot(reading: Reading, notice: FoundNotice, lot: FoundLot, number: int) -> dict[str, Any]:
    field = f"/lots/{number}"
    reading.consume(*lot.id.nodes)
    title = put_line(reading, lot.title, f"{field}/title")
    if not title:
        detail = "A lot has no title in the notice: the draft has its identifier or its number."
        reading.decide("lot_title_missing", detail, f"{field}/title")
        title = one_line(lot.id.value) or f"Lot {number + 1}"
    lines = lot.lines or [FoundLine()]
    if len(lines) == 1 and lines[0].description is None:
        lines = [FoundLine(lot.description, lines[0].quantity, lines[0].unit)]
    drafted: list[dict[str, Any]] = [
        _line(reading, line, f"{field}/lines/{place}", title) for place, line in enumerate(lines)
    ]
    terms = line_terms(reading, notice, lot, f"{field}/lines/0/terms")
    if terms:
        for line in drafted:
            line["terms"] = terms
    return {"title": title, "lines": drafted}


def _line(reading: Reading, line: FoundLine, field: str, title: str) -> dict[str, Any]:
    description = put_line(reading, line.description, f"{field}/description") or title
    if line.quantity is None:
        reading.decide("quantity_missing", _NO_QUANTITY, field)
        reading.leave(line.unit, Why.UNUSABLE)
        return {"quantity": "1", "unit": LUMP_SUM, "description": description}
    unit = one_line(line.unit.value).upper() if line.unit else ""
    quantity = line.quantity.value
    if not fits(quantity):
        detail = (
            "A quantity of the notice is not positive, or has more digits than are kept here: the "
            "draft has 1."
        )
        reading.decide("quantity_unusable", detail, f"{field}/quantity")
        reading.leave(line.quantity, Why.UNUSABLE)
        quantity = Decimal(1)
    else:
        reading.take(line.quantity, f"{field}/quantity", plain_decimal(quantity))
    if unit not in UNITS or too_fine(quantity, unit) is not None:
        unit, description = _other_unit(reading, line.unit, field, description)
    elif line.unit is not None:
        reading.take(line.unit, f"{field}/unit", unit)
    return {"quantity": plain_decimal(quantity), "unit": unit, "description": description}


def _other_unit(
    reading: Reading, unit: Found[str] | None, field: str, description: str
) -> tuple[str, str]:
    """Give the unit that says nothing; a description then says what is counted."""
    detail = (
        "The notice has a unit that is not known here, none at all, or pieces that are no whole "
        f"number. The draft has {NO_UNIT} (mutually defined): put a code of UN/ECE Rec 20."
    )
    reading.decide("unit_unknown", detail, f"{field}/unit")
    if unit is None:
        return NO_UNIT, description
    reading.leave(unit, Why.UNUSABLE)
    return NO_UNIT, one_line(f"{one_line(unit.value, 60)}: {description}")


# Time


def _calendar(
    notice: FoundNotice, lots: list[FoundLot], reading: Reading, terms: dict[str, Any], at: datetime
) -> None:
    deadlines = [each for each in [notice.deadline, *(lot.deadline for lot in lots)] if each]
    if not deadlines:
        detail = (
            "The notice says of no deadline for offers. The draft has the moment of the import, "
            "which cannot be published: set one."
        )
        reading.decide("deadline_missing", detail, "/deadline_at")
        terms["deadline_at"] = at
        for each in (notice.questions, *(lot.questions for lot in lots)):
            reading.leave(each, Why.UNUSABLE)
        return
    last = _latest(reading, deadlines, "/deadline_at", "deadlines_differ", _DEADLINES_DIFFER)
    terms["deadline_at"] = last.value
    if last.value <= at:
        detail = "The deadline for offers has passed already: set one that lies ahead."
        reading.decide("deadline_passed", detail, "/deadline_at")
    _questions(notice, lots, reading, terms)
    _validity(lots, reading, terms)


_DEADLINES_DIFFER: Final = (
    "Lots have different deadlines in the notice. A procedure has one: the draft has the last."
)


def _latest(
    reading: Reading, found: list[Found[datetime]], field: str, code: str, detail: str
) -> Found[datetime]:
    """Take the last of several instants; the others, if they differ, are left."""
    last = max(found, key=lambda each: each.value)
    reading.take(last, field, last.value.isoformat())
    for each in found:
        if each.value == last.value:
            reading.consume(*each.nodes)
        else:
            reading.leave(each, Why.UNUSABLE)
            reading.decide(code, detail, field)
    return last


def _questions(
    notice: FoundNotice, lots: list[FoundLot], reading: Reading, terms: dict[str, Any]
) -> None:
    given = [each for each in [notice.questions, *(lot.questions for lot in lots)] if each]
    fitting = [each for each in given if each.value <= terms["deadline_at"]]
    for each in given:
        if each not in fitting:
            reading.leave(each, Why.UNUSABLE)
            detail = "Questions end after the deadline for offers in the notice: see until when."
            reading.decide("questions_after_deadline", detail, "/questions_until")
    if fitting:
        detail = "Lots have different ends for questions in the notice: the draft has the last."
        last = _latest(reading, fitting, "/questions_until", "questions_differ", detail)
        terms["questions_until"] = last.value


def _validity(lots: list[FoundLot], reading: Reading, terms: dict[str, Any]) -> None:
    deadline: datetime = terms["deadline_at"]
    given = [lot.validity for lot in lots if lot.validity]
    ends = [(end, each) for each in given if (end := later(deadline, each.value)) is not None]
    for each in given:
        reading.leave(each, Why.UNUSABLE)
    if not ends:
        return
    last = max(end for end, _ in ends)
    for end, each in ends:
        if end == last:
            reading.take(each, "/bids_valid_until", last.isoformat(), "counted from the deadline")
    if any(end != last for end, _ in ends):
        detail = "Offers bind for different times by lot in the notice: the draft has the longest."
        reading.decide("validities_differ", detail, "/bids_valid_until")
    terms["bids_valid_until"] = last


def later(instant: datetime, length: Months) -> datetime | None:
    """Give the instant so much later, None where the calendar ends before or it is not later."""
    if not 0 <= length.months <= _ADD_MONTHS_MAX or (length.months, length.days) <= (0, 0):
        return None
    number = instant.year * 12 + instant.month - 1 + length.months
    try:
        first = instant.replace(year=number // 12, month=number % 12 + 1, day=1)
        following = (first + timedelta(days=31)).replace(day=1)
        last_day = (following - timedelta(days=1)).day
        return first.replace(day=min(instant.day, last_day)) + timedelta(days=length.days)
    except (ValueError, OverflowError):
        return None


# Who, and for how much


def _openness(notice: FoundNotice, reading: Reading, terms: dict[str, Any]) -> None:
    if notice.openness is None:
        detail = "The notice does not say who may bid: the draft is by invitation."
        reading.decide("openness_missing", detail, "/openness")
        terms["openness"] = Openness.INVITED.value
        return
    terms["openness"] = notice.openness.value.value
    reading.take(notice.openness, "/openness", terms["openness"])
    if notice.openness.value is Openness.INVITED:
        detail = "Who may bid is not open to all: invite suppliers before you publish."
        reading.decide("invitations", detail, "/openness")


def _amounts(notice: FoundNotice) -> Iterator[Found[Amount]]:
    for each in (notice.value, *(lot.value for lot in notice.lots)):
        if each is not None:
            yield each


def _currency(notice: FoundNotice, reading: Reading, otherwise: str) -> str:
    named = [each for each in _amounts(notice) if each.value.currency in CURRENCIES]
    if not named:
        detail = f"The notice names no currency that is in use: the draft is in {otherwise}."
        reading.decide("currency_missing", detail, "/currency")
        return otherwise
    chosen = named[0]
    reading.take(
        Found(chosen.value.currency, chosen.nodes[-1:]), "/currency", chosen.value.currency
    )
    return chosen.value.currency


def _budget(
    notice: FoundNotice, lots: list[FoundLot], reading: Reading, terms: dict[str, Any]
) -> Decimal | None:
    """Put the estimated value: that of the whole, else the sum of all lots'. Give it."""
    values = [notice.value] if notice.value else [lot.value for lot in lots]
    given = [value for value in values if value is not None]
    if not given or len(given) < len(values):
        return None
    currency: str = terms["currency"]
    detail = (
        "The notice has values in several currencies, or such that are no amount of the draft's "
        f"currency, {currency}: see what the budget is."
    )
    if any(each.value.currency != currency for each in _amounts(notice)):
        reading.decide("budget_unusable", detail, "/budget")
    usable = all(usable_amount(each.value, currency) for each in given)
    total = sum((each.value.amount for each in given), Decimal(0)) if usable else Decimal(0)
    if not usable or not fits(total):
        reading.decide("budget_unusable", detail, "/budget")
        for each in given:
            reading.leave(each, Why.UNUSABLE)
        return None
    text = plain_decimal(total)
    for each in given:
        note = "summed up over the lots" if len(given) > 1 else None
        reading.take(each, "/budget/amount", text, note)
    terms["budget"] = {"amount": text, "shown": True}
    if notice.value is not None:
        for lot in lots:
            reading.leave(lot.value, Why.SAID_BEFORE)
    return total


def usable_amount(amount: Amount, currency: str) -> bool:
    """Tell whether this is a positive amount in whole coins of this currency."""
    return (
        amount.currency == currency
        and fits(amount.amount)
        and places(amount.amount) <= currency_digits(currency)
    )
