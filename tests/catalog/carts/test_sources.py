from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from catalog.carts import requisitions, sources
from catalog.carts.schemas import (
    CartLinesAdded,
    QuickOrderView,
    RequisitionLine,
    RequisitionListInput,
    RequisitionListView,
)
from marketplace.kernel.errors import (
    BodyTooLarge,
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    StaleVersion,
)
from marketplace.kernel.limits import QUICK_ORDER_SUGGESTIONS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.http.paging import PageRequest
from tests.catalog.carts.buying import Buying
from tests.catalog.stock.shop import Shop
from tests.support.world import fresh_key

# Quick order


def bad(view: QuickOrderView) -> list[tuple[int, str, list[str]]]:
    return [(e.line, e.code, [s.sku for s in e.suggestions]) for e in view.errors]


async def test_pasted_lines_go_into_the_cart_and_every_bad_one_is_told(shop: Shop) -> None:
    await shop.offer("KA-6204-2RS", "KA-6205-2RS", "BOLT 8", minimum_quantity="5")
    await shop.offer("CABLE", unit="MTR")
    buying = await Buying.begin(shop)
    view = await buying.paste(
        "ka-6204-2rs 10\nKA-6204-2R5\t3\nBOLT 8\nCABLE;2,5;MTR\nCABLE 2.5\n"
        "BOLT 8;1.5\nKA-6205-2RS;x\n"
    )
    lines = (await buying.read()).lines
    assert [(line.sku, line.quantity, line.unit) for line in lines] == [
        ("KA-6204-2RS", "10", "C62"),
        ("BOLT 8", "5", "C62"),
        ("CABLE", "2.5", "MTR"),
        ("CABLE", "2.5", "MTR"),
    ]
    assert bad(view) == [
        (2, "unknown_sku", ["KA-6204-2RS", "KA-6205-2RS"]),
        (6, "too_many_decimals", []),
        (7, "not_a_number", []),
    ]
    assert (view.line_count, len(view.added)) == (4, 4)


async def test_an_sku_of_two_suppliers_asks_which(shop: Shop) -> None:
    other = await shop.world.supplier("Other")
    await shop.offer("A")
    await shop.offer("A", supplier=other)
    buying = await Buying.begin(shop)
    view = await buying.paste("A 2")
    assert bad(view) == [(1, "ambiguous_sku", ["A", "A"])]
    assert {s.supplier_id for s in view.errors[0].suggestions} == {shop.supplier.id, other.id}
    assert bad(await buying.paste("A 2", other.id)) == []
    assert [line.supplier_id for line in (await buying.read()).lines] == [other.id]


async def test_what_a_buyer_may_not_see_is_neither_found_nor_suggested(shop: Shop) -> None:
    rival = await shop.world.buyer("Rival")
    await shop.offer("KA-1000")
    buying = await Buying.begin(shop)
    before = await buying.paste("KA-1001\nKA-1002")
    await shop.put("KA-1001", visibility="nobody")
    await shop.put("KA-1002", buyer_id=rival.id)
    for number in range(60):
        await shop.put(f"KA-0{number:03}", visibility="nobody")
    after = await buying.paste("KA-1001\nKA-1002")
    assert after.errors == before.errors
    assert bad(after)[0] == (1, "unknown_sku", ["KA-1000"])
    mine = await Buying.begin(shop, rival.caller)
    assert bad(await mine.paste("KA-1002")) == []


async def test_an_sku_without_its_punctuation_is_suggested_and_not_taken(shop: Shop) -> None:
    await shop.offer("KA-62042")
    buying = await Buying.begin(shop)
    view = await buying.paste("KA62042 3\nKA-620 42\nKA 62042")
    assert bad(view) == [(n, "unknown_sku", ["KA-62042"]) for n in (1, 2, 3)]


async def test_the_sku_that_is_the_same_but_for_punctuation_is_suggested_among_hundreds(
    shop: Shop,
) -> None:
    await shop.offer("KA-6204")
    for number in range(6000, 6060):
        await shop.put(f"KA-{number}")
    buying = await Buying.begin(shop)
    told = bad(await buying.paste("KA6204 10\nKA-6204:\nKA-6055-ZZ\n10 x KA-6204\n• KA-6204 5"))
    meant = ["KA-6204", "KA-6204", "KA-6055", "KA-6204", "KA-6204"]
    assert [suggested[0] for _, _, suggested in told] == meant


async def test_few_are_suggested_even_where_many_are_alike(shop: Shop) -> None:
    await shop.offer("AA-100")
    for number in range(101, 110):
        await shop.put(f"AA-{number}")
    buying = await Buying.begin(shop)
    ((_, code, suggestions),) = bad(await buying.paste("AA-10"))
    assert (code, len(suggestions)) == ("unknown_sku", QUICK_ORDER_SUGGESTIONS_MAX)


async def test_a_quick_order_is_bounded(shop: Shop) -> None:
    buying = await Buying.begin(shop)
    for text, code in (("\n \n", "empty"), ("A\n" * 1001, "too_many_lines")):
        with pytest.raises(InvalidInput) as refused:
            await buying.paste(text)
        assert [(e.pointer, e.code) for e in refused.value.errors] == [("/text", code)]


async def test_a_file_is_taken_once(shop: Shop) -> None:
    await shop.offer("A")
    buying = await Buying.begin(shop)

    async def send(data: bytes, version: int) -> QuickOrderView:
        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(data), 7):
                yield data[start : start + 7]

        return await sources.quick_order_file(
            shop.platform, buying.caller, buying.cart.id, None, chunks(), version
        )

    file = b"\xef\xbb\xbfqty;sku\r\n3;A\r\n1;B\r\n"
    view = await send(file, 1)
    assert bad(view) == [(3, "unknown_sku", [])]
    with pytest.raises(StaleVersion):
        await send(file, 1)
    assert [line.quantity for line in (await buying.read()).lines] == ["3"]
    for broken in ("SKU".encode("utf-16"), b"\x81A", b"A\0"):
        with pytest.raises(InvalidInput):
            await send(broken, view.version)
    with pytest.raises(BodyTooLarge):
        await send(b"A" * 300_000, view.version)


# Requisition lists


async def kept(shop: Shop, caller: Caller, *lines: tuple[str, str]) -> RequisitionListView:
    data = RequisitionListInput(
        name=f"List {len(lines)}",
        lines=[RequisitionLine(shop.supplier.id, sku, quantity) for sku, quantity in lines],
    )
    return await requisitions.create_list(shop.platform, caller, data, fresh_key())


async def put_in(shop: Shop, buying: Buying, kept_list: RequisitionListView) -> CartLinesAdded:
    return await sources.add_list(
        shop.platform, buying.caller, buying.cart.id, kept_list.id, fresh_key()
    )


async def test_a_list_fills_a_cart_and_what_can_no_longer_be_bought_is_told(shop: Shop) -> None:
    await shop.offer("A", "GONE", "FEW", minimum_quantity="2")
    caller = shop.buyer.caller
    weekly = await kept(shop, caller, ("A", "3"), ("GONE", "2"), ("FEW", "1"))
    assert [line.unit for line in weekly.lines] == ["C62"] * 3
    await shop.put("GONE", state="withdrawn")
    buying = await Buying.begin(shop)
    added = await put_in(shop, buying, weekly)
    assert [(no.line, no.sku, no.code) for no in added.refused] == [(2, "GONE", "unknown_sku")]
    # What only needs another quantity is put in, with advice.
    assert [line.sku for line in (await buying.read()).lines] == ["A", "FEW"]


async def test_a_list_is_used_in_its_unit_and_below_and_changed_in_its_unit(shop: Shop) -> None:
    await shop.offer("A")
    north = await shop.world.unit(shop.buyer, "North")
    south = await shop.world.unit(shop.buyer, "South")
    limit = {"order_limit": "100 EUR"}
    in_north = (await shop.world.member(shop.buyer, "purchaser", unit_id=north, **limit)).caller
    in_south = (await shop.world.member(shop.buyer, "purchaser", unit_id=south, **limit)).caller
    viewer = (await shop.world.member(shop.buyer, "viewer", unit_id=north)).caller
    whole = await kept(shop, shop.buyer.caller, ("A", "3"))
    local = await kept(shop, in_north, ("A", "3"), ("A", "4"))
    names = {}
    for who, caller in (("north", in_north), ("south", in_south), ("company", shop.buyer.caller)):
        found = await requisitions.list_lists(shop.platform, caller, PageRequest(10, None))
        names[who] = [(each.name, each.line_count) for each in found.items]
    assert names == {
        "north": [("List 2", 2), ("List 1", 1)],
        "south": [("List 1", 1)],
        "company": [("List 1", 1)],
    }
    with pytest.raises(NotFound):
        await requisitions.read_list(shop.platform, in_south, local.id)
    buying = await Buying.begin(shop, in_south)
    assert len((await put_in(shop, buying, whole)).added) == 1
    with pytest.raises(NotFound):
        await put_in(shop, buying, local)
    data = RequisitionListInput(name="Other", lines=[])
    with pytest.raises(NotFound):
        await requisitions.put_list(shop.platform, in_north, whole.id, data, 1)
    with pytest.raises(NotPermitted):
        await requisitions.put_list(shop.platform, viewer, local.id, data, 1)
    with pytest.raises(StaleVersion):
        await requisitions.put_list(shop.platform, in_north, local.id, data, 2)
    changed = await requisitions.put_list(shop.platform, in_north, local.id, data, 1)
    assert (changed.version, changed.name, changed.lines) == (2, "Other", [])
    with pytest.raises(StaleVersion):
        await requisitions.remove_list(shop.platform, in_north, local.id, 1)
    await requisitions.remove_list(shop.platform, in_north, local.id, 2)
    with pytest.raises(NotFound):
        await requisitions.read_list(shop.platform, in_north, local.id)


async def test_a_list_keeps_only_what_exists_and_its_name_is_its_own(shop: Shop) -> None:
    await shop.offer("A")
    await shop.offer("HIDDEN", visibility="nobody")
    with pytest.raises(InvalidInput) as refused:
        await kept(shop, shop.buyer.caller, ("A", "1"), ("HIDDEN", "1"), ("A", "0"))
    assert [error.pointer for error in refused.value.errors] == [
        "/lines/1/sku",
        "/lines/2/quantity",
    ]
    await kept(shop, shop.buyer.caller, ("A", "1"))
    with pytest.raises(Conflict, match="List 1"):
        await kept(shop, shop.buyer.caller, ("A", "2"))


# Earlier orders


async def test_an_earlier_order_is_put_in_again_at_the_prices_of_now(shop: Shop) -> None:
    await shop.offer("A", "GONE")
    order = await shop.order(
        shop.line("A", "3"), shop.line("GONE", "1"), shop.line("A", "4"), note="secret"
    )
    await shop.put("GONE", state="withdrawn")
    buying = await Buying.begin(shop)
    added = await sources.reorder(
        shop.platform, buying.caller, buying.cart.id, order.id, fresh_key()
    )
    assert [(no.line, no.code) for no in added.refused] == [(2, "unknown_sku")]
    cart = await buying.read()
    assert [(line.sku, line.quantity) for line in cart.lines] == [("A", "3"), ("A", "4")]
    assert cart.total.amount == "70.00"
    assert (await buying.order()).total.amount == "70.00"


async def test_nobody_re_orders_a_foreign_order(shop: Shop) -> None:
    await shop.offer("A")
    order = await shop.order(shop.line("A", "3"))
    rival = await shop.world.buyer("Rival")
    theirs = await Buying.begin(shop, rival.caller)
    for key in ("mine", order.id):
        wanted = order.id if key == order.id else theirs.cart.id
        with pytest.raises(NotFound):
            await sources.reorder(shop.platform, rival.caller, theirs.cart.id, wanted, fresh_key())
    mine = await Buying.begin(shop)
    with pytest.raises(NotFound):
        await sources.reorder(shop.platform, rival.caller, mine.cart.id, order.id, fresh_key())
    writer = structs.replace(shop.buyer.caller, scopes=frozenset({"carts:write"}))
    with pytest.raises(NotPermitted):
        await sources.reorder(shop.platform, writer, mine.cart.id, order.id, fresh_key())


async def test_a_file_is_read_as_an_import_would_read_it(shop: Shop) -> None:
    await shop.offer("SCHLÜSSEL-13")
    buying = await Buying.begin(shop)
    forms = [("utf-8", ","), ("utf-8-sig", ";"), ("windows-1252", "\t"), ("windows-1252", "|")]
    for version, (encoding, separator) in enumerate(forms, start=1):
        text = f'note{separator}sku{separator}qty\r\n"a, b"{separator}SCHLÜSSEL-13{separator}3\r\n'

        async def chunks(data: bytes = text.encode(encoding)) -> AsyncIterator[bytes]:
            yield data

        view = await sources.quick_order_file(
            shop.platform, buying.caller, buying.cart.id, None, chunks(), version
        )
        assert (len(view.added), view.errors) == (1, [])
