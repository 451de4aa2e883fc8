"""What an invoice adds up to (EN 16931-1, section 6.4, rules BR-CO-10 to BR-CO-17). Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, invalid
from marketplace.kernel.money import Money, line_amount, rounded, total
from marketplace.kernel.taxes import TaxCategory
from marketplace.kernel.units import places, too_fine

TAX_RATE_PLACES_MAX: Final = 4
TAX_RATE_MAX: Final = Decimal(100)


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


@dataclass(frozen=True, slots=True)
class Invoiceable:
    """A line of a supplier order: what left of it and what earlier invoices cover.

    Where it was priced as a whole (by slices, or in parts), `whole` is its amount.
    """

    line: int
    sku: str
    description: str
    unit: str
    amount: Decimal
    basis: Decimal
    tax_category: str
    despatched: Decimal
    invoiced: Decimal
    whole: Decimal | None = None

    @property
    def open(self) -> Decimal:
        """Give what left and no invoice covers yet."""
        return self.despatched - self.invoiced

    def net(self, quantity: Decimal, currency: str) -> Decimal:
        """Give what the next `quantity` costs.

        Of a line priced as a whole it is the share up to here less the share invoiced before, so
        that all invoices together come to the line's amount, to the cent.
        """
        if self.whole is None:
            return line_amount(quantity, self.amount, self.basis, currency).amount
        upto = line_amount(self.invoiced + quantity, self.whole, self.basis, currency)
        return (upto - line_amount(self.invoiced, self.whole, self.basis, currency)).amount


@dataclass(frozen=True, slots=True)
class LineWish:
    """What the issuer says about one line; None where the default counts."""

    line: int
    quantity: Decimal | None = None
    tax_category: str | None = None
    tax_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class InvoiceTerms:
    """What holds for all lines: the currency, and the rate of category S in percent."""

    currency: str
    standard_rate: Decimal


@dataclass(frozen=True, slots=True)
class InvoicedLine:
    """A line of an invoice; `supplier_line` is the line of the supplier order it is for."""

    line: int
    supplier_line: int
    sku: str
    description: str
    unit: str
    quantity: Decimal
    amount: Decimal
    basis: Decimal
    net: Decimal
    tax_category: str
    tax_rate: Decimal


def invoice_lines(
    open_lines: Sequence[Invoiceable], wishes: Sequence[LineWish], terms: InvoiceTerms
) -> list[InvoicedLine]:
    """Decide the lines of an invoice: those wished for, or without wishes all that is open.

    Raises Conflict when nothing is open, InvalidInput for lines that are unknown or stand there
    twice, for more than is open, for parts of whole things and for a rate that does not fit its
    category.
    """
    by_line = {line.line: line for line in open_lines if line.open > 0}
    if not by_line:
        raise Conflict("Nothing of this order has left that is not invoiced already.")
    wishes = wishes or [LineWish(line) for line in by_line]
    errors = list(_wish_errors(by_line, wishes))
    if errors:
        raise InvalidInput("This invoice does not fit the order.", errors=errors)
    return [
        _invoiced(number, by_line[wish.line], wish, terms)
        for number, wish in enumerate(wishes, start=1)
    ]


def _wish_errors(
    by_line: Mapping[int, Invoiceable], wishes: Sequence[LineWish]
) -> Iterator[FieldError]:
    seen: set[int] = set()
    for index, wish in enumerate(wishes):
        where = f"/lines/{index}"
        line = by_line.get(wish.line)
        if line is None:
            detail = f"Of line {wish.line} nothing is open."
            yield FieldError(f"{where}/line", "nothing_open", detail)
        elif wish.line in seen:
            yield FieldError(f"{where}/line", "duplicate", f"Line {wish.line} stands here twice.")
        elif wish.quantity is not None and not 0 < wish.quantity <= line.open:
            detail = f"Of line {wish.line}, {plain_decimal(line.open)} can be invoiced."
            yield FieldError(f"{where}/quantity", "out_of_range", detail)
        elif wish.quantity is not None and (wrong := too_fine(wish.quantity, line.unit)):
            yield FieldError(f"{where}/quantity", "too_many_decimals", wrong)
        seen.add(wish.line)


def _invoiced(number: int, line: Invoiceable, wish: LineWish, terms: InvoiceTerms) -> InvoicedLine:
    category = wish.tax_category or line.tax_category
    standard = terms.standard_rate if category == TaxCategory.STANDARD.value else Decimal(0)
    rate = standard if wish.tax_rate is None else wish.tax_rate
    tax = Tax.checked(category, rate, f"/lines/{number - 1}")
    quantity = wish.quantity or line.open
    return InvoicedLine(
        line=number,
        supplier_line=line.line,
        sku=line.sku,
        description=line.description,
        unit=line.unit,
        quantity=quantity,
        amount=line.amount,
        basis=line.basis,
        net=line.net(quantity, terms.currency),
        tax_category=tax.category.value,
        tax_rate=tax.rate,
    )


def totals_of(lines: Sequence[InvoicedLine], currency: str) -> InvoiceTotals:
    """Add the lines of an invoice up."""
    return invoice_totals(
        currency,
        [
            TaxedAmount(
                Money(line.net, currency), Tax(TaxCategory(line.tax_category), line.tax_rate)
            )
            for line in lines
        ],
    )
