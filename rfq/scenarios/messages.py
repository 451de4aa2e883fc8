"""What the process that solves is told, and what it tells: one line of JSON each."""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import msgspec

from rfq.rules.scenario import Problem


class SolutionOutcome(StrEnum):
    """How a solution ended."""

    SOLVED = "solved"
    """Within the gap that was asked for."""
    STOPPED = "stopped"
    """Time ended; the best found, with its gap."""
    IMPOSSIBLE = "impossible"
    """No allocation keeps all constraints."""
    UNKNOWN = "unknown"
    """Time ended before one was found, or before it was known that there is none."""


class ScenarioPhase(StrEnum):
    """What a scenario is at."""

    WAITING = "waiting"
    READING = "reading"
    SOLVING = "solving"
    EXPLAINING = "explaining"
    """Looking for the constraints that cannot hold together."""
    PRICING = "pricing"
    """Solving again without each constraint."""
    FINISHED = "finished"


class Solution(msgspec.Struct, frozen=True):
    """What was found: the allocation and its exact cost, and what no allocation can cost less than.

    Costs are minor units; without an allocation `cost` is 0.
    """

    outcome: SolutionOutcome
    allocation: dict[UUID, UUID]
    cost: int
    bound: int
    seconds: float


class Progress(msgspec.Struct, frozen=True):
    """How far one solution is, in minor units; None while not known."""

    best: int | None
    bound: int | None


class Task(msgspec.Struct, frozen=True):
    """What is to be solved; each solution has `seconds`, all together `run_seconds`.

    With `explain` also without each constraint, to tell what it costs.
    """

    problem: Problem
    gap_percent: Decimal
    seconds: float
    run_seconds: float
    explain: bool = True


class Step(msgspec.Struct, frozen=True, tag="step"):
    """Where it is: `done` of `total` solutions, and how far the present one is."""

    phase: ScenarioPhase
    done: int
    total: int
    best: int | None
    bound: int | None


class PricedConstraint(msgspec.Struct, frozen=True):
    """The solution without one constraint."""

    name: str
    solution: Solution


class Found(msgspec.Struct, frozen=True, tag="found"):
    """What came out.

    `conflict` are the constraints that cannot hold together: without any one of them the others
    can, where that is `proven`.
    """

    solver: str
    solution: Solution
    priced: tuple[PricedConstraint, ...] = ()
    conflict: tuple[str, ...] = ()
    proven: bool = False


Message = Step | Found
Tell = Callable[[Progress], None]
