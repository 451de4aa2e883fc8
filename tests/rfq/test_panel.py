"""The panel: each judges alone, before prices are known, and the award is made from it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select, update

from marketplace.kernel.errors import Conflict, InvalidInput, NotPermitted, WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from rfq.awards.schemas import AwardInput
from rfq.awards.service import award_lot
from rfq.evaluation.computing import read_computation
from rfq.evaluation.listing import list_bids
from rfq.evaluation.panel import declare_interest, leave_panel, list_panel, name_evaluators
from rfq.evaluation.panel_schemas import DeclarationInput, LeavingInput, PanelInput
from rfq.evaluation.rankings import read_ranking
from rfq.evaluation.scoring import agree, hand_in, lock_scores, put_agreed_scores, read_sheet
from rfq.evaluation.tables import ScoreRow
from rfq.procedures.reading import read_procedure
from rfq.rules.awarding import Division
from rfq.rules.criteria import Aggregation, Method
from rfq.rules.panel import EvaluatorStatus
from rfq.rules.procedure import Status
from rfq.tables import OpenedBidRow
from tests.rfq.panels import NO_CONFLICT, Panel, bids_of
from tests.rfq.parties import MoveClock, Parties, key
from tests.support.amounts import tells

PLANTED = "7.317316"
YEAR = timedelta(days=365)


@pytest.fixture
def panel(parties: Parties) -> Panel:
    return Panel(parties)


async def locked(platform: Platform, buyer: Caller, procedure_id: UUID) -> Any:
    version = (await read_procedure(platform, buyer, procedure_id)).version
    return await lock_scores(platform, buyer, procedure_id, version)


async def seen_scores(tx: Transaction) -> list[Any]:
    return list(await tx.all(select(ScoreRow.evaluator_id, ScoreRow.score)))


async def test_what_an_evaluator_sees_does_not_depend_on_what_another_gave(
    platform: Platform, panel: Panel, owner: Any, move_clock: MoveClock
) -> None:
    made = await panel.opened(move_clock)
    assert made.status is Status.EVALUATION
    anna, ben = await panel.member(), await panel.member()
    await panel.name(made.id, anna, ben)
    bids = bids_of(await read_sheet(platform, anna, made.id))
    before = await panel.score(made, anna, bids, acme="9")
    await panel.judge(made, ben, bids, acme=PLANTED, bolt=PLANTED, coil=PLANTED)
    after = await read_sheet(platform, anna, made.id)
    assert msgspec.json.encode(after) == msgspec.json.encode(before)
    assert {score.evaluator_id for score in after.scores} == {anna.member_id}

    async with transaction(platform, anna) as tx:
        assert {row.evaluator_id for row in await seen_scores(tx)} == {anna.member_id}
        touched = await tx.execute(
            update(ScoreRow).where(ScoreRow.evaluator_id == ben.member_id).values(score=1)
        )
        assert touched == 0
    for table in ("outbox", "events", "audit_intake", "audit_trail", "idempotency_keys"):
        rows = await owner.fetch(f"select t::text from {table} t")
        assert not any(PLANTED in row["t"] for row in rows), table
    assert PLANTED in str(await owner.fetch("select * from bid_scores"))


async def test_prices_are_hidden_until_the_scores_are_locked_from_everybody_who_buys(
    platform: Platform, parties: Parties, panel: Panel, move_clock: MoveClock
) -> None:
    made = await panel.opened(move_clock)
    anna = await panel.member()
    await panel.name(made.id, anna)
    sheet = await read_sheet(platform, anna, made.id)
    assert not tells(msgspec.json.encode(sheet), "3.10")
    lot_id = made.lots[0].id
    for who in (parties.buyer, anna):
        with pytest.raises(WrongState):
            await list_bids(platform, who, made.id)
        with pytest.raises(WrongState):
            await read_ranking(platform, who, made.id, lot_id)
        with pytest.raises(WrongState):
            await read_computation(platform, who, made.id, lot_id)
        async with transaction(platform, who) as tx:
            assert await tx.all(select(OpenedBidRow.content)) == []
    async with transaction(platform, parties.acme) as tx:
        assert len(await tx.all(select(OpenedBidRow.content))) == 1
    with pytest.raises(Conflict, match="1 evaluators have not handed in"):
        await locked(platform, parties.buyer, made.id)
    quality = {"acme": "8", "bolt": "8", "coil": "8"}
    await panel.judge(made, anna, bids_of(sheet), **quality)
    assert (await locked(platform, parties.buyer, made.id)).status is Status.EVALUATED
    assert len((await list_bids(platform, parties.buyer, made.id)).items) == 3


async def test_the_award_is_made_from_the_scores_and_keeps_its_computation(
    platform: Platform, parties: Parties, panel: Panel, owner: Any, move_clock: MoveClock
) -> None:
    made = await panel.opened(move_clock)
    anna, ben = await panel.member(), await panel.member()
    await panel.name(made.id, anna, ben)
    bids = bids_of(await read_sheet(platform, anna, made.id))
    await panel.judge(made, anna, bids, acme="6", bolt="5", coil="9")
    await panel.judge(made, ben, bids, acme="6", bolt="6", coil="8")
    await locked(platform, parties.buyer, made.id)
    lot_id = made.lots[0].id
    ranking = await read_ranking(platform, parties.buyer, made.id, lot_id)
    # Price: 40 × (1000 - total) / 1000. Quality: 60 × mean / 10. Bolt is cheapest, and last.
    assert [(item.bidder_id, item.score) for item in ranking.items] == [
        (parties.coil.organization_id, "67.4"),
        (parties.acme.organization_id, "52.8"),
        (parties.bolt.organization_id, "50"),
    ]
    live = await read_computation(platform, parties.buyer, made.id, lot_id)
    assert [step.calculation for step in live.offers[0].steps][-4:] == [
        "(9 + 8) ÷ 2" if anna.member_id < ben.member_id else "(8 + 9) ÷ 2",
        "60 × 8.5 ÷ 10",
        "(1 + 1) ÷ 2",
        "16.4 + 51",
    ]
    day = (made.opened_at or made.created_at).date() + timedelta(days=90)
    data = AwardInput(lot_id=lot_id, last_day=day)
    made_award = await award_lot(platform, parties.buyer, made.id, data, key())
    award = made_award.awards[0]
    assert (award.supplier_id, award.rank) == (parties.coil.organization_id, 1)
    assert await read_computation(platform, parties.buyer, made.id, lot_id) == live
    kept = await owner.fetchval(
        "select computation #>> '{document,offers,0,score}' from award_proposals"
    )
    assert kept == "67.4"


async def test_no_declaration_no_access_and_a_declared_conflict_excludes(
    platform: Platform, parties: Parties, panel: Panel, move_clock: MoveClock
) -> None:
    made = await panel.opened(move_clock)
    anna, ben = await panel.member(), await panel.member()
    await panel.name(made.id, anna, ben, declared=False)
    stranger = await panel.member()
    for who in (anna, stranger):
        with pytest.raises(NotPermitted):
            await read_sheet(platform, who, made.id)
        with pytest.raises(NotPermitted):
            await hand_in(platform, who, made.id)
    with pytest.raises(InvalidInput):
        await declare_interest(platform, anna, made.id, DeclarationInput(conflict=True))
    conflict = DeclarationInput(conflict=True, statement="My brother sells for Acme.")
    declared = await declare_interest(platform, anna, made.id, conflict)
    assert declared.status is EvaluatorStatus.CONFLICTED
    with pytest.raises(NotPermitted):
        await read_sheet(platform, anna, made.id)
    with pytest.raises(WrongState):
        await declare_interest(platform, anna, made.id, NO_CONFLICT)
    await declare_interest(platform, ben, made.id, NO_CONFLICT)
    bids = bids_of(await read_sheet(platform, ben, made.id))
    await panel.judge(made, ben, bids, acme="6", bolt="5", coil="9")
    # What he gave counts no more once a conflict comes to light, and then nobody is left.
    await declare_interest(platform, ben, made.id, conflict)
    with pytest.raises(Conflict, match="0 evaluators have handed in"):
        await locked(platform, parties.buyer, made.id)
    with pytest.raises(InvalidInput):
        data = PanelInput(member_ids=[parties.acme.member_id])
        await name_evaluators(platform, parties.buyer, made.id, data, key())


async def test_lines_that_are_awarded_apart_go_by_their_prices_and_the_scores(
    platform: Platform, parties: Parties, panel: Panel, move_clock: MoveClock
) -> None:
    terms = msgspec.structs.replace(await parties.terms(), award_division=Division.LINES)
    made = await panel.opened(move_clock, terms, method=Method.COEFFICIENT)
    anna = await panel.member()
    await panel.name(made.id, anna)
    bids = bids_of(await read_sheet(platform, anna, made.id))
    # Half of what quality is worth, 30 of 40: Acme's prices are divided by 7/4.
    await panel.judge(made, anna, bids, acme="5", bolt="0", coil="0")
    await locked(platform, parties.buyer, made.id)
    data = AwardInput(lot_id=made.lots[0].id, last_day=made.deadline_at.date() + YEAR)
    proposal = await award_lot(platform, parties.buyer, made.id, data, key())
    # 3.10 compares as 1.77, 90 as 51.43: neither is the lowest price.
    (award,) = proposal.awards
    assert award.supplier_id == parties.acme.organization_id
    assert [line.unit_amount for line in award.lines] == ["3.1", "90"]
    told = await read_computation(platform, parties.buyer, made.id, made.lots[0].id)
    paper = told.lines[0]
    won = bids[parties.acme.organization_id]
    assert (paper.line_id, paper.best, paper.awarded) == (made.lots[0].lines[0].id, won, won)
    assert [(step.calculation, step.result) for step in paper.steps] == [
        ("3.1 / 1 / 1.75", "62/35"),
        ("2.9 / 1 / 1", "2.9"),
        ("3.5 / 1 / 1", "3.5"),
    ]


async def test_the_evaluator_leaves(
    platform: Platform, parties: Parties, panel: Panel, move_clock: MoveClock
) -> None:
    """What he gave before he handed in counts for nothing; another judges all in his place."""
    made = await panel.opened(move_clock, minimum_evaluators=2)
    anna, ben, cim = await panel.member(), await panel.member(), await panel.member()
    await panel.name(made.id, anna, ben)
    bids = bids_of(await read_sheet(platform, anna, made.id))
    await panel.judge(made, anna, bids, acme="6", bolt="5", coil="9")
    await panel.score(made, ben, bids, acme="0", bolt="10", coil="0")
    away = LeavingInput(reason="He left the company.")
    with pytest.raises(NotPermitted):
        await leave_panel(platform, cim, made.id, ben.member_id, away)
    await leave_panel(platform, parties.buyer, made.id, ben.member_id, away)
    with pytest.raises(NotPermitted):
        await read_sheet(platform, ben, made.id)
    with pytest.raises(Conflict, match="asks for 2"):
        await locked(platform, parties.buyer, made.id)
    await panel.name(made.id, cim)
    await panel.judge(made, cim, bids, acme="6", bolt="5", coil="9")
    with pytest.raises(WrongState):
        await leave_panel(platform, cim, made.id, cim.member_id, away)
    await locked(platform, parties.buyer, made.id)
    ranking = await read_ranking(platform, parties.buyer, made.id, made.lots[0].id)
    assert ranking.items[0].bidder_id == parties.coil.organization_id
    states = [each.status for each in (await list_panel(platform, parties.buyer, made.id)).items]
    assert states.count(EvaluatorStatus.LEFT) == 1
    with pytest.raises(WrongState):
        await panel.name(made.id, await panel.member())


async def test_what_was_handed_in_is_changed_by_nobody(
    platform: Platform, panel: Panel, move_clock: MoveClock
) -> None:
    made = await panel.opened(move_clock)
    anna = await panel.member()
    await panel.name(made.id, anna)
    bids = bids_of(await read_sheet(platform, anna, made.id))
    await panel.score(made, anna, bids, acme="6", bolt="5")
    with pytest.raises(Conflict, match="2 of 6"):
        await hand_in(platform, anna, made.id)
    await panel.judge(made, anna, bids, acme="7", bolt="5", coil="9")
    with pytest.raises(WrongState):
        await panel.score(made, anna, bids, acme="1")
    async with transaction(platform, anna) as tx:
        assert await tx.execute(update(ScoreRow).values(score=1)) == 0
        assert len(await seen_scores(tx)) == 6


async def test_by_consensus_all_see_all_scores_and_agree_on_one(
    platform: Platform, parties: Parties, panel: Panel, move_clock: MoveClock
) -> None:
    made = await panel.opened(move_clock, aggregation=Aggregation.CONSENSUS)
    anna, ben = await panel.member(), await panel.member()
    await panel.name(made.id, anna, ben)
    bids = bids_of(await read_sheet(platform, anna, made.id))
    for who in (anna, ben):
        await panel.judge(made, who, bids, acme="6", bolt="5", coil="9")
    assert (await locked(platform, parties.buyer, made.id)).status is Status.CONSENSUS
    with pytest.raises(WrongState):
        await list_bids(platform, parties.buyer, made.id)
    assert len((await read_sheet(platform, anna, made.id)).scores) == 12
    with pytest.raises(Conflict, match="6 of 6"):
        await agree(platform, anna, made.id)
    first = panel.scores(made, bids, acme="7", bolt="5", coil="7")
    await put_agreed_scores(platform, anna, made.id, first)
    for who in (anna, ben):
        await agree(platform, who, made.id)
    # Another proposal: all have to agree anew.
    last = panel.scores(made, bids, acme="9", bolt="5", coil="7")
    await put_agreed_scores(platform, ben, made.id, last)
    await agree(platform, anna, made.id)
    with pytest.raises(Conflict, match="1 evaluators have not agreed"):
        await locked(platform, parties.buyer, made.id)
    await agree(platform, ben, made.id)
    assert (await locked(platform, parties.buyer, made.id)).status is Status.EVALUATED
    ranking = await read_ranking(platform, parties.buyer, made.id, made.lots[0].id)
    assert [item.score for item in ranking.items] == ["70.8", "58.4", "47"]
    assert ranking.items[0].bidder_id == parties.acme.organization_id
