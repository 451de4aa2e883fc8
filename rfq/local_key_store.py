"""The key store of one machine: files that only this user enters."""

import asyncio
import fcntl
import hmac
import os
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from marketplace.kernel.canonical import canonical_bytes
from marketplace.kernel.errors import Conflict, NotFound, NotPermitted
from rfq.key_store import (
    NO_OFFICERS,
    AwaitingOfficers,
    DatabaseClock,
    KeyUnusable,
    NotAdmitted,
    StillSealed,
)
from rfq.rules.bid import Part
from rfq.rules.officers import APPROVALS_NEEDED, Approval, code_hash
from rfq.rules.sealing import GCM_NONCE_BYTES, Box, new_procedure_key, unwrapped_box
from rfq.rules.variants import MAIN

OWNER_ONLY: Final = 0o700
FILE_OWNER_ONLY: Final = 0o600


def machine_clock() -> datetime:
    """Tell the time of this machine."""
    return datetime.now(UTC)


class _Officer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An officer: the hash of his code, and when he approved."""

    officer_id: UUID
    code_hash: bytes
    approved_at: datetime | None = None


class _Stored(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key's file; `private_key` is AES-256-GCM with its nonce in front."""

    procedure_id: UUID
    deadline_at: datetime
    public_key: bytes
    private_key: bytes
    officers: tuple[_Officer, ...] = ()
    part: Part = Part.WHOLE
    passed: tuple[UUID, ...] | None = None
    passed_variants: tuple[tuple[UUID, int], ...] = ()

    def associated_data(self) -> bytes:
        """Give what the encryption binds: whatever is edited in the file makes the key useless."""
        bound: list[object] = [self.procedure_id, self.deadline_at, self.public_key]
        if self.officers:
            bound.append(self.officers)
        if self.part is Part.FINANCIAL:
            bound.append({"part": self.part, "passed": self.passed})
            if self.passed_variants:
                bound.append({"passed_variants": self.passed_variants})
        return canonical_bytes(bound)

    def approvals(self) -> tuple[Approval, ...]:
        """Give the approvals there are, the first first."""
        given = [
            Approval(each.officer_id, each.approved_at)
            for each in self.officers
            if each.approved_at is not None
        ]
        return tuple(sorted(given, key=lambda each: (each.approved_at, each.officer_id)))

    def admits(self, bidder_id: UUID, variant: int | None) -> bool:
        """Tell whether an offer passed; a file, which is no offer's own, if one of its bidder's."""
        main = bidder_id in (self.passed or ())
        if variant is None:
            return main or any(who == bidder_id for who, _ in self.passed_variants)
        return main if variant == MAIN else (bidder_id, variant) in self.passed_variants


def _check_recorded(stored: _Stored) -> None:
    if stored.passed is None:
        raise NotAdmitted("Financial envelopes stay closed until the technical result is locked.")


class LocalKeyStore:
    """Keys as files of one directory that only this user enters, encrypted with `secret`.

    `clock_may_move` is for tests and the sandbox: there the own clock moves with the database's
    offset. Elsewhere an offset is ignored.
    """

    def __init__(
        self,
        directory: Path,
        secret: bytes,
        *,
        clock: Callable[[], datetime] = machine_clock,
        clock_may_move: bool = False,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=OWNER_ONLY)
        directory.chmod(OWNER_ONLY)
        self._directory = directory
        self._secret = secret
        self._clock = clock
        self._clock_may_move = clock_may_move
        self._public_keys: dict[tuple[UUID, Part], X25519PublicKey] = {}

    def __repr__(self) -> str:
        return f"LocalKeyStore({str(self._directory)!r})"

    async def create(
        self,
        procedure_id: UUID,
        deadline_at: datetime,
        officers: Mapping[UUID, bytes] = NO_OFFICERS,
        part: Part = Part.WHOLE,
    ) -> X25519PublicKey:
        """Make or find the key pair; see `KeyStore`."""
        named = tuple(
            _Officer(officer_id=officer_id, code_hash=officers[officer_id])
            for officer_id in sorted(officers)
        )
        return await asyncio.to_thread(self._create, procedure_id, deadline_at, named, part)

    async def approve(
        self,
        procedure_id: UUID,
        officer_id: UUID,
        code: str,
        database: DatabaseClock,
        part: Part = Part.WHOLE,
    ) -> None:
        """Take an officer's approval; see `KeyStore`."""
        await asyncio.to_thread(self._approve, procedure_id, officer_id, code, database, part)

    async def approvals(self, procedure_id: UUID, part: Part = Part.WHOLE) -> tuple[Approval, ...]:
        """Give the approvals there are; see `KeyStore`."""
        try:
            return (await asyncio.to_thread(self._read, procedure_id, part)).approvals()
        except NotFound:
            return ()

    async def public_key(self, procedure_id: UUID, part: Part = Part.WHOLE) -> X25519PublicKey:
        """Give the key to seal to; it never changes, so it is read once."""
        known = self._public_keys.get((procedure_id, part))
        if known is None:
            stored = await asyncio.to_thread(self._read, procedure_id, part)
            known = X25519PublicKey.from_public_bytes(stored.public_key)
            self._public_keys[procedure_id, part] = known
        return known

    async def extend(self, procedure_id: UUID, deadline_at: datetime) -> None:
        """Move the deadline later; see `KeyStore`."""
        await asyncio.to_thread(self._extend, procedure_id, deadline_at)

    async def release(self, procedure_id: UUID, database: DatabaseClock) -> X25519PrivateKey:
        """Give the private key after the deadline; see `KeyStore`."""
        _, key = await asyncio.to_thread(self._opened, procedure_id, database, Part.WHOLE)
        return key

    def _opened(
        self, procedure_id: UUID, database: DatabaseClock, part: Part
    ) -> tuple[_Stored, X25519PrivateKey]:
        """Read and decrypt a key whose deadline has passed and whose officers have approved."""
        stored = self._kept(procedure_id, part)
        self._check_deadline(stored, database)
        key = self._decrypted(stored)
        given = len(stored.approvals())
        if stored.officers and given < APPROVALS_NEEDED:
            raise AwaitingOfficers(given)
        return stored, key

    def _kept(self, procedure_id: UUID, part: Part) -> _Stored:
        try:
            return self._read(procedure_id, part)
        except NotFound:
            raise KeyUnusable("The key's file is missing: put it back from its backup.") from None

    async def admit(
        self,
        procedure_id: UUID,
        passed: Collection[UUID],
        locked_at: datetime,
        database: DatabaseClock,
        variants: Collection[tuple[UUID, int]] = (),
    ) -> None:
        """Record who passed; see `KeyStore`."""
        named = tuple(sorted(set(passed))), tuple(sorted(set(variants)))
        await asyncio.to_thread(self._admit, procedure_id, *named, locked_at, database)

    def _admit(
        self,
        procedure_id: UUID,
        passed: tuple[UUID, ...],
        variants: tuple[tuple[UUID, int], ...],
        locked_at: datetime,
        database: DatabaseClock,
    ) -> None:
        with self._alone():
            stored = self._kept(procedure_id, Part.FINANCIAL)
            self._check_deadline(stored, database)
            key = self._decrypted(stored)
            if not stored.deadline_at <= locked_at <= database.at:
                raise NotAdmitted("The technical result is locked after the deadline, not before.")
            if stored.passed is None:
                recorded = msgspec.structs.replace(stored, passed=passed, passed_variants=variants)
                self._replace(recorded, key)
            elif (stored.passed, stored.passed_variants) != (passed, variants):
                raise Conflict("The key store has another technical result; it never changes.")

    async def unwrap(
        self, procedure_id: UUID, boxes: Sequence[Box], database: DatabaseClock
    ) -> list[bytes | None]:
        """Unwrap what is theirs who passed; see `KeyStore`."""
        return await asyncio.to_thread(self._unwrap, procedure_id, boxes, database)

    def _unwrap(
        self, procedure_id: UUID, boxes: Sequence[Box], database: DatabaseClock
    ) -> list[bytes | None]:
        _check_recorded(self._kept(procedure_id, Part.FINANCIAL))
        stored, key = self._opened(procedure_id, database, Part.FINANCIAL)
        _check_recorded(stored)
        if not all(stored.admits(place.bidder_id, place.variant) for place, _ in boxes):
            raise NotAdmitted("The financial envelope of who did not pass stays closed.")
        return [unwrapped_box(box, key) for box in boxes]

    async def destroy(self, procedure_id: UUID, part: Part | None = None) -> None:
        """Forget a key; see `KeyStore`."""
        for each in (Part.FINANCIAL, Part.WHOLE) if part is None else (part,):
            self._public_keys.pop((procedure_id, each), None)
            await asyncio.to_thread(self._destroy, procedure_id, each)

    def _destroy(self, procedure_id: UUID, part: Part) -> None:
        self._path(procedure_id, part).unlink(missing_ok=True)
        # Nor may a power cut bring it back.
        self._sync_directory()

    def _path(self, procedure_id: UUID, part: Part) -> Path:
        name = f"{procedure_id}.financial" if part is Part.FINANCIAL else str(procedure_id)
        return self._directory / f"{name}.json"

    def _own_clock(self, database: DatabaseClock) -> datetime:
        return self._clock() + (database.ahead if self._clock_may_move else timedelta(0))

    def _check_deadline(self, stored: _Stored, database: DatabaseClock) -> None:
        opens_in = stored.deadline_at - min(self._own_clock(database), database.at)
        if opens_in > timedelta(0):
            raise StillSealed(
                "The bids are sealed until the deadline; the key store does not release the key "
                "before.",
                opens_in=opens_in,
            )

    def _approve(
        self,
        procedure_id: UUID,
        officer_id: UUID,
        code: str,
        database: DatabaseClock,
        part: Part,
    ) -> None:
        with self._alone():
            stored = self._read(procedure_id, part)
            key = self._decrypted(stored)
            self._check_deadline(stored, database)
            if part is Part.FINANCIAL:
                _check_recorded(stored)
            shown = code_hash(procedure_id, officer_id, code)
            named = [each for each in stored.officers if each.officer_id == officer_id]
            if not named or not hmac.compare_digest(named[0].code_hash, shown):
                raise NotPermitted("This is not the code of an officer of this procedure.")
            if named[0].approved_at is not None:
                return
            approved = msgspec.structs.replace(named[0], approved_at=self._own_clock(database))
            officers = tuple(approved if e is named[0] else e for e in stored.officers)
            self._replace(msgspec.structs.replace(stored, officers=officers), key)

    def _create(
        self,
        procedure_id: UUID,
        deadline_at: datetime,
        officers: tuple[_Officer, ...],
        part: Part,
    ) -> X25519PublicKey:
        key = new_procedure_key()
        stored = _Stored(
            procedure_id=procedure_id,
            deadline_at=deadline_at.astimezone(UTC),
            public_key=key.public_key().public_bytes_raw(),
            private_key=b"",
            officers=officers,
            part=part,
        )
        temporary = self._write_aside(self._encrypted(stored, key))
        try:
            # A link fails where the name exists: of two publishers at once one makes the key.
            os.link(temporary, self._path(procedure_id, part))
        except FileExistsError:
            self._extend(procedure_id, deadline_at)
            stored = self._read(procedure_id, part)
            if stored.officers != officers:
                raise Conflict("The key store knows this procedure with other officers.") from None
            return X25519PublicKey.from_public_bytes(stored.public_key)
        finally:
            temporary.unlink()
        self._sync_directory()
        return key.public_key()

    def _extend(self, procedure_id: UUID, deadline_at: datetime) -> None:
        with self._alone():
            # That of the financial envelopes last: where there is one, it is never the earlier.
            for part in (Part.WHOLE, Part.FINANCIAL):
                if part is Part.WHOLE or self._path(procedure_id, part).exists():
                    self._move(self._read(procedure_id, part), deadline_at)

    def _move(self, stored: _Stored, deadline_at: datetime) -> None:
        if deadline_at < stored.deadline_at:
            raise Conflict(
                "The key store keeps this procedure's bids sealed until "
                f"{stored.deadline_at.isoformat()}; a deadline never moves earlier."
            )
        if deadline_at > stored.deadline_at:
            later = msgspec.structs.replace(stored, deadline_at=deadline_at.astimezone(UTC))
            self._replace(later, self._decrypted(stored))

    def _replace(self, stored: _Stored, key: X25519PrivateKey) -> None:
        path = self._path(stored.procedure_id, stored.part)
        self._write_aside(self._encrypted(stored, key)).replace(path)
        self._sync_directory()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads and processes from changing a deadline between reading and writing."""
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)

    def _read(self, procedure_id: UUID, part: Part) -> _Stored:
        try:
            content = self._path(procedure_id, part).read_bytes()
        except FileNotFoundError:
            raise NotFound("The key store has no key of this procedure.") from None
        try:
            return msgspec.json.decode(content, type=_Stored)
        except msgspec.MsgspecError:
            raise KeyUnusable("The key's file is damaged.") from None

    def _encrypted(self, stored: _Stored, key: X25519PrivateKey) -> _Stored:
        nonce = secrets.token_bytes(GCM_NONCE_BYTES)
        box = AESGCM(self._secret).encrypt(nonce, key.private_bytes_raw(), stored.associated_data())
        return msgspec.structs.replace(stored, private_key=nonce + box)

    def _decrypted(self, stored: _Stored) -> X25519PrivateKey:
        nonce, box = stored.private_key[:GCM_NONCE_BYTES], stored.private_key[GCM_NONCE_BYTES:]
        try:
            raw = AESGCM(self._secret).decrypt(nonce, box, stored.associated_data())
        except (InvalidTag, ValueError):
            raise KeyUnusable(
                "The key does not decrypt: its file was changed, or the secret is another."
            ) from None
        return X25519PrivateKey.from_private_bytes(raw)

    def _write_aside(self, stored: _Stored) -> Path:
        path = self._directory / f".{secrets.token_hex(8)}.new"
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_OWNER_ONLY), "wb"
        ) as file:
            file.write(msgspec.json.encode(stored))
            file.flush()
            os.fsync(file.fileno())
        return path

    def _sync_directory(self) -> None:
        # A key that a power cut takes back would leave bids nobody can open.
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
