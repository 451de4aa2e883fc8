"""JSON of others as a tree: numbers exact, no name twice, nothing that is no JSON."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from marketplace.kernel.errors import FieldError, InvalidInput, invalid
from marketplace.kernel.limits import (
    NOTICE_ERRORS_MAX,
    NOTICE_PARTS_MAX,
    NOTICE_PATH_CHARACTERS_MAX,
)
from rfq.rules.notices.tree import Form, Node

DEPTH_MAX: Final = 64
"""A release is ten deep."""
_FORMS: Final = {bool: Form.TRUTH, Decimal: Form.NUMBER, type(None): Form.NOTHING}
_SEPARATORS_MAX: Final = 4 * NOTICE_PARTS_MAX
"""Commas and brackets, those in texts included: told before anything is built of them."""


class _Members(list[tuple[str, Any]]):
    """The members of an object, a name that stands twice included."""


class _NoNumber(str):
    """A word that is no JSON and that many programs write: NaN, Infinity."""

    __slots__ = ()


def read_json(data: bytes) -> Node:
    """Read a document; raises InvalidInput with what is wrong in it as JSON."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        detail = f"JSON is written in UTF-8; byte {error.start + 1} is not."
        raise invalid("", "encoding", detail) from error
    if sum(map(text.count, ",[{")) > _SEPARATORS_MAX:
        raise too_many()
    try:
        value = json.loads(
            text,
            object_pairs_hook=_Members,
            parse_constant=_NoNumber,
            parse_float=_number,
            parse_int=_number,
        )
    except json.JSONDecodeError as error:
        detail = f"Line {error.lineno}, column {error.colno}: this is no JSON: {error.msg}."
        raise invalid("", "broken", detail) from error
    except RecursionError as error:
        raise invalid("", "too_deep", f"Parts nest at most {DEPTH_MAX} deep.") from error
    return _Tree().of(value)


def too_many() -> InvalidInput:
    """Make the error of a notice that is too large to be one."""
    detail = f"A notice has at most {NOTICE_PARTS_MAX:,} parts."
    return invalid("", "too_many_parts", detail)


def _number(text: str) -> Decimal | _NoNumber:
    try:
        return Decimal(text)
    except InvalidOperation:
        return _NoNumber(text)


class _Tree:
    """Makes the tree of a document, and finds what no tree has."""

    def __init__(self) -> None:
        self._errors: list[FieldError] = []
        self._count = 0

    def of(self, value: Any) -> Node:
        """Make it; raises InvalidInput with all that is wrong."""
        root = self._node("", "", value, 1)
        if self._errors:
            raise InvalidInput(self._errors[0].detail, errors=self._errors[:NOTICE_ERRORS_MAX])
        if root.form is not Form.OBJECT:
            raise invalid("", "not_recognised", "A release of OCDS is a JSON object.")
        return root

    def _node(self, name: str, path: str, value: Any, depth: int) -> Node:
        self._count += 1
        if self._count > NOTICE_PARTS_MAX:
            raise too_many()
        if depth > DEPTH_MAX or len(path) > NOTICE_PATH_CHARACTERS_MAX:
            detail = f"Parts nest at most {DEPTH_MAX} deep, under names of a readable length."
            raise invalid("", "too_deep", detail)
        match value:
            case _Members():
                return Node(name, path, Form.OBJECT, children=self._members(path, value, depth))
            case list():
                children = [
                    self._node(str(number), f"{path}/{number}", each, depth + 1)
                    for number, each in enumerate(value)
                ]
                return Node(name, path, Form.LIST, children=children)
            case _NoNumber():
                self._fault(path, "not_a_number", f"{value[:40]} is no number of JSON.")
                return Node(name, path, Form.NUMBER)
            case str():
                if not _is_text(value):
                    self._fault(path, "encoding", "A text holds half a character (a surrogate).")
                return Node(name, path, Form.TEXT, value.replace("\x00", " "))
        return Node(name, path, _FORMS[type(value)], value)

    def _members(self, path: str, members: _Members, depth: int) -> list[Node]:
        seen: set[str] = set()
        nodes = []
        for name, each in members:
            shown = name if _is_text(name) else name.encode("ascii", "backslashreplace").decode()
            shown = shown.replace("\x00", "\\u0000")
            pointer = f"{path}/{shown.replace('~', '~0').replace('/', '~1')}"
            if name in seen:
                detail = f"The name {shown[:60]!r} stands twice; which of the two is meant?"
                self._fault(pointer, "name_twice", detail)
            seen.add(name)
            nodes.append(self._node(shown, pointer, each, depth + 1))
        return nodes

    def _fault(self, path: str, code: str, detail: str) -> None:
        self._errors.append(FieldError(path, code, detail))


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
