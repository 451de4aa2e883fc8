"""Between the deadline and the close: what had arrived before it is written down.

A request counts by when all of it was here. In a rush its turn comes later, so the close waits a
while, the same for every procedure: how long tells nobody whether anybody bids.
"""

import asyncio
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select

from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from rfq.rules.procedure import Status
from rfq.tables import ProcedureRow


def settle_time(platform: Platform) -> timedelta:
    """Give how long the close waits."""
    return timedelta(seconds=platform.settings.settle_seconds)


async def wait_for_arrived(platform: Platform, procedure_id: UUID) -> None:
    """Return when what arrived before the deadline has had its time; at once at any other time."""
    settle = settle_time(platform)
    if not settle:
        return
    async with system_transaction(platform, Role.ENGINE) as tx:
        row = await tx.maybe(
            select(ProcedureRow.deadline_at, func.clock().label("at")).where(
                ProcedureRow.id == procedure_id, ProcedureRow.status == Status.PUBLISHED.value
            )
        )
    if row is not None and row.deadline_at <= row.at < row.deadline_at + settle:
        await asyncio.sleep((row.deadline_at + settle - row.at).total_seconds())
