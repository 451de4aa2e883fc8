"""Qualification: whether a bidder may win at all, decided before anybody sees prices.

The terms list what is required: grounds that exclude, documents, and qualifications that the buyer
keeps of his suppliers until they expire. Each is looked at for each bidder; one that is not met
excludes him, and he reads why.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, FieldError, InvalidInput
from marketplace.kernel.limits import REQUIREMENTS_MAX


class RequirementKind(StrEnum):
    """What is required of a bidder."""

    EXCLUSION_GROUND = "exclusion_ground"
    """It must not be so: insolvency, a conviction, unpaid taxes."""
    DOCUMENT = "document"
    """He has to bring it."""
    QUALIFICATION = "qualification"
    """The buyer has qualified him, and it has not expired."""


class Outcome(StrEnum):
    """What was decided of a bidder."""

    QUALIFIED = "qualified"
    EXCLUDED = "excluded"


class Requirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing required of each bidder; `code` names the qualification that is asked for."""

    id: UUID
    kind: RequirementKind
    title: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one requirement; met or not, and why not."""

    requirement_id: UUID
    met: bool
    reason: str = ""


def requirement_errors(requirements: Sequence[Requirement]) -> list[FieldError]:
    """List what is wrong with the requirements of a procedure."""
    errors: list[FieldError] = []
    if len(requirements) > REQUIREMENTS_MAX:
        detail = f"A procedure has at most {REQUIREMENTS_MAX} requirements."
        errors.append(FieldError("/requirements", "too_many", detail))
    for number, each in enumerate(requirements):
        if (each.kind is RequirementKind.QUALIFICATION) != (each.code is not None):
            detail = "A qualification is named by its code, and nothing else is."
            errors.append(FieldError(f"/requirements/{number}/code", "code", detail))
    return errors


def outcome(
    requirements: Sequence[Requirement],
    findings: Sequence[Finding],
    valid_until: Mapping[str, datetime],
    at: datetime,
) -> Outcome:
    """Decide on a bidder by what was found; `valid_until` are his qualifications by code.

    Raises InvalidInput where a requirement is left out or answered twice, a reason is missing, or a
    qualification is called met that he does not have.
    """
    errors = [
        *_unanswered(requirements, findings),
        *_unfounded(requirements, findings, valid_until, at),
    ]
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)
    return Outcome.QUALIFIED if all(each.met for each in findings) else Outcome.EXCLUDED


def _unanswered(
    requirements: Sequence[Requirement], findings: Sequence[Finding]
) -> list[FieldError]:
    asked = {each.id: each for each in requirements}
    seen: set[UUID] = set()
    errors: list[FieldError] = []
    for number, finding in enumerate(findings):
        pointer = f"/findings/{number}/requirement_id"
        if finding.requirement_id not in asked:
            errors.append(FieldError(pointer, "unknown", "The terms have no such requirement."))
        elif finding.requirement_id in seen:
            errors.append(FieldError(pointer, "twice", "This requirement is answered twice."))
        seen.add(finding.requirement_id)
    errors += [
        FieldError("/findings", "missing", f"{each.title} is not answered.")
        for each in requirements
        if each.id not in seen
    ]
    return errors


def _unfounded(
    requirements: Sequence[Requirement],
    findings: Sequence[Finding],
    valid_until: Mapping[str, datetime],
    at: datetime,
) -> list[FieldError]:
    asked = {each.id: each for each in requirements}
    errors: list[FieldError] = []
    for number, finding in enumerate(findings):
        if not finding.met and not finding.reason.strip():
            detail = "Whoever is excluded reads why: say it in words."
            errors.append(FieldError(f"/findings/{number}/reason", "empty", detail))
        requirement = asked.get(finding.requirement_id)
        if requirement and finding.met and (why := lacking(requirement, valid_until, at)):
            errors.append(FieldError(f"/findings/{number}/met", "not_qualified", why))
    return errors


def lacking(
    requirement: Requirement, valid_until: Mapping[str, datetime], at: datetime
) -> str | None:
    """Say why a bidder lacks a qualification that is asked for; None where he does not.

    It holds until the instant it expires, not at it.
    """
    if requirement.kind is not RequirementKind.QUALIFICATION or requirement.code is None:
        return None
    end = valid_until.get(requirement.code)
    if end is None:
        return f"He has no qualification {requirement.code}."
    if at >= end:
        return f"His qualification {requirement.code} expired at {end.isoformat()}."
    return None


def check_all_decided(bidders: Collection[UUID], decided: Collection[UUID]) -> None:
    """Guard of ending the qualification; raises Conflict."""
    if missing := len(set(bidders) - set(decided)):
        raise Conflict(f"{missing} bidders are not decided on yet.")
