"""The printed procedure: all that those who may bid can know of it, and for its buyer his part."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from marketplace.contracts.terms import LineTerms
from marketplace.platform.http.schemas import MoneyView
from marketplace.platform.sheets.model import Cell, Column, Fact, Section, Sheet, Table, fact, row
from marketplace.platform.sheets.reader import Reader
from rfq.amendments.schemas import AmendmentView
from rfq.attachments.schemas import DocumentView
from rfq.clarifications.schemas import QuestionView
from rfq.printouts import words
from rfq.procedures.schemas import (
    BuyerProcedureView,
    ProcedureLotView,
    SupplierProcedureView,
)
from rfq.rules.clarification import QuestionStatus
from rfq.rules.criteria import CriterionKind

LINES: tuple[Column, ...] = (
    Column("No."),
    Column("Description", width=6),
    Column("Quantity", right=True),
    Column("Unit"),
    Column("Article no.", width=2),
)


def money(reader: Reader, value: MoneyView | None) -> str:
    """Write an amount; a dash where there is none."""
    return "–" if value is None else reader.amount(Decimal(value.amount), value.currency)


def procedure_sheet(
    reader: Reader,
    view: BuyerProcedureView | SupplierProcedureView,
    buyer: str,
    invited: Mapping[UUID, str],
    amendments: Sequence[AmendmentView],
    questions: Sequence[QuestionView],
    documents: Sequence[DocumentView],
) -> Sheet:
    """Show a procedure as its reader's own view of it has it."""
    many = len(view.lots) > 1
    sections = [
        *_description(view.description),
        _terms(reader, view),
        *_judging(reader, view),
        *_questionnaire(view),
        *_documents(reader, documents),
        *(_lot(reader, lot, number if many else 0) for number, lot in enumerate(view.lots, 1)),
        *_questions(reader, questions),
        *_amendments(reader, amendments),
    ]
    if isinstance(view, BuyerProcedureView) and view.invited_ids:
        names = [row(invited.get(each, str(each))) for each in view.invited_ids]
        table = Table((Column("Supplier", width=1),), tuple(names))
        sections.append(Section("Invited suppliers (the buyer's copy alone)", tables=(table,)))
    return Sheet(
        kind=words.KINDS[view.kind],
        title=view.title,
        facts=tuple(_head(reader, view, buyer)),
        sections=tuple(sections),
        notes=(
            f"Times are in {reader.zone}.",
            f"Version {view.terms_version} of the terms, procedure {view.id}.",
        ),
    )


def _description(text: str) -> Iterator[Section]:
    parts = tuple(part.strip() for part in text.split("\n\n") if part.strip())
    if parts:
        yield Section("What is asked for", texts=parts)


def _head(
    reader: Reader, view: BuyerProcedureView | SupplierProcedureView, buyer: str
) -> Iterator[Fact]:
    yield fact("Buyer", buyer)
    yield fact("Status", words.STATUSES[view.status])
    yield fact("Who may bid", words.OPENNESS[view.openness])
    yield fact("Published", reader.instant(view.published_at))
    yield Fact("Bids are received before", Cell(reader.instant(view.deadline_at), strong=True))
    if view.questions_end_at is not None:
        yield fact("Questions are taken before", reader.instant(view.questions_end_at))
    if view.bids_valid_until is not None:
        yield fact("Bids bind at least until", reader.instant(view.bids_valid_until))
    if view.opened_at is not None:
        yield fact("Opened", reader.instant(view.opened_at))
    if view.cancelled_because is not None:
        yield fact("Cancelled because", view.cancelled_because)


def _variants(view: BuyerProcedureView | SupplierProcedureView) -> Iterator[Fact]:
    taken = view.variants
    if taken is None:
        return
    beside = "beside a main bid" if taken.beside_main_bid else "with a main bid or without"
    most = "one" if taken.most == 1 else f"up to {taken.most}"
    yield fact("Variants", f"{taken.policy.value.capitalize()}: {most} of each bidder, {beside}")
    for each in taken.minimum_requirements:
        yield fact(f"A variant meets {each.code}", each.text)


def _terms(reader: Reader, view: BuyerProcedureView | SupplierProcedureView) -> Section:
    facts = [
        fact("Currency", view.currency),
        fact("Division of the award", words.DIVISIONS[view.award_division]),
    ]
    facts += [
        fact(f"Rate of {each.currency}", f"1 {each.currency} is {each.rate} {view.currency}")
        for each in view.rates
    ]
    if view.partial_bids:
        facts.append(fact("Lines left out", "A bid may leave out lines of a lot"))
    facts += _variants(view)
    if view.award_shares:
        facts.append(fact("Shares by rank", " / ".join(f"{each} %" for each in view.award_shares)))
    facts.append(
        fact("Standstill", f"{view.standstill_days} days" if view.standstill_days else "None")
    )
    signed = "Both sides sign the contract" if view.signatures else "Bid and award are signatures"
    facts.append(fact("Signatures", signed))
    if view.beyond_quantity is not None:
        facts.append(fact("Beyond the quantities", words.BEYOND[view.beyond_quantity]))
    if view.budget is not None:
        shown = not isinstance(view, BuyerProcedureView) or view.budget_shown
        name = "Budget" if shown else "Budget (hidden from bidders)"
        facts.append(fact(name, money(reader, view.budget)))
    if view.low_below_mean is not None:
        text = f"{view.low_below_mean} % below the mean of the others"
        facts.append(fact("Abnormally low from", text))
    if view.low_below_next is not None:
        text = f"{view.low_below_next} % below the next offer"
        facts.append(fact("Abnormally low from", text))
    if isinstance(view, BuyerProcedureView):
        facts.append(fact("Least number of bids of a lot", str(view.minimum_bids)))
    return Section("Terms", facts=tuple(facts))


def _lot(reader: Reader, lot: ProcedureLotView, number: int) -> Section:
    heading = f"Lot {number}: {lot.title}" if number else lot.title
    lines = tuple(
        row(
            str(place),
            line.description,
            reader.number(Decimal(line.quantity)),
            words.unit(line.unit),
            line.sku or "",
        )
        for place, line in enumerate(lot.lines, 1)
    )
    delivery = [
        fact(f"Line {place}", told)
        for place, line in enumerate(lot.lines, 1)
        if line.terms is not None and (told := "; ".join(_delivery(reader, line.terms)))
    ]
    return Section(heading, facts=tuple(delivery), tables=(Table(LINES, lines),))


def _delivery(reader: Reader, terms: LineTerms) -> Iterator[str]:
    if terms.ship_to is not None:
        address = terms.ship_to
        parts = [getattr(address, name) for name in address.__struct_fields__]
        yield "ship to " + ", ".join(
            " ".join(each) if isinstance(each, list | tuple) else str(each)
            for each in parts
            if each
        )
    if terms.requested_on is not None:
        yield f"delivery {reader.day(terms.requested_on)}"
    if terms.incoterm is not None:
        yield f"{terms.incoterm} {terms.delivery_place}".strip()
    if terms.payment_days is not None:
        yield f"payment within {terms.payment_days} days"
    if terms.payment_terms:
        yield terms.payment_terms


def _judging(reader: Reader, view: BuyerProcedureView | SupplierProcedureView) -> Iterator[Section]:
    if not view.lots:
        return
    judging = view.judging
    rows = []
    for each in judging.criteria:
        detail = ""
        if each.kind is CriterionKind.PRICE and each.reference is not None:
            full = reader.number(Decimal(each.full_points_at))
            detail = f"full at {full}, none from {reader.number(Decimal(each.reference))} on"
        elif each.kind is CriterionKind.SCORED:
            detail = f"0 to {each.max_score}"
            detail += f", at least {each.minimum}" if each.minimum is not None else ""
        gate = each.kind is CriterionKind.GATE
        weight = "" if gate else f"{reader.number(Decimal(each.weight))} %"
        lots = _lot_numbers(view, each.lot_ids)
        rows.append(row(each.title, words.CRITERIA[each.kind], weight, detail, lots))
    tables = []
    if rows:
        columns = (
            Column("Criterion", width=4),
            Column("Kind"),
            Column("Weight", right=True),
            Column("Scale", width=3),
            Column("Lots", width=1),
        )
        tables.append(Table(columns, tuple(rows)))
    yield Section(
        "Award criteria", texts=(f"{words.METHODS[judging.method]}.",), tables=tuple(tables)
    )
    if view.requirements:
        table = Table(
            (Column("Requirement", width=4), Column("Kind"), Column("Qualification", width=1)),
            tuple(
                row(each.title, each.kind.value.replace("_", " "), each.code or "")
                for each in view.requirements
            ),
        )
        yield Section("Who may win", tables=(table,))


def _lot_numbers(view: BuyerProcedureView | SupplierProcedureView, lot_ids: Sequence[UUID]) -> str:
    numbers = [number for number, lot in enumerate(view.lots, 1) if lot.id in lot_ids]
    return ", ".join(map(str, numbers)) if numbers else "all"


def _questionnaire(view: BuyerProcedureView | SupplierProcedureView) -> Iterator[Section]:
    if view.questionnaire:
        columns = (
            Column("Code"),
            Column("Question", width=5),
            Column("Answer", width=2),
            Column("Required"),
        )
        rows = tuple(
            row(
                item.code,
                item.prompt,
                "one of: " + ", ".join(item.choices) if item.choices else words.ANSWERS[item.form],
                "yes" if item.required else "no",
            )
            for item in view.questionnaire
        )
        yield Section("Questionnaire", tables=(Table(columns, rows),))


def _documents(reader: Reader, documents: Sequence[DocumentView]) -> Iterator[Section]:
    if documents:
        columns = (
            Column("Document", width=3),
            Column("Bytes", right=True),
            Column("SHA-256", width=4),
        )
        rows = tuple(
            row(each.name, reader.number(Decimal(each.size_bytes)), Cell(each.sha256, code=True))
            for each in documents
        )
        yield Section("Documents", tables=(Table(columns, rows),))


def _questions(reader: Reader, questions: Sequence[QuestionView]) -> Iterator[Section]:
    answered = [each for each in questions if each.status is QuestionStatus.ANSWERED]
    if answered:
        yield Section("Questions and answers")
    for number, each in enumerate(answered, 1):
        yield Section(
            f"Question {number}, answered {reader.instant(each.answered_at)}",
            level=2,
            texts=(each.question or "", each.answer or ""),
        )


def _amendments(reader: Reader, amendments: Sequence[AmendmentView]) -> Iterator[Section]:
    if amendments:
        yield Section("Amendments")
    for each in amendments:
        columns = (Column("Where", width=3), Column("Before", width=4), Column("After", width=4))
        rows = tuple(
            row(change.place, change.before or "–", change.after or "–") for change in each.changes
        )
        facts: tuple[Fact, ...] = ()
        if each.deadline_before != each.deadline_after:
            moved = (
                f"{reader.instant(each.deadline_before)} → {reader.instant(each.deadline_after)}"
            )
            facts = (fact("Deadline", moved),)
        yield Section(
            f"Version {each.number}, {reader.instant(each.amended_at)}",
            level=2,
            texts=(each.summary,),
            facts=facts,
            tables=(Table(columns, rows),) if rows else (),
        )
