"""Ceilings of a framework: in value and in quantity, of all members together and of one.

Every call-off counts against each ceiling it is under, in one statement with the framework's own;
where one would be passed nothing is counted at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import insert, select, text, tuple_

from marketplace.contracts.framework_rules import Ceiling, CeilingArticle
from marketplace.contracts.schemas import (
    FrameworkArticleView,
    FrameworkCeilingInput,
    FrameworkCeilingView,
)
from marketplace.contracts.tables import ContractPriceRow, FrameworkCeilingRow
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import Conflict
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class FrameworkDraw:
    """So much of an article called off under a framework, or given back: its value and quantity."""

    framework_id: UUID
    supplier_id: UUID
    sku: str
    unit: str
    amount: Decimal
    quantity: Decimal


def asked(data: Sequence[FrameworkCeilingInput]) -> list[Ceiling]:
    """Give what a buyer asks for as values."""
    return [
        Ceiling(
            title=each.title,
            most=Decimal(each.ceiling),
            unit=each.unit,
            contract_id=each.contract_id,
            articles=tuple(CeilingArticle(a.contract_id, a.sku) for a in each.articles),
        )
        for each in data
    ]


async def known_articles(
    tx: Transaction, ceilings: Sequence[Ceiling]
) -> frozenset[tuple[CeilingArticle, str]]:
    """Give which of the articles that ceilings name their contracts price, with their units."""
    wanted = [(article.contract_id, article.sku) for each in ceilings for article in each.articles]
    if not wanted:
        return frozenset()
    rows = await tx.all(
        select(ContractPriceRow.contract_id, ContractPriceRow.sku, ContractPriceRow.unit).where(
            tuple_(ContractPriceRow.contract_id, ContractPriceRow.sku).in_(wanted)
        )
    )
    return frozenset((CeilingArticle(row.contract_id, row.sku), row.unit) for row in rows)


async def store_ceilings(
    tx: Transaction, framework_id: UUID, ceilings: Sequence[Ceiling], suppliers: Mapping[UUID, UUID]
) -> None:
    """Write the ceilings of a new framework; `suppliers` are its members by contract."""
    if not ceilings:
        return
    await tx.execute(
        insert(FrameworkCeilingRow),
        [
            {
                "id": new_id(),
                "framework_id": framework_id,
                "buyer_id": None if tx.caller is None else tx.caller.organization_id,
                "position": position,
                "title": each.title,
                "supplier_id": None if each.contract_id is None else suppliers[each.contract_id],
                "unit": each.unit,
                "articles": [
                    {"supplier_id": str(suppliers[article.contract_id]), "sku": article.sku}
                    for article in each.articles
                ],
                "ceiling": each.most,
            }
            for position, each in enumerate(ceilings)
        ],
    )


async def ceilings_of(
    tx: Transaction, caller: Caller, framework_ids: Sequence[UUID]
) -> Mapping[UUID, list[FrameworkCeilingView]]:
    """Give the ceilings of frameworks: all to the buyer; a member those over what he delivers.

    What is drawn under one that is over all is what others deliver too: a member is not told.
    """
    found: dict[UUID, list[FrameworkCeilingView]] = {each: [] for each in framework_ids}
    rows = await tx.all(
        select(
            FrameworkCeilingRow.framework_id,
            FrameworkCeilingRow.buyer_id,
            FrameworkCeilingRow.title,
            FrameworkCeilingRow.supplier_id,
            FrameworkCeilingRow.unit,
            FrameworkCeilingRow.articles,
            FrameworkCeilingRow.ceiling,
            FrameworkCeilingRow.drawn,
        )
        .where(FrameworkCeilingRow.framework_id.in_(framework_ids))
        .order_by(FrameworkCeilingRow.framework_id, FrameworkCeilingRow.position)
    )
    for row in rows:
        buys = row.buyer_id == caller.organization_id
        articles = [
            FrameworkArticleView(UUID(article["supplier_id"]), article["sku"])
            for article in row.articles
            if buys or article["supplier_id"] == str(caller.organization_id)
        ]
        if row.articles and not articles:
            continue
        told = buys or row.supplier_id == caller.organization_id
        found[row.framework_id].append(
            FrameworkCeilingView(
                title=row.title,
                supplier_id=row.supplier_id,
                unit=row.unit,
                articles=articles,
                ceiling=plain_decimal(row.ceiling),
                drawn=plain_decimal(row.drawn) if told else None,
                left=plain_decimal(row.ceiling - row.drawn) if told else None,
            )
        )
    return found


async def draw_on_frameworks(tx: Transaction, draws: Iterable[FrameworkDraw]) -> None:
    """Count call-offs; raises Conflict where a ceiling would be passed. Orders at once wait."""
    if passed := await _change(tx, draws, 1):
        titles = ", ".join(repr(title) for title in passed)
        raise Conflict(f"The framework's ceiling would be passed ({titles}): order less, or agree.")


async def give_back_to_frameworks(tx: Transaction, draws: Iterable[FrameworkDraw]) -> None:
    """Put back what an order does not take after all."""
    await _change(tx, draws, -1)


# The frameworks' rows are held first and in order: whoever calls off under the same waits there.
_CHANGE: Final = text("""
with given as materialized (
    select * from unnest(cast(:frameworks as uuid[]), cast(:suppliers as uuid[]),
                         cast(:skus as text[]), cast(:units as text[]),
                         cast(:amounts as numeric[]), cast(:quantities as numeric[]))
        as listed (framework_id, supplier_id, sku, unit, amount, quantity)
), held as materialized (
    select f.id, f.title from frameworks f
    where f.id in (select framework_id from given) order by f.id for update
), by_value as (
    select framework_id, sum(amount) as amount from given group by framework_id
), counted as (
    update frameworks f set drawn = f.drawn + v.amount
    from by_value v join held h on h.id = v.framework_id
    where f.id = v.framework_id and f.drawn + v.amount >= 0
      and f.drawn + v.amount <= coalesce(f.ceiling, 999999999999999999)  -- what a column holds
    returning f.id
), wanted as (
    select c.id, c.title, sum(case when c.unit is null then g.amount else g.quantity end) as amount
    from held h
    join framework_ceilings c on c.framework_id = h.id
    join given g on g.framework_id = c.framework_id
      and (c.supplier_id is null or c.supplier_id = g.supplier_id)
      and (c.unit is null or c.unit = g.unit)
      and (c.articles = '[]' or c.articles @> jsonb_build_array(
               jsonb_build_object('supplier_id', g.supplier_id, 'sku', g.sku)))
    group by c.id, c.title
), bounded as (
    update framework_ceilings c set drawn = c.drawn + w.amount
    from wanted w
    where c.id = w.id and c.drawn + w.amount >= 0 and c.drawn + w.amount <= c.ceiling
    returning c.id
)
select title from held where id not in (select id from counted)
union all
select title from wanted where id not in (select id from bounded)
""")


async def _change(tx: Transaction, draws: Iterable[FrameworkDraw], sign: int) -> list[str]:
    """Count draws; give the titles of what would be passed."""
    real = [each for each in draws if each.amount or each.quantity]
    if not real:
        return []
    rows = await tx.all(
        _CHANGE,
        {
            "frameworks": [each.framework_id for each in real],
            "suppliers": [each.supplier_id for each in real],
            "skus": [each.sku for each in real],
            "units": [each.unit for each in real],
            "amounts": [sign * each.amount for each in real],
            "quantities": [sign * each.quantity for each in real],
        },
    )
    return [row.title for row in rows]
