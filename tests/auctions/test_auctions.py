"""The life of an auction through the services and the API."""

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import DBAPIError

from auctions.bidding import place_bid
from auctions.drafts import Origin
from auctions.engine.events import Close, Closed
from auctions.engine.log import LogEntry
from auctions.engine.terms import Disclosure, Overtime
from auctions.engine.verification import verify
from auctions.intake import Intake
from auctions.ledger import Ledger
from auctions.results import result_of
from auctions.schemas import BidInput
from auctions.service import cancel_auction, close_auction
from auctions.tables import AuctionRow, LedgerRow, LotRow
from marketplace.app import assemble
from marketplace.kernel.errors import MarketplaceError, NotFound, WrongState
from marketplace.kernel.ids import new_id
from marketplace.kernel.money import Money
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.platform.http.schemas import MoneyInput
from marketplace.platform.settings import Settings
from marketplace.platform.tables import EventRow
from marketplace.worker import Worker
from tests.auctions.auction_hall import MINUTE, Hall, fresh, money, open_hall
from tests.conftest import MoveClock
from tests.support.amounts import tells
from tests.support.waiting import GIVE_UP_S
from tests.support.world import Company, World

TEN_MINUTES = 10 * MINUTE


async def bid(platform: Platform, hall: Hall, place: int, amount: str) -> Any:
    who = hall.suppliers[place].caller
    data = BidInput(amount=MoneyInput(amount=amount, currency="EUR"))
    return await place_bid(platform, who, hall.auction_id, fresh(), data)


async def kinds(platform: Platform, hall: Hall) -> list[str]:
    async with system_transaction(platform, Role.ENGINE) as tx:
        rows = await tx.all(
            select(LedgerRow.kind).where(LedgerRow.lot_id == hall.lot_id).order_by(LedgerRow.seq)
        )
    return [row.kind for row in rows]


async def status(platform: Platform, hall: Hall) -> tuple[str, str]:
    async with system_transaction(platform, Role.ENGINE) as tx:
        row = await tx.one(
            select(AuctionRow.status, LotRow.phase)
            .join(LotRow, LotRow.auction_id == AuctionRow.id)
            .where(AuctionRow.id == hall.auction_id)
        )
    return row.status, row.phase


def a_draft(suppliers: list[Company], now: datetime, **lot: Any) -> dict[str, Any]:
    values = {
        "title": "Copper cable",
        "ceiling": "1000.00",
        "decrement": {"step": {"measure": "absolute", "value": "10.00"}},
        "overtime": {
            "window": "PT2M",
            "extension": "PT2M",
            "lowest_rank": 1,
            "at_most": 5,
            "total_max": "PT10M",
        },
        "starts_at": (now + MINUTE).isoformat(),
        "ends_at": (now + 11 * MINUTE).isoformat(),
        "participants": [{"organization_id": str(supplier.id)} for supplier in suppliers],
    }
    return {"title": "Cables", "currency": "EUR", "lots": [values | lot]}


async def clock(platform: Platform) -> datetime:
    async with system_transaction(platform, Role.ENGINE) as tx:
        return await tx.clock()


async def test_a_buyer_drafts_schedules_and_runs_an_auction(
    client: httpx.AsyncClient,
    platform: Platform,
    world: World,
    worker: Worker,
    move_clock: MoveClock,
) -> None:
    buyer = await world.buyer()
    acme, bolt = await world.supplier("Acme"), await world.supplier("Bolt")
    draft = a_draft([acme, bolt], await clock(platform))
    made = await client.post("/v1/auctions", json=draft, headers=buyer.writing)
    assert made.status_code == 201, made.text
    auction = made.json()
    path = f"/v1/auctions/{auction['id']}"
    assert auction["status"] == "draft"
    participants = auction["lots"][0]["participants"]
    assert [("alias" in each) for each in participants] == [False] * 2, "he is not told who bids"

    # Nobody is invited yet.
    assert (await client.get(path, headers=acme.headers)).status_code == 404
    assert (await client.get(f"{path}/standing", headers=acme.headers)).status_code == 404
    assert (await client.get(f"{path}/standing", headers=buyer.headers)).json()["state"] == "draft"

    unnamed = await client.post(f"{path}/schedule", headers=buyer.headers)
    assert unnamed.status_code == 428
    headers = {**buyer.headers, "If-Match": made.headers["ETag"]}
    scheduled = await client.post(f"{path}/schedule", headers=headers)
    assert (scheduled.status_code, scheduled.json()["status"]) == (200, "scheduled")
    assert (await client.post(f"{path}/schedule", headers=headers)).status_code == 412

    invitation = (await client.get(path, headers=acme.headers)).json()
    assert "participants" not in invitation["lots"][0]
    assert "buyer_sees_identities" not in invitation["lots"][0]

    early = await client.post(f"{path}/bids", json=money("900.00"), headers=acme.writing)
    assert (early.status_code, early.json()["state"]) == (409, "scheduled")
    await move_clock(MINUTE)
    await worker.run_until_idle()
    assert (await client.get(path, headers=bolt.headers)).json()["status"] == "open"

    placed = await client.post(f"{path}/bids", json=money("900.00"), headers=acme.writing)
    assert placed.status_code == 201, placed.text
    assert (placed.json()["rank"], placed.json()["outcome"]) == (1, "accepted")
    assert (await client.post(f"{path}/bids", json=money("1"), headers=acme.headers)).json()[
        "code"
    ] == "idempotency_key_missing"
    refused = await client.post(f"{path}/bids", json=money("895.00"), headers=acme.writing)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/amount")
    found = await client.get(
        f"{path}/bids/by-key/{placed.json()['client_bid_id']}", headers=acme.headers
    )
    assert found.json() == placed.json()

    assert (await client.post(f"{path}/close", headers=buyer.headers)).status_code == 409
    assert (await client.get(f"{path}/log", headers=buyer.headers)).json()["state"] == "open"
    await move_clock(TEN_MINUTES)
    await worker.run_until_idle()
    closed = (await client.get(path, headers=buyer.headers)).json()
    assert closed["status"] == "closed"
    aliases = [each["alias"] for each in closed["lots"][0]["participants"]]
    assert (len(set(aliases)), aliases[0]) == (2, invitation["lots"][0]["alias"])
    log = (await client.get(f"{path}/log?limit=3", headers=buyer.headers)).json()
    assert (log["entries"], len(log["items"])) == (8, 3)
    feed = await _feed(platform)
    assert feed == ["auction.scheduled", "auction.started", "auction.closed"]


async def _feed(platform: Platform) -> list[str]:
    async with system_transaction(platform, Role.WORKER) as tx:
        rows = await tx.all(
            select(EventRow.kind)
            .where(EventRow.subject_kind == "auction")
            .order_by(EventRow.number)
        )
    return [row.kind for row in rows]


@pytest.mark.parametrize(
    ("lot", "pointer"),
    [
        ({"ceiling": "1e3"}, "/lots/0/ceiling"),
        ({"ceiling": "0"}, "/lots/0/ceiling"),
        ({"ceiling": 1000}, "/lots/0/ceiling"),
        ({"colour": "red"}, "/lots/0/colour"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "/lots/0/ends_at"),
        ({"ends_at": "2020-01-01T00:00:00"}, "/lots/0/ends_at"),
        ({"participants": []}, "/lots/0/participants"),
        (
            {"participants": [{"organization_id": str(new_id())}]},
            "/lots/0/participants/0/organization_id",
        ),
    ],
)
async def test_a_draft_that_breaks_a_rule_is_refused_with_the_place(
    client: httpx.AsyncClient,
    platform: Platform,
    world: World,
    lot: dict[str, Any],
    pointer: str,
) -> None:
    buyer, supplier = await world.buyer(), await world.supplier()
    body = a_draft([supplier], await clock(platform), **lot)
    refused = await client.post("/v1/auctions", json=body, headers=buyer.writing)
    assert refused.status_code == 422, refused.text
    assert pointer in [error["pointer"] for error in refused.json()["errors"]]
    async with transaction(platform, buyer.caller) as tx:
        assert await tx.scalar(select(func.count()).select_from(AuctionRow)) == 0


async def test_an_outsider_finds_nothing_and_a_bidder_changes_nothing(
    client: httpx.AsyncClient, platform: Platform, world: World
) -> None:
    hall = await open_hall(platform, world)
    path = f"/v1/auctions/{hall.auction_id}"
    outsider = await world.supplier("Outsider")
    other_buyer = await world.buyer("Other")
    for who in (outsider, other_buyer):
        for got in (
            await client.get(path, headers=who.headers),
            await client.get(f"{path}/standing", headers=who.headers),
            await client.get(f"{path}/log", headers=who.headers),
        ):
            assert got.status_code == 404
        listed = await client.get("/v1/auctions", headers=who.headers)
        assert listed.json()["items"] == []
    bid_of_outsider = await client.post(
        f"{path}/bids", json=money("900.00"), headers=outsider.writing
    )
    assert bid_of_outsider.status_code == 404
    bidder = await world.member(hall.suppliers[0], "administrator")
    for action, body in (("schedule", None), ("cancel", {"reason": "x"}), ("close", None)):
        answer = await client.post(
            f"{path}/{action}", json=body, headers={**bidder.headers, "If-Match": '"2"'}
        )
        assert answer.status_code == 403, action
    listed = await client.get("/v1/auctions", headers=hall.suppliers[0].headers)
    assert [item["id"] for item in listed.json()["items"]] == [str(hall.auction_id)]


async def test_a_bidder_sees_his_rank_and_nothing_of_his_rivals(
    client: httpx.AsyncClient, platform: Platform, world: World
) -> None:
    hall = await open_hall(platform, world)
    for place, amount in enumerate(("910.00", "777.00", "888.00")):
        await bid(platform, hall, place, amount)
    answer = await client.get(
        f"/v1/auctions/{hall.auction_id}/standing", headers=hall.suppliers[2].headers
    )
    standing = answer.json()["standing"]
    assert (standing["rank"], standing["amount"]["amount"]) == (2, "888.00")
    assert set(standing) == {
        "viewer",
        "number",
        "phase",
        "starts_at",
        "closes_at",
        "extensions",
        "amount",
        "rank",
        "limit",
    }
    assert not tells(answer.text, "777.00")
    buyers = await client.get(
        f"/v1/auctions/{hall.auction_id}/standing", headers=hall.buyer.headers
    )
    shown = buyers.json()["standing"]["standings"]
    assert [s["amount"]["amount"] for s in shown] == ["777.00", "888.00", "910.00"]
    assert all("organization_id" not in s for s in shown)


async def test_sixteen_closers_make_one_close(
    platform: Platform, world: World, settings: Settings, move_clock: MoveClock
) -> None:
    hall = await open_hall(platform, world)
    await bid(platform, hall, 0, "900.00")
    await move_clock(TEN_MINUTES)
    processes = [assemble(settings).platform for _ in range(4)]
    closings = await asyncio.gather(
        *(process.get(Intake).submit(hall.lot_id, Close()) for process in processes * 4),
        return_exceptions=True,
    )
    assert sum(isinstance(closing, Closed) for closing in closings) == 1
    assert sum(isinstance(closing, WrongState) for closing in closings) == 15
    assert (await kinds(platform, hall)).count("closed") == 1
    assert await status(platform, hall) == ("closed", "closed")
    for process in processes:
        await process.close()


async def test_a_late_bid_extends_and_the_timer_closes_at_the_new_instant(
    platform: Platform, world: World, worker: Worker, move_clock: MoveClock
) -> None:
    overtime = Overtime(window_s=60, extension_s=120, lowest_rank=1, at_most=1, total_max_s=600)
    hall = await open_hall(platform, world, overtime=overtime)
    await worker.run_until_idle()
    await move_clock(TEN_MINUTES - timedelta(seconds=30))
    await bid(platform, hall, 0, "900.00")
    await move_clock(timedelta(seconds=31))
    await worker.run_until_idle()
    assert await status(platform, hall) == ("open", "open")
    await bid(platform, hall, 1, "800.00")
    await move_clock(timedelta(seconds=120))
    await worker.run_until_idle()
    assert await status(platform, hall) == ("closed", "closed")
    assert (await kinds(platform, hall))[-4:] == [
        "bid_accepted",
        "close_extended",
        "bid_accepted",
        "closed",
    ]


async def test_the_worker_starts_and_closes_by_itself_and_never_early(
    platform: Platform, world: World, worker: Worker
) -> None:
    hall = await open_hall(
        platform, world, starts_in=timedelta(seconds=1), lasts=timedelta(seconds=1)
    )
    running = asyncio.create_task(worker.run())
    async with asyncio.timeout(GIVE_UP_S):
        while await status(platform, hall) != ("closed", "closed"):
            await asyncio.sleep(0.1)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    async with system_transaction(platform, Role.ENGINE) as tx:
        rows = await tx.all(
            select(LedgerRow.kind, LedgerRow.at).where(LedgerRow.lot_id == hall.lot_id)
        )
        lot = await tx.one(
            select(LotRow.starts_at, LotRow.closes_at).where(LotRow.id == hall.lot_id)
        )
    at = {row.kind: row.at for row in rows}
    assert lot.starts_at <= at["started"] <= at["closed"]
    assert lot.closes_at <= at["closed"]


async def test_a_cancelled_auction_takes_no_bid_and_has_no_result(
    client: httpx.AsyncClient, platform: Platform, world: World, worker: Worker
) -> None:
    hall = await open_hall(platform, world)
    await bid(platform, hall, 0, "900.00")
    path = f"/v1/auctions/{hall.auction_id}"
    version = (await client.get(path, headers=hall.buyer.headers)).headers["ETag"]
    cancelled = await client.post(
        f"{path}/cancel",
        json={"reason": "The need is gone."},
        headers={**hall.buyer.headers, "If-Match": version},
    )
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    seen = (await client.get(path, headers=hall.suppliers[0].headers)).json()
    assert seen["cancelled_because"] == "The need is gone."
    with pytest.raises(WrongState):
        await bid(platform, hall, 0, "800.00")
    with pytest.raises(WrongState):
        async with transaction(platform, hall.buyer.caller) as tx:
            await result_of(tx, hall.auction_id)
    await worker.run_until_idle()
    assert (await _feed(platform))[-1] == "auction.cancelled"


async def test_a_draft_is_cancelled_without_a_word_to_anybody(
    client: httpx.AsyncClient, platform: Platform, world: World
) -> None:
    buyer, supplier = await world.buyer(), await world.supplier()
    body = a_draft([supplier], await clock(platform))
    made = await client.post("/v1/auctions", json=body, headers=buyer.writing)
    path = f"/v1/auctions/{made.json()['id']}"
    cancelled = await client.post(
        f"{path}/cancel",
        json={"reason": "No."},
        headers={**buyer.headers, "If-Match": made.headers["ETag"]},
    )
    assert cancelled.json()["status"] == "cancelled"
    for part in ("", "/standing", "/log"):
        assert (await client.get(path + part, headers=supplier.headers)).status_code == 404
    assert (await client.get("/v1/auctions", headers=supplier.headers)).json()["items"] == []
    assert (await client.get(f"{path}/standing", headers=buyer.headers)).status_code == 409


async def test_what_has_closed_leaves_no_word_of_a_cancellation(
    platform: Platform, world: World, move_clock: MoveClock
) -> None:
    hall = await open_hall(platform, world)
    await move_clock(TEN_MINUTES)
    view = await close_auction(platform, hall.buyer.caller, hall.auction_id)
    with pytest.raises(WrongState) as refused:
        await cancel_auction(platform, hall.buyer.caller, hall.auction_id, view.version, "Late.")
    assert refused.value.state == "closed"
    async with system_transaction(platform, Role.WORKER) as tx:
        trail = await (await tx.raw()).fetch("select entry from audit_intake")
    assert [row for row in trail if "cancel" in str(row["entry"])] == []


async def test_the_result_hands_back_ranking_openings_and_provenance(
    platform: Platform, world: World, move_clock: MoveClock
) -> None:
    origin = Origin("rfq.lot", new_id())
    hall = await open_hall(platform, world, openings=("950.00", "940.00", None), origin=origin)
    won = await bid(platform, hall, 0, "700.00")
    with pytest.raises(WrongState):
        async with transaction(platform, hall.buyer.caller) as tx:
            await result_of(tx, hall.auction_id)
    await move_clock(TEN_MINUTES)
    await platform.get(Intake).submit(hall.lot_id, Close())
    async with transaction(platform, hall.buyer.caller) as tx:
        result = await result_of(tx, hall.auction_id)
        # The transaction is the buyer's again: the ledger is closed to it.
        assert await tx.scalar(select(func.count()).select_from(LedgerRow)) == 0
    async with system_transaction(platform, Role.ENGINE) as tx:
        assert await result_of(tx, hall.auction_id) == result
    assert result.origin == origin
    lot = result.lots[0]
    assert [(r.organization_id, r.amount, r.opening) for r in lot.ranking] == [
        (hall.suppliers[0].id, eur("700.00"), eur("950.00")),
        (hall.suppliers[1].id, eur("940.00"), eur("940.00")),
    ]
    head = await platform.get(Ledger).read(hall.lot_id)
    assert lot.head == head.hash.hex()
    assert lot.ranking[0].bid_id == won.id
    with pytest.raises(NotFound):
        async with transaction(platform, hall.suppliers[0].caller) as tx:
            await result_of(tx, hall.auction_id)


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


@pytest.mark.parametrize("disclosure", [Disclosure.RANK_ONLY, Disclosure.OPEN])
async def test_the_published_log_proves_the_result_to_the_buyer_and_the_chain_to_all(
    client: httpx.AsyncClient,
    platform: Platform,
    world: World,
    move_clock: MoveClock,
    disclosure: Disclosure,
) -> None:
    hall = await open_hall(platform, world, disclosure=disclosure, openings=("950.00",))
    for place, amount in ((0, "900.00"), (1, "850.00"), (2, "851.00"), (0, "700.00")):
        await bid(platform, hall, place, amount)
    with pytest.raises(MarketplaceError):
        await bid(platform, hall, 0, "699.99")
    await move_clock(TEN_MINUTES)
    await platform.get(Intake).submit(hall.lot_id, Close())
    head = await platform.get(Ledger).read(hall.lot_id)
    for reader in (hall.buyer, hall.suppliers[0]):
        log, told = await whole_log(client, hall, reader)
        found = verify(log, told)
        assert found.sound
        assert found.recomputed is (reader is hall.buyer)
        if found.recomputed:
            assert found.state == head.state
        else:
            # Other bidders' identities, and amounts where the auction did not show them.
            assert found.sealed == (4 if disclosure is Disclosure.OPEN else 8)
        assert found.head == head.hash.hex()


async def whole_log(
    client: httpx.AsyncClient, hall: Hall, reader: Company
) -> tuple[list[LogEntry], str]:
    entries: list[LogEntry] = []
    after = ""
    while True:
        page = await client.get(
            f"/v1/auctions/{hall.auction_id}/log?limit=4{after}", headers=reader.headers
        )
        body = page.json()
        entries += msgspec.convert(body["items"], list[LogEntry])
        if body["next"] is None:
            return entries, body["head"]
        after = f"&after={body['next']}"


async def test_nobody_can_change_or_remove_an_entry_and_nobody_reads_anothers(
    platform: Platform, world: World
) -> None:
    hall = await open_hall(platform, world)
    await bid(platform, hall, 0, "900.00")
    for role in Role:
        for statement in (update(LedgerRow).values(amount=1), delete(LedgerRow)):
            with pytest.raises(DBAPIError, match="permission denied"):
                async with system_transaction(platform, role) as tx:
                    await tx.execute(statement)
    counts = []
    for who in (*hall.suppliers, hall.buyer):
        async with transaction(platform, who.caller) as tx:
            counts.append(await tx.scalar(select(func.count()).select_from(LedgerRow)))
    # Their admissions tell what counts beside their prices, so those are closed to them as well.
    assert counts == [1, 0, 0, 0]
