"""Forgets what is kept for a time only; the worker calls it now and then, a batch at a time."""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, select, tuple_

from marketplace.kernel.limits import FORGET_BATCH_MAX, IDEMPOTENCY_DAYS, JOB_LOG_DAYS
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


async def forget_failures(platform: HasDatabase) -> int:
    """Delete what the queue of jobs noted long ago, failures with their traces; give how many."""
    pool = await platform.database.fast(Role.WORKER)
    gone: int = await pool.fetchval(
        _FORGET_FAILURES, timedelta(days=JOB_LOG_DAYS), FORGET_BATCH_MAX
    )
    return gone


_FORGET_FAILURES: Final = """
with gone as (
    delete from jobs.pgqueuer_log where id in (
        select id from jobs.pgqueuer_log where created < now() - $1::interval
        order by created limit $2)
    returning id
)
select count(*) from gone
"""
