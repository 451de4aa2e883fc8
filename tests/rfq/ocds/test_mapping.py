"""Releases of any amendments merge to what is asked for last; our rules of merging are theirs."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from subprocess import run
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from ocdsmerge.rules import get_merge_rules

from marketplace.kernel.clock import rfc3339
from rfq.ocds.facts import Asked, Attached, Company
from rfq.ocds.merging import merge_schema, merged
from rfq.ocds.release import Release, Tender, encode
from rfq.ocds.tender import asked_tender
from rfq.rules.criteria import LOWEST_PRICE, Criterion, CriterionKind, Judging, Method
from rfq.rules.procedure import Kind, Line, Lot, LotStatus, Status
from tests.rfq.ocds.conformance import errors, needs_standard, release_schema

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
FIRST = Asked(
    id=UUID(int=1),
    kind=Kind.TENDER,
    status=Status.PUBLISHED,
    title="Paper",
    description="",
    currency="EUR",
    buyer=Company(UUID(int=2), "Buyer"),
    lots=(),
    lot_statuses={},
    judging=LOWEST_PRICE,
    requirements=(),
    budget=Decimal("123456789012345678.123456"),
    documents=(),
    published_at=AT,
    deadline_at=AT + timedelta(days=9),
    questions_until=None,
)
DOCUMENTS = tuple(Attached(UUID(int=n), f"{n}.pdf", "application/pdf") for n in (8, 9))


@st.composite
def versions(draw: st.DrawFn) -> Asked:
    """Terms with any of four lots, each with any of its three lines."""
    lots = tuple(
        Lot(
            UUID(int=100 + number),
            draw(st.sampled_from(["A lot", "The lot"])),
            tuple(
                Line(
                    UUID(int=1000 * number + line),
                    Decimal(draw(st.sampled_from(["1", "2.5", "1000000"]))),
                    "KGM",
                    f"Line {line}",
                )
                for line in sorted(draw(st.sets(st.integers(1, 3), min_size=1)))
            ),
        )
        for number in sorted(draw(st.sets(st.integers(1, 4), min_size=1)))
    )
    return replace(
        FIRST,
        title=draw(st.sampled_from(["Paper", "Paper and toner"])),
        description=draw(st.sampled_from(["", "For a year."])),
        requirements=draw(st.sampled_from([(), ("Insured",), ("Insured", "Solvent")])),
        documents=tuple(each for each in DOCUMENTS if draw(st.booleans())),
        lots=lots,
        lot_statuses={lot.id: LotStatus.RECEIVING for lot in lots},
    )


def amended(before: Asked, after: Asked) -> Tender:
    lots = {lot.id for lot in after.lots}
    lines = {line.id for lot in after.lots for line in lot.lines}
    return asked_tender(
        after,
        amended=True,
        removed_lots=[(lot.id, lot.title) for lot in before.lots if lot.id not in lots],
        removed_lines=[
            (lot.id, line) for lot in before.lots for line in lot.lines if line.id not in lines
        ],
        removed_documents=[
            (each.id, each.name) for each in before.documents if each not in after.documents
        ],
    )


def released(tenders: Sequence[Tender]) -> list[str]:
    return [
        encode(
            Release(
                ocid="ocds-213czf-1",
                id=str(number),
                date=rfc3339(AT + timedelta(seconds=number)),
                tag=[],
                initiation_type="tender",
                tender=tender,
            )
        ).decode()
        for number, tender in enumerate(tenders)
    ]


def plain(document: Any) -> Any:
    """A release or record as plain values, without what is null, in the order of ids."""
    if isinstance(document, dict):
        return {name: plain(value) for name, value in document.items() if value is not None}
    if isinstance(document, list):
        return sorted((plain(each) for each in document), key=str)
    return document


@settings(max_examples=40)
@given(st.lists(versions(), min_size=1, max_size=5))
def test_releases_of_amendments_merge_to_what_is_asked_for_last(asked: list[Asked]) -> None:
    changes = [amended(before, after) for before, after in pairwise(asked)]
    documents = released([asked_tender(asked[0]), *changes])
    compiled = msgspec.json.decode(merged(documents))["tender"]
    (alone,) = released([asked_tender(asked[-1])])
    last = plain(msgspec.json.decode(alone)["tender"])
    lots = {lot["id"] for lot in last["lots"]}
    assert {lot["status"] for lot in compiled["lots"] if lot["id"] not in lots} <= {"cancelled"}
    items = {item["id"] for item in last["items"]}
    assert {item["quantity"] for item in compiled["items"] if item["id"] not in items} <= {0}
    kept = {each["id"] for each in last.get("documents", ())}
    gone = [each for each in compiled.get("documents", ()) if each["id"] not in kept]
    assert all("No longer" in each["description"] for each in gone)
    left = {
        **compiled,
        "lots": [lot for lot in compiled["lots"] if lot["id"] in lots],
        "items": [item for item in compiled["items"] if item["id"] in items],
        "documents": [each for each in compiled.get("documents", ()) if each["id"] in kept],
    }
    assert {name: value for name, value in plain(left).items() if value != []} == last


def test_amounts_keep_all_their_digits_through_a_merge() -> None:
    document = released([asked_tender(replace(FIRST, budget=Decimal("123456789012345678.12")))])
    assert b"123456789012345678.12" in merged(document)


@needs_standard
def test_merging_goes_by_the_rules_of_the_standards_own_schema() -> None:
    ours, theirs = get_merge_rules(merge_schema()), get_merge_rules(release_schema())
    assert ours == {path: rule for path, rule in theirs.items() if _known(path)}


def _known(path: tuple[str, ...]) -> bool:
    schema: Any = merge_schema()
    for name in path:
        schema = schema.get("items", schema).get("properties", {}).get(name)
        if schema is None:
            return False
    return True


@needs_standard
def test_criteria_and_requirements_are_as_the_extensions_ask() -> None:
    judging = Judging(
        method=Method.POINTS,
        criteria=(
            Criterion(id=UUID(int=5), kind=CriterionKind.PRICE, title="Price", weight=Decimal(40)),
            Criterion(
                id=UUID(int=6),
                kind=CriterionKind.SCORED,
                title="Quality",
                weight=Decimal(60),
                minimum=Decimal(5),
            ),
            Criterion(id=UUID(int=7), kind=CriterionKind.GATE, title="Fits"),
        ),
    )
    lots = (Lot(UUID(int=100), "A lot", (Line(UUID(int=3), Decimal(1), "C62", "Thing"),)),)
    asked = replace(
        FIRST, judging=judging, lots=lots, lot_statuses={lots[0].id: LotStatus.RECEIVING}
    )
    (document,) = released([asked_tender(asked)])
    release = msgspec.json.decode(document)
    assert errors({**release, "tag": ["tender"]}) == []
    assert release["tender"]["awardCriteria"] == "ratedCriteria"
    (lot,) = release["tender"]["lots"]
    assert [each["type"] for each in lot["awardCriteria"]["criteria"]] == [
        "price",
        "quality",
        "quality",
    ]


def test_an_api_process_does_not_load_what_merges() -> None:
    """The merge brings an HTTP client along; it is the worker's."""
    script = (
        "import sys, rfq.feature, marketplace.app\n"
        "sys.exit(any(name in sys.modules for name in ('ocdsmerge', 'requests', 'jsonref')))"
    )
    assert run([sys.executable, "-c", script], check=False).returncode == 0  # noqa: S603
