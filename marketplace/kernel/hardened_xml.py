"""XML from outside: no entity is resolved, no DTD loaded, no network asked, nothing huge built.

The one parser for documents that others send. Its reader takes them in pieces, looks at the head
with `names_entities` and at the root with `declares_entities`, and counts what it opens; a small
part of something larger is read whole by `root_of`.
"""

from typing import Any, Final

PIECE_BYTES: Final = 16 * 1024
"""What is parsed before somebody looks whether it is too deep or too much."""
_HARDENED: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


def pull_parser() -> Any:
    """Give a parser that tells of starts and ends of elements as they come."""
    from lxml import etree  # noqa: PLC0415 - 4 MB of every process that reads no XML

    return etree.XMLPullParser(events=("start", "end"), **_HARDENED)


def root_of(data: bytes) -> Any | None:
    """Parse a small document whole, give its root; None for no XML, or where it declares entities.

    Whoever asks bounds the bytes: of each that is sent, thirty may be built.
    """
    from lxml import etree  # noqa: PLC0415 - as above

    if names_entities(data):
        return None
    try:
        return etree.fromstring(data, etree.XMLParser(**_HARDENED))
    except etree.XMLSyntaxError:
        return None


def names_entities(head: bytes) -> bool:
    """Tell whether the bytes before the root declare an entity, as far as bytes can tell."""
    return b"<!ENTITY" in head.upper()


def declares_entities(root: Any) -> bool:
    """Tell whether the parser found entities in the DTD of an element's document."""
    dtd = root.getroottree().docinfo.internalDTD
    return dtd is not None and any(True for _ in dtd.iterentities())


def has_doctype(root: Any) -> bool:
    """Tell whether an element's document names or holds a DTD."""
    info = root.getroottree().docinfo
    return info.internalDTD is not None or bool(info.doctype)
