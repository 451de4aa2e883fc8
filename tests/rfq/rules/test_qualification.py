from datetime import datetime
from uuid import UUID

import pytest

from marketplace.kernel.errors import InvalidInput
from rfq.rules import qualification as rules
from rfq.rules.qualification import Finding, Outcome, Requirement, RequirementKind
from tests.rfq.rules.cases import DEADLINE, MOMENT

SOLVENT = Requirement(id=UUID(int=1), kind=RequirementKind.EXCLUSION_GROUND, title="Solvent")
EXTRACT = Requirement(id=UUID(int=2), kind=RequirementKind.DOCUMENT, title="Register extract")
ISO = Requirement(
    id=UUID(int=3), kind=RequirementKind.QUALIFICATION, title="ISO 9001", code="ISO-9001"
)
ALL = (SOLVENT, EXTRACT, ISO)


def decided(*findings: Finding, held: dict[str, datetime] | None = None) -> Outcome:
    until = {"ISO-9001": DEADLINE} if held is None else held
    return rules.outcome(ALL, findings, until, DEADLINE - MOMENT)


def met(*requirements: Requirement) -> list[Finding]:
    return [Finding(each.id, met=True) for each in requirements]


def codes(*findings: Finding, held: dict[str, datetime] | None = None) -> list[str]:
    with pytest.raises(InvalidInput) as refusal:
        decided(*findings, held=held)
    return [error.code for error in refusal.value.errors]


def test_who_meets_everything_is_qualified() -> None:
    assert decided(*met(*ALL)) is Outcome.QUALIFIED


def test_one_thing_that_is_not_met_excludes_with_a_reason() -> None:
    missing = Finding(EXTRACT.id, met=False, reason="It is of 2019.")
    assert decided(*met(SOLVENT, ISO), missing) is Outcome.EXCLUDED
    assert codes(*met(SOLVENT, ISO), Finding(EXTRACT.id, met=False, reason=" ")) == ["empty"]


def test_every_requirement_is_answered_once_and_no_other() -> None:
    assert codes(*met(SOLVENT, EXTRACT)) == ["missing"]
    assert codes(*met(*ALL, SOLVENT)) == ["twice"]
    assert codes(*met(*ALL), Finding(UUID(int=9), met=True)) == ["unknown"]


def test_a_qualification_holds_until_the_instant_it_expires_and_not_at_it() -> None:
    assert rules.lacking(ISO, {"ISO-9001": DEADLINE}, DEADLINE - MOMENT) is None
    assert "expired" in (rules.lacking(ISO, {"ISO-9001": DEADLINE}, DEADLINE) or "")
    assert rules.lacking(SOLVENT, {}, DEADLINE) is None


def test_nobody_calls_a_qualification_met_that_the_bidder_does_not_have() -> None:
    assert codes(*met(*ALL), held={}) == ["not_qualified"]
    assert codes(*met(*ALL), held={"ISO-9001": DEADLINE - MOMENT}) == ["not_qualified"]


def test_a_qualification_is_named_by_its_code_and_nothing_else_is() -> None:
    assert rules.requirement_errors(ALL) == []
    bad = (
        Requirement(id=UUID(int=4), kind=RequirementKind.QUALIFICATION, title="x"),
        Requirement(id=UUID(int=5), kind=RequirementKind.DOCUMENT, title="x", code="A"),
    )
    assert [e.pointer for e in rules.requirement_errors(bad)] == [
        "/requirements/0/code",
        "/requirements/1/code",
    ]
    assert rules.requirement_errors(ALL * 20)[0].code == "too_many"
