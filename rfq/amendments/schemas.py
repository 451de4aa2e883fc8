"""What goes over the wire about amendments."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from marketplace.kernel.limits import CRITERIA_MAX, DOCUMENTS_MAX, LINES_MAX, REQUIREMENTS_MAX
from marketplace.platform.http.schemas import Input, InstantIn, Name, Output, Text
from rfq.procedures.judging import CriterionInput, JudgedBy, RequirementInput
from rfq.procedures.schemas import ProcedureLineInput, Questionnaire
from rfq.rules.differences import ChangeKind


class AmendedLineInput(ProcedureLineInput):
    """A line as it is asked for from now on; `id` names the one there is, a new one has none."""

    id: UUID | None = None


class AmendedLotInput(Input):
    """A lot as it is asked for from now on; `id` names the one there is, a new one has none."""

    title: Name
    lines: Annotated[list[AmendedLineInput], Meta(min_length=1, max_length=LINES_MAX)]
    id: UUID | None = None


class AmendedCriterionInput(CriterionInput):
    """A criterion from now on; `id` names the one there is, a new one has none."""

    id: UUID | None = None


class AmendedJudgingInput(JudgedBy):
    """How bids are judged from now on; criteria that are left out are removed."""

    criteria: Annotated[list[AmendedCriterionInput], Meta(max_length=CRITERIA_MAX)] = msgspec.field(
        default_factory=list
    )


class AmendedRequirementInput(RequirementInput):
    """What is required from now on; `id` names the one there is, a new one has none."""

    id: UUID | None = None


class AmendmentInput(Input):
    """What is asked for from now on: title, description and lots whole, without what is left out.

    `questionnaire`, `judging`, `requirements` and `document_ids` are whole where they are there,
    and stay as they are where they are not. `document_ids` names documents that were added, those
    that stay among them. `summary` tells bidders why. Without `deadline_at` the deadline stands.
    """

    summary: Annotated[Text, Meta(min_length=1)]
    title: Name
    lots: Annotated[list[AmendedLotInput], Meta(max_length=LINES_MAX)] = msgspec.field(
        default_factory=list
    )
    description: Text = ""
    questionnaire: Questionnaire | None = None
    judging: AmendedJudgingInput | None = None
    requirements: (
        Annotated[list[AmendedRequirementInput], Meta(max_length=REQUIREMENTS_MAX)] | None
    ) = None
    document_ids: Annotated[list[UUID], Meta(max_length=DOCUMENTS_MAX)] | None = None
    deadline_at: InstantIn | None = None


class ExtensionInput(Input):
    """A later deadline, and why; bids stand as they are."""

    deadline_at: InstantIn
    reason: Annotated[Text, Meta(min_length=1)]


class ChangeView(Output):
    """One difference between two versions of the terms; `place` says where, in words."""

    kind: ChangeKind
    place: str
    before: str | None
    after: str | None


class AmendmentView(Output):
    """An amendment: `number` is the version of the terms from it on.

    Where `lines_changed`, bids for older terms cannot be confirmed; they are replaced.
    """

    number: int
    summary: str
    changes: list[ChangeView]
    lines_changed: bool
    deadline_before: datetime
    deadline_after: datetime
    amended_at: datetime


class AmendmentList(Output):
    """All amendments of a procedure, the first first."""

    items: list[AmendmentView]
