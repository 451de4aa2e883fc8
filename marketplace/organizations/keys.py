"""What is done with API keys and sessions."""

import secrets
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select, update

from marketplace.kernel.errors import NotFound, NotPermitted
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import API_KEYS_ACTIVE_MAX, FORGET_BATCH_MAX, SESSION_MINUTES
from marketplace.organizations.authentication import Pepper
from marketplace.organizations.credentials import (
    SECRET_BYTES,
    CredentialKind,
    Term,
    check_key_scopes,
    check_new_key,
    checked_networks,
    make_credential,
)
from marketplace.organizations.members import load_memberships
from marketplace.organizations.rules import check_within, path_to_company
from marketplace.organizations.schemas import (
    ApiKeyInput,
    ApiKeyView,
    NewApiKeyView,
    SessionView,
    without_secret,
)
from marketplace.organizations.tables import ApiKeyRow, MemberRow, SessionRow
from marketplace.organizations.tree import find_unit, load_tree
from marketplace.platform.caller import Caller, Rights
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Role,
    Transaction,
    retries_conflicts,
    system_transaction,
    transaction,
)
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay


@retries_conflicts
async def create_key(
    platform: Platform, caller: Caller, key: IdempotencyKey, unit_id: UUID, data: ApiKeyInput
) -> NewApiKeyView:
    """Make a key for a member; its text is in this answer and nowhere else.

    Administrators make keys for members of their units, everybody for himself. A key for oneself
    never has more scopes than the key that asks. Raises NotFound, NotPermitted, InvalidInput, or
    Conflict where the member has two active keys.
    """
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, NewApiKeyView)) is not None:
            return earlier
        await find_unit(tx, caller, unit_id)
        held = await _scopes_to_give(platform, tx, caller, data.member_id)
        check_key_scopes(data.scopes, held)
        # A list is the only way to pass on what a narrowed key has.
        narrowed_self = data.member_id == caller.member_id and data.scopes is None
        scopes = sorted(held) if narrowed_self else data.scopes
        networks = None
        if data.allowed_addresses is not None:
            networks = list(
                map(str, checked_networks(data.allowed_addresses, "/allowed_addresses"))
            )
        terms = await _terms(tx, data.member_id)
        check_new_key(terms, data.expires_at, await tx.clock())
        made = await insert_key(
            platform,
            tx,
            caller.organization_id,
            data.member_id,
            data.name,
            scopes=scopes,
            allowed_addresses=networks,
            expires_at=data.expires_at,
        )
        tx.record(
            "api_key.create",
            "api_key",
            made.id,
            after={
                "member_id": made.member_id,
                "scopes": scopes,
                "allowed_addresses": networks,
                "expires_at": made.expires_at,
            },
        )
        await keep(tx, key, without_secret(made))
    return made


async def _scopes_to_give(
    platform: Platform, tx: Transaction, caller: Caller, member_id: UUID
) -> frozenset[str]:
    # Locks the member: two keys made at once are counted one after the other.
    active = await tx.scalar(
        select(MemberRow.active)
        .where(MemberRow.id == member_id, MemberRow.company_id == caller.organization_id)
        .with_for_update()
    )
    if active is None:
        raise NotFound("There is no such member.")
    if not active:
        raise NotPermitted("This member is inactive.")
    if member_id == caller.member_id:
        return caller.scopes
    caller.require("organizations:write")
    memberships = (await load_memberships(tx, [member_id]))[member_id]
    tree = await load_tree(tx, caller.organization_id)
    for membership in memberships:
        check_within(caller.unit_id, path_to_company(membership.unit_id, tree.parents))
    return platform.get(Rights).of({role for each in memberships for role in each.roles})


async def _terms(tx: Transaction, member_id: UUID) -> list[Term]:
    rows = await tx.all(
        select(ApiKeyRow.expires_at, ApiKeyRow.revoked_at).where(ApiKeyRow.member_id == member_id)
    )
    return [Term(row.expires_at, row.revoked_at) for row in rows]


async def insert_key(
    platform: Platform,
    tx: Transaction,
    company_id: UUID,
    member_id: UUID,
    name: str,
    *,
    scopes: list[str] | None = None,
    allowed_addresses: list[str] | None = None,
    expires_at: datetime | None = None,
) -> NewApiKeyView:
    """Write a key that has been checked; the database gets its fingerprint alone."""
    credential = make_credential(CredentialKind.KEY, new_id(), secrets.token_bytes(SECRET_BYTES))
    view = NewApiKeyView(
        id=credential.id,
        member_id=member_id,
        name=name,
        scopes=scopes,
        allowed_addresses=allowed_addresses,
        created_at=tx.opened_at,
        expires_at=expires_at,
        revoked_at=None,
        key=credential.text,
    )
    await tx.execute(
        insert(ApiKeyRow).values(
            company_id=company_id,
            fingerprint=platform.get(Pepper).fingerprint(credential.text),
            **{name: getattr(view, name) for name in ApiKeyView.__struct_fields__},
        )
    )
    return view


_COLUMNS: Final = tuple(getattr(ApiKeyRow, name) for name in ApiKeyView.__struct_fields__)


def _view(row: Any) -> ApiKeyView:
    return ApiKeyView(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


async def list_keys(
    platform: Platform, caller: Caller, unit_id: UUID, request: PageRequest
) -> Page[ApiKeyView]:
    """List the company's keys, for whoever administers it; everybody else sees his own."""
    async with transaction(platform, caller) as tx:
        await find_unit(tx, caller, unit_id)
        statement = select(*_COLUMNS).where(ApiKeyRow.company_id == caller.organization_id)
        if not caller.may("organizations:write"):
            statement = statement.where(ApiKeyRow.member_id == caller.member_id)
        after = request.key(UUID)
        if after is not None:
            statement = statement.where(ApiKeyRow.id > after)
        rows = await tx.all(statement.order_by(ApiKeyRow.id).limit(request.fetch))
    return page(request, [_view(row) for row in rows], lambda view: view.id)


async def revoke_key(platform: Platform, caller: Caller, unit_id: UUID, key_id: UUID) -> None:
    """Revoke a key: from the commit on it counts nowhere; revoking it again changes nothing.

    Raises NotFound, or NotPermitted for another member's key without `organizations:write`.
    """
    async with transaction(platform, caller) as tx:
        await find_unit(tx, caller, unit_id)
        key = await tx.maybe(
            select(ApiKeyRow.member_id).where(
                ApiKeyRow.id == key_id, ApiKeyRow.company_id == caller.organization_id
            )
        )
        if key is None:
            raise NotFound("There is no such key.")
        if key.member_id != caller.member_id:
            caller.require("organizations:write")
            tree = await load_tree(tx, caller.organization_id)
            for membership in (await load_memberships(tx, [key.member_id]))[key.member_id]:
                check_within(caller.unit_id, path_to_company(membership.unit_id, tree.parents))
        revoked = await tx.execute(
            update(ApiKeyRow)
            .where(ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
            .values(revoked_at=func.clock())
        )
        if not revoked:
            return
        payload = {"api_key_id": key_id, "member_id": key.member_id}
        audience = frozenset([caller.organization_id])
        tx.emit(Event("api_key.revoked", "api_key", key_id, 2, audience, payload))
        tx.record("api_key.revoke", "api_key", key_id)


async def revoke_oldest(tx: Transaction, company_id: UUID, member_id: UUID) -> None:
    """Make room for a key: revoke the member's oldest active one where he has two."""
    rows = await tx.all(
        select(ApiKeyRow.id, ApiKeyRow.expires_at, ApiKeyRow.revoked_at)
        .where(ApiKeyRow.member_id == member_id)
        .order_by(ApiKeyRow.id)
    )
    now = await tx.clock()
    active = [row.id for row in rows if Term(row.expires_at, row.revoked_at).counts(now)]
    for key_id in active[: max(0, len(active) - API_KEYS_ACTIVE_MAX + 1)]:
        await tx.execute(
            update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(revoked_at=func.clock())
        )
        tx.record("api_key.revoke", "api_key", key_id, organization_id=company_id)


# Sessions


async def start_session(platform: Platform, caller: Caller) -> tuple[SessionView, str]:
    """Begin a session that does what the caller's key does, for the unit he acts for.

    Gives the session and the text of its cookie. Raises NotPermitted where no key asks.
    """
    async with transaction(platform, caller) as tx:
        key = await tx.maybe(
            select(ApiKeyRow.id, ApiKeyRow.expires_at).where(ApiKeyRow.id == caller.credential_id)
        )
        if key is None:
            raise NotPermitted("A session is begun with a key, not with another session.")
        ends_at = tx.opened_at + timedelta(minutes=SESSION_MINUTES)
        credential = make_credential(
            CredentialKind.SESSION, new_id(), secrets.token_bytes(SECRET_BYTES)
        )
        view = SessionView(
            id=credential.id,
            unit_id=caller.unit_id,
            expires_at=ends_at if key.expires_at is None else min(ends_at, key.expires_at),
        )
        await tx.execute(
            insert(SessionRow).values(
                id=view.id,
                company_id=caller.organization_id,
                key_id=key.id,
                unit_id=view.unit_id,
                fingerprint=platform.get(Pepper).fingerprint(credential.text),
                expires_at=view.expires_at,
                created_at=tx.opened_at,
            )
        )
        tx.record("session.start", "session", view.id, after={"key_id": key.id})
    return view, credential.text


async def forget_sessions(platform: Platform) -> int:
    """Delete sessions that ended a day ago or earlier; the audit trail still tells of them."""
    async with system_transaction(platform, Role.AUTH) as tx:
        ended = (
            select(SessionRow.id)
            .where(SessionRow.expires_at < tx.opened_at - timedelta(days=1))
            .order_by(SessionRow.expires_at)
            .limit(FORGET_BATCH_MAX)
        )
        return await tx.execute(delete(SessionRow).where(SessionRow.id.in_(ended)))


async def end_sessions(platform: Platform, caller: Caller) -> None:
    """End the session that asks; asked with a key, end all sessions begun with it."""
    async with transaction(platform, caller) as tx:
        ended = await tx.all(
            select(SessionRow.id).where(
                or_(
                    SessionRow.id == caller.credential_id,
                    SessionRow.key_id == caller.credential_id,
                ),
                SessionRow.revoked_at.is_(None),
            )
        )
        if not ended:
            return
        await tx.execute(
            update(SessionRow)
            .where(SessionRow.id.in_([row.id for row in ended]))
            .values(revoked_at=func.clock())
        )
        for row in ended:
            tx.record("session.end", "session", row.id)
