"""Awarding an auction that stands alone: to a contract, at once or when somebody has approved."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from auctions.drafts import Origin
from auctions.engine.terms import Disclosure, Format
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from tests.auctions.conduct.conftest import OpenFloor
from tests.auctions.conduct.floor import Floor
from tests.auctions.test_auctions import clock
from tests.support.world import World


async def terms(platform: Platform, **more: Any) -> dict[str, Any]:
    last = await clock(platform) + timedelta(days=365)
    return {"last_day": last.date().isoformat(), **more}


async def closed(floor: Floor, *bids: str) -> None:
    for who, amount in enumerate(bids):
        await floor.bid(who, amount)
    await floor.close()


async def test_the_winner_has_a_contract_that_leads_back_to_his_bid_and_can_be_ordered_from(
    open_floor: OpenFloor, platform: Platform
) -> None:
    floor = await open_floor()
    acme, bolt, _ = floor.hall.suppliers
    body = await terms(platform, quantity="12", unit="KMT")
    assert (await floor.refused(floor.buyer, "POST", "/awards", body))[0] == 409
    await closed(floor, "800.00", "900.00")
    award = await floor.done(floor.buyer, "POST", "/awards", body, key="a")
    assert await floor.done(floor.buyer, "POST", "/awards", body, key="a") == award
    assert (award["state"], award["supplier_id"], award["price"]["amount"]) == (
        "awarded",
        str(acme.id),
        "800.00",
    )
    contract = await floor.client.get(f"/v1/contracts/{award['contract_id']}", headers=acme.headers)
    (price,) = contract.json()["prices"]
    assert (price["basis"], price["unit"], price["tiers"][0]["amount"]) == ("12", "KMT", "800")
    assert contract.json()["origin"] == "auction"
    kinds = [step["kind"] for step in contract.json()["provenance"]]
    assert kinds[:3] == ["auction", "auction.bid", "auction.award"]
    result = await floor.done(floor.buyer, "GET", "/result")
    assert contract.json()["provenance"][0]["hash"] == result["head"]
    line = {"supplier_id": str(acme.id), "sku": price["sku"], "quantity": "6", "unit": "KMT"}
    ordered = await floor.client.post(
        "/v1/orders", json={"currency": "EUR", "lines": [line]}, headers=floor.buyer.writing
    )
    assert ordered.status_code == 201, ordered.text
    assert ordered.json()["total"]["amount"] == "400.00"
    assert (await floor.refused(floor.buyer, "POST", "/awards", body))[0] == 409
    assert len((await floor.done(acme, "GET", "/awards"))["items"]) == 1
    assert (await floor.done(bolt, "GET", "/awards"))["items"] == []


async def test_above_his_limit_a_member_hands_the_award_to_approval(
    open_floor: OpenFloor, platform: Platform, world: World
) -> None:
    floor = await open_floor(format=Format.VICKREY, disclosure=Disclosure.OWN_ONLY, decrement=None)
    acme = floor.hall.suppliers[0]
    clerk = await world.member(floor.buyer, "purchaser", order_limit="500 EUR")
    await closed(floor, "700.00", "850.00")
    body = await terms(platform)
    for verdict, state in (("reject", "rejected"), ("approve", "awarded")):
        asked = await floor.done(clerk, "POST", "/awards", body)
        assert (asked["state"], asked["contract_id"]) == ("waiting", None)
        assert asked["price"]["amount"] == "850.00"
        assert (await floor.done(acme, "GET", "/awards"))["items"] == []
        assert (await floor.refused(clerk, "POST", "/awards", body))[0] == 409
        path = f"/v1/approvals/{asked['approval_id']}/decisions"
        decision = {"verdict": verdict}
        own = await floor.client.post(path, json=decision, headers=clerk.writing)
        assert own.status_code == 403
        said = await floor.client.post(path, json=decision, headers=floor.buyer.writing)
        assert said.status_code in {200, 201}, said.text
        items = (await floor.done(floor.buyer, "GET", "/awards"))["items"]
        assert items[-1]["state"] == state
    (own_award,) = (await floor.done(acme, "GET", "/awards"))["items"]
    assert own_award["contract_id"] is not None
    assert "rank" not in own_award


async def test_above_the_companys_threshold_an_administrator_waits_too(
    open_floor: OpenFloor, platform: Platform
) -> None:
    floor = await open_floor()
    policy = {"approval_above": {"amount": "799.99", "currency": "EUR"}}
    headers = {**floor.buyer.headers, "If-Match": '"0"'}
    said = await floor.client.put("/v1/award-policy", json=policy, headers=headers)
    assert said.status_code == 200, said.text
    await closed(floor, "800.00", "900.00")
    asked = await floor.done(floor.buyer, "POST", "/awards", await terms(platform))
    assert (asked["state"], asked["contract_id"]) == ("waiting", None)


async def test_who_is_not_the_winner_is_awarded_with_a_reason_alone(
    open_floor: OpenFloor, platform: Platform
) -> None:
    floor = await open_floor(reserve=Decimal("700.00"))
    await closed(floor, "800.00", "900.00")
    body = await terms(platform)
    answer = await floor.ask(floor.buyer, "POST", "/awards", body)
    assert answer.json()["errors"][0]["code"] == "no_winner"
    log = await floor.log(floor.buyer)
    assert log.state is not None
    leader = str(log.state.order[0].bid_id)
    answer = await floor.ask(floor.buyer, "POST", "/awards", body | {"bid_id": leader})
    assert answer.json()["errors"][0]["code"] == "reason_missing"
    answer = await floor.ask(floor.buyer, "POST", "/awards", body | {"bid_id": str(new_id())})
    assert answer.json()["errors"][0]["code"] == "unknown_bid"
    chosen = body | {"bid_id": leader, "reason": "Copper rose meanwhile."}
    award = await floor.done(floor.buyer, "POST", "/awards", chosen)
    assert (award["price"]["amount"], award["reason"]) == ("800.00", "Copper rose meanwhile.")


async def test_what_is_practice_or_belongs_to_a_procedure_is_not_awarded_here(
    open_floor: OpenFloor, platform: Platform
) -> None:
    for settings in ({"practice": True}, {"origin": Origin("rfq.lot", new_id())}):
        floor = await open_floor(**settings)
        await closed(floor, "800.00")
        assert (await floor.refused(floor.buyer, "POST", "/awards", await terms(platform)))[
            0
        ] == 409
