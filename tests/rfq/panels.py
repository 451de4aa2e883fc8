"""Procedures that a panel judges, and members of it, for the tests of services."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from msgspec import structs
from sqlalchemy import insert

from marketplace.kernel.ids import new_id
from marketplace.organizations.tables import MemberRow
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from rfq.evaluation.panel import declare_interest, name_evaluators
from rfq.evaluation.panel_schemas import (
    DeclarationInput,
    PanelInput,
    ScoreInput,
    ScoresInput,
    SheetView,
)
from rfq.evaluation.scoring import hand_in, put_scores
from rfq.opening.service import open_procedure
from rfq.procedures.judging import CriterionInput, JudgingInput
from rfq.procedures.schemas import BuyerProcedureView, ProcedureInput
from rfq.rules.criteria import Aggregation, CriterionKind, Method
from tests.rfq.parties import HOUR, MoveClock, Parties, key

NO_CONFLICT = DeclarationInput(conflict=False)


def judging(
    aggregation: Aggregation = Aggregation.MEAN, method: Method = Method.POINTS, **more: Any
) -> JudgingInput:
    """Price 40, for points against a budget of 1,000; quality 60; and something to pass."""
    budget = "1000" if method is Method.POINTS else None
    return JudgingInput(
        method=method,
        aggregation=aggregation,
        criteria=[
            CriterionInput(kind=CriterionKind.PRICE, title="Price", weight="40", reference=budget),
            CriterionInput(kind=CriterionKind.SCORED, title="Quality", weight="60"),
            CriterionInput(kind=CriterionKind.GATE, title="Fits our printers"),
        ],
        **more,
    )


@dataclass(frozen=True)
class Panel:
    """A buyer's people who judge, in procedures of the parties."""

    parties: Parties

    async def member(self) -> Caller:
        """Another member of the buyer's company, with the scopes of a viewer."""
        buyer = self.parties.buyer
        scopes = frozenset({"rfq:read", "evaluations:write"})
        made = structs.replace(buyer, member_id=new_id(), scopes=scopes)
        async with transaction(self.parties.platform, buyer) as tx:
            row = {"id": made.member_id, "company_id": buyer.organization_id, "kind": "person"}
            await tx.execute(insert(MemberRow).values(row))
        return made

    async def opened(
        self, move_clock: MoveClock, terms: ProcedureInput | None = None, **more: Any
    ) -> BuyerProcedureView:
        """Bids of 580.00 (Acme), 575.00 (Bolt) and 590.00 (Coil), opened, prices hidden."""
        parties = self.parties
        terms = terms or await parties.terms()
        made = await parties.published(msgspec.structs.replace(terms, judging=judging(**more)))
        lots = len(made.lots)
        await parties.submit(made, parties.acme, *("3.10", "90") * lots)
        await parties.submit(made, parties.bolt, *("2.90", "95") * lots)
        await parties.submit(made, parties.coil, *("3.50", "80") * lots)
        await move_clock(HOUR)
        return await open_procedure(parties.platform, parties.buyer, made.id)

    async def name(self, procedure_id: UUID, *members: Caller, declared: bool = True) -> None:
        """Put members on the panel, who declare that they have no conflict."""
        platform, ids = self.parties.platform, [member.member_id for member in members]
        data = PanelInput(member_ids=ids)
        once = key()
        named = [
            await name_evaluators(platform, self.parties.buyer, procedure_id, data, once)
            for _ in range(2)
        ]
        assert named[0] == named[1], "a request sent again names nobody anew"
        for member in members if declared else ():
            await declare_interest(platform, member, procedure_id, NO_CONFLICT)

    async def score(
        self,
        made: BuyerProcedureView,
        who: Caller,
        bids: dict[UUID, UUID],
        **quality: str,
    ) -> SheetView:
        """Give each bidder, by his name, a quality; all of them fit."""
        return await put_scores(
            self.parties.platform, who, made.id, self.scores(made, bids, **quality)
        )

    def scores(
        self, made: BuyerProcedureView, bids: dict[UUID, UUID], **quality: str
    ) -> ScoresInput:
        """Scores of bids, which are found by their bidders."""
        _, by_quality, fits = made.judging.criteria
        given = []
        for name, score in quality.items():
            bid_id = bids[getattr(self.parties, name).organization_id]
            given += [
                ScoreInput(bid_id=bid_id, criterion_id=by_quality.id, score=score),
                ScoreInput(bid_id=bid_id, criterion_id=fits.id, score="1"),
            ]
        return ScoresInput(scores=given)

    async def judge(
        self,
        made: BuyerProcedureView,
        who: Caller,
        bids: dict[UUID, UUID],
        **quality: str,
    ) -> None:
        """Score and hand in."""
        await self.score(made, who, bids, **quality)
        await hand_in(self.parties.platform, who, made.id)


def bids_of(sheet: SheetView) -> dict[UUID, UUID]:
    """The bids of a sheet by their bidders."""
    return {bid.bidder_id: bid.bid_id for bid in sheet.bids}
