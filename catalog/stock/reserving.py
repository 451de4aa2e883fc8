"""Goods held for orders: implements the port `Stock` of orders.

Levels belong to their supplier and are moved by the orders of others: through the functions
`lock_stock`, `lock_reservations` and `write_reservations` of the database, which lock in one order
for everybody. What is taken from where is decided by `catalog.stock.rules`.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Text, Uuid, bindparam, text

from catalog.stock.rules import (
    COUNTABLE_BELOW,
    Held,
    Level,
    Shown,
    StockPolicy,
    allocate,
    available_to_promise,
    factor_to_offer,
    in_offer_unit,
    settle,
)
from catalog.stock.turning import Free, tell_given_back, tell_turns
from marketplace.kernel.canonical import plain_decimal
from marketplace.orders.ports import LineUse, Shortage
from marketplace.orders.rules import OrderedLine
from marketplace.platform.database import Transaction

_LOCK_STOCK: Final = text("select * from lock_stock(:supplier_ids, :skus)").bindparams(
    bindparam("supplier_ids", type_=ARRAY(Uuid)), bindparam("skus", type_=ARRAY(Text))
)
_LOCK_RESERVATIONS: Final = text("select * from lock_reservations(:order_ids)").bindparams(
    bindparam("order_ids", type_=ARRAY(Uuid))
)
_WRITE: Final = text("select write_reservations(cast(:rows as jsonb))")


class _Article(msgspec.Struct):
    """What lies of one offer, and what its supplier says of it."""

    offer_id: UUID
    unit: str
    content: Fraction
    content_unit: str
    shown: Shown
    policy: StockPolicy
    levels: list[Level]


class CatalogStock:
    """Implements `Stock`: two queries for an order, one where nothing of it is stock-managed."""

    async def reserve(
        self, tx: Transaction, buyer_id: UUID, lines: Sequence[OrderedLine]
    ) -> list[Shortage]:
        """Reserve for all lines, or give those that are refused."""
        keys = sorted({(line.supplier_id, line.sku) for line in lines})
        found = await tx.all(
            _LOCK_STOCK,
            {"supplier_ids": [key[0] for key in keys], "skus": [key[1] for key in keys]},
        )
        articles = _articles(found)
        before = {key: _free(article) for key, article in articles.items()}
        shortages: list[Shortage] = []
        rows: list[dict[str, object]] = []
        for line in lines:
            article = articles.get((line.supplier_id, line.sku))
            if article is None:
                continue
            taken = _take(article, line, buyer_id)
            if isinstance(taken, Shortage):
                shortages.append(taken)
            else:
                rows += taken
        if rows and not shortages:
            await _write(tx, rows)
            tell_turns(
                tx,
                [
                    Free(key[0], article.offer_id, key[1], before[key], _free(article))
                    for key, article in articles.items()
                ],
            )
        return shortages

    async def settle(
        self, tx: Transaction, supplier_order_ids: Sequence[UUID], lines: Mapping[int, LineUse]
    ) -> None:
        """Write what of the reservations of these orders is consumed, released and still held."""
        found = await tx.all(_LOCK_RESERVATIONS, {"order_ids": list(supplier_order_ids)})
        by_line: dict[tuple[UUID, int], list[Any]] = defaultdict(list)
        for row in found:
            by_line[row.supplier_order_id, row.line].append(row)
        changed: list[dict[str, object]] = []
        released: dict[UUID, Decimal] = defaultdict(Decimal)
        for (_, number), rows in by_line.items():
            use = lines.get(number, LineUse(Decimal(0), Decimal(0)))
            factor = Fraction(rows[0].factor_numerator, rows[0].factor_denominator)
            held = [Held(r.location_id, r.quantity, r.consumed, r.released) for r in rows]
            gone, still_open = (
                in_offer_unit(use.despatched, factor),
                in_offer_unit(use.open, factor),
            )
            for row, before, after in zip(rows, held, settle(held, gone, still_open), strict=True):
                if after != before:
                    released[row.offer_id] += after.released - before.released
                    moved = {"consumed": after.consumed, "released": after.released}
                    changed.append({**row._mapping, **moved})  # noqa: SLF001 - SQLAlchemy's name
        if changed:
            await _write(tx, changed)
            await tell_given_back(tx, released)


def _free(article: _Article) -> Decimal:
    """Give what is left to promise; less than nothing if more was promised than there is."""
    return sum((level.on_hand - level.reserved for level in article.levels), Decimal(0))


async def _write(tx: Transaction, rows: Sequence[Mapping[str, object]]) -> None:
    await tx.execute(_WRITE, {"rows": msgspec.json.encode(rows).decode()})


def _articles(rows: Sequence[Any]) -> dict[tuple[UUID, str], _Article]:
    articles: dict[tuple[UUID, str], _Article] = {}
    for row in rows:
        article = articles.get((row.supplier_id, row.sku))
        if article is None:
            article = articles[row.supplier_id, row.sku] = _Article(
                row.offer_id,
                row.unit,
                Fraction(row.content_numerator, row.content_denominator),
                row.content_unit,
                Shown(row.shown),
                StockPolicy(row.policy),
                [],
            )
        article.levels.append(Level(row.location_id, row.on_hand, row.reserved))
    return articles


def _take(
    article: _Article, line: OrderedLine, buyer_id: UUID
) -> list[dict[str, object]] | Shortage:
    """Take a line from an article's levels, which are then as it leaves them."""
    factor = factor_to_offer(line.unit, article.unit, article.content, article.content_unit)
    if factor is None:
        if article.policy is StockPolicy.BACKORDER:
            return []
        detail = f"Stock of {line.sku!r} is counted in {article.unit}; order it in that unit."
        return Shortage(line.line, "not_counted_in_unit", detail)
    wanted = in_offer_unit(line.quantity, factor)
    if any(level.reserved + wanted >= COUNTABLE_BELOW for level in article.levels):
        detail = f"More of {line.sku!r} would be on order than can be counted."
        return Shortage(line.line, "too_large", detail)
    decided = allocate(article.levels, wanted, article.policy)
    if decided is None:
        return Shortage(line.line, "out_of_stock", _too_little(article, line))
    taken, article.levels = decided
    return [
        {
            "supplier_order_id": line.supplier_order_id,
            "line": line.supplier_line,
            "location_id": part.location_id,
            "offer_id": article.offer_id,
            "supplier_id": line.supplier_id,
            "buyer_id": buyer_id,
            "quantity": part.quantity,
            "consumed": 0,
            "released": 0,
            "factor_numerator": factor.numerator,
            "factor_denominator": factor.denominator,
        }
        for part in taken
    ]


def _too_little(article: _Article, line: OrderedLine) -> str:
    """Say what is missing in no more detail than the supplier shows."""
    if article.shown is not Shown.EXACT:
        return f"There is not enough of {line.sku!r} in stock."
    free = plain_decimal(available_to_promise(article.levels))
    return f"Of {line.sku!r} there are {free} {article.unit} left for this line."
