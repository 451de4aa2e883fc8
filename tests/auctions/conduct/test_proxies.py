"""A bidder's proxy over HTTP: set, changed, taken back, seen by nobody else."""

from decimal import Decimal
from typing import Any

from auctions.engine.terms import Disclosure, Rate
from tests.auctions.auction_hall import money
from tests.auctions.conduct.conftest import OpenFloor

EUROS = {"currency": "EUR"}


def limit(amount: str, step: str | None = None) -> dict[str, Any]:
    order: dict[str, Any] = {"limit": {"amount": amount, **EUROS}}
    return order if step is None else order | {"step": {"amount": step, **EUROS}}


async def test_a_proxy_underbids_rivals_down_to_its_limit_and_no_further(
    open_floor: OpenFloor,
) -> None:
    floor = await open_floor(proxies=True, disclosure=Disclosure.BEST_PRICE)
    acme, bolt = floor.hall.suppliers[:2]
    assert await floor.refused(acme, "GET", "/proxy") == (404, "No proxy bids for you.")
    set_ = await floor.done(acme, "PUT", "/proxy", limit("700.00", "20.00"))
    assert set_ == {
        "limit": {"amount": "700.00", **EUROS},
        "step": {"amount": "20.00", **EUROS},
    }
    assert await floor.done(acme, "GET", "/proxy") == set_
    await floor.bid(1, "900.00")
    own = await floor.standing(acme)
    assert (own["rank"], own["amount"]["amount"], own["proxy"]["amount"]) == (1, "880.00", "700.00")
    await floor.bid(1, "690.00")
    own = await floor.standing(acme)
    assert (own["rank"], own["best_price"]["amount"]) == (2, "690.00")
    # What it has bid stands when it is taken back, and nobody bids any more.
    await floor.done(acme, "DELETE", "/proxy")
    status, detail = await floor.refused(acme, "DELETE", "/proxy")
    assert (status, detail) == (409, "No proxy bids for you.")
    assert "proxy" not in await floor.standing(acme)
    assert (await floor.standing(bolt))["rank"] == 1


async def test_a_proxy_sent_again_under_its_key_keeps_its_place_and_another_use_is_refused(
    open_floor: OpenFloor,
) -> None:
    floor = await open_floor(proxies=True)
    acme, bolt, _ = floor.hall.suppliers
    first = await floor.done(acme, "PUT", "/proxy", limit("700.00"), key="order")
    await floor.done(bolt, "PUT", "/proxy", limit("700.00"))
    assert await floor.done(acme, "PUT", "/proxy", limit("700.00"), key="order") == first
    assert (await floor.standing(acme))["rank"] == 1, "of equal limits the earliest leads"
    status, _ = await floor.refused(acme, "PUT", "/proxy", limit("600.00"), key="order")
    assert status == 422
    answer = await floor.client.put(
        f"/v1/auctions/{floor.hall.auction_id}/proxy", json=limit("1.00"), headers=acme.headers
    )
    assert answer.json()["code"] == "idempotency_key_missing"


async def test_a_limit_that_cannot_be_is_refused_with_its_place(open_floor: OpenFloor) -> None:
    floor = await open_floor(proxies=True, rates=(Rate("USD", Decimal("0.9")),))
    acme = floor.hall.suppliers[0]
    for body, pointer in (
        (limit("1000.01"), "/limit"),
        (limit("0.00"), "/limit/amount"),
        (limit("700.00", "0.001"), "/step/amount"),
        ({"limit": {"amount": "700.00", "currency": "USD"}}, "/limit/currency"),
    ):
        answer = await floor.ask(acme, "PUT", "/proxy", body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"] == pointer


async def test_where_the_terms_have_no_proxies_none_is_taken(open_floor: OpenFloor) -> None:
    floor = await open_floor()
    status, detail = await floor.refused(floor.hall.suppliers[0], "PUT", "/proxy", limit("700.00"))
    assert (status, detail) == (409, "This auction takes no proxy bids.")


async def test_nobody_else_reads_a_limit_neither_while_it_runs_nor_from_the_log(
    open_floor: OpenFloor,
) -> None:
    floor = await open_floor(proxies=True, disclosure=Disclosure.OPEN)
    acme, bolt, _ = floor.hall.suppliers
    await floor.done(acme, "PUT", "/proxy", limit("654.32"))
    await floor.bid(1, "900.00")
    await floor.close()
    for reader, status in ((floor.buyer, 403), (bolt, 404)):  # who only buys has none at all
        for path in ("", "/standing", "/history", "/log", "/result", "/messages"):
            assert "654.32" not in (await floor.ask(reader, "GET", path)).text, path
        assert (await floor.ask(reader, "GET", "/proxy")).status_code == status
    assert "654.32" in (await floor.ask(acme, "GET", "/log")).text


async def test_orders_to_a_proxy_do_not_flood_the_log(open_floor: OpenFloor) -> None:
    floor = await open_floor(proxies=True)
    acme = floor.hall.suppliers[0]
    answers = [await floor.ask(acme, "PUT", "/proxy", limit(f"{700 + n}.00")) for n in range(31)]
    assert [answer.status_code for answer in answers] == [200] * 30 + [429]
    assert (await floor.ask(acme, "POST", "/bids", money("600.00"))).status_code == 201
