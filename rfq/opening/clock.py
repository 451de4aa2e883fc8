"""The database's clock, as the key store is told it."""

from sqlalchemy import func, select

from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.tables import ClockRow
from rfq.key_store import DatabaseClock


async def database_clock(platform: Platform) -> DatabaseClock:
    """Read the one clock, and how far it was moved."""
    async with system_transaction(platform, Role.ENGINE) as tx:
        row = await tx.one(select(func.clock().label("at"), ClockRow.ahead))
    return DatabaseClock(row.at, row.ahead)
