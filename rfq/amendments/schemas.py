"""What goes over the wire about amendments."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from marketplace.kernel.limits import LINES_MAX
from marketplace.platform.http.schemas import Input, InstantIn, Name, Output, Text
from rfq.procedures.schemas import ProcedureLineInput, Questionnaire
from rfq.rules.amendment import ChangeKind


class AmendedLineInput(ProcedureLineInput):
    """A line as it is asked for from now on; `id` names the one there is, a new one has none."""

    id: UUID | None = None


class AmendedLotInput(Input):
    """A lot as it is asked for from now on; `id` names the one there is, a new one has none."""

    title: Name
    lines: Annotated[list[AmendedLineInput], Meta(min_length=1, max_length=LINES_MAX)]
    id: UUID | None = None


class AmendmentInput(Input):
    """What is asked for from now on, whole; what is left out is removed.

    `summary` tells bidders why. Without `deadline_at` the deadline stands.
    """

    summary: Annotated[Text, Meta(min_length=1)]
    title: Name
    lots: Annotated[list[AmendedLotInput], Meta(max_length=LINES_MAX)] = msgspec.field(
        default_factory=list
    )
    description: Text = ""
    questionnaire: Questionnaire = msgspec.field(default_factory=list)
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
