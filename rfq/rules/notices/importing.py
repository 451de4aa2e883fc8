"""From the bytes of a notice to a draft: what it is its first character tells."""

from datetime import datetime

from marketplace.kernel.errors import InvalidInput, invalid
from rfq.rules.notices.drafting import Drafted, drafted
from rfq.rules.notices.eforms import read_eforms
from rfq.rules.notices.json_source import read_json
from rfq.rules.notices.ocds import read_ocds
from rfq.rules.notices.reading import Reading
from rfq.rules.notices.xml_source import read_xml

_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def draft_of(data: bytes, at: datetime, currency: str) -> Drafted:
    """Make a draft of a notice; `currency` stands where it names none, `at` is now.

    Raises InvalidInput with every reason why it is none that can be taken over.
    """
    match _first(data):
        case "<":
            reading = Reading(read_xml(data))
            return drafted(read_eforms(reading), reading, at, currency)
        case "{" | "[":
            reading = Reading(read_json(data))
            return drafted(read_ocds(reading), reading, at, currency)
        case "":
            raise invalid("", "empty", "The file is empty.")
    raise not_recognised()


def not_recognised() -> InvalidInput:
    """Make the error of a file that is something else."""
    detail = (
        "This is no notice that is read here: neither an eForms notice (XML) nor a release of "
        "OCDS 1.1 (JSON)."
    )
    return invalid("", "not_recognised", detail)


def _first(data: bytes) -> str:
    """Give the first character that is no space, of any encoding XML may be in."""
    head = data[:1000]
    for mark in _MARKS:
        head = head.removeprefix(mark)
    return head.replace(b"\x00", b"").strip()[:1].decode("latin-1")
