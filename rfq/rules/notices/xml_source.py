"""XML of others as a tree, read by the hardened parser."""

from collections import Counter
from typing import Any, Final

from marketplace.kernel.errors import InvalidInput, invalid
from marketplace.kernel.hardened_xml import (
    PIECE_BYTES,
    declares_entities,
    has_doctype,
    names_entities,
    pull_parser,
)
from marketplace.kernel.limits import NOTICE_PARTS_MAX, NOTICE_PATH_CHARACTERS_MAX, XML_DEPTH_MAX
from rfq.rules.notices.eforms import PREFIXES, ROOT_NAMESPACES, ROOTS
from rfq.rules.notices.json_source import too_many
from rfq.rules.notices.tree import Form, Node

_OLD: Final = "TED_EXPORT"


def read_xml(data: bytes) -> Node:
    """Read a document; raises InvalidInput for one that is no notice that is read here."""
    root = _parsed(data)
    name, namespace = _names(root)
    if name == _OLD:
        detail = "This is a notice in the old TED schema, before eForms, which is not read here."
        raise invalid("", "wrong_document", detail)
    if name not in ROOTS:
        detail = f"This is XML of {name[:60]!r}, and none of {', '.join(ROOTS)}."
        raise invalid("", "wrong_document", detail)
    if ROOT_NAMESPACES.get(namespace) != name:
        detail = f"A {name} of eForms is in the namespace of UBL 2, not in {namespace[:100]!r}."
        raise invalid("", "wrong_namespace", detail)
    return _node(root, name, f"/{name}")


def _parsed(data: bytes) -> Any:
    """Parse piece by piece, so that what is too much is not built; give the root."""
    from lxml import etree  # noqa: PLC0415 - 4 MB of every process that reads no XML

    parser = pull_parser()
    bounds = _Bounds()
    try:
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            if bounds.root is None and names_entities(data[: start + PIECE_BYTES]):
                raise _entities()
            parser.feed(piece)
            for event, element in parser.read_events():
                bounds.see(event, element)
        root = parser.close()
        for event, element in parser.read_events():
            bounds.see(event, element)
    except etree.XMLSyntaxError as error:
        place = f"Line {error.lineno}: " if error.lineno else ""
        detail = f"{place}this is no XML that is read here: {(error.msg or 'it ends')[:200]}."
        raise invalid("", "broken", detail) from error
    return root


def _entities() -> InvalidInput:
    detail = "The notice declares entities; they are not resolved here. Write the text out."
    return invalid("", "entities_refused", detail)


class _Bounds:
    """Counts what the parser opens, and refuses what no notice is."""

    def __init__(self) -> None:
        self.root: Any = None
        self._depth = 0
        self._parts = 0

    def see(self, event: str, element: Any) -> None:
        """Count the start or the end of an element."""
        if event == "end":
            self._depth -= 1
            return
        self._depth += 1
        self._parts += 1 + len(element.attrib)
        if self.root is None:
            self.root = element
            if declares_entities(element):
                raise _entities()
            if has_doctype(element):
                detail = "A notice of eForms has no DOCTYPE; take it out."
                raise invalid("", "doctype_refused", detail)
        if self._depth > XML_DEPTH_MAX:
            raise invalid("", "too_deep", f"Elements nest at most {XML_DEPTH_MAX} deep.")
        if self._parts > NOTICE_PARTS_MAX:
            raise too_many()


def _names(element: Any) -> tuple[str, str]:
    """Give an element's name and its namespace."""
    namespace, _, name = str(element.tag).rpartition("}")
    return name, namespace[1:]


def _shown(element: Any) -> str:
    name, namespace = _names(element)
    return f"{PREFIXES.get(namespace, 'other:')}{name}"


def _node(element: Any, name: str, path: str) -> Node:
    if len(path) > NOTICE_PATH_CHARACTERS_MAX:
        raise invalid("", "too_deep", "Names of elements nest to a length nobody can read.")
    below = list(element)
    text = (element.text or "").strip()
    node = Node(
        name,
        path,
        Form.OBJECT if below else Form.TEXT,
        value=text,
        line=element.sourceline or 0,
        attributes={str(key).rpartition("}")[2]: str(value) for key, value in element.items()},
    )
    names = [_shown(each) for each in below]
    several = {each for each, count in Counter(names).items() if count > 1}
    numbers: dict[str, int] = {}
    for each, named in zip(below, names, strict=True):
        numbers[named] = numbers.get(named, 0) + 1
        place = f"{named}[{numbers[named]}]" if named in several else named
        node.children.append(_node(each, named, f"{path}/{place}"))
    loose = [text, *((each.tail or "").strip() for each in below)] if below else []
    if any(loose):
        said = " ".join(part for part in loose if part)
        node.children.append(Node("text", f"{path}/text()", Form.TEXT, said, node.line))
    return node
