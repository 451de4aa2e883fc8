"""The key store: where the private halves of procedures' keys wait for the deadline.

It stands apart from the database on purpose. It keeps its own copy of each deadline, which moves
later and never earlier, and has its own clock: a database administrator can edit a column, and the
clock's offset where one is allowed, and still gets no key. `rfq.local_key_store` keeps files on one
machine; a cloud KMS or Vault takes its place in production behind the same port.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import ClassVar, Final, Protocol
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from marketplace.kernel.errors import Conflict, MarketplaceError
from rfq.rules.bid import Part
from rfq.rules.officers import APPROVALS_NEEDED, Approval
from rfq.rules.sealing import Box

NO_OFFICERS: Final[Mapping[UUID, bytes]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class DatabaseClock:
    """What the database says the time is, and how far it was moved (test and sandbox only)."""

    at: datetime
    ahead: timedelta = timedelta(0)


class StillSealed(Conflict):
    """The key is not released yet; `opens_in` is how long the later of both clocks has to go."""

    code: ClassVar[str] = "still_sealed"
    title: ClassVar[str] = "Still sealed"

    def __init__(self, detail: str, *, opens_in: timedelta) -> None:
        super().__init__(detail)
        self.opens_in = opens_in


class KeyUnusable(MarketplaceError):
    """The key is lost or not the one that was stored; nothing can be opened with it."""

    code: ClassVar[str] = "key_unusable"
    title: ClassVar[str] = "Key unusable"


class AwaitingOfficers(Conflict):
    """The key is released when two officers have approved; `given` did so far."""

    code: ClassVar[str] = "awaiting_officers"
    title: ClassVar[str] = "Awaiting officers"

    def __init__(self, given: int) -> None:
        super().__init__(
            f"{APPROVALS_NEEDED} officers have to approve the opening; {given} did until now."
        )
        self.given = given


class NotAdmitted(Conflict):
    """Financial envelopes are opened when the technical result was recorded, of who passed."""

    code: ClassVar[str] = "not_admitted"
    title: ClassVar[str] = "Not admitted"


class KeyStore(Protocol):
    """Port: keeps a procedure's private keys until its deadline and its officers' approvals.

    A procedure with two envelopes has two keys. That of the financial ones is released to nobody:
    the store records once who passed, unwraps what is theirs, and nothing else.
    """

    async def create(
        self,
        procedure_id: UUID,
        deadline_at: datetime,
        officers: Mapping[UUID, bytes] = NO_OFFICERS,
        part: Part = Part.WHOLE,
    ) -> X25519PublicKey:
        """Make the key pair, or find the one made before; the deadline becomes the later of both.

        `officers` are the hashes of the codes of which two release the key; without them the
        deadline does. Raises Conflict where the key there is has a later deadline, which never
        moves earlier, or other officers.
        """

    async def approve(
        self,
        procedure_id: UUID,
        officer_id: UUID,
        code: str,
        database: DatabaseClock,
        part: Part = Part.WHOLE,
    ) -> None:
        """Take an officer's approval, once, after the deadline.

        Raises NotPermitted for who is no officer or shows another code, StillSealed before the
        deadline, NotAdmitted for a financial part before the result is recorded, KeyUnusable.
        """

    async def approvals(self, procedure_id: UUID, part: Part = Part.WHOLE) -> tuple[Approval, ...]:
        """Give the approvals there are, the first first; none where there is no such key."""

    async def public_key(self, procedure_id: UUID, part: Part = Part.WHOLE) -> X25519PublicKey:
        """Give the key to seal to; raises NotFound."""

    async def extend(self, procedure_id: UUID, deadline_at: datetime) -> None:
        """Move the deadline of all keys later; raises Conflict for an earlier one, NotFound."""

    async def release(self, procedure_id: UUID, database: DatabaseClock) -> X25519PrivateKey:
        """Give the private key once the store's own clock and the database's passed the deadline.

        Raises StillSealed before, AwaitingOfficers until two have approved where there are some,
        and KeyUnusable for a key that was lost or tampered with.
        """

    async def admit(
        self,
        procedure_id: UUID,
        passed: Collection[UUID],
        locked_at: datetime,
        database: DatabaseClock,
        variants: Collection[tuple[UUID, int]] = (),
    ) -> None:
        """Record which bidders passed, once and for ever: theirs alone is unwrapped afterwards.

        `passed` did with their main bids; `variants` are bidders with the numbers of those that
        did. A file belongs to its bidder, and is unwrapped if any of his offers passed.

        `locked_at` is when the database says that the technical result was locked. Raises
        StillSealed before the deadline, NotAdmitted for a lock that was not after it, Conflict for
        another result than the recorded one, KeyUnusable.
        """

    async def unwrap(
        self, procedure_id: UUID, boxes: Sequence[Box], database: DatabaseClock
    ) -> list[bytes | None]:
        """Unwrap what is sealed to the financial key; None for what does not open.

        Raises NotAdmitted where a box is of an offer that did not pass, and where no result is
        recorded; StillSealed, AwaitingOfficers and KeyUnusable as `release` does.
        """

    async def destroy(self, procedure_id: UUID, part: Part | None = None) -> None:
        """Forget the key of a part, or all: what was sealed to it is never read.

        Harmless where there is none.
        """
