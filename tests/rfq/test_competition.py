"""A mini-competition: the members of a framework bid, and the award is a call-off."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest
from msgspec import structs
from sqlalchemy import select

from auctions.bidding import place_bid
from auctions.engine.terms import Format, Measure
from auctions.schemas import BidInput
from auctions.terms_schemas import DecrementInput, StepInput
from marketplace.contracts.concluding import conclude
from marketplace.contracts.frameworks import make_framework
from marketplace.contracts.rules import ContractDraft, ContractPrice, Tier
from marketplace.contracts.schemas import FrameworkInput
from marketplace.contracts.tables import FrameworkMemberRow
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.platform.http.schemas import MoneyInput
from marketplace.worker import Worker
from rfq.awards.breakdowns import send_breakdown
from rfq.awards.schemas import AwardInput, BreakdownInput, BreakdownLineInput
from rfq.awards.service import award_lot
from rfq.bids.schemas import SealedBidInput, SealedBidLineInput
from rfq.bids.service import submit_bid
from rfq.handover.schemas import LotAuctionInput
from rfq.handover.service import start_lot_auction
from rfq.opening.service import open_procedure
from rfq.procedures.publishing import create_procedure, invite_suppliers
from rfq.procedures.reading import read_procedure
from rfq.procedures.schemas import BuyerProcedureView, InvitationInput, ProcedureInput
from rfq.rules.procedure import Openness
from tests.rfq.parties import HOUR, MoveClock, Parties, key, line_ids


async def competition(parties: Parties) -> ProcedureInput:
    """Terms for ten toners among Acme (at 60.00) and Bolt (at 55.00), under their framework."""
    terms = await parties.terms()
    today = terms.deadline_at.date()
    ids = []
    for supplier, price in ((parties.acme, "60"), (parties.bolt, "55")):
        draft = ContractDraft(
            buyer_id=parties.buyer.organization_id,
            supplier_id=supplier.organization_id,
            title="Toner",
            currency="EUR",
            time_zone="UTC",
            first_day=today - timedelta(days=2),
            last_day=today + timedelta(days=300),
            prices=tuple(
                ContractPrice(sku, "Toner", "C62", Decimal(1), (Tier(Decimal(1), Decimal(price)),))
                for sku in ("TN-1", "TN-3")
            ),
        )
        async with system_transaction(parties.platform, Role.ENGINE) as tx:
            ids.append(await conclude(tx, draft))
    buyer = structs.replace(parties.buyer, scopes=parties.buyer.scopes | {"frameworks:write"})
    given = FrameworkInput(title="Toner", contract_ids=ids, ceiling="5000")
    made = await make_framework(parties.platform, buyer, given, key())
    lines = [msgspec.structs.replace(terms.lots[0].lines[1], quantity="10")]
    terms.lots = [msgspec.structs.replace(terms.lots[0], lines=lines)]
    terms.openness, terms.framework_id = Openness.MEMBERS, made.id
    return terms


def at(made: BuyerProcedureView, price: str, sku: str | None = "TN-1") -> SealedBidInput:
    line = SealedBidLineInput(line_id=line_ids(made)[0], unit_amount=price, sku=sku)
    return SealedBidInput(currency="EUR", lines=[line])


async def test_members_compete_at_most_at_their_own_framework_prices_and_the_award_is_a_call_off(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    terms = await competition(parties)
    made = await parties.published(terms)
    for who, price, code in (
        (parties.acme, "60.01", "above_framework_price"),
        (parties.bolt, "55.01", "above_framework_price"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await submit_bid(platform, who, made.id, at(made, price), key())
        assert refused.value.errors[0].code == code
    with pytest.raises(InvalidInput) as unnamed:
        await submit_bid(platform, parties.acme, made.id, at(made, "1", sku=None), key())
    assert unnamed.value.errors[0].code == "not_in_framework"
    await submit_bid(platform, parties.acme, made.id, at(made, "54"), key())
    await submit_bid(platform, parties.bolt, made.id, at(made, "55"), key())
    await move_clock(HOUR)
    await open_procedure(platform, parties.buyer, made.id)
    last_day = (made.deadline_at + timedelta(days=30)).date()
    given = AwardInput(lot_id=made.lots[0].id, last_day=last_day)
    await award_lot(platform, parties.buyer, made.id, given, key())
    async with transaction(platform, parties.buyer) as tx:
        rows = await tx.all(
            select(FrameworkMemberRow.framework_id, FrameworkMemberRow.supplier_id).where(
                FrameworkMemberRow.call_off
            )
        )
    assert [tuple(row) for row in rows] == [(terms.framework_id, parties.acme.organization_id)]


async def test_members_compete_in_an_auction_and_no_line_ends_above_its_framework_price(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    terms = await competition(parties)
    more = [msgspec.structs.replace(line, quantity="1") for line in terms.lots[0].lines]
    terms.lots = [msgspec.structs.replace(terms.lots[0], lines=[*terms.lots[0].lines, *more])]
    made = await parties.published(terms)
    for who, price in ((parties.acme, "60"), (parties.bolt, "55")):
        lines = [
            SealedBidLineInput(line_id=line, unit_amount=price, sku=sku)
            for line, sku in zip(line_ids(made), ("TN-1", "TN-3"), strict=True)
        ]
        data = SealedBidInput(currency="EUR", lines=lines)
        await submit_bid(platform, who, made.id, data, key())
    await move_clock(HOUR)
    await open_procedure(platform, parties.buyer, made.id)
    lot_id = made.lots[0].id
    asked = LotAuctionInput(
        lot_id=lot_id,
        bidders=2,
        ends_at=made.deadline_at + 2 * HOUR,
        decrement=DecrementInput(step=StepInput(measure=Measure.ABSOLUTE, value="0.01")),
    )
    vickrey = msgspec.structs.replace(asked, format=Format.VICKREY)
    with pytest.raises(InvalidInput, match="only lowers"):
        await start_lot_auction(platform, parties.buyer, made.id, vickrey, key())
    started = await start_lot_auction(platform, parties.buyer, made.id, asked, key())
    await move_clock(HOUR / 60)
    await worker.run_until_idle()
    amount = BidInput(amount=MoneyInput(amount="600.00", currency="EUR"))
    await place_bid(platform, parties.acme, started.auction_id, "only", amount)
    await move_clock(2 * HOUR)
    await worker.run_until_idle()
    own = [
        BreakdownLineInput(line_id=line, unit_amount=price)
        for line, price in zip(line_ids(made), ("53.99", "60.10"), strict=True)
    ]
    with pytest.raises(InvalidInput) as above:
        await send_breakdown(platform, parties.acme, made.id, lot_id, BreakdownInput(lines=own))
    assert [each.code for each in above.value.errors] == ["above_framework_price"]
    last_day = (made.deadline_at + timedelta(days=30)).date()
    given = AwardInput(lot_id=lot_id, last_day=last_day)
    (award,) = (await award_lot(platform, parties.buyer, made.id, given, key())).awards
    assert award.supplier_id == parties.acme.organization_id
    assert award.total.amount == "600.00"
    assert all(Decimal(line.unit_amount) < 60 for line in award.lines)


async def test_only_members_see_a_mini_competition_and_nobody_else_can_be_invited(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published(await competition(parties))
    assert (await read_procedure(platform, parties.acme, made.id)).id == made.id
    with pytest.raises(NotFound):
        await read_procedure(platform, parties.coil, made.id)
    with pytest.raises(NotFound):
        await submit_bid(platform, parties.coil, made.id, at(made, "1"), key())
    with pytest.raises(Conflict, match="members"):
        more = InvitationInput(supplier_ids=[parties.coil.organization_id])
        await invite_suppliers(platform, parties.buyer, made.id, more, key())


async def test_a_framework_is_named_by_its_buyer_and_only_where_its_members_compete(
    platform: Platform, parties: Parties
) -> None:
    terms = await parties.terms(openness=Openness.MEMBERS)
    for openness, framework_id in (
        (Openness.MEMBERS, None),
        (Openness.OPEN, new_id()),
        (Openness.MEMBERS, new_id()),  # nobody's, or another buyer's
    ):
        wrong = msgspec.structs.replace(terms, openness=openness, framework_id=framework_id)
        with pytest.raises(InvalidInput) as refused:
            await create_procedure(platform, parties.buyer, wrong, key())
        assert refused.value.errors[0].pointer == "/framework_id"
