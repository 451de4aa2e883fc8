"""One effect per request: the answer to a key is stored in the transaction that made the effect.

In a service::

    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, OrderView)) is not None:
            return earlier
        …
        return await keep(tx, key, view)

The scope of a key is (company, operation, key). A twin that still runs gets 409 at once: it fails
to take the advisory lock that the first holds until its transaction ends. The body is compared by
an HMAC whose key lies outside of the database, so that the table tells nothing of sealed bodies.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from sqlalchemy import BigInteger, bindparam, func, insert, select

from marketplace.kernel.errors import KeyReused, StillRunning
from marketplace.platform.database import Transaction
from marketplace.platform.tables import IdempotencyRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A request's key, the operation it is for, and the fingerprint of its body."""

    operation: str
    key: str
    fingerprint: bytes


_TAKE: Final = select(func.pg_try_advisory_xact_lock(bindparam("lock", type_=BigInteger)))
_STORED: Final = select(IdempotencyRow.fingerprint, IdempotencyRow.answer).where(
    IdempotencyRow.organization_id == bindparam("company"),
    IdempotencyRow.operation == bindparam("named_operation"),
    IdempotencyRow.key == bindparam("name"),
)
_KEEP: Final = insert(IdempotencyRow)


async def replay(tx: Transaction, key: IdempotencyKey, answer_type: type[T]) -> T | None:
    """Give the stored answer of an earlier request with this key, None for the first.

    Raises StillRunning while the first runs, and KeyReused for another body.
    """
    caller = tx.caller
    if caller is None:
        msg = "idempotency belongs to a caller"
        raise ValueError(msg)
    lock = _lock_number(str(caller.organization_id), key)
    if not await tx.scalar(_TAKE, {"lock": lock}):
        raise StillRunning("A request with this Idempotency-Key is still running; ask again.")
    # A statement of its own, after the lock: its snapshot sees what the twin committed.
    named = {"company": caller.organization_id, "named_operation": key.operation, "name": key.key}
    row = await tx.maybe(_STORED, named)
    if row is None:
        return None
    if not hmac.compare_digest(row.fingerprint, key.fingerprint):
        raise KeyReused("This Idempotency-Key came with another body before; use a new key.")
    return msgspec.json.decode(row.answer, type=answer_type)


async def keep(tx: Transaction, key: IdempotencyKey, answer: T) -> T:
    """Store the answer with the effect it tells of, and give it back."""
    caller = tx.caller
    if caller is None:
        msg = "idempotency belongs to a caller"
        raise ValueError(msg)
    await tx.execute(
        _KEEP,
        {
            "organization_id": caller.organization_id,
            "operation": key.operation,
            "key": key.key,
            "fingerprint": key.fingerprint,
            "answer": msgspec.json.encode(answer),
        },
    )
    return answer


def _lock_number(organization: str, key: IdempotencyKey) -> int:
    digest = hashlib.sha256(f"{organization}\0{key.operation}\0{key.key}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
