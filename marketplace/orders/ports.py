"""What orders need from packages above them. A Feature supplies the implementation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from marketplace.contracts.rules import Provenance
from marketplace.contracts.terms import LineTerms
from marketplace.kernel.money import Money
from marketplace.orders.rules import OrderedLine
from marketplace.orders.schemas import PriceDetailView
from marketplace.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class PriceRequest:
    """One line whose price is asked: so much of a supplier's SKU, in a unit and a currency."""

    supplier_id: UUID
    sku: str
    quantity: Decimal
    unit: str
    currency: str


@dataclass(frozen=True, slots=True)
class PriceSource:
    """Where a price is written: a list, contract or quote, and its version.

    `kind` is ``contract``, ``price_list`` or ``quote``.
    """

    kind: str
    id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class PriceQuote:
    """The price of one line.

    `amount` is per `basis` units and unrounded; `tier_minimum` is where the tier it was found in
    begins; `level` is the level that won (``quote``, ``contract``, ``organization``, ``segment``,
    ``base``); `line_amount` is quantity × amount ÷ basis, rounded once. `provenance` is what the
    source carries, earliest first, the source's own step included. `tax_category` is the offer's,
    a code of UNCL 5305 (``S`` standard rate); `terms` are those of the contract that prices the
    line, and a tax category among them goes before the offer's.

    `detail` is there where amount and basis do not explain the line's amount alone; if it was
    priced as a whole, `amount` is the whole line's and `basis` its quantity.
    """

    amount: Decimal
    basis: Decimal
    tier_minimum: Decimal
    level: str
    source: PriceSource
    line_amount: Money
    description: str
    provenance: tuple[Provenance, ...] = ()
    tax_category: str = "S"
    detail: PriceDetailView | None = None
    terms: LineTerms | None = None


@dataclass(frozen=True, slots=True)
class NoPriceQuote:
    """Why a line has no price.

    `field` is the line's field to blame (``sku``, ``quantity``, ``unit`` or ``currency``); `code`
    says why in one word of the price resolution (``unknown_sku``, ``below_minimum_quantity``,
    ``not_a_multiple``, ``above_maximum_quantity``, ``wrong_unit``, ``wrong_currency``,
    ``no_price``), `detail` in a sentence for the buyer.
    """

    code: str
    field: str
    detail: str


class Prices(Protocol):
    """Answers what lines cost a buyer at an instant."""

    async def quote(
        self,
        tx: Transaction,
        buyer_path: tuple[UUID, ...],
        lines: Sequence[PriceRequest],
        at: datetime,
    ) -> list[PriceQuote | NoPriceQuote]:
        """Answer each line, in order, with a number of queries that does not grow with them.

        `buyer_path` is the buying unit first, then its ancestors up to the company. What the buyer
        may not see answers as an SKU that does not exist. Joins the open transaction.
        """
        ...


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why a line of an order cannot be delivered; `line` is its number in the buyer's order."""

    line: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class LineUse:
    """How far a line of a supplier order is: despatched so far, and still to be despatched."""

    despatched: Decimal
    open: Decimal


class Stock(Protocol):
    """Holds goods for placed orders, where their suppliers keep stock.

    Its locks are the last a transaction takes, after those of orders and supplier orders.
    """

    async def reserve(
        self, tx: Transaction, buyer_id: UUID, lines: Sequence[OrderedLine]
    ) -> list[Shortage]:
        """Reserve for the lines of an order that is being placed, each in its supplier order.

        Where a supplier refuses orders for more than he has, gives the lines it is so for: then
        nothing is reserved and the order must not be placed. Joins the open transaction.
        """
        ...

    async def settle(
        self, tx: Transaction, supplier_order_ids: Sequence[UUID], lines: Mapping[int, LineUse]
    ) -> None:
        """Consume what has left, keep what is to leave, and release all else.

        `lines` are by their numbers in the supplier order; of those not named nothing is to leave
        any more. The same twice changes nothing. Joins the open transaction.
        """
        ...
