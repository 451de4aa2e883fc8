"""Who has to approve what, and what a decision does. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Final
from uuid import UUID

from marketplace.kernel.errors import Conflict, NotPermitted
from marketplace.kernel.limits import APPROVAL_LEVELS_MAX
from marketplace.kernel.money import Money
from marketplace.kernel.states import StateMachine, transition


class ApprovalState(Enum):
    """Where a request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Verdict(Enum):
    """What one member says."""

    APPROVE = "approve"
    REJECT = "reject"


APPROVAL: Final = StateMachine[ApprovalState, str](
    "approval",
    [
        transition("approve", ApprovalState.PENDING, ApprovalState.APPROVED),
        transition("reject", ApprovalState.PENDING, ApprovalState.REJECTED),
        transition("expire", ApprovalState.PENDING, ApprovalState.EXPIRED),
        transition("withdraw", ApprovalState.PENDING, ApprovalState.WITHDRAWN),
    ],
)


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks. `limit` is what he may commit on his own; None is no limit of his own.

    No limit means everything for an administrator and nothing for anybody else.
    """

    member_id: UUID
    roles: frozenset[str]
    limit: Money | None


@dataclass(frozen=True, slots=True)
class AboveOwnLimit:
    """Holds where the amount is above what the requester may commit alone."""


@dataclass(frozen=True, slots=True)
class AmountAbove:
    """Holds where the amount is above a threshold, whoever asks."""

    threshold: Money


Predicate = AboveOwnLimit | AmountAbove

Requirement = frozenset[str]
"""One person who has any of these roles."""

Level = tuple[Requirement, ...]
"""All of these requirements, each met by another person."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Documents for which `applies` holds wait for all `levels`, one after another.

    A request keeps the version of the rule it was made under.
    """

    name: str
    version: int
    applies: Predicate
    levels: tuple[Level, ...]
    self_approval: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.levels) <= APPROVAL_LEVELS_MAX:
            msg = f"a rule has 1 to {APPROVAL_LEVELS_MAX} levels"
            raise ValueError(msg)
        if not all(self.levels) or not all(all(level) for level in self.levels):
            msg = "a level nobody can meet would wait for ever"
            raise ValueError(msg)


_ONE_APPROVER: Final[tuple[Level, ...]] = ((frozenset({"approver", "administrator"}),),)
"""An administrator can always stand in for an approver: a unit without one waits for nobody."""

ORDER_RULE: Final = Rule(
    "order above the requester's limit",
    version=1,
    applies=AboveOwnLimit(),
    levels=_ONE_APPROVER,
)
"""The rule every company starts with."""

AWARD_RULE: Final = Rule(
    "award above the requester's limit",
    version=1,
    applies=AboveOwnLimit(),
    levels=_ONE_APPROVER,
)
"""As orders: what a member may not order alone he may not award alone."""


def award_rule(threshold: Money, version: int) -> Rule:
    """Give the rule by which awards above a company's threshold wait for a second person."""
    return Rule(
        "award above the company's threshold",
        version=version,
        applies=AmountAbove(threshold),
        levels=_ONE_APPROVER,
    )


@dataclass(frozen=True, slots=True)
class Decision:
    """What one member said, in the roles he had when he said it."""

    member_id: UUID
    roles: frozenset[str]
    verdict: Verdict
    at: datetime


@dataclass(frozen=True, slots=True)
class Request:
    """A document that waits: bound to the hash of its content at the time of asking."""

    state: ApprovalState
    rule: Rule
    requester_id: UUID
    content_hash: bytes
    decisions: tuple[Decision, ...] = field(default=())


def needs_approval(rule: Rule, requester: Requester, amount: Money) -> bool:
    """Tell whether `rule` makes a document of this amount wait.

    An amount in another currency than the limit waits: nothing is converted to judge it.
    """
    match rule.applies:
        case AboveOwnLimit():
            if requester.limit is None:
                return "administrator" not in requester.roles
            return _is_above(amount, requester.limit)
        case AmountAbove(threshold):
            return _is_above(amount, threshold)


def _is_above(amount: Money, threshold: Money) -> bool:
    return amount.currency != threshold.currency or threshold < amount


def waits_for(
    state: ApprovalState, rule: Rule, decisions: Sequence[Decision]
) -> tuple[Requirement, ...]:
    """Give the requirements nobody has met yet at the open level; none once it is decided."""
    level = open_level(rule, decisions)
    if state is not ApprovalState.PENDING or level is None:
        return ()
    met = _met(rule.levels[level], _approvals_at(rule, level, decisions))
    return tuple(roles for number, roles in enumerate(rule.levels[level]) if number not in met)


def open_level(rule: Rule, decisions: Sequence[Decision]) -> int | None:
    """Give the number of the first level that still waits, from 0; None when all are met.

    An approval is taken only where it meets a requirement of the level open at that moment
    (`judge`), so approvals fill the levels one after another.
    """
    for number, level in enumerate(rule.levels):
        if len(_approvals_at(rule, number, decisions)) < len(level):
            return number
    return None


def _approvals_at(rule: Rule, level: int, decisions: Sequence[Decision]) -> list[Decision]:
    before = sum(len(earlier) for earlier in rule.levels[:level])
    approvals = [decision for decision in decisions if decision.verdict is Verdict.APPROVE]
    return approvals[before : before + len(rule.levels[level])]


def _met(level: Level, approvals: Sequence[Decision]) -> set[int]:
    """Give the requirements that different people meet, as many as possible (a matching)."""
    taken: dict[int, int] = {}

    def place(person: int, tried: set[int]) -> bool:
        for number, roles in enumerate(level):
            if number in tried or roles.isdisjoint(approvals[person].roles):
                continue
            tried.add(number)
            if number not in taken or place(taken[number], tried):
                taken[number] = person
                return True
        return False

    for person in range(len(approvals)):
        place(person, set())
    return set(taken)


def judge(request: Request, decision: Decision, present_hash: bytes) -> ApprovalState:
    """Give the state of the request after `decision`; PENDING while more people are needed.

    `present_hash` is the document's content as it is now. Raises WrongState when the request is
    decided already, Conflict when the document changed since, NotPermitted for the requester
    himself, for somebody who decided already and for roles that the open level does not ask for.
    """
    action = decision.verdict.value
    target = APPROVAL.after(request.state, action)
    if present_hash != request.content_hash:
        raise Conflict("The document changed since approval was asked; it needs a new request.")
    if decision.member_id == request.requester_id and not request.rule.self_approval:
        raise NotPermitted("Nobody approves what he asked for himself.")
    if any(earlier.member_id == decision.member_id for earlier in request.decisions):
        raise NotPermitted("You have decided on this request already; another person is needed.")
    level = open_level(request.rule, request.decisions)
    if level is None:
        msg = "a pending request with nothing open"
        raise ValueError(msg)
    _check_roles(request, decision, level)
    if decision.verdict is Verdict.REJECT:
        return target
    still_open = open_level(request.rule, (*request.decisions, decision))
    return target if still_open is None else ApprovalState.PENDING


def _check_roles(request: Request, decision: Decision, level: int) -> None:
    requirements = request.rule.levels[level]
    here = _approvals_at(request.rule, level, request.decisions)
    if len(_met(requirements, [*here, decision])) == len(here):
        waiting = waits_for(request.state, request.rule, request.decisions)
        roles = sorted(set().union(*waiting))
        raise NotPermitted(f"This request waits for one of: {', '.join(roles)}.")
