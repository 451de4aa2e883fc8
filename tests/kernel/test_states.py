"""Declared state machines."""

from enum import StrEnum
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict, WrongState
from marketplace.kernel.states import StateMachine, transition


class Door(StrEnum):
    OPEN = "open"
    SHUT = "shut"
    GONE = "gone"


DOOR: StateMachine[Door, str] = StateMachine(
    "door",
    [
        transition("shut", Door.OPEN, Door.SHUT),
        transition("open", Door.SHUT, Door.OPEN),
        transition("remove", [Door.OPEN, Door.SHUT], Door.GONE),
    ],
)


def test_an_action_leads_to_its_target() -> None:
    assert DOOR.after(Door.OPEN, "shut") is Door.SHUT
    assert DOOR.after(Door.SHUT, "remove") is Door.GONE


def test_an_undeclared_action_is_a_conflict_that_names_the_present_state() -> None:
    with pytest.raises(WrongState, match="This door is gone: open is not possible now") as caught:
        DOOR.after(Door.GONE, "open")
    assert caught.value.state == "gone"
    assert isinstance(caught.value, Conflict)


@pytest.mark.parametrize(("state", "action"), [*product(Door, ["shut", "open", "remove", "paint"])])
def test_what_is_allowed_is_what_leads_somewhere_and_what_is_listed(
    state: Door, action: str
) -> None:
    allowed = DOOR.allows(state, action)
    assert allowed == (action in DOOR.actions(state))
    if not allowed:
        with pytest.raises(WrongState):
            DOOR.after(state, action)


def test_actions_are_listed_in_the_order_of_declaration() -> None:
    assert DOOR.actions(Door.SHUT) == ("open", "remove")
    assert DOOR.actions(Door.GONE) == ()


def test_an_action_declared_twice_from_one_state_is_refused() -> None:
    with pytest.raises(ValueError, match="declared twice from open"):
        StateMachine(
            "door",
            [
                transition("shut", Door.OPEN, Door.SHUT),
                transition("shut", [Door.SHUT, Door.OPEN], Door.GONE),
            ],
        )


def test_the_drawing_shows_every_transition_once() -> None:
    assert DOOR.mermaid().splitlines() == [
        "stateDiagram-v2",
        "    open --> shut: shut",
        "    shut --> open: open",
        "    open --> gone: remove",
        "    shut --> gone: remove",
    ]


@given(st.lists(st.sampled_from(["shut", "open", "remove"]), max_size=20))
def test_no_road_leads_out_of_a_last_state(actions: list[str]) -> None:
    state = Door.OPEN
    for action in actions:
        before = state
        if DOOR.allows(state, action):
            state = DOOR.after(state, action)
        assert not (before is Door.GONE and state is not Door.GONE)
