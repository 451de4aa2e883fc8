"""What happens at the deadline itself, on a clock that stands still where the test puts it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from sqlalchemy import func, select

from marketplace.app import assemble
from marketplace.kernel.errors import Conflict, WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from rfq.bids.receiving import bids_lock
from rfq.bids.schemas import ReceiptView
from rfq.bids.service import list_receipts, replace_bid, withdraw_bid
from rfq.opening.service import close_bids
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.bid import BidStatus
from rfq.rules.procedure import Status
from tests.conftest import StopClock
from tests.rfq.parties import Parties, bid, key

LAST = timedelta(microseconds=1)
"""The least time there is in the database: so long before the deadline is the last moment."""


async def replaced(parties: Parties, made: BuyerProcedureView, sent: ReceiptView) -> ReceiptView:
    return await replace_bid(
        parties.platform,
        parties.acme,
        made.id,
        sent.bid_id,
        data=bid(made, "2", "90"),
        version=sent.version,
        key=key(),
    )


async def test_deadline_and_last_bid_in_the_same_millisecond(
    platform: Platform, parties: Parties, stop_clock: StopClock
) -> None:
    made = await parties.published()
    await stop_clock(made.deadline_at - LAST)
    last = await parties.submit(made, parties.acme, "3", "90")
    assert last.submitted_at == made.deadline_at - LAST
    with pytest.raises(Conflict):
        await close_bids(platform, made.id)
    await stop_clock(made.deadline_at)
    with pytest.raises(WrongState):
        await parties.submit(made, parties.bolt, "1", "10")
    with pytest.raises(WrongState):
        await replaced(parties, made, last)
    with pytest.raises(WrongState):
        await withdraw_bid(platform, parties.acme, made.id, last.bid_id, last.version)
    assert await close_bids(platform, made.id) is Status.CLOSED
    (kept,) = (await list_receipts(platform, parties.acme, made.id)).items
    assert (kept.version, kept.status, kept.commitment) == (1, BidStatus.LIVE, last.commitment)
    assert (await list_receipts(platform, parties.bolt, made.id)).items == []


async def test_replacing_while_the_deadline_passes(
    platform: Platform, parties: Parties, owner: asyncpg.Connection, stop_clock: StopClock
) -> None:
    made = await parties.published()
    first = await parties.submit(made, parties.acme, "3", "90")
    await stop_clock(made.deadline_at - LAST)
    # Who amends or closes holds all bids: a replacement that was sent in time waits for him.
    async with transaction(platform, parties.buyer) as tx:
        await tx.execute(select(func.pg_advisory_xact_lock(bids_lock(made.id))))
        waiting = asyncio.create_task(replaced(parties, made, first))
        await _until_somebody_waits(owner)
        await stop_clock(made.deadline_at)
    with pytest.raises(WrongState):
        await waiting
    (kept,) = (await list_receipts(platform, parties.acme, made.id)).items
    assert (kept.version, kept.status, kept.commitment) == (1, BidStatus.LIVE, first.commitment)
    assert await close_bids(platform, made.id) is Status.CLOSED


class Waited:
    """A request that has waited for its turn since it was here."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def ago(self) -> timedelta:
        return timedelta(seconds=self.seconds)


def after_waiting(who: Caller, seconds: float) -> Caller:
    return msgspec.structs.replace(who, arrival=Waited(seconds))  # type: ignore[arg-type]


async def test_a_bid_counts_by_when_it_arrived_and_not_by_when_its_turn_came(
    platform: Platform, parties: Parties, stop_clock: StopClock
) -> None:
    made = await parties.published()
    first = await parties.submit(made, parties.coil, "3", "90")
    # In the rush its turn comes half a second after the deadline.
    await stop_clock(made.deadline_at + timedelta(seconds=0.5))
    in_time, late = after_waiting(parties.acme, 0.500001), after_waiting(parties.bolt, 0.5)
    taken = await parties.submit(made, in_time, "3", "90")
    assert taken.submitted_at == made.deadline_at - LAST
    with pytest.raises(WrongState):
        await parties.submit(made, late, "1", "10")
    coil = after_waiting(parties.coil, 0.6)
    gone = await withdraw_bid(platform, coil, made.id, first.bid_id, first.version)
    assert gone.status == BidStatus.WITHDRAWN
    assert await close_bids(platform, made.id) is Status.CLOSED
    # Closed is closed: whoever waited longer than the close did was not taken.
    with pytest.raises(WrongState):
        await parties.submit(made, after_waiting(parties.bolt, 5), "1", "10")


async def test_the_close_waits_for_what_had_arrived(
    platform: Platform, parties: Parties, owner: asyncpg.Connection, stop_clock: StopClock
) -> None:
    patient = assemble(replace(platform.settings, settle_seconds=2.0)).platform
    try:
        made = await Parties(patient, parties.buyer, *parties.suppliers).published()
        due = "select due_at from timers where kind = 'rfq.opening' and subject_id = $1"
        assert await owner.fetchval(due, made.id) == made.deadline_at + timedelta(seconds=2)
        await stop_clock(made.deadline_at + timedelta(seconds=1.9))
        # It waits for the tenth of a second that is left, and on this clock that never ends.
        with pytest.raises(Conflict):
            await close_bids(patient, made.id)
        await parties.submit(made, after_waiting(parties.acme, 1.95), "3", "90")
        await stop_clock(made.deadline_at + timedelta(seconds=2))
        assert await close_bids(patient, made.id) is Status.CLOSED
    finally:
        await patient.close()


async def _until_somebody_waits(owner: asyncpg.Connection) -> None:
    while not await owner.fetchval(
        "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    ):
        await asyncio.sleep(0.005)
