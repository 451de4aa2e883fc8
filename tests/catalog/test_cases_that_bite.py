"""The cases that bite: each by the name it has in the design of prices.

Three live where their packages are: *product visible by two assortments, one withdrawn* in
`assortments/test_assortments.py`, *unit re-parented while carts are open* in `carts/test_http.py`
and `test_hidden_offers.py`, *an ERP re-sends an old file* in `stock/test_stock.py`.
"""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from catalog.price_lists import checking
from catalog.price_lists.schemas import PriceCheckInput, PriceCheckLine
from marketplace.approvals.schemas import DecisionInput
from marketplace.approvals.service import decide
from marketplace.billing import service as billing
from marketplace.kernel.errors import Conflict, InvalidInput, NotPermitted
from marketplace.orders import reading
from marketplace.orders import service as orders
from marketplace.orders.schemas import OrderInput, OrderView
from marketplace.organizations import service as organizations
from marketplace.organizations.schemas import OrganizationChange
from tests.catalog.parties import entry
from tests.catalog.shop import Shop
from tests.support.world import fresh_key

APPROVE = DecisionInput(verdict="approve")
JULY = datetime(2026, 7, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


async def amount(shop: Shop, sku: str, quantity: str, currency: str = "EUR") -> str:
    line = await shop.check(sku, quantity, currency=currency)
    assert line.price
    return line.price.line_amount.amount


@pytest.mark.parametrize(
    ("currency", "told"), [("JPY", "37"), ("EUR", "37.04"), ("KWD", "37.037"), ("CLF", "37.0370")]
)
async def test_jpy_kwd_clf_digits(shop: Shop, currency: str, told: str) -> None:
    await shop.offer("A")
    await shop.price_list(entry("A", ("1", "12.345679")), currency=currency)
    assert await amount(shop, "A", "3", currency) == told
    order = await shop.order(shop.line("A", "3"), currency=currency)
    assert order.total.amount == told


async def test_unit_price_0_0035(shop: Shop) -> None:
    await shop.offer("A")
    await shop.price_list(entry("A", ("1", "0.0035")))
    assert [await amount(shop, "A", n) for n in ("1", "2", "1000")] == ["0.00", "0.01", "3.50"]
    line = await shop.check("A")
    assert line.price
    assert line.price.amount == "0.0035"


async def test_price_per_100_with_quantity_3(shop: Shop) -> None:
    await shop.offer("A")
    await shop.price_list(entry("A", ("1", "25"), basis="100"))
    order = await shop.order(shop.line("A", "3"))
    (line,) = order.lines
    assert (line.price.amount, line.price.basis) == ("25.00", "100")
    assert line.line_amount.amount == "0.75"


async def test_quantity_below_the_first_tier(shop: Shop) -> None:
    await shop.offer("A")
    await shop.price_list(entry("A", ("10", "8")))
    assert await shop.told("A", "9") == "below_minimum_quantity"
    with pytest.raises(InvalidInput) as refused:
        await shop.order(shop.line("A", "9"))
    assert refused.value.errors[0].code == "below_minimum_quantity"


async def test_the_same_sku_on_two_lines(shop: Shop) -> None:
    await shop.offer("A")
    await shop.price_list(entry("A", ("1", "10"), ("10", "8")))
    order = await shop.order(shop.line("A", "6"), shop.line("A", "6"))
    # Each line stands for itself: two of six are not one of twelve.
    assert [line.line_amount.amount for line in order.lines] == ["60.00", "60.00"]


async def test_tier_boundary_exactly_met(shop: Shop) -> None:
    await shop.offer("A", unit="KGM")
    await shop.price_list(entry("A", ("1", "10"), ("2.5", "8"), unit="KGM"))
    assert await amount(shop, "A", "2.499") == "24.99"
    assert await amount(shop, "A", "2.5") == "20.00"


async def test_validity_boundary_exactly_met(shop: Shop) -> None:
    await shop.offer("A")
    await shop.price_list(
        entry("A", ("1", "10"), valid_until=JULY), entry("A", ("1", "12"), valid_from=JULY)
    )
    assert await shop.told("A", at=JULY - TICK) == "10 base"
    assert await shop.told("A", at=JULY) == "12 base"


async def test_contract_in_another_time_zone(shop: Shop) -> None:
    await shop.offer("A")
    await shop.price_list(entry("A", ("1", "10")))
    await shop.agree(
        "A",
        ("1", "7"),
        zone="Pacific/Auckland",
        first_day=date(2026, 7, 1),
        last_day=date(2026, 7, 31),
    )
    begins = datetime(2026, 6, 30, 12, tzinfo=UTC)  # midnight in Auckland, half a day ahead
    ends = datetime(2026, 7, 31, 12, tzinfo=UTC)
    told = [await shop.told("A", at=at) for at in (begins - TICK, begins, ends - TICK, ends)]
    assert told == ["10 base", "7 contract", "7 contract", "10 base"]


async def test_unit_re_parented_while_an_order_of_it_waits(shop: Shop) -> None:
    """As in an open cart, prices and approvers are those of where the unit stands now."""
    await shop.offer("A")
    await shop.price_list(entry("A", ("1", "10")))
    north = await shop.world.unit(shop.buying, "North")
    south = await shop.world.unit(shop.buying, "South")
    site = await shop.world.unit(shop.buying, "Plant", north)
    heads = [
        (await shop.world.member(shop.buying, "approver", unit_id=unit)).caller
        for unit in (north, south)
    ]
    for priority, (head, amount) in enumerate(zip(heads, ("9", "8"), strict=True)):
        listed = entry("A", ("1", amount))
        await shop.price_list(listed, level="organization", to=[head], priority=priority)
    requester = await shop.world.member(shop.buying, "purchaser", unit_id=site, order_limit="1 EUR")
    data = OrderInput(currency="EUR", lines=[shop.line("A", "10")])
    waiting = await orders.submit_order(shop.platform, requester.caller, data, None, fresh_key())
    assert (waiting.state, waiting.total.amount) == ("in_approval", "90.00")
    assert waiting.approval_id
    change = OrganizationChange(parent_id=south)
    await organizations.change_organization(shop.platform, shop.buyer, site, 1, change)
    with pytest.raises(NotPermitted):
        await decide(shop.platform, heads[0], waiting.approval_id, APPROVE, fresh_key())
    await decide(shop.platform, heads[1], waiting.approval_id, APPROVE, fresh_key())
    placed = await reading.read_order(shop.platform, shop.buyer, waiting.id)
    assert (placed.state, placed.total.amount) == ("placed", "80.00")


async def test_list_re_published_while_an_order_is_placed(shop: Shop) -> None:
    await shop.offer("A")
    made = await shop.price_list(entry("A", ("1", "10")))
    await shop.set(made.id, entry("A", ("1", "12")))

    async def order() -> str:
        try:
            return (await shop.order(shop.line("A", "3", expected_amount="10"))).total.amount
        except Conflict as raised:
            return raised.errors[0].code if "6.00 EUR more" in raised.detail else raised.detail

    results = await asyncio.gather(*(order() for _ in range(5)), shop.publish(made.id), order())
    told = {result for result in results if isinstance(result, str)}
    assert told <= {"30.00", "price_raised"}  # one price or the other, never one of each
    assert await order() == "price_raised"
    await shop.set(made.id, entry("A", ("1", "9")))
    await shop.publish(made.id)
    assert await order() == "27.00"  # a lower price is taken


async def test_negative_or_zero_amounts(shop: Shop) -> None:
    await shop.offer("A")
    made = await shop.price_list(entry("A", ("1", "0")))
    order = await shop.order(shop.line("A", "3"))
    assert order.total.amount == "0.00"  # free of charge is agreed at times
    with pytest.raises(InvalidInput) as refused:
        await shop.set(made.id, entry("A", ("1", "-1")))
    assert refused.value.errors[0].pointer == "/entries/0/tiers/0/amount"


async def test_quantity_with_decimals_for_a_unit_that_has_none(shop: Shop) -> None:
    await shop.offer("A")
    await shop.price_list(entry("A", ("1", "10")))
    with pytest.raises(InvalidInput) as refused:
        await shop.check("A", "1.5", unit="C62")
    assert refused.value.errors[0].code == "too_many_decimals"
    with pytest.raises(InvalidInput) as refused:
        await shop.order(shop.line("A", "1.5"))
    assert refused.value.errors[0].code == "too_many_decimals"


async def test_1000_lines_of_which_3_have_no_price(shop: Shop) -> None:
    await shop.offer("A")
    await shop.price_list(entry("A", ("1", "10")))
    supplier_id = shop.supplier.organization_id
    missing = {7, 500, 999}
    lines = [
        PriceCheckLine(supplier_id=supplier_id, sku="NOPE" if n in missing else "A")
        for n in range(1_000)
    ]
    data = PriceCheckInput(currency="EUR", lines=lines)
    answer = await checking.check_prices(shop.platform, shop.buyer, data)
    assert {n for n, line in enumerate(answer.lines) if line.no_price} == missing
    assert (
        sum(Decimal(line.price.line_amount.amount) for line in answer.lines if line.price) == 9970
    )


async def test_retroactive_correction_leaves_invoiced_lines_and_gives_a_credit_note(
    shop: Shop,
) -> None:
    """Corrected prices change no line that is ordered or invoiced; a credit note gives back."""
    await shop.offer("A")
    made = await shop.price_list(entry("A", ("1", "10")))
    order = await shop.order(shop.line("A", "3"))
    await shop.confirm(order)
    await shop.despatch(order, (1, "2"))
    invoice = await shop.invoice(order)
    await shop.set(made.id, entry("A", ("1", "9")))
    await shop.publish(made.id)
    # The same ladder, valid since always: what it says of yesterday has changed.
    assert await shop.told("A", at=order.ordered_at) == "9 base"
    note = await shop.credit(invoice, (1, "2.00"))  # two pieces at 1.00 too much
    assert (note.net.amount, note.tax.amount, note.gross.amount) == ("2.00", "0.38", "2.38")
    read = await billing.read_invoice(shop.platform, shop.buyer, invoice.id)
    assert (read.lines, read.gross, read.number) == (invoice.lines, invoice.gross, invoice.number)
    assert (read.gross.amount, read.due.amount) == ("23.80", "21.42")
    await shop.despatch(order)
    assert (await shop.invoice(order)).net.amount == "10.00"  # the rest at the price ordered at


async def test_sixteen_lists_of_one_rank_at_once_make_one_and_name_it_to_the_others(
    shop: Shop,
) -> None:
    results = await asyncio.gather(*(shop.price_list() for _ in range(16)), return_exceptions=True)
    made = [result for result in results if not isinstance(result, BaseException)]
    refused = [result for result in results if isinstance(result, Conflict)]
    assert (len(made), len(refused)) == (1, 15)
    assert all(str(made[0].id) in conflict.detail for conflict in refused)


async def test_an_order_is_one_of_these_prices_and_says_which(shop: Shop) -> None:
    await shop.offer("A")
    made = await shop.price_list(entry("A", ("1", "10")))
    order = await shop.order(shop.line("A"))
    assert isinstance(order, OrderView)
    source = order.lines[0].price.source
    assert (source.kind, source.id, source.version) == ("price_list", made.id, 1)
