"""What suppliers tell of products: written, suggested, taken, declined; on a real database."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, update
from sqlalchemy.exc import DBAPIError

from catalog.products import suggesting
from catalog.products.schemas import (
    ClassCodeInput,
    DeclineInput,
    MediaInput,
    ProductContent,
    TextInput,
    TextPartInput,
    ToldInput,
    ValueInput,
)
from catalog.products.tables import ProductRow, ProductTextRow
from catalog.products.telling import merged
from catalog.search import service as search
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted, StaleVersion
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from tests.catalog.products.keeper import Shelf

GTIN = "4006381333931"
FIRST = PageRequest(50, None)
TOLD = {
    "attributes": [ValueInput(code="bore", value="20")],
    "texts": [TextPartInput(language="DE", name="Rillenkugellager", keywords=["Wälzlager"])],
    "codes": [ClassCodeInput(scheme="unspsc", code="31171504")],
    "media": [MediaInput(kind="image", url="https://media.example.com/6204.jpg")],
}


async def tell(
    shelf: Shelf, product_id: UUID, who: Caller | None = None, **told: Any
) -> tuple[str, Any]:
    answer = await suggesting.tell_of_product(
        shelf.platform, who or shelf.market.supplier, product_id, ToldInput(**told)
    )
    return answer.outcome, answer.suggestion_id


def test_what_is_left_out_stays_and_what_is_told_stands_first() -> None:
    known = ProductContent(
        name="Bearing",
        description="Sealed",
        gtin="04006381333931",
        attributes=[ValueInput("bore", "20"), ValueInput("width", "14")],
        texts=[TextInput("de", "Lager", "Dicht", ["Wälzlager"]), TextInput("en", "Bearing")],
        codes=[
            ClassCodeInput("eclass", "23-05-08-01", "8.0"),
            ClassCodeInput("unspsc", "31171504"),
        ],
        media=[MediaInput("image", "https://media.example.com/a.jpg")],
    )
    told = ToldInput(
        attributes=[ValueInput("width", "15")],
        texts=[TextPartInput("FR", "Roulement"), TextPartInput("DE", description="Doppelt dicht")],
        codes=[ClassCodeInput("ECL@SS", "23050802", "8.0")],
    )
    made = merged(told, known)
    assert (made.name, made.description, made.gtin) == ("Bearing", "Sealed", "04006381333931")
    assert [(each.code, each.value) for each in made.attributes] == [
        ("width", "15"),
        ("bore", "20"),
    ]
    assert made.texts == [
        TextInput("fr", "Roulement"),
        TextInput("de", "Lager", "Doppelt dicht", ["Wälzlager"]),
        TextInput("en", "Bearing"),
    ]
    assert [each.code for each in made.codes] == ["23050802", "31171504"]
    assert made.media == known.media


async def test_a_supplier_tells_texts_and_values_of_what_he_proposed(shelf: Shelf) -> None:
    category_id = await shelf.category()
    product = await shelf.proposed("A")
    outcome, _ = await tell(shelf, product.id, category_id=category_id, **TOLD)
    assert outcome == "changed"
    item = await search.read_catalog_item(
        shelf.platform, shelf.market.buyer, product.id, None, ("de",)
    )
    assert item.name == "Rillenkugellager"
    assert [(each.code, each.value) for each in item.attributes or ()] == [("bore", "20")]
    assert [each.code for each in item.codes or ()] == ["31171504"]
    assert [each.url for each in item.media or ()] == ["https://media.example.com/6204.jpg"]
    again, _ = await tell(shelf, product.id, category_id=category_id, **TOLD)
    assert again == "unchanged"
    assert (await shelf.read(product.id)).version == product.version + 1


async def test_what_is_wrong_points_to_where_it_was_told(shelf: Shelf) -> None:
    category_id = await shelf.category()
    product = await shelf.proposed("A")
    with pytest.raises(InvalidInput) as refused:
        await tell(
            shelf,
            product.id,
            category_id=category_id,
            attributes=[
                ValueInput("bore", "20"),
                ValueInput("bore", "twenty"),
                ValueInput("x", "1"),
            ],
            media=[MediaInput("image", "https://media")],
        )
    assert {(each.pointer, each.code) for each in refused.value.errors} == {
        ("/attributes/1/code", "duplicate"),
        ("/attributes/2/code", "unknown_attribute"),
        ("/media/0/url", "invalid_url"),
    }


async def test_what_others_sell_or_the_operator_keeps_is_only_suggested(shelf: Shelf) -> None:
    product = await shelf.proposed("A", gtin=GTIN)
    assert (await tell(shelf, product.id, description="Mine alone"))[0] == "changed"
    await shelf.proposed("B", shelf.market.other, gtin=GTIN)
    outcome, suggestion_id = await tell(shelf, product.id, description="Ours")
    assert outcome == "suggested"
    assert (await tell(shelf, product.id, description="Ours"))[0] == "unchanged"
    outcome, same = await tell(shelf, product.id, description="Better")
    assert (outcome, same) == ("suggested", suggestion_id)
    assert (await shelf.read(product.id)).description == "Mine alone"

    operator = shelf.operator
    (waiting,) = (await suggesting.list_suggestions(shelf.platform, operator, "open", FIRST)).items
    assert (waiting.id, waiting.version, waiting.content.description) == (same, 2, "Better")
    with pytest.raises(StaleVersion):
        await suggesting.take_suggestion(shelf.platform, operator, same, 1)
    taken = await suggesting.take_suggestion(shelf.platform, operator, same, 2)
    assert taken.state == "taken"
    assert (await shelf.read(product.id)).description == "Better"
    with pytest.raises(Conflict):
        await suggesting.take_suggestion(shelf.platform, operator, same, 3)


async def test_a_declined_suggestion_changes_nothing_and_says_why(shelf: Shelf) -> None:
    product = await shelf.make("Bolt")
    _, suggestion_id = await tell(shelf, product.id, name="Best bolt ever")
    declined = await suggesting.decline_suggestion(
        shelf.platform, shelf.operator, suggestion_id, 1, DeclineInput(reason="No advertising")
    )
    assert declined.state == "declined"
    own = await suggesting.read_suggestion(shelf.platform, shelf.market.supplier, suggestion_id)
    assert (own.state, own.reason) == ("declined", "No advertising")
    assert (await shelf.read(product.id)).name == "Bolt"
    assert (await tell(shelf, product.id, name="Bolt M8"))[0] == "suggested"


async def test_suggestions_are_their_suppliers_and_the_operators(shelf: Shelf) -> None:
    product = await shelf.make("Bolt")
    _, suggestion_id = await tell(shelf, product.id, name="Bolt M8")
    for who in (shelf.market.other, shelf.market.buyer):
        assert (await suggesting.list_suggestions(shelf.platform, who, None, FIRST)).items == []
        with pytest.raises(NotFound):
            await suggesting.read_suggestion(shelf.platform, who, suggestion_id)
    with pytest.raises(NotPermitted):
        await suggesting.take_suggestion(shelf.platform, shelf.market.supplier, suggestion_id, 1)


async def test_nobody_tells_of_a_product_he_does_not_know(shelf: Shelf) -> None:
    draft = await shelf.make("Secret", state="draft")
    with pytest.raises(NotFound):
        await tell(shelf, draft.id, name="Guess")


async def test_numbers_of_another_product_are_refused(shelf: Shelf) -> None:
    await shelf.make("Bolt", gtin=GTIN)
    product = await shelf.proposed("A")
    with pytest.raises(InvalidInput) as refused:
        await tell(shelf, product.id, gtin=GTIN.zfill(14))
    assert [each.code for each in refused.value.errors] == ["contradiction"]


async def test_the_database_itself_lets_a_supplier_write_his_own_proposals_alone(
    shelf: Shelf,
) -> None:
    kept = await shelf.make("Bolt")
    product = await shelf.proposed("A")
    market = shelf.market
    renamed = update(ProductRow).values(name="Mine now")
    for who, product_id in ((market.supplier, kept.id), (market.other, product.id)):
        async with transaction(shelf.platform, who) as tx:
            assert await tx.execute(renamed.where(ProductRow.id == product_id)) == 0
        text = {"product_id": product_id, "language": "de", "name": "X", "description": ""}
        with pytest.raises(DBAPIError, match="row-level security"):
            async with transaction(shelf.platform, who) as tx:
                await tx.execute(insert(ProductTextRow).values(keywords=[], **text))
    accepted = update(ProductRow).values(state="active").where(ProductRow.id == product.id)
    with pytest.raises(DBAPIError, match="row-level security"):
        async with transaction(shelf.platform, market.supplier) as tx:
            await tx.execute(accepted)
