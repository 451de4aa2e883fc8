"""Negotiation: in an RFQ, buyer and one bidder exchange offers for a lot until both agree.

One side has the turn, and only that side may offer, accept or end; the other waits, at most until
`answer_by`. Each offer is a version that is never changed. What is agreed takes the place of the
bid where the lot is awarded. No offer is above the sealed bid: who bids low to be first must not
ask more afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from marketplace.contracts.terms import LineTerms, addresses_named, completed, terms_errors
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, WrongState, invalid
from marketplace.kernel.limits import NEGOTIATION_DAYS_MAX, NEGOTIATION_ROUNDS_MAX
from marketplace.kernel.money import UNIT_PRICE_PLACES, Money, total
from marketplace.kernel.states import StateMachine, transition
from marketplace.kernel.units import places
from rfq.rules.evaluation import PricedLine
from rfq.rules.procedure import Kind, LotStatus


class Side(StrEnum):
    """Who of the two."""

    BUYER = "buyer"
    BIDDER = "bidder"


class NegotiationStatus(StrEnum):
    """Whose turn it is, or how it ended."""

    WITH_BIDDER = "with_bidder"
    WITH_BUYER = "with_buyer"
    AGREED = "agreed"
    ENDED = "ended"
    EXPIRED = "expired"
    CALLED_OFF = "called_off"


class NegotiationAction(StrEnum):
    """What moves a negotiation."""

    ASK = "ask"
    """The buyer offers."""
    OFFER = "offer"
    """The bidder offers."""
    ACCEPT = "accept"
    END = "end"
    EXPIRE = "expire"
    CALL_OFF = "call off"


OPEN: Final = frozenset([NegotiationStatus.WITH_BIDDER, NegotiationStatus.WITH_BUYER])
"""The states in which somebody has the turn."""

NEGOTIATION: Final = StateMachine[NegotiationStatus, NegotiationAction](
    "negotiation",
    [
        transition(
            NegotiationAction.ASK, NegotiationStatus.WITH_BUYER, NegotiationStatus.WITH_BIDDER
        ),
        transition(
            NegotiationAction.OFFER, NegotiationStatus.WITH_BIDDER, NegotiationStatus.WITH_BUYER
        ),
        transition(NegotiationAction.ACCEPT, OPEN, NegotiationStatus.AGREED),
        transition(NegotiationAction.END, OPEN, NegotiationStatus.ENDED),
        transition(NegotiationAction.EXPIRE, OPEN, NegotiationStatus.EXPIRED),
        # The lot is awarded, or the procedure cancelled: nothing is left to agree on.
        transition(
            NegotiationAction.CALL_OFF,
            [*OPEN, NegotiationStatus.AGREED],
            NegotiationStatus.CALLED_OFF,
        ),
    ],
)

TURN: Final[Mapping[NegotiationStatus, Side]] = {
    NegotiationStatus.WITH_BUYER: Side.BUYER,
    NegotiationStatus.WITH_BIDDER: Side.BIDDER,
}
OFFERING: Final[Mapping[Side, NegotiationAction]] = {
    Side.BUYER: NegotiationAction.ASK,
    Side.BIDDER: NegotiationAction.OFFER,
}


@dataclass(frozen=True, slots=True)
class OfferedLine:
    """One line of an offer: `unit_amount` per `basis` units, on `terms` where any are named."""

    line_id: UUID
    unit_amount: Decimal
    basis: Decimal
    terms: LineTerms | None = None


@dataclass(frozen=True, slots=True)
class Negotiation:
    """What the rules need to know of one.

    `rounds` counts the offers of both sides; the last one can be answered before `answer_by`.
    """

    status: NegotiationStatus
    rounds: int
    answer_by: datetime


def check_beginning(kind: Kind, lot: LotStatus) -> None:
    """Guard of beginning one: in an RFQ, for a lot whose bids are open; raises WrongState.

    After an auction there is nothing to negotiate: its participants were told that it decides.
    """
    if kind is not Kind.RFQ:
        detail = "Only a request for quotation is negotiated; the bids of a tender stand."
        raise Conflict(detail)
    if lot is not LotStatus.OPENED:
        detail = f"This lot is {lot.value}: its bids are not negotiated now."
        raise WrongState(detail, state=lot.value)


def moved(
    negotiation: Negotiation, side: Side, action: NegotiationAction, at: datetime
) -> NegotiationStatus:
    """Give the status after `side` did `action` at `at`; raises WrongState.

    An answer that is decided *at* `answer_by` is late, whether its timer has fired or not.
    """
    status = negotiation.status
    if status in OPEN and at >= negotiation.answer_by:
        detail = f"The offer expired at {negotiation.answer_by.isoformat()}, unanswered."
        raise WrongState(detail, state=NegotiationStatus.EXPIRED.value)
    if TURN.get(status, side) is not side:
        detail = f"The turn is the {TURN[status].value}'s: wait for the answer to your offer."
        raise WrongState(detail, state=status.value)
    return NEGOTIATION.after(status, action)


def has_expired(negotiation: Negotiation, at: datetime) -> bool:
    """Tell whether nobody answered in time and nobody has said so yet."""
    return negotiation.status in OPEN and at >= negotiation.answer_by


def check_message(status: NegotiationStatus) -> None:
    """Guard of a message: as long as there is something to speak about; raises WrongState."""
    if status not in OPEN and status is not NegotiationStatus.AGREED:
        detail = f"This negotiation is {status.value}: there is nothing left to speak about."
        raise WrongState(detail, state=status.value)


def check_answer_by(answer_by: datetime, at: datetime) -> None:
    """Refuse a time to answer that is over, or so long that it binds for ever."""
    if answer_by <= at:
        raise invalid("/answer_by", "in_the_past", "The other side needs time to answer.")
    if answer_by > at + timedelta(days=NEGOTIATION_DAYS_MAX):
        detail = f"An offer binds for at most {NEGOTIATION_DAYS_MAX} days."
        raise invalid("/answer_by", "too_late", detail)


def check_rounds(negotiation: Negotiation) -> None:
    """Guard of one more offer; raises Conflict."""
    if negotiation.rounds >= NEGOTIATION_ROUNDS_MAX:
        raise Conflict(f"After {NEGOTIATION_ROUNDS_MAX} offers it is accepted or ended.")


def check_offer(
    bid: Sequence[PricedLine],
    last: Sequence[OfferedLine],
    side: Side,
    lines: Sequence[OfferedLine],
    *,
    line_by_line: bool = False,
) -> None:
    """Refuse an offer that nobody could accept; raises InvalidInput with all pointers, Conflict.

    It prices each line of the sealed `bid` once, on terms that do not contradict themselves; it
    differs from `last`, which it answers; and it is not above the bid, nor with `line_by_line` any
    line of it: in a mini-competition each was below its framework price.
    """
    errors = [*_line_errors(bid, side, lines)]
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)
    if same_offer(lines, last):
        raise Conflict("This is the offer it answers: accept it.")
    offer = priced_lines(bid, lines)
    if line_by_line and any(
        new.unit_amount * old.basis > old.unit_amount * new.basis
        for new, old in zip(offer, bid, strict=True)
    ):
        detail = "Under a framework no line is negotiated above the price that was bid for it."
        raise invalid("/lines", "above_bid", detail)
    offered, sealed = total_of(offer), total_of(bid)
    if offered.amount > sealed.amount:
        detail = (
            f"The sealed bid is {sealed.amount} {sealed.currency}, this comes to {offered.amount}: "
            "nothing is negotiated above the bid."
        )
        raise invalid("/lines", "above_bid", detail)


def _line_errors(
    bid: Sequence[PricedLine], side: Side, lines: Sequence[OfferedLine]
) -> Iterator[FieldError]:
    asked = {priced.line.id: priced for priced in bid}
    seen: set[UUID] = set()
    for number, line in enumerate(lines):
        pointer = f"/lines/{number}"
        if line.line_id not in asked:
            yield FieldError(f"{pointer}/line_id", "unknown_line", "The bid has no such line.")
        if line.line_id in seen:
            yield FieldError(f"{pointer}/line_id", "twice", "This line is priced twice.")
        seen.add(line.line_id)
        for name, value in (("unit_amount", line.unit_amount), ("basis", line.basis)):
            if value <= 0 or places(value) > UNIT_PRICE_PLACES:
                detail = f"More than zero, with at most {UNIT_PRICE_PLACES} decimals."
                yield FieldError(f"{pointer}/{name}", "out_of_range", detail)
        if line.terms is not None:
            if side is Side.BIDDER:
                yield from addresses_named(line.terms, f"{pointer}/terms")
            yield from terms_errors(line.terms, f"{pointer}/terms")
    for missing in sorted(asked.keys() - seen):
        yield FieldError("/lines", "line_missing", f"Line {missing} has no price.")


def same_offer(offer: Sequence[OfferedLine], other: Sequence[OfferedLine]) -> bool:
    """Tell whether two offers are on the same prices and terms."""

    def by_line(lines: Sequence[OfferedLine]) -> dict[UUID, tuple[object, ...]]:
        return {line.line_id: (line.unit_amount / line.basis, line.terms) for line in lines}

    return by_line(offer) == by_line(other)


def priced_lines(bid: Sequence[PricedLine], offer: Sequence[OfferedLine]) -> tuple[PricedLine, ...]:
    """Give the bid's lines at an offer's prices, on its terms; terms it leaves open are the bid's.

    The offer prices each line of the bid.
    """
    prices = {line.line_id: line for line in offer}
    return tuple(
        replace(
            priced,
            unit_amount=prices[priced.line.id].unit_amount,
            basis=prices[priced.line.id].basis,
            terms=completed(prices[priced.line.id].terms, priced.terms),
            quoted=None,
        )
        for priced in bid
    )


def total_of(lines: Sequence[PricedLine]) -> Money:
    """Give the total of priced lines, of which there is at least one."""
    return total([line.amount for line in lines], lines[0].currency)
