"""The demo's catalog fits the rules of the product before it is sent anywhere."""

import csv
import io
from collections import Counter
from decimal import Decimal

import pytest

from catalog.categories.rules import (
    Attribute,
    Given,
    Kind,
    Option,
    check_attributes,
    check_defined_once,
    checked_values,
)
from catalog.imports.products import media
from catalog.products.content import ClassCode, check_media_addresses, checked_code
from catalog.products.rules import checked_gtin
from marketplace.demo.catalog import CATEGORIES, PRODUCTS, Category
from marketplace.demo.catalog.suppliers import RANGES, Range

BY_CODE = {category.code: category for category in CATEGORIES}


def attributes_of(code: str | None) -> dict[str, Attribute]:
    """All attributes of a category, inherited ones first."""
    if code is None:
        return {}
    category = BY_CODE[code]
    own = {
        each.code: Attribute(
            code=each.code,
            kind=Kind(each.kind),
            names={"en": each.words.en},
            unit=each.unit,
            required=each.required,
            options=tuple(Option(option, {"en": words.en}) for option, words in each.options),
        )
        for each in category.attributes
    }
    return {**attributes_of(category.parent), **own}


def test_there_are_hundreds_of_articles_of_five_trades() -> None:
    assert len(PRODUCTS) >= 400
    assert min(Counter(product.maker for product in PRODUCTS).values()) >= 60
    assert {"drives", "fasteners", "electrical", "safety", "tools"} <= set(BY_CODE)


@pytest.mark.parametrize("category", CATEGORIES, ids=lambda category: category.code)
def test_a_category_comes_after_its_parent_and_defines_what_is_not_defined_yet(
    category: Category,
) -> None:
    order = list(BY_CODE)
    assert category.parent is None or order.index(category.parent) < order.index(category.code)
    above = attributes_of(category.parent)
    own = [each for code, each in attributes_of(category.code).items() if code not in above]
    check_attributes(own)
    check_defined_once([each.code for each in category.attributes], above, ())


def test_every_article_tells_all_that_its_category_requires_and_nothing_else() -> None:
    for product in PRODUCTS:
        given = [Given(code, value) for code, value in product.values.items()]
        kept = checked_values(attributes_of(product.category), given, complete=True)
        assert kept == product.values, product.number


def test_numbers_are_valid_and_each_is_used_once() -> None:
    assert len({(product.maker, product.number) for product in PRODUCTS}) == len(PRODUCTS)
    assert len({checked_gtin(product.gtin) for product in PRODUCTS}) == len(PRODUCTS)
    for product in PRODUCTS:
        checked_code(ClassCode("unspsc", product.unspsc))
        check_media_addresses([each.url for each in media(product.row()["media"])])


def test_every_article_has_a_name_of_its_own_in_both_languages() -> None:
    for language in ("en", "de"):
        names = Counter(getattr(product.name, language) for product in PRODUCTS)
        assert [name for name, count in names.items() if count > 1] == []


def test_relations_lead_to_articles_of_the_same_maker() -> None:
    known = {(product.maker, product.number) for product in PRODUCTS}
    related = [
        (product.maker, number)
        for product in PRODUCTS
        for number in (*product.accessories, *product.substitutes)
    ]
    assert len(related) > 50
    assert set(related) <= known


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


@pytest.mark.parametrize("goods", RANGES.values(), ids=lambda goods: goods.prefix)
def test_a_supplier_prices_all_he_offers_and_less_where_more_is_bought(goods: Range) -> None:
    offers, prices = rows(goods.offers_csv()), rows(goods.prices_csv(Decimal("0.08")))
    skus = [offer["sku"] for offer in offers]
    assert len(skus) == len(set(skus)) > 250
    assert {price["sku"] for price in prices} == set(skus)
    ladders: dict[str, list[Decimal]] = {}
    for price in prices:
        assert Decimal(price["amount"]) > 0
        ladders.setdefault(price["sku"], []).append(Decimal(price["amount"]))
    assert all(amounts == sorted(amounts, reverse=True) for amounts in ladders.values())


def test_the_same_article_comes_in_several_packs() -> None:
    units = {
        goods.prefix: {row["maker_number"]: row["unit"] for row in rows(goods.offers_csv())}
        for goods in RANGES.values()
    }
    assert (units["KA"]["M8X40-88"], units["BIS"]["M8X40-88"]) == ("C62", "XBX")
    assert (units["KA"]["CAB-3G15"], units["BIS"]["CAB-3G15"]) == ("MTR", "XRL")
