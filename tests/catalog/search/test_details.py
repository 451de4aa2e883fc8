"""What a buyer reads of a product beside its offers, in his language."""

from uuid import UUID

import httpx
import pytest

from catalog.categories import service as categories
from catalog.categories.schemas import AttributeInput, CategoryInput, NameInput, OptionInput
from catalog.products import keeping, replacing
from catalog.products.schemas import (
    ClassCodeInput,
    DiscontinueInput,
    MediaInput,
    ProductInput,
    ProductView,
    TextInput,
    ValueInput,
)
from catalog.search import service
from catalog.search.schemas import CatalogItem
from marketplace.kernel.errors import NotFound
from marketplace.platform.caller import Caller
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import Market, key
from tests.support.world import World


def names(english: str, german: str) -> list[NameInput]:
    return [NameInput(language="en", name=english), NameInput(language="de", name=german)]


class Shop:
    """Products with offers, and a buyer who reads them."""

    def __init__(self, market: Market, operator: Caller) -> None:
        self.market = market
        self.platform = market.platform
        self.operator = operator

    async def make(self, name: str, sku: str = "", **content: object) -> ProductView:
        data = ProductInput(**{"name": name, **content})  # type: ignore[arg-type]
        made = await keeping.create_product(self.platform, self.operator, data, key())
        if sku:
            await self.market.offer(sku, product_id=made.id)
        return made

    async def discontinue(self, product: ProductView, replacement: ProductView) -> None:
        await replacing.discontinue_product(
            self.platform,
            self.operator,
            product.id,
            product.version,
            DiscontinueInput(replacement_id=replacement.id),
        )

    async def read(
        self, product_id: UUID, *languages: str, who: Caller | None = None
    ) -> CatalogItem:
        buyer = who or self.market.buyer
        return await service.read_catalog_item(self.platform, buyer, product_id, None, languages)


@pytest.fixture
async def shop(market: Market, world: World) -> Shop:
    return Shop(market, (await world.operator()).caller)


async def test_an_item_tells_its_place_values_codes_and_media_in_the_readers_language(
    shop: Shop,
) -> None:
    parts = CategoryInput(names=names("Parts", "Teile"))
    await categories.put_category(shop.platform, shop.operator, "parts", parts)
    seal = AttributeInput(
        code="seal",
        kind="enum",
        names=names("Seal", "Dichtung"),
        options=[OptionInput(code="2RS", names=names("sealed", "abgedichtet"))],
    )
    bore = AttributeInput(code="bore", kind="number", unit="MMT", names=names("Bore", "Bohrung"))
    bearings = CategoryInput(
        names=names("Bearings", "Lager"), parent_code="parts", attributes=[bore, seal]
    )
    category = await categories.put_category(shop.platform, shop.operator, "bearings", bearings)
    made = await shop.make(
        "Bearing 6204",
        "A",
        category_id=category.id,
        attributes=[ValueInput(code="seal", value="2RS"), ValueInput(code="bore", value="20")],
        codes=[ClassCodeInput(scheme="unspsc", code="31171504")],
        media=[MediaInput(kind="image", url="https://media.example.com/6204.jpg")],
        texts=[TextInput(language="de", name="Kugellager", description="abgedichtet")],
    )
    item = await shop.read(made.id, "de-AT", "de")
    assert (item.name, item.description, item.language) == ("Kugellager", "abgedichtet", "de")
    assert [(each.code, each.name) for each in item.category or ()] == [
        ("parts", "Teile"),
        ("bearings", "Lager"),
    ]
    assert [
        (value.name, value.value, value.unit or None, value.value_name or None)
        for value in item.attributes or ()
    ] == [("Bohrung", "20", "MMT", None), ("Dichtung", "2RS", None, "abgedichtet")]
    assert [code.code for code in item.codes or ()] == ["31171504"]
    assert [media.url for media in item.media or ()] == ["https://media.example.com/6204.jpg"]
    plain = await shop.read(made.id, "fr")
    assert (plain.name, plain.language or None) == ("Bearing 6204", None)
    assert [each.name for each in plain.category or ()] == ["Parts", "Bearings"]


async def test_replacements_lead_only_to_what_the_reader_sees(shop: Shop) -> None:
    market = shop.market
    unseen, gone = await shop.make("Secret"), await shop.make("Gone", "G")
    await market.offer("S", product_id=unseen.id, buyer_id=market.rival.organization_id)
    await shop.discontinue(gone, unseen)
    assert "Gone" not in [item.name for item in await market.catalog()]
    read = await shop.read(gone.id)
    assert (read.state, read.replacement or None) == ("discontinued", None)
    known = await shop.read(gone.id, who=market.rival)
    assert known.replacement
    assert known.replacement.name == "Secret"


async def test_a_line_of_replacements_is_followed_to_what_can_be_bought(shop: Shop) -> None:
    old, middle, new = [await shop.make(name, name) for name in ("Old", "Middle", "New")]
    await shop.discontinue(old, middle)
    await shop.discontinue(middle, new)
    item = await shop.read(old.id)
    assert item.replacement
    assert (item.replacement.name, item.replacement.id) == ("New", new.id)


async def test_a_product_nobody_offers_the_reader_does_not_exist_for_him(shop: Shop) -> None:
    lonely = await shop.make("Lonely")
    draft = await shop.make("Draft", state="draft")
    for product in (lonely, draft):
        with pytest.raises(NotFound):
            await shop.read(product.id)


async def test_a_page_calls_products_by_their_names_in_the_readers_language(shop: Shop) -> None:
    for number in range(3):
        german = TextInput(language="de", name=f"Schraube {9 - number}")
        await shop.make(f"Bolt {number}", f"B{number}", texts=[german] if number else [])
    asked = PageRequest(2, None)
    market = shop.market
    page = await service.answer_search(shop.platform, market.buyer, None, None, asked, ("de",))
    english = await service.answer_search(shop.platform, market.buyer, None, None, asked)
    assert b"Schraube 8" in page.body
    assert b"Bolt 0" in page.body
    assert b"Schraube" not in english.body
    rest = await service.search_catalog(
        shop.platform, market.buyer, None, None, PageRequest(2, page.next), ("de",)
    )
    assert [item.name for item in rest.items] == ["Schraube 7"]


async def test_the_language_of_the_query_goes_before_the_one_of_the_header(
    client: httpx.AsyncClient, world: World
) -> None:
    operator, buyer = await world.operator(), await world.buyer()
    body = {"names": [{"language": "en", "name": "Bolts"}, {"language": "de", "name": "Schrauben"}]}
    path = "/v1/categories/by-code/bolts"
    made = await client.put(path, json=body, headers=operator.headers)
    assert made.status_code == 200, made.text

    async def name(query: str, header: str) -> str:
        headers = {**buyer.headers, "Accept-Language": header}
        answer = await client.get(f"/v1/categories{query}", headers=headers)
        assert answer.status_code == 200, answer.text
        (item,) = answer.json()["items"]
        return str(item["name"])

    assert await name("", "de-AT, en;q=0.5") == "Schrauben"
    assert await name("?language=en", "de") == "Bolts"
    assert await name("", "pl, *") == "Bolts"
    for wrong in ("xx", "deutsch"):
        answer = await client.get(f"/v1/categories?language={wrong}", headers=buyer.headers)
        assert answer.status_code in {400, 422}
        assert answer.json()["errors"][0]["pointer"] == "?language"
