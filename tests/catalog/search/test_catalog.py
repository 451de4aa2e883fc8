"""The catalog as each buyer sees it; on the real Postgres."""

from uuid import UUID

import pytest

from catalog.products import keeping, reading
from catalog.products import service as products
from catalog.products.schemas import ProductInput
from catalog.search import service
from marketplace.kernel.errors import Conflict, InvalidInput, MalformedRequest, NotFound
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.ids import new_id
from marketplace.platform.database import Role, system_transaction, transaction
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import Market, entry, key
from tests.support.world import World


async def names(market: Market, text: str | None = None, **more: object) -> list[str]:
    return [item.name for item in await market.catalog(text, **more)]  # type: ignore[arg-type]


async def read(market: Market, item_id: UUID, **more: object) -> object:
    who = more.get("who", market.buyer)
    return await service.read_catalog_item(market.platform, who, item_id, None)  # type: ignore[arg-type]


async def test_each_buyer_sees_his_own_prices(market: Market) -> None:
    await market.offer("A", name="Bolt")
    await market.price_list(entry("A", ("1", "10")))
    await market.price_list(entry("A", ("1", "9")), level="organization", to=[market.buyer])
    for who, amount in ((market.buyer, "9"), (market.rival, "10")):
        (item,) = await market.catalog(who=who)
        (offer,) = item.offers
        assert offer.price
        assert (offer.price.amount, offer.supplier_name) == (amount, "Supplier")
        assert not offer.price.losers


async def test_an_offer_is_priced_at_the_smallest_quantity_that_can_be_bought(
    market: Market,
) -> None:
    await market.offer("A", name="Bolt", minimum_quantity="5", multiple="4")
    await market.offer("B", name="Nut")
    await market.offer("C", name="Washer")
    await market.price_list(entry("A", ("1", "10"), ("8", "9")), entry("B", ("50", "2")))
    bolt, nut, washer = await market.catalog()
    assert bolt.offers[0].price
    assert (bolt.offers[0].price.quantity, bolt.offers[0].price.amount) == ("8", "9")
    assert nut.offers[0].price
    assert (nut.offers[0].price.quantity, nut.offers[0].price.amount) == ("50", "2")
    assert washer.offers[0].no_price
    assert washer.offers[0].no_price.reason == "no_price"


async def test_offers_of_one_product_stand_side_by_side_the_cheapest_first(
    market: Market,
) -> None:
    gtin = "4006381333931"
    await market.offer("A", name="Bolt", gtin=gtin)
    await market.offer("X", who=market.other, name="Bolzen", gtin=gtin)
    await market.offer(
        "Y", who=market.other, name="Box", gtin=gtin, unit="XBX", content="100", content_unit="C62"
    )
    await market.price_list(entry("A", ("1", "0.10")))
    await market.price_list(
        entry("X", ("1", "0.11")), entry("Y", ("1", "9"), unit="XBX"), who=market.other
    )
    (item,) = await market.catalog()
    assert ([offer.sku for offer in item.offers], item.offer_count) == (["Y"], 3)
    whole = await service.read_catalog_item(market.platform, market.buyer, item.id, None)
    assert [offer.sku for offer in whole.offers] == ["Y", "A", "X"]
    assert whole.offers[0].price
    assert whole.offers[0].price.losers == []


async def test_what_a_buyer_may_not_see_is_in_nothing_he_gets(market: Market) -> None:
    await market.offer("SEEN", name="Seen thing")
    await market.offer("HID-1", name="Hidden thing", visibility="nobody")
    theirs = await market.offer(
        "PRIV-1", name="Private thing", buyer_id=market.rival.organization_id
    )
    await market.offer("GONE-1", name="Gone thing", state="withdrawn")
    hidden = await products.read_offer(market.platform, market.supplier, "HID-1")
    assert await names(market) == ["Seen thing"]
    for text in ("thing", "hidden", "HID", "priv", "PRIV-1", "gone", "GONE-1"):
        assert await names(market, text) == (["Seen thing"] if text == "thing" else [])
    assert await names(market, who=market.rival) == ["Private thing", "Seen thing"]
    assert await names(market, "priv-1", who=market.rival) == ["Private thing"]
    assert not hidden.product_id
    for item_id in (hidden.id, theirs.id, new_id()):
        with pytest.raises(NotFound):
            await read(market, item_id)
    for page_size in (1, 2):
        assert await names(market, limit=page_size) == ["Seen thing"]


async def test_words_match_anywhere_and_skus_by_their_beginning(market: Market) -> None:
    await market.offer("AB-100", name="Hexagon bolt M8", maker="ACME", maker_number="HB8")
    await market.offer("AB-200", name="Hexagon nut M8", description="zinc 100% plated")
    await market.offer("CD-100", name="Washer")
    both = ["Hexagon bolt M8", "Hexagon nut M8"]
    assert sorted(await names(market, "hexagon m8")) == both
    assert await names(market, "BOLT acme") == ["Hexagon bolt M8"]
    assert sorted(await names(market, "xagon")) == both
    assert await names(market, "ab-") == both
    assert await names(market, "cd-100") == ["Washer"]
    assert await names(market, "100%") == ["Hexagon nut M8"]
    assert await names(market, "n_t") == []
    assert await names(market, "b-100") == []
    assert await names(market, "   ") == await names(market)


async def test_pages_hold_every_item_once_in_the_order_of_names(market: Market) -> None:
    expected = []
    for number in range(7):
        name = f"Thing {number % 3}"
        await market.offer(f"S{number}", name=name)
        expected.append(name)
    await market.offer("P", name="Thing 1", buyer_id=market.buyer.organization_id)
    expected.append("Thing 1")
    orders = set()
    for size in (1, 2, 3, 50):
        items = await market.catalog(limit=size)
        assert [item.name for item in items] == sorted(expected)
        assert len({item.id for item in items}) == len(expected)
        found = await market.catalog("thing", limit=size)
        assert {item.id for item in found} == {item.id for item in items}
        orders.add(tuple(item.id for item in found))
    assert len(orders) == 1


async def test_a_cursor_of_another_list_is_refused(market: Market) -> None:
    asked = PageRequest(1, "bm9uc2Vuc2U")
    with pytest.raises(MalformedRequest):
        await service.search_catalog(market.platform, market.buyer, None, None, asked)
    with pytest.raises(InvalidInput):
        await service.search_catalog(
            market.platform, market.buyer, None, "XXX", PageRequest(1, None)
        )


async def test_a_contract_shows_in_the_catalog_above_the_list_from_that_moment(
    market: Market,
) -> None:
    await market.offer("A", name="Bolt")
    await market.price_list(entry("A", ("1", "9")), level="organization", to=[market.buyer])
    contract_id = await market.contract("A", ("1", "8.4"))
    (item,) = await market.catalog()
    price = item.offers[0].price
    assert price
    assert (price.amount, price.level, price.source.id) == ("8.4", "contract", contract_id)
    whole = await service.read_catalog_item(market.platform, market.buyer, item.id, None)
    told = whole.offers[0].price
    assert told
    assert told.losers
    assert [(x.level, x.reason) for x in told.losers] == [("organization", "shadowed_by_level")]


async def test_an_award_without_a_sku_makes_an_offer_for_that_buyer_alone(market: Market) -> None:
    supplier_id, buyer_id = market.supplier.organization_id, market.buyer.organization_id
    async with transaction(market.platform, market.buyer) as tx:
        sku = await products.add_private_offer(
            tx, supplier_id, buyer_id, "Special gasket, drawing 4711", "C62"
        )
    async with system_transaction(market.platform, Role.ENGINE) as tx:
        other = await products.add_private_offer(tx, supplier_id, buyer_id, "Cable", "MTR")
    assert sku != other
    await market.contract(sku, ("1", "99"))
    (item,) = await market.catalog("gasket")
    assert (item.kind, item.name) == ("private_offer", "Special gasket, drawing 4711")
    assert item.offers[0].private
    assert item.offers[0].price
    assert item.offers[0].price.level == "contract"
    assert await names(market, sku.lower()) == ["Special gasket, drawing 4711"]
    assert await names(market, who=market.rival) == []
    assert await market.told(sku) == "99 contract"
    whole = await service.read_catalog_item(market.platform, market.buyer, item.id, None)
    assert whole.description == "Special gasket, drawing 4711"
    own = await products.read_offer(market.platform, market.supplier, sku)
    assert (own.visibility, own.buyer_id) == ("buyer", buyer_id)
    with pytest.raises(Conflict):
        await market.offer(sku, name="For all")


async def test_a_buyer_cannot_make_a_public_offer_for_a_supplier(market: Market) -> None:
    with pytest.raises(Exception, match="row-level security"):
        async with transaction(market.platform, market.buyer) as tx:
            await products.add_private_offer(
                tx, market.supplier.organization_id, PUBLIC, "Planted", "C62"
            )


async def test_an_offer_is_put_whole_and_sent_again_changes_nothing(market: Market) -> None:
    first = await market.offer("A", name="Bolt", content="12", content_unit="C62", unit="XBX")
    again = await market.offer("A", name="Bolt", content="12", content_unit="C62", unit="XBX")
    assert again == first
    changed = await market.offer("A", name="Bolt", content="1/3", content_unit="KGM", unit="XBX")
    assert (changed.version, changed.content, changed.product_id) == (2, "1/3", first.product_id)
    shown = await products.list_offers(market.platform, market.supplier, PageRequest(5, None))
    assert [offer.sku for offer in shown.items] == ["A"]
    other = await products.list_offers(market.platform, market.other, PageRequest(5, None))
    assert other.items == []
    with pytest.raises(NotFound):
        await products.read_offer(market.platform, market.other, "A")


@pytest.mark.parametrize(
    ("terms", "pointer"),
    [
        ({"unit": "FOO"}, "/unit"),
        ({"gtin": "4006381333932"}, "/gtin"),
        ({"minimum_quantity": "0"}, "/minimum_quantity"),
        ({"minimum_quantity": "1.5"}, "/minimum_quantity"),
        ({"minimum_quantity": "10", "maximum_quantity": "9"}, "/maximum_quantity"),
        ({"tax_category": "XX"}, "/tax_category"),
        ({"maker_number": "8"}, "/maker"),
        ({"product_id": UUID(int=1)}, "/product_id"),
        ({"buyer_id": UUID(int=1)}, "/buyer_id"),
    ],
)
async def test_an_offer_that_breaks_a_rule_says_where(
    market: Market, terms: dict[str, object], pointer: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await market.offer("A", **terms)
    assert [e.pointer for e in refused.value.errors] == [pointer]


async def test_the_operator_adds_products_and_no_two_have_the_same_numbers(
    market: Market, world: World
) -> None:
    operator = (await world.operator()).caller
    data = ProductInput(name="Bolt", gtin="4006381333931")
    made = await keeping.create_product(market.platform, operator, data, key())
    assert made.state == "active"
    with pytest.raises(Conflict, match="GTIN"):
        await keeping.create_product(market.platform, operator, data, key())
    offer = await market.offer("A", name="Mine", gtin="4006381333931")
    assert offer.product_id == made.id
    seen = await reading.read_product(market.platform, market.buyer, made.id)
    assert seen.name == "Bolt"
