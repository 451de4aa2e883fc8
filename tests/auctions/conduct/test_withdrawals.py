"""Bids that stand no more, and bids the buyer enters for somebody."""

from typing import Any

import pytest

from auctions.engine.terms import Disclosure, Format, Withdrawals
from marketplace.kernel.errors import InvalidInput
from tests.auctions.auction_hall import money
from tests.auctions.conduct.conftest import OpenFloor
from tests.auctions.conduct.floor import Floor
from tests.support.world import Company

HIDDEN: dict[str, Any] = {"disclosure": Disclosure.OWN_ONLY, "decrement": None}


def own(amount: str, reason: str = "We read the wrong line.") -> dict[str, Any]:
    return money(amount) | {"reason": reason}


async def seen(floor: Floor, amount: str) -> Any:
    standings = (await floor.standing(floor.buyer))["standings"]
    return next(each for each in standings if each["amount"]["amount"] == amount)


async def test_the_buyer_strikes_the_bid_he_names_and_none_that_took_its_place(
    open_floor: OpenFloor,
) -> None:
    floor = await open_floor()
    acme = floor.hall.suppliers[0]
    await floor.bid(0, "9.00")
    await floor.bid(1, "900.00")
    slip = await seen(floor, "9.00")
    body = {"alias": slip["alias"], "amount": slip["amount"], "reason": "Two digits are missing."}
    struck = await floor.done(floor.buyer, "POST", "/bids/strike", body)
    assert [each["amount"]["amount"] for each in struck["standing"]["standings"]] == ["900.00"]
    assert "amount" not in await floor.standing(acme)
    await floor.bid(0, "890.00")
    status, detail = await floor.refused(floor.buyer, "POST", "/bids/strike", body)
    assert (status, detail) == (409, "This bid does not stand, or stands no more.")
    assert (await floor.standing(acme))["rank"] == 1
    status, _ = await floor.refused(acme, "POST", "/bids/withdraw", own("890.00"))
    assert status == 409, "by the terms the buyer alone strikes bids"


async def test_a_bidder_asks_and_his_bid_stands_until_the_buyer_consents(
    open_floor: OpenFloor,
) -> None:
    floor = await open_floor(withdrawals=Withdrawals.ON_REQUEST)
    acme, bolt, _ = floor.hall.suppliers
    await floor.bid(0, "9.00")
    asked = await floor.done(acme, "POST", "/bids/withdraw", own("9.00"))
    assert asked["standing"]["withdrawal_requested"] is True
    assert asked["standing"]["rank"] == 1
    wish = await seen(floor, "9.00")
    assert wish["withdrawal_requested"] == "We read the wrong line."
    status, detail = await floor.refused(acme, "POST", "/bids/withdraw", own("9.00"))
    assert (status, detail) == (409, "You asked for this bid to be struck already.")
    assert "withdrawal_requested" not in await floor.standing(bolt)
    body = {"alias": wish["alias"], "amount": wish["amount"], "reason": "At its bidder's wish."}
    await floor.done(floor.buyer, "POST", "/bids/strike", body)
    assert "withdrawal_requested" not in await floor.standing(acme)
    await floor.bid(0, "900.00")
    await floor.close()
    for reader in (floor.buyer, acme, bolt):
        assert (await floor.log(reader)).sound
        text = (await floor.ask(reader, "GET", "/log")).text
        assert ("We read the wrong line." in text) is (reader is not bolt)


async def test_where_the_terms_let_him_a_bidder_takes_his_bid_back(
    open_floor: OpenFloor,
) -> None:
    floor = await open_floor(withdrawals=Withdrawals.FREELY)
    acme = floor.hall.suppliers[0]
    await floor.bid(1, "950.00")
    await floor.bid(0, "900.00")
    assert (await floor.refused(acme, "POST", "/bids/withdraw", own("901.00")))[0] == 409
    taken = await floor.done(acme, "POST", "/bids/withdraw", own("900.00"))
    assert "amount" not in taken["standing"]
    await floor.close()
    result = await floor.done(floor.buyer, "GET", "/result")
    assert result["winner"]["price"]["amount"] == "950.00"
    assert (await floor.log(floor.buyer)).sound


@pytest.mark.parametrize("bids", [0, 1])
async def test_the_buyer_is_not_told_whether_a_sealed_bid_stands_by_striking_it(
    open_floor: OpenFloor, bids: int
) -> None:
    floor = await open_floor(format=Format.SEALED, withdrawals=Withdrawals.FREELY, **HIDDEN)
    acme = floor.hall.suppliers[0]
    for _ in range(bids):
        await floor.bid(0, "900.00")
    alias = (await floor.done(acme, "GET", ""))["lots"][0]["alias"]
    body = {"alias": alias, "amount": money("900.00")["amount"], "reason": "Is there one?"}
    status, detail = await floor.refused(floor.buyer, "POST", "/bids/strike", body)
    assert (status, "whether there is one is hidden" in detail) == (409, True)
    if bids:
        await floor.done(acme, "POST", "/bids/withdraw", own("900.00"))
        assert (await floor.standing(floor.buyer))["number"] == 1, "he sees nothing of it"


def entered(company: Company, amount: str) -> dict[str, Any]:
    return {
        "organization_id": str(company.id),
        **money(amount),
        "proof": "Letter of 3 March, page 2",
    }


async def test_the_buyer_enters_a_bid_by_both_consents_and_the_log_says_who_and_by_what_proof(
    open_floor: OpenFloor,
) -> None:
    floor = await open_floor(surrogates=True)
    acme, bolt, _ = floor.hall.suppliers
    path, body = "/surrogate-bids", entered(acme, "900.00")
    assert (await floor.refused(floor.buyer, "POST", path, body))[0] == 409
    agreed = await floor.done(acme, "POST", "/surrogate-consent")
    assert agreed["standing"]["surrogate_allowed"] is True
    await floor.done(acme, "POST", "/surrogate-consent")
    allowed = (await floor.standing(floor.buyer))["surrogates_allowed"]
    assert allowed == [str(acme.id)]
    # A key of the bidder's own is another key.
    await floor.done(acme, "POST", "/bids", money("950.00"), key="k")
    taken = await floor.done(floor.buyer, "POST", path, body, key="k")
    assert (taken["outcome"], taken["entered_by_buyer"]) == ("accepted", True)
    assert await floor.done(floor.buyer, "POST", path, body, key="k") == taken
    assert (await floor.standing(acme))["amount"]["amount"] == "900.00"
    status, _ = await floor.refused(floor.buyer, "POST", path, entered(bolt, "800.00"))
    assert status == 409, "nobody is bid for who has not consented"
    for _ in range(2):
        revoked = await floor.ask(acme, "DELETE", "/surrogate-consent")
        assert "surrogate_allowed" not in revoked.json()["standing"]
    assert "surrogates_allowed" not in await floor.standing(floor.buyer)
    status, _ = await floor.refused(floor.buyer, "POST", path, entered(acme, "850.00"))
    assert status == 409, "nor for who took his consent back"
    assert (await floor.standing(acme))["amount"]["amount"] == "900.00", "what was entered stands"
    await floor.close()
    member = str(floor.buyer.caller.member_id)
    for reader, opened in ((floor.buyer, True), (acme, True), (bolt, False)):
        assert (await floor.log(reader)).sound
        text = (await floor.ask(reader, "GET", "/log")).text
        assert ("Letter of 3 March" in text) is opened
        assert (member in text) is opened


async def test_sealed_auctions_have_no_surrogates_and_no_wishes_the_buyer_would_learn_of(
    open_floor: OpenFloor,
) -> None:
    for terms in ({"surrogates": True}, {"withdrawals": Withdrawals.ON_REQUEST}):
        with pytest.raises(InvalidInput) as refused:
            await open_floor(format=Format.SEALED, **HIDDEN, **terms)
        assert refused.value.errors[0].code == "not_in_format"
