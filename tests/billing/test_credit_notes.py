import asyncio
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.billing import crediting, service
from marketplace.billing.credit_rules import (
    Creditable,
    CreditedLine,
    CreditWish,
    credit_totals,
    credited_lines,
)
from marketplace.billing.rules import Tax, tax_amount
from marketplace.billing.schemas import (
    CreditNoteInput,
    CreditNoteLineInput,
    CreditNoteView,
    InvoiceInput,
    InvoiceView,
)
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted
from marketplace.kernel.money import Money
from marketplace.platform.http.paging import PageRequest
from tests.orders.trade import Trade
from tests.support.world import Company, fresh_key

NINETEEN = Tax.checked("S", Decimal(19))


async def invoiced(trade: Trade, quantity: str = "10") -> InvoiceView:
    order = await trade.submit(trade.line(trade.bolts, quantity))
    part = await trade.despatched(order, trade.bolts)
    wanted = InvoiceInput(supplier_order_id=part, standard_rate="19")
    return await service.issue_invoice(trade.platform, trade.bolts.caller, wanted, fresh_key())


async def give_back(
    trade: Trade,
    invoice: InvoiceView,
    *lines: CreditNoteLineInput,
    by: Company | None = None,
    series: str = "CN",
    amount: str | None = None,
) -> CreditNoteView:
    data = CreditNoteInput(reason="price corrected", lines=lines, series=series, amount=amount)
    caller = (by or trade.bolts).caller
    return await crediting.issue_credit_note(trade.platform, caller, invoice.id, data, fresh_key())


async def read(trade: Trade, invoice: InvoiceView, company: Company) -> InvoiceView:
    return await service.read_invoice(trade.platform, company.caller, invoice.id)


async def test_a_credit_note_lowers_what_is_due_and_the_invoice_stays_what_it_is(
    trade: Trade,
) -> None:
    invoice = await invoiced(trade)
    note = await give_back(trade, invoice, CreditNoteLineInput(line=1, amount="10"))
    assert (note.number, note.invoice_number) == ("CN-000001", invoice.number)
    assert (note.net.amount, note.tax.amount, note.gross.amount) == ("10.00", "1.90", "11.90")
    assert note.lines[0].quantity is None  # a price is corrected, no goods come back
    after = await read(trade, invoice, trade.buyer)
    assert (invoice.due.amount, after.credited.amount, after.due.amount) == (
        "148.75",
        "11.90",
        "136.85",
    )
    assert (after.net, after.tax, after.gross, after.lines) == (
        invoice.net,
        invoice.tax,
        invoice.gross,
        invoice.lines,
    )
    assert [each.id for each in after.credit_notes] == [note.id]
    listed = await service.list_invoices(trade.platform, trade.buyer.caller, PageRequest(50, None))
    assert [item.due for item in listed.items] == [after.due]


async def test_goods_that_came_back_are_credited_at_what_they_were_invoiced(trade: Trade) -> None:
    invoice = await invoiced(trade)
    note = await give_back(trade, invoice, CreditNoteLineInput(line=1, quantity="4"))
    assert (note.net.amount, note.lines[0].quantity) == ("50.00", "4")
    with pytest.raises(InvalidInput) as refused:
        await give_back(trade, invoice, CreditNoteLineInput(line=1, quantity="7"))
    assert refused.value.errors[0].pointer == "/lines/0/quantity"


async def test_never_is_more_given_back_than_was_invoiced(trade: Trade) -> None:
    invoice = await invoiced(trade)
    await give_back(trade, invoice, CreditNoteLineInput(line=1, amount="100"))
    with pytest.raises(InvalidInput) as refused:
        await give_back(trade, invoice, CreditNoteLineInput(line=1, amount="25.01"))
    assert refused.value.errors[0].detail == "Of line 1, 25.00 EUR net can be credited."
    rest = await give_back(trade, invoice)  # without lines all that is left
    assert rest.net.amount == "25.00"
    assert (await read(trade, invoice, trade.bolts)).due.amount == "0.00"
    with pytest.raises(Conflict):
        await give_back(trade, invoice)


async def test_sixteen_credit_notes_at_once_give_back_an_invoice_once(trade: Trade) -> None:
    invoice = await invoiced(trade)
    results = await asyncio.gather(
        *(give_back(trade, invoice) for _ in range(16)), return_exceptions=True
    )
    assert sum(isinstance(result, CreditNoteView) for result in results) == 1
    assert sum(isinstance(result, Conflict) for result in results) == 15
    assert (await read(trade, invoice, trade.bolts)).due.amount == "0.00"


async def test_no_two_documents_of_an_issuer_have_one_number(trade: Trade) -> None:
    invoice = await invoiced(trade)
    small = CreditNoteLineInput(line=1, amount="1")
    own = [await give_back(trade, invoice, small) for _ in range(2)]
    assert [note.number for note in own] == ["CN-000001", "CN-000002"]
    same = await give_back(trade, invoice, small, series="INV")
    assert (invoice.number, same.number) == ("INV-000001", "INV-000002")


async def test_only_the_issuer_gives_back_and_only_the_parties_read(trade: Trade) -> None:
    invoice = await invoiced(trade)
    with pytest.raises(NotFound):
        await give_back(trade, invoice, by=trade.nuts)
    with pytest.raises(NotPermitted):
        await give_back(trade, invoice, by=trade.buyer)
    note = await give_back(trade, invoice)
    asked = PageRequest(50, None)
    for party in (trade.buyer, trade.bolts):
        assert await crediting.read_credit_note(trade.platform, party.caller, note.id) == note
        listed = await crediting.list_credit_notes(trade.platform, party.caller, asked)
        assert [item.id for item in listed.items] == [note.id]
    with pytest.raises(NotFound):
        await crediting.read_credit_note(trade.platform, trade.nuts.caller, note.id)
    assert (await crediting.list_credit_notes(trade.platform, trade.nuts.caller, asked)).items == []


async def test_every_line_that_is_wrong_is_told(trade: Trade) -> None:
    invoice = await invoiced(trade)
    wrong = (
        CreditNoteLineInput(line=1, amount="0.001"),
        CreditNoteLineInput(line=1, amount="1"),
        CreditNoteLineInput(line=9),
    )
    with pytest.raises(InvalidInput) as refused:
        await give_back(trade, invoice, *wrong)
    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/lines/0/amount", "too_many_decimals"),
        ("/lines/1/line", "duplicate"),
        ("/lines/2/line", "nothing_left"),
    ]


async def test_a_discount_on_the_document_is_shared_among_its_lines(trade: Trade) -> None:
    order = await trade.submit(*(trade.line(trade.bolts, n) for n in ("1", "1", "1")))
    part = await trade.despatched(order, trade.bolts)
    wanted = InvoiceInput(supplier_order_id=part, standard_rate="19")
    invoice = await service.issue_invoice(trade.platform, trade.bolts.caller, wanted, fresh_key())
    note = await give_back(trade, invoice, amount="1.00")
    assert [line.net.amount for line in note.lines] == ["0.34", "0.33", "0.33"]
    assert (note.net.amount, note.tax.amount) == ("1.00", "0.19")
    with pytest.raises(InvalidInput) as refused:
        await give_back(trade, invoice, CreditNoteLineInput(line=1), amount="12.17")
    (error,) = refused.value.errors
    assert (error.pointer, error.detail) == (
        "/amount",
        "12.16 EUR net can be credited of these lines.",
    )
    with pytest.raises(InvalidInput) as refused:
        await give_back(trade, invoice, CreditNoteLineInput(line=1, amount="1"), amount="1")
    assert [error.pointer for error in refused.value.errors] == ["/lines/0"]


STEPS = {"JPY": Decimal(1), "EUR": Decimal("0.01"), "KWD": Decimal("0.001")}


@settings(max_examples=50)
@given(
    st.sampled_from(sorted(STEPS)),
    st.lists(st.integers(0, 9_000), min_size=1, max_size=6).filter(any),
    st.decimals(0, 1, places=4),
)
def test_shares_come_to_the_amount_and_none_is_more_than_is_left(
    currency: str, steps: list[int], part: Decimal
) -> None:
    step = STEPS[currency]
    nets = [number * step for number in steps]  # what cost nothing is given back with no share
    lines = [creditable(net, line=number) for number, net in enumerate(nets, start=1)]
    amount = max(1, int(sum(steps) * part)) * step
    credited = credited_lines(lines, [], currency, amount)
    assert sum(each.net for each in credited) == amount
    for each in credited:
        assert 0 < each.net <= nets[each.invoice_line - 1]
        assert each.net % step == 0
    assert {each.quantity for each in credited} == {None}  # no goods come back


@pytest.mark.parametrize(
    ("currency", "amount", "detail"),
    [
        ("JPY", "1.5", "Amounts in JPY have no decimals."),
        ("KWD", "1.2345", "Amounts in KWD have at most 3 decimals."),
        ("EUR", "0", "9.00 EUR net can be credited of these lines."),
        ("EUR", "9.01", "9.00 EUR net can be credited of these lines."),
    ],
)
def test_an_amount_that_cannot_be_shared_is_refused(
    currency: str, amount: str, detail: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        credited_lines([creditable(Decimal(9))], [], currency, Decimal(amount))
    assert [error.detail for error in refused.value.errors] == [detail]


def test_of_an_invoice_that_cost_nothing_no_amount_is_given_back() -> None:
    with pytest.raises(InvalidInput, match="does not fit"):
        credited_lines([creditable(Decimal(0))], [], "EUR", Decimal(1))


def creditable(
    net: Decimal, credited: Decimal = Decimal(0), returned: int = 0, line: int = 1
) -> Creditable:
    return Creditable(line, "A", "A", "C62", Decimal(7), net, NINETEEN, Decimal(returned), credited)


@settings(max_examples=50)
@given(st.decimals("0.01", 50, places=2), st.lists(st.integers(1, 3), max_size=7))
def test_all_credit_notes_together_give_back_the_net_and_the_tax_to_the_cent(
    net: Decimal, quantities: list[int]
) -> None:
    given_net, given_tax, returned = Decimal(0), Decimal(0), 0
    asked = tax_amount(Money(net, "EUR"), NINETEEN).amount

    def credit(wish: CreditWish) -> CreditedLine:
        nonlocal given_net, given_tax
        line = creditable(net, given_net, returned)
        (credited,) = credited_lines([line], [wish], "EUR")
        totals = credit_totals([credited], [line], "EUR")
        given_net += totals.net.amount
        given_tax += totals.tax.amount
        assert given_net <= net
        assert given_tax <= asked
        return credited

    for quantity in quantities:
        if returned + quantity < 7:
            credit(CreditWish(1, Decimal(quantity)))
            returned += quantity
    credit(CreditWish(1))
    assert (given_net, given_tax) == (net, asked)
