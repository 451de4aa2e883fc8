"""The tender's part of a release: what is asked for, questions, documents, changes, the opening.

Pure. An open request for information is a consultation of the market: its releases are of the
planning, with the tender's status `planning`.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET, UnsetType

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.clock import rfc3339
from marketplace.kernel.money import Money, rounded
from rfq.ocds.codelists import (
    AwardCriteria,
    CriterionType,
    PartyRole,
    ProcurementMethod,
    ReleaseTag,
    SubmissionMethod,
    TenderStatus,
)
from rfq.ocds.facts import Answered, Asked, Attached, Company
from rfq.ocds.release import (
    BidOpening,
    CriteriaBreakdown,
    Criterion,
    CriterionNumber,
    Document,
    Enquiry,
    Item,
    Lot,
    Party,
    Period,
    Reference,
    SubmissionTerms,
    Tender,
    Unit,
    Value,
)
from rfq.rules import criteria
from rfq.rules.criteria import CriterionKind, Method
from rfq.rules.procedure import Kind, Line, LotStatus, Status

KINDS: Final = {
    Kind.RFI: "Request for information",
    Kind.RFQ: "Request for quotation",
    Kind.TENDER: "Tender",
}
PASSED_OR_FAILED: Final = "Passed or failed."
"""The description of a criterion without a weight: the standard has no code for it."""
_ENDS: Final = {
    Status.AWARDED: TenderStatus.COMPLETE,
    Status.COMPLETED: TenderStatus.COMPLETE,
    Status.UNSUCCESSFUL: TenderStatus.UNSUCCESSFUL,
    Status.CANCELLED: TenderStatus.CANCELLED,
}
_LOT_ENDS: Final = {
    LotStatus.AWARDED: TenderStatus.COMPLETE,
    LotStatus.UNSUCCESSFUL: TenderStatus.UNSUCCESSFUL,
}
TAGS: Final = {
    ReleaseTag.TENDER: ReleaseTag.PLANNING,
    ReleaseTag.TENDER_UPDATE: ReleaseTag.PLANNING_UPDATE,
    ReleaseTag.TENDER_AMENDMENT: ReleaseTag.PLANNING_UPDATE,
    ReleaseTag.TENDER_CANCELLATION: ReleaseTag.PLANNING_UPDATE,
}


def tag(kind: Kind, of_tender: ReleaseTag) -> ReleaseTag:
    """Give the tag of a step, which for a request for information is one of the planning."""
    return TAGS[of_tender] if kind is Kind.RFI else of_tender


def tender_status(kind: Kind, status: Status) -> TenderStatus:
    """Give where the tender stands for the public; what is judged meanwhile is not told."""
    running = TenderStatus.PLANNING if kind is Kind.RFI else TenderStatus.ACTIVE
    return _ENDS.get(status, running)


def lot_status(status: Status, lot: LotStatus) -> TenderStatus:
    """Give where a lot stands for the public; a cancelled procedure takes its open lots along."""
    running = TenderStatus.CANCELLED if status is Status.CANCELLED else TenderStatus.ACTIVE
    return _LOT_ENDS.get(lot, running)


def value(money: Money) -> Value:
    """Write an amount in all digits of its currency."""
    return Value(amount=rounded(money.amount, money.currency), currency=money.currency)


def number(decimal: Decimal) -> Decimal:
    """Write a number without superfluous zeros."""
    return Decimal(plain_decimal(decimal))


def buyer_party(buyer: Company) -> Party:
    """Name the company that buys; it runs the procedure itself."""
    roles = [PartyRole.BUYER.value, PartyRole.PROCURING_ENTITY.value]
    return Party(id=str(buyer.id), name=buyer.name, roles=roles)


def asked_tender(
    asked: Asked,
    *,
    removed_lots: Collection[tuple[UUID, str]] = (),
    removed_lines: Sequence[tuple[UUID, Line]] = (),
    removed_documents: Sequence[tuple[UUID, str]] = (),
    amended: bool = False,
) -> Tender:
    """Write all that is asked for, at the publication or after an amendment.

    A merge keeps what a later release does not name, so what an amendment removed is said: a lot is
    cancelled, of a line nothing is asked for any more, a document says it of itself, and a text
    that is gone is null.
    """
    nothing = None if amended else UNSET
    gone = [
        Document(id=str(id_), title=name, description="No longer a part of the terms.")
        for id_, name in removed_documents
    ]
    buyer = Reference(id=str(asked.buyer.id), name=asked.buyer.name)
    until = asked.questions_until or asked.deadline_at
    return Tender(
        id=str(asked.id),
        title=asked.title,
        description=asked.description or nothing,
        status=tender_status(asked.kind, asked.status),
        procuring_entity=buyer,
        procurement_method=ProcurementMethod.OPEN,
        procurement_method_details=KINDS[asked.kind],
        submission_method=[SubmissionMethod.ELECTRONIC.value],
        value=UNSET if asked.budget is None else value(Money(asked.budget, asked.currency)),
        tender_period=_period(asked.published_at, asked.deadline_at),
        enquiry_period=_period(asked.published_at, min(until, asked.deadline_at)),
        eligibility_criteria="\n".join(asked.requirements) or nothing,
        documents=[*(_document(each, nothing) for each in asked.documents), *gone] or UNSET,
        bid_opening=BidOpening(date=rfc3339(asked.deadline_at)),
        **_priced(asked, removed_lots, removed_lines),
    )


def _priced(
    asked: Asked,
    removed_lots: Collection[tuple[UUID, str]],
    removed_lines: Sequence[tuple[UUID, Line]],
) -> dict[str, Any]:
    """Write what a request for information has not: lots, items, and what wins."""
    if asked.kind is Kind.RFI:
        return {}
    by_price = asked.judging.method is Method.LOWEST_PRICE
    lots = [
        Lot(
            id=str(lot.id),
            title=lot.title,
            status=lot_status(asked.status, asked.lot_statuses[lot.id]),
            award_criteria=_breakdown(asked.judging.of_lot(lot.id)),
            submission_terms=UNSET
            if asked.variants is None
            else SubmissionTerms(variant_policy=asked.variants.value),
        )
        for lot in asked.lots
    ]
    gone = [
        Lot(id=str(id_), title=title, status=TenderStatus.CANCELLED) for id_, title in removed_lots
    ]
    items = [_item(line, lot.id) for lot in asked.lots for line in lot.lines]
    nothing = [_item(line, lot_id, asks=Decimal(0)) for lot_id, line in removed_lines]
    return {
        "lots": lots + gone,
        "items": items + nothing,
        "award_criteria": (
            AwardCriteria.PRICE_ONLY if by_price else AwardCriteria.RATED_CRITERIA
        ).value,
    }


def _item(line: Line, lot_id: UUID, *, asks: Decimal | None = None) -> Item:
    return Item(
        id=str(line.id),
        description=line.description,
        quantity=number(line.quantity if asks is None else asks),
        unit=unit(line.unit),
        related_lot=str(lot_id),
    )


def unit(code: str) -> Unit:
    """Write a unit: a code of UN/ECE Recommendation 20, or of 21 with its prefix."""
    return Unit(scheme="UNCEFACT", id=code)


def _breakdown(of_lot: Sequence[criteria.Criterion]) -> CriteriaBreakdown:
    if not of_lot:
        price = Criterion(type=CriterionType.PRICE.value, name="Price", numbers=[_weight(100)])
        return CriteriaBreakdown(criteria=[price])
    return CriteriaBreakdown(criteria=[_criterion(each) for each in of_lot])


def _criterion(each: criteria.Criterion) -> Criterion:
    by_price = each.kind is CriterionKind.PRICE
    numbers = list(_numbers(each))
    return Criterion(
        type=(CriterionType.PRICE if by_price else CriterionType.QUALITY).value,
        name=each.title,
        description=PASSED_OR_FAILED if each.kind is CriterionKind.GATE else UNSET,
        numbers=numbers or UNSET,
    )


def _numbers(each: criteria.Criterion) -> Iterator[CriterionNumber]:
    if each.kind is CriterionKind.GATE:
        return
    yield _weight(each.weight)
    if each.minimum is not None:
        yield CriterionNumber(number=number(each.minimum), threshold="minimumScore")


def _weight(percent: Decimal | int) -> CriterionNumber:
    return CriterionNumber(number=number(Decimal(percent)), weight="percentageExact")


def _period(starts_at: datetime, ends_at: datetime) -> Period:
    return Period(start_date=rfc3339(starts_at), end_date=rfc3339(ends_at))


def _document(attached: Attached, nothing: UnsetType | None) -> Document:
    # One that was taken out may have come back: then nothing is said of that any more.
    return Document(
        id=str(attached.id),
        document_type="biddingDocuments",
        title=attached.name,
        description=nothing,
        format=attached.form,
    )


def extended_tender(asked: Asked) -> Tender:
    """Write a deadline that was moved, and what moves with it."""
    until = asked.questions_until or asked.deadline_at
    return Tender(
        id=str(asked.id),
        tender_period=_period(asked.published_at, asked.deadline_at),
        enquiry_period=_period(asked.published_at, min(until, asked.deadline_at)),
        bid_opening=BidOpening(date=rfc3339(asked.deadline_at)),
    )


def answered_tender(procedure_id: UUID, answered: Answered) -> Tender:
    """Write a question and its answer, without its author."""
    enquiry = Enquiry(
        id=str(answered.id),
        date=rfc3339(answered.asked_at),
        description=answered.question,
        answer=answered.answer,
        date_answered=rfc3339(answered.answered_at),
    )
    return Tender(id=str(procedure_id), has_enquiries=True, enquiries=[enquiry])


def standing_tender(asked: Asked, *, opened_at: datetime | None = None) -> Tender:
    """Write where the tender and its lots stand; with `opened_at` that bids were opened then."""
    lots = [
        Lot(id=str(lot.id), status=lot_status(asked.status, asked.lot_statuses[lot.id]))
        for lot in asked.lots
    ]
    opening = UNSET if opened_at is None else BidOpening(date=rfc3339(opened_at))
    return Tender(
        id=str(asked.id),
        status=tender_status(asked.kind, asked.status),
        lots=lots or UNSET,
        bid_opening=opening,
    )
