"""The process that solves: reads a task from its input, writes messages, one a line.

Run as `python -m rfq.scenarios.process`. It has no database, no secrets and no network: what it is
told is all it knows.
"""

import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from rfq.rules.scenario import Problem
from rfq.scenarios.messages import (
    Found,
    Message,
    PricedConstraint,
    Progress,
    ScenarioPhase,
    Solution,
    SolutionOutcome,
    Step,
    Task,
)
from rfq.scenarios.solver import solve, version

ANY_GAP_PERCENT: Final = Decimal(10) ** 6
"""Whether there is an award at all, whatever it costs."""
TOLD_SECONDS: Final = 0.1
Write = Callable[[Message], None]


def work(task: Task, write: Write) -> Found:
    """Solve; then tell what each constraint costs, or which cannot hold together."""
    run = _Work(task, write)
    first = run.solve(ScenarioPhase.SOLVING, task.problem, 0, 1)
    if first.outcome is SolutionOutcome.IMPOSSIBLE:
        conflict, proven = run.conflict()
        return Found(run.solver, first, conflict=conflict, proven=proven)
    if not first.allocation or not task.explain:
        return Found(run.solver, first)
    return Found(run.solver, first, tuple(run.price(first)))


class _Work:
    """One task under way."""

    def __init__(self, task: Task, write: Write) -> None:
        self.task = task
        self.write = write
        self.until = time.monotonic() + task.run_seconds
        self.solver = f"HiGHS {version()}"

    def solve(
        self,
        phase: ScenarioPhase,
        problem: Problem,
        done: int,
        total: int,
        start: Solution | None = None,
        gap_percent: Decimal | None = None,
    ) -> Solution:
        told = 0.0

        def tell(progress: Progress) -> None:
            nonlocal told
            if time.monotonic() - told >= TOLD_SECONDS:
                told = time.monotonic()
                self.write(Step(phase, done, total, progress.best, progress.bound))

        self.write(Step(phase, done, total, None, None))
        left = self.until - time.monotonic()
        if left <= 0:
            return Solution(SolutionOutcome.UNKNOWN, {}, 0, 0, 0.0)
        return solve(
            problem,
            gap_percent=self.task.gap_percent if gap_percent is None else gap_percent,
            seconds=min(self.task.seconds, left),
            start=None if start is None else start.allocation,
            tell=tell,
        )

    def price(self, found: Solution) -> list[PricedConstraint]:
        """Solve without each constraint; what was found with it is a start without it."""
        names = [each.name for each in self.task.problem.constraints]
        priced = []
        for number, name in enumerate(names):
            problem = self.task.problem.without([name])
            solution = self.solve(ScenarioPhase.PRICING, problem, number + 1, len(names) + 1, found)
            priced.append(PricedConstraint(name, solution))
        return priced

    def conflict(self) -> tuple[tuple[str, ...], bool]:
        """Leave out each constraint without which there is still no award; the rest conflict."""
        names = [each.name for each in self.task.problem.constraints]
        needless: list[str] = []
        proven = True
        for number, name in enumerate(names):
            problem = self.task.problem.without([*needless, name])
            found = self.solve(
                ScenarioPhase.EXPLAINING, problem, number + 1, len(names) + 1, None, ANY_GAP_PERCENT
            )
            if found.outcome is SolutionOutcome.IMPOSSIBLE:
                needless.append(name)
            elif not found.allocation:
                proven = False
        return tuple(name for name in names if name not in needless), proven


def main() -> None:
    """Read a task, write messages."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    out = sys.stdout.buffer

    def write(message: Message) -> None:
        out.write(msgspec.json.encode(message) + b"\n")
        out.flush()

    write(work(task, write))


if __name__ == "__main__":
    main()
