"""The procedure: what it asks for, which states it goes through, who may move it and when.

One engine, configured: RFQ and tender differ by their settings, not by their code. Every step that
a later rule adds (clarification, qualification, evaluation, standstill) is one more row of the
tables below.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from marketplace.contracts.terms import LineTerms
from marketplace.kernel.errors import (
    Conflict,
    NotPermitted,
    WrongState,
    invalid,
)
from marketplace.kernel.states import StateMachine, transition
from rfq.rules.awarding import UNDIVIDED, Awarding
from rfq.rules.criteria import LOWEST_PRICE, Judging
from rfq.rules.least_times import NO_LEAST_TIMES, DaysOf, LeastTimes
from rfq.rules.offering import NOTHING_ELSE, Offering
from rfq.rules.qualification import Requirement


class Kind(StrEnum):
    """What a procedure is: a request for quotation is free of form in law, a tender is not.

    A request for information asks questions, not prices, and ends without an award.
    """

    RFI = "rfi"
    RFQ = "rfq"
    TENDER = "tender"


class Openness(StrEnum):
    """Who may bid: every supplier, those who were invited, or the members of a framework."""

    OPEN = "open"
    INVITED = "invited"
    MEMBERS = "members"


class Status(StrEnum):
    """Where a procedure stands; `PUBLISHED` is the time in which bids are received."""

    DRAFT = "draft"
    PUBLISHED = "published"
    CLOSED = "closed"
    OPENED = "opened"
    QUALIFICATION = "qualification"
    EVALUATION = "evaluation"
    CONSENSUS = "consensus"
    LOCKED = "locked"
    """The technical result is fixed; the financial envelopes of who passed are to be opened."""
    EVALUATED = "evaluated"
    AUCTION = "auction"
    AWARDED = "awarded"
    COMPLETED = "completed"
    """A request for information that was answered."""
    UNSUCCESSFUL = "unsuccessful"
    CANCELLED = "cancelled"


class Action(StrEnum):
    """What moves a procedure."""

    PUBLISH = "publish"
    CLOSE = "close"
    OPEN = "open"
    BEGIN_QUALIFICATION = "begin the qualification"
    BEGIN_EVALUATION = "begin the evaluation"
    SEEK_CONSENSUS = "seek consensus"
    END_EVALUATION = "end the evaluation"
    LOCK = "lock the technical result"
    OPEN_PRICES = "open the financial envelopes"
    START_AUCTION = "start an auction"
    AWARD = "award"
    COMPLETE = "complete"
    END_WITHOUT_AWARD = "end without award"
    REOPEN = "take an award up again"
    CANCEL = "cancel"


class LotStatus(StrEnum):
    """Where one lot stands: each is auctioned and awarded by itself."""

    RECEIVING = "receiving"
    OPENED = "opened"
    AUCTION = "auction"
    AUCTIONED = "auctioned"
    PROPOSED = "proposed"
    AWARDED = "awarded"
    UNSUCCESSFUL = "unsuccessful"


class LotAction(StrEnum):
    """What moves a lot."""

    OPEN = "open"
    FAIL = "fail"
    START_AUCTION = "start an auction"
    END_AUCTION = "end the auction"
    CALL_OFF_AUCTION = "call the auction off"
    PROPOSE = "propose an award"
    AWARD = "award"
    RETURN_TO_BIDS = "return to its bids"
    RETURN_TO_AUCTION = "return to its auction"
    KEEP = "keep what is awarded"


class Party(StrEnum):
    """Whose hand moves something: the buyer's, a bidder's, or the clock's (a timer)."""

    BUYER = "buyer"
    BIDDER = "bidder"
    CLOCK = "clock"


_PRICES_KNOWN: Final = (Status.OPENED, Status.EVALUATED, Status.AUCTION)
_JUDGED: Final = (Status.CONSENSUS, Status.EVALUATION, Status.QUALIFICATION)
PRICES_HIDDEN: Final = frozenset([*_JUDGED, Status.LOCKED])
"""The states after the opening in which the buyer sees who bid, and no price: who is qualified and
what the panel gives is settled first. With two envelopes the prices are still sealed then."""

PROCEDURE: Final = StateMachine[Status, Action](
    "procedure",
    [
        transition(Action.PUBLISH, Status.DRAFT, Status.PUBLISHED),
        transition(Action.CLOSE, Status.PUBLISHED, Status.CLOSED),
        transition(Action.OPEN, Status.CLOSED, Status.OPENED),
        transition(Action.BEGIN_QUALIFICATION, Status.OPENED, Status.QUALIFICATION),
        transition(
            Action.BEGIN_EVALUATION, [Status.OPENED, Status.QUALIFICATION], Status.EVALUATION
        ),
        transition(Action.SEEK_CONSENSUS, Status.EVALUATION, Status.CONSENSUS),
        transition(Action.END_EVALUATION, _JUDGED, Status.EVALUATED),
        # With two envelopes nobody can look at a price before who passed is beyond change.
        transition(Action.LOCK, _JUDGED, Status.LOCKED),
        transition(Action.OPEN_PRICES, Status.LOCKED, Status.EVALUATED),
        transition(Action.START_AUCTION, _PRICES_KNOWN, Status.AUCTION),
        transition(Action.AWARD, _PRICES_KNOWN, Status.AWARDED),
        transition(Action.COMPLETE, Status.OPENED, Status.COMPLETED),
        transition(
            Action.END_WITHOUT_AWARD, [*_PRICES_KNOWN, *sorted(PRICES_HIDDEN)], Status.UNSUCCESSFUL
        ),
        # What was judged stays judged; only who wins is open again.
        transition(Action.REOPEN, Status.AWARDED, Status.EVALUATED),
        transition(
            Action.CANCEL,
            [
                Status.DRAFT,
                Status.PUBLISHED,
                Status.CLOSED,
                *_PRICES_KNOWN,
                *sorted(PRICES_HIDDEN),
            ],
            Status.CANCELLED,
        ),
    ],
)

LOT: Final = StateMachine[LotStatus, LotAction](
    "lot",
    [
        transition(LotAction.OPEN, LotStatus.RECEIVING, LotStatus.OPENED),
        transition(
            LotAction.FAIL,
            [LotStatus.RECEIVING, LotStatus.OPENED, LotStatus.AUCTIONED],
            LotStatus.UNSUCCESSFUL,
        ),
        transition(LotAction.START_AUCTION, LotStatus.OPENED, LotStatus.AUCTION),
        transition(LotAction.END_AUCTION, LotStatus.AUCTION, LotStatus.AUCTIONED),
        # No standing of a called-off auction becomes an award; the opened bids still can.
        transition(LotAction.CALL_OFF_AUCTION, LotStatus.AUCTION, LotStatus.OPENED),
        transition(LotAction.PROPOSE, [LotStatus.OPENED, LotStatus.AUCTIONED], LotStatus.PROPOSED),
        transition(LotAction.AWARD, LotStatus.PROPOSED, LotStatus.AWARDED),
        # A proposal that falls, and a winner who fails, give way: the lot is to be decided again.
        transition(
            LotAction.RETURN_TO_BIDS, [LotStatus.PROPOSED, LotStatus.AWARDED], LotStatus.OPENED
        ),
        transition(
            LotAction.RETURN_TO_AUCTION,
            [LotStatus.PROPOSED, LotStatus.AWARDED],
            LotStatus.AUCTIONED,
        ),
        transition(LotAction.KEEP, [LotStatus.OPENED, LotStatus.AUCTIONED], LotStatus.AWARDED),
    ],
)

WHO_MAY: Final[Mapping[Action, frozenset[Party]]] = {
    Action.PUBLISH: frozenset([Party.BUYER]),
    Action.CLOSE: frozenset([Party.BUYER, Party.CLOCK]),
    Action.OPEN: frozenset([Party.BUYER, Party.CLOCK]),
    Action.BEGIN_QUALIFICATION: frozenset([Party.CLOCK]),
    Action.BEGIN_EVALUATION: frozenset([Party.BUYER, Party.CLOCK]),
    Action.SEEK_CONSENSUS: frozenset([Party.BUYER]),
    Action.END_EVALUATION: frozenset([Party.BUYER]),
    Action.LOCK: frozenset([Party.BUYER]),
    Action.OPEN_PRICES: frozenset([Party.BUYER, Party.CLOCK]),
    Action.START_AUCTION: frozenset([Party.BUYER]),
    Action.COMPLETE: frozenset([Party.CLOCK]),
    Action.AWARD: frozenset([Party.BUYER, Party.CLOCK]),
    Action.END_WITHOUT_AWARD: frozenset([Party.BUYER, Party.CLOCK]),
    Action.REOPEN: frozenset([Party.BUYER, Party.CLOCK]),
    Action.CANCEL: frozenset([Party.BUYER]),
}
"""Who may do what. Closing and opening need no right but the deadline's: whoever asks, it happens
at that instant or later, and once."""

BIDS_READABLE: Final = frozenset(
    [*_PRICES_KNOWN, Status.AWARDED, Status.COMPLETED, Status.UNSUCCESSFUL]
)
"""The states in which the buyer sees bids with their prices."""

BIDS_COUNTED: Final = BIDS_READABLE | PRICES_HIDDEN
"""The states in which it is known who bid."""

SETTLED_LOT: Final = frozenset([LotStatus.AWARDED, LotStatus.UNSUCCESSFUL])
"""The states in which nothing is left to decide about a lot."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing asked for: how much of what, on which terms; `sku` is a hint, nothing more."""

    id: UUID
    quantity: Decimal
    unit: str
    description: str
    sku: str | None = None
    terms: LineTerms | None = None


@dataclass(frozen=True, slots=True)
class Lot:
    """A part that is awarded by itself."""

    id: UUID
    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class LowOfferRule:
    """From how many percent below the others on an offer is flagged; None asks nothing."""

    below_mean: int | None = None
    below_next: int | None = None


@dataclass(frozen=True, slots=True)
class HolderKeys:
    """Public keys of those beside the platform to whom an envelope is sealed."""

    buyer: bytes
    auditor: bytes


@dataclass(frozen=True, slots=True)
class StrictKeys:
    """The keys of a strict procedure: for the first envelope, and for a financial one apart.

    Each envelope has its own: who shows a key for the first opens nothing of the second.
    """

    first: HolderKeys
    financial: HolderKeys | None = None

    def all(self) -> tuple[bytes, ...]:
        """Give all keys."""
        both = (self.first, self.financial)
        return tuple(key for each in both if each for key in (each.buyer, each.auditor))


@dataclass(frozen=True, slots=True)
class Procedure:
    """What the rules need to know of a procedure.

    Bids are received in ``[published, deadline_at)``. `minimum_bids` holds for each lot: one with
    fewer valid bids ends unsuccessful at the opening. `terms_version` counts amendments, from 1.
    Questions are taken until `questions_until`, or while bids are. With an `answer_time` receiving
    does not end while a question is unanswered, nor sooner than so long after an answer.
    `least_times` are periods before the deadline that are counted in days.
    `amendment_notice` is the least time between an amendment and the deadline. Where there are
    officers, two of them approve before bids are opened. In a
    `strict` one the programs of bidders seal, and two of three keys open.
    """

    id: UUID
    buyer_id: UUID
    kind: Kind
    openness: Openness
    status: Status
    currency: str
    deadline_at: datetime
    lots: tuple[Lot, ...]
    minimum_bids: int = 1
    terms_version: int = 1
    questions_until: datetime | None = None
    answer_time: timedelta | None = None
    amendment_notice: timedelta = timedelta(0)
    low_offers: LowOfferRule = LowOfferRule()
    judging: Judging = LOWEST_PRICE
    requirements: tuple[Requirement, ...] = ()
    offering: Offering = NOTHING_ELSE
    officer_ids: tuple[UUID, ...] = ()
    awarding: Awarding = UNDIVIDED
    least_times: LeastTimes = NO_LEAST_TIMES
    strict: StrictKeys | None = None

    @property
    def two_envelopes(self) -> bool:
        """Whether the prices are sealed apart, and opened after the technical result is locked."""
        return self.offering.two_envelopes

    def lot(self, lot_id: UUID) -> Lot | None:
        """Find a lot by its id."""
        return next((lot for lot in self.lots if lot.id == lot_id), None)

    def days_of(self) -> DaysOf:
        """Give how days before the deadline are counted."""
        terms = self.awarding
        return DaysOf(self.least_times.counting, terms.calendar, terms.time_zone)

    def questions_end(self) -> datetime | None:
        """Give when questions end, None where they are taken while bids are."""
        ends = [] if self.questions_until is None else [self.questions_until]
        if self.least_times.questions is not None:
            ends.append(self.days_of().before(self.deadline_at, self.least_times.questions))
        return min(ends, default=None)

    def line_count(self) -> int:
        """Count the lines of all lots."""
        return sum(len(lot.lines) for lot in self.lots)


def moved(status: Status, action: Action, party: Party) -> Status:
    """Give the status after `action` by `party`; raises NotPermitted or WrongState."""
    if party not in WHO_MAY[action]:
        raise NotPermitted(f"To {action.value} a procedure is not for the {party.value}.")
    return PROCEDURE.after(status, action)


def check_words(text: str, pointer: str) -> None:
    """Refuse a reason, a question or an answer without words; raises InvalidInput."""
    if not text.strip():
        raise invalid(pointer, "empty", "Say it in words.")


def check_draft(procedure: Procedure) -> None:
    """Guard of writing a draft anew: what is published is amended instead; raises WrongState."""
    if procedure.status is not Status.DRAFT:
        raise WrongState(
            f"This procedure is {procedure.status.value}: its terms are amended, not rewritten.",
            state=procedure.status.value,
        )


def check_documents(procedure: Procedure, at: datetime) -> None:
    """Guard of a new document: a draft, or while an amendment can still name it."""
    if procedure.status is not Status.DRAFT:
        check_receiving(procedure, at)


def check_removal(procedure: Procedure, terms_from: int | None) -> None:
    """Guard of removing a document: nobody was asked by it yet; raises WrongState.

    `terms_from` is the first version of the terms it was a part of.
    """
    if procedure.status is not Status.DRAFT and terms_from is not None:
        raise WrongState(
            "This document is a part of what was published: amend the terms, without it.",
            state=procedure.status.value,
        )


def check_receiving(procedure: Procedure, at: datetime) -> None:
    """Guard of every submission, replacement and withdrawal: published and before the deadline.

    `at` is when the request had arrived; one that arrives *at* the deadline is late. Raises
    WrongState.
    """
    if procedure.status is not Status.PUBLISHED:
        raise WrongState(
            f"This procedure is {procedure.status.value}: it receives no bids.",
            state=procedure.status.value,
        )
    if at >= procedure.deadline_at:
        raise WrongState(
            "The deadline has passed: bids are neither received nor changed any more.",
            state=Status.CLOSED.value,
        )


def check_bidder(procedure: Procedure, bidder_id: UUID, *, invited: bool, sells: bool) -> None:
    """Refuse the buyer's own bid, and one of who does not sell here or was not invited.

    Nobody else could be taken into an auction or get a contract. Raises NotPermitted.
    """
    if bidder_id == procedure.buyer_id:
        raise NotPermitted("Nobody bids in a procedure of his own.")
    if not sells:
        raise NotPermitted("Bids are for companies that sell here; yours buys.")
    if procedure.openness is not Openness.OPEN and not invited:
        raise NotPermitted("This procedure receives bids by invitation only.")


def check_deadline_passed(
    procedure: Procedure, at: datetime, settle: timedelta = timedelta(0)
) -> None:
    """Guard of closing and opening: not one moment before the deadline; raises Conflict.

    Nor before what had arrived until then had its time to `settle`.
    """
    if at < procedure.deadline_at + settle:
        raise Conflict(
            "Bids are sealed until the deadline: nothing can be opened before "
            f"{procedure.deadline_at.isoformat()}."
        )


def check_bids_readable(procedure: Procedure) -> None:
    """Refuse a look at bids before the opening, and tell nothing about them; raises Conflict."""
    if procedure.status in PRICES_HIDDEN:
        raise WrongState(
            "Prices are hidden until it is decided who is qualified and the panel's scores are "
            "locked.",
            state=procedure.status.value,
        )
    if procedure.status not in BIDS_READABLE:
        raise WrongState(
            "Bids are sealed. What was offered, by whom and by how many is known after the "
            "opening, not before.",
            state=procedure.status.value,
        )


def check_cancellation(lots: Iterable[LotStatus]) -> None:
    """Guard of `cancel`: no auction runs, and nothing was awarded; raises Conflict."""
    states = set(lots)
    if LotStatus.AUCTION in states:
        raise Conflict("A lot is in a live auction: call the auction off first.")
    if LotStatus.PROPOSED in states:
        raise Conflict("An award of a lot is proposed: withdraw it first.")
    if LotStatus.AWARDED in states:
        raise Conflict("A lot is awarded, and its contract stands: this cannot be cancelled.")
