"""Auctions of several lots, through the API: when they run, and that each has its own course."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select

from auctions.engine.events import Close
from auctions.intake import Intake
from auctions.tables import LedgerRow
from marketplace.app import assemble
from marketplace.kernel.errors import Conflict
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.settings import Settings
from marketplace.platform.tables import TimerRow
from marketplace.worker import Worker
from tests.auctions.auction_hall import MINUTE, money
from tests.auctions.test_auctions import _feed, a_draft, clock
from tests.conftest import MoveClock
from tests.support.world import Company, World

OVERTIME = {
    "window": "PT2M",
    "extension": "PT3M",
    "lowest_rank": 1,
    "at_most": 5,
    "total_max": "PT10M",
}


@dataclass
class Event:
    """A scheduled auction of several lots, as its buyer holds it."""

    client: httpx.AsyncClient
    buyer: Company
    suppliers: list[Company]
    path: str
    lots: list[str]

    async def shown(self, who: Company) -> dict[str, Any]:
        """The auction as somebody reads it."""
        shown: dict[str, Any] = (await self.client.get(self.path, headers=who.headers)).json()
        return shown

    async def phases(self) -> list[str]:
        """Where its lots are."""
        return [lot["phase"] for lot in (await self.shown(self.buyer))["lots"]]

    async def bid(self, who: Company, lot: int | None, amount: str) -> httpx.Response:
        """Bid on a lot, by its place."""
        body = money(amount) | ({} if lot is None else {"lot_id": self.lots[lot]})
        return await self.client.post(f"{self.path}/bids", json=body, headers=who.writing)

    async def read(self, who: Company, what: str, lot: int) -> httpx.Response:
        """Read something of a lot."""
        params = {"lot_id": self.lots[lot]}
        address = f"{self.path}/{what}"
        return await self.client.get(address, params=params, headers=who.headers)


def several(
    suppliers: Sequence[Sequence[Company]], now: datetime, order: str, **changes: Any
) -> dict[str, Any]:
    """A draft of as many lots as there are lists of suppliers; the first says when."""
    draft = a_draft(list(suppliers[0]), now, overtime=None)
    for place, invited in enumerate(suppliers[1:], start=2):
        lot = a_draft(list(invited), now, overtime=None)["lots"][0]
        del lot["starts_at"], lot["ends_at"]
        draft["lots"].append(lot | {"title": f"Lot {place}"})
    return draft | {"lot_order": order} | changes


async def scheduled(
    client: httpx.AsyncClient, buyer: Company, suppliers: list[Company], draft: dict[str, Any]
) -> Event:
    """Make and schedule an auction."""
    made = await client.post("/v1/auctions", json=draft, headers=buyer.writing)
    assert made.status_code == 201, made.text
    path = f"/v1/auctions/{made.json()['id']}"
    headers = {**buyer.headers, "If-Match": made.headers["ETag"]}
    answer = await client.post(f"{path}/schedule", headers=headers)
    assert answer.status_code == 200, answer.text
    return Event(client, buyer, suppliers, path, [lot["id"] for lot in answer.json()["lots"]])


@pytest.fixture
async def companies(world: World) -> tuple[Company, list[Company]]:
    """A buyer, and Acme and Bolt."""
    return await world.buyer(), [await world.supplier("Acme"), await world.supplier("Bolt")]


async def entries(platform: Platform, lot: str) -> list[str]:
    """The kinds of a lot's log."""
    async with system_transaction(platform, Role.ENGINE) as tx:
        rows = await tx.all(
            select(LedgerRow.kind).where(LedgerRow.lot_id == UUID(lot)).order_by(LedgerRow.seq)
        )
    return [row.kind for row in rows]


async def test_serial_lots_begin_when_the_one_before_has_ended(
    client: httpx.AsyncClient,
    platform: Platform,
    companies: tuple[Company, list[Company]],
    worker: Worker,
    move_clock: MoveClock,
) -> None:
    buyer, both = companies
    draft = several([both, both, both], await clock(platform), "serial", lot_interval="PT1M")
    draft["lots"][0]["overtime"] = OVERTIME
    draft["lots"][2]["lasts"] = "PT5M"
    event = await scheduled(client, buyer, both, draft)
    planned = (await event.shown(buyer))["lots"]
    first, second, third = (datetime.fromisoformat(lot["starts_at"]) for lot in planned)
    assert (second - first, third - second) == (11 * MINUTE, 11 * MINUTE)
    waiting = (await event.read(both[0], "standing", 1)).json()["standing"]
    assert (waiting["phase"], waiting["waits"]) == ("scheduled", True)

    await move_clock(MINUTE)
    await worker.run_until_idle()
    assert await event.phases() == ["open", "scheduled", "scheduled"]
    assert (await event.bid(both[0], 1, "900.00")).status_code == 409
    # Overtime moves the first lot's close, and so all that comes after it.
    await move_clock(9 * MINUTE)
    assert (await event.bid(both[0], 0, "900.00")).status_code == 201
    await move_clock(3 * MINUTE)
    await worker.run_until_idle()
    assert await event.phases() == ["open", "scheduled", "scheduled"]
    await move_clock(MINUTE)
    await worker.run_until_idle()
    assert await event.phases() == ["closed", "scheduled", "scheduled"]
    assert (await event.shown(buyer))["status"] == "open"

    moved = (await event.read(both[0], "standing", 1)).json()
    assert "waits" not in moved["standing"]
    closed_at = (await event.read(buyer, "log", 0)).json()["items"][-1]["document"]["at"]
    starts_at = datetime.fromisoformat(moved["standing"]["starts_at"])
    assert starts_at == datetime.fromisoformat(closed_at) + MINUTE
    closes_at = datetime.fromisoformat(moved["standing"]["closes_at"])
    assert closes_at - starts_at == 10 * MINUTE

    await move_clock(MINUTE)
    await worker.run_until_idle()
    assert await event.phases() == ["closed", "open", "scheduled"]
    assert (await event.bid(both[1], 1, "800.00")).status_code == 201
    await move_clock(10 * MINUTE)
    await worker.run_until_idle()
    await move_clock(MINUTE)
    await worker.run_until_idle()
    assert await event.phases() == ["closed", "closed", "open"]
    await move_clock(5 * MINUTE)
    await worker.run_until_idle()
    shown = await event.shown(buyer)
    assert ([lot["phase"] for lot in shown["lots"]], shown["status"]) == (["closed"] * 3, "closed")
    assert (await event.read(both[0], "log", 1)).status_code == 200


async def test_staggered_lots_close_one_after_the_other_and_parallel_ones_together(
    client: httpx.AsyncClient,
    platform: Platform,
    companies: tuple[Company, list[Company]],
    worker: Worker,
    move_clock: MoveClock,
) -> None:
    buyer, both = companies
    now = await clock(platform)
    apart = several([both, both], now, "staggered", lot_interval="PT5M")
    staggered = await scheduled(client, buyer, both, apart)
    parallel = await scheduled(client, buyer, both, several([both, both], now, "parallel"))
    await move_clock(MINUTE)
    await worker.run_until_idle()
    assert await staggered.phases() == await parallel.phases() == ["open", "open"]
    await move_clock(10 * MINUTE)
    await worker.run_until_idle()
    assert (await staggered.phases(), await parallel.phases()) == (
        ["closed", "open"],
        ["closed", "closed"],
    )
    assert (await staggered.bid(both[0], 0, "900.00")).status_code == 409
    assert (await staggered.bid(both[0], 1, "900.00")).status_code == 201
    await move_clock(5 * MINUTE)
    await worker.run_until_idle()
    assert await staggered.phases() == ["closed", "closed"]


async def test_overtime_of_all_lots_moves_every_close_in_one_transaction(
    client: httpx.AsyncClient,
    platform: Platform,
    companies: tuple[Company, list[Company]],
    worker: Worker,
    move_clock: MoveClock,
    settings: Settings,
) -> None:
    buyer, both = companies
    draft = several([both, both, both], await clock(platform), "parallel")
    for lot in draft["lots"][:2]:
        lot["overtime"] = OVERTIME | {"all_lots": True}
    event = await scheduled(client, buyer, both, draft)
    intake = platform.get(Intake)
    await move_clock(MINUTE)
    await worker.run_until_idle()
    await move_clock(9 * MINUTE + timedelta(seconds=30))
    # Both at once, from two processes: each locks all lots, and none waits for the other for ever.
    other = assemble(settings).platform
    try:
        bids = [event.bid(both[n % 2], n % 2, f"{900 - n}.00") for n in range(6)]
        early = [other.get(Intake).submit(UUID(event.lots[n]), Close()) for n in (0, 1)]
        *answers, first, second = await asyncio.gather(*bids, *early, return_exceptions=True)
    finally:
        await other.get(Intake).drain()
        await other.close()
    assert isinstance(first, Conflict)
    assert isinstance(second, Conflict)
    assert [a.status_code for a in answers if isinstance(a, httpx.Response)].count(201) >= 2
    closes = [lot["closes_at"] for lot in (await event.shown(buyer))["lots"]]
    # The third lot's terms do not follow.
    assert closes[0] == closes[1] > closes[2]
    logs = [await entries(platform, lot) for lot in event.lots]
    assert ["close_extended" in log for log in logs] == [True, True, False]
    # Nobody closes on the old deadline.
    await move_clock(30 * timedelta(seconds=1))
    with pytest.raises(Conflict):
        await intake.submit(UUID(event.lots[1]), Close())
    assert await event.phases() == ["open", "open", "open"]
    await worker.run_until_idle()
    assert await event.phases() == ["open", "open", "closed"]


async def test_each_lot_has_its_own_bidders_board_log_and_winner(
    client: httpx.AsyncClient,
    platform: Platform,
    companies: tuple[Company, list[Company]],
    worker: Worker,
    move_clock: MoveClock,
) -> None:
    buyer, both = companies
    acme, bolt = both
    draft = several([both, [bolt]], await clock(platform), "parallel")
    draft["lots"][1]["decrement"]["step"]["value"] = "1.00"
    event = await scheduled(client, buyer, both, draft)
    await move_clock(MINUTE)

    unnamed = await event.bid(bolt, None, "900.00")
    assert (unnamed.status_code, unnamed.json()["errors"][0]["pointer"]) == (422, "/lot_id")
    unread = await client.get(f"{event.path}/standing", headers=buyer.headers)
    assert (unread.status_code, unread.json()["errors"][0]["pointer"]) == (422, "?lot_id")
    # Who sees one lot need not name it, and cannot tell that there is another.
    assert (await event.bid(acme, None, "900.00")).status_code == 201
    assert [lot["id"] for lot in (await event.shown(acme))["lots"]] == [event.lots[0]]
    for answer in (
        await event.bid(acme, 1, "900.00"),
        await event.read(acme, "standing", 1),
        await event.read(acme, "history", 1),
        await event.read(acme, "log", 1),
    ):
        assert answer.status_code == 404

    key = {**bolt.headers, "Idempotency-Key": "one-key"}
    bodies = [money("850.00") | {"lot_id": lot} for lot in event.lots]
    placed = [await client.post(f"{event.path}/bids", json=b, headers=key) for b in bodies]
    assert [answer.status_code for answer in placed] == [201, 201]
    assert [answer.json()["rank"] for answer in placed] == [1, 1]
    assert [answer.json()["lot_id"] for answer in placed] == event.lots
    found = await client.get(
        f"{event.path}/bids/by-key/one-key?lot_id={event.lots[1]}", headers=bolt.headers
    )
    assert found.json()["id"] == placed[1].json()["id"]
    assert (await event.bid(bolt, 1, "849.00")).status_code == 201
    assert (await event.bid(bolt, 0, "849.00")).status_code == 422

    await move_clock(10 * MINUTE)
    closing = await client.post(f"{event.path}/close", headers=buyer.headers)
    assert (closing.status_code, closing.json()["status"]) == (200, "closed")
    assert (await client.post(f"{event.path}/close", headers=buyer.headers)).status_code == 409
    sizes = [(await event.read(buyer, "log", lot)).json()["entries"] for lot in (0, 1)]
    assert sizes == [len(await entries(platform, lot)) for lot in event.lots]
    await worker.run_until_idle()
    told = await _feed(platform)
    assert told.count("auction.lot_closed") == 2
    assert told[-1] == "auction.closed"


async def test_lots_are_called_off_together_and_what_had_closed_stays(
    client: httpx.AsyncClient,
    platform: Platform,
    companies: tuple[Company, list[Company]],
    move_clock: MoveClock,
) -> None:
    buyer, both = companies
    draft = several([both, both, both], await clock(platform), "serial")
    event = await scheduled(client, buyer, both, draft)
    await move_clock(MINUTE)
    await event.bid(both[0], 0, "900.00")
    await move_clock(10 * MINUTE)
    assert (await client.post(f"{event.path}/close", headers=buyer.headers)).status_code == 200
    shown = await client.get(event.path, headers=buyer.headers)
    headers = {**buyer.headers, "If-Match": shown.headers["ETag"]}
    body = {"reason": "No budget"}
    answer = await client.post(f"{event.path}/cancel", json=body, headers=headers)
    assert [lot["phase"] for lot in answer.json()["lots"]] == ["closed", "cancelled", "cancelled"]
    assert (answer.json()["status"], answer.json()["cancelled_because"]) == ("closed", "No budget")
    assert (await entries(platform, event.lots[2]))[-2:] == ["admitted", "cancelled"]


async def test_a_draft_is_laid_down_anew_until_it_is_scheduled(
    client: httpx.AsyncClient,
    platform: Platform,
    companies: tuple[Company, list[Company]],
) -> None:
    buyer, both = companies
    now = await clock(platform)
    draft = several([both, both], now, "parallel")
    draft["lots"][0]["reserve"] = "700.00"
    made = await client.post("/v1/auctions", json=draft, headers=buyer.writing)
    path = f"/v1/auctions/{made.json()['id']}"
    headers = {**buyer.headers, "If-Match": made.headers["ETag"]}
    changed = several([[both[0]], both, both], now, "staggered", lot_interval="PT2M", title="New")
    answer = await client.put(path, json=changed, headers=headers)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["title"], shown["lot_order"], shown["lot_interval"]) == (
        "New",
        "staggered",
        "PT120S",
    )
    assert [len(lot["participants"]) for lot in shown["lots"]] == [1, 2, 2]
    assert shown["lots"][0]["reserve"] is None
    assert shown["version"] == 2
    assert (await client.put(path, json=changed, headers=headers)).status_code == 412
    assert (await client.put(path, json=changed, headers=buyer.headers)).status_code == 428
    headers["If-Match"] = answer.headers["ETag"]
    hidden = await client.put(path, json=changed, headers={**both[0].headers, "If-Match": '"2"'})
    assert hidden.status_code in {403, 404}
    scheduled = await client.post(f"{path}/schedule", headers=headers)
    assert scheduled.status_code == 200
    headers["If-Match"] = scheduled.headers["ETag"]
    assert (await client.put(path, json=changed, headers=headers)).status_code == 409


async def test_all_that_is_wrong_with_all_lots_is_said_at_once(
    client: httpx.AsyncClient,
    platform: Platform,
    companies: tuple[Company, list[Company]],
) -> None:
    buyer, both = companies
    now = await clock(platform)
    wrong = several([both, both, both], now, "staggered")
    wrong["lots"][1]["ends_at"] = (now + 20 * MINUTE).isoformat()
    wrong["lots"][2]["lasts"] = "PT1M"
    answer = await client.post("/v1/auctions", json=wrong, headers=buyer.writing)
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [
        ("/lot_interval", "required"),
        ("/lots/1/ends_at", "not_in_order"),
        ("/lots/2/lasts", "not_in_order"),
    ]
    wrong = several([both, both], now, "parallel")
    for lot in wrong["lots"]:
        lot["decrement"]["step"]["value"] = "2000.00"
    wrong["lots"][1]["participants"].append({"organization_id": str(buyer.id)})
    answer = await client.post("/v1/auctions", json=wrong, headers=buyer.writing)
    assert [e["pointer"] for e in answer.json()["errors"]] == [
        "/lots/0/decrement/step/value",
        "/lots/1/decrement/step/value",
    ]


async def test_timers_outlive_a_worker_and_several_workers_start_and_close_a_lot_once(
    client: httpx.AsyncClient,
    platform: Platform,
    companies: tuple[Company, list[Company]],
    worker: Worker,
    move_clock: MoveClock,
    settings: Settings,
) -> None:
    buyer, both = companies
    draft = several([both, both], await clock(platform), "serial")
    event = await scheduled(client, buyer, both, draft)
    await move_clock(MINUTE)
    await worker.run_until_idle()
    await move_clock(10 * MINUTE)
    # A worker took the timer of the close and died: its lease is all that is left of it.
    async with system_transaction(platform, Role.WORKER) as tx:
        now = await tx.clock()
        timers = await tx.all(select(TimerRow.kind, TimerRow.subject_id))
    assert [
        (row.kind, str(row.subject_id))
        for row in timers
        if row.kind in {"auctions.start", "auctions.close"}
    ] == [("auctions.close", event.lots[0])]
    async with system_transaction(platform, Role.WORKER) as tx:
        await tx.execute(
            TimerRow.__table__.update().values(leased_until=now + timedelta(seconds=3), attempts=1)
        )
    await worker.run_until_idle()
    assert await event.phases() == ["open", "scheduled"]
    await move_clock(timedelta(seconds=4))
    others = [assemble(settings) for _ in range(3)]
    try:
        workers = [worker, *(Worker(each) for each in others)]
        await asyncio.gather(*(each.run_until_idle() for each in workers))
        # The next lot's start was reminded of in the transaction that closed the first.
        await asyncio.gather(*(each.run_until_idle() for each in workers))
    finally:
        for each in others:
            await each.platform.close()
    assert await event.phases() == ["closed", "open"]
    first, second = [await entries(platform, lot) for lot in event.lots]
    assert (first.count("started"), first.count("closed")) == (1, 1)
    assert (second.count("start_moved"), second.count("started")) == (1, 1)
