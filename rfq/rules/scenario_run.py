"""The life of a scenario: asked, solved by the worker, and perhaps proposed."""

from enum import StrEnum
from typing import Final

from marketplace.kernel.states import StateMachine, transition


class ScenarioStatus(StrEnum):
    """Where a scenario stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    """There is an award that keeps all constraints."""
    IMPOSSIBLE = "impossible"
    """No award keeps all constraints."""
    UNDECIDED = "undecided"
    """Time ended before an award was found, or before it was known that there is none."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    PROPOSED = "proposed"


class ScenarioAction(StrEnum):
    """What happens to a scenario."""

    START = "start"
    SOLVE = "solve"
    FIND_NONE = "find that there is none"
    RUN_OUT = "run out of time"
    FAIL = "fail"
    CANCEL = "cancel"
    PROPOSE = "propose"


_UNFINISHED: Final = (ScenarioStatus.QUEUED, ScenarioStatus.RUNNING)

SCENARIO: Final = StateMachine[ScenarioStatus, ScenarioAction](
    "scenario",
    [
        # Again after a worker died under it.
        transition(ScenarioAction.START, _UNFINISHED, ScenarioStatus.RUNNING),
        transition(ScenarioAction.SOLVE, ScenarioStatus.RUNNING, ScenarioStatus.DONE),
        transition(ScenarioAction.FIND_NONE, ScenarioStatus.RUNNING, ScenarioStatus.IMPOSSIBLE),
        transition(ScenarioAction.RUN_OUT, ScenarioStatus.RUNNING, ScenarioStatus.UNDECIDED),
        transition(ScenarioAction.FAIL, _UNFINISHED, ScenarioStatus.FAILED),
        transition(ScenarioAction.CANCEL, _UNFINISHED, ScenarioStatus.CANCELLED),
        # A proposal that falls may be made again from the same scenario, if nothing has changed.
        transition(
            ScenarioAction.PROPOSE,
            [ScenarioStatus.DONE, ScenarioStatus.PROPOSED],
            ScenarioStatus.PROPOSED,
        ),
    ],
)

UNFINISHED: Final = frozenset(_UNFINISHED)
