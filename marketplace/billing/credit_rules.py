"""What of an invoice can be given back, and the tax that goes back with it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from marketplace.billing.rules import InvoiceTotals, Tax, TaxSubtotal, tax_amount
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput
from marketplace.kernel.money import (
    Money,
    allocate,
    currency_digits,
    line_amount,
    rounded,
    total,
)
from marketplace.kernel.units import decimals, places, too_fine


@dataclass(frozen=True, slots=True)
class Creditable:
    """A line of an invoice, and what earlier credit notes gave back of it."""

    line: int
    sku: str
    description: str
    unit: str
    quantity: Decimal
    net: Decimal
    tax: Tax
    returned: Decimal
    credited: Decimal

    @property
    def open_quantity(self) -> Decimal:
        """Give the goods no credit note is for yet."""
        return self.quantity - self.returned

    @property
    def open_net(self) -> Decimal:
        """Give the net amount that is not given back yet."""
        return self.net - self.credited

    def share(self, quantity: Decimal, currency: str) -> Decimal:
        """Give what the next `quantity` was invoiced at; all shares come to the line's amount."""
        upto = line_amount(self.returned + quantity, self.net, self.quantity, currency)
        return (upto - line_amount(self.returned, self.net, self.quantity, currency)).amount


@dataclass(frozen=True, slots=True)
class CreditWish:
    """What is given back of a line of the invoice.

    A `quantity` is goods, at what they were invoiced unless `amount` says what for them; an
    `amount` alone corrects the price; neither is all that is left of the line.
    """

    line: int
    quantity: Decimal | None = None
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CreditedLine:
    """A line of a credit note; without `quantity` it corrects a price, and no goods come back."""

    line: int
    invoice_line: int
    sku: str
    description: str
    unit: str
    quantity: Decimal | None
    net: Decimal
    tax_category: str
    tax_rate: Decimal


def credited_lines(
    invoiced: Sequence[Creditable],
    wishes: Sequence[CreditWish],
    currency: str,
    amount: Decimal | None = None,
) -> list[CreditedLine]:
    """Decide the lines of a credit note: those wished for, or without wishes all that is left.

    An `amount` for the whole document is shared among the lines wished for, or among all. Raises
    Conflict where nothing is left, InvalidInput for lines that are unknown or stand there twice,
    and for more than is left of one or of all.
    """
    by_line = {x.line: x for x in invoiced if x.open_net > 0 or x.open_quantity > 0}
    if not by_line:
        raise Conflict("All of this invoice is credited already.")
    wishes = wishes or [CreditWish(line) for line in by_line]
    errors = list(_errors(by_line, wishes, currency))
    if amount is not None and not errors:
        wishes, errors = _shared(by_line, wishes, currency, amount)
    if errors:
        raise InvalidInput("This credit note does not fit the invoice.", errors=errors)
    return [
        _credited(number, by_line[wish.line], wish, currency)
        for number, wish in enumerate(wishes, start=1)
    ]


def _errors(
    by_line: Mapping[int, Creditable], wishes: Sequence[CreditWish], currency: str
) -> Iterator[FieldError]:
    seen: set[int] = set()
    for index, wish in enumerate(wishes):
        where = f"/lines/{index}"
        line = by_line.get(wish.line)
        if line is None:
            yield FieldError(f"{where}/line", "nothing_left", f"Of line {wish.line} nothing is.")
        elif wish.line in seen:
            yield FieldError(f"{where}/line", "duplicate", f"Line {wish.line} stands here twice.")
        else:
            yield from _line_errors(line, wish, currency, where)
        seen.add(wish.line)


def _shared(
    by_line: Mapping[int, Creditable], wishes: Sequence[CreditWish], currency: str, amount: Decimal
) -> tuple[list[CreditWish], list[FieldError]]:
    """Share an amount among lines by what is left of each, or say why it cannot be.

    By the largest remainder, so that the parts come to the amount; a part is at most what is left.
    """
    errors = [
        FieldError(f"/lines/{index}", "contradiction", "Give amounts by line, or one for all.")
        for index, wish in enumerate(wishes)
        if wish.quantity is not None or wish.amount is not None
    ]
    left = [by_line[wish.line].open_net for wish in wishes]
    open_net = sum(left, Decimal(0))
    if not 0 < amount <= open_net:
        detail = f"{rounded(open_net, currency)} {currency} net can be credited of these lines."
        errors.append(FieldError("/amount", "out_of_range", detail))
    elif places(amount) > currency_digits(currency):
        errors.append(_too_fine("/amount", currency))
    if errors:
        return [], errors
    parts = allocate(Money(rounded(amount, currency), currency), left)
    return [
        CreditWish(wish.line, amount=part.amount)
        for wish, part in zip(wishes, parts, strict=True)
        if part.amount
    ], []


def _line_errors(
    line: Creditable, wish: CreditWish, currency: str, where: str
) -> Iterator[FieldError]:
    quantity, amount = wish.quantity, wish.amount
    left = f"Of line {line.line}, {rounded(line.open_net, currency)} {currency} net"
    if quantity is not None and not 0 < quantity <= line.open_quantity:
        detail = f"Of line {line.line}, {plain_decimal(line.open_quantity)} can be credited."
        yield FieldError(f"{where}/quantity", "out_of_range", detail)
    elif quantity is not None and (wrong := too_fine(quantity, line.unit)):
        yield FieldError(f"{where}/quantity", "too_many_decimals", wrong)
    elif amount is None and quantity is not None and line.share(quantity, currency) > line.open_net:
        detail = f"{left} are left, less than these were invoiced at; say for what amount."
        yield FieldError(f"{where}/quantity", "out_of_range", detail)
    if amount is None:
        return
    if not 0 < amount <= line.open_net:
        yield FieldError(f"{where}/amount", "out_of_range", f"{left} can be credited.")
    elif places(amount) > currency_digits(currency):
        yield _too_fine(f"{where}/amount", currency)


def _too_fine(pointer: str, currency: str) -> FieldError:
    detail = f"Amounts in {currency} have {decimals(currency_digits(currency))}."
    return FieldError(pointer, "too_many_decimals", detail)


def _credited(number: int, line: Creditable, wish: CreditWish, currency: str) -> CreditedLine:
    quantity, net = wish.quantity, wish.amount
    if quantity is None and net is None:
        quantity, net = line.open_quantity or None, line.open_net
    elif net is None and quantity is not None:
        net = line.share(quantity, currency)
    return CreditedLine(
        line=number,
        invoice_line=line.line,
        sku=line.sku,
        description=line.description,
        unit=line.unit,
        quantity=quantity,
        net=net or Decimal(0),
        tax_category=line.tax.category.value,
        tax_rate=line.tax.rate,
    )


def credit_totals(
    lines: Sequence[CreditedLine], invoiced: Sequence[Creditable], currency: str
) -> InvoiceTotals:
    """Add the lines of a credit note up.

    The tax of a group is that of all that is credited of it up to here less that of before: all
    credit notes of an invoice together never give back more tax than it asked, nor less at the end.
    """
    taxes = {line.line: line.tax for line in invoiced}
    before = dict.fromkeys(taxes.values(), Money.zero(currency))
    for line in invoiced:
        before[line.tax] += Money(line.credited, currency)
    now: dict[Tax, Money] = {}
    for credited in lines:
        tax = taxes[credited.invoice_line]
        now[tax] = now.get(tax, Money.zero(currency)) + Money(credited.net, currency)
    breakdown = tuple(
        TaxSubtotal(
            tax, now[tax], tax_amount(before[tax] + now[tax], tax) - tax_amount(before[tax], tax)
        )
        for tax in sorted(now, key=lambda tax: (tax.category.value, tax.rate))
    )
    net = total(list(now.values()), currency)
    tax_total = total([group.amount for group in breakdown], currency)
    none = Money.zero(currency)
    return InvoiceTotals(
        lines=net,
        allowances=none,
        charges=none,
        net=net,
        tax=tax_total,
        gross=net + tax_total,
        paid=none,
        due=net + tax_total,
        breakdown=breakdown,
    )
