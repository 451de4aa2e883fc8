"""However a notice is bent, it becomes a draft that fits, or is refused with reasons."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from marketplace.kernel.errors import FieldError, InvalidInput
from rfq.notices.schemas import CheckedNotice
from rfq.procedures.publishing import check_draft_terms
from rfq.procedures.schemas import ProcedureInput
from rfq.rules.notices.importing import draft_of
from tests.journeys.bodies import at, places, put
from tests.rfq.notices.builders import Lot, Notice, as_json, package, release
from tests.rfq.notices.variety import QUALITY
from tests.rfq.parties import BUYER_SCOPES, caller

NOW = datetime(2026, 11, 1, tzinfo=UTC)
BUYER = caller(BUYER_SCOPES)
EFORMS = Notice(
    [
        Lot(
            validity=("6", "MONTH"),
            questions=("2031-03-01Z", "12:00:00Z"),
            criteria=QUALITY,
            documents=(("a.pdf", "https://example.com/a.pdf"),),
        ),
        Lot("LOT-0002", criteria=QUALITY),
    ],
    exclusions=(("crime-org", "Fraud"),),
).bytes()
OCDS = package(
    release(
        {
            "enquiryPeriod": {"endDate": "2031-03-01T12:00:00Z"},
            "documents": [{"id": "1", "title": "Drawing", "url": "https://example.com/1.pdf"}],
            "techniques": {"hasElectronicAuction": True},
            "lots": [
                {
                    "id": "A",
                    "title": "Paper",
                    "value": {"amount": 900.5, "currency": "EUR"},
                    "awardCriteria": {
                        "criteria": [
                            {
                                "type": "price",
                                "name": "Price",
                                "numbers": [{"number": 100, "weight": "percentageExact"}],
                            }
                        ]
                    },
                }
            ],
            "items": [{"id": "1", "relatedLot": "A", "quantity": 5, "unit": {"id": "C62"}}],
        }
    )
)
TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "",
            " ",
            "0",
            "-1",
            "1e9",
            "NaN",
            "9" * 5_000,
            "0." + "0" * 30 + "1",
            "9999-12-31-14:00",
            "1900-01-01+14:00",
            "0000-00-00Z",
            "2031-03-31T24:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "24:00:00",
            "99:99:99+99:99",
            "EUR",
            "JPY",
            "MONTH",
            "KGM",
            "true",
            "LOT-0002",
            "\u2028\u200b",
            "x" * 5_000,
        ]
    ),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), TEXTS)
JSON = st.one_of(
    SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(TEXTS, SCALARS, max_size=2)
)
"""Floats are also those that JSON does not have: they are written NaN and Infinity."""


def holds(data: bytes) -> None:
    """A draft that could be stored and shown, or reasons that could."""
    refused: tuple[FieldError, ...] = ()
    try:
        drafted = draft_of(data, NOW, "EUR")
        terms = msgspec.convert(drafted.terms, ProcedureInput)
        check_draft_terms(BUYER, terms)
    except InvalidInput as error:
        refused = error.errors
    else:
        view = CheckedNotice(draft=terms, report=drafted.report)
        assert b"\\u0000" not in msgspec.json.encode(view)
        return
    assert refused
    for each in refused:
        shown = f"{each.pointer} {each.detail}"
        assert each.code
        assert len(shown) < 3_000
        assert "\x00" not in shown
        shown.encode()


def written(document: Any) -> bytes:
    return json.dumps(document).encode()


@given(st.data())
def test_a_bent_release_is_taken_or_refused(data: st.DataObject) -> None:
    bent = copy.deepcopy(OCDS)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(list(places(bent))))
        match data.draw(st.sampled_from(["put", "remove", "repeat"])):
            case "put":
                bent = put(bent, place, data.draw(JSON))
            case "remove" if place:
                del at(bent, place[:-1])[place[-1]]
            case "repeat" if place and isinstance(at(bent, place[:-1]), list):
                at(bent, place[:-1]).append(copy.deepcopy(at(bent, place)))
    holds(written(bent))


@given(st.data())
def test_a_bent_eforms_notice_is_taken_or_refused(data: st.DataObject) -> None:
    root = etree.fromstring(EFORMS)
    for _ in range(data.draw(st.integers(1, 3))):
        element = data.draw(st.sampled_from(list(root.iter())))
        parent = element.getparent()
        # What XML has no place for is no notice; that is tried byte by byte below.
        text = "".join(c for c in data.draw(TEXTS) if c.isprintable() or c in "\n\t")
        match data.draw(st.sampled_from(["text", "attribute", "remove", "repeat", "rename"])):
            case "text":
                element.text = text
            case "attribute":
                for name in element.attrib:
                    element.attrib[name] = text
            case "remove" if parent is not None:
                parent.remove(element)
            case "repeat" if parent is not None:
                parent.append(copy.deepcopy(element))
            case "rename":
                element.tag = data.draw(st.sampled_from([each.tag for each in root.iter()]))
    holds(etree.tostring(root))


@given(
    st.sampled_from([EFORMS, as_json(OCDS)]),
    st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=4)), min_size=1, max_size=4),
    st.integers(0, 10**6) | st.none(),
)
def test_changed_bytes_are_taken_or_refused(
    notice: bytes, changes: list[tuple[int, bytes]], cut: int | None
) -> None:
    bent = bytearray(notice)
    for place, said in changes:
        start = place % len(bent)
        bent[start : start + len(said)] = said
    holds(bytes(bent if cut is None else bent[: cut % len(bent)]))
