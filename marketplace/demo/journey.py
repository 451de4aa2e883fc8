"""The whole road, once: posted price, sealed offer, live auction, award, contract, order, sync.

Nine steps, each over the public API with the key of who does it. What must hold is asserted on the
way, so that the story is a test as well.
"""

from typing import Final

import httpx

from marketplace.demo.bidding import live_auction
from marketplace.demo.registration import BUYER, register_buyer, register_supplier
from marketplace.demo.road import Road, check
from marketplace.demo.sourcing import award, sealed_offers
from marketplace.demo.story import Actor, Narrator, Recorder
from marketplace.demo.trading import fulfil, order, own_prices, prices, provenance
from marketplace.demo.wares import ASSORTMENTS


async def play(
    http: httpx.AsyncClient,
    operator_key: str,
    narrator: Narrator,
    *,
    recorder: Recorder | None = None,
    suffix: str = "",
) -> Road:
    """Play the road against a running server; give what was made on it.

    Raises UnexpectedAnswer where the API answers otherwise than told. It takes some twenty-five
    seconds, since deadlines are real.
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


STEPS: Final = (
    ("The operator registers a buyer with two units and three suppliers", _companies),
    ("Suppliers import offers and prices", prices),
    ("The buyer sees his own prices, and why", own_prices),
    ("He publishes an RFQ; three sealed bids are opened on time", sealed_offers),
    ("The best two meet in a live reverse auction", live_auction),
    ("The award makes a contract; its prices are in his catalog at once", award),
    ("His ERP orders, twice; a second member approves", order),
    ("The supplier's ERP confirms, ships and invoices", fulfil),
    ("Every order line leads back to the winning bid", provenance),
)
"""The road, step by step."""
