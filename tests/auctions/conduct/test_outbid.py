"""Whoever led and leads no more is told so: once for each bid, where he may know his rank."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from auctions.engine.terms import Disclosure, Format
from marketplace.mail.rules import LETTERS
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.tables import EventRow
from marketplace.worker import Worker
from tests.auctions.conduct.conftest import OpenFloor
from tests.auctions.conduct.floor import Floor

MINUTE = timedelta(minutes=1)
TOLD = "auction.bid_passed"


async def looked(floor: Floor, worker: Worker) -> list[tuple[int, dict[str, Any]]]:
    """Let somebody look, and give who was told so far, in that order, and what."""
    await worker.run_until_idle()
    await floor.move_clock(MINUTE)
    await worker.run_until_idle()
    async with system_transaction(floor.platform, Role.WORKER) as tx:
        rows = await tx.all(
            select(EventRow.audience, EventRow.payload)
            .where(EventRow.kind == TOLD)
            .order_by(EventRow.number)
        )
    places = {company.id: place for place, company in enumerate(floor.hall.suppliers)}
    return [(places[who], row.payload) for row in rows for who in row.audience]


async def test_who_led_and_was_passed_is_told_once_for_each_bid(
    open_floor: OpenFloor, worker: Worker
) -> None:
    floor = await open_floor()
    await floor.bid(0, "900.00")
    assert await looked(floor, worker) == []
    await floor.bid(1, "800.00")
    # He reads in the answer that another leads.
    await floor.bid(2, "850.00")
    ((who, facts),) = await looked(floor, worker)
    assert (who, facts["title"]) == (0, "Copper cable")
    assert facts["lot_id"] == str(floor.hall.lot_id)
    assert len(await looked(floor, worker)) == 1
    await floor.bid(0, "700.00")
    await floor.bid(1, "600.00")
    assert [who for who, _ in await looked(floor, worker)] == [0, 0]
    assert TOLD in LETTERS


async def test_where_nobody_may_know_his_rank_nobody_is_told(
    open_floor: OpenFloor, worker: Worker
) -> None:
    hidden = {"disclosure": Disclosure.OWN_ONLY, "decrement": None}
    floor = await open_floor(format=Format.SEALED, **hidden)
    await floor.bid(0, "900.00")
    await floor.bid(1, "800.00")
    assert await looked(floor, worker) == []


@pytest.mark.parametrize("ended", [True, False])
async def test_nobody_is_told_of_a_lot_that_has_ended(
    open_floor: OpenFloor, worker: Worker, *, ended: bool
) -> None:
    floor = await open_floor()
    await floor.bid(0, "900.00")
    await worker.run_until_idle()
    await floor.bid(1, "800.00")
    if ended:
        await floor.close()
    assert len(await looked(floor, worker)) == (0 if ended else 1)
