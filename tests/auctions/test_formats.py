"""Every format and the seldom events through the real ledger, its log over HTTP, and the board."""

from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from auctions.bidding import place_bid
from auctions.engine.events import (
    AllowSurrogate,
    Close,
    Pause,
    PlaceBid,
    Resume,
    SetProxy,
    Withdraw,
)
from auctions.engine.log import LogEntry
from auctions.engine.outcome import Win
from auctions.engine.terms import Disclosure, Format, Overtime, PriceClock, Turns
from auctions.engine.verification import Verification, verify
from auctions.intake import Intake
from auctions.ledger import Ledger
from auctions.ledger.head import head_of, snapshot_bytes
from auctions.results import result_of
from auctions.schemas import BidInput
from marketplace.kernel.errors import Conflict, InvalidInput
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.schemas import MoneyInput
from tests.auctions.auction_hall import MINUTE, Hall, fresh, open_hall
from tests.auctions.test_auctions import a_draft, clock
from tests.conftest import MoveClock
from tests.support.amounts import tells
from tests.support.world import World

HIDDEN: dict[str, Any] = {"disclosure": Disclosure.OWN_ONLY, "decrement": None}
FORMATS: dict[Format, dict[str, Any]] = {
    Format.ENGLISH: {
        "reserve": Decimal("950.00"),
        "overtime": Overtime(60, 60, 2, 5, 300),
    },
    Format.SEALED: HIDDEN,
    Format.VICKREY: HIDDEN,
    Format.DUTCH: HIDDEN | {"clock": PriceClock(Decimal(500), Decimal(900), Decimal(100), 60)},
    Format.JAPANESE: HIDDEN | {"clock": PriceClock(Decimal(900), Decimal(100), Decimal(100), 60)},
    Format.STAGED: {
        "disclosure": Disclosure.OPEN,
        "turns": Turns(1, 60),
        "openings": ("990.00", "980.00", "970.00"),
    },
}
BIDS: dict[Format, list[tuple[int, str]]] = {
    # Who bids what; a minute passes after each.
    Format.ENGLISH: [(0, "900.00"), (1, "890.00"), (0, "880.00")],
    Format.SEALED: [(0, "900.00"), (1, "890.00"), (0, "880.00")],
    Format.VICKREY: [(0, "900.00"), (1, "890.00"), (0, "880.00")],
    Format.DUTCH: [(0, "900.00"), (0, "600.00")],
    Format.JAPANESE: [(0, "900.00")],
    Format.STAGED: [(0, "960.00"), (1, "950.00"), (2, "940.00")],
}
WON_AT = {
    Format.ENGLISH: "880.00",
    Format.SEALED: "880.00",
    Format.VICKREY: "890.00",
    Format.DUTCH: "600.00",
    Format.JAPANESE: "900.00",
    Format.STAGED: "940.00",
}


async def bid(platform: Platform, hall: Hall, place: int, amount: str) -> None:
    data = BidInput(amount=MoneyInput(amount=amount, currency="EUR"))
    await place_bid(platform, hall.suppliers[place].caller, hall.auction_id, fresh(), data)


async def published(client: httpx.AsyncClient, hall: Hall, who: Any) -> Verification:
    answer = await client.get(f"/v1/auctions/{hall.auction_id}/log?limit=100", headers=who.headers)
    assert answer.status_code == 200, answer.text
    page = answer.json()
    return verify(msgspec.convert(page["items"], list[LogEntry]), page["head"])


@pytest.mark.parametrize("format_", FORMATS)
async def test_a_format_runs_on_the_ledger_and_its_published_log_proves_the_winner(
    format_: Format,
    client: httpx.AsyncClient,
    platform: Platform,
    other_platform: Platform,
    world: World,
    move_clock: MoveClock,
) -> None:
    hall = await open_hall(platform, world, format=format_, **FORMATS[format_])
    intake = platform.get(Intake)
    for place, amount in BIDS[format_]:
        with suppress(InvalidInput):  # a refused bid is in the log as well
            await bid(platform, hall, place, amount)
        await move_clock(MINUTE + timedelta(seconds=1))
    await move_clock(10 * MINUTE)
    while (await platform.get(Ledger).read(hall.lot_id)).state.phase.value == "open":
        with suppress(Conflict):  # a round ended, and not yet the auction
            await intake.submit(hall.lot_id, Close())
        await move_clock(MINUTE + timedelta(seconds=1))
    head = await platform.get(Ledger).read(hall.lot_id)
    assert (await other_platform.get(Ledger).read(hall.lot_id)).state == head.state
    assert head_of(snapshot_bytes(head)) == head
    buyers = await published(client, hall, hall.buyer)
    assert buyers.sound
    assert isinstance(buyers.outcome, Win)
    assert f"{buyers.outcome.price:.2f}" == WON_AT[format_]
    bidders = await published(client, hall, hall.suppliers[2])
    assert bidders.sound
    assert bidders.sealed
    async with transaction(platform, hall.buyer.caller) as tx:
        lot = (await result_of(tx, hall.auction_id)).lots[0]
    assert lot.price is not None
    assert str(lot.price.amount) == WON_AT[format_]


async def test_proxies_pauses_withdrawals_and_surrogates_are_in_the_ledger(
    client: httpx.AsyncClient,
    platform: Platform,
    other_platform: Platform,
    world: World,
    move_clock: MoveClock,
) -> None:
    hall = await open_hall(
        platform, world, disclosure=Disclosure.OPEN, proxies=True, surrogates=True
    )
    intake, (acme, bolt, core) = platform.get(Intake), (s.id for s in hall.suppliers)
    proxy = SetProxy(bid_id=new_id(), bidder=acme, client_bid_id="p", limit=Decimal("700.00"))
    await bid(platform, hall, 1, "900.00")
    first = await intake.submit(hall.lot_id, proxy)
    assert await intake.submit(hall.lot_id, proxy) == first
    await intake.submit(hall.lot_id, Pause("a question"))
    await move_clock(20 * MINUTE)
    await intake.submit(hall.lot_id, Resume())
    await intake.submit(hall.lot_id, AllowSurrogate(core))
    await intake.submit(
        hall.lot_id,
        PlaceBid(
            bid_id=new_id(),
            bidder=core,
            client_bid_id="on paper",
            amount=Decimal("800.00"),
            surrogate=hall.buyer.id,
        ),
    )
    await intake.submit(hall.lot_id, Withdraw(acme, "asked for it"))
    head = await other_platform.get(Ledger).read(hall.lot_id)
    assert head.state == (await platform.get(Ledger).read(hall.lot_id)).state
    assert head_of(snapshot_bytes(head)) == head
    assert [place.bidder for place in head.state.order] == [core, bolt]
    await move_clock(20 * MINUTE)
    await intake.submit(hall.lot_id, Close())
    buyers = await published(client, hall, hall.buyer)
    assert buyers.sound
    assert buyers.closed == {"limit": 1}
    assert buyers.outcome == Win(
        bidder=core,
        bid_id=head.state.order[0].bid_id,
        amount=Decimal("800.00"),
        price=Decimal("800.00"),
    )


async def test_a_lot_is_made_with_reserve_scoring_and_currencies_and_tells_bidders_their_part(
    client: httpx.AsyncClient, platform: Platform, world: World, move_clock: MoveClock
) -> None:
    buyer = await world.buyer()
    acme, bolt = await world.supplier("Acme"), await world.supplier("Bolt")
    draft = a_draft(
        [acme, bolt],
        await clock(platform),
        reserve="654.32",
        scoring={"method": "transformed"},
        rates=[{"currency": "JPY", "rate": "0.0061"}],
        publication="amounts",
    )
    lot = draft["lots"][0]
    lot["participants"][0] |= {"currency": "JPY", "adjustment": {"multiplier": "1.2345"}}
    made = await client.post("/v1/auctions", json=draft, headers=buyer.writing)
    assert made.status_code == 201, made.text
    path = f"/v1/auctions/{made.json()['id']}"
    assert made.json()["lots"][0]["reserve"]["amount"] == "654.32"
    await client.post(f"{path}/schedule", headers=buyer.headers | {"If-Match": '"1"'})
    shown = await client.get(path, headers=acme.headers)
    assert shown.json()["lots"][0]["currency"] == "JPY"
    assert not tells(shown.text, "654.32")
    assert not tells(shown.text, "1.2345")
    await move_clock(2 * MINUTE)
    in_yen = {"amount": {"amount": "163934", "currency": "JPY"}}
    taken = await client.post(f"{path}/bids", json=in_yen, headers=acme.writing)
    assert taken.status_code == 201, taken.text
    assert taken.json()["amount"] == {"amount": "163934", "currency": "JPY"}
    again = await client.post(f"{path}/bids", json=in_yen, headers=acme.writing)
    assert "162294 JPY" in again.json()["detail"] + repr(again.json()["errors"])
    standing = await client.get(f"{path}/standing", headers=acme.headers)
    assert standing.json()["standing"]["limit"] == {"amount": "162294", "currency": "JPY"}


async def test_what_a_format_cannot_use_is_said_with_its_place(
    client: httpx.AsyncClient, platform: Platform, world: World
) -> None:
    buyer, acme = await world.buyer(), await world.supplier("Acme")
    draft = a_draft([acme], await clock(platform), format="dutch")
    refused = await client.post("/v1/auctions", json=draft, headers=buyer.writing)
    assert refused.status_code == 422
    pointers = {error["pointer"] for error in refused.json()["errors"]}
    assert {"/lots/0/clock", "/lots/0/decrement", "/lots/0/overtime"} <= pointers
