"""Forgets what is kept for a time only; the worker calls it now and then, a batch at a time."""

from datetime import timedelta

from sqlalchemy import delete, select, tuple_

from marketplace.kernel.limits import FORGET_BATCH_MAX, IDEMPOTENCY_DAYS
from marketplace.platform.database import HasDatabase, Role, system_transaction
from marketplace.platform.tables import IdempotencyRow


async def forget_answers(platform: HasDatabase) -> int:
    """Delete answers that are no longer replayed; give how many."""
    key = tuple_(IdempotencyRow.organization_id, IdempotencyRow.operation, IdempotencyRow.key)
    async with system_transaction(platform, Role.WORKER) as tx:
        old = (
            select(IdempotencyRow.organization_id, IdempotencyRow.operation, IdempotencyRow.key)
            .where(IdempotencyRow.created_at < tx.opened_at - timedelta(days=IDEMPOTENCY_DAYS))
            .order_by(IdempotencyRow.created_at)
            .limit(FORGET_BATCH_MAX)
        )
        return await tx.execute(delete(IdempotencyRow).where(key.in_(old)))
