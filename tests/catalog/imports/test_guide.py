"""The files in the guide are taken as they stand there."""

import re

from catalog.exports import bmecat
from catalog.imports.schemas import ImportKind
from catalog.stock import service as stock
from catalog.stock.schemas import StockLocationInput
from marketplace.platform.http.contents import started
from tests.catalog.imports.test_products import make_category
from tests.catalog.parties import Market
from tests.conftest import REPOSITORY
from tests.support.world import World

_PLAYED = re.compile(r"<!-- play: (\w+) (\w+) -->\n```csv\n(.*?)```", re.DOTALL)
OUTCOMES = {
    ("supplier", "offers"): {"created": 2, "products_proposed": 2},
    ("supplier", "products"): {"changed": 1},
    ("operator", "products"): {"created": 1},
    ("supplier", "prices"): {"written": 2, "published_version": 1},
    ("supplier", "stock"): {"set": 2},
}


async def test_every_file_of_the_guide_is_taken(market: Market, world: World) -> None:
    operator = (await world.operator()).caller
    await make_category(market, operator)
    place = StockLocationInput(name="Main", country="DE")
    await stock.put_location(market.platform, market.supplier, "MAIN", place)
    base = await market.price_list(publish=False)
    played = _PLAYED.findall((REPOSITORY / "docs" / "files.md").read_text())
    assert [(who, kind) for who, kind, _ in played] == list(OUTCOMES)
    for who, kind, data in played:
        prices = {"list_id": base.id, "publish": True} if kind == "prices" else {}
        sender = operator if who == "operator" else market.supplier
        done = await market.upload(ImportKind(kind), data, who=sender, **prices)
        assert (done.status, done.errors) == ("done", []), kind
        assert done.result
        assert OUTCOMES[who, kind].items() <= done.result.items(), kind
    document = b"".join(
        [
            piece
            async for piece in await started(
                bmecat.export_bmecat(market.platform, market.supplier, base.id)
            )
        ]
    )
    for kind in (ImportKind.OFFERS, ImportKind.PRODUCTS, ImportKind.PRICES):
        again = await market.upload(
            kind, document, list_id=base.id if kind is ImportKind.PRICES else None
        )
        assert (again.status, again.errors) == ("done", []), kind
