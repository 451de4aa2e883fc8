"""Long work, done by the worker.

A job is enqueued in the transaction that needs it: where that rolls back, there is no job. It may
start again after a crash, so its effects must be harmless when repeated.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import text

from marketplace.platform.database import HasDatabase, Transaction

P = TypeVar("P", bound=HasDatabase)
Run = Callable[[P, Mapping[str, Any]], Awaitable[None]]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is; `total` is null while it is not known."""

    done: int
    total: int | None


async def enqueue(tx: Transaction, kind: str, payload: Mapping[str, Any]) -> None:
    """Have the worker run the job of `kind` with `payload` once this transaction commits.

    It is the caller's company's, and takes turns with those of others; without a caller nobody's.
    """
    company_id = None if tx.caller is None else tx.caller.organization_id
    headers = msgspec.json.encode(None if company_id is None else {"company": company_id}).decode()
    values = {"kind": kind, "payload": msgspec.json.encode(payload), "headers": headers}
    await tx.execute(_PUT, values)


# What pgqueuer itself does, for one job. The library takes 17 MB of a process and a quarter of a
# second, so those that only put jobs in do not load it.
_PUT: Final = text("""
with put as (
    insert into jobs.pgqueuer (priority, entrypoint, payload, execute_after, headers, status)
    values (0, :kind, :payload, now(), cast(:headers as jsonb), 'queued')
    returning id, entrypoint, priority
)
insert into jobs.pgqueuer_log (job_id, status, entrypoint, priority)
select id, 'queued', entrypoint, priority from put
""")
