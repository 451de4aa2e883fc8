"""Two envelopes: what a bid says of itself, and what it costs, sealed apart.

The technical envelope opens at the opening; the financial one after the technical result is locked,
and only of who passed. Each part is sealed with a key of its own to another key of the procedure,
and has a commitment of its own. The receipt's commitment binds both, so one leaf of the published
tree covers a version whole, though one of its envelopes may stay closed for ever.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.canonical import canonical_bytes, content_hash
from marketplace.kernel.errors import FieldError, InvalidInput
from rfq.rules.bid import (
    Bid,
    BidAttachment,
    BidLine,
    Instant,
    Part,
    attachment_errors,
)
from rfq.rules.conditions import Conditions
from rfq.rules.offering import Answer, answer_errors
from rfq.rules.procedure import Procedure
from rfq.rules.sealing import Place
from rfq.rules.variants import MAIN, Variant, text_errors

TECHNICAL_FORM: Final = "rfq.technical/1"
FINANCIAL_FORM: Final = "rfq.financial/1"


class TechnicalPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bid says of itself, without a price; `lot_ids` are those it is for."""

    form: str = TECHNICAL_FORM
    lot_ids: tuple[UUID, ...]
    note: str = ""
    answers: tuple[Answer, ...] = ()
    valid_until: Instant | None = None
    attachments: tuple[BidAttachment, ...] = ()
    variant: Variant | None = None


class FinancialPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bid costs."""

    form: str = FINANCIAL_FORM
    currency: str
    lines: tuple[BidLine, ...]
    attachments: tuple[BidAttachment, ...] = ()
    conditions: Conditions | None = None


@dataclass(frozen=True, slots=True)
class Commitments:
    """What a receipt binds: the commitments of both envelopes."""

    technical: bytes
    financial: bytes

    def combined(self) -> bytes:
        """Give the commitment of the receipt, and of the leaf in the published tree."""
        return content_hash(
            {
                "form": "rfq.commitments/1",
                "technical": self.technical,
                "financial": self.financial,
            }
        )


def technical_place(place: Place) -> Place:
    """Give where the technical envelope of a version belongs."""
    return replace(place, part=Part.TECHNICAL)


def financial_place(place: Place) -> Place:
    """Give where the financial envelope of a version belongs."""
    return replace(place, part=Part.FINANCIAL)


def divided(procedure: Procedure, bid: Bid) -> tuple[bytes, bytes]:
    """Give the texts of both envelopes, the technical first."""
    financial = tuple(each for each in bid.attachments if each.part is Part.FINANCIAL)
    price = FinancialPart(
        currency=bid.currency,
        lines=bid.lines,
        attachments=financial,
        conditions=bid.conditions,
    )
    return canonical_bytes(technical_part(procedure, bid)), canonical_bytes(price)


def technical_part(procedure: Procedure, bid: Bid) -> TechnicalPart:
    """Give what a bid says beside its prices, as those read it who judge it."""
    return TechnicalPart(
        lot_ids=tuple(lot.id for lot in procedure.lots if bid.priced(lot)),
        note=bid.note,
        answers=bid.answers,
        valid_until=bid.valid_until,
        attachments=tuple(each for each in bid.attachments if each.part is not Part.FINANCIAL),
        variant=bid.variant,
    )


def read_technical(text: bytes) -> TechnicalPart | None:
    """Read an opened technical envelope; None if it has no form known here."""
    try:
        part = msgspec.json.decode(text, type=TechnicalPart)
    except msgspec.MsgspecError:
        return None
    return part if part.form == TECHNICAL_FORM else None


def read_financial(text: bytes) -> FinancialPart | None:
    """Read an opened financial envelope; None if it has no form known here."""
    try:
        part = msgspec.json.decode(text, type=FinancialPart)
    except msgspec.MsgspecError:
        return None
    return part if part.form == FINANCIAL_FORM else None


def joined(technical: TechnicalPart, financial: FinancialPart) -> Bid:
    """Give the bid of which these are the envelopes."""
    return Bid(
        currency=financial.currency,
        lines=financial.lines,
        note=technical.note,
        answers=technical.answers,
        valid_until=technical.valid_until,
        attachments=(*technical.attachments, *financial.attachments),
        conditions=financial.conditions,
        variant=technical.variant,
    )


def first_part(procedure: Procedure) -> Part:
    """Give which envelope opens at the opening."""
    return Part.TECHNICAL if procedure.two_envelopes else Part.WHOLE


def check_technical(procedure: Procedure, part: TechnicalPart | None, variant: int = MAIN) -> None:
    """Refuse a technical envelope that does not answer what was asked; raises InvalidInput."""
    if part is None:
        raise InvalidInput("The envelope holds no technical part of a known form.")
    errors = [*_lot_errors(procedure, part.lot_ids)]
    errors += answer_errors(procedure.offering.questionnaire, part.answers)
    errors += attachment_errors(procedure, part.attachments)
    errors += _apart_errors(part.attachments, Part.TECHNICAL)
    taken = procedure.offering.variants
    errors += text_errors(taken, variant, part.variant, conditions=False)
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


def check_financial(part: FinancialPart) -> None:
    """Refuse a financial envelope that names technical attachments; raises InvalidInput.

    Its prices are checked as those of a bid are, once both are joined.
    """
    errors = [*_apart_errors(part.attachments, Part.FINANCIAL)]
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


def _apart_errors(attachments: Iterable[BidAttachment], part: Part) -> Iterable[FieldError]:
    # Only where a client sealed: what we seal ourselves we have divided.
    for number, each in enumerate(attachments):
        if each.part is not part:
            detail = f"The {part} envelope names {part} attachments."
            yield FieldError(f"/attachments/{number}/part", "other_envelope", detail)


def _lot_errors(procedure: Procedure, lot_ids: tuple[UUID, ...]) -> Iterable[FieldError]:
    asked = {lot.id for lot in procedure.lots}
    if not lot_ids or not asked.issuperset(lot_ids) or len(set(lot_ids)) != len(lot_ids):
        detail = "The technical envelope names the lots the bid is for, each once."
        yield FieldError("/lot_ids", "unknown_lot", detail)


def check_same_lots(procedure: Procedure, technical: TechnicalPart, bid: Bid) -> None:
    """Refuse a bid that prices other lots than were judged; raises InvalidInput."""
    if {lot.id for lot in procedure.lots if bid.priced(lot)} != set(technical.lot_ids):
        raise InvalidInput("The financial envelope is for other lots than the technical one.")
