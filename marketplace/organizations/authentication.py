"""From credentials to the caller; without a query for those seen a moment ago.

A process remembers callers under the HMAC of their credential. It forgets a company's callers when
Postgres tells that a right of that company changed (NOTIFY by triggers, delivered with the commit);
while it does not hear Postgres it remembers nothing. An entry also ends by time: after seconds in
any case, and when its key expires. See docs/decisions/0201-remembered-callers.md.
"""

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg

from marketplace.kernel.errors import NotAuthenticated, NotFound, NotPermitted
from marketplace.kernel.limits import (
    CALLER_SECONDS_MAX,
    CALLERS_CACHED_MAX,
    CREDENTIAL_CHARACTERS_MAX,
)
from marketplace.organizations.credentials import (
    Credential,
    CredentialKind,
    Network,
    Term,
    address_allowed,
    check_origin,
    checked_networks,
    read_credential,
)
from marketplace.organizations.rules import (
    MemberRole,
    Membership,
    Sides,
    acting_unit_refusal,
    narrowed,
    roles_in,
    scopes_in,
)
from marketplace.platform.caller import Caller, Rights
from marketplace.platform.core import Platform
from marketplace.platform.database import Role
from marketplace.platform.http.access import Authenticator, Credentials
from marketplace.platform.telemetry import log

CHANNEL: Final = "callers_changed"
HEARTBEAT_S: Final = 1.0
"""How often the listener asks whether its connection still lives, and how long it waits."""
RETRY_S: Final = 0.2
RETRY_S_MAX: Final = 2.0
"""While the database is away: meanwhile each request is looked up, so nothing waits for it."""

_REFUSED: Final = "The key is unknown, expired or revoked."


class Pepper:
    """The key of all fingerprints of credentials; outside of the database."""

    __slots__ = ("_keyed",)

    def __init__(self, platform: Platform) -> None:
        key = platform.secrets.key("fingerprints of API keys")
        self._keyed = hmac.new(key, digestmod="sha256")

    def fingerprint(self, text: str) -> bytes:
        """Give what stands for a credential in the database and in memory.

        It is `keyed_fingerprint`; to begin anew with the key is most of what that costs.
        """
        keyed = self._keyed.copy()
        keyed.update(text.encode())
        return keyed.digest()


@dataclass(frozen=True, slots=True)
class _Known:
    """A caller as remembered: all of it but what belongs to the single request."""

    organization_id: UUID
    path: tuple[UUID, ...]
    member_id: UUID
    roles: frozenset[str]
    scopes: frozenset[str]
    credential_id: UUID
    networks: Collection[Network] | None
    ends_at: float
    """By this process's monotonic clock."""


# The unit is the one asked for, else the session's, else the member's first. The path is empty
# where that unit is not of the company.
_CREDENTIALS: Final = {
    CredentialKind.KEY: """
        select k.company_id, k.member_id, k.scopes, k.allowed_addresses, k.fingerprint,
               array[k.expires_at] as expiries, k.revoked_at, null::uuid as unit_id
        from api_keys k where k.id = $1
    """,
    CredentialKind.SESSION: """
        select k.company_id, k.member_id, k.scopes, k.allowed_addresses, s.fingerprint,
               array[k.expires_at, s.expires_at] as expiries,
               coalesce(k.revoked_at, s.revoked_at) as revoked_at, s.unit_id
        from sessions s join api_keys k on k.id = s.key_id where s.id = $1
    """,
}
_LOOK_UP: Final = """
with recursive credential as (%s), acting as (
    select c.company_id, coalesce($2, c.unit_id, (
        select m.unit_id from memberships m where m.member_id = c.member_id order by place limit 1
    )) as unit_id
    from credential c
), path as (
    select o.id, o.company_id, o.parent_id, o.active, 0 as level
    from acting a join organizations o on o.company_id = a.company_id and o.id = a.unit_id
    union all
    select o.id, o.company_id, o.parent_id, o.active, p.level + 1
    from path p join organizations o on o.company_id = p.company_id and o.id = p.parent_id
)
select c.*, m.active as member_active, clock() as at,
       array(select id from path order by level) as path,
       array(select active from path order by level) as path_active,
       (select array[o.buyer, o.supplier, o.imports_history] from organizations o
        where o.id = c.company_id) as sides,
       (select jsonb_agg(jsonb_build_array(s.unit_id, s.roles, s.includes_subunits))
        from memberships s where s.member_id = c.member_id) as memberships
from credential c join members m on m.id = c.member_id
"""
_LOOK_UPS: Final = {kind: _LOOK_UP % sql for kind, sql in _CREDENTIALS.items()}


class KeyAuthenticator(Authenticator):
    """Knows callers by their API keys and session cookies."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._pepper = Pepper(platform)
        self._origins = frozenset({origin_of(platform.settings.public_url)})
        self._known: dict[tuple[bytes, UUID | None], _Known] = {}
        self._looking_up: dict[tuple[bytes, UUID | None], asyncio.Lock] = {}
        self._generation = 0
        self._pause_s = 0.0
        """Between two attempts to listen, while they fail."""
        self.hears = False

    async def caller_of(self, credentials: Credentials) -> Caller:
        """Give the caller; see the port for the errors."""
        text = credentials.bearer or credentials.session or ""
        if len(text) > CREDENTIAL_CHARACTERS_MAX:
            raise NotAuthenticated(_REFUSED)
        if credentials.bearer is None:
            check_origin(credentials.origin, self._origins, safe_method=credentials.safe_method)
        kind = CredentialKind.SESSION if credentials.bearer is None else CredentialKind.KEY
        if not text.startswith(f"{kind}_"):
            # A session is no bearer, and a key no cookie, remembered or not.
            raise NotAuthenticated(_REFUSED)
        fingerprint = self._pepper.fingerprint(text)
        place = (fingerprint, credentials.unit_id)
        known = self._remembered(place)
        if known is None:
            known = await self._find(place, text, kind)
        if not address_allowed(credentials.address, known.networks):
            raise NotPermitted("This key may not be used from your address.")
        return Caller(
            organization_id=known.organization_id,
            unit_id=known.path[0],
            path=known.path,
            member_id=known.member_id,
            roles=known.roles,
            scopes=known.scopes,
            request_id=credentials.request_id,
            address=credentials.address,
            credential_id=known.credential_id,
            arrival=credentials.arrival,
        )

    def _remembered(self, place: tuple[bytes, UUID | None]) -> _Known | None:
        known = self._known.get(place) if self.hears else None
        return known if known is not None and time.monotonic() < known.ends_at else None

    async def _find(
        self, place: tuple[bytes, UUID | None], text: str, kind: CredentialKind
    ) -> _Known:
        credential = read_credential(text)
        if credential is None or credential.kind is not kind:
            raise NotAuthenticated(_REFUSED)
        if not self.hears:
            return await self._look_up(credential, place)
        # After a change all requests of a company miss at once; one of them asks.
        lock = self._looking_up.setdefault(place, asyncio.Lock())
        try:
            async with lock:
                known = self._remembered(place)
                if known is None:
                    generation = self._generation
                    known = await self._look_up(credential, place)
                    self._remember(place, known, generation)
                return known
        finally:
            if not lock.locked():
                self._looking_up.pop(place, None)

    async def _look_up(self, credential: Credential, place: tuple[bytes, UUID | None]) -> _Known:
        asked_at = time.monotonic()
        fingerprint, unit_id = place
        rows = await self._platform.database.credentials.fetch(
            _LOOK_UPS[credential.kind], (credential.id, unit_id)
        )
        row = rows[0] if rows else None
        # An unknown key takes the same steps as a wrong one.
        stored = fingerprint[::-1] if row is None else row["fingerprint"]
        if not hmac.compare_digest(stored, fingerprint) or row is None:
            raise NotAuthenticated(_REFUSED)
        return known_caller(dict(row), credential.id, asked_at, self._platform.get(Rights))

    def _remember(self, place: tuple[bytes, UUID | None], known: _Known, generation: int) -> None:
        # What changed while we looked it up may have changed before or after we saw it.
        if not self.hears or generation != self._generation:
            return
        self._known.pop(place, None)
        while len(self._known) >= CALLERS_CACHED_MAX:
            self._known.pop(next(iter(self._known)))
        self._known[place] = known

    def forget(self, company_id: UUID | None) -> None:
        """Forget the callers of a company, or all of them."""
        self._generation += 1
        if company_id is None:
            self._known.clear()
            return
        for place in [p for p, k in self._known.items() if k.organization_id == company_id]:
            del self._known[place]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear of changes, and so remember callers, as long as this block is open."""
        listener = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if not self._pause_s:  # said once, and once more when it is over
                    log.warning("callers_unheard", error=type(error).__name__)
                self._pause_s = min(2 * self._pause_s, RETRY_S_MAX) or RETRY_S
            await asyncio.sleep(self._pause_s or RETRY_S)

    async def _listen_once(self) -> None:
        connection = await self._platform.database.connection(Role.AUTH)
        lost = asyncio.Event()

        def deaf(_connection: Any) -> None:
            self.hears = False
            self.forget(None)
            lost.set()

        try:
            connection.add_termination_listener(deaf)
            await connection.add_listener(CHANNEL, self._changed)
            # Nothing is remembered from before: what changed meanwhile was not heard.
            self.forget(None)
            self.hears = not lost.is_set()
            if self._pause_s:
                log.info("callers_heard_again")
                self._pause_s = 0.0
            while not lost.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), HEARTBEAT_S)
                    break
                await connection.execute("select 1", timeout=HEARTBEAT_S)
        finally:
            deaf(connection)
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await connection.close(timeout=HEARTBEAT_S)

    def _changed(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self.forget(UUID(str(payload)) if payload else None)


def known_caller(
    row: Mapping[str, Any], credential_id: UUID, asked_at: float, rights: Rights
) -> _Known:
    """Decide what a found credential makes of its sender; `asked_at` is monotonic.

    Raises NotAuthenticated, NotPermitted, or NotFound for a unit of another company.
    """
    at: datetime = row["at"]
    expires_at = min((end for end in row["expiries"] if end is not None), default=None)
    if not Term(expires_at, row["revoked_at"]).counts(at) or not row["member_active"]:
        raise NotAuthenticated(_REFUSED)
    path = tuple(row["path"])
    if not path:
        raise NotFound("There is no such unit in your company.")
    refusal = acting_unit_refusal(row["path_active"])
    if refusal is not None:
        raise NotPermitted(refusal)
    roles = roles_in(path, memberships_of(row["memberships"]))
    if not roles:
        raise NotPermitted("You do not belong to this unit.")
    buys, sells, imports_history = row["sides"]
    # Only the operator's own members can be given his role.
    sides = Sides(buys, sells, MemberRole.OPERATOR in roles, imports_history)
    if not imports_history:
        roles -= {MemberRole.IMPORTER}
    left_s = CALLER_SECONDS_MAX if expires_at is None else (expires_at - at).total_seconds()
    allowed = row["allowed_addresses"]
    return _Known(
        organization_id=row["company_id"],
        path=path,
        member_id=row["member_id"],
        roles=frozenset(role.value for role in roles),
        scopes=narrowed(scopes_in(rights.of(roles), rights.holders, sides), row["scopes"]),
        credential_id=credential_id,
        networks=None if allowed is None else checked_networks(allowed, ""),
        ends_at=asked_at + min(CALLER_SECONDS_MAX, left_s),
    )


def memberships_of(rows: list[tuple[str, list[str], bool]] | None) -> list[Membership]:
    """Read memberships from their JSON."""
    return [
        Membership(UUID(unit_id), frozenset(map(MemberRole, roles)), below)
        for unit_id, roles, below in rows or ()
    ]


def origin_of(url: str) -> str:
    """Give the origin of a URL, as browsers write it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
