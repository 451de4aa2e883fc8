"""What an invoice adds up to (EN 16931-1, section 6.4, rules BR-CO-10 to BR-CO-17). Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final

from marketplace.kernel.errors import FieldError, InvalidInput, invalid
from marketplace.kernel.money import Money, rounded, total
from marketplace.kernel.units import places

TAX_RATE_PLACES_MAX: Final = 4
TAX_RATE_MAX: Final = Decimal(100)


class TaxCategory(Enum):
    """Duty or tax category, codes of UNCL 5305 as EN 16931 restricts them."""

    STANDARD = "S"
    ZERO_RATED = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    INTRA_COMMUNITY = "K"
    EXPORT = "G"
    OUT_OF_SCOPE = "O"


@dataclass(frozen=True, slots=True)
class Tax:
    """A category with its rate in percent; only the standard category has a rate above zero."""

    category: TaxCategory
    rate: Decimal

    @classmethod
    def checked(cls, category: str, rate: Decimal, pointer: str = "") -> "Tax":
        """Make a tax, or raise InvalidInput (BR-S-05, BR-Z-05, BR-E-05, BR-AE-05 and so on)."""
        try:
            known = TaxCategory(category)
        except ValueError:
            codes = ", ".join(item.value for item in TaxCategory)
            detail = f"{category!r} is no tax category; known are {codes}."
            raise invalid(f"{pointer}/tax_category", "unknown_tax_category", detail) from None
        if not 0 <= rate <= TAX_RATE_MAX or places(rate) > TAX_RATE_PLACES_MAX:
            detail = f"A rate is a percentage from 0 to 100, with {TAX_RATE_PLACES_MAX} decimals."
            raise invalid(f"{pointer}/tax_rate", "out_of_range", detail)
        if (known is TaxCategory.STANDARD) != (rate > 0):
            detail = "The standard category S has a rate above zero, and no other category has."
            raise invalid(f"{pointer}/tax_rate", "does_not_fit_category", detail)
        return cls(known, rate)


@dataclass(frozen=True, slots=True)
class TaxedAmount:
    """A net amount in the currency's digits, and the tax it bears.

    A line's net amount (BT-131), or a document's allowance (BT-92) or charge (BT-99).
    """

    net: Money
    tax: Tax


@dataclass(frozen=True, slots=True)
class TaxSubtotal:
    """One group of the tax breakdown (BG-23)."""

    tax: Tax
    taxable: Money
    amount: Money


@dataclass(frozen=True, slots=True)
class InvoiceTotals:
    """The document's totals (BG-22), each in the invoice's currency."""

    lines: Money
    allowances: Money
    charges: Money
    net: Money
    tax: Money
    gross: Money
    paid: Money
    due: Money
    breakdown: tuple[TaxSubtotal, ...]


def tax_amount(taxable: Money, tax: Tax) -> Money:
    """Give taxable amount times rate, rounded once per group (BR-CO-17)."""
    amount = taxable.times(tax.rate / Decimal(100)).amount
    return Money(rounded(amount, taxable.currency), taxable.currency)


def invoice_totals(
    currency: str,
    lines: Sequence[TaxedAmount],
    allowances: Sequence[TaxedAmount] = (),
    charges: Sequence[TaxedAmount] = (),
    paid: Money | None = None,
) -> InvoiceTotals:
    """Add an invoice up.

    Tax is counted per category and rate over the sum of the group, never per line: rounding each
    line gives another, wrong total. Raises InvalidInput for an amount in another currency or with
    more decimals than it has, and for an invoice without lines (BR-16).
    """
    _check_amounts(currency, lines, allowances, charges)
    paid = paid or Money.zero(currency)
    line_total = total([line.net for line in lines], currency)  # BR-CO-10
    allowance_total = total([item.net for item in allowances], currency)  # BR-CO-11
    charge_total = total([item.net for item in charges], currency)  # BR-CO-12
    net = line_total - allowance_total + charge_total  # BR-CO-13
    breakdown = tuple(_breakdown(currency, lines, allowances, charges))
    tax = total([group.amount for group in breakdown], currency)  # BR-CO-14
    gross = net + tax  # BR-CO-15
    return InvoiceTotals(
        lines=line_total,
        allowances=allowance_total,
        charges=charge_total,
        net=net,
        tax=tax,
        gross=gross,
        paid=paid,
        due=gross - paid,  # BR-CO-16
        breakdown=breakdown,
    )


def _breakdown(
    currency: str,
    lines: Iterable[TaxedAmount],
    allowances: Iterable[TaxedAmount],
    charges: Iterable[TaxedAmount],
) -> Iterator[TaxSubtotal]:
    taxable: dict[Tax, Money] = {}
    for sign, items in ((1, lines), (-1, allowances), (1, charges)):
        for item in items:
            so_far = taxable.get(item.tax, Money.zero(currency))
            taxable[item.tax] = so_far + item.net if sign > 0 else so_far - item.net
    for tax in sorted(taxable, key=lambda tax: (tax.category.value, tax.rate)):
        yield TaxSubtotal(tax, taxable[tax], tax_amount(taxable[tax], tax))


def _check_amounts(currency: str, *groups: Sequence[TaxedAmount]) -> None:
    if not groups[0]:
        raise invalid("/lines", "empty", "An invoice has at least one line.")
    for items in groups:
        for number, item in enumerate(items):
            if item.net != item.net.rounded() or item.net.currency != currency:
                detail = f"Amounts are in {currency} and its digits."
                error = FieldError(f"/lines/{number}", "not_rounded", detail)
                raise InvalidInput(detail, errors=(error,))


def invoice_number(series: str, number: int) -> str:
    """Write the `number`-th number of an issuer's series: ``INV-000042``.

    Numbers of one issuer and series have no gap: the counter is taken in the transaction that
    writes the invoice (Directive 2006/112/EC, article 226 (2): sequential, unique).
    """
    if number < 1:
        msg = "invoice numbers begin at 1"
        raise ValueError(msg)
    return f"{series}-{number:06d}"
