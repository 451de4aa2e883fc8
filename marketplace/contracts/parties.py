"""Pages of rows that two companies share."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, union_all
from sqlalchemy.orm import InstrumentedAttribute

from marketplace.platform.http.paging import PageRequest

Column = InstrumentedAttribute[UUID]


def newest_of_party(
    row_id: Column, buyer_id: Column, supplier_id: Column, organization_id: UUID, asked: PageRequest
) -> Select[Any]:
    """Select the ids of a page of the rows in which a company is buyer or supplier, newest first.

    Each side is read from its own index and stops at a page's length. One condition over both would
    read either all rows of the company or all of the table.
    """
    after = asked.key(UUID)
    sides = []
    for side in (buyer_id, supplier_id):
        newest = select(row_id).where(side == organization_id)
        if after is not None:
            newest = newest.where(row_id < after)
        sides.append(newest.order_by(row_id.desc()).limit(asked.fetch))
    return select(union_all(*(side.subquery().select() for side in sides)).subquery().c.id)
