"""Lives of procedures, for the tests of what they publish."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import structs
from sqlalchemy import select

from auctions.bidding import place_bid
from auctions.engine.terms import Measure
from auctions.schemas import BidInput
from auctions.terms_schemas import DecrementInput, StepInput
from marketplace.contracts.reading import read_contract
from marketplace.contracts.signing import sign_contract
from marketplace.platform.caller import Caller
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.http.schemas import MoneyInput
from marketplace.worker import Worker
from rfq.amendments.schemas import ExtensionInput
from rfq.amendments.service import amend_procedure, extend_deadline
from rfq.attachments.documents import add_document
from rfq.awards.leaving import end_lot, fail_award, withdraw_proposal
from rfq.awards.reading import read_proposal
from rfq.awards.schemas import (
    AwardFailureInput,
    AwardProposalView,
    AwardWithdrawalInput,
    LotEndInput,
)
from rfq.clarifications.schemas import AnswerInput, QuestionInput
from rfq.clarifications.service import answer_question, ask_question
from rfq.handover.schemas import LotAuctionInput
from rfq.handover.service import start_lot_auction
from rfq.ocds.tables import ReleaseRow
from rfq.opening.service import open_procedure
from rfq.procedures.reading import read_procedure
from rfq.procedures.schemas import BudgetInput, BuyerProcedureView
from rfq.rules.procedure import Kind, Openness
from rfq.rules.settlement import Cause
from tests.rfq.awards.tender import DAY, proposed
from tests.rfq.parties import HOUR, MoveClock, Parties, key
from tests.rfq.test_amendments import amendment
from tests.rfq.test_attachments import chunks


@dataclass(frozen=True)
class Secrets:
    """What no release may tell, to be exchanged."""

    asker: str = "acme"
    own_words: str = "Does our grade 7731 count?"
    note: str = "note 4242"
    budget: str = "9876.54"
    reserve: str | None = "579.99"
    loser_prices: tuple[str, str] = ("3.50", "80")
    loser: str = "coil"
    reason: str = "Insolvency file 31337."
    document: str = "My Terms.txt"


@dataclass
class Life:
    """One open tender, from its publication to its end, step by step."""

    parties: Parties
    worker: Worker
    move_clock: MoveClock
    secrets: Secrets = Secrets()
    openness: Openness = Openness.OPEN
    budget_shown: bool = False
    made: BuyerProcedureView = None  # type: ignore[assignment]

    @property
    def buyer(self) -> Caller:
        return self.parties.buyer

    async def now(self) -> BuyerProcedureView:
        view = await read_procedure(self.parties.platform, self.buyer, self.made.id)
        assert isinstance(view, BuyerProcedureView)
        self.made = view
        return view

    async def publish(self, **terms: Any) -> None:
        """Four lots; a standstill, and contracts that are signed."""
        given = {
            "kind": Kind.TENDER,
            "description": "Paper and toner for a year.",
            "amendment_notice_hours": 0,
            "standstill_days": 10,
            "signatures": True,
            "budget": BudgetInput(amount=self.secrets.budget, shown=self.budget_shown),
            **terms,
        }
        asked = await self.parties.terms(lots=4, openness=self.openness, minimum_bids=2)
        self.made = await self.parties.published(msgspec.structs.replace(asked, **given))

    async def ask_and_answer(self) -> None:
        """A question is answered."""
        platform, secrets = self.parties.platform, self.secrets
        asker = getattr(self.parties, secrets.asker)
        words = QuestionInput(question=secrets.own_words)
        asked = await ask_question(platform, asker, self.made.id, words, key())
        answer = AnswerInput(question="Is recycled paper accepted?", answer="Yes, from 75 g.")
        await answer_question(platform, self.buyer, asked.id, answer, asked.version)

    async def amend_and_extend(self) -> None:
        """More is asked for, the fourth lot is dropped, a document comes; the deadline moves."""
        platform, name = self.parties.platform, self.secrets.document
        added = await add_document(
            platform, self.buyer, self.made.id, "Terms.txt", chunks(b"Be quick.")
        )
        await add_document(platform, self.buyer, self.made.id, name, chunks(b"Be slow."))
        await self.now()
        terms = amendment(self.made, document_ids=[added.id])
        fewer = msgspec.structs.replace(terms, lots=terms.lots[:3])
        self.made = await amend_procedure(
            platform, self.buyer, self.made.id, fewer, self.made.version
        )
        later = ExtensionInput(deadline_at=self.made.deadline_at + HOUR, reason="Holidays.")
        self.made = await extend_deadline(
            platform, self.buyer, self.made.id, later, self.made.version
        )

    async def bid_and_open(self) -> None:
        """Three bids for two lots, one for the third, which has too few."""
        parties, loser = self.parties, getattr(self.parties, self.secrets.loser)
        await parties.submit(self.made, parties.acme, *("3.10", "90") * 2)
        await parties.submit(self.made, parties.bolt, *("2.90", "95") * 2)
        if loser is not parties.acme:
            await parties.submit(self.made, loser, *self.secrets.loser_prices * 3)
        await self.move_clock(3 * HOUR)
        await open_procedure(parties.platform, self.buyer, self.made.id)
        await self.now()

    async def auction(self) -> None:
        """The first lot in an auction, in which Acme underbids Bolt."""
        data = LotAuctionInput(
            lot_id=self.made.lots[0].id,
            bidders=2,
            decrement=DecrementInput(step=StepInput(measure=Measure.ABSOLUTE, value="1")),
            ends_at=self.made.deadline_at + 5 * HOUR,
            reserve=self.secrets.reserve,
        )
        parties = self.parties
        auction = await start_lot_auction(parties.platform, self.buyer, self.made.id, data, key())
        await self.move_clock(timedelta(seconds=2))
        await self.worker.run_until_idle()
        amount = BidInput(amount=MoneyInput(amount="500.00", currency="EUR"))
        await place_bid(parties.platform, parties.acme, auction.auction_id, "first", amount)
        await self.move_clock(6 * HOUR)
        await self.worker.run_until_idle()

    async def award(self, lot: int = 0) -> AwardProposalView:
        """Decide a lot; the standstill begins."""
        return await proposed(self.parties, await self.now(), lot=lot)

    async def end_standstill(self, proposal: AwardProposalView) -> AwardProposalView:
        await self.move_clock(14 * DAY)
        await self.worker.run_until_idle()
        return await read_proposal(self.parties.platform, self.buyer, proposal.id)

    async def sign(self, proposal: AwardProposalView, supplier: Caller) -> None:
        """Both sides sign."""
        contract_id = proposal.awards[0].contract_id
        assert contract_id is not None
        for who in (self.buyer, supplier):
            signer = structs.replace(who, scopes=who.scopes | {"contracts:sign", "contracts:read"})
            contract = await read_contract(self.parties.platform, signer, contract_id)
            await sign_contract(self.parties.platform, signer, contract_id, contract.version)

    async def fail(self, proposal: AwardProposalView) -> None:
        """The winner is insolvent."""
        reason = AwardFailureInput(cause=Cause.INSOLVENT, reason=self.secrets.reason)
        platform, award = self.parties.platform, proposal.awards[0]
        await fail_award(platform, self.buyer, award.id, reason, proposal.version)

    async def withdraw(self, proposal: AwardProposalView) -> None:
        """The buyer takes a proposal back in its standstill."""
        data = AwardWithdrawalInput(reason=self.secrets.reason)
        platform = self.parties.platform
        await withdraw_proposal(platform, self.buyer, proposal.id, data, proposal.version)

    async def end_lot(self, lot: int) -> None:
        """A lot ends without an award."""
        await self.now()
        data = LotEndInput(reason="The need is gone.")
        lot_id = self.made.lots[lot].id
        platform, made = self.parties.platform, self.made
        await end_lot(platform, self.buyer, made.id, lot_id, data, made.version)

    async def whole(self) -> None:
        """From the publication to the last lot."""
        await self.publish()
        await self.go_on()

    async def go_on(self) -> None:
        """All that comes after the publication."""
        await self.ask_and_answer()
        await self.amend_and_extend()
        await self.bid_and_open()
        await self.auction()
        first = await self.end_standstill(await self.award())
        await self.sign(first, self.parties.acme)
        await self.fail(first)
        await self.end_standstill(await self.award())
        await self.withdraw(await self.award(lot=1))
        await self.end_lot(1)
        await self.worker.run_until_idle()

    async def releases(self) -> list[str]:
        """What was published of it, the first first."""
        return await releases_of(self.parties, self.made.id)


async def releases_of(parties: Parties, procedure_id: UUID) -> list[str]:
    """The releases of a procedure as they are kept, the first first."""
    async with system_transaction(parties.platform, Role.API) as tx:
        rows = await tx.all(
            select(ReleaseRow.document)
            .where(ReleaseRow.procedure_id == procedure_id)
            .order_by(ReleaseRow.number)
        )
    return [row.document for row in rows]
