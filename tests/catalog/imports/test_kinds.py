"""Stock, price updates of BMEcat, and templates; on the real Postgres."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from catalog.exports.writers import ExportFormat
from catalog.imports.formats import AnyReader
from catalog.imports.schemas import ImportKind
from catalog.imports.templates import _LAYOUTS, template
from catalog.stock import service as stock
from catalog.stock.schemas import StockLocationInput
from tests.catalog.imports.test_bmecat import PRODUCT, document
from tests.catalog.parties import Market, entry


@pytest.mark.parametrize("kind", list(ImportKind))
@pytest.mark.parametrize("chosen", list(ExportFormat))
def test_a_template_is_taken_as_it_is(
    market: Market, kind: ImportKind, chosen: ExportFormat
) -> None:
    reader = AnyReader(_LAYOUTS[kind], errors_max=10)
    rows = reader.feed(template(market.supplier, kind, chosen))
    rows += reader.finish()
    assert (len(rows), reader.errors) == (1, [])


async def test_stock_comes_in_by_files_and_an_older_report_changes_nothing(market: Market) -> None:
    await market.offer("A")
    place = StockLocationInput(name="Main", country="DE")
    await stock.put_location(market.platform, market.supplier, "MAIN", place)
    data = "sku;location;on_hand;source_version\nA;MAIN;250;7\n"
    done = await market.upload(ImportKind.STOCK, data)
    assert (done.status, done.result) == ("done", {"rows": 1, "set": 1})
    assert (await market.upload(ImportKind.STOCK, data)).result == {"rows": 1, "unchanged": 1}
    older = await market.upload(ImportKind.STOCK, data.replace("250;7", "9;6"))
    assert older.result == {"rows": 1, "older": 1}
    refused = await market.upload(
        ImportKind.STOCK, data + "B;MAIN;1;8\nA;SHOP;1;8\nA;MAIN;-1;8\nA;MAIN;1.5;8\n"
    )
    assert [(e.line, e.column, e.code) for e in refused.errors] == [
        (3, "sku", "unknown_sku"),
        (4, "location", "unknown_location"),
        (5, "on_hand", "negative"),
        (6, "on_hand", "too_many_decimals"),
    ]


UPDATE = """<PRODUCT><SUPPLIER_PID>K-6204</SUPPLIER_PID><PRODUCT_PRICE_DETAILS>
<PRODUCT_PRICE price_type="net_customer"><PRICE_AMOUNT>11</PRICE_AMOUNT></PRODUCT_PRICE>
</PRODUCT_PRICE_DETAILS></PRODUCT>"""


async def test_a_bmecat_catalog_and_its_price_update(market: Market) -> None:
    unbounded = PRODUCT.replace("valid_", "other_")
    offers = await market.upload(ImportKind.OFFERS, document(unbounded))
    assert (offers.status, offers.format) == ("done", "bmecat")
    base = await market.price_list(publish=False)
    first = await market.upload(
        ImportKind.PRICES, document(unbounded), list_id=base.id, publish=True
    )
    assert first.result == {"rows": 1, "written": 1, "unchanged": 0, "published_version": 1}
    line = await market.check("K-6204", "10")
    assert line.price
    assert (line.price.amount, line.price.basis) == ("12.5", "100")
    update = document(UPDATE, "T_UPDATE_PRICES")
    done = await market.upload(ImportKind.PRICES, update, list_id=base.id, publish=True)
    assert (done.status, done.errors) == ("done", [])
    line = await market.check("K-6204", "10", at=datetime(2030, 1, 1, tzinfo=UTC))
    assert line.price
    # A price per 100 that comes anew without its quantity is still one per 100.
    assert (line.price.amount, line.price.basis, line.price.unit) == ("11", "100", "XBX")
    assert Decimal(line.price.line_amount.amount) == Decimal("1.10")
    unknown = document(UPDATE.replace("K-6204", "NO"), "T_UPDATE_PRICES")
    refused = await market.upload(ImportKind.PRICES, unknown, list_id=base.id)
    assert [(e.line, e.code) for e in refused.errors] == [(1, "unknown_sku")]


async def test_tiers_of_one_product_replace_those_of_a_list_that_has_prices(market: Market) -> None:
    await market.upload(ImportKind.OFFERS, document(PRODUCT))
    base = await market.price_list(
        entry("K-6204", ("1", "99"), unit="XBX", valid_from=datetime(2026, 1, 1, tzinfo=UTC))
    )
    done = await market.upload(ImportKind.PRICES, document(), list_id=base.id, publish=True)
    assert (done.status, done.errors) == ("done", [])
    assert done.result
    assert (done.result["written"], done.result["published_version"]) == (1, 2)
