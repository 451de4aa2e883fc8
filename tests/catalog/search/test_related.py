"""Suggestions as somebody types, and what is related to a product."""

from uuid import UUID

from catalog.search import service
from catalog.search.related import count_together
from marketplace.kernel.events import PUBLIC
from tests.catalog.search.shelf import Shelf, order


async def test_suggestions_begin_like_what_is_typed(stocked: Shelf) -> None:
    told = await stocked.suggest("hex", "en")
    assert [each.name for each in told.products] == [
        "Hexagon bolt M8x20 stainless steel A2",
        "Hexagon nuts M8",
    ]
    told = await stocked.suggest("fast", "en")
    assert [(each.code, each.name) for each in told.categories] == [("fasteners", "Fasteners")]
    told = await stocked.suggest("kugell", "de")
    assert [each.name for each in told.categories] == ["Kugellager"]
    assert {each.name for each in told.products} == {
        "Rillenkugellager 6204-2RS1",
        "Rillenkugellager 6205",
    }
    told = await stocked.suggest("fx93")
    assert [each.sku for each in told.skus] == ["FX-933-8-20", "FX-934-8"]
    assert await stocked.suggest("  ") == await stocked.suggest("%")
    assert len((await stocked.suggest("ka", limit=1)).skus) == 1


async def test_related_products_are_shown_where_they_are_in_the_readers_catalog(
    stocked: Shelf,
) -> None:
    bolt = await stocked.add("Threaded rod M8", "FX-975")
    near = await stocked.add("Washer M8", "FX-125")
    hidden = await stocked.add("Washer nobody sells")
    theirs = await stocked.add("Washer of others", offer=None)
    await stocked.market.offer(
        "W-P", product_id=theirs.id, buyer_id=stocked.market.rival.organization_id
    )
    await stocked.relate(bolt, hidden, theirs, near, kind="accessory")
    related = await service_related(stocked, bolt.id)
    assert related == {"accessories": ["Washer M8"]}
    rival = await service_related(stocked, bolt.id, rival=True)
    assert rival == {"accessories": ["Washer of others", "Washer M8"]}


async def service_related(
    shelf: Shelf, item_id: UUID, *, rival: bool = False
) -> dict[str, list[str]]:
    who = shelf.market.rival if rival else shelf.market.buyer
    told = await service.read_related(shelf.platform, who, item_id, None)
    groups = {
        "accessories": told.accessories,
        "spare_parts": told.spare_parts,
        "substitutes": told.substitutes,
        "bundles": told.bundles,
        "bought_together": told.bought_together,
    }
    return {name: [item.name for item in items] for name, items in groups.items() if items}


async def test_what_several_companies_bought_together_is_told_and_what_fewer_did_is_not(
    stocked: Shelf,
) -> None:
    for company in range(5):
        await order(stocked, company, "FX-933-8-20", "FX-934-8")
    for company in range(4):
        await order(stocked, company, "FX-933-8-20", "PS-77")
        await order(stocked, company, "FX-933-8-20", "PS-77")
    await count_together(stocked.platform, PUBLIC)
    (bolt,) = (await stocked.page("fx-933-8-20")).items
    assert await service_related(stocked, bolt.id) == {"bought_together": ["Hexagon nuts M8"]}
    await stocked.market.offer("FX-934-8", visibility="nobody")
    assert await service_related(stocked, bolt.id) == {}
    await order(stocked, 4, "PS-77", "FX-933-8-20")
    await count_together(stocked.platform, PUBLIC)
    assert await service_related(stocked, bolt.id) == {"bought_together": ["Safety glasses clear"]}
