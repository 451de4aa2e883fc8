"""Orders of buyers and of suppliers: states, prices at placement, splitting, totals. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

from marketplace.kernel.canonical import content_hash, plain_decimal
from marketplace.kernel.errors import (
    Conflict,
    FieldError,
    InvalidInput,
    NotPermitted,
    WrongState,
    invalid,
)
from marketplace.kernel.money import Money, line_amount, total
from marketplace.kernel.states import StateMachine, transition
from marketplace.kernel.units import too_fine


class OrderState(Enum):
    """Where the buyer's purchase order stands."""

    SUBMITTED = "submitted"
    IN_APPROVAL = "in_approval"
    APPROVED = "approved"
    PLACED = "placed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


ORDER: Final = StateMachine[OrderState, str](
    "order",
    [
        transition("request_approval", OrderState.SUBMITTED, OrderState.IN_APPROVAL),
        transition("approve", OrderState.IN_APPROVAL, OrderState.APPROVED),
        transition("reject", OrderState.IN_APPROVAL, OrderState.REJECTED),
        transition("place", [OrderState.SUBMITTED, OrderState.APPROVED], OrderState.PLACED),
        transition(
            "cancel",
            [OrderState.IN_APPROVAL, OrderState.APPROVED, OrderState.PLACED],
            OrderState.CANCELLED,
        ),
    ],
)


class SupplierOrderState(Enum):
    """Where one supplier's part of an order stands; the parts do not wait for each other."""

    PLACED = "placed"
    CONFIRMED = "confirmed"
    PARTLY_DESPATCHED = "partly_despatched"
    DESPATCHED = "despatched"
    REFUSED = "refused"
    CANCELLED = "cancelled"


SUPPLIER_ORDER: Final = StateMachine[SupplierOrderState, str](
    "supplier order",
    [
        transition("confirm", SupplierOrderState.PLACED, SupplierOrderState.CONFIRMED),
        transition("refuse", SupplierOrderState.PLACED, SupplierOrderState.REFUSED),
        transition("cancel", SupplierOrderState.PLACED, SupplierOrderState.CANCELLED),
        transition(
            "despatch_part",
            [SupplierOrderState.CONFIRMED, SupplierOrderState.PARTLY_DESPATCHED],
            SupplierOrderState.PARTLY_DESPATCHED,
        ),
        transition(
            "despatch_rest",
            [SupplierOrderState.CONFIRMED, SupplierOrderState.PARTLY_DESPATCHED],
            SupplierOrderState.DESPATCHED,
        ),
    ],
)


OVER: Final = frozenset({SupplierOrderState.REFUSED, SupplierOrderState.CANCELLED})
"""Parts of an order that bind nobody any more."""


@dataclass(frozen=True, slots=True)
class Price:
    """`amount` per `basis` units, and what the whole line costs at it."""

    amount: Decimal
    basis: Decimal
    line_amount: Money


@dataclass(frozen=True, slots=True)
class HigherPrice:
    """A line whose price rose: per its basis, and by how much the line became dearer."""

    line: int
    before: Price
    now: Price

    @property
    def difference(self) -> Money:
        """Give what the line costs more."""
        return self.now.line_amount - self.before.line_amount


def is_higher(now: Price, before: Price) -> bool:
    """Tell whether a unit costs more than before; price bases may differ."""
    return now.amount * before.basis > before.amount * now.basis


def price_at_placement(line: int, before: Price | None, now: Price) -> Price | HigherPrice:
    """Decide the price of a line when its order is placed: a lower one is taken, a higher refused.

    `before` is what the buyer last saw or expects; None is no expectation.
    """
    if before is not None and is_higher(now, before):
        return HigherPrice(line, before, now)
    return now


def refuse_higher_prices(higher: Sequence[HigherPrice], currency: str) -> None:
    """Raise Conflict with the difference of each line whose price rose; nothing if none did."""
    if not higher:
        return
    errors = tuple(
        FieldError(
            f"/lines/{rise.line - 1}",
            "price_raised",
            f"Line {rise.line}: {_price_text(rise.now)} instead of {_price_text(rise.before)}; "
            f"the line costs {_money_text(rise.difference)} more.",
        )
        for rise in higher
    )
    difference = total([rise.difference for rise in higher], currency)
    detail = f"Prices rose: these lines together cost {_money_text(difference)} more."
    raise Conflict(detail, errors=errors)


def _price_text(price: Price) -> str:
    per = "" if price.basis == 1 else f" per {plain_decimal(price.basis)}"
    return f"{plain_decimal(price.amount)} {price.line_amount.currency}{per}"


def _money_text(money: Money) -> str:
    return f"{money.rounded().amount} {money.currency}"


def expected_price(
    quantity: Decimal, amount: Decimal | None, basis: Decimal, currency: str
) -> Price | None:
    """Make the price a buyer expects from what his document says; None when it says nothing."""
    if amount is None:
        return None
    return Price(amount, basis, line_amount(quantity, amount, basis, currency))


def price_instant(
    price_date: datetime | None, now: datetime, *, may_backdate: bool
) -> tuple[datetime, datetime]:
    """Give (the instant whose prices count, the instant of the order).

    Both are now, except in an import of history by somebody who may backdate: a buyer who could
    choose the date would choose the cheapest. Raises NotPermitted and, for a future date,
    InvalidInput.
    """
    if price_date is None:
        return now, now
    if not may_backdate:
        raise NotPermitted("The date of an order is not the buyer's to choose (orders:backdate).")
    if price_date > now:
        raise invalid("/ordered_at", "in_the_future", "An order of the past lies before now.")
    return price_date, price_date


@dataclass(frozen=True, slots=True)
class OrderedLine:
    """A line as ordered, with the price it was last resolved at and where that is written.

    `provenance` is what the price stems from, `price_detail` what explains its amount and
    `agreed_terms` are those of the contract that prices it, all in stored form;
    `supplier_order_id` and `supplier_line` are set once the order is placed.
    """

    line: int
    supplier_id: UUID
    sku: str
    description: str
    unit: str
    quantity: Decimal
    amount: Decimal
    basis: Decimal
    tier_minimum: Decimal
    line_amount: Decimal
    price_level: str
    source_kind: str
    source_id: UUID
    source_version: int
    provenance: list[dict[str, Any]]
    tax_category: str
    requested_on: date | None
    cost_centre: str
    supplier_order_id: UUID | None = None
    supplier_line: int | None = None
    price_detail: dict[str, Any] | None = None
    agreed_terms: dict[str, Any] | None = None

    def price(self, currency: str) -> Price:
        """Give the line's price."""
        return Price(self.amount, self.basis, Money(self.line_amount, currency))


def order_total(lines: Iterable[OrderedLine], currency: str) -> Money:
    """Add the lines of an order up; each is rounded already."""
    return total([Money(line.line_amount, currency) for line in lines], currency)


def order_content_hash(
    unit_id: UUID, currency: str, terms: Mapping[str, Any], lines: Iterable[OrderedLine]
) -> bytes:
    """Give the hash of what an approver approves: who gets what, where, at which prices."""
    ordered = sorted(lines, key=lambda line: line.line)
    return content_hash(
        {
            "unit": unit_id,
            "currency": currency,
            "terms": terms,
            "lines": [
                {
                    "line": line.line,
                    "supplier": line.supplier_id,
                    "sku": line.sku,
                    "unit": line.unit,
                    "quantity": line.quantity,
                    "amount": line.amount,
                    "basis": line.basis,
                    "cost_centre": line.cost_centre,
                    "requested_on": line.requested_on,
                }
                for line in ordered
            ],
        }
    )


class OfSupplier(Protocol):
    """Whatever knows its supplier."""

    @property
    def supplier_id(self) -> UUID: ...  # noqa: D102


L = TypeVar("L", bound=OfSupplier)


def split_by_supplier(lines: Iterable[L]) -> dict[UUID, list[L]]:
    """Group lines by supplier, suppliers in the order of their first line."""
    parts: dict[UUID, list[L]] = {}
    for line in lines:
        parts.setdefault(line.supplier_id, []).append(line)
    return parts


def check_cancellable(state: OrderState, parts: Iterable[SupplierOrderState]) -> OrderState:
    """Give the state after the buyer's cancellation.

    A placed order can be cancelled while every supplier part could be: what a supplier confirmed
    is a promise on both sides and is changed by agreement. Raises WrongState.
    """
    target = ORDER.after(state, "cancel")
    for part in parts:
        if part not in OVER and not SUPPLIER_ORDER.allows(part, "cancel"):
            detail = (
                f"A supplier's part of this order is {part.value}; it can be cancelled no more."
            )
            raise WrongState(detail, state=state.value)
    return target


@dataclass(frozen=True, slots=True)
class LineProgress:
    """What happened so far to one line of a supplier order; quantities in its `unit`."""

    line: int
    unit: str
    ordered: Decimal
    confirmed: Decimal | None = None
    despatched: Decimal = Decimal(0)

    @property
    def open(self) -> Decimal:
        """Give what is confirmed and not yet despatched."""
        return (self.confirmed or Decimal(0)) - self.despatched


@dataclass(frozen=True, slots=True)
class LineConfirmation:
    """A supplier's answer to one line: how much he will deliver (0 refuses it), and when."""

    line: int
    quantity: Decimal
    promised_on: date | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LineDespatch:
    """How much of one line leaves with a despatch."""

    line: int
    quantity: Decimal


def after_confirmation(
    state: SupplierOrderState,
    lines: Mapping[int, LineProgress],
    answers: Sequence[LineConfirmation],
) -> tuple[SupplierOrderState, dict[int, Decimal]]:
    """Give (the state, confirmed quantity by line) after the supplier's confirmation.

    Lines without an answer are confirmed as ordered. All lines at zero refuse the order. Raises
    WrongState when it is not placed, InvalidInput for unknown or repeated lines, for more than was
    ordered, for parts of whole things, and for less without a reason.
    """
    target = SUPPLIER_ORDER.after(state, "confirm")
    errors = [*_line_errors(lines, answers)]
    confirmed = {number: progress.ordered for number, progress in lines.items()}
    for index, answer in enumerate(answers):
        if answer.line not in lines:
            continue
        ordered, unit = lines[answer.line].ordered, lines[answer.line].unit
        where = f"/lines/{index}"
        if not 0 <= answer.quantity <= ordered:
            detail = f"Line {answer.line} is about 0 to {plain_decimal(ordered)}."
            errors.append(FieldError(f"{where}/quantity", "out_of_range", detail))
        elif (wrong := too_fine(answer.quantity, unit)) is not None:
            errors.append(FieldError(f"{where}/quantity", "too_many_decimals", wrong))
        elif answer.quantity < ordered and not answer.reason:
            detail = "Confirming less than was ordered needs a reason."
            errors.append(FieldError(f"{where}/reason", "required", detail))
        confirmed[answer.line] = answer.quantity
    if errors:
        raise InvalidInput("This confirmation does not fit the order.", errors=errors)
    if not any(confirmed.values()):
        return SUPPLIER_ORDER.after(state, "refuse"), confirmed
    return target, confirmed


def after_despatch(
    state: SupplierOrderState,
    lines: Mapping[int, LineProgress],
    despatched: Sequence[LineDespatch],
) -> tuple[SupplierOrderState, dict[int, Decimal]]:
    """Give (the state, quantity leaving now by line) after a despatch.

    No lines at all means everything that is open. Raises WrongState unless the order is confirmed,
    InvalidInput for unknown or repeated lines, for more than is open and for parts of whole things.
    """
    SUPPLIER_ORDER.after(state, "despatch_part")
    leaving = {number: line.open for number, line in lines.items() if line.open > 0}
    if despatched:
        errors = [*_line_errors(lines, despatched), *_excess(lines, despatched)]
        if errors:
            raise InvalidInput("This despatch does not fit the order.", errors=errors)
        leaving = {item.line: item.quantity for item in despatched}
    rest = any(line.open > leaving.get(number, 0) for number, line in lines.items())
    return SUPPLIER_ORDER.after(state, "despatch_part" if rest else "despatch_rest"), leaving


def _excess(
    lines: Mapping[int, LineProgress], despatched: Sequence[LineDespatch]
) -> Iterable[FieldError]:
    for index, item in enumerate(despatched):
        progress = lines.get(item.line)
        if progress is None:
            continue
        where = f"/lines/{index}/quantity"
        if not 0 < item.quantity <= progress.open:
            detail = f"Of line {item.line}, {plain_decimal(progress.open)} can leave."
            yield FieldError(where, "out_of_range", detail)
        elif (wrong := too_fine(item.quantity, progress.unit)) is not None:
            yield FieldError(where, "too_many_decimals", wrong)


def _line_errors(
    lines: Mapping[int, LineProgress], answers: Sequence[LineConfirmation | LineDespatch]
) -> Iterable[FieldError]:
    seen: set[int] = set()
    for index, answer in enumerate(answers):
        pointer = f"/lines/{index}/line"
        if answer.line not in lines:
            yield FieldError(pointer, "unknown_line", f"There is no line {answer.line}.")
        elif answer.line in seen:
            yield FieldError(pointer, "duplicate", f"Line {answer.line} stands here twice.")
        seen.add(answer.line)
