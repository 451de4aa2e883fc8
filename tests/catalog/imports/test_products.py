"""Files of products: written, proposed, suggested, or row errors; on the real Postgres."""

import pytest

from catalog.categories import service as categories
from catalog.categories.schemas import AttributeInput, CategoryInput, NameInput, OptionInput
from catalog.imports.formats import AnyReader
from catalog.imports.products import PRODUCTS, several
from catalog.imports.schemas import ImportKind, OnError
from catalog.products import reading, suggesting
from catalog.products.batches import ProductRecord
from catalog.products.schemas import ProductView
from marketplace.platform.caller import Caller
from marketplace.platform.http.paging import PageRequest
from tests.catalog.imports.test_bmecat import PRODUCT, document
from tests.catalog.parties import Market
from tests.support.world import World

OFFERS, KIND = ImportKind.OFFERS, ImportKind.PRODUCTS
GTIN = "04006381333931"


@pytest.fixture
async def operator(market: Market, world: World) -> Caller:
    caller = (await world.operator()).caller
    await make_category(market, caller)
    return caller


async def make_category(market: Market, operator: Caller) -> None:
    def names(name: str) -> list[NameInput]:
        return [NameInput(language="en", name=name)]

    steel = [OptionInput("ST", names("Steel"))]
    data = CategoryInput(
        names=names("Bearings"),
        attributes=[
            AttributeInput("bore", "number", names("Bore"), unit="MMT", required=True),
            AttributeInput("sealed", "boolean", names("Sealed")),
            AttributeInput("cage", "enum", names("Cage"), options=steel),
        ],
    )
    await categories.put_category(market.platform, operator, "bearings", data)


async def product(market: Market, operator: Caller, gtin: str = GTIN) -> ProductView:
    page = PageRequest(10, None)
    (found,) = (
        await reading.list_products(market.platform, operator, None, None, gtin, page)
    ).items
    return await reading.read_product(market.platform, operator, found.id)


def rows(data: str) -> tuple[list[ProductRecord], AnyReader[ProductRecord]]:
    reader = AnyReader(PRODUCTS, errors_max=10)
    found = [*reader.feed(data.encode()), *reader.finish()]
    return found, reader  # type: ignore[return-value]


def test_columns_name_languages_attributes_units_and_schemes() -> None:
    (record,), reader = rows(
        "gtin;name.de;keywords.de;attribute.bore@inh;code.eclass@8.0;media\n"
        f"{GTIN};Lager;Wälzlager | Kugel\\|Lager;0,5;23050801;"
        "image https://m.example.com/a.jpg Front | datasheet https://m.example.com/b.pdf\n"
    )
    assert reader.errors == []
    told = record.told
    assert [(t.language, t.name, t.keywords) for t in told.texts] == [
        ("de", "Lager", ["Wälzlager", "Kugel|Lager"])
    ]
    assert [(v.code, v.value, v.unit) for v in told.attributes] == [("bore", "0,5", "INH")]
    assert [(c.scheme, c.version, c.code) for c in told.codes] == [("eclass", "8.0", "23050801")]
    assert [(m.kind, m.url[-5:], m.title) for m in told.media or ()] == [
        ("image", "a.jpg", "Front"),
        ("datasheet", "b.pdf", ""),
    ]
    assert several(["a|b", "c"]) == "a\\|b | c"


@pytest.mark.parametrize(
    ("data", "column", "code"),
    [
        ("gtin,colour\n1,2\n", "colour", "unknown_column"),
        ("name\nBolt\n", "", "no_number"),
        (f"gtin,state\n{GTIN},gone\n", "state", "unknown_state"),
        (f"gtin,media\n{GTIN},photo https://a.example.com/\n", "media", "not_a_medium"),
        ("product_id\n7\n", "product_id", "not_an_identifier"),
    ],
)
def test_what_no_product_is_is_refused_by_line_and_column(
    data: str, column: str, code: str
) -> None:
    found, reader = rows(data)
    assert found == []
    assert [(each.column, each.code) for each in reader.errors] == [(column, code)]


async def test_the_operators_file_makes_products_and_changes_what_it_tells(
    market: Market, operator: Caller
) -> None:
    data = (
        "gtin;name;name.de;category;attribute.bore;attribute.sealed;attribute.cage;code.unspsc\n"
        f"{GTIN};Bearing 6204;Lager 6204;bearings;20,5;true;ST;31171504\n"
    )
    rehearsed = await market.upload(KIND, data, who=operator, dry_run=True)
    assert rehearsed.result
    assert (rehearsed.result["created"], rehearsed.error_count) == (1, 0)
    done = await market.upload(KIND, data, who=operator)
    assert (done.status, done.errors) == ("done", [])
    assert done.result == {
        "rows": 1, "created": 1, "changed": 0, "unchanged": 0, "suggested": 0, "older": 0
    }  # fmt: skip
    made = await product(market, operator)
    assert (made.state, made.name, made.texts[0].name) == ("active", "Bearing 6204", "Lager 6204")
    assert {each.code: each.value for each in made.attributes} == {
        "bore": "20.5", "sealed": True, "cage": "ST"
    }  # fmt: skip
    again = await market.upload(KIND, data, who=operator)
    assert again.result
    assert again.result["unchanged"] == 1
    # A translator tells one language more; what he does not tell stays.
    french = await market.upload(KIND, f"gtin,name.fr\n{GTIN},Roulement\n", who=operator)
    assert french.result
    assert french.result["changed"] == 1
    changed = await product(market, operator)
    assert [text.language for text in changed.texts] == ["de", "fr"]
    assert (changed.version, len(changed.attributes), len(changed.codes)) == (2, 3, 1)


async def test_every_bad_row_is_named_by_line_column_reason_and_value(
    market: Market, operator: Caller
) -> None:
    refused = await market.upload(
        KIND,
        "maker,maker_number,name,category,attribute.bore,attribute.sealed,code.unspsc,name.xx,gtin\n"
        "Acme,1,One,bearings,twenty,,,,\n"
        "Acme,2,Two,bearings,,,,,\n"
        "Acme,3,Three,bolts,,,,,\n"
        "Acme,4,Four,bearings,4,perhaps,99,Vier,\n"
        "Acme,5,,bearings,5,,,,\n"
        "acme,1,One again,bearings,1,,,,\n"
        ",,Six,bearings,6,,,,4006381333932\n"
        "Acme,8,Eight,bearings,8,,,,\n",
        who=operator,
        on_error=OnError.SKIP_ROW,
    )
    assert [(e.line, e.column, e.code, e.value) for e in refused.errors] == [
        (2, "attribute.bore", "not_a_number", "twenty"),
        (3, "attribute.bore", "required_attribute", ""),
        (4, "category", "unknown_category", "bolts"),
        (5, "attribute.sealed", "not_a_boolean", "perhaps"),
        (5, "name.xx", "unknown_language", "Vier"),
        (5, "code.unspsc", "invalid_code", "99"),
        (6, "name", "missing", ""),
        (7, "maker_number", "duplicate", "1"),
        (8, "gtin", "invalid_gtin", "4006381333932"),
    ]
    assert refused.result
    assert (refused.status, refused.result["created"]) == ("done", 1)


async def test_a_suppliers_file_proposes_completes_and_suggests(
    market: Market, operator: Caller
) -> None:
    await market.upload(OFFERS, "sku,name,unit\nA,Bolt,C62\n")
    data = (
        "sku,gtin,name,category,attribute.bore,name.de,state\n"
        "A,,,bearings,8,Schraube,\n"
        f"B,{GTIN},New bearing,bearings,20,Lager,\n"
    )
    done = await market.upload(KIND, data)
    assert done.result
    assert (done.result["created"], done.result["changed"]) == (1, 1)
    made = await product(market, operator)
    assert (made.state, made.attributes[0].value, made.texts[0].name) == ("proposed", "20", "Lager")
    # Another supplier of the same product, and this one's wish after that, are suggestions.
    other = await market.upload(
        OFFERS, f"sku,name,unit,gtin\nX,Bearing,C62,{GTIN}\n", who=market.other
    )
    assert other.result
    assert other.result["products_proposed"] == 0
    wished = await market.upload(KIND, f"gtin,name\n{GTIN},Mine\n")
    assert wished.result
    assert wished.result["suggested"] == 1
    assert (await market.upload(KIND, f"gtin,name\n{GTIN},Mine\n")).result == {
        **wished.result, "suggested": 0, "unchanged": 1
    }  # fmt: skip
    assert (await product(market, operator)).name == "New bearing"
    page = PageRequest(10, None)
    (open_one,) = (await suggesting.list_suggestions(market.platform, operator, "open", page)).items
    assert open_one.content.name == "Mine"
    refused = await market.upload(KIND, "sku,name,state\nNONE,Thing,\nA,,active\n,Thing,\n")
    assert [(e.line, e.column, e.code) for e in refused.errors] == [
        (2, "sku", "unknown_product"),
        (3, "state", "not_permitted"),
        (4, "", "no_number"),
    ]


async def test_features_of_bmecat_are_found_by_code_or_name_and_others_left_out(
    market: Market, operator: Caller
) -> None:
    known = f"gtin,name,category,attribute.bore\n{GTIN},B,bearings,1\n"
    await market.upload(KIND, known, who=operator)
    told = [("bore", "2", "CMT"), ("Cage", "steel", ""), ("Sealed", "true", "C62")]
    features = "".join(
        f"<FEATURE><FNAME>{name}</FNAME><FVALUE>{value}</FVALUE><FUNIT>{unit}</FUNIT></FEATURE>"
        for name, value, unit in [*told, ("Paint", "red", "")]
    )
    begin = "<PRODUCT_ORDER_DETAILS>"
    rich = PRODUCT.replace(begin, f"<PRODUCT_FEATURES>{features}</PRODUCT_FEATURES>{begin}")
    done = await market.upload(KIND, document(rich), who=operator)
    assert done.errors == []
    assert done.result
    assert (done.result["changed"], done.result["values_left_out"]) == (1, 1)
    made = await product(market, operator)
    assert {each.code: each.value for each in made.attributes} == {
        "bore": "20", "cage": "ST", "sealed": True
    }  # fmt: skip


async def test_an_older_file_changes_nothing_and_is_told_so(
    market: Market, operator: Caller
) -> None:
    header = "maker,maker_number,name,source_version\n"
    await market.upload(KIND, header + "Acme,1,Second,2\n", who=operator)
    older = await market.upload(KIND, header + "Acme,1,First,1\n", who=operator)
    assert older.result
    assert (older.result["older"], older.result["changed"]) == (1, 0)
    newer = await market.upload(KIND, header + "Acme,1,Third,3\n", who=operator)
    assert newer.result
    assert newer.result["changed"] == 1


async def test_a_product_stands_in_one_row_of_a_file(market: Market, operator: Caller) -> None:
    await market.upload(KIND, f"gtin,name\n{GTIN},Bolt\n", who=operator)
    made = await product(market, operator)
    refused = await market.upload(
        KIND, f"product_id,gtin,name\n{made.id},,One\n,{GTIN},Two\n", who=operator
    )
    assert [(e.line, e.code) for e in refused.errors] == [(3, "duplicate")]
    assert (await product(market, operator)).name == "Bolt"
