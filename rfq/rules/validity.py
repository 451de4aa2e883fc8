"""How long a bid binds its bidder: until the instant it names, or longer where he agrees to that.

Before bids end the buyer may ask all who are still in the running to bind longer. Each answers for
himself, once, while his bid binds; silence is a no. Whoever does not extend leaves the running when
his bid ends, and nothing is held against him: he kept his word.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from marketplace.kernel.errors import Conflict, WrongState, invalid
from marketplace.kernel.limits import BID_EXTENSION_DAYS_MAX, BID_EXTENSIONS_MAX
from marketplace.kernel.states import StateMachine, transition
from rfq.rules.offering import Offering
from rfq.rules.procedure import BIDS_COUNTED, Status


class ExtensionStatus(StrEnum):
    """What a bidder says to a request to bind longer."""

    ASKED = "asked"
    EXTENDED = "extended"
    REFUSED = "refused"
    LAPSED = "lapsed"
    """His bid ended, and he had not answered."""


class ExtensionAction(StrEnum):
    """What moves such a request; it lapses by the clock alone, and no row is written for that."""

    EXTEND = "extend"
    REFUSE = "refuse"
    LAPSE = "lapse"


EXTENSION: Final = StateMachine[ExtensionStatus, ExtensionAction](
    "bid extension",
    [
        transition(ExtensionAction.EXTEND, ExtensionStatus.ASKED, ExtensionStatus.EXTENDED),
        transition(ExtensionAction.REFUSE, ExtensionStatus.ASKED, ExtensionStatus.REFUSED),
        transition(ExtensionAction.LAPSE, ExtensionStatus.ASKED, ExtensionStatus.LAPSED),
    ],
)

UNDECIDED: Final = BIDS_COUNTED - {Status.AWARDED, Status.COMPLETED, Status.UNSUCCESSFUL}
"""The states in which it is known who bid, and something is left to decide."""


@dataclass(frozen=True, slots=True)
class BindingBid:
    """A bid in the running; `until` is when it ends, None where it names no end."""

    bid_id: UUID
    bidder_id: UUID
    until: datetime | None


def binds_until(
    offering: Offering, valid_until: datetime | None, extended_until: datetime | None = None
) -> datetime | None:
    """Give the instant from which a bid binds no more; None where none was named."""
    named = valid_until or offering.valid_until
    if named is None or extended_until is None:
        return named
    return max(named, extended_until)


def has_ended(until: datetime | None, at: datetime) -> bool:
    """Tell whether a bid binds no more: at its last instant it has ended."""
    return until is not None and at >= until


def why_ended(until: datetime | None, at: datetime) -> str | None:
    """Say that a bid has ended, as a reason why it cannot win; None while it binds."""
    if until is None or not has_ended(until, at):
        return None
    return f"It bound its bidder until {until.isoformat()} and was not extended."


def check_binding(until: datetime | None, at: datetime) -> None:
    """Guard of an award: the bid still binds its bidder; raises Conflict."""
    if until is not None and has_ended(until, at):
        raise Conflict(
            f"This bid bound its bidder until {until.isoformat()} and was not extended: negotiate "
            "an offer that binds, or award to the next."
        )


def check_request(status: Status, until: datetime, at: datetime, *, before: int) -> None:
    """Guard of asking to bind longer: bids are known and undecided; `before` requests were made.

    Raises WrongState, Conflict, InvalidInput for an end that is past or too far off.
    """
    _check_undecided(status)
    if before >= BID_EXTENSIONS_MAX:
        raise Conflict(f"Bids of a procedure are extended at most {BID_EXTENSIONS_MAX} times.")
    if until <= at:
        raise invalid("/until", "past", "This instant has passed.")
    if until > at + timedelta(days=BID_EXTENSION_DAYS_MAX):
        detail = f"A bid is extended by at most {BID_EXTENSION_DAYS_MAX} days from now."
        raise invalid("/until", "too_late", detail)


def to_ask(running: Iterable[BindingBid], until: datetime, at: datetime) -> list[BindingBid]:
    """Give the bids whose bidders are asked: those that still bind and would end before `until`.

    All of them, for whoever asked one alone would choose who stays. Raises Conflict where there are
    none.
    """
    asked = [
        bid
        for bid in running
        if bid.until is not None and not has_ended(bid.until, at) and bid.until < until
    ]
    if not asked:
        raise Conflict(
            "No bid in the running ends before that: each binds longer, names no end, or has ended."
        )
    return asked


def _check_undecided(status: Status) -> None:
    if status not in UNDECIDED:
        raise WrongState(
            f"This procedure is {status.value}: how long bids bind is asked from their opening "
            "until all is decided.",
            state=status.value,
        )


def shown(status: ExtensionStatus, until: datetime, at: datetime) -> ExtensionStatus:
    """Give the status a reader sees; `until` is when the bid ends as it stands."""
    silent = status is ExtensionStatus.ASKED and has_ended(until, at)
    return EXTENSION.after(status, ExtensionAction.LAPSE) if silent else status


def answered(
    procedure: Status, status: ExtensionStatus, until: datetime, at: datetime, *, extend: bool
) -> ExtensionStatus:
    """Give the status after a bidder's answer; `until` is when his bid ends as it stands.

    One that is decided at that instant is late. Raises WrongState.
    """
    _check_undecided(procedure)
    action = ExtensionAction.EXTEND if extend else ExtensionAction.REFUSE
    return EXTENSION.after(shown(status, until, at), action)
