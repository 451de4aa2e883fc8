"""Assortments: restricted offers are seen through a granted one, and not at all without."""

import pytest
from msgspec import structs
from sqlalchemy import Executable, func, insert, select, true

from catalog.assortments import service
from catalog.assortments.schemas import AssortmentOffersInput, GrantInput
from catalog.assortments.tables import AssortmentGrantRow, AssortmentOfferRow, AssortmentRow
from catalog.customers import service as customers
from catalog.customers.schemas import SegmentMembersInput
from catalog.imports.schemas import ImportKind
from catalog.products import service as products
from catalog.products.tables import OfferRow
from catalog.search import service as search
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound
from marketplace.kernel.ids import new_id
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import Market, entry, key, unit_of

FIRST = PageRequest(50, None)


async def names(market: Market, text: str | None = None, who: Caller | None = None) -> list[str]:
    return [item.name for item in await market.catalog(text, who)]


async def rows_seen(market: Market, who: Caller, sku: str) -> int:
    """Count what row security alone shows."""
    async with transaction(market.platform, who) as tx:
        return int(await tx.scalar(select(func.count()).where(OfferRow.sku == sku)))


async def sells(market: Market, *skus: str, **terms: object) -> None:
    for sku in skus:
        await market.offer(sku, **terms)
    await market.price_list(*(entry(sku, ("1", "10")) for sku in skus))


async def test_a_restricted_offer_is_seen_by_whom_its_assortment_was_granted(
    market: Market,
) -> None:
    await sells(market, "R", visibility="restricted")
    assert await market.told("R") == "unknown_sku"
    assert await names(market) == []
    await market.assortment("R", to=[market.buyer])
    for who in (market.buyer, market.site):
        assert await market.told("R", who=who) == "10 base"
        assert await names(market, who=who) == ["Thing R"]
        assert await rows_seen(market, who, "R") == 1
    assert await market.told("R", who=market.rival) == "unknown_sku"
    assert await names(market, who=market.rival) == []
    assert await rows_seen(market, market.rival, "R") == 0


async def test_an_empty_assortment_shows_nothing(market: Market) -> None:
    await sells(market, "R", visibility="restricted")
    await market.assortment(to=[market.buyer])
    assert await market.told("R") == "unknown_sku"
    assert await names(market) == []
    assert await rows_seen(market, market.buyer, "R") == 0


async def test_an_assortment_granted_to_nobody_shows_nothing(market: Market) -> None:
    await sells(market, "R", visibility="restricted")
    await market.assortment("R")
    assert await market.told("R") == "unknown_sku"
    assert await rows_seen(market, market.buyer, "R") == 0


async def test_product_visible_by_two_assortments_one_withdrawn(market: Market) -> None:
    await sells(market, "R", visibility="restricted")
    first = await market.assortment("R", to=[market.buyer])
    second = await market.assortment("R", to=[market.buyer])
    assert [item.offer_count for item in await market.catalog()] == [1]
    await market.withdraw(first, market.buyer)
    assert await market.told("R") == "10 base"
    assert await names(market) == ["Thing R"]
    assert await rows_seen(market, market.buyer, "R") == 1
    await service.delete_assortment(market.platform, market.supplier, second)
    assert await market.told("R") == "unknown_sku"
    assert await names(market) == []
    assert await rows_seen(market, market.buyer, "R") == 0


async def test_a_segment_brings_its_members_their_assortments_and_leaving_it_takes_them(
    market: Market,
) -> None:
    await sells(market, "R", visibility="restricted")
    group = await market.segment(market.buyer)
    await market.assortment("R", to=[group])
    assert await market.told("R", who=market.site) == "10 base"
    assert await market.told("R", who=market.rival) == "unknown_sku"
    gone = SegmentMembersInput(removed=[market.buyer.organization_id])
    await customers.put_members(market.platform, market.supplier, group, gone)
    assert await market.told("R") == "unknown_sku"


async def test_a_unit_sees_what_it_was_granted_and_those_above_and_beside_it_do_not(
    market: Market,
) -> None:
    await sells(market, "R", visibility="restricted")
    await market.assortment("R", to=[market.site])
    below = unit_of(market.buyer)
    below = structs.replace(below, path=(below.unit_id, *market.site.path))
    assert await market.told("R", who=below) == "10 base"
    assert await market.told("R", who=market.site) == "10 base"
    assert await market.told("R") == "unknown_sku"
    assert await market.told("R", who=unit_of(market.buyer)) == "unknown_sku"


async def test_what_a_unit_sees_and_pays_follows_its_path(market: Market) -> None:
    """What a unit sees and pays follows its path, which every request reads anew."""
    await sells(market, "R", visibility="restricted")
    await sells_open(market)
    above = unit_of(market.buyer)
    async with transaction(market.platform, market.buyer) as tx:
        await tx.execute(
            insert(OrganizationRow).values(
                id=above.unit_id,
                company_id=market.buyer.organization_id,
                parent_id=market.buyer.organization_id,
                name="Division",
            )
        )
    await market.assortment("R", to=[above])
    await market.price_list(entry("OPEN", ("1", "7")), level="organization", to=[above])
    before = market.site
    after = structs.replace(before, path=(before.unit_id, *above.path))
    assert [await market.told(sku, who=before) for sku in ("R", "OPEN")] == [
        "unknown_sku",
        "20 base",
    ]
    assert [await market.told(sku, who=after) for sku in ("R", "OPEN")] == [
        "10 base",
        "7 organization",
    ]
    assert await names(market, who=after) == ["Thing OPEN", "Thing R"]


async def sells_open(market: Market) -> None:
    await market.offer("OPEN")
    await market.price_list(entry("OPEN", ("1", "20")), priority=1)


async def test_an_offer_made_restricted_is_gone_from_everything(market: Market) -> None:
    gtin = "4006381333931"
    await market.offer("A", name="Bolt", gtin=gtin)
    await market.offer("X", who=market.other, name="Bolzen", gtin=gtin)
    await market.price_list(entry("A", ("1", "0.10")))
    (item,) = await market.catalog()
    assert (item.offer_count, item.offers[0].sku) == (2, "A")
    await market.offer("A", name="Bolt", gtin=gtin, visibility="restricted")
    (item,) = await market.catalog()
    assert (item.offer_count, item.offers[0].sku) == (1, "X")
    whole = await search.read_catalog_item(market.platform, market.buyer, item.id, None)
    assert [offer.sku for offer in whole.offers] == ["X"]
    assert await names(market, "a") == []
    assert await names(market, "bolt") == ["Bolt"]
    assert await market.told("A") == "unknown_sku"
    assert await market.told("A") == await market.told("NONE")
    await market.assortment("A", to=[market.buyer])
    (item,) = await market.catalog()
    assert (item.offer_count, item.offers[0].private) == (2, False)


async def test_a_restricted_offer_proposes_no_product_and_is_found_by_its_own_name(
    market: Market,
) -> None:
    await sells(market, "R-1", "R-2", visibility="restricted")
    made = await products.read_offer(market.platform, market.supplier, "R-1")
    assert (made.visibility, made.product_id or None) == ("restricted", None)
    await market.assortment("R-1", "R-2", to=[market.buyer])
    await market.assortment("R-1", to=[market.buyer])
    assert await names(market, "thing") == ["Thing R-1", "Thing R-2"]
    assert await names(market, "r-2") == ["Thing R-2"]
    assert [item.name for item in await market.catalog(limit=1)] == ["Thing R-1", "Thing R-2"]
    await market.offer("R-1", name="A name", visibility="restricted")
    assert await names(market) == ["A name", "Thing R-2"]
    await market.offer("R-1", name="A name", visibility="restricted", state="withdrawn")
    assert await names(market) == ["Thing R-2"]


async def test_the_supplier_does_not_buy_his_own_restricted_offers(market: Market) -> None:
    await sells(market, "R", visibility="restricted")
    await market.assortment("R", to=[market.buyer])
    assert await names(market, who=market.supplier) == []
    assert await market.told("R", who=market.supplier) == "unknown_sku"
    with pytest.raises(InvalidInput):
        await market.assortment(to=[market.supplier])


async def test_every_line_of_a_bulk_says_what_became_of_it(market: Market) -> None:
    await sells(market, "A", "B", "C", visibility="restricted")
    await market.offer("X", who=market.other)
    made = await market.assortment("A")
    data = AssortmentOffersInput(added=["B", "A", "X", "NONE"], removed=["C"])
    done = await service.put_offers(market.platform, market.supplier, made, data)
    assert [(line.sku, line.outcome) for line in done.lines] == [
        ("B", "added"),
        ("A", "unchanged"),
        ("X", "unknown_sku"),
        ("NONE", "unknown_sku"),
        ("C", "unchanged"),
    ]
    data = AssortmentOffersInput(removed=["A", "NONE"])
    done = await service.put_offers(market.platform, market.supplier, made, data)
    assert [line.outcome for line in done.lines] == ["removed", "unknown_sku"]
    listed = await service.list_offers(market.platform, market.supplier, made, FIRST)
    assert [(each.sku, each.visibility) for each in listed.items] == [("B", "restricted")]
    with pytest.raises(InvalidInput) as refused:
        data = AssortmentOffersInput(added=["A", "A"], removed=["A"])
        await service.put_offers(market.platform, market.supplier, made, data)
    assert [e.pointer for e in refused.value.errors] == ["/added/1", "/removed/0"]


async def test_a_grant_is_made_once_listed_and_withdrawn(market: Market) -> None:
    platform, supplier = market.platform, market.supplier
    made = await market.assortment(to=[market.buyer, market.buyer])
    group = await market.segment()
    await market.grant(made, group)
    shown = (await service.list_grants(platform, supplier, made, FIRST)).items
    assert {each.organization_id or each.segment_id for each in shown} == {
        market.buyer.unit_id,
        group,
    }
    view = await service.ASSORTMENTS.read(platform, supplier, made)
    assert (view.grant_count, view.offer_count) == (2, 0)
    with pytest.raises(NotFound):
        await market.withdraw(made, market.rival)
    foreign = await market.segment(who=market.other)
    for data in (
        GrantInput(),
        GrantInput(organization_id=new_id()),
        GrantInput(segment_id=foreign),
        GrantInput(segment_id=group, organization_id=market.buyer.unit_id),
    ):
        with pytest.raises(InvalidInput):
            await service.grant(platform, supplier, made, data)


async def test_grants_of_one_assortment_are_bounded(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "GRANTS_PER_ASSORTMENT_MAX", 1)
    made = await market.assortment(to=[market.buyer])
    with pytest.raises(Conflict, match="segment"):
        await market.grant(made, market.rival)


async def test_an_assortment_is_its_suppliers_alone(market: Market) -> None:
    await sells(market, "R", visibility="restricted")
    made = await market.assortment("R", to=[market.buyer])
    platform = market.platform
    for stranger in (market.other, market.buyer):
        with pytest.raises(NotFound):
            await service.ASSORTMENTS.read(platform, stranger, made)
        with pytest.raises(NotFound):
            await service.list_offers(platform, stranger, made, FIRST)
        with pytest.raises(NotFound):
            await service.list_grants(platform, stranger, made, FIRST)
        with pytest.raises(NotFound):
            await service.put_offers(platform, stranger, made, AssortmentOffersInput(added=["R"]))
        with pytest.raises(NotFound):
            data = GrantInput(organization_id=market.rival.unit_id)
            await service.grant(platform, stranger, made, data)
        with pytest.raises(NotFound):
            await service.delete_assortment(platform, stranger, made)
    async with transaction(platform, market.rival) as tx:
        for table in (AssortmentRow, AssortmentOfferRow, AssortmentGrantRow):
            assert await tx.scalar(select(func.count()).select_from(table)) == 0
    async with transaction(platform, market.buyer) as tx:
        for table in (AssortmentRow, AssortmentGrantRow):
            assert await tx.scalar(select(func.count()).select_from(table)) == 0


async def test_no_other_supplier_puts_a_foreign_offer_in_front_of_anybody(market: Market) -> None:
    """Even by hand at the tables: the offer's assortment must be of the offer's supplier."""
    offer = await market.offer("R", visibility="restricted")
    theirs = await market.assortment(to=[market.buyer], who=market.other)
    async with transaction(market.platform, market.other) as tx:
        await tx.execute(
            insert(AssortmentOfferRow).values(
                offer_id=offer.id,
                assortment_id=theirs,
                supplier_id=market.other.organization_id,
            )
        )
    assert await market.told("R") == "unknown_sku"
    assert await rows_seen(market, market.buyer, "R") == 0


async def test_a_file_says_what_is_restricted_and_leaves_the_rest_as_it_is(
    market: Market,
) -> None:
    await market.offer("KEPT", visibility="restricted")
    done = await market.upload(
        ImportKind.OFFERS,
        "sku,name,unit,visibility\nR,Hidden,C62,restricted\nKEPT,Kept,C62,\nO,Open,C62,everybody\n"
        "N,New,C62,\n",
    )
    assert done.status == "done", done
    shown = {
        each.sku: each.visibility
        for each in (await products.list_offers(market.platform, market.supplier, FIRST)).items
    }
    assert shown == {
        "KEPT": "restricted",
        "N": "everybody",
        "O": "everybody",
        "R": "restricted",
    }
    assert await names(market) == ["New", "Open"]
    wrong = await market.upload(
        ImportKind.OFFERS,
        "sku,name,unit,visibility\nR,Hidden,C62,secret\n",
    )
    assert wrong.status == "failed"


async def test_names_of_assortments_are_their_suppliers_and_unique(market: Market) -> None:
    assortments, platform = service.ASSORTMENTS, market.platform
    made = await assortments.create(platform, market.supplier, "Spring", key())
    with pytest.raises(Conflict, match="name"):
        await assortments.create(platform, market.supplier, "Spring", key())
    await assortments.create(platform, market.other, "Spring", key())
    renamed = await assortments.rename(platform, market.supplier, made.id, 1, "Summer")
    assert (renamed.name, renamed.version) == ("Summer", 2)
    shown = (await assortments.list(platform, market.supplier, FIRST)).items
    assert [each.id for each in shown] == [made.id]


async def test_what_is_kept_for_a_transaction_is_of_one_tenant_and_path(market: Market) -> None:
    """An approver's transaction goes on to see as the unit that buys."""
    group = await market.segment(market.buyer)
    made = await market.assortment(to=[market.site])
    other = await market.assortment(to=[group])
    seen = select(func.app_assortments())
    async with transaction(market.platform, market.buyer) as tx:
        assert await tx.scalar(seen) == [other]
        path = "{" + ",".join(map(str, market.site.path)) + "}"
        await tx.execute(_set("app.scopes", path))
        assert set(await tx.scalar(seen)) == {made, other}
        await tx.execute(_set("app.org", str(market.rival.organization_id)))
        await tx.execute(_set("app.scopes", "{}"))
        assert await tx.scalar(seen) == []
        assert await tx.scalar(select(func.app_segments())) == []


def _set(name: str, value: str) -> Executable:
    return select(func.set_config(name, value, true()))
