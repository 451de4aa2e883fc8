"""Rows on their way in: written to a staging table in batches, then checked and applied as sets.

A batch of one (``PUT /v1/offers/by-sku``) and a file of a million rows take the same way, so each
rule is written once. Row security refuses `COPY` on such tables; `INSERT … SELECT … FROM unnest` is
nearly as fast. Staged rows live inside one transaction and are removed before it ends.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Table, TextClause, bindparam, text

from catalog.row_error import RowError
from marketplace.kernel.limits import ERRORS_FETCHED_MAX
from marketplace.platform.columns import Base
from marketplace.platform.database import Transaction


@cache
def _insert(table: Table, fixed: tuple[str, ...]) -> TextClause:
    """Make the statement that inserts arrays, one per column, beside columns of one value."""
    columns = [c for c in table.columns if c.computed is None]
    names = ", ".join(c.name for c in columns)
    varying = [c for c in columns if c.name not in fixed]
    arrays = ", ".join(f":{c.name}" for c in varying)
    given = ", ".join(f":{c.name}" if c.name in fixed else c.name for c in columns)
    statement = text(
        f"insert into {table.name} ({names}) select {given} "  # noqa: S608 - our names
        f"from unnest({arrays}) as given ({', '.join(c.name for c in varying)})"
    )
    return statement.bindparams(
        *(bindparam(c.name, type_=c.type if c.name in fixed else ARRAY(c.type)) for c in columns)
    )


async def stage(
    tx: Transaction,
    table: type[Base],
    fixed: Mapping[str, object],
    rows: Sequence[Sequence[object]],
) -> None:
    """Insert rows whose values are in the order of the table's columns, the fixed ones left out."""
    if not rows:
        return
    names = [c.name for c in table.__table__.columns if c.computed is None and c.name not in fixed]
    arrays = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    await tx.execute(_insert(table.__table__, tuple(fixed)).bindparams(**fixed, **arrays))


async def row_errors(tx: Transaction, statement: TextClause, **values: Any) -> list[RowError]:
    """Run a check whose columns are those of `RowError`."""
    rows = await tx.all(statement.bindparams(most=ERRORS_FETCHED_MAX, **values))
    return [RowError(**row._asdict()) for row in rows]


async def unstage(
    tx: Transaction, table: type[Base], batch_id: UUID, lines: Sequence[int] | None
) -> None:
    """Remove staged rows: those of these lines, or all of the batch."""
    if lines is not None and not lines:
        return
    condition = "" if lines is None else " and line = any (cast(:lines as bigint[]))"
    statement = text(
        f"delete from {table.__tablename__} where batch_id = :batch_id{condition}"  # noqa: S608
    )
    values: dict[str, object] = {"batch_id": batch_id}
    if lines is not None:
        values["lines"] = list(lines)
    await tx.execute(statement.bindparams(**values))
