"""Tenders of two envelopes with bids of two bidders, to be opened and judged."""

from dataclasses import dataclass
from typing import Any

import msgspec

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.paging import PageRequest
from rfq.attachments.sealed import upload_attachment
from rfq.bids.schemas import BidAttachmentInput, ReceiptView, SealedBidInput
from rfq.evaluation.panel_schemas import ScoreInput, ScoresInput
from rfq.evaluation.scoring import hand_in, lock_scores, put_scores, read_sheet
from rfq.opening.service import open_procedure
from rfq.procedures.judging import CriterionInput, JudgingInput
from rfq.procedures.reading import read_procedure
from rfq.procedures.schemas import BuyerProcedureView, ProcedureInput
from rfq.rules.bid import Part
from rfq.rules.criteria import CriterionKind, Method
from rfq.rules.procedure import Openness, Status
from tests.rfq.panels import bids_of
from tests.rfq.parties import HOUR, MoveClock, Parties, bid

JUDGING = JudgingInput(
    method=Method.POINTS,
    criteria=[
        CriterionInput(kind=CriterionKind.PRICE, title="Price", weight="40", reference="1000"),
        CriterionInput(kind=CriterionKind.SCORED, title="Quality", weight="60", minimum="5"),
    ],
)
FIRST_PAGE = PageRequest(10, None)
DRAWING, PRICE_SHEET = b"a drawing of the shelf", b"the sheet with our prices"


@dataclass(frozen=True)
class Tender:
    """A procedure of two envelopes with bids of Acme and Bolt, and one evaluator."""

    parties: Parties
    made: BuyerProcedureView
    anna: Caller
    receipts: tuple[ReceiptView, ReceiptView]

    @property
    def platform(self) -> Platform:
        return self.parties.platform

    async def opened(self, move_clock: MoveClock) -> None:
        """Open the technical envelopes."""
        await move_clock(HOUR)
        shown = await open_procedure(self.platform, self.parties.buyer, self.made.id)
        assert shown.status is Status.EVALUATION

    async def judged(self, acme: str = "8", bolt: str = "3") -> None:
        """Score and hand in; less than 5 does not pass."""
        names = {self.parties.acme: acme, self.parties.bolt: bolt}
        found = bids_of(await read_sheet(self.platform, self.anna, self.made.id))
        quality = self.made.judging.criteria[1].id
        given = [
            ScoreInput(bid_id=found[who.organization_id], criterion_id=quality, score=score)
            for who, score in names.items()
        ]
        await put_scores(self.platform, self.anna, self.made.id, ScoresInput(scores=given))
        await hand_in(self.platform, self.anna, self.made.id)

    async def locked(self) -> BuyerProcedureView:
        buyer = self.parties.buyer
        version = (await read_procedure(self.platform, buyer, self.made.id)).version
        return await lock_scores(self.platform, buyer, self.made.id, version)


async def chunks(data: bytes) -> Any:
    yield data


async def terms(parties: Parties) -> ProcedureInput:
    return msgspec.structs.replace(
        await parties.terms(openness=Openness.OPEN), two_envelopes=True, judging=JUDGING
    )


async def with_files(parties: Parties, made: BuyerProcedureView) -> SealedBidInput:
    """Acme's bid, with a drawing in the technical envelope and a sheet in the financial one."""
    named = []
    for content, part in ((DRAWING, Part.TECHNICAL), (PRICE_SHEET, Part.FINANCIAL)):
        sent = await upload_attachment(
            parties.platform, parties.acme, made.id, chunks(content), part
        )
        name = f"{part}.txt"
        named.append(
            BidAttachmentInput(attachment_id=sent.id, sha256=sent.sha256, name=name, part=part)
        )
    return msgspec.structs.replace(bid(made, "3.10", "90", note="With oak."), attachments=named)
