"""BMEcat 2005 documents as streams of checked rows. Pure: bytes in, rows and row errors out.

T_NEW_CATALOG and T_UPDATE_PRODUCTS hold products with their prices, T_UPDATE_PRICES prices alone. A
document gives the rows of one layout: of `offers` one a product, of `prices` one a price. A row's
line is the number of its PRODUCT in the document, from 1: documents may be one long line.

XML from outside: no entity is resolved, no DTD loaded, no network asked; a document that declares
an entity is refused, and so is one that nests deeper or holds larger parts than a catalog does.
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeVar, cast

import msgspec
from lxml import etree

from catalog.imports.bmecat_parts import (
    GRADUATED,
    ORDER,
    Document,
    children,
    first,
    name_of,
    offer,
    product_columns,
)
from catalog.imports.decimals import DecimalMark
from catalog.imports.rows import FileReader, Layout, PlainRows
from catalog.price_lists.rules import PriceRecord
from catalog.pricing.terms import VolumeMode
from marketplace.kernel.hardened_xml import (
    PIECE_BYTES,
    declares_entities,
    names_entities,
    pull_parser,
)
from marketplace.kernel.limits import BMECAT_ELEMENTS_MAX, XML_DEPTH_MAX

R = TypeVar("R")

TRANSACTIONS: Final = frozenset({"T_NEW_CATALOG", "T_UPDATE_PRODUCTS", "T_UPDATE_PRICES"})


class BmecatReader(FileReader[R]):
    """Reads one BMEcat document; `currency` is that of the list its prices are for."""

    def __init__(self, layout: Layout[R], *, errors_max: int, currency: str | None = None) -> None:
        super().__init__(layout, errors_max=errors_max, mark=DecimalMark("."))
        self._parser = pull_parser()
        self._currency = currency
        self._document = Document()
        self._head = b""
        self._depth = 0
        self._elements = 0
        self._root: Any = None
        self._product: Any = None
        self._transaction = ""
        self._number = 0

    def feed(self, chunk: bytes) -> list[R | PlainRows]:
        """Take the next bytes; give the rows that are complete."""
        rows: list[R | PlainRows] = []
        for start in range(0, len(chunk), PIECE_BYTES):
            if self.broken:
                break
            rows += self._take(chunk[start : start + PIECE_BYTES])
        return rows

    def finish(self) -> Iterator[R | PlainRows]:
        """Take the end of the document."""
        if self.broken:
            return
        try:
            self._parser.close()
        except etree.XMLSyntaxError as error:
            self._no_xml(error)
            return
        yield from self._events()
        if not self._transaction and not self.broken:
            names = ", ".join(sorted(TRANSACTIONS))
            self.fatal(0, "wrong_format", f"This is no BMEcat 2005 document with one of {names}.")

    def _take(self, piece: bytes) -> list[R]:
        if not self._depth and not self._number:
            # Before the root; what the parser makes of a DTD is looked at as well.
            self._head = (self._head + piece)[-2 * PIECE_BYTES :]
            if names_entities(self._head):
                self._refuse_entities()
                return []
        try:
            self._parser.feed(piece)
        except etree.XMLSyntaxError as error:
            self._no_xml(error)
            return []
        try:
            return list(self._events())
        except etree.XMLSyntaxError as error:
            self._no_xml(error)
            return []

    def _refuse_entities(self) -> None:
        detail = "The document declares entities; they are not resolved here. Write the text out."
        self.fatal(0, "entities_refused", detail)

    def _no_xml(self, error: etree.XMLSyntaxError) -> None:
        self.fatal(0, "broken", f"This is no XML that is read here: {error.msg}.")

    def _events(self) -> Iterator[R]:
        for event, element in self._parser.read_events():
            if self.broken:
                return
            if event == "start":
                self._open(element)
            else:
                yield from self._close(element)

    def _open(self, element: Any) -> None:
        self._depth += 1
        name = name_of(element)
        if self._depth == 1:
            self._root = element
            if declares_entities(element):
                self._refuse_entities()
            elif name != "BMECAT":
                self.fatal(0, "wrong_format", "This is XML, and no BMEcat document.")
            return
        if self._depth > XML_DEPTH_MAX:
            self.fatal(self._number, "too_deep", f"Elements nest at most {XML_DEPTH_MAX} deep.")
        if self._depth == 2 and name.startswith("T_"):  # noqa: PLR2004 - a child of the root
            self._transaction = name
            if name not in TRANSACTIONS:
                detail = f"Of BMEcat, {', '.join(sorted(TRANSACTIONS))} are read here, not {name}."
                self.fatal(0, "wrong_format", detail[:300])
        self._elements += 1
        if self._elements > BMECAT_ELEMENTS_MAX:
            self.fatal(self._number, "row_too_long", "One part has more elements than a catalog.")
        if self._product is None and name == "PRODUCT" and self._transaction:
            self._product = element
            self._number += 1

    def _close(self, element: Any) -> Iterator[R]:
        self._depth -= 1
        if self._product is None:
            self._document.learn(name_of(element), element)
        elif element is self._product:
            self._product = None
            self.row_count += 1
            yield from self._rows(element)
        else:
            return
        # What was read goes: memory holds one product, not the catalog.
        self._elements = 0
        parent = element.getparent()
        element.clear()
        if parent is not None:
            parent.remove(element)

    def _rows(self, product: Any) -> Iterator[R]:
        for place, texts in enumerate(self._sources(product)):
            fields = [
                (column, text)
                for name, text in texts.items()
                if (column := self.layout.find(name)) is not None
            ]
            row = self.make_row(self._number, fields)
            if isinstance(row, PriceRecord):
                yield cast("R", msgspec.structs.replace(row, tier=place))
            elif row is not None:
                yield row

    def _sources(self, product: Any) -> Iterator[dict[str, str]]:
        """Give the texts of a product's rows, by their columns."""
        match self.layout.name:
            case "prices":
                yield from self._prices(product)
            case "products" if product.get("mode") != "delete":
                yield product_columns(product, self._document)
            case "offers":
                yield offer(product, self._document)

    def _prices(self, product: Any) -> Iterator[dict[str, str]]:
        """Give the prices of a product; PRICE_QUANTITY is the basis, LOWER_BOUND the tier."""
        sku = first(product, "SUPPLIER_PID")
        common = {
            "sku": sku,
            "unit": first(product, f"{ORDER}ORDER_UNIT"),
            "basis": first(product, f"{ORDER}PRICE_QUANTITY"),
        }
        for details in children(product, "PRODUCT_PRICE_DETAILS"):
            valid = {
                date.get("type", ""): first(date, "DATE") for date in children(details, "DATETIME")
            }
            for price in self._net(details, sku):
                if not self._is_ours(price):
                    currency = self._currency_of(price)
                    detail = f"The list is in {self._currency}, this price is not."
                    self.refuse(
                        self._number, "amount", "wrong_currency", detail, f"{sku} {currency}"
                    )
                    continue
                amount = first(price, "PRICE_AMOUNT")
                unit = first(price, "PRICE_BASE/PRICE_UNIT")
                yield {
                    **common,
                    **({"unit": unit} if unit else {}),
                    "volume_mode": _GRADUATED.get(price.get("price_type", ""), ""),
                    "amount": _times(amount, first(price, "PRICE_FACTOR")),
                    "minimum_quantity": first(price, "LOWER_BOUND"),
                    "valid_from": first(details, "VALID_START_DATE")
                    or valid.get("valid_start_date", ""),
                    "valid_until": first(details, "VALID_END_DATE")
                    or valid.get("valid_end_date", ""),
                }

    def _net(self, details: Any, sku: str) -> list[Any]:
        """Give the prices that somebody pays, without tax: the customer's, else those of the list.

        Of several currencies that of the list here is meant. Beside them a catalog may tell what
        they are with tax, what shops should ask, and what haste costs. Where it tells nothing else,
        that is refused: lists here are net.
        """
        told = children(details, "PRODUCT_PRICE")
        prices = [price for price in told if self._is_ours(price)] or told
        by_type = {kind: [p for p in prices if p.get("price_type") == kind] for kind in _NET}
        others = [p for p in prices if p.get("price_type", "") not in {*_NET, *_NOT_PAID}]
        net = next(filter(None, by_type.values()), [])
        if prices and not (net or others):
            kinds = ", ".join(sorted({p.get("price_type") for p in prices}))
            detail = f"Prices are taken without tax: {' or '.join(_NET)}."
            self.refuse(self._number, "amount", "no_net_price", detail, f"{sku} {kinds}")
        return [*net, *others]

    def _is_ours(self, price: Any) -> bool:
        """Tell whether a price is in the list's currency; where it tells none it is."""
        return self._currency is None or self._currency_of(price) in {"", self._currency}

    def _currency_of(self, price: Any) -> str:
        return first(price, "PRICE_CURRENCY") or self._document.currency


_NET: Final = ("net_customer", "net_list")
_NOT_PAID: Final = frozenset({"gros_list", "nrp", "net_customer_exp"})
"""List price with tax, recommended retail price, express price. Others are the sender's own."""
_GRADUATED: Final = {GRADUATED: VolumeMode.GRADUATED.value}


def _times(amount: str, factor: str) -> str:
    """Apply a price factor exactly; what is no number is given on for the column to refuse."""
    if not factor or factor == "1":
        return amount
    try:
        return f"{Decimal(amount) * Decimal(factor):f}"
    except InvalidOperation:
        return f"{amount} × {factor}"
