"""Bids that end before the decision: asked to bind longer, answered, left out, awarded without."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from marketplace.kernel.errors import Conflict, NotFound, NotPermitted, StaleVersion, WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from marketplace.platform.sheets.page import page
from marketplace.worker import Worker
from rfq.awards.notices import list_notices
from rfq.evaluation.listing import list_bids
from rfq.evaluation.rankings import read_ranking
from rfq.printouts.service import Asked, print_decision
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.settlement import ProposalStatus
from rfq.rules.validity import ExtensionStatus
from rfq.validity.schemas import (
    BidExtensionAnswerInput,
    BidExtensionRequestInput,
    BidExtensionView,
)
from rfq.validity.service import answer_extension, list_extensions, request_extension
from rfq.validity.tables import BidExtensionRow
from tests.rfq.awards.tender import DAY, opened, proposed, standing
from tests.rfq.parties import MoveClock, Parties, key

FIRST = PageRequest(50, None)
YES, NO = BidExtensionAnswerInput(extend=True), BidExtensionAnswerInput(extend=False)


async def asked_of(parties: Parties, who: Caller, made: BuyerProcedureView) -> BidExtensionView:
    (own,) = (await list_extensions(parties.platform, who, made.id, FIRST)).items
    assert own.bidder_id == who.organization_id
    return own


async def ask_and_answer(
    parties: Parties, made: BuyerProcedureView, wish: BidExtensionRequestInput, owner: Any
) -> None:
    """Acme says yes, Bolt no, Coil nothing; nobody else can say it for them, nor say it twice."""
    platform = parties.platform
    # The same request asks once; all three are asked, each of them told of himself alone.
    for _ in range(2):
        request = await request_extension(platform, parties.buyer, made.id, wish, key("once"))
    assert request.asked == 3
    rows = await owner.fetch("select audience from outbox where kind = 'bid_extension.requested'")
    assert sorted(row["audience"] for row in rows) == sorted(
        [who.organization_id] for who in parties.suppliers
    )

    bolt = await asked_of(parties, parties.bolt, made)
    acme = await asked_of(parties, parties.acme, made)
    await asked_of(parties, parties.coil, made)
    assert (bolt.status, bolt.bound_until, bolt.until) == (
        ExtensionStatus.ASKED,
        made.bids_valid_until,
        wish.until,
    )
    with pytest.raises(NotFound):
        await answer_extension(platform, parties.coil, bolt.id, YES, 1)
    with pytest.raises(NotPermitted):
        await answer_extension(platform, parties.buyer, bolt.id, YES, 1)
    async with transaction(platform, parties.buyer) as tx:
        # The database lets nobody answer for a bidder.
        forged = await tx.all(
            update(BidExtensionRow).values(status="extended").returning(BidExtensionRow.id)
        )
        assert not forged
    with pytest.raises(StaleVersion):
        await answer_extension(platform, parties.acme, acme.id, YES, 2)
    extended = await answer_extension(platform, parties.acme, acme.id, YES, 1)
    assert extended.status is ExtensionStatus.EXTENDED
    await answer_extension(platform, parties.bolt, bolt.id, NO, 1)
    with pytest.raises(WrongState):
        await answer_extension(platform, parties.bolt, bolt.id, YES, 2)


async def what_is_left(
    parties: Parties, made: BuyerProcedureView, wish: BidExtensionRequestInput
) -> UUID:
    """Acme alone is in the running; give the bid of one who is not."""
    platform = parties.platform
    (coil,) = (await list_extensions(platform, parties.coil, made.id, FIRST)).items
    with pytest.raises(WrongState):
        await answer_extension(platform, parties.coil, coil.id, YES, 1)
    shown = (await list_extensions(platform, parties.buyer, made.id, FIRST)).items
    assert {each.bidder_id: each.status for each in shown} == {
        parties.acme.organization_id: ExtensionStatus.EXTENDED,
        parties.bolt.organization_id: ExtensionStatus.REFUSED,
        parties.coil.organization_id: ExtensionStatus.LAPSED,
    }
    ranking = await read_ranking(platform, parties.buyer, made.id, made.lots[0].id)
    left = [(each.bidder_id, each.binds_until) for each in ranking.items]
    assert left == [(parties.acme.organization_id, wish.until)]
    out = {each.bidder_id: each.reason for each in ranking.excluded}
    assert set(out) == {parties.bolt.organization_id, parties.coil.organization_id}
    assert all("and was not extended" in why for why in out.values())
    bids = (await list_bids(platform, parties.buyer, made.id)).items
    assert [bid.offers[0].excluded is None for bid in bids] == [True, False, False]
    return next(each.bid_id for each in ranking.excluded)


async def what_is_told(parties: Parties, made: BuyerProcedureView) -> None:
    platform = parties.platform
    told = (await list_notices(platform, parties.bolt, made.id)).items[-1]
    assert told.reasons[0].startswith("Your bid bound you until")
    decision = await print_decision(platform, parties.buyer, made.id, Asked((), None))
    for words in ("Not extended", "No answer", "The panel needs a month more."):
        assert words in page(decision.sheet).decode()
    own = page((await print_decision(platform, parties.bolt, made.id, Asked((), None))).sheet)
    assert b"Not extended" in own
    assert b"No answer" not in own


async def test_who_does_not_extend_leaves_the_running_when_his_bid_ends_and_the_next_wins(
    parties: Parties, worker: Worker, move_clock: MoveClock, owner: Any
) -> None:
    terms = await parties.terms()
    ends = terms.deadline_at + 30 * DAY
    made = await opened(parties, move_clock, bids_valid_until=ends, standstill_days=10)
    wish = BidExtensionRequestInput(until=ends + 60 * DAY, reason="The panel needs a month more.")

    await ask_and_answer(parties, made, wish, owner)

    # The first still binds when he is proposed, and no more when the standstill is over.
    await move_clock(25 * DAY)
    first = await proposed(parties, made)
    assert first.awards[0].supplier_id == parties.bolt.organization_id
    await move_clock(20 * DAY)
    await worker.run_until_idle()
    after = await standing(parties, first)
    assert after.status is ProposalStatus.WITHDRAWN
    assert after.ended_because is not None
    assert "was not extended" in after.ended_because
    assert await owner.fetchval("select count(*) from contracts") == 0

    ended = await what_is_left(parties, made, wish)
    # A named bid that has ended is refused; the next wins, and needs no reason.
    with pytest.raises(Conflict, match="was not extended"):
        await proposed(parties, made, bid_ids=[ended], reason="He was the first.")
    second = await proposed(parties, made)
    assert second.awards[0].supplier_id == parties.acme.organization_id
    await what_is_told(parties, made)
    await move_clock(20 * DAY)
    await worker.run_until_idle()
    assert (await standing(parties, second)).status is ProposalStatus.AWARDED


async def test_an_answer_is_waited_for_as_long_as_a_yes_to_another_request_keeps_the_bid_alive(
    parties: Parties, move_clock: MoveClock
) -> None:
    platform = parties.platform
    terms = await parties.terms()
    ends = terms.deadline_at + 30 * DAY
    made = await opened(parties, move_clock, bids_valid_until=ends)
    for number, days in enumerate((30, 60)):
        wish = BidExtensionRequestInput(until=ends + days * DAY, reason="It takes longer.")
        await request_extension(platform, parties.buyer, made.id, wish, key(f"{number}"))
    first, second = (await list_extensions(platform, parties.acme, made.id, FIRST)).items
    await answer_extension(platform, parties.acme, first.id, YES, 1)
    await move_clock(40 * DAY)

    async def read(who: Caller) -> dict[UUID, ExtensionStatus]:
        items = (await list_extensions(platform, who, made.id, FIRST)).items
        return {each.id: each.status for each in items}

    for who in (parties.acme, parties.buyer):
        assert (await read(who))[second.id] is ExtensionStatus.ASKED
    assert set((await read(parties.coil)).values()) == {ExtensionStatus.LAPSED}
    answer = await answer_extension(platform, parties.acme, second.id, YES, 1)
    assert answer.status is ExtensionStatus.EXTENDED
