"""From a proposed award to contracts: approval, standstill, complaints, and winners that fail.

A **proposal** is the decision for one lot; its **awards** are what each winner gets of it. During
the standstill nothing is concluded, and a complaint stops the time. The calendar follows Directive
89/665/EEC, article 2a (the day of the notice does not count), and Regulation 1182/71, article 3
(`marketplace.kernel.periods`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from marketplace.kernel.errors import Conflict, NotPermitted, WrongState, invalid
from marketplace.kernel.periods import Counting, end_of_day, end_of_period, last_day
from marketplace.kernel.states import StateMachine, transition
from rfq.rules.awarding import Awarding
from rfq.rules.procedure import LotAction, Party

RESOLUTION: Final = timedelta(microseconds=1)
"""The least difference between two instants in the database."""


class ProposalStatus(StrEnum):
    """Where the decision for a lot stands."""

    PROPOSED = "proposed"
    IN_APPROVAL = "in_approval"
    STANDSTILL = "standstill"
    CONTESTED = "contested"
    AWARDED = "awarded"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class ProposalAction(StrEnum):
    """What moves a proposal."""

    ASK_APPROVAL = "ask approval"
    REJECT = "reject"
    STAND_STILL = "stand still"
    CONTEST = "complain"
    RESUME = "lift the complaint"
    UPHOLD = "uphold the complaint"
    AWARD = "award"
    WITHDRAW = "withdraw"


PROPOSAL: Final = StateMachine[ProposalStatus, ProposalAction](
    "proposal",
    [
        transition(
            ProposalAction.ASK_APPROVAL, ProposalStatus.PROPOSED, ProposalStatus.IN_APPROVAL
        ),
        transition(ProposalAction.REJECT, ProposalStatus.IN_APPROVAL, ProposalStatus.REJECTED),
        transition(
            ProposalAction.STAND_STILL,
            [ProposalStatus.PROPOSED, ProposalStatus.IN_APPROVAL],
            ProposalStatus.STANDSTILL,
        ),
        transition(ProposalAction.CONTEST, ProposalStatus.STANDSTILL, ProposalStatus.CONTESTED),
        transition(ProposalAction.RESUME, ProposalStatus.CONTESTED, ProposalStatus.STANDSTILL),
        transition(ProposalAction.UPHOLD, ProposalStatus.CONTESTED, ProposalStatus.WITHDRAWN),
        transition(
            ProposalAction.AWARD,
            [ProposalStatus.PROPOSED, ProposalStatus.IN_APPROVAL, ProposalStatus.STANDSTILL],
            ProposalStatus.AWARDED,
        ),
        transition(
            ProposalAction.WITHDRAW,
            [ProposalStatus.IN_APPROVAL, ProposalStatus.STANDSTILL, ProposalStatus.CONTESTED],
            ProposalStatus.WITHDRAWN,
        ),
    ],
)

WHO_MAY: Final[Mapping[ProposalAction, frozenset[Party]]] = {
    ProposalAction.ASK_APPROVAL: frozenset([Party.BUYER]),
    ProposalAction.REJECT: frozenset([Party.BUYER]),
    ProposalAction.STAND_STILL: frozenset([Party.BUYER]),
    ProposalAction.CONTEST: frozenset([Party.BIDDER]),
    ProposalAction.RESUME: frozenset([Party.BUYER]),
    ProposalAction.UPHOLD: frozenset([Party.BUYER]),
    ProposalAction.AWARD: frozenset([Party.BUYER, Party.CLOCK]),
    ProposalAction.WITHDRAW: frozenset([Party.BUYER, Party.CLOCK]),
}
"""Who may do what. Where a winner declines, a job withdraws the proposal."""


class AwardStatus(StrEnum):
    """Where the award to one supplier stands."""

    PROPOSED = "proposed"
    AWARDED = "awarded"
    DECLINED = "declined"
    FAILED = "failed"
    DROPPED = "dropped"


class AwardAction(StrEnum):
    """What moves the award to one supplier."""

    AWARD = "award"
    DROP = "drop"
    DECLINE = "decline"
    FAIL = "fail"


AWARD: Final = StateMachine[AwardStatus, AwardAction](
    "award",
    [
        transition(AwardAction.AWARD, AwardStatus.PROPOSED, AwardStatus.AWARDED),
        transition(AwardAction.DROP, AwardStatus.PROPOSED, AwardStatus.DROPPED),
        transition(
            AwardAction.DECLINE,
            [AwardStatus.PROPOSED, AwardStatus.AWARDED],
            AwardStatus.DECLINED,
        ),
        transition(
            AwardAction.FAIL, [AwardStatus.PROPOSED, AwardStatus.AWARDED], AwardStatus.FAILED
        ),
    ],
)

GONE: Final = frozenset([AwardStatus.DECLINED, AwardStatus.FAILED])
"""Whoever declined or failed does not win the same lot again."""


class ComplaintStatus(StrEnum):
    """Where a bidder's complaint stands."""

    FILED = "filed"
    LIFTED = "lifted"
    UPHELD = "upheld"
    LAPSED = "lapsed"


class ComplaintAction(StrEnum):
    """What becomes of a complaint; it lapses with the proposal it was against."""

    LIFT = "lift"
    UPHOLD = "uphold"
    LAPSE = "lapse"


COMPLAINT: Final = StateMachine[ComplaintStatus, ComplaintAction](
    "complaint",
    [
        transition(ComplaintAction.LIFT, ComplaintStatus.FILED, ComplaintStatus.LIFTED),
        transition(ComplaintAction.UPHOLD, ComplaintStatus.FILED, ComplaintStatus.UPHELD),
        transition(ComplaintAction.LAPSE, ComplaintStatus.FILED, ComplaintStatus.LAPSED),
    ],
)


class Cause(StrEnum):
    """Why a winner falls away after all."""

    INSOLVENT = "insolvent"
    NOT_SIGNED = "not_signed"
    EXCLUDED = "excluded"
    OTHER = "other"


def moved(status: ProposalStatus, action: ProposalAction, party: Party) -> ProposalStatus:
    """Give the status after `action` by `party`; raises NotPermitted or WrongState."""
    if party not in WHO_MAY[action]:
        raise NotPermitted(f"To {action.value} a proposal is not for the {party.value}.")
    return PROPOSAL.after(status, action)


def standstill_until(notified_at: datetime, awarding: Awarding) -> datetime | None:
    """Give the instant at which a standstill is over; None where there is none."""
    if awarding.standstill_days == 0:
        return None
    return end_of_period(
        notified_at,
        awarding.standstill_days,
        awarding.counting,
        awarding.calendar,
        awarding.time_zone,
    )


def resumed_until(
    until: datetime, stopped_at: datetime, at: datetime, awarding: Awarding
) -> datetime:
    """Give the end of a standstill whose complaint is lifted at `at`.

    What was left when it was stopped is left again, to the end of that day, and as many working
    days where these are counted.
    """
    zone, calendar = ZoneInfo(awarding.time_zone), awarding.calendar
    ends_at = at + (until - stopped_at)
    day = _last_hour(ends_at, zone)
    if awarding.counting is Counting.WORKING_DAYS:
        stopped_on, resumed_on = (each.astimezone(zone).date() for each in (stopped_at, at))
        left = calendar.working_days(stopped_on, _last_hour(until, zone))
        day = max(day, last_day(resumed_on, left, awarding.counting, calendar))
    return end_of_day(calendar.next_working(day), awarding.time_zone)


def _last_hour(end: datetime, zone: ZoneInfo) -> date:
    """Give the day that an end belongs to: one at midnight is the end of the day before."""
    return (end - RESOLUTION).astimezone(zone).date()


def present_status(stored: ProposalStatus, open_complaints: int) -> ProposalStatus:
    """Give the status a reader sees: a complaint stops the standstill from the moment it is there.

    The complaint is the bidder's row and the proposal the buyer's, which no bidder writes.
    """
    if stored is ProposalStatus.STANDSTILL and open_complaints:
        return moved(stored, ProposalAction.CONTEST, Party.BIDDER)
    return stored


@dataclass(frozen=True, slots=True)
class Notice:
    """What one bidder was told of a proposal; `withdrawn` once that no longer stands."""

    standstill_until: datetime | None
    withdrawn: bool


def check_complaint(notice: Notice, at: datetime) -> None:
    """Guard of a complaint: within the standstill, to its last moment; raises WrongState.

    A complaint that is decided *at* the end is late. Whether another one stops the time a bidder
    does not learn: once that is lifted he is told of a later end, and may complain until then.
    """
    if notice.withdrawn:
        raise WrongState("This award was withdrawn already.", state=ProposalStatus.WITHDRAWN.value)
    until = notice.standstill_until
    if until is None:
        detail = "This procedure has no standstill: the award is in force."
        raise WrongState(detail, state=ProposalStatus.AWARDED.value)
    if at >= until:
        detail = f"The time for complaints ended at {until.isoformat()}."
        raise WrongState(detail, state=ProposalStatus.STANDSTILL.value)


def check_end(status: ProposalStatus, until: datetime, at: datetime) -> bool:
    """Tell whether a standstill is over: nothing stops it and its last moment has passed."""
    return status is ProposalStatus.STANDSTILL and at >= until


def check_last_day(last_day: date, until: datetime | None, at: datetime, zone: str) -> None:
    """Refuse a contract that would be over before it can begin; raises InvalidInput."""
    begins = (until or at).astimezone(ZoneInfo(zone)).date()
    if last_day < begins:
        detail = f"The contract cannot begin before {begins.isoformat()}; it would end before."
        raise invalid("/last_day", "before_first_day", detail)


def first_day(wanted: date | None, at: datetime, zone: str) -> date:
    """Give the first day of a contract concluded at `at`: as wanted, never one that is gone."""
    today = at.astimezone(ZoneInfo(zone)).date()
    return today if wanted is None else max(wanted, today)


def check_decline(*, in_force: bool) -> None:
    """Guard of a winner's no: until his contract is in force; raises Conflict."""
    if in_force:
        raise Conflict("Your bid was binding and the contract is in force; ask the buyer instead.")


def lot_return(*, auctioned: bool) -> LotAction:
    """Give the way back of a lot whose proposal or award fell."""
    return LotAction.RETURN_TO_AUCTION if auctioned else LotAction.RETURN_TO_BIDS


def next_first(ranked: Sequence[UUID], standing: frozenset[UUID]) -> list[UUID]:
    """Order the candidates for what is left of a lot: first those who hold no award of it."""
    without = [bidder for bidder in ranked if bidder not in standing]
    return without + [bidder for bidder in ranked if bidder in standing]
