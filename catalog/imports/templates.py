"""Templates: what a file of a kind looks like, for whoever makes the first one."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from catalog.exports.writers import Cell, ExportFormat, writer_of
from catalog.imports.layouts import OFFERS, PRICES, STOCK
from catalog.imports.products import PRODUCTS
from catalog.imports.rows import Layout
from catalog.imports.schemas import ImportKind
from marketplace.platform.caller import Caller

_LAYOUTS: Final[Mapping[ImportKind, Layout[Any]]] = {
    ImportKind.OFFERS: OFFERS,
    ImportKind.PRODUCTS: PRODUCTS,
    ImportKind.PRICES: PRICES,
    ImportKind.STOCK: STOCK,
}


def template(caller: Caller, kind: ImportKind, chosen: ExportFormat) -> bytes:
    """Give a file with the columns of a kind and one row that would be taken."""
    caller.require("imports:write")
    layout = _LAYOUTS[kind]
    writer = writer_of(chosen, layout.names)
    row: list[Cell] = [
        (Decimal(text) if column.numeric else text) if text else None
        for column, text in zip(layout.columns, layout.examples, strict=True)
    ]
    begun: bytes = writer.begin() + writer.rows([row])
    return begun + b"".join(writer.end())
