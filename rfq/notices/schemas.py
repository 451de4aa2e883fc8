"""What goes over the wire about notices."""

from datetime import datetime
from uuid import UUID

from marketplace.platform.http.schemas import Output
from rfq.procedures.schemas import BuyerProcedureView, ProcedureInput
from rfq.rules.notices.report import NoticeReport


class CheckedNotice(Output):
    """What would come of a notice: `draft` is what `POST /v1/procedures` takes."""

    draft: ProcedureInput
    report: NoticeReport


class ImportedNotice(Output):
    """The draft that was made, and what became of the notice in it."""

    procedure: BuyerProcedureView
    report: NoticeReport


class ProcedureNoticeView(Output):
    """The notice a draft was made of; `sha256` tells whether a file is the one."""

    procedure_id: UUID
    sha256: str
    size_bytes: int
    imported_by: UUID
    imported_at: datetime
    report: NoticeReport
