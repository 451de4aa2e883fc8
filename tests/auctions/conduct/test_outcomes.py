"""Before and after: what terms make of bids, what it all ended with, and who checks it."""

from decimal import Decimal
from typing import Any

import httpx

from auctions.engine.terms import Disclosure, Format
from marketplace.platform.core import Platform
from tests.auctions.auction_hall import money
from tests.auctions.conduct.conftest import OpenFloor
from tests.auctions.conduct.floor import Floor
from tests.auctions.test_auctions import a_draft, clock
from tests.support.amounts import tells
from tests.support.world import Company, World

HIDDEN: dict[str, Any] = {"disclosure": Disclosure.OWN_ONLY, "decrement": None}


def tried(company: Company, amount: str, after: str = "PT1M") -> dict[str, Any]:
    return {"organization_id": str(company.id), "after": after, **money(amount)}


async def test_a_draft_says_what_its_terms_would_make_of_bids_and_keeps_nothing_of_it(
    client: httpx.AsyncClient, platform: Platform, world: World
) -> None:
    buyer = await world.buyer()
    acme, bolt = await world.supplier("Acme"), await world.supplier("Bolt")
    draft = a_draft([acme, bolt], await clock(platform), reserve="700.00")
    made = await client.post("/v1/auctions", json=draft, headers=buyer.writing)
    path = f"/v1/auctions/{made.json()['id']}"
    bids = [
        tried(acme, "1000.01"),
        tried(acme, "900.00", "PT2M"),
        tried(bolt, "800.00", "PT9M59S"),
        tried(acme, "899.99", "PT9M59S"),
    ]
    answer = await client.post(f"{path}/trial", json={"bids": bids}, headers=buyer.headers)
    assert answer.status_code == 200, answer.text
    too_high, first, late, too_little = answer.json()["bids"]
    assert (too_high["outcome"], too_high["refusal"]["code"]) == ("refused", "above_limit")
    assert too_high["refusal"]["bound"]["amount"] == too_high["limit"]["amount"] == "1000.00"
    assert (first["outcome"], first["rank"]) == ("accepted", 1)
    assert late["rank"] == 1
    assert late["closes_at"] > first["closes_at"], "a bid in the last second moves the close"
    assert too_little["refusal"]["code"] == "above_limit"
    (ended,) = answer.json()["lots"]
    assert (ended["winner"], ended["no_winner"]) == (None, "above_reserve")
    bids.append(tried(bolt, "650.00", "PT10M"))
    won = await client.post(f"{path}/trial", json={"bids": bids}, headers=buyer.headers)
    (winner,) = (lot["winner"] for lot in won.json()["lots"])
    assert (winner["organization_id"], winner["price"]["amount"]) == (str(bolt.id), "650.00")
    after = await client.get(path, headers=buyer.headers)
    assert after.json() == made.json()
    for stranger in (acme, await world.buyer("Stranger")):
        refused = await client.post(f"{path}/trial", json={"bids": bids}, headers=stranger.headers)
        assert refused.status_code in {403, 404}


async def test_bids_that_cannot_be_tried_are_named_each_with_its_place(
    client: httpx.AsyncClient, platform: Platform, world: World
) -> None:
    buyer, acme = await world.buyer(), await world.supplier("Acme")
    stranger = await world.supplier("Stranger")
    draft = a_draft([acme], await clock(platform))
    made = await client.post("/v1/auctions", json=draft, headers=buyer.writing)
    in_dollars = tried(acme, "1.00") | {"amount": {"amount": "1.00", "currency": "USD"}}
    stepped = tried(acme, "1.00") | {"step": {"amount": "1.00", "currency": "EUR"}}
    bids = [tried(stranger, "1.00"), in_dollars, tried(acme, "0.001"), stepped]
    path = f"/v1/auctions/{made.json()['id']}/trial"

    async def wrong(bids: list[dict[str, Any]]) -> list[tuple[str, str]]:
        answer = await client.post(path, json={"bids": bids}, headers=buyer.headers)
        return [(e["pointer"], e["code"]) for e in answer.json()["errors"]]

    assert await wrong(bids) == [
        ("/bids/0/organization_id", "not_invited"),
        ("/bids/1/amount/currency", "wrong_currency"),
        ("/bids/2/amount/amount", "too_many_decimals"),
        ("/bids/3/step", "not_a_proxy"),
    ]
    elsewhere = tried(acme, "1.00") | {"lot_id": str(acme.id)}
    assert await wrong([tried(acme, "1.00"), elsewhere]) == [("/bids/1/lot_id", "unknown")]


async def test_lots_are_tried_together_and_each_bid_says_on_which(
    client: httpx.AsyncClient, platform: Platform, world: World
) -> None:
    buyer, acme, bolt = await world.buyer(), await world.supplier("Acme"), await world.supplier()
    now = await clock(platform)
    draft = a_draft([acme, bolt], now, proxies=True)
    second = a_draft([acme, bolt], now)["lots"][0]
    del second["starts_at"], second["ends_at"]
    draft |= {"lots": [*draft["lots"], second], "lot_order": "serial"}
    made = (await client.post("/v1/auctions", json=draft, headers=buyer.writing)).json()
    path = f"/v1/auctions/{made['id']}/trial"
    first, then = (lot["id"] for lot in made["lots"])

    async def answer(*bids: dict[str, Any]) -> Any:
        return (await client.post(path, json={"bids": bids}, headers=buyer.headers)).json()

    unnamed = await answer(tried(acme, "900.00"))
    assert [(e["pointer"], e["code"]) for e in unnamed["errors"]] == [
        ("/bids/0/lot_id", "required")
    ]
    told = await answer(
        tried(acme, "600.00", "PT1M") | {"lot_id": first, "proxy": True},
        tried(bolt, "900.00", "PT9M59S") | {"lot_id": first},
        tried(acme, "800.00", "PT13M") | {"lot_id": then},
    )
    assert [bid["outcome"] for bid in told["bids"]] == ["accepted"] * 3
    (moved,) = told["bids"][1]["proxy_bids"]
    assert (moved["organization_id"], moved["amount"]["amount"]) == (str(acme.id), "890.00")
    assert [(lot["lot_id"], lot["winner"]["price"]["amount"]) for lot in told["lots"]] == [
        (first, "890.00"),
        (then, "800.00"),
    ]
    (alone,) = (await answer(tried(acme, "900.00") | {"lot_id": first}))["lots"]
    assert alone["lot_id"] == first, "the lot after it has no part in it"


async def results(floor: Floor) -> list[Any]:
    everybody = (floor.buyer, *floor.hall.suppliers)
    return [await floor.done(who, "GET", "/result") for who in everybody]


async def test_the_buyer_reads_winner_price_and_savings_and_each_bidder_his_own_part(
    open_floor: OpenFloor,
) -> None:
    floor = await open_floor(openings=("990.00", "980.00"))
    await floor.bid(0, "800.00")
    assert (await floor.ask(floor.buyer, "GET", "/result")).json()["state"] == "open"
    await floor.close()
    buyers, acme, bolt, core = await results(floor)
    assert buyers["winner"]["organization_id"] == str(floor.hall.suppliers[0].id)
    assert buyers["price"]["amount"] == "800.00"
    assert [(s["against"], s["amount"], s["percent"]) for s in buyers["savings"]] == [
        ("ceiling", "200.00", "20.00"),
        ("best_opening", "180.00", "18.37"),
    ]
    path = "/result?baseline=640.00"
    against = await floor.done(floor.buyer, "GET", path)
    assert against["savings"][2] == {
        "against": "baseline",
        "reference": {"amount": "640.00", "currency": "EUR"},
        "amount": "-160.00",
        "percent": "-25.00",
    }
    assert await floor.done(floor.hall.suppliers[0], "GET", path) == acme
    assert (await floor.ask(floor.buyer, "GET", "/result?baseline=1e3")).status_code == 400
    assert buyers["head"] == (await floor.done(floor.buyer, "GET", "/log"))["head"]
    assert (acme["won"], acme["rank"], acme["price"]["amount"]) == (True, 1, "800.00")
    assert (bolt["won"], bolt["rank"], bolt["price"]) == (False, 2, None)
    assert (core["won"], core["rank"], core["amount"]) == (False, None, None)


async def test_the_winner_of_a_vickrey_auction_gets_what_the_second_asked(
    open_floor: OpenFloor,
) -> None:
    floor = await open_floor(format=Format.VICKREY, **HIDDEN)
    await floor.bid(0, "700.00")
    await floor.bid(1, "850.00")
    await floor.close()
    buyers, acme, bolt, _ = await results(floor)
    assert (buyers["winner"]["amount"]["amount"], buyers["price"]["amount"]) == ("700.00", "850.00")
    assert acme["price"]["amount"] == "850.00"
    assert not tells(str(bolt), "700.00")


async def test_where_the_reserve_is_missed_nobody_wins_and_only_the_leader_is_not_told_he_did(
    open_floor: OpenFloor,
) -> None:
    results_of_second = []
    for leading in ("800.00", "600.00"):
        floor = await open_floor(reserve=Decimal("650.00"))
        await floor.bid(0, "900.00")
        await floor.bid(1, leading)
        await floor.close()
        buyers, second, leader, _ = await results(floor)
        missed = leading == "800.00"
        assert buyers["no_winner"] == ("above_reserve" if missed else None)
        assert buyers["savings"] == [] if missed else buyers["savings"]
        assert leader["won"] is not missed
        assert not tells(str(leader), "650.00")
        del second["closed_at"]
        results_of_second.append(second)
    assert results_of_second[0] == results_of_second[1], "the second learns nothing of the reserve"


async def test_every_copy_of_the_log_verifies_and_the_auditors_opens_all(
    open_floor: OpenFloor, world: World
) -> None:
    floor = await open_floor(proxies=True, reserve=Decimal("650.00"))
    acme, bolt, _ = floor.hall.suppliers
    proxy = {"limit": {"amount": "612.34", "currency": "EUR"}}
    await floor.done(acme, "PUT", "/proxy", proxy)
    await floor.bid(1, "800.00")
    await floor.close()
    auditor = await world.member(floor.buyer, "auditor")
    full = await floor.log(auditor, "auditor")
    assert (full.sound, full.recomputed, full.closed) == (True, True, {})
    buyers = await floor.log(floor.buyer)
    assert (buyers.sound, buyers.recomputed, buyers.closed) == (True, True, {"limit": 1})
    for reader, copy in ((bolt, "own"), (bolt, "public"), (floor.buyer, "public")):
        checked = await floor.log(reader, copy)
        assert checked.sound
        assert not checked.recomputed
    for path in ("/log?copy=public", "/log"):
        assert "612.34" not in (await floor.ask(floor.buyer, "GET", path)).text
    public = [(await floor.ask(who, "GET", "/log?copy=public")).text for who in (acme, floor.buyer)]
    assert public[0] == public[1]
    assert "800.00" not in public[0]


async def test_only_auditors_of_the_buyer_read_the_full_copy(
    open_floor: OpenFloor, world: World
) -> None:
    floor = await open_floor()
    await floor.close()
    assert (await floor.refused(floor.buyer, "GET", "/log?copy=auditor"))[0] == 403
    seller = floor.hall.suppliers[0]
    assert (await floor.refused(seller, "GET", "/log?copy=auditor"))[0] == 403
    stranger = await world.member(await world.buyer("Stranger"), "auditor")
    assert (await floor.refused(stranger, "GET", "/log?copy=auditor"))[0] == 404
    auditor = await world.member(floor.buyer, "auditor")
    assert (await floor.refused(auditor, "POST", "/pause", {"reason": "x"}))[0] == 403
    assert (await floor.ask(auditor, "GET", "/log?copy=none")).status_code == 400


async def test_a_practice_auction_has_a_result_and_no_winner(open_floor: OpenFloor) -> None:
    floor = await open_floor(practice=True)
    await floor.bid(0, "800.00")
    await floor.close()
    buyers, acme, *_ = await results(floor)
    assert (buyers["winner"], buyers["no_winner"]) == (None, "practice")
    assert (acme["won"], acme["rank"]) == (False, 1)
