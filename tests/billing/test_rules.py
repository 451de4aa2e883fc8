from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.billing.rules import (
    Invoiceable,
    InvoiceTerms,
    LineWish,
    Tax,
    TaxedAmount,
    invoice_lines,
    invoice_number,
    invoice_totals,
)
from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.limits import LINE_AMOUNT_MAX, LINES_MAX
from marketplace.kernel.money import Money, rounded, total
from marketplace.kernel.taxes import TaxCategory

NINETEEN = Tax(TaxCategory.STANDARD, Decimal(19))
SEVEN = Tax(TaxCategory.STANDARD, Decimal(7))
REVERSE = Tax(TaxCategory.REVERSE_CHARGE, Decimal(0))


def eur(amount: str | Decimal) -> Money:
    return Money(Decimal(amount), "EUR")


def taxed(amount: str | Decimal, tax: Tax = NINETEEN) -> TaxedAmount:
    return TaxedAmount(eur(amount), tax)


def test_an_invoice_with_two_rates_an_allowance_and_freight_adds_up() -> None:
    totals = invoice_totals(
        "EUR",
        lines=[taxed("100.00"), taxed("50.50"), taxed("20.00", SEVEN)],
        allowances=[taxed("10.00")],
        charges=[taxed("5.90")],
        paid=eur("50.00"),
    )
    assert totals.lines == eur("170.50")
    assert totals.net == eur("166.40")
    assert [(group.taxable, group.amount) for group in totals.breakdown] == [
        (eur("20.00"), eur("1.40")),
        (eur("146.40"), eur("27.82")),
    ]
    assert totals.tax == eur("29.22")
    assert totals.gross == eur("195.62")
    assert totals.due == eur("145.62")


def test_tax_is_rounded_once_per_rate_and_not_per_line() -> None:
    totals = invoice_totals("EUR", [taxed("0.02")] * 3)
    per_line = 3 * rounded(Decimal("0.02") * Decimal("0.19"), "EUR")
    assert per_line == 0
    assert totals.tax == eur("0.01")


def test_half_a_cent_of_tax_is_rounded_up() -> None:
    ten = Tax(TaxCategory.STANDARD, Decimal(10))
    assert invoice_totals("EUR", [taxed("0.05", ten)]).tax == eur("0.01")


def test_reverse_charge_bears_no_tax_and_stands_in_the_breakdown() -> None:
    totals = invoice_totals("EUR", [taxed("100.00", REVERSE)])
    assert totals.gross == eur("100.00")
    (group,) = totals.breakdown
    assert (group.tax, group.taxable, group.amount) == (REVERSE, eur("100.00"), eur("0.00"))


def test_yen_has_no_decimals() -> None:
    ten = Tax(TaxCategory.STANDARD, Decimal(10))
    totals = invoice_totals("JPY", [TaxedAmount(Money(Decimal(1005), "JPY"), ten)])
    assert totals.tax == Money(Decimal(101), "JPY")


def test_the_largest_order_can_be_invoiced_with_the_highest_tax() -> None:
    dearest = Decimal(LINE_AMOUNT_MAX) - Decimal("0.01")
    totals = invoice_totals("EUR", [taxed(dearest, Tax(TaxCategory.STANDARD, Decimal(100)))])
    assert LINES_MAX * totals.gross.amount < 10**18  # what a column holds


def test_an_invoice_has_lines() -> None:
    with pytest.raises(InvalidInput):
        invoice_totals("EUR", [])


@pytest.mark.parametrize("net", [eur("1.005"), Money(Decimal(1), "USD")])
def test_amounts_are_in_the_invoices_currency_and_its_digits(net: Money) -> None:
    with pytest.raises(InvalidInput) as caught:
        invoice_totals("EUR", [taxed("1.00"), TaxedAmount(net, NINETEEN)])
    assert caught.value.errors[0].pointer == "/lines/1"


@pytest.mark.parametrize(
    ("category", "rate", "pointer"),
    [
        ("X", "0", "/lines/0/tax_category"),
        ("S", "0", "/lines/0/tax_rate"),
        ("AE", "19", "/lines/0/tax_rate"),
        ("S", "-1", "/lines/0/tax_rate"),
        ("S", "100.01", "/lines/0/tax_rate"),
        ("S", "7.12345", "/lines/0/tax_rate"),
    ],
)
def test_a_rate_that_does_not_fit_its_category_is_pointed_at(
    category: str, rate: str, pointer: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        Tax.checked(category, Decimal(rate), "/lines/0")
    assert caught.value.errors[0].pointer == pointer


def test_a_rate_that_fits_makes_a_tax() -> None:
    assert Tax.checked("S", Decimal("19.00")) == NINETEEN
    assert Tax.checked("AE", Decimal(0)) == REVERSE


amounts = st.tuples(
    st.decimals(0, 10**7, places=2), st.sampled_from([NINETEEN, SEVEN, REVERSE])
).map(lambda pair: taxed(*pair))


@given(
    st.lists(amounts, min_size=1, max_size=30),
    st.lists(amounts, max_size=3),
    st.lists(amounts, max_size=3),
)
def test_the_totals_obey_the_standards_sums(
    lines: list[TaxedAmount], allowances: list[TaxedAmount], charges: list[TaxedAmount]
) -> None:
    totals = invoice_totals("EUR", lines, allowances, charges)
    groups = totals.breakdown
    assert totals.lines == total([line.net for line in lines], "EUR")  # BR-CO-10
    assert totals.net == totals.lines - totals.allowances + totals.charges  # BR-CO-13
    assert totals.tax == total([group.amount for group in groups], "EUR")  # BR-CO-14
    assert totals.gross == totals.net + totals.tax  # BR-CO-15
    assert totals.net == total([group.taxable for group in groups], "EUR")
    assert len({group.tax for group in groups}) == len(groups)
    for group in groups:  # BR-CO-17
        exact = group.taxable.amount * group.tax.rate / 100
        assert abs(group.amount.amount - exact) <= Decimal("0.005")


@given(st.permutations([taxed("0.03"), taxed("9.99", SEVEN), taxed("1.11"), taxed("5", REVERSE)]))
def test_the_order_of_lines_changes_nothing(lines: list[TaxedAmount]) -> None:
    assert invoice_totals("EUR", lines) == invoice_totals("EUR", sorted(lines, key=str))


def test_numbers_sort_as_they_count() -> None:
    assert invoice_number("INV", 42) == "INV-000042"
    with pytest.raises(ValueError, match="begin at 1"):
        invoice_number("INV", 0)


def test_no_part_of_a_whole_thing_is_invoiced() -> None:
    one, five = Decimal(1), Decimal(5)
    bolts = Invoiceable(1, "BOLT", "Bolt", "C62", one, one, "S", five, Decimal(0))
    with pytest.raises(InvalidInput) as caught:
        invoice_lines([bolts], [LineWish(1, Decimal("0.5"))], InvoiceTerms("EUR", Decimal(19)))
    assert caught.value.errors[0].code == "too_many_decimals"
