"""Products, stock and whole catalogs that leave come back and change nothing."""

import csv
import io
from collections.abc import AsyncIterator

import pytest

from catalog.exports import bmecat, products, stock
from catalog.exports.writers import ExportFormat
from catalog.imports.schemas import DecimalWish, ImportKind, OnError
from catalog.stock import service as stocks
from catalog.stock.schemas import StockLocationInput
from marketplace.kernel.errors import NotFound
from marketplace.platform.caller import Caller
from marketplace.platform.http.contents import started
from tests.catalog.imports.test_products import GTIN, KIND, make_category, product
from tests.catalog.parties import Market
from tests.support.world import World

UNCHANGED = {"created": 0, "changed": 0, "suggested": 0, "older": 0}
PRODUCTS = (
    "gtin;maker;maker_number;name;description;name.de;keywords.de;name.pt-BR;category;"
    "attribute.bore;attribute.sealed;attribute.cage;code.unspsc;code.eclass@8.0;media\n"
    f'{GTIN};;;=1+1;"two\nlines, ""q""";Lager;Kugel\\|Lager | Wälzlager;;bearings;'
    "1,234;true;ST;31171504;23050801;image https://m.example.com/a.jpg Front | "
    "manual https://m.example.com/b.pdf\n"
    ";Acme;@7;Nut;;Mutter;;Porca;;;;;;;\n"
)


@pytest.fixture
async def operator(market: Market, world: World) -> Caller:
    caller = (await world.operator()).caller
    await make_category(market, caller)
    return caller


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in await started(pieces)])


async def test_products_that_went_out_come_back_and_change_nothing(
    market: Market, operator: Caller
) -> None:
    done = await market.upload(KIND, PRODUCTS, who=operator, decimal=DecimalWish.COMMA)
    assert done.errors == []
    await market.upload(
        ImportKind.OFFERS, f"sku,name,unit,gtin\nA,Bearing,C62,{GTIN}\n", who=market.supplier
    )
    for chosen in ExportFormat:
        for who, count in ((operator, 2), (market.supplier, 1)):
            data = await whole(products.export_products(market.platform, who, chosen))
            again = await market.upload(KIND, data, who=who)
            assert (again.status, again.errors) == ("done", []), chosen
            assert again.result == {"rows": count, **UNCHANGED, "unchanged": count}
    nothing = await whole(products.export_products(market.platform, market.other, ExportFormat.CSV))
    assert nothing.count(b"\n") == 1


async def test_no_cell_of_a_product_is_a_formula(market: Market, operator: Caller) -> None:
    await market.upload(KIND, PRODUCTS, who=operator, decimal=DecimalWish.COMMA)
    data = await whole(products.export_products(market.platform, operator, ExportFormat.CSV))
    cells = [cell for row in csv.reader(io.StringIO(data.decode())) for cell in row]
    assert "'=1+1" in cells
    assert "'@7" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t"))]


async def test_stock_that_went_out_comes_back_and_changes_nothing(market: Market) -> None:
    await market.offer("A")
    place = StockLocationInput(name="Main", country="DE")
    await stocks.put_location(market.platform, market.supplier, "MAIN", place)
    await market.upload(
        ImportKind.STOCK, "sku,location,on_hand,source_version\nA,MAIN,1234,123456\n"
    )
    for chosen in ExportFormat:
        data = await whole(stock.export_stock(market.platform, market.supplier, chosen))
        again = await market.upload(ImportKind.STOCK, data)
        assert (again.errors, again.result) == ([], {"rows": 1, "unchanged": 1}), chosen
    data = await whole(stock.export_stock(market.platform, market.supplier, ExportFormat.CSV))
    assert list(csv.DictReader(io.StringIO(data.decode()))) == [
        {
            "sku": "A",
            "location": "MAIN",
            "on_hand": "1234",
            "source_version": "123456",
            "reserved": "0",
            "available": "1234",
        }
    ]
    others = await whole(stock.export_stock(market.platform, market.other, ExportFormat.CSV))
    assert others.count(b"\n") == 1


OFFERS = (
    "sku,name,unit,description,gtin,maker,maker_number,content,content_unit,minimum_quantity,"
    "multiple,maximum_quantity,lead_time_days,tax_category,visibility\n"
    f"A<1>,Bearing & more,XBX,Mine,{GTIN},,,12,C62,10,5,100,14,Z,restricted\n"
    "B,Nut,C62,,,Acme,@7,1/3,KGM,,,,,,\n"
    "C,Gone,C62,,,,,,,,,,,,\n"
)
PRICES = (
    "sku,unit,minimum_quantity,amount,basis,valid_from,valid_until,volume_mode\n"
    "A<1>,XBX,10,12.5,100,2026-01-01,2026-07-01T00:00:00+02:00,graduated\n"
    "A<1>,XBX,50,11.25,100,2026-01-01,2026-07-01T00:00:00+02:00,graduated\n"
    "A<1>,C62,1,1.1,100,,,\n"
    "B,C62,1,0.123456,1,,,\n"
)


async def test_a_bmecat_catalog_that_went_out_comes_back_and_changes_nothing(
    market: Market, operator: Caller
) -> None:
    await market.upload(KIND, PRODUCTS, who=operator, decimal=DecimalWish.COMMA)
    assert (await market.upload(ImportKind.OFFERS, OFFERS)).errors == []
    more = "sku,name,unit,state,visibility\nC,Gone,C62,withdrawn,\nD,Kit,C62,,restricted\n"
    await market.upload(ImportKind.OFFERS, more)
    base = await market.price_list(publish=False)
    prices = await market.upload(ImportKind.PRICES, PRICES, list_id=base.id, publish=True)
    assert prices.errors == []

    document = await whole(bmecat.export_bmecat(market.platform, market.supplier, base.id))
    assert b"Gone" not in document
    offers = await market.upload(ImportKind.OFFERS, document)
    assert (offers.errors, offers.format) == ([], "bmecat")
    assert offers.result == {
        "rows": 3, "created": 0, "changed": 0, "unchanged": 3, "products_proposed": 0
    }  # fmt: skip
    told = await market.upload(KIND, document)
    assert told.errors == []
    assert told.result == {
        "rows": 3, **UNCHANGED, "unchanged": 2, "values_left_out": 0, "without_product": 1
    }  # fmt: skip
    table = await market.upload(KIND, "sku,name.de\nD,Satz\n")
    assert [(e.line, e.column, e.code) for e in table.errors] == [(2, "sku", "no_product")]
    again = await market.upload(ImportKind.PRICES, document, list_id=base.id, publish=True)
    assert again.errors == []
    assert again.result == {"rows": 3, "written": 0, "unchanged": 3, "published_version": 1}

    with pytest.raises(NotFound):
        await whole(bmecat.export_bmecat(market.platform, market.other, base.id))
    others = await whole(bmecat.export_bmecat(market.platform, market.other, None))
    assert b"<PRODUCT" not in others


async def test_a_bmecat_catalog_fills_an_empty_shop(market: Market, operator: Caller) -> None:
    await market.upload(KIND, PRODUCTS, who=operator, decimal=DecimalWish.COMMA)
    await market.upload(ImportKind.OFFERS, OFFERS)
    document = await whole(bmecat.export_bmecat(market.platform, market.supplier, None))
    renamed = document.replace(GTIN.encode(), b"00000096385074").replace(b"Acme", b"Bolt")
    told = await market.upload(KIND, renamed, who=market.other, on_error=OnError.SKIP_ROW)
    # An article without a number of its own would be proposed anew by every file.
    assert [(e.line, e.column, e.code) for e in told.errors] == [(3, "sku", "unknown_product")]
    assert told.result
    assert told.result["created"] == 2
    made = await product(market, operator, "00000096385074")
    assert (made.state, made.name, made.description) == ("proposed", "Bearing & more", "Mine")
    assert {each.code: each.value for each in made.attributes} == {
        "bore": "1.234", "sealed": True, "cage": "ST"
    }  # fmt: skip
    assert [(t.language, t.name, t.keywords) for t in made.texts] == [
        ("de", "Lager", ["Kugel|Lager", "Wälzlager"])
    ]
    assert [(c.scheme, c.version) for c in made.codes] == [("eclass", "8.0"), ("unspsc", "")]
    assert [(m.kind, m.title) for m in made.media] == [("image", "Front"), ("manual", "")]
