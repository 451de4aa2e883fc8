import asyncio

import pytest

from marketplace.billing import service
from marketplace.billing.schemas import InvoiceInput, InvoiceLineInput, InvoiceView
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound
from marketplace.orders import fulfilment
from marketplace.orders.schemas import ConfirmationInput, DespatchInput, LineDespatchInput
from marketplace.platform.http.paging import PageRequest
from tests.orders.trade import Trade
from tests.support.world import Company, fresh_key


async def issue(trade: Trade, supplier: Company, invoice: InvoiceInput) -> InvoiceView:
    return await service.issue_invoice(trade.platform, supplier.caller, invoice, fresh_key())


async def test_an_invoice_covers_what_left_and_its_totals_are_right(trade: Trade) -> None:
    await trade.agree(trade.bolts, "0.05", "CENTS")
    order = await trade.submit(
        trade.line(trade.bolts, "10"), trade.line(trade.bolts, "1", "CENTS"), number="PO-7"
    )
    part = await trade.despatched(order, trade.bolts)
    invoice = await issue(
        trade,
        trade.bolts,
        InvoiceInput(
            supplier_order_id=part,
            standard_rate="19",
            lines=(
                InvoiceLineInput(line=1),
                InvoiceLineInput(line=2, tax_category="S", tax_rate="7"),
            ),
        ),
    )
    assert invoice.number == "INV-000001"
    assert invoice.buyer_reference == "PO-7"
    assert (invoice.net.amount, invoice.tax.amount, invoice.gross.amount) == (
        "125.05",
        "23.75",
        "148.80",
    )
    assert [(g.rate, g.taxable.amount, g.tax.amount) for g in invoice.breakdown] == [
        ("7", "0.05", "0.00"),
        ("19", "125.00", "23.75"),
    ]
    assert (invoice.due_on - invoice.issued_on).days == 30


async def test_both_parties_read_it_and_nobody_else(trade: Trade) -> None:
    part = await trade.despatched(await trade.submit(), trade.bolts)
    wanted = InvoiceInput(supplier_order_id=part, standard_rate="19")
    invoice = await issue(trade, trade.bolts, wanted)
    asked = PageRequest(50, None)
    for company in (trade.buyer, trade.bolts):
        read = await service.read_invoice(trade.platform, company.caller, invoice.id)
        assert read == invoice
        listed = await service.list_invoices(trade.platform, company.caller, asked)
        assert [item.id for item in listed.items] == [invoice.id]
    with pytest.raises(NotFound):
        await service.read_invoice(trade.platform, trade.nuts.caller, invoice.id)
    listed = await service.list_invoices(trade.platform, trade.nuts.caller, asked)
    assert listed.items == []


async def test_only_the_supplier_invoices_his_order(trade: Trade) -> None:
    part = await trade.despatched(await trade.submit(), trade.bolts)
    wanted = InvoiceInput(supplier_order_id=part, standard_rate="19")
    with pytest.raises(NotFound):
        await issue(trade, trade.nuts, wanted)


async def test_nothing_is_invoiced_before_it_left(trade: Trade) -> None:
    order = await trade.submit()
    wanted = InvoiceInput(supplier_order_id=order.supplier_orders[0].id, standard_rate="19")
    with pytest.raises(Conflict):
        await issue(trade, trade.bolts, wanted)


async def test_each_shipment_is_invoiced_once(trade: Trade) -> None:
    order = await trade.submit(trade.line(trade.bolts, "10"))
    part = order.supplier_orders[0].id
    caller = trade.bolts.caller
    await fulfilment.confirm(trade.platform, caller, part, ConfirmationInput(), fresh_key())
    some = DespatchInput(lines=(LineDespatchInput(line=1, quantity="4"),))
    await fulfilment.despatch(trade.platform, caller, part, some, fresh_key())
    wanted = InvoiceInput(supplier_order_id=part, standard_rate="19")
    first = await issue(trade, trade.bolts, wanted)
    with pytest.raises(Conflict):
        await issue(trade, trade.bolts, wanted)
    await fulfilment.despatch(trade.platform, caller, part, DespatchInput(), fresh_key())
    second = await issue(trade, trade.bolts, wanted)
    assert [first.lines[0].quantity, second.lines[0].quantity] == ["4", "6"]
    assert [first.net.amount, second.net.amount] == ["50.00", "75.00"]
    assert [first.number, second.number] == ["INV-000001", "INV-000002"]


async def test_more_than_left_is_not_invoiced(trade: Trade) -> None:
    part = await trade.despatched(await trade.submit(), trade.bolts)
    wanted = InvoiceInput(
        supplier_order_id=part,
        standard_rate="19",
        lines=(InvoiceLineInput(line=1, quantity="10.5"), InvoiceLineInput(line=3)),
    )
    with pytest.raises(InvalidInput) as caught:
        await issue(trade, trade.bolts, wanted)
    assert [error.pointer for error in caught.value.errors] == [
        "/lines/0/quantity",
        "/lines/1/line",
    ]


async def test_the_same_goods_are_not_invoiced_twice_at_once(trade: Trade) -> None:
    part = await trade.despatched(await trade.submit(), trade.bolts)
    wanted = InvoiceInput(supplier_order_id=part, standard_rate="19")
    results = await asyncio.gather(
        *(issue(trade, trade.bolts, wanted) for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(result, InvoiceView) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 5


async def test_numbers_of_an_issuer_have_no_gap_though_some_attempts_fail(trade: Trade) -> None:
    parts = [await trade.despatched(await trade.submit(), trade.bolts) for _ in range(6)]
    wanted = [InvoiceInput(supplier_order_id=part, standard_rate="19") for part in parts]
    results = await asyncio.gather(
        *(issue(trade, trade.bolts, one) for one in [*wanted, *wanted]), return_exceptions=True
    )
    numbers = sorted(result.number for result in results if isinstance(result, InvoiceView))
    assert numbers == [f"INV-{number:06d}" for number in range(1, 7)]


async def test_reverse_charge_bears_no_tax(trade: Trade) -> None:
    part = await trade.despatched(await trade.submit(), trade.bolts)
    wanted = InvoiceInput(
        supplier_order_id=part,
        standard_rate="19",
        lines=(InvoiceLineInput(line=1, tax_category="AE"),),
    )
    invoice = await issue(trade, trade.bolts, wanted)
    assert (invoice.tax.amount, invoice.gross.amount) == ("0.00", "125.00")
    assert [(group.category, group.rate) for group in invoice.breakdown] == [("AE", "0")]


async def test_a_rate_that_does_not_fit_its_category_is_refused_and_uses_up_no_number(
    trade: Trade,
) -> None:
    part = await trade.despatched(await trade.submit(), trade.bolts)
    wrong = InvoiceInput(supplier_order_id=part, standard_rate="0")
    with pytest.raises(InvalidInput) as caught:
        await issue(trade, trade.bolts, wrong)
    assert caught.value.errors[0].pointer == "/lines/0/tax_rate"
    right = InvoiceInput(supplier_order_id=part, standard_rate="19")
    assert (await issue(trade, trade.bolts, right)).number == "INV-000001"
