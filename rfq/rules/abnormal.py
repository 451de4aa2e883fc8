"""Abnormally low: an offer so far below the others that its bidder has to explain it.

An offer is flagged where it is at least so many percent below the mean of the other offers, or
below the next higher one; both are settings of the procedure. It is not excluded for that: its
bidder explains, the buyer accepts or rejects the explanation, and no award is made before;
Directive 2014/24/EU, article 69, asks for the same. Compared without division, so a
boundary is exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from marketplace.kernel.errors import Conflict, WrongState
from marketplace.kernel.states import StateMachine, transition
from rfq.rules.procedure import LowOfferRule


class ExplanationStatus(StrEnum):
    """Where the explanation of a low offer stands."""

    REQUESTED = "requested"
    EXPLAINED = "explained"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class ExplanationAction(StrEnum):
    """What moves an explanation."""

    EXPLAIN = "explain"
    ACCEPT = "accept"
    REJECT = "reject"


EXPLANATION: Final = StateMachine[ExplanationStatus, ExplanationAction](
    "explanation",
    [
        transition(
            ExplanationAction.EXPLAIN, ExplanationStatus.REQUESTED, ExplanationStatus.EXPLAINED
        ),
        transition(
            ExplanationAction.ACCEPT, ExplanationStatus.EXPLAINED, ExplanationStatus.ACCEPTED
        ),
        # Whoever does not answer is rejected as well.
        transition(
            ExplanationAction.REJECT,
            [ExplanationStatus.REQUESTED, ExplanationStatus.EXPLAINED],
            ExplanationStatus.REJECTED,
        ),
    ],
)


@dataclass(frozen=True, slots=True)
class Flag:
    """Why an offer is flagged, in words."""

    reason: str


def flagged(totals: Mapping[UUID, Decimal], rule: LowOfferRule) -> dict[UUID, Flag]:
    """Give the flagged bidders of a lot; `totals` are all offers for it, by bidder."""
    found = {}
    for bidder, amount in totals.items():
        others = sorted(total for who, total in totals.items() if who != bidder)
        if flag := _flag(amount, others, rule):
            found[bidder] = flag
    return found


def _flag(amount: Decimal, others: Sequence[Decimal], rule: LowOfferRule) -> Flag | None:
    """Judge one offer; `others` in rising order. The lowest alone can be below its next."""
    if not others:
        return None
    mean, following = rule.below_mean, [other for other in others if other > amount]
    if mean is not None and 100 * amount * len(others) <= (100 - mean) * sum(others):
        return Flag(f"It is at least {mean} % below the mean of the other offers.")
    step = rule.below_next
    is_lowest = len(following) == len(others)
    if step is not None and is_lowest and 100 * amount <= (100 - step) * following[0]:
        return Flag(f"It is at least {step} % below the next offer.")
    return None


def check_request(flag: Flag | None, status: ExplanationStatus | None) -> None:
    """Guard of asking for an explanation: the offer is flagged, and nobody asked; raises Conflict.

    An offer that is not flagged needs none: it cannot be rejected for its price.
    """
    if flag is None:
        raise Conflict("This offer is not abnormally low by the rules of the procedure.")
    if status is not None:
        raise WrongState(f"The explanation is {status.value} already.", state=status.value)


def check_award(flag: Flag | None, status: ExplanationStatus | None) -> None:
    """Guard of an award: what is flagged was explained, and the explanation accepted.

    A rejected offer stays rejected though others fell away and it is no longer flagged. Raises
    Conflict.
    """
    if status is ExplanationStatus.REJECTED:
        raise Conflict("The explanation of this offer was rejected: it cannot win.")
    if flag is not None and status is not ExplanationStatus.ACCEPTED:
        raise Conflict(
            f"This offer is abnormally low. {flag.reason} Ask its bidder for an explanation and "
            "accept it, or reject it and award to another."
        )
