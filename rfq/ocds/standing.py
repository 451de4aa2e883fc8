"""What of one procedure is public, for who may see the procedure."""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from sqlalchemy import select

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.platform.http.schemas import Output
from rfq.ocds.reading import ROOT
from rfq.ocds.tables import RecordRow, ReleaseRow
from rfq.procedures.reading import load, reads_as_buyer
from rfq.rules.procedure import Openness, Status


class OpenDataState(StrEnum):
    """Whether a procedure is among the open data, and why not."""

    PUBLISHED = "published"
    NOT_YET = "not_yet"
    PRIVATE = "private"
    BEFORE = "before"


WORDS: Final = {
    OpenDataState.PUBLISHED: "What is public of this procedure stands in its record.",
    OpenDataState.NOT_YET: "It becomes public within a second or two of its publication.",
    OpenDataState.PRIVATE: "Only procedures that are open to every supplier are public.",
    OpenDataState.BEFORE: (
        "It was published before there was open data here, and stays private: its history would "
        "begin in the middle."
    ),
}


class ProcedureOpenDataView(Output):
    """What of a procedure is public: its ocid and record, or why there is none."""

    procedure_id: UUID
    state: OpenDataState
    detail: str
    ocid: str | None
    record: str | None
    releases: int
    released_at: datetime | None


def state_of(openness: Openness, status: Status, *, known: bool, recent: bool) -> OpenDataState:
    """Decide; `known` is whether there is a record, `recent` whether one may be on its way."""
    if known:
        return OpenDataState.PUBLISHED
    if openness is not Openness.OPEN:
        return OpenDataState.PRIVATE
    return OpenDataState.NOT_YET if status is Status.DRAFT or recent else OpenDataState.BEFORE


async def read_open_data(
    platform: Platform, caller: Caller, procedure_id: UUID
) -> ProcedureOpenDataView:
    """Tell whether a procedure is among the open data, and where; raises NotFound."""
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        reads_as_buyer(caller, loaded)
    async with system_transaction(platform, Role.API) as tx:
        record = await tx.maybe(
            select(RecordRow.ocid, RecordRow.releases, ReleaseRow.released_at)
            .join(
                ReleaseRow,
                (ReleaseRow.procedure_id == RecordRow.procedure_id)
                & (ReleaseRow.number == RecordRow.releases),
            )
            .where(RecordRow.procedure_id == procedure_id)
        )
        recent = record is None and bool(
            await tx.scalar(
                select(ReleaseRow.number).where(ReleaseRow.procedure_id == procedure_id).limit(1)
            )
        )
    state = state_of(
        loaded.procedure.openness,
        loaded.procedure.status,
        known=record is not None,
        recent=recent,
    )
    public_url = platform.settings.public_url
    return ProcedureOpenDataView(
        procedure_id=procedure_id,
        state=state,
        detail=WORDS[state],
        ocid=None if record is None else record.ocid,
        record=None if record is None else f"{public_url}{ROOT}/records/{record.ocid}",
        releases=0 if record is None else record.releases,
        released_at=None if record is None else record.released_at,
    )
