"""The bid: what a supplier says inside the envelope, and whether it answers what was asked.

The text that is sealed is `canonical_bytes` of a `Bid`, so bidder and opener hash the same bytes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

import msgspec

from marketplace.contracts.terms import LineTerms, deviations
from marketplace.kernel.canonical import canonical_bytes
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.limits import ATTACHMENTS_PER_BID_MAX, LINE_AMOUNT_MAX
from marketplace.kernel.money import UNIT_PRICE_PLACES, exact_line_amount
from marketplace.kernel.states import StateMachine, transition
from marketplace.kernel.units import places
from marketplace.platform.contents.kinds import check_name
from rfq.rules.conditions import Conditions, condition_errors
from rfq.rules.currencies import Exchange, exchanges
from rfq.rules.offering import Answer, answer_errors, validity_errors
from rfq.rules.procedure import Line, Lot, Procedure
from rfq.rules.variants import MAIN, Variant, text_errors

FORM: Final = "rfq.bid/1"
SHA256: Final = re.compile("[0-9a-f]{64}")
SMALLEST: Final = Decimal(1).scaleb(-UNIT_PRICE_PLACES)
SMALLEST_TOO_LARGE: Final = Decimal(10) ** 18
"""No column holds a price or a basis with more digits before the point."""
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""One without its offset from UTC compares with no other: a text with one is no bid."""


class Part(StrEnum):
    """An envelope of a bid; with one envelope it is the whole."""

    WHOLE = "whole"
    TECHNICAL = "technical"
    FINANCIAL = "financial"


class BidStatus(StrEnum):
    """What became of one version of a bid."""

    LIVE = "live"
    UNCONFIRMED = "unconfirmed"
    """It was for terms that were amended, and its bidder did not confirm it for the new ones."""
    REPLACED = "replaced"
    WITHDRAWN = "withdrawn"
    OPENED = "opened"
    KEPT_CLOSED = "kept_closed"
    """It did not pass: its financial envelope is never opened."""
    INVALID = "invalid"


class BidAction(StrEnum):
    """What happens to one version of a bid."""

    REPLACE = "replace"
    WITHDRAW = "withdraw"
    LAPSE = "lapse"
    OPEN = "open"
    KEEP_CLOSED = "keep closed"
    REJECT = "reject"


BID: Final = StateMachine[BidStatus, BidAction](
    "bid",
    [
        transition(BidAction.REPLACE, BidStatus.LIVE, BidStatus.REPLACED),
        transition(BidAction.WITHDRAW, BidStatus.LIVE, BidStatus.WITHDRAWN),
        transition(BidAction.LAPSE, BidStatus.LIVE, BidStatus.UNCONFIRMED),
        transition(BidAction.OPEN, BidStatus.LIVE, BidStatus.OPENED),
        transition(BidAction.KEEP_CLOSED, BidStatus.OPENED, BidStatus.KEPT_CLOSED),
        # Of two envelopes the second may turn out to be no answer to what was asked.
        transition(BidAction.REJECT, [BidStatus.LIVE, BidStatus.OPENED], BidStatus.INVALID),
    ],
)


class BidLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The price of one line: `unit_amount` per `basis` units, in the bid's currency.

    `terms` fill in what the procedure left open.
    """

    line_id: UUID
    unit_amount: Decimal
    basis: Decimal = Decimal(1)
    sku: str | None = None
    terms: LineTerms | None = None


class BidAttachment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An attachment of a bid: which upload, what it is called, and the SHA-256 of its content.

    A technical one is shown to those who judge, before prices are. With two envelopes each is in
    one of them. `key` is that of the file in hexadecimal, where the bidder's own program sealed it.
    """

    attachment_id: UUID
    name: str
    sha256: str
    part: Part = Part.WHOLE
    key: str | None = None


def shown_status(status: BidStatus, bid_terms: int, terms: int) -> BidStatus:
    """Give the status a bidder reads: a live bid for terms that were amended is unconfirmed."""
    stale = status is BidStatus.LIVE and bid_terms != terms
    return BID.after(status, BidAction.LAPSE) if stale else status


class Bid(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of a supplier's offer; lots he leaves out he does not bid for.

    `answers` are to the procedure's questionnaire; it binds until `valid_until`, if it says so.
    `conditions` are discounts where several lots are his. A `variant` says what differs.
    """

    form: str = FORM
    currency: str
    lines: tuple[BidLine, ...]
    note: str = ""
    answers: tuple[Answer, ...] = ()
    valid_until: Instant | None = None
    attachments: tuple[BidAttachment, ...] = ()
    conditions: Conditions | None = None
    variant: Variant | None = None

    def priced(self, lot: Lot) -> dict[UUID, BidLine]:
        """Give the lines of `lot` that this bid prices, by line."""
        wanted = {line.id for line in lot.lines}
        return {line.line_id: line for line in self.lines if line.line_id in wanted}


def entry_count(procedure: Procedure) -> int:
    """Count what a bid may price or answer: by it the envelopes of a procedure are equally long."""
    return procedure.line_count() + len(procedure.offering.questionnaire)


def written(bid: Bid) -> bytes:
    """Give the text that is sealed."""
    return canonical_bytes(bid)


def read(text: bytes) -> Bid | None:
    """Read an opened text; None if it is no bid of a form known here."""
    try:
        bid = msgspec.json.decode(text, type=Bid)
    except msgspec.MsgspecError:
        return None
    return bid if bid.form == FORM else None


def check_bid(procedure: Procedure, bid: Bid, variant: int = MAIN) -> None:
    """Refuse a bid that does not answer what was asked; raises InvalidInput, all pointers at once.

    `variant` is the number it was submitted as.

    A bid prices every line of each lot it bids for, or with partial bids at least one, and at least
    one lot. Checked at submission,
    and again at the opening, for an envelope that the client sealed is read there first.
    """
    errors: list[FieldError] = []
    taken = exchanges(procedure)
    if bid.currency not in taken:
        detail = f"Bids of this procedure are in {' or '.join(taken)}; it has no rate for others."
        errors.append(FieldError("/currency", "other_currency", detail))
    if not bid.lines and procedure.lots:
        errors.append(FieldError("/lines", "empty", "A bid prices at least one lot."))
    asked = {line.id: line for lot in procedure.lots for line in lot.lines}
    twice = {id_ for id_, times in Counter(line.line_id for line in bid.lines).items() if times > 1}
    for number, line in enumerate(bid.lines):
        exchange = taken.get(bid.currency)
        errors += _line_errors(line, asked.get(line.line_id), exchange, f"/lines/{number}")
        if line.line_id in twice:
            detail = f"Line {line.line_id} is priced twice."
            errors.append(FieldError(f"/lines/{number}/line_id", "twice", detail))
    if not procedure.offering.partial_bids:
        errors += _missing_lines(procedure.lots, {line.line_id for line in bid.lines})
    errors += _skus_twice(procedure.lots, bid)
    errors += answer_errors(procedure.offering.questionnaire, bid.answers)
    errors += attachment_errors(procedure, bid.attachments)
    # A package is of whole lots, so it names none of which the bid leaves lines out.
    priced = {
        lot.id: len(bid.priced(lot)) == len(lot.lines)
        if procedure.offering.partial_bids
        else bool(bid.priced(lot))
        for lot in procedure.lots
    }
    errors += condition_errors(bid.conditions, priced)
    errors += text_errors(
        procedure.offering.variants,
        variant,
        bid.variant,
        conditions=bid.conditions is not None,
    )
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


def check_validity(procedure: Procedure, bid: Bid) -> None:
    """Refuse a bid that would not bind long enough; raises InvalidInput.

    Asked at the submission alone: a deadline that moved later since makes no bid invalid.
    """
    errors = [*validity_errors(procedure.offering, bid.valid_until, procedure.deadline_at)]
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


def check_skus(procedure: Procedure, bid: Bid, offered: Mapping[str, str]) -> None:
    """Refuse an SKU under which the award's price could never be ordered; raises InvalidInput.

    `offered` are the bidder's own offers, SKU to unit. A line without SKU gets an offer of its own
    at the award.
    """
    units = {line.id: line.unit for lot in procedure.lots for line in lot.lines}
    errors = []
    for number, line in enumerate(bid.lines):
        pointer = f"/lines/{number}/sku"
        if line.sku is None:
            continue
        if line.sku not in offered:
            detail = (
                f"You have no active offer {line.sku!r}. Leave the SKU out, and the award makes an "
                "offer for this buyer alone."
            )
            errors.append(FieldError(pointer, "unknown_sku", detail))
        elif offered[line.sku] != units[line.line_id]:
            detail = f"{line.sku} is sold by {offered[line.sku]}; asked is {units[line.line_id]}."
            errors.append(FieldError(pointer, "other_unit", detail))
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


def _line_errors(
    line: BidLine, asked: Line | None, exchange: Exchange | None, pointer: str
) -> Iterable[FieldError]:
    if asked is None:
        detail = f"This procedure has no line {line.line_id}."
        yield FieldError(f"{pointer}/line_id", "unknown_line", detail)
    for name, value in (("unit_amount", line.unit_amount), ("basis", line.basis)):
        if not value.is_finite() or value <= 0:
            detail = "A price and its basis are greater than zero."
            yield FieldError(f"{pointer}/{name}", "not_positive", detail)
            return
        # Compared first, which no exponent can make fail: reckoning with 1E-999999999 raises, and
        # one envelope that a client sealed itself would stop the opening of all.
        if value < SMALLEST or (value < SMALLEST_TOO_LARGE and places(value) > UNIT_PRICE_PLACES):
            detail = f"At most {UNIT_PRICE_PLACES} decimals; {value} has more."
            yield FieldError(f"{pointer}/{name}", "too_many_decimals", detail)
            return
    if asked is not None:
        yield from deviations(asked.terms, line.terms, f"{pointer}/terms")
    if asked is not None and _is_beyond_storage(line, asked, exchange):
        detail = f"A line costs less than {LINE_AMOUNT_MAX}; this one would cost more."
        yield FieldError(f"{pointer}/unit_amount", "too_large", detail)


def _is_beyond_storage(line: BidLine, asked: Line, exchange: Exchange | None) -> bool:
    """Tell whether a total with this line may have more digits than are stored.

    Otherwise a bidder could enter an auction, or win, with what nobody can write down.
    """
    if max(line.unit_amount, line.basis) >= SMALLEST_TOO_LARGE:
        return True
    price = line.unit_amount if exchange is None else exchange.unit_price(line.unit_amount)
    if price >= SMALLEST_TOO_LARGE:
        return True
    return exact_line_amount(asked.quantity, price, line.basis) >= LINE_AMOUNT_MAX


def _missing_lines(lots: Iterable[Lot], priced: set[UUID]) -> Iterable[FieldError]:
    for lot in lots:
        missing = [line.id for line in lot.lines if line.id not in priced]
        if missing and len(missing) < len(lot.lines):
            detail = f"Whoever bids for lot {lot.id} prices all its lines; {missing[0]} is missing."
            yield FieldError("/lines", "lot_incomplete", detail)


def attachment_errors(
    procedure: Procedure, attachments: Sequence[BidAttachment]
) -> Iterable[FieldError]:
    """Find what is wrong with the attachments a bid names."""
    unknown = Part.WHOLE if procedure.two_envelopes else Part.FINANCIAL
    if len(attachments) > ATTACHMENTS_PER_BID_MAX:
        detail = f"A bid has at most {ATTACHMENTS_PER_BID_MAX} attachments."
        yield FieldError("/attachments", "too_many", detail)
    seen: set[UUID] = set()
    for number, each in enumerate(attachments):
        pointer = f"/attachments/{number}"
        if each.attachment_id in seen:
            detail = "This attachment is named twice."
            yield FieldError(f"{pointer}/attachment_id", "twice", detail)
        seen.add(each.attachment_id)
        if each.part is unknown:
            detail = f"Bids of this procedure have no {unknown.value} envelope."
            yield FieldError(f"{pointer}/part", "no_such_envelope", detail)
        if not SHA256.fullmatch(each.sha256):
            detail = "A SHA-256 has 64 digits from 0 to f."
            yield FieldError(f"{pointer}/sha256", "invalid", detail)
        try:
            check_name(each.name, f"{pointer}/name")
        except InvalidInput as refused:
            yield from refused.errors


def _skus_twice(lots: Iterable[Lot], bid: Bid) -> Iterable[FieldError]:
    # A lot becomes one contract, and a contract has one price for an SKU in a unit.
    places_of = {line.line_id: number for number, line in enumerate(bid.lines)}
    for lot in lots:
        prices, seen = bid.priced(lot), set()
        for line in lot.lines:
            price = prices.get(line.id)
            if price is None or price.sku is None:
                continue
            if (price.sku, line.unit) in seen:
                detail = f"{price.sku} in {line.unit} answers two lines of one lot; name it once."
                yield FieldError(f"/lines/{places_of[line.id]}/sku", "twice", detail)
            seen.add((price.sku, line.unit))
