"""The drawings of the documentation are those of the declarations."""

import re
from pathlib import Path
from typing import Any

import pytest

from marketplace.kernel.states import StateMachine
from rfq.rules.abnormal import EXPLANATION
from rfq.rules.bid import BID
from rfq.rules.clarification import QUESTION
from rfq.rules.negotiation import NEGOTIATION
from rfq.rules.panel import EVALUATOR
from rfq.rules.procedure import LOT, PROCEDURE
from rfq.rules.scenario_run import SCENARIO
from rfq.rules.settlement import AWARD, COMPLAINT, PROPOSAL
from rfq.rules.validity import EXTENSION

PAGE = Path(__file__).parents[3] / "docs" / "procedures.md"
MACHINES: list[StateMachine[Any, Any]] = [
    PROCEDURE,
    LOT,
    BID,
    NEGOTIATION,
    QUESTION,
    EXPLANATION,
    EXTENSION,
    EVALUATOR,
    PROPOSAL,
    AWARD,
    COMPLAINT,
    SCENARIO,
]


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_each_machine_is_drawn_as_it_is_declared(machine: StateMachine[Any, Any]) -> None:
    assert f"```mermaid\n{machine.mermaid()}\n```" in PAGE.read_text()


def test_nothing_is_drawn_that_is_not_declared() -> None:
    drawn = re.findall(r"```mermaid\n(.*?)\n```", PAGE.read_text(), re.DOTALL)
    assert drawn == [machine.mermaid() for machine in MACHINES]
