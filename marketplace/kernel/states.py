"""Declared state machines: every transition in one table, drawn and tested from it."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from marketplace.kernel.errors import WrongState

S = TypeVar("S", bound=Enum)
A = TypeVar("A", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Transition(Generic[S, A]):
    """`action` leads from any of `sources` to `target`."""

    action: A
    sources: frozenset[S]
    target: S


class StateMachine(Generic[S, A]):
    """The states of one kind of document and the actions that lead between them."""

    def __init__(self, name: str, transitions: Iterable[Transition[S, A]]) -> None:
        self.name = name
        self.transitions = tuple(transitions)
        self._targets: dict[tuple[S, A], S] = {}
        for transition in self.transitions:
            for source in transition.sources:
                if (source, transition.action) in self._targets:
                    msg = f"{name}: {transition.action} is declared twice from {source.value}"
                    raise ValueError(msg)
                self._targets[source, transition.action] = transition.target

    def allows(self, state: S, action: A) -> bool:
        """Tell whether `action` is possible in `state`."""
        return (state, action) in self._targets

    def after(self, state: S, action: A) -> S:
        """Give the state that `action` leads to; raises WrongState with the present one."""
        target = self._targets.get((state, action))
        if target is None:
            detail = f"This {self.name} is {state.value}: {action} is not possible now."
            raise WrongState(detail, state=str(state.value))
        return target

    def actions(self, state: S) -> tuple[A, ...]:
        """List what is possible in `state`, in the order of declaration."""
        return tuple(t.action for t in self.transitions if state in t.sources)

    def mermaid(self) -> str:
        """Draw the machine as a Mermaid state diagram, for the documentation."""
        lines = ["stateDiagram-v2"]
        lines += [
            f"    {source.value} --> {transition.target.value}: {transition.action}"
            for transition in self.transitions
            for source in sorted(transition.sources, key=lambda state: str(state.value))
        ]
        return "\n".join(lines)


def transition(action: A, sources: S | Iterable[S], target: S) -> Transition[S, A]:
    """Declare one row of a machine's table."""
    states = frozenset([sources]) if isinstance(sources, Enum) else frozenset(sources)
    return Transition(action, states, target)
