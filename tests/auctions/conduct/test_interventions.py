"""The buyer's hand at the clock: pauses, extensions, messages."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from auctions.engine.terms import Overtime
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.tables import EventRow, TimerRow
from marketplace.worker import Worker
from tests.auctions.auction_hall import MINUTE, money
from tests.auctions.conduct.conftest import OpenFloor

PAUSE = {"reason": "A drawing is wrong."}


async def told(platform: Platform) -> Sequence[Any]:
    async with system_transaction(platform, Role.WORKER) as tx:
        return await tx.all(
            select(EventRow.kind, EventRow.audience, EventRow.payload)
            .where(EventRow.subject_kind == "auction")
            .order_by(EventRow.number)
        )


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def test_a_pause_across_the_deadline_keeps_the_time_that_was_left_and_refuses_bids(
    open_floor: OpenFloor, worker: Worker
) -> None:
    floor = await open_floor()
    acme = floor.hall.suppliers[0]
    await floor.bid(0, "900.00")
    before = await floor.standing(floor.buyer)
    paused = (await floor.done(floor.buyer, "POST", "/pause", PAUSE))["standing"]
    assert paused["paused_because"] == PAUSE["reason"]
    left = instant(before["closes_at"]) - instant(paused["paused_at"])
    await floor.move_clock(30 * MINUTE)
    await worker.run_until_idle()
    assert (await floor.standing(acme))["phase"] == "open", "a paused clock closes nothing"
    status, detail = await floor.refused(acme, "POST", "/bids", money("800.00"))
    assert (status, detail) == (409, "The auction is paused; the time that was left stays.")
    assert await floor.refused(floor.buyer, "POST", "/pause", PAUSE) == (status, detail)
    status, _ = await floor.refused(floor.buyer, "POST", "/close")
    assert status == 409

    resumed = await floor.done(floor.buyer, "POST", "/resume")
    standing = resumed["standing"]
    assert instant(standing["closes_at"]) - instant(before["closes_at"]) >= 30 * MINUTE
    assert left - (instant(standing["closes_at"]) - instant(resumed["server_at"])) < MINUTE
    assert "paused_at" not in standing
    assert "paused_because" not in standing
    assert (await floor.refused(floor.buyer, "POST", "/resume"))[1] == "The auction is not paused."
    await floor.bid(0, "800.00")


async def test_once_it_goes_on_a_paused_auction_is_closed_by_its_timer(
    open_floor: OpenFloor, platform: Platform, worker: Worker
) -> None:
    floor = await open_floor()
    await floor.bid(0, "900.00")
    await floor.done(floor.buyer, "POST", "/pause", PAUSE)
    await floor.move_clock(30 * MINUTE)
    await worker.run_until_idle()  # the timer of the first close finds a clock that stands still
    resumed = (await floor.done(floor.buyer, "POST", "/resume"))["standing"]
    async with system_transaction(platform, Role.WORKER) as tx:
        due = await tx.scalar(
            select(TimerRow.due_at).where(
                TimerRow.kind == "auctions.close", TimerRow.subject_id == floor.hall.lot_id
            )
        )
    assert due == instant(resumed["closes_at"])
    await floor.move_clock(10 * MINUTE)
    await worker.run_until_idle()
    assert (await floor.standing(floor.buyer))["phase"] == "closed"
    assert (await floor.log(floor.buyer)).sound


async def test_the_close_moves_by_hand_later_and_within_the_cap_alone(
    open_floor: OpenFloor,
) -> None:
    floor = await open_floor(overtime=Overtime(60, 60, 1, 1, 600))
    closes_at = instant((await floor.standing(floor.buyer))["closes_at"])

    def to(ahead: timedelta) -> dict[str, str]:
        return {"closes_at": (closes_at + ahead).isoformat(), "reason": "A line was down."}

    for ahead, code in ((timedelta(0), "not_later"), (11 * MINUTE, "beyond_cap")):
        refused = await floor.ask(floor.buyer, "POST", "/extend", to(ahead))
        assert refused.status_code == 422
        error = refused.json()["errors"][0]
        assert (error["pointer"], error["code"]) == ("/closes_at", code)
    moved = (await floor.done(floor.buyer, "POST", "/extend", to(10 * MINUTE)))["standing"]
    assert instant(moved["closes_at"]) == closes_at + 10 * MINUTE
    assert moved["extensions"] == 0, "what the buyer moves is not counted as overtime"
    await floor.close()
    checked = await floor.log(floor.hall.suppliers[0], "public")
    assert checked.impossible is None
    assert (await floor.log(floor.buyer)).sound


async def test_without_overtime_in_the_terms_nobody_moves_the_close(open_floor: OpenFloor) -> None:
    floor = await open_floor()
    later = instant((await floor.standing(floor.buyer))["closes_at"]) + MINUTE
    body = {"closes_at": later.isoformat(), "reason": "A line was down."}
    refused = await floor.ask(floor.buyer, "POST", "/extend", body)
    assert refused.json()["errors"][0]["code"] == "beyond_cap"


async def test_a_message_reaches_all_once_and_stands_in_the_log(
    open_floor: OpenFloor, worker: Worker, platform: Platform
) -> None:
    floor = await open_floor()
    acme, bolt, _ = floor.hall.suppliers
    text = {"text": "Drawing 4 is replaced.\nBids stay as they are."}
    first = await floor.done(floor.buyer, "POST", "/messages", text, key="m1")
    assert await floor.done(floor.buyer, "POST", "/messages", text, key="m1") == first
    other = await floor.ask(floor.buyer, "POST", "/messages", {"text": "Other"}, key="m1")
    assert other.json()["code"] == "idempotency_key_reused"
    await floor.done(floor.buyer, "POST", "/messages", {"text": "Ten minutes left."})
    for reader in (floor.buyer, acme, bolt):
        items = (await floor.done(reader, "GET", "/messages"))["items"]
        assert [(m["number"], m["text"]) for m in items] == [
            (1, text["text"]),
            (2, "Ten minutes left."),
        ]
        notice = (await floor.standing(reader))["notice"]
        assert (notice["number"], notice["text"]) == (2, "Ten minutes left.")
    await worker.run_until_idle()
    sent = [event for event in await told(platform) if event.kind == "auction.message"]
    assert [event.payload["number"] for event in sent] == [1, 2]
    everybody = {floor.buyer.id, *(s.id for s in floor.hall.suppliers)}
    assert set(sent[0].audience) == everybody
    await floor.close()
    assert (await floor.log(acme)).sound
    late = await floor.refused(floor.buyer, "POST", "/messages", {"text": "Too late."})
    assert late == (409, "The auction is closed.")


async def test_only_the_buyer_conducts_and_a_stranger_learns_of_nothing(
    open_floor: OpenFloor, world: Any
) -> None:
    floor = await open_floor()
    both = await world.supplier("Stranger")
    acts: dict[str, Any] = {
        "/pause": PAUSE,
        "/resume": None,
        "/extend": {"closes_at": "2099-01-01T00:00:00Z", "reason": "x"},
        "/messages": {"text": "x"},
        "/bids/strike": {"alias": "x", "amount": money("1.00")["amount"], "reason": "x"},
        "/surrogate-bids": {
            "organization_id": str(both.id),
            "amount": money("1.00")["amount"],
            "proof": "x",
        },
    }
    seller = floor.hall.suppliers[0]
    for path, body in acts.items():
        assert (await floor.refused(seller, "POST", path, body))[0] == 403, path
    purchaser = await world.buyer("Another buyer")
    for path, body in acts.items():
        assert (await floor.refused(purchaser, "POST", path, body))[0] == 404, path
    watcher = await world.member(floor.buyer, "viewer")
    for path, body in acts.items():
        assert (await floor.refused(watcher, "POST", path, body))[0] == 403, path
