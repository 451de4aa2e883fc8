"""The whole road, once: posted price, sealed offer, live auction, award, contract, order, sync.

Nine steps, each over the public API with the key of who does it. What must hold is asserted on the
way, so that the story is a test as well.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect

from marketplace.demo.registration import (
    BUYER,
    DemoCompany,
    register_buyer,
    register_supplier,
    run_import,
    stock_suppliers,
)
from marketplace.demo.story import (
    Actor,
    Narrator,
    Recorder,
    UnexpectedAnswer,
    eventually,
)
from marketplace.demo.wares import ASSORTMENTS

BIDS_RECEIVED_FOR: Final = timedelta(seconds=4)
AUCTION_STARTS_IN: Final = timedelta(seconds=1)
AUCTION_RUNS_FOR: Final = timedelta(seconds=6)
EXTENSION: Final = timedelta(seconds=3)
TAX_RATE: Final = Decimal(19)

LINES: Final = (
    ("1200", "6204-2RS", "Ball bearings 6204-2RS, yearly demand"),
    ("3000", "CAB-3G15", "Flexible cable H07RN-F 3G1.5, yearly demand"),
)
"""What the RFQ asks for: quantity, ware, description; the second in metres."""
OPENING_PRICES: Final = (("5.60", "1.30"), ("5.45", "1.34"), ("5.90", "1.41"))
"""The suppliers' sealed unit prices, a pair each. The third is not among the best two."""


@dataclass(slots=True)
class Road:
    """Who is on the road and what was made on it, as it goes on."""

    operator: Actor
    narrator: Narrator
    suffix: str = ""
    buyer: DemoCompany = field(default_factory=lambda: DemoCompany("", "", {}))
    suppliers: list[DemoCompany] = field(default_factory=list)
    procedure: dict[str, Any] = field(default_factory=dict)
    auction_id: str = ""
    award: dict[str, Any] = field(default_factory=dict)
    order: dict[str, Any] = field(default_factory=dict)
    supplier_order_id: str = ""
    invoice: dict[str, Any] = field(default_factory=dict)
    opening_totals: dict[str, Decimal] = field(default_factory=dict)
    final_totals: dict[str, Decimal] = field(default_factory=dict)

    def buyer_as(self, member: str) -> Actor:
        """Give a program of the buyer: administrator, purchaser, approver or erp."""
        return self.operator.with_key(f"{self.buyer.name} ({member})", self.buyer.keys[member])

    def supplier_as(self, number: int, member: str = "seller") -> Actor:
        """Give a program of a supplier: administrator, seller or erp."""
        supplier = self.suppliers[number]
        return self.operator.with_key(f"{supplier.name} ({member})", supplier.keys[member])

    @property
    def lot(self) -> dict[str, Any]:
        """The one lot of the procedure."""
        lot: dict[str, Any] = self.procedure["lots"][0]
        return lot

    @property
    def winner(self) -> int:
        """The number of the supplier who won."""
        ids = [supplier.organization_id for supplier in self.suppliers]
        return ids.index(self.award["supplier_id"])


def check(holds: bool, what: str) -> None:
    """Raise UnexpectedAnswer unless it holds."""
    if not holds:
        raise UnexpectedAnswer(what)


async def play(
    http: httpx.AsyncClient,
    operator_key: str,
    narrator: Narrator,
    *,
    recorder: Recorder | None = None,
    suffix: str = "",
) -> Road:
    """Play the road against a running server; give what was made on it.

    Raises UnexpectedAnswer where the API answers otherwise than told. It takes some twenty seconds,
    since deadlines are real.
    """
    operator = Actor(http, "the operator", operator_key, recorder or Recorder())
    road = Road(operator, narrator, suffix)
    for number, (title, step) in enumerate(STEPS, start=1):
        narrator.chapter(number, title)
        await step(road)
    return road


async def _companies(road: Road) -> None:
    road.buyer = await register_buyer(road.operator, BUYER + road.suffix)
    names = [name + road.suffix for name in ASSORTMENTS]
    road.suppliers = [await register_supplier(road.operator, name) for name in names]
    me = await road.buyer_as("purchaser").get("/v1/me", show="readMe")
    check(me["company"]["id"] == road.buyer.organization_id, "A key belongs to its company.")
    units = " and ".join(road.buyer.units)
    road.narrator.say(f"{road.buyer.name} has two units, {units}.")
    road.narrator.say(f"Suppliers: {', '.join(s.name for s in road.suppliers)}.")


async def _prices(road: Road) -> None:
    await stock_suppliers(road.operator, road.buyer, road.suppliers)
    broken = b"sku,name,unit\nA-1,Fine,C62\nA-2,No such unit,QQQ\n"
    try:
        await run_import(road.supplier_as(0), "offers", broken)
    except UnexpectedAnswer as error:
        check("QQQ" in str(error), "The error of a row names the offending value.")
    else:
        check(False, "A file with a broken row must be refused.")  # noqa: FBT003
    road.narrator.say("Offers, a base list and a list for the buyer are imported and published.")
    road.narrator.say("A file with a unit that does not exist is refused; its row is named.")


async def _own_prices(road: Road) -> None:
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


async def _sealed_offers(road: Road) -> None:
    buyer = road.buyer_as("purchaser")
    deadline = datetime.now(UTC) + BIDS_RECEIVED_FOR
    units = {"6204-2RS": "C62", "CAB-3G15": "MTR"}
    draft = await buyer.post(
        "/v1/procedures",
        {
            "title": "Bearings and cable for one year",
            "currency": "EUR",
            "deadline_at": deadline.isoformat(),
            "lots": [
                {
                    "title": "Yearly demand of Hamburg",
                    "lines": [
                        {"quantity": quantity, "unit": units[ware], "description": text}
                        for quantity, ware, text in LINES
                    ],
                }
            ],
        },
        once=True,
        show="createProcedure",
    )
    path = f"/v1/procedures/{draft['id']}"
    invited = {"supplier_ids": [supplier.organization_id for supplier in road.suppliers]}
    draft = await buyer.post(f"{path}/invitations", invited, once=True, show="inviteSuppliers")
    road.procedure = await buyer.send(
        "POST",
        f"{path}/publish",
        headers={"If-Match": f'"{draft["version"]}"'},
        show="publishProcedure",
    )
    await _clarify(road, path)
    for number in range(len(road.suppliers)):
        await _submit_bid(road, number)
    early = await buyer.get(f"{path}/bids", expect=409)
    check("5.60" not in json.dumps(early), "A refusal tells no price.")
    await buyer.post(f"{path}/open", expect=409)
    road.narrator.say("Three sealed bids are in; the buyer who asks for them now gets a 409.")
    left = (deadline - datetime.now(UTC)).total_seconds()
    await road.narrator.wait(max(0.0, left), "for the deadline")
    await eventually(
        lambda: buyer.get(path),
        lambda procedure: procedure["opened_at"] is not None,
        seconds=5,
        what="the opening",
    )
    opened = await buyer.get(f"{path}/bids", show="listBids")
    for bid in opened["items"]:
        (offer,) = bid["offers"]
        road.opening_totals[bid["bidder_id"]] = Decimal(offer["total"]["amount"])
    check(len(road.opening_totals) == len(road.suppliers), "All bids were opened.")
    totals = ", ".join(f"{total} EUR" for total in sorted(road.opening_totals.values()))
    road.narrator.say(f"Opened on time. The totals: {totals}.")
    proof = await road.supplier_as(1).get(f"{path}/opening", show="readOpening")
    check(len(proof["bids"]) == 1, "A bidder's proof of the opening holds his own bid alone.")
    late = road.supplier_as(2)
    await late.post(f"{path}/bids", _bid(road, 2), once=True, expect=409)
    road.narrator.say("A bid that comes later is refused.")


async def _clarify(road: Road, path: str) -> None:
    """A supplier asks; the buyer, who is not told which one, answers to all."""
    question = {"question": "We would ship on Euro pallets only. Does that fit your dock?"}
    asked = await road.supplier_as(0).post(
        f"{path}/questions", question, once=True, show="askQuestion"
    )
    check(
        road.suppliers[0].organization_id not in json.dumps(asked), "Who asks is not written down."
    )
    answer = {"question": "Are Euro pallets accepted?", "answer": "Yes, up to 1,000 kg each."}
    await road.buyer_as("purchaser").send(
        "POST",
        f"/v1/questions/{asked['id']}/answer",
        answer,
        headers={"If-Match": f'"{asked["version"]}"'},
        show="answerQuestion",
    )
    read = await road.supplier_as(1).get(f"{path}/questions", show="listQuestions")
    check("dock" not in json.dumps(read), "Others read the question in the buyer's words.")
    road.narrator.say("A supplier asked, all read the answer, and nobody knows who it was.")


async def _submit_bid(road: Road, number: int) -> None:
    seller = road.supplier_as(number)
    path = f"/v1/procedures/{road.procedure['id']}/bids"
    receipt = await seller.post(path, _bid(road, number), once=f"bid-{number}", show="submitBid")
    again = await seller.post(path, _bid(road, number), once=f"bid-{number}")
    check(receipt["commitment"] == again["commitment"], "The same key gives the same receipt.")


def _bid(road: Road, number: int) -> dict[str, Any]:
    prefix = list(ASSORTMENTS.values())[number].prefix
    lines = [
        {"line_id": line["id"], "unit_amount": price, "sku": f"{prefix}-{ware}"}
        for line, price, (_, ware, _) in zip(
            road.lot["lines"], OPENING_PRICES[number], LINES, strict=True
        )
    ]
    return {"currency": "EUR", "lines": lines}


async def _live_auction(road: Road) -> None:
    buyer = road.buyer_as("purchaser")
    starts = datetime.now(UTC) + AUCTION_STARTS_IN
    ends = starts + AUCTION_RUNS_FOR
    started = await buyer.post(
        f"/v1/procedures/{road.procedure['id']}/auction",
        {
            "lot_id": road.lot["id"],
            "bidders": 2,
            "decrement": {"step": {"measure": "absolute", "value": "50"}},
            "overtime": {
                "window": "PT2S",
                "extension": f"PT{EXTENSION.seconds}S",
                "at_most": 2,
                "total_max": "PT10S",
            },
            "starts_at": starts.isoformat(),
            "ends_at": ends.isoformat(),
        },
        once=True,
        show="startLotAuction",
    )
    road.auction_id = started["auction_id"]
    path = f"/v1/auctions/{road.auction_id}"
    await road.supplier_as(2).get(path, expect=404)
    road.narrator.say("The two best go on; for the third there is no such auction.")
    await _until(road, starts, "for the auction to start")
    async with _live(road, 0) as live:
        await _bid_live(road, 1, "10400.00")
        await _bid_live(road, 0, "10350.00")
        refused = await road.supplier_as(0).post(
            f"{path}/bids", _amount("10340.00"), once=True, expect=(200, 201, 422)
        )
        check(refused.get("outcome", "refused") == "refused", "The step is 50 below the own bid.")
        await _bid_live(road, 1, "10200.00")
        seen = await _messages(live, until="rank", equals=2)
        check("10200" not in json.dumps(seen), "Rank only: a rival's price is nowhere.")
    road.narrator.say("Over WebSocket the first bidder saw his rank fall from 1 to 2, no price.")
    await _until(road, ends - timedelta(seconds=1), "for the last second")
    await _bid_live(road, 0, "10100.00")
    await _bid_live(road, 0, "10100.00", key="bid-0-10100.00")
    view = await buyer.get(f"{path}/standing", show="readStanding")
    closes_at = datetime.fromisoformat(view["standing"]["closes_at"])
    check(closes_at == ends + EXTENSION, "A bid in the window moves the close by the extension.")
    road.narrator.say(f"A bid in the last second moved the close to {closes_at:%H:%M:%S}.")
    await _until(road, closes_at, "for the close")
    closed = await eventually(
        lambda: buyer.get(path), lambda auction: auction["status"] == "closed", seconds=5,
        what="the close",
    )  # fmt: skip
    late = await road.supplier_as(1).post(
        f"{path}/bids", _amount("9000.00"), once=True, expect=(200, 201, 409, 422)
    )
    check(late.get("outcome") != "accepted", "Nothing is accepted after the close.")
    view = await buyer.get(f"{path}/standing")
    for standing in view["standing"]["standings"]:
        amount = Decimal(standing["amount"]["amount"])
        road.final_totals[standing["organization_id"]] = amount
    check(len(closed["lots"]) == 1, "The auction has the lot it was opened for.")
    road.narrator.say(f"Closed on the second; the best total is {min(road.final_totals.values())}.")


def _amount(amount: str) -> dict[str, Any]:
    return {"amount": {"amount": amount, "currency": "EUR"}}


async def _bid_live(road: Road, number: int, amount: str, key: str | None = None) -> None:
    answer = await road.supplier_as(number).post(
        f"/v1/auctions/{road.auction_id}/bids",
        _amount(amount),
        once=key or f"bid-{number}-{amount}",
        show="placeBid",
    )
    check(answer["outcome"] == "accepted", f"The bid of {amount} is accepted: {answer}")
    found = await road.supplier_as(number).get(
        f"/v1/auctions/{road.auction_id}/bids/by-key/{key or f'bid-{number}-{amount}'}",
        show="findBid",
    )
    check(found["id"] == answer["id"], "A bid is found by its key.")


def _live(road: Road, number: int) -> connect:
    base = urlsplit(str(road.operator.http.base_url))
    scheme = "wss" if base.scheme == "https" else "ws"
    key = road.suppliers[number].keys["seller"]
    return connect(
        f"{scheme}://{base.netloc}/v1/auctions/{road.auction_id}/live",
        additional_headers={"Authorization": f"Bearer {key}"},
    )


async def _messages(live: ClientConnection, *, until: str, equals: object) -> list[Any]:
    """Read messages until one's standing has a field of a value; give all."""
    seen: list[Any] = []
    async with asyncio.timeout(5):
        while True:
            message = json.loads(await live.recv())
            seen.append(message)
            if message.get("standing", {}).get(until) == equals:
                return seen


async def _until(road: Road, instant: datetime, why: str) -> None:
    left = (instant - datetime.now(UTC)).total_seconds()
    if left > 0:
        await road.narrator.wait(left, why)


async def _award(road: Road) -> None:
    buyer = road.buyer_as("purchaser")
    path = f"/v1/procedures/{road.procedure['id']}"
    next_year = date.today() + timedelta(days=365)  # noqa: DTZ011 - a contract's day, not an instant
    body = {
        "lot_id": road.lot["id"],
        "last_day": next_year.isoformat(),
        "time_zone": "Europe/Berlin",
    }

    async def lot_status() -> Any:
        return (await buyer.get(path))["lots"][0]["status"]

    await eventually(lot_status, "auctioned".__eq__, seconds=5, what="The auction's result")
    decided = await buyer.post(f"{path}/awards", body, once="award", show="awardLot")
    road.award = decided["awards"][0]
    best = min(road.final_totals, key=lambda supplier: road.final_totals[supplier])
    check(road.award["supplier_id"] == best, "The lowest total wins.")
    factor = road.final_totals[best] / road.opening_totals[best]
    for line, opening in zip(road.award["lines"], OPENING_PRICES[road.winner], strict=True):
        expected = Decimal(opening) * factor
        off = abs(Decimal(line["unit_amount"]) - expected)
        check(off <= Decimal("0.000001"), "Opening prices are scaled by final over opening.")
    contract = await buyer.get(f"/v1/contracts/{road.award['contract_id']}", show="readContract")
    check(contract["state"] == "active", "The award makes a contract that is in force.")
    amounts = ", ".join(line["unit_amount"] for line in road.award["lines"])
    road.narrator.say(f"{road.suppliers[road.winner].name} wins; unit prices {amounts} EUR.")
    priced = await _contract_prices(road)
    check(all(line["price"]["level"] == "contract" for line in priced), "The contract comes first.")
    road.narrator.say("From this moment these prices stand in the buyer's catalog, above his list.")


async def _contract_prices(road: Road) -> list[Any]:
    answer = await road.buyer_as("purchaser").post(
        "/v1/prices/check", {"currency": "EUR", "explain": True, "lines": _order_lines(road)}
    )
    lines: list[Any] = answer["lines"]
    return lines


def _order_lines(road: Road) -> list[dict[str, Any]]:
    return [
        {
            "supplier_id": road.award["supplier_id"],
            "sku": line["sku"],
            "quantity": quantity,
            "unit": wanted["unit"],
        }
        for line, quantity, wanted in zip(
            road.award["lines"], ("400", "250"), road.lot["lines"], strict=True
        )
    ]


async def _order(road: Road) -> None:
    erp = road.buyer_as("erp")
    body = {"currency": "EUR", "lines": _order_lines(road)}
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


async def _fulfil(road: Road) -> None:
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

    found = await eventually(read, bool, seconds=5, what=what)
    return found[0]


async def _provenance(road: Road) -> None:
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


STEPS: Final = (
    ("The operator registers a buyer with two units and three suppliers", _companies),
    ("Suppliers import offers and prices", _prices),
    ("The buyer sees his own prices, and why", _own_prices),
    ("He publishes an RFQ; three sealed bids are opened on time", _sealed_offers),
    ("The best two meet in a live reverse auction", _live_auction),
    ("The award makes a contract; its prices are in his catalog at once", _award),
    ("His ERP orders, twice; a second member approves", _order),
    ("The supplier's ERP confirms, ships and invoices", _fulfil),
    ("Every order line leads back to the winning bid", _provenance),
)
"""The road, step by step."""
