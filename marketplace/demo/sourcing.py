"""The road's sealed offers and its award: asked for, opened on time, made a contract."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from marketplace.demo.road import Road, check
from marketplace.demo.story import eventually
from marketplace.demo.wares import ASSORTMENTS

BIDS_RECEIVED_FOR: Final = timedelta(seconds=9)
LINES: Final = (
    ("1200", "6204-2RS", "Ball bearings 6204-2RS, yearly demand"),
    ("3000", "CAB-3G15", "Flexible cable H07RN-F 3G1.5, yearly demand"),
)
"""What the RFQ asks for: quantity, ware, description; the second in metres."""
OPENING_PRICES: Final = (("5.60", "1.30"), ("5.45", "1.34"), ("5.90", "1.41"))
"""The suppliers' sealed unit prices, a pair each. The third is not among the best two."""


async def sealed_offers(road: Road) -> None:
    """Ask for offers, have three sealed bids submitted, and read them once they are opened."""
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


async def award(road: Road) -> None:
    """Award by the auction's result; the contract's prices are in force at once."""
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

    await eventually(lot_status, "auctioned".__eq__, what="The auction's result")
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
        "/v1/prices/check", {"currency": "EUR", "explain": True, "lines": order_lines(road)}
    )
    lines: list[Any] = answer["lines"]
    return lines


def order_lines(road: Road) -> list[dict[str, Any]]:
    """Give the lines of the order: less than the contract's quantities, by its SKUs."""
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
