"""Graduated ladders from the list to the invoice: each slice at its own tier."""

import msgspec
import pytest

from catalog.imports.schemas import ImportKind
from catalog.price_lists import service
from marketplace.kernel.errors import InvalidInput
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import entry
from tests.catalog.shop import Shop

SLICES = (("1", "10"), ("11", "8.125"), ("101", "5"))


async def slices(shop: Shop, sku: str = "A", **more: str) -> None:
    await shop.offer(sku)
    await shop.price_list(entry(sku, *SLICES, volume_mode="graduated", **more))  # type: ignore[arg-type]


async def test_each_slice_costs_what_its_own_tier_says(shop: Shop) -> None:
    await slices(shop)
    amounts = {}
    for quantity in ("10", "11", "100", "101"):
        line = await shop.check("A", quantity)
        assert line.price
        assert line.price.volume_mode == "graduated"
        amounts[quantity] = line.price.line_amount.amount
    # 10 × 10 + 1 × 8.125, + 89 × 8.125, + 1 × 5
    assert amounts == {"10": "100.00", "11": "108.13", "100": "831.25", "101": "836.25"}


async def test_an_order_keeps_the_ladder_that_explains_its_amount(shop: Shop) -> None:
    await slices(shop)
    order = await shop.order(shop.line("A", "11"))
    (line,) = order.lines
    assert line.line_amount.amount == "108.13"
    assert (line.price.amount, line.price.basis, line.price.tier_minimum) == ("108.125", "11", "11")
    assert line.price.detail
    assert line.price.detail.volume_mode == "graduated"
    assert [(t.minimum_quantity, t.amount) for t in line.price.detail.tiers] == list(SLICES)
    again = msgspec.to_builtins(await shop.order(shop.line("A", "11")))
    assert again["lines"][0]["price"]["detail"]["tier_basis"] == "1"


async def test_parts_of_a_graduated_line_are_invoiced_at_their_share_and_sum_to_the_whole(
    shop: Shop,
) -> None:
    await slices(shop)
    order = await shop.order(shop.line("A", "11"))
    await shop.confirm(order)
    nets = []
    for quantity in ("3", "3", "5"):
        await shop.despatch(order, (1, quantity))
        nets.append((await shop.invoice(order)).lines[0].net.amount)
    # 108.13 × 3/11 = 29.49, × 6/11 = 58.98, and what is left of 108.13
    assert nets == ["29.49", "29.49", "49.15"]


async def test_a_short_delivery_costs_its_share_not_the_dearer_slices(shop: Shop) -> None:
    await slices(shop)
    order = await shop.order(shop.line("A", "100"))
    await shop.confirm(order, (1, "10"))
    await shop.despatch(order)
    assert (await shop.invoice(order)).net.amount == "83.13"  # a tenth of 831.25


async def test_a_graduated_price_is_compared_by_what_a_piece_costs_on_the_whole(
    shop: Shop,
) -> None:
    await slices(shop)
    fair = await shop.order(shop.line("A", "100", expected_amount="8.3125"))
    assert fair.total.amount == "831.25"


async def test_a_file_says_it_per_row_and_rows_of_one_ladder_agree(shop: Shop) -> None:
    await shop.offer("A")
    made = await shop.price_list(publish=False)
    head = "sku,unit,minimum_quantity,amount,volume_mode\n"
    good = head + "A,C62,1,10,graduated\nA,C62,11,8,graduated\n"
    done = await shop.upload(ImportKind.PRICES, good, list_id=made.id, publish=True)
    assert done.status == "done"
    shown = await service.list_entries(shop.platform, shop.supplier, made.id, PageRequest(5, None))
    assert [item.volume_mode for item in shown.items] == ["graduated"]
    assert (await shop.check("A", "12")).price.line_amount.amount == "116.00"  # type: ignore[union-attr]
    mixed = head + "A,C62,1,10,graduated\nA,C62,11,8,volume\n"
    failed = await shop.upload(ImportKind.PRICES, mixed, list_id=made.id)
    assert [(e.line, e.column, e.code) for e in failed.errors] == [
        (3, "volume_mode", "contradiction")
    ]
    strange = await shop.upload(ImportKind.PRICES, head + "A,C62,1,10,rising\n", list_id=made.id)
    assert [(e.column, e.value) for e in strange.errors] == [("volume_mode", "rising")]


async def test_the_way_a_ladder_counts_is_part_of_what_differs(shop: Shop) -> None:
    await slices(shop)
    made = await shop.price_list(entry("A", *SLICES), priority=1)
    await shop.set(made.id, entry("A", *SLICES, volume_mode="graduated"))
    assert (await shop.publish(made.id)).published_version == 2


@pytest.mark.parametrize("tiers", [(("11", "8"), ("1", "10")), (("1", "10"), ("1", "8"))])
async def test_a_graduated_ladder_ascends(shop: Shop, tiers: tuple[tuple[str, str], ...]) -> None:
    await shop.offer("A")
    made = await shop.price_list(publish=False)
    with pytest.raises(InvalidInput):
        await shop.set(made.id, entry("A", *tiers, volume_mode="graduated"))
