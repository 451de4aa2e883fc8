"""A notice as a tree of named parts, whatever it is written in; each knows where it stands."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum


class Form(StrEnum):
    """What a part is; of XML only objects and texts."""

    OBJECT = "object"
    LIST = "list"
    TEXT = "text"
    NUMBER = "number"
    TRUTH = "truth value"
    NOTHING = "null"


@dataclass(slots=True, eq=False)
class Node:
    """One part of a notice. `path` is a JSON pointer, or the same with the names of elements.

    `line` counts from 1; 0 where the format does not tell it.
    """

    name: str
    path: str
    form: Form
    value: str | Decimal | bool | None = None
    line: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)
    children: list["Node"] = field(default_factory=list)

    def all(self, *names: str) -> Iterator["Node"]:
        """Give the parts below by their names, one name a level; of a list its items."""
        if not names:
            yield from self.children if self.form is Form.LIST else (self,)
            return
        first, *rest = names
        for child in self.children:
            if child.name == first:
                yield from child.all(*rest)
            elif self.form is Form.LIST:
                yield from child.all(*names)

    def one(self, *names: str) -> "Node | None":
        """Give the first part below with these names, which may be a list itself."""
        if not names:
            return self
        for child in self.children:
            if child.name == names[0] and (found := child.one(*names[1:])) is not None:
                return found
        return None

    def leaves(self) -> Iterator["Node"]:
        """Give what has a value and nothing below, in the order of the notice."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            if node.children:
                waiting += reversed(node.children)
            elif node.form not in (Form.OBJECT, Form.LIST):
                yield node

    @property
    def said(self) -> str:
        """The value as the notice has it, with the attributes that change its meaning."""
        match self.value:
            case bool():
                text = "true" if self.value else "false"
            case None:
                text = "null"
            case _:
                text = str(self.value).strip()
        told = ", ".join(
            f"{name} {value}" for name, value in self.attributes.items() if name in _MEANING
        )
        return f"{text} ({told})" if told else text


_MEANING = ("currencyID", "unitCode", "languageID", "listName", "schemeName")
