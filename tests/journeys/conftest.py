"""One road, played once against the whole product; the tests of this folder look at it.

Beside it a second one is played, at the same time: those tests that do harm do it there.
"""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from marketplace.demo.journey import play
from marketplace.demo.registration import DemoCompany, register_company
from marketplace.demo.road import Road
from marketplace.demo.story import Actor, Exchange, Recorder, Silence
from marketplace.devservices import ServiceUrls
from tests.support.documents import PDF
from tests.support.folders import ENDS, JOURNEYS
from tests.support.running import RunningProduct, running_on
from tests.support.scratch import scratch_directory
from tests.support.servers import TestServers


@dataclass(frozen=True)
class Played:
    """The running product, the road as it was played on it, and a company that was not there.

    `spare` is the other road, `spare_exchanges` what was said on it: for tests that do harm.
    """

    product: RunningProduct
    road: Road
    exchanges: dict[str, Exchange]
    stranger: DemoCompany
    spare: Road
    spare_exchanges: dict[str, Exchange]


BESIDE = {
    "putCategoryByCode",
    "createProduct",
    "changeProduct",
    "uploadMedium",
    "createCart",
    "addCartLines",
    "quickOrder",
    "createRequisitionList",
    "addListToCart",
    "reorder",
    "checkOutCart",
    "issueCreditNote",
    "addQuoteToCart",
}
"""Operations of `describe`, `shop`, `correct` and `quote`: no examples of the road."""


async def describe(operator: Actor, suffix: str) -> None:
    """Let the operator keep a category, a product and a paper, which the road does not need."""
    names = [{"language": "en", "name": "Tools"}]
    bore = {"code": "bore", "kind": "number", "unit": "MMT", "names": names}
    category = await operator.put(
        f"/v1/categories/by-code/tools{suffix}",
        {"names": names, "attributes": [bore]},
        show="putCategoryByCode",
    )
    product = {"name": f"Puller{suffix}", "category_id": category["id"]}
    made = await operator.post("/v1/products", product, once=True, show="createProduct")
    await operator.send(
        "PUT",
        f"/v1/products/{made['id']}",
        {**product, "attributes": [{"code": "bore", "value": "2", "unit": "CMT"}]},
        headers={"If-Match": f'"{made["version"]}"'},
        show="changeProduct",
    )
    medium = await operator.send(
        "POST",
        "/v1/media",
        content=PDF,
        params={"name": "puller.pdf"},
        expect=201,
        show="uploadMedium",
    )
    assert await operator.get(medium["url"]) == PDF.decode()


async def shop(road: Road, recorder: Recorder) -> None:
    """Let the buyer fill carts and order from one, after the road."""
    key = road.buyer.keys["purchaser"]
    buyer = Actor(road.operator.http, "the buyer", key, recorder)
    bought = {name: road.order["lines"][0][name] for name in ("supplier_id", "sku", "unit")}
    line = {**bought, "quantity": "3"}
    new = {"currency": "EUR", "shared": True}
    open_cart = await buyer.post("/v1/carts", {**new, "name": "Open"}, once=True, show="createCart")
    cart = await buyer.post("/v1/carts", {**new, "name": "Weekly"}, once=True)
    opened, path = f"/v1/carts/{open_cart['id']}", f"/v1/carts/{cart['id']}"
    await buyer.post(f"{opened}/lines", {"lines": [line]}, once=True, show="addCartLines")
    kept = await buyer.post(
        "/v1/requisition-lists",
        {"name": "Weekly", "lines": [line]},
        once=True,
        show="createRequisitionList",
    )
    listed = {"requisition_list_id": kept["id"]}
    await buyer.post(f"{path}/requisition-lists", listed, once=True, show="addListToCart")
    again = {"order_id": road.order["id"]}
    await buyer.post(f"{path}/reorders", again, once=True, show="reorder")
    text = {"text": f"{bought['sku']} 5\nNO-SUCH 1", "supplier_id": bought["supplier_id"]}
    pasted = await buyer.post(f"{path}/quick-order", text, once=True, show="quickOrder")
    assert [error["code"] for error in pasted["errors"]] == ["unknown_sku"]
    shown = await buyer.get(path)
    order = await buyer.send(
        "POST",
        f"{path}/checkout",
        {"note": "Weekly", "expected_total": shown["total"]["amount"]},
        headers={"If-Match": f'"{shown["version"]}"', "Idempotency-Key": f"cart-{cart['id']}"},
        expect=201,
        show="checkOutCart",
    )
    assert order["total"] == shown["total"]
    assert (await buyer.get(path))["order_id"] == order["id"]


async def correct(road: Road, recorder: Recorder) -> None:
    """Let the supplier give a euro of the road's invoice back."""
    winner = road.suppliers[road.winner]
    seller = Actor(road.operator.http, "the supplier", winner.keys["seller"], recorder)
    await seller.post(
        f"/v1/invoices/{road.invoice['id']}/credit-notes",
        {"reason": "price corrected", "lines": [{"line": 1, "amount": "1"}]},
        once=True,
        show="issueCreditNote",
    )


async def quote(road: Road, recorder: Recorder) -> None:
    """Let the winner make a quote, and the buyer put it into a cart."""
    winner = road.suppliers[road.winner]
    seller = Actor(road.operator.http, "the supplier", winner.keys["seller"], recorder)
    buyer = Actor(road.operator.http, "the buyer", road.buyer.keys["purchaser"], recorder)
    sold = {name: road.order["lines"][0][name] for name in ("sku", "unit")}
    offered = {
        "organization_id": road.buyer.organization_id,
        "title": "Spring",
        "currency": "EUR",
        "last_day": "2090-12-31",
        "lines": [{**sold, "tiers": [{"minimum_quantity": "500", "amount": "5"}]}],
    }
    made = await seller.post("/v1/quotes", offered, once=True)
    await buyer.send(
        "POST", f"/v1/quotes/{made['id']}/accept", None, headers={"If-Match": '"1"'}, expect=200
    )
    cart = await buyer.post("/v1/carts", {"currency": "EUR", "name": "Quoted"}, once=True)
    wanted = {"quote_id": made["id"]}
    added = await buyer.post(
        f"/v1/carts/{cart['id']}/quotes", wanted, once=True, show="addQuoteToCart"
    )
    assert added["line_count"] == 1


@pytest.fixture(scope="session")
def played(servers: TestServers) -> Iterator[Played]:
    name = f"journeys_{os.getpid()}"
    with ENDS[JOURNEYS] as ends:
        servers.clone(name)
        ends.callback(servers.drop, name)
        urls = ServiceUrls(
            servers.database_url(name), servers.owner_url(name), servers.redis_url, os.getpid()
        )
        directory = ends.enter_context(scratch_directory("marketplace-journeys-"))
        many = {"MARKETPLACE_REQUESTS_PER_MINUTE": "1000000"}
        running = running_on(servers.services, urls, directory, **many)
        yield played_on(ends.enter_context(running))


def played_on(product: RunningProduct) -> Played:
    """Play both roads, and what is beside them."""
    recorder, spares = Recorder(), Recorder()
    key = product.operator_key()

    async def run() -> tuple[Road, Road, DemoCompany]:
        async with product.client() as http:
            road, spare = await asyncio.gather(
                play(http, key, Silence(), recorder=recorder),
                play(http, key, Silence(), recorder=spares, suffix=" Spare"),
            )
            for recorded, suffix in ((recorder, ""), (spares, "-spare")):
                await describe(Actor(http, "the operator", key, recorded), suffix)
            for bought, recorded in ((road, recorder), (spare, spares)):
                await shop(bought, recorded)
                await correct(bought, recorded)
                await quote(bought, recorded)
            operator = Actor(http, "the operator", key, Recorder())
            stranger = await register_company(operator, "Fremdwerk", "buyer", "supplier")
            return road, spare, stranger

    road, spare, stranger = asyncio.run(run())
    return Played(product, road, recorder.exchanges, stranger, spare, spares.exchanges)
