"""A distributor's shelf to search in."""

from typing import Any

import pytest

from tests.catalog.parties import Market
from tests.catalog.search.shelf import Shelf, bearing_attributes
from tests.support.world import World


@pytest.fixture
async def shelf(market: Market, world: World) -> Shelf:
    return Shelf(market, (await world.operator()).caller)


def texts(**told: tuple[str, str]) -> list[dict[str, str]]:
    return [
        {"language": language, "name": name, "description": description}
        for language, (name, description) in told.items()
    ]


@pytest.fixture
async def stocked(shelf: Shelf) -> Shelf:
    """A distributor's shelf, in two languages."""
    await shelf.category("power", en="Power transmission", de="Antriebstechnik")
    await shelf.category(
        "bearings", "power", bearing_attributes(), en="Ball bearings", de="Kugellager"
    )
    await shelf.category("fasteners", en="Fasteners", de="Befestigungstechnik")
    bearings, fasteners = shelf.categories["bearings"], shelf.categories["fasteners"]
    goods: list[dict[str, Any]] = [
        {
            "name": "Deep groove ball bearing 6204-2RS1",
            "sku": "KA-6204-2RS",
            "maker": "Kugelwerk",
            "maker_number": "6204-2RS1/C3",
            "gtin": "4006381333931",
            "category_id": bearings,
            "values": {"material": "steel", "sealed": "true", "bore": "20"},
            "texts": texts(
                de=(
                    "Rillenkugellager 6204-2RS1",
                    "Beidseitig abgedichtet – für „Elektromotoren“.",
                ),
                en=("Deep groove ball bearing 6204-2RS1", "Sealed on both sides, for motors."),
            ),
            "lead_time_days": 2,
        },
        {
            "name": "Deep groove ball bearing 6205",
            "sku": "KA-6205",
            "maker": "Kugelwerk",
            "maker_number": "6205",
            "category_id": bearings,
            "values": {"material": "ceramic", "sealed": "false", "bore": "25"},
            "texts": texts(de=("Rillenkugellager 6205", "Offen, aus Keramik.")),
            "lead_time_days": 10,
        },
        {
            "name": "Bearing puller",
            "sku": "WZ-1",
            "description": "For bearings of up to 100 mm.",
            "texts": texts(de=("Abzieher für Lager", "Zieht Wälzlager ab.")),
        },
        {
            "name": "Hexagon bolt M8x20 stainless steel A2",
            "sku": "FX-933-8-20",
            "category_id": fasteners,
            "texts": texts(de=("Sechskantschraube M8x20 Edelstahl A2", "DIN 933, Vollgewinde.")),
        },
        {
            "name": "Hexagon nuts M8",
            "sku": "FX-934-8",
            "category_id": fasteners,
            "texts": texts(de=("Sechskantmuttern M8", "DIN 934, verzinkt, 100 Stück.")),
        },
        {
            "name": "Safety glasses clear",
            "sku": "PS-77",
            "texts": texts(de=("Schutzbrille klar", "Schützt die Augen beim Schleifen.")),
        },
        {
            "name": "Allen key 5 mm",
            "sku": "WZ-5",
            "texts": texts(de=("Innensechskantschlüssel 5 mm", "")),
        },
    ]
    await shelf.stock(goods)
    await shelf.price(
        KA_6204_2RS="4.20", KA_6205="9.90", FX_933_8_20="0.12", FX_934_8="0.05", PS_77="6"
    )
    return shelf
