"""The mark of the catalog: how many changes were committed to any table that it reads.

Triggers count them (`catalog_changes`). Who reads the same mark twice has read the same catalog.
"""

from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import func, select

from catalog.search.tables import CatalogChangeRow
from marketplace.platform.core import Platform
from marketplace.platform.database import Compiled


class Mark(msgspec.Struct, frozen=True):
    """How many changes there were at an instant of the database's clock."""

    changes: int
    at: datetime


CHANGES: Final = func.coalesce(func.sum(CatalogChangeRow.changes), 0)
"""How many changes were committed to what the catalog shows."""
_MARK: Final = Compiled(select(CHANGES, func.clock()))


async def read_mark(platform: Platform) -> Mark:
    """Read the present mark; it tells nothing of anybody and needs no tenant."""
    ((changes, at),) = await platform.database.hot.fetch(_MARK.sql, _MARK.arguments())
    return Mark(int(changes), at)
