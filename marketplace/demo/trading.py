"""The road's posted prices, and its order: placed, approved, fulfilled, invoiced, traced."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from marketplace.demo.registration import run_import, stock_suppliers
from marketplace.demo.road import Road, check
from marketplace.demo.sourcing import order_lines
from marketplace.demo.story import Actor, UnexpectedAnswer, eventually
from marketplace.demo.wares import ASSORTMENTS

TAX_RATE: Final = Decimal(19)


async def prices(road: Road) -> None:
    """Import offers and prices; a file with a broken row is refused, and the row named."""
    await stock_suppliers(road.operator, road.buyer, road.suppliers, ASSORTMENTS.values())
    broken = b"sku,name,unit\nA-1,Fine,C62\nA-2,No such unit,QQQ\n"
    try:
        await run_import(road.supplier_as(0), "offers", broken)
    except UnexpectedAnswer as error:
        check("QQQ" in str(error), "The error of a row names the offending value.")
    else:
        check(False, "A file with a broken row must be refused.")  # noqa: FBT003
    road.narrator.say("Offers, a base list and a list for the buyer are imported and published.")
    road.narrator.say("A file with a unit that does not exist is refused; its row is named.")


async def own_prices(road: Road) -> None:
    """Search, read an item with its explanation, and price three quantities."""
    portal = road.buyer_as("purchaser")
    found = await portal.get("/v1/catalog", params={"q": "6204-2RS"}, show="searchCatalog")
    best = found["items"][0]
    check(best["maker_number"] == "6204-2RS", "The number asked for is found first.")
    check(best["offer_count"] >= len(road.suppliers), "Several suppliers offer one product.")
    item = await portal.get(f"/v1/catalog/{best['id']}", show="readCatalogItem")
    offer = next(
        offer
        for offer in item["offers"]
        if offer["supplier_id"] == road.suppliers[0].organization_id
    )
    price = offer["price"]
    check(price["level"] == "organization", "His own list beats the base list.")
    reasons = {loser["reason"] for loser in price["losers"]}
    check("shadowed_by_level" in reasons, "The base list lost because of its level.")
    road.narrator.say(
        f"{item['name']}: {price['amount']} {price['currency']} from {price['source']['title']!r}; "
        f"the base price lost: {', '.join(sorted(reasons))}."
    )
    answer = await portal.post(
        "/v1/prices/check",
        {
            "currency": "EUR",
            "explain": True,
            "lines": [
                {"supplier_id": offer["supplier_id"], "sku": offer["sku"], "quantity": quantity}
                for quantity in ("1", "10", "100")
            ],
        },
        show="checkPrices",
    )
    amounts = [Decimal(line["price"]["amount"]) for line in answer["lines"]]
    check(amounts == sorted(amounts, reverse=True), "More costs less a piece.")
    check(len(set(amounts)) == len(amounts), "Each tier has its own price.")
    road.narrator.say(f"1, 10 and 100 pieces: {', '.join(map(str, amounts))} EUR a piece.")


async def order(road: Road) -> None:
    """Order by the ERP's own number, twice: one order, approved by a second member."""
    erp = road.buyer_as("erp")
    body = {"currency": "EUR", "lines": order_lines(road)}
    path = f"/v1/orders/by-external/sap/4500017{road.suffix.strip() or '001'}"
    first = await erp.put(path, body, show="putOrderByExternalNumber")
    second = await erp.put(path, body)
    check(first["id"] == second["id"], "The same number twice is one order.")
    check(first["state"] == "in_approval", "Above his limit it waits for a second person.")
    road.narrator.say(f"Sent twice, one order: {first['total']['amount']} EUR, above the limit.")
    approver = road.buyer_as("approver")
    approvals = await approver.get("/v1/approvals", params={"state": "pending"})
    (pending,) = [a for a in approvals["items"] if a["subject_id"] == first["id"]]
    decision = f"/v1/approvals/{pending['id']}/decisions"
    await erp.post(decision, {"verdict": "approve"}, once=True, expect=(403, 404))
    await approver.post(decision, {"verdict": "approve"}, once=True, show="decideApproval")
    road.order = await erp.get(f"/v1/orders/{first['id']}", show="readOrder")
    check(road.order["state"] == "placed", "The last approval places the order.")
    for line in road.order["lines"]:
        check(line["price"]["level"] == "contract", "The contract's price is the order's.")
    road.narrator.say("The requester cannot approve it himself; a second member did: it is placed.")


async def fulfil(road: Road) -> None:
    """Confirm and ship from the supplier's feed, and invoice."""
    erp = road.supplier_as(road.winner, "erp")
    placed = await _from_feed(erp, "supplier_order.placed", "supplier_order", "the new order")
    road.supplier_order_id = placed["subject"]["id"]
    path = f"/v1/supplier-orders/{road.supplier_order_id}"
    received = await erp.get(path, show="readSupplierOrder")
    check(received["order_id"] == road.order["id"], "The feed leads to the order.")
    promised = (date.today() + timedelta(days=3)).isoformat()  # noqa: DTZ011 - a day
    confirmed = {"supplier_reference": "AB-7001", "promised_on": promised}
    await erp.post(f"{path}/confirmations", confirmed, once=True, show="confirmSupplierOrder")
    shipped = {"carrier": "Spedition Alster", "tracking_number": "ALS-552-901"}
    await erp.post(f"{path}/despatches", shipped, once=True, show="despatchSupplierOrder")
    buyer = road.buyer_as("erp")
    for kind in ("supplier_order.confirmed", "supplier_order.despatched"):
        await _from_feed(buyer, kind, "supplier_order", kind, road.supplier_order_id)
    road.order = await buyer.get(f"/v1/orders/{road.order['id']}")
    for line in road.order["lines"]:
        check(line["despatched_quantity"] == line["quantity"], "All of it is on its way.")
    road.narrator.say("The supplier's ERP read the order from the feed, confirmed and shipped.")
    road.narrator.say("The buyer's ERP saw both in its feed.")
    await _invoice(road)


async def _invoice(road: Road) -> None:
    seller = road.supplier_as(road.winner, "erp")
    body = {"supplier_order_id": road.supplier_order_id, "standard_rate": str(TAX_RATE)}
    road.invoice = await seller.post("/v1/invoices", body, once=True, show="issueInvoice")
    net = sum(
        ((Decimal(line["line_amount"]["amount"])) for line in road.order["lines"]), Decimal(0)
    )
    tax = (net * TAX_RATE / 100).quantize(Decimal("0.01"), "ROUND_HALF_UP")
    shown = {name: Decimal(road.invoice[name]["amount"]) for name in ("net", "tax", "gross")}
    check(shown == {"net": net, "tax": tax, "gross": net + tax}, f"The totals are right: {shown}")
    mine = await road.buyer_as("administrator").get(f"/v1/invoices/{road.invoice['id']}")
    check(mine["number"] == road.invoice["number"], "Both sides read the same invoice.")
    road.narrator.say(f"Invoice {road.invoice['number']}: {net} net + {tax} tax = {net + tax} EUR.")


async def _from_feed(
    reader: Actor, kind: str, subject: str, what: str, subject_id: str | None = None
) -> Any:
    """Read a feed from its beginning until an event of `kind` comes."""

    def wanted(event: Mapping[str, Any]) -> bool:
        same = subject_id is None or event["subject"]["id"] == subject_id
        return event["kind"] == kind and event["subject"]["kind"] == subject and same

    async def read() -> list[Any]:
        events: list[Any] = []
        after: str | None = None
        while True:
            params: dict[str, str | int] = {"limit": 200} | ({"after": after} if after else {})
            page = await reader.get("/v1/events", params=params, show="readEvents")
            events += page["items"]
            if not page["items"]:
                return [event for event in events if wanted(event)]
            after = page["next"]

    found = await eventually(read, bool, what=what)
    return found[0]


async def provenance(road: Road) -> None:
    """Follow each order line back to the winning bid."""
    reader = road.buyer_as("purchaser")
    for number in range(1, len(road.order["lines"]) + 1):
        path = f"/v1/orders/{road.order['id']}/lines/{number}/provenance"
        chain = await reader.get(path, show="readLineProvenance")
        kinds = [step["kind"] for step in chain["steps"]]
        for kind in ("rfq.procedure", "rfq.bid", "auction", "auction.bid", "rfq.award", "contract"):
            check(kind in kinds, f"The provenance names the {kind}: {kinds}")
        bids = [step for step in chain["steps"] if step["kind"] == "rfq.bid"]
        check(bids[0]["id"] == road.award["bid_id"], "It ends at the winning bid.")
    road.narrator.say(f"Line by line: {' ← '.join(reversed(kinds))}.")
