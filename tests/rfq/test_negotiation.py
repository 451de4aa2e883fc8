"""Buyer and bidder negotiate a lot: in turns, between the two of them, until the award."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from msgspec import structs
from sqlalchemy import insert, select, update
from sqlalchemy.exc import ProgrammingError

from marketplace.contracts.reading import read_contract
from marketplace.contracts.terms import LineTerms
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, StaleVersion, WrongState
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from marketplace.platform.idempotency import IdempotencyKey
from marketplace.platform.timers import fire_due
from rfq.awards.schemas import AwardInput, BuyerAwardView
from rfq.awards.service import award_lot
from rfq.evaluation.rankings import read_ranking
from rfq.feature import FEATURE
from rfq.handover.schemas import LotAuctionInput
from rfq.handover.service import start_lot_auction
from rfq.negotiation import messages, service
from rfq.negotiation.schemas import (
    NegotiationEndInput,
    NegotiationInput,
    NegotiationMessageInput,
    NegotiationOfferInput,
    NegotiationView,
    OfferedLineInput,
)
from rfq.negotiation.tables import NegotiationMessageRow, NegotiationOfferRow, NegotiationRow
from rfq.opening.service import open_procedure
from rfq.procedures.cancelling import cancel_procedure
from rfq.procedures.reading import load
from rfq.procedures.schemas import BuyerProcedureView, CancellationInput
from rfq.rules.procedure import Kind
from tests.rfq.parties import HOUR, MoveClock, Parties, key, line_ids
from tests.support.amounts import tells

FIRST = PageRequest(50, None)


class Table:
    """An RFQ after its opening: Acme bid 380.00 for the lot, Bolt 390.00, Coil 400.00."""

    def __init__(self, parties: Parties, made: BuyerProcedureView) -> None:
        self.parties, self.platform, self.made = parties, parties.platform, made
        self.buyer, self.acme, self.bolt = parties.buyer, parties.acme, parties.bolt
        self.lot_id = made.lots[0].id

    def lines(self, *prices: str, terms: LineTerms | None = None) -> list[OfferedLineInput]:
        return [
            OfferedLineInput(line_id=line_id, unit_amount=price, terms=terms)
            for line_id, price in zip(line_ids(self.made), prices, strict=True)
        ]

    async def bid_of(self, who: Caller) -> object:
        ranking = await read_ranking(self.platform, self.buyer, self.made.id, self.lot_id)
        every = [*ranking.items, *ranking.rejected]
        return next(item.bid_id for item in every if item.bidder_id == who.organization_id)

    async def begin(
        self, who: Caller, *prices: str, once: IdempotencyKey | None = None
    ) -> NegotiationView:
        given = NegotiationInput(
            bid_id=await self.bid_of(who),
            lines=self.lines(*prices),
            answer_by=self.made.deadline_at + 2 * HOUR,
            note="We take all of it this year.",
        )
        return await service.begin_negotiation(
            self.platform, self.buyer, self.made.id, self.lot_id, given, once or key()
        )

    async def offer(
        self, who: Caller, on: NegotiationView, *prices: str, terms: LineTerms | None = None
    ) -> NegotiationView:
        answer_by = self.made.deadline_at + 3 * HOUR
        given = NegotiationOfferInput(lines=self.lines(*prices, terms=terms), answer_by=answer_by)
        return await service.make_offer(
            self.platform, who, on.id, data=given, version=on.version, key=key()
        )

    async def accept(self, who: Caller, on: NegotiationView) -> NegotiationView:
        return await service.accept_offer(self.platform, who, on.id, on.version)

    async def award(self, *, bid_id: UUID | None = None, reason: str = "") -> BuyerAwardView:
        last_day = (self.made.deadline_at + timedelta(days=300)).date()
        given = AwardInput(
            lot_id=self.lot_id,
            last_day=last_day,
            bid_ids=[] if bid_id is None else [bid_id],
            reason=reason,
        )
        return (await award_lot(self.platform, self.buyer, self.made.id, given, key())).awards[0]


async def opened(parties: Parties, move_clock: MoveClock, kind: Kind = Kind.RFQ) -> Table:
    terms = await parties.terms()
    terms.kind = kind
    made = await parties.published(terms)
    await parties.submit(made, parties.acme, "2", "60")
    await parties.submit(made, parties.bolt, "2.10", "60")
    await parties.submit(made, parties.coil, "2.20", "60")
    await move_clock(HOUR)
    await open_procedure(parties.platform, parties.buyer, made.id)
    return Table(parties, made)


@pytest.fixture
async def table(parties: Parties, move_clock: MoveClock) -> Table:
    return await opened(parties, move_clock)


async def test_offers_go_to_and_fro_and_what_is_agreed_is_awarded(
    platform: Platform, table: Table
) -> None:
    begun = await table.begin(table.bolt, "1.80", "50")
    assert (begun.status, begun.offers[0].total.amount) == ("with_bidder", "330.00")
    answered = await table.offer(table.bolt, begun, "1.90", "55", terms=LineTerms(payment_days=60))
    assert (answered.status, answered.rounds) == ("with_buyer", 2)
    agreed = await table.accept(table.buyer, answered)
    assert (agreed.status, agreed.agreed_offer) == ("agreed", 2)

    ranking = await read_ranking(platform, table.buyer, table.made.id, table.lot_id)
    assert [(item.total.amount, item.negotiated) for item in ranking.items] == [
        ("355.00", True),
        ("380.00", False),
        ("400.00", False),
    ]
    won = await table.award()
    assert (won.supplier_id, won.total.amount) == (table.bolt.organization_id, "355.00")
    contract = await read_contract(platform, table.buyer, won.contract_id)
    assert [price.tiers[0].amount for price in contract.prices] == ["1.9", "55"]
    assert [price.terms for price in contract.prices] == [LineTerms(payment_days=60)] * 2
    steps = [(step.kind, step.hash) for step in contract.provenance]
    assert ("rfq.negotiation", agreed.offers[1].hash) in steps


async def test_only_the_side_whose_turn_it_is_offers_accepts_or_ends(table: Table) -> None:
    begun = await table.begin(table.bolt, "1.80", "50")
    with pytest.raises(WrongState, match="turn is the bidder's"):
        await table.offer(table.buyer, begun, "1.70", "50")
    with pytest.raises(WrongState):
        await table.accept(table.buyer, begun)
    with pytest.raises(WrongState):
        end = NegotiationEndInput(reason="Enough.")
        await service.end_negotiation(table.platform, table.buyer, begun.id, end, begun.version)
    answered = await table.offer(table.bolt, begun, "1.90", "55")
    with pytest.raises(WrongState, match="turn is the buyer's"):
        await table.accept(table.bolt, answered)


async def test_of_two_hands_of_one_side_at_once_one_wins(table: Table) -> None:
    begun = await table.begin(table.bolt, "1.80", "50")
    results = await asyncio.gather(
        table.accept(table.bolt, begun),
        table.offer(table.bolt, begun, "1.90", "55"),
        table.offer(table.bolt, begun, "1.95", "55"),
        return_exceptions=True,
    )
    refused = [each for each in results if isinstance(each, BaseException)]
    assert len(refused) == 2
    assert all(isinstance(each, StaleVersion | WrongState) for each in refused)
    with pytest.raises(StaleVersion):
        await table.offer(table.bolt, begun, "1.85", "55")


async def test_the_same_request_has_one_effect(table: Table) -> None:
    begun = await table.begin(table.bolt, "1.80", "50", once=key("begin"))
    assert await table.begin(table.bolt, "1.80", "50", once=key("begin")) == begun
    said = NegotiationMessageInput(message="Is it in stock?")
    sent = [
        await messages.send_message(table.platform, table.bolt, begun.id, said, key("say"))
        for _ in range(2)
    ]
    assert sent[0] == sent[1]
    kept = await messages.list_messages(table.platform, table.bolt, begun.id, FIRST)
    assert [each.message for each in kept.items] == [said.message]
    given = NegotiationOfferInput(
        lines=table.lines("1.90", "55"), answer_by=table.made.deadline_at + 3 * HOUR
    )
    once = key("once")
    answers = [
        await service.make_offer(
            table.platform, table.bolt, begun.id, data=given, version=begun.version, key=once
        )
        for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert answers[0].rounds == 2


async def test_an_unanswered_offer_expires_on_time_and_once_with_several_workers(
    platform: Platform, table: Table, move_clock: MoveClock
) -> None:
    begun = await table.begin(table.bolt, "1.80", "50")
    timers = {timer.kind: timer.fire for timer in FEATURE.timers}
    await move_clock(timedelta(minutes=119))
    await fire_due(platform, timers)
    assert (await service.read_negotiation(platform, table.bolt, begun.id)).status == "with_bidder"
    await move_clock(timedelta(minutes=1))
    # The clock decides, though no worker has come by yet.
    with pytest.raises(WrongState, match="expired"):
        await table.accept(table.bolt, begun)
    await asyncio.gather(*(fire_due(platform, timers) for _ in range(3)))
    await asyncio.gather(*(service.expire_negotiation(platform, begun.id) for _ in range(3)))
    expired = await service.read_negotiation(platform, table.buyer, begun.id)
    assert (expired.status, expired.version) == ("expired", begun.version + 1)


async def test_an_answer_moves_the_expiry_with_it(
    platform: Platform, table: Table, move_clock: MoveClock
) -> None:
    begun = await table.begin(table.bolt, "1.80", "50")
    answered = await table.offer(table.bolt, begun, "1.90", "55")
    await move_clock(timedelta(hours=2, minutes=30))  # past the first offer's, before the second's
    await fire_due(platform, {timer.kind: timer.fire for timer in FEATURE.timers})
    await service.expire_negotiation(platform, begun.id)
    assert (await table.accept(table.buyer, answered)).status == "agreed"


async def test_nobody_but_the_two_sides_sees_a_negotiation(
    platform: Platform, table: Table
) -> None:
    begun = await table.begin(table.bolt, "1.80", "50")
    await messages.send_message(
        platform, table.bolt, begun.id, NegotiationMessageInput(message="Can you wait?"), key()
    )
    for outsider in (table.acme, table.parties.coil):
        nosy = structs.replace(outsider, scopes=table.buyer.scopes | table.bolt.scopes)
        with pytest.raises(NotFound):
            await service.read_negotiation(platform, nosy, begun.id)
        with pytest.raises(NotFound):
            await messages.list_messages(platform, nosy, begun.id, FIRST)
        with pytest.raises(NotFound):
            await table.accept(nosy, begun)
        listed = await service.list_negotiations(platform, nosy, table.made.id, FIRST)
        assert listed.items == []
        async with transaction(platform, nosy) as tx:  # underneath, by the rows themselves
            for own in (
                NegotiationRow.id,
                NegotiationOfferRow.negotiation_id,
                NegotiationMessageRow.id,
            ):
                assert await tx.all(select(own)) == []
    for side in (table.buyer, table.bolt):
        (item,) = (await service.list_negotiations(platform, side, table.made.id, FIRST)).items
        assert item.id == begun.id
        (message,) = (await messages.list_messages(platform, side, begun.id, FIRST)).items
        assert (message.side, message.message) == ("bidder", "Can you wait?")


async def test_row_security_keeps_the_bidder_to_his_turn_and_his_own_words(
    platform: Platform, table: Table
) -> None:
    begun = await table.begin(table.bolt, "1.80", "50")
    for status in ("expired", "called_off"):
        with pytest.raises(ProgrammingError, match="row-level security"):
            async with transaction(platform, table.bolt) as tx:
                await tx.execute(update(NegotiationRow).values(status=status))
    answered = await table.offer(table.bolt, begun, "1.90", "55")
    async with transaction(platform, table.bolt) as tx:
        touched = await tx.execute(update(NegotiationRow).values(status="agreed"))
    assert touched == 0
    with pytest.raises(ProgrammingError, match="row-level security"):
        async with transaction(platform, table.bolt) as tx:
            await tx.execute(
                insert(NegotiationMessageRow).values(
                    id=new_id(),
                    negotiation_id=answered.id,
                    buyer_id=table.buyer.organization_id,
                    bidder_id=table.bolt.organization_id,
                    side="buyer",
                    message="We accept.",
                    sent_at=answered.begun_at,
                )
            )


async def test_a_bidder_is_negotiated_with_once_at_a_time(table: Table) -> None:
    begun = await table.begin(table.bolt, "1.80", "50")
    with pytest.raises(Conflict, match="already"):
        await table.begin(table.bolt, "1.70", "50")
    await table.begin(table.acme, "1.80", "50")
    end = NegotiationEndInput(reason="Not at that price.")
    ended = await service.end_negotiation(table.platform, table.bolt, begun.id, end, begun.version)
    assert (ended.status, ended.ended_because) == ("ended", "Not at that price.")
    assert (await table.begin(table.bolt, "1.95", "55")).rounds == 1


async def test_an_award_ends_what_is_negotiated_with_the_others(
    platform: Platform, table: Table
) -> None:
    with_acme = await table.begin(table.acme, "1.80", "50")
    with_bolt = await table.accept(table.bolt, await table.begin(table.bolt, "1.80", "50"))
    won = await table.award()
    assert won.supplier_id == table.bolt.organization_id
    ended = await service.read_negotiation(platform, table.acme, with_acme.id)
    assert ended.status == "called_off"
    kept = await service.read_negotiation(platform, table.bolt, with_bolt.id)
    assert kept.status == "agreed"
    with pytest.raises(WrongState):
        await table.accept(table.acme, ended)


async def test_a_cancellation_ends_every_negotiation(platform: Platform, table: Table) -> None:
    begun = await table.begin(table.bolt, "1.80", "50")
    async with transaction(platform, table.buyer) as tx:
        version = (await load(tx, table.made.id)).version
    given = CancellationInput(reason="No budget.")
    await cancel_procedure(platform, table.buyer, table.made.id, given, version)
    ended = await service.read_negotiation(platform, table.bolt, begun.id)
    assert ended.status == "called_off"


async def test_a_lot_that_is_negotiated_is_not_auctioned(platform: Platform, table: Table) -> None:
    await table.begin(table.bolt, "1.80", "50")
    given = LotAuctionInput(
        lot_id=table.lot_id,
        bidders=2,
        decrement={"step": {"kind": "amount", "value": "1.00"}},  # type: ignore[arg-type]
        ends_at=table.made.deadline_at + 3 * HOUR,
    )
    with pytest.raises(Conflict, match="negotiated"):
        await start_lot_auction(platform, table.buyer, table.made.id, given, key())


async def test_a_tender_is_not_negotiated(parties: Parties, move_clock: MoveClock) -> None:
    table = await opened(parties, move_clock, Kind.TENDER)
    with pytest.raises(Conflict, match="tender stand"):
        await table.begin(table.bolt, "1.80", "50")


async def test_nothing_is_offered_above_the_bid_that_was_sealed(table: Table) -> None:
    begun = await table.begin(table.bolt, "1.80", "50")
    with pytest.raises(InvalidInput) as refused:
        await table.offer(table.bolt, begun, "2.10", "60.01")
    assert refused.value.errors[0].code == "above_bid"


async def test_prices_are_in_no_event_and_no_audit_entry(
    table: Table, owner: asyncpg.Connection
) -> None:
    begun = await table.begin(table.bolt, "1.8437", "51.377")
    await table.accept(table.bolt, begun)
    for name in ("outbox", "audit_intake", "audit_trail", "events"):
        rows = await owner.fetch(f"select t::text as line from {name} t")
        text = "\n".join(row["line"] for row in rows)
        assert not tells(text, "1.8437")
        assert not tells(text, "51.377")
