"""The ends of all audit trails, signed and kept outside of the database.

A trail that was cut at its end, or written anew from some entry on, verifies in itself. It does not
fit the head that somebody else kept. Once a day a worker writes all heads to a file; whoever backs
it up where nobody of the operation can change it makes that somebody. See
docs/decisions/0112-heads-of-the-audit-trail.md.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from marketplace.kernel.canonical import canonical_bytes
from marketplace.kernel.limits import AUDIT_HEADS_HOURS
from marketplace.platform.audit import Head, heads_of, verify_trail
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, Transaction, system_transaction
from marketplace.platform.settings import Secrets
from marketplace.platform.tables import AuditRow, TimerRow
from marketplace.platform.timers import set_timer

FORM: Final = "marketplace.audit-heads/1"
TIMER: Final = "platform.audit_heads"
SUBJECT: Final = UUID(int=8)
"""The timer's subject; there is one such file at a time."""


class SignedHeads(msgspec.Struct, frozen=True, kw_only=True):
    """The file: `signature` is Ed25519 by `signing_key` over the canonical form of the rest."""

    form: str = FORM
    taken_at: datetime
    heads: tuple[Head, ...]
    signing_key: str
    signature: str = ""

    def signed_bytes(self) -> bytes:
        """Give what is signed."""
        heads = [[head.organization_id, head.number, head.hash] for head in self.heads]
        return canonical_bytes([self.form, self.taken_at, self.signing_key, heads])

    def is_signed_by(self, key: Ed25519PublicKey) -> bool:
        """Tell whether all of it is as the holder of the key wrote it."""
        try:
            key.verify(bytes.fromhex(self.signature), self.signed_bytes())
        except (InvalidSignature, ValueError):
            return False
        return True


def signing_key(secrets: Secrets) -> Ed25519PrivateKey:
    """Give the key of this purpose; who knows its public part needs no secret to check a file."""
    return Ed25519PrivateKey.from_private_bytes(secrets.key("audit heads"))


async def take_heads(platform: Platform) -> SignedHeads:
    """Sign the ends of all trails as they are now."""
    key = signing_key(platform.secrets)
    async with system_transaction(platform, Role.WORKER) as tx:
        companies = {row.organization_id for row in await tx.all(_COMPANIES)}
        heads = sorted(await heads_of(tx, companies), key=lambda head: head.organization_id)
        taken = SignedHeads(
            taken_at=await tx.clock(),
            heads=tuple(heads),
            signing_key=key.public_key().public_bytes_raw().hex(),
        )
    return msgspec.structs.replace(taken, signature=key.sign(taken.signed_bytes()).hex())


# One step into the index for each company, however long the trails are.
_COMPANIES: Final = text("""
with recursive companies as (
    (select organization_id from audit_trail order by organization_id limit 1)
    union all
    select (select a.organization_id from audit_trail a
            where a.organization_id > c.organization_id order by a.organization_id limit 1)
    from companies c where c.organization_id is not null
)
select organization_id from companies where organization_id is not null
""").columns(AuditRow.organization_id)


async def write_heads(platform: Platform) -> str:
    """Write the heads to a new file; give its key in the store of files."""
    taken = await take_heads(platform)
    content = msgspec.json.format(msgspec.json.encode(taken, order="deterministic"))
    key = f"audit-heads/{taken.taken_at:%Y-%m-%dT%H%M%S.%fZ}.json"

    async def whole() -> AsyncIterator[bytes]:
        yield content

    await platform.files.write_stream(key, whole(), bytes_max=len(content))
    return key


async def check_heads(
    platform: Platform, kept: SignedHeads, key: Ed25519PublicKey | None = None
) -> list[str]:
    """Compare all trails with heads that were kept; give what does not fit, in words.

    The signature must be that of `key`, by default of this installation.
    """
    if not kept.is_signed_by(key or signing_key(platform.secrets).public_key()):
        return ["The file is not as it was signed, or was signed by another marketplace."]
    async with system_transaction(platform, Role.WORKER) as tx:
        return [
            f"{head.organization_id}: {fault}"
            for head in kept.heads
            if (fault := await _fault(tx, head)) is not None
        ]


async def _fault(tx: Transaction, head: Head) -> str | None:
    stored = await tx.scalar(
        select(AuditRow.hash).where(
            AuditRow.organization_id == head.organization_id, AuditRow.number == head.number
        )
    )
    if stored is None:
        return f"entry {head.number} is missing: the trail was cut"
    if stored != head.hash:
        return f"entry {head.number} has another hash: the trail was written anew"
    broken = await verify_trail(tx, head.organization_id)
    return None if broken is None else f"entry {broken.number} does not fit those before it"


async def write_and_come_again(platform: Platform, _subject: UUID) -> None:
    """Write the heads, and set the timer for the next time."""
    await write_heads(platform)
    async with system_transaction(platform, Role.WORKER) as tx:
        await set_timer(tx, TIMER, SUBJECT, tx.opened_at + timedelta(hours=AUDIT_HEADS_HOURS))


@asynccontextmanager
async def keep_writing(platform: Platform) -> AsyncIterator[None]:
    """See to it that there is a timer when a worker starts; one that is set stays as it is."""
    async with system_transaction(platform, Role.WORKER) as tx:
        await tx.execute(
            insert(TimerRow)
            .values(kind=TIMER, subject_id=SUBJECT, due_at=tx.opened_at + timedelta(minutes=1))
            .on_conflict_do_nothing()
        )
    yield
