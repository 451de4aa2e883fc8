"""An abnormally low offer wins only with an explanation that was accepted."""

from datetime import timedelta

import msgspec
import pytest
from msgspec import structs
from sqlalchemy import update

from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, StaleVersion, WrongState
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from rfq.awards.schemas import AwardInput, BuyerAwardView
from rfq.awards.service import award_lot
from rfq.evaluation.rankings import read_ranking
from rfq.evaluation.schemas import LotRankingView
from rfq.explanations.schemas import (
    ExplanationDecisionInput,
    ExplanationInput,
    ExplanationRequestInput,
    ExplanationView,
)
from rfq.explanations.service import (
    decide_explanation,
    explain_offer,
    list_explanations,
    request_explanation,
)
from rfq.opening.service import open_procedure
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.abnormal import ExplanationStatus
from rfq.tables import ExplanationRow
from tests.rfq.parties import HOUR, MoveClock, Parties, key

FIRST = PageRequest(50, None)
ACCEPT = ExplanationDecisionInput(accepted=True)
REJECT = ExplanationDecisionInput(accepted=False, reason="The recycled stock is not enough.")
OWN = ExplanationInput(explanation="We close a warehouse.")


async def opened(
    parties: Parties, move_clock: MoveClock, acme: str = "1"
) -> tuple[BuyerProcedureView, LotRankingView]:
    """Acme offers at half of the others: 280, 570 and 580 in all."""
    terms = msgspec.structs.replace(await parties.terms(), low_below_mean=40, low_below_next=30)
    made = await parties.published(terms)
    await parties.submit(made, parties.acme, acme, "60")
    await parties.submit(made, parties.bolt, "3", "90")
    await parties.submit(made, parties.coil, "3.10", "90")
    await move_clock(HOUR)
    await open_procedure(parties.platform, parties.buyer, made.id)
    lot_id = made.lots[0].id
    return made, await read_ranking(parties.platform, parties.buyer, made.id, lot_id)


async def ask(
    parties: Parties, made: BuyerProcedureView, ranking: LotRankingView, place: int = 0
) -> ExplanationView:
    given = ExplanationRequestInput(bid_id=ranking.items[place].bid_id, question="How so?")
    lot_id = ranking.lot_id
    return await request_explanation(parties.platform, parties.buyer, made.id, lot_id, given, key())


async def award(parties: Parties, made: BuyerProcedureView) -> BuyerAwardView:
    last_day = (made.deadline_at + timedelta(days=300)).date()
    given = AwardInput(lot_id=made.lots[0].id, last_day=last_day)
    return (await award_lot(parties.platform, parties.buyer, made.id, given, key())).awards[0]


async def test_the_ranking_says_which_offer_is_abnormally_low(
    parties: Parties, move_clock: MoveClock
) -> None:
    _, ranking = await opened(parties, move_clock)
    assert [item.total.amount for item in ranking.items] == ["280.00", "570.00", "580.00"]
    flags = [item.abnormally_low for item in ranking.items]
    assert flags == ["It is at least 40 % below the mean of the other offers.", None, None]


async def test_a_flagged_offer_does_not_win_before_its_explanation_was_accepted(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made, ranking = await opened(parties, move_clock)
    with pytest.raises(Conflict, match="abnormally low"):
        await award(parties, made)
    asked = await ask(parties, made, ranking)
    with pytest.raises(Conflict, match="abnormally low"):
        await award(parties, made)
    with pytest.raises(WrongState):
        await decide_explanation(platform, parties.buyer, asked.id, ACCEPT, asked.version)
    told = await explain_offer(platform, parties.acme, asked.id, OWN, asked.version)
    with pytest.raises(Conflict, match="abnormally low"):
        await award(parties, made)
    await decide_explanation(platform, parties.buyer, asked.id, ACCEPT, told.version)
    won = await award(parties, made)
    assert (won.supplier_id, won.rank) == (parties.acme.organization_id, 1)


async def test_a_rejected_offer_gives_way_to_the_next_without_another_reason(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made, ranking = await opened(parties, move_clock)
    asked = await ask(parties, made, ranking)
    await decide_explanation(platform, parties.buyer, asked.id, REJECT, asked.version)
    after = await read_ranking(platform, parties.buyer, made.id, ranking.lot_id)
    assert [item.bidder_id for item in after.rejected] == [parties.acme.organization_id]
    won = await award(parties, made)
    assert (won.supplier_id, won.rank) == (parties.bolt.organization_id, 1)
    with pytest.raises(WrongState):
        await explain_offer(platform, parties.acme, asked.id, OWN, asked.version + 1)


async def test_the_same_request_for_an_explanation_asks_once(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made, ranking = await opened(parties, move_clock)
    given = ExplanationRequestInput(bid_id=ranking.items[0].bid_id, question="How so?")
    lot_id, once = ranking.lot_id, key("once")
    asked = [
        await request_explanation(platform, parties.buyer, made.id, lot_id, given, once)
        for _ in range(2)
    ]
    assert asked[0] == asked[1]
    with pytest.raises(WrongState, match="requested already"):
        await request_explanation(platform, parties.buyer, made.id, lot_id, given, key())


async def test_an_offer_that_is_not_low_cannot_be_questioned_away(
    parties: Parties, move_clock: MoveClock
) -> None:
    made, ranking = await opened(parties, move_clock)
    with pytest.raises(Conflict, match="not abnormally low"):
        await ask(parties, made, ranking, place=1)


async def test_without_the_rule_any_price_may_win(parties: Parties, move_clock: MoveClock) -> None:
    made = await parties.published()
    await parties.submit(made, parties.acme, "0.01", "0.01")
    await parties.submit(made, parties.bolt, "3", "90")
    await move_clock(HOUR)
    await open_procedure(parties.platform, parties.buyer, made.id)
    assert (await award(parties, made)).supplier_id == parties.acme.organization_id


async def test_an_explanation_is_between_its_bidder_and_the_buyer(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made, ranking = await opened(parties, move_clock)
    asked = await ask(parties, made, ranking)
    for who in (parties.bolt, structs.replace(parties.bolt, scopes=parties.buyer.scopes)):
        scoped = structs.replace(who, scopes=who.scopes | parties.acme.scopes)
        assert (await list_explanations(platform, scoped, made.id, FIRST)).items == []
        with pytest.raises(NotFound):
            await explain_offer(platform, scoped, asked.id, OWN, asked.version)
    for side in (parties.acme, parties.buyer):
        assert len((await list_explanations(platform, side, made.id, FIRST)).items) == 1
    with pytest.raises(NotFound):
        await decide_explanation(
            platform,
            structs.replace(parties.acme, scopes=parties.buyer.scopes),
            asked.id,
            ACCEPT,
            asked.version,
        )


async def test_a_bidder_cannot_accept_his_own_explanation_though_he_writes_sql(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made, ranking = await opened(parties, move_clock)
    asked = await ask(parties, made, ranking)
    accepted = {"status": ExplanationStatus.ACCEPTED.value}
    with pytest.raises(Exception, match="row-level security"):
        async with transaction(platform, parties.acme) as tx:
            await tx.execute(update(ExplanationRow).values(accepted))
    told = await explain_offer(platform, parties.acme, asked.id, OWN, asked.version)
    async with transaction(platform, parties.acme) as tx:
        await tx.execute(update(ExplanationRow).values(accepted))
    (seen,) = (await list_explanations(platform, parties.buyer, made.id, FIRST)).items
    assert seen.status is ExplanationStatus.EXPLAINED
    assert seen.version == told.version


async def test_a_rejection_says_why_and_of_two_decisions_one_counts(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made, ranking = await opened(parties, move_clock)
    asked = await ask(parties, made, ranking)
    wordless = ExplanationDecisionInput(accepted=False)
    with pytest.raises(InvalidInput):
        await decide_explanation(platform, parties.buyer, asked.id, wordless, asked.version)
    await decide_explanation(platform, parties.buyer, asked.id, REJECT, asked.version)
    with pytest.raises(StaleVersion):
        await decide_explanation(platform, parties.buyer, asked.id, REJECT, asked.version)


async def test_explanations_are_read_by_pages(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    terms = msgspec.structs.replace(await parties.terms(lots=3), low_below_mean=40)
    made = await parties.published(terms)
    for who, price in ((parties.acme, "0.5"), (parties.bolt, "3"), (parties.coil, "3")):
        await parties.submit(made, who, *[price, "60"] * 3)
    await move_clock(HOUR)
    await open_procedure(platform, parties.buyer, made.id)
    asked = []
    for lot in made.lots:
        ranking = await read_ranking(platform, parties.buyer, made.id, lot.id)
        asked.append((await ask(parties, made, ranking)).id)
    seen, after = [], None
    for _ in range(2):
        found = await list_explanations(platform, parties.acme, made.id, PageRequest(2, after))
        seen.append([item.id for item in found.items])
        after = found.next
    assert seen == [asked[:2], asked[2:]]
    assert after is None
