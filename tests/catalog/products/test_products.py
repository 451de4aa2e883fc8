"""What the operator does with products, on a real database."""

import asyncio

import pytest
from stdnum import ean

from catalog.products import keeping, reading, relating, replacing
from catalog.products import service as offers
from catalog.products.schemas import (
    AcceptInput,
    ClassCodeInput,
    DiscontinueInput,
    MediaInput,
    ProductContent,
    ProductInput,
    ProductView,
    RelationInput,
    RelationsInput,
    TextInput,
    ValueInput,
)
from marketplace.kernel.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    StaleVersion,
    WrongState,
)
from marketplace.kernel.ids import new_id
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import key
from tests.catalog.products.keeper import Shelf

GTIN = "4006381333931"
FULL = {
    "name": "Bearing 6204-2RS",
    "description": "Deep groove ball bearing",
    "maker": "Falkenau",
    "maker_number": "6204-2RS",
    "gtin": GTIN,
    "texts": [
        TextInput(language="DE", name="Rillenkugellager", keywords=["Wälzlager"]),
        TextInput(language="en", name="Ball bearing"),
    ],
    "codes": [
        ClassCodeInput(scheme="UNSPSC", code="31171504"),
        ClassCodeInput(scheme="ecl@ss", code="23050801", version="8.0"),
    ],
    "media": [MediaInput(kind="image", url="https://media.example.com/6204.jpg", title="Front")],
}


def gtin_of(seven: str) -> str:
    """A GTIN-8 with these digits."""
    return seven + str(ean.calc_check_digit(seven))


async def test_a_product_tells_all_that_is_known_of_it(shelf: Shelf) -> None:
    category_id = await shelf.category()
    bore = [ValueInput(code="bore", value="2", unit="CMT")]
    made = await shelf.make(**{**FULL, "category_id": category_id, "attributes": bore})
    seen = await shelf.read(made.id, shelf.market.buyer)
    assert [(text.language, text.keywords) for text in seen.texts] == [
        ("de", ["Wälzlager"]),
        ("en", []),
    ]
    assert [(code.scheme, code.code, code.version) for code in seen.codes] == [
        ("eclass", "23-05-08-01", "8.0"),
        ("unspsc", "31171504", ""),
    ]
    assert [media.url for media in seen.media] == ["https://media.example.com/6204.jpg"]
    assert [(value.code, value.value, value.unit) for value in seen.attributes] == [
        ("bore", "20", "MMT")
    ]
    changed = await shelf.change(made, category_id=category_id, attributes=bore, media=[])
    assert (changed.version, changed.texts, changed.codes, changed.media) == (2, [], [], [])
    with pytest.raises(StaleVersion):
        await shelf.change(made)


async def test_all_that_is_wrong_with_a_product_is_told_at_once(shelf: Shelf) -> None:
    with pytest.raises(InvalidInput) as caught:
        await shelf.make(
            category_id=await shelf.category(),
            gtin="4006381333932",
            maker_number="1",
            texts=[TextInput(language="xx", name="X")],
            codes=[ClassCodeInput(scheme="unspsc", code="1")],
            media=[MediaInput(kind="image", url="https://localhost/a.jpg")],
            attributes=[ValueInput(code="colour", value="red")],
        )
    assert {(error.pointer, error.code) for error in caught.value.errors} == {
        ("/gtin", "invalid_gtin"),
        ("/maker", "missing"),
        ("/texts/0/language", "unknown_language"),
        ("/codes/0/code", "invalid_code"),
        ("/media/0/url", "invalid_url"),
        ("/attributes/0/code", "unknown_attribute"),
        ("/attributes", "required_attribute"),
    }
    with pytest.raises(InvalidInput, match="category"):
        await shelf.make(category_id=new_id())


async def test_a_draft_is_nobodys_but_the_operators_until_it_is_complete_and_shown(
    shelf: Shelf,
) -> None:
    category_id = await shelf.category()
    draft = await shelf.make("Draft", category_id=category_id, state="draft")
    assert draft.missing == ["bore"]
    for who in (shelf.market.buyer, shelf.market.supplier):
        with pytest.raises(NotFound):
            await shelf.read(draft.id, who)
    with pytest.raises(InvalidInput):
        await shelf.market.offer("A", product_id=draft.id)
    with pytest.raises(Conflict, match="bore"):
        await keeping.activate_product(shelf.platform, shelf.operator, draft.id, 1)
    bore = [ValueInput(code="bore", value="20")]
    changed = await shelf.change(draft, category_id=category_id, attributes=bore)
    shown = await keeping.activate_product(
        shelf.platform, shelf.operator, draft.id, changed.version
    )
    assert shown.state == "active"
    await shelf.market.offer("A", product_id=draft.id)
    assert [item.name for item in await shelf.market.catalog()] == ["Draft"]


async def test_a_proposed_product_is_accepted_as_it_is_or_corrected(shelf: Shelf) -> None:
    first = await shelf.proposed("A", name="bearng 6204")
    second = await shelf.proposed("B", name="Bolt")
    mine = await reading.list_products(
        shelf.platform, shelf.operator, "proposed", None, None, PageRequest(9, None)
    )
    assert [product.id for product in mine.items] == [first.id, second.id]
    correction = ProductContent(name="Bearing 6204", category_id=await shelf.category())
    with pytest.raises(InvalidInput) as caught:
        await shelf.accept(first, AcceptInput(product=correction))
    assert [error.pointer for error in caught.value.errors] == ["/product/attributes"]
    correction.attributes = [ValueInput(code="bore", value="20")]
    accepted = await shelf.accept(first, AcceptInput(product=correction))
    assert (accepted.state, accepted.name) == ("active", "Bearing 6204")
    kept_back = await shelf.accept(second, AcceptInput(state="draft"))
    assert kept_back.state == "draft"
    assert [item.name for item in await shelf.market.catalog()] == ["Bearing 6204"]
    with pytest.raises(WrongState):
        await shelf.accept(accepted)


async def test_a_merged_products_offers_move_and_its_numbers_lead_to_the_other(
    shelf: Shelf,
) -> None:
    market = shelf.market
    target = await shelf.make("Bearing 6204")
    double = await shelf.proposed("A", name="6204 bearing", gtin=GTIN)
    private = await market.offer(
        "P", market.other, product_id=double.id, buyer_id=market.rival.organization_id
    )
    accessory = await shelf.make("Grease")
    relations = RelationsInput(relations=[RelationInput(product_id=double.id, kind="accessory")])
    await relating.put_relations(shelf.platform, shelf.operator, accessory.id, 1, relations)
    assert await shelf.merge(double, target) == 2
    merged = await shelf.read(double.id)
    assert (merged.state, merged.merged_into) == ("discontinued", target.id)
    for who, sku in ((market.supplier, "A"), (market.other, "P")):
        moved = await offers.read_offer(shelf.platform, who, sku)
        assert moved.product_id == target.id
    assert private.id
    again = await market.offer("B", market.other, name="A third name", gtin=GTIN)
    assert again.product_id == target.id
    related = (await shelf.read(accessory.id)).relations
    assert [each.product_id for each in related or ()] == [target.id]
    with pytest.raises(Conflict):
        await shelf.change(merged)


async def test_only_what_is_proposed_is_merged_and_only_into_what_is_active(shelf: Shelf) -> None:
    target = await shelf.make("Target")
    proposed = await shelf.proposed("A")
    with pytest.raises(WrongState):
        await shelf.merge(target, await shelf.make("Other"))
    for wrong in (proposed, await shelf.make("Draft", state="draft")):
        with pytest.raises(InvalidInput) as caught:
            await shelf.merge(proposed, wrong)
        assert caught.value.errors[0].pointer == "/product_id"
    await shelf.merge(proposed, target)


async def test_an_offer_that_comes_while_its_product_is_merged_moves_too(shelf: Shelf) -> None:
    target = await shelf.make("Target")
    for number in range(4):
        gtin = gtin_of(f"960000{number}")
        double = await shelf.proposed(f"A{number}", gtin=gtin)
        _, offer = await asyncio.gather(
            shelf.merge(double, target),
            shelf.market.offer(f"B{number}", shelf.market.other, gtin=gtin),
        )
        kept = await offers.read_offer(shelf.platform, shelf.market.other, offer.sku)
        assert kept.product_id == target.id


async def test_a_discontinued_product_names_what_took_its_place(shelf: Shelf) -> None:
    old, new, newer = [await shelf.make(name) for name in ("Old", "New", "Newer")]
    gone = await shelf.discontinue(old, new)
    assert (gone.state, gone.replacement_id) == ("discontinued", new.id)
    with pytest.raises(Conflict, match="circle"):
        await shelf.discontinue(new, gone)
    again = await shelf.discontinue(gone, newer)
    assert again.replacement_id == newer.id


async def test_two_products_do_not_come_to_replace_each_other_at_the_same_time(
    shelf: Shelf,
) -> None:
    first, second = await shelf.make("First"), await shelf.make("Second")
    answers = await asyncio.gather(
        shelf.discontinue(first, second),
        shelf.discontinue(second, first),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, ProductView) for answer in answers) == 1
    assert sum(isinstance(answer, Conflict) for answer in answers) == 1


async def test_relations_lead_to_products_and_never_to_itself(shelf: Shelf) -> None:
    product, other = await shelf.make("Drill"), await shelf.make("Bit")
    unknown = new_id()
    given = [
        RelationInput(product_id=other.id, kind="accessory"),
        RelationInput(product_id=unknown, kind="bundle"),
    ]
    with pytest.raises(InvalidInput) as caught:
        await relating.put_relations(
            shelf.platform, shelf.operator, product.id, 1, RelationsInput(relations=given)
        )
    assert [error.pointer for error in caught.value.errors] == ["/relations/1/product_id"]
    related = await relating.put_relations(
        shelf.platform, shelf.operator, product.id, 1, RelationsInput(relations=given[:1])
    )
    assert [each.product_id for each in related.relations or ()] == [other.id]
    assert not (await shelf.read(product.id, shelf.market.buyer)).relations


async def test_a_proposal_is_known_to_who_offers_it_and_to_whom_it_is_offered(
    shelf: Shelf,
) -> None:
    market = shelf.market
    double = await shelf.proposed("A", gtin=GTIN)
    await market.offer("A", name="Thing A", gtin=GTIN, buyer_id=market.buyer.organization_id)
    for who in (market.supplier, market.buyer):
        assert (await shelf.read(double.id, who)).id == double.id
    for who in (market.rival, market.other):
        with pytest.raises(NotFound):
            await shelf.read(double.id, who)
    asked = PageRequest(9, None)
    own = await reading.list_products(shelf.platform, market.supplier, None, None, None, asked)
    assert [product.id for product in own.items] == [double.id]
    others = await reading.list_products(shelf.platform, market.other, None, None, None, asked)
    assert others.items == []


async def test_only_the_operator_keeps_products(shelf: Shelf) -> None:
    product = await shelf.proposed("A")
    for who in (shelf.market.supplier, shelf.market.buyer):
        for verb in (
            keeping.create_product(shelf.platform, who, ProductInput(name="X"), key()),
            keeping.change_product(shelf.platform, who, product.id, 1, ProductContent(name="X")),
            keeping.accept_product(shelf.platform, who, product.id, 1, AcceptInput()),
            replacing.discontinue_product(shelf.platform, who, product.id, 1, DiscontinueInput()),
        ):
            with pytest.raises(NotPermitted):
                await verb
