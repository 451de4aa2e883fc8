"""What is done with members: people and machines with roles in units."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import Select, delete, func, insert, literal, select, update
from sqlalchemy.exc import IntegrityError

from marketplace.kernel.errors import Conflict, NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.money import Money
from marketplace.organizations.rules import (
    MemberRole,
    Membership,
    Sides,
    check_administered,
    check_memberships,
    check_roles,
    check_within,
    checked_email,
    path_to_company,
)
from marketplace.organizations.schemas import (
    MemberChange,
    MemberInput,
    MembershipInput,
    MembershipView,
    MemberView,
    MeView,
)
from marketplace.organizations.tables import (
    MemberRow,
    MembershipRow,
    OrganizationRow,
    PersonalDataRow,
)
from marketplace.organizations.tree import Tree, find_company, find_unit, load_tree
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Transaction,
    constraint_of,
    retries_conflicts,
    transaction,
)
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.http.schemas import MoneyInput, MoneyView, NamedReference
from marketplace.platform.idempotency import IdempotencyKey, keep, replay


@retries_conflicts
async def add_member(
    platform: Platform, caller: Caller, key: IdempotencyKey, unit_id: UUID, data: MemberInput
) -> MemberView:
    """Add a member to units of the caller's company.

    Raises NotFound, NotPermitted, InvalidInput, or Conflict where the e-mail address is a member's.
    """
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, MemberView)) is not None:
            return earlier
        await find_unit(tx, caller, unit_id)
        caller.require("organizations:write")
        company_id = caller.organization_id
        sides = await find_company(tx, company_id)
        memberships = _checked(data.memberships, unit_id, sides)
        _check_reach(caller, memberships, await load_tree(tx, company_id))
        limit = _limit_in(data.order_limit)
        view = await insert_member(
            tx, company_id, data.name, data.email, memberships, kind=data.kind, order_limit=limit
        )
        _emit(tx, "member.added", view)
        tx.record(
            "member.add", "member", view.id, after=_rights_of(memberships, limit, view.active)
        )
        return await keep(tx, key, view)


def _limit_in(given: MoneyInput | None) -> Money | None:
    return None if given is None else given.value("/order_limit")


def _checked(given: Sequence[MembershipInput], unit_id: UUID, sides: Sides) -> list[Membership]:
    return [
        Membership(
            each.unit_id or unit_id,
            check_roles(each.roles, sides, f"/memberships/{place}/roles"),
            each.includes_subunits,
        )
        for place, each in enumerate(given)
    ]


def _check_reach(caller: Caller, memberships: Collection[Membership], tree: Tree) -> None:
    check_memberships(list(memberships), tree.parents)
    for membership in memberships:
        check_within(caller.unit_id, path_to_company(membership.unit_id, tree.parents))


def _rights_of(
    memberships: Sequence[Membership], limit: Money | None, active: bool
) -> dict[str, object]:
    """Give what the audit trail keeps of a member: rights, and nothing that names him."""
    return {
        "memberships": [
            {
                "unit_id": each.unit_id,
                "roles": sorted(each.roles),
                "includes_subunits": each.includes_subunits,
            }
            for each in memberships
        ],
        "order_limit": None if limit is None else f"{limit.amount} {limit.currency}",
        "active": active,
    }


def _emit(tx: Transaction, kind: str, view: MemberView) -> None:
    payload = {"member_id": view.id, "active": view.active}
    tx.emit(Event(kind, "member", view.id, view.version, frozenset([view.company_id]), payload))


async def insert_member(
    tx: Transaction,
    company_id: UUID,
    name: str,
    email: str | None,
    memberships: Sequence[Membership],
    *,
    kind: str = "person",
    order_limit: Money | None = None,
    email_pointer: str = "/email",
) -> MemberView:
    """Write a member whose memberships have been checked.

    Raises InvalidInput for an address out of form and Conflict for one that is another member's.
    """
    member_id = new_id()
    email = checked_email(email, email_pointer) if email is not None else None
    await tx.execute(
        insert(MemberRow).values(
            id=member_id,
            company_id=company_id,
            kind=kind,
            order_limit=order_limit.amount if order_limit else None,
            order_limit_currency=order_limit.currency if order_limit else None,
            created_at=tx.opened_at,
            updated_at=tx.opened_at,
        )
    )
    personal = {"member_id": member_id, "company_id": company_id, "name": name, "email": email}
    await _guard_email(tx, insert(PersonalDataRow).values(personal))
    await _insert_memberships(tx, company_id, member_id, memberships)
    return MemberView(
        id=member_id,
        company_id=company_id,
        kind="machine" if kind == "machine" else "person",
        name=name,
        email=email,
        memberships=[_membership_view(membership) for membership in memberships],
        order_limit=MoneyView.of(order_limit) if order_limit else None,
        active=True,
        version=1,
        created_at=tx.opened_at,
        updated_at=tx.opened_at,
    )


async def _guard_email(tx: Transaction, statement: Any) -> None:
    try:
        await tx.execute(statement)
    except IntegrityError as error:
        if constraint_of(error) == "uq_personal_data_email":
            raise Conflict("A member of this company has this e-mail address.") from error
        raise


async def _insert_memberships(
    tx: Transaction, company_id: UUID, member_id: UUID, memberships: Sequence[Membership]
) -> None:
    await tx.execute(
        insert(MembershipRow),
        [
            {
                "member_id": member_id,
                "company_id": company_id,
                "unit_id": membership.unit_id,
                "place": place,
                "roles": sorted(membership.roles),
                "includes_subunits": membership.includes_subunits,
            }
            for place, membership in enumerate(memberships)
        ],
    )


def _membership_view(membership: Membership) -> MembershipView:
    return MembershipView(
        unit_id=membership.unit_id,
        roles=sorted(membership.roles),
        includes_subunits=membership.includes_subunits,
    )


# Reading

_MEMBERS: Final = select(
    MemberRow.id,
    MemberRow.company_id,
    MemberRow.kind,
    PersonalDataRow.name,
    PersonalDataRow.email,
    MemberRow.order_limit,
    MemberRow.order_limit_currency,
    MemberRow.active,
    MemberRow.version,
    MemberRow.created_at,
    MemberRow.updated_at,
).join(PersonalDataRow, PersonalDataRow.member_id == MemberRow.id)


def _limit(row: Any) -> Money | None:
    if row.order_limit is None:
        return None
    return Money(row.order_limit, row.order_limit_currency)


def _view(row: Any, memberships: Sequence[Membership]) -> MemberView:
    limit = _limit(row)
    return MemberView(
        id=row.id,
        company_id=row.company_id,
        kind=row.kind,
        name=row.name,
        email=row.email,
        memberships=[_membership_view(membership) for membership in memberships],
        order_limit=MoneyView.of(limit) if limit else None,
        active=row.active,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


async def load_memberships(
    tx: Transaction, member_ids: Collection[UUID]
) -> Mapping[UUID, list[Membership]]:
    """Load the memberships of members, in their order."""
    rows = await tx.all(
        select(
            MembershipRow.member_id,
            MembershipRow.unit_id,
            MembershipRow.roles,
            MembershipRow.includes_subunits,
        )
        .where(MembershipRow.member_id.in_(member_ids))
        .order_by(MembershipRow.member_id, MembershipRow.place)
    )
    found: dict[UUID, list[Membership]] = {member_id: [] for member_id in member_ids}
    for row in rows:
        roles = frozenset(map(MemberRole, row.roles))
        found[row.member_id].append(Membership(row.unit_id, roles, row.includes_subunits))
    return found


async def _load(tx: Transaction, statement: Select[*tuple[Any, ...]]) -> list[MemberView]:
    rows = await tx.all(statement)
    memberships = await load_memberships(tx, [row.id for row in rows])
    return [_view(row, memberships[row.id]) for row in rows]


async def list_members(
    platform: Platform, caller: Caller, unit_id: UUID, request: PageRequest
) -> Page[MemberView]:
    """List the members of a company, or those of one of its units; raises NotFound."""
    caller.require("organizations:read")
    async with transaction(platform, caller) as tx:
        await find_unit(tx, caller, unit_id)
        statement = _MEMBERS.where(MemberRow.company_id == caller.organization_id)
        if unit_id != caller.organization_id:
            of_unit = select(MembershipRow.member_id).where(MembershipRow.unit_id == unit_id)
            statement = statement.where(MemberRow.id.in_(of_unit))
        after = request.key(UUID)
        if after is not None:
            statement = statement.where(MemberRow.id > after)
        views = await _load(tx, statement.order_by(MemberRow.id).limit(request.fetch))
    return page(request, views, lambda view: view.id)


async def read_member(
    platform: Platform, caller: Caller, unit_id: UUID, member_id: UUID
) -> MemberView:
    """Read a member of the caller's company; raises NotFound."""
    caller.require("organizations:read")
    async with transaction(platform, caller) as tx:
        await find_unit(tx, caller, unit_id)
        return await find_member(tx, caller.organization_id, member_id)


async def find_member(tx: Transaction, company_id: UUID, member_id: UUID) -> MemberView:
    """Give a member of this company; raises NotFound."""
    views = await _load(
        tx, _MEMBERS.where(MemberRow.id == member_id, MemberRow.company_id == company_id)
    )
    if not views:
        raise NotFound("There is no such member.")
    return views[0]


async def read_me(platform: Platform, caller: Caller) -> MeView:
    """Tell the caller who he is, for whom he acts and what he may do."""
    async with transaction(platform, caller) as tx:
        member = await find_member(tx, caller.organization_id, caller.member_id)
        rows = await tx.all(
            select(OrganizationRow.id, OrganizationRow.name).where(
                OrganizationRow.id.in_([caller.organization_id, caller.unit_id])
            )
        )
    names = {row.id: row.name for row in rows}
    return MeView(
        member=member,
        company=NamedReference(id=caller.organization_id, name=names[caller.organization_id]),
        unit=NamedReference(id=caller.unit_id, name=names[caller.unit_id]),
        roles=sorted(caller.roles),
        scopes=sorted(caller.scopes),
    )


async def order_limit_of(tx: Transaction, member_id: UUID) -> Money | None:
    """Give the amount up to which a member orders without approval; None where none is set."""
    row = await tx.one(
        select(MemberRow.order_limit, MemberRow.order_limit_currency).where(
            MemberRow.id == member_id
        )
    )
    return _limit(row)


# Changing


@retries_conflicts
async def change_member(
    platform: Platform,
    caller: Caller,
    unit_id: UUID,
    member_id: UUID,
    version: int,
    change: MemberChange,
) -> MemberView:
    """Change a member's name, address, units, roles, limit, or whether he is active.

    Raises NotFound, NotPermitted, StaleVersion, InvalidInput, or Conflict for the company's last
    administrator and for an address that is another member's.
    """
    async with transaction(platform, caller) as tx:
        await find_unit(tx, caller, unit_id)
        company_id = caller.organization_id
        # Two administrators who dismiss each other at once must not both succeed.
        sides = await find_company(tx, company_id, for_update=True)
        before = await find_member(tx, company_id, member_id)
        caller.require("organizations:write")
        tree = await load_tree(tx, company_id)
        held = (await load_memberships(tx, [member_id]))[member_id]
        _check_reach(caller, held, tree)
        if before.version != version:
            raise StaleVersion(f"The present version is {before.version}; read it again.")
        memberships = held
        if change.memberships is not UNSET:
            memberships = _checked(change.memberships, unit_id, sides)
            _check_reach(caller, memberships, tree)
            await tx.execute(delete(MembershipRow).where(MembershipRow.member_id == member_id))
            await _insert_memberships(tx, company_id, member_id, memberships)
        await _update(tx, member_id, change)
        await _check_administered(tx, company_id)
        after = await find_member(tx, company_id, member_id)
        _emit(tx, "member.changed", after)
        tx.record(
            "member.change",
            "member",
            member_id,
            before=_rights_of(held, _money(before), before.active),
            after=_rights_of(memberships, _money(after), after.active),
        )
    return after


async def _update(tx: Transaction, member_id: UUID, change: MemberChange) -> None:
    values: dict[str, Any] = {}
    if change.active is not UNSET:
        values["active"] = change.active
    if change.order_limit is not UNSET:
        limit = _limit_in(change.order_limit)
        values["order_limit"] = limit.amount if limit else None
        values["order_limit_currency"] = limit.currency if limit else None
    await tx.execute(
        update(MemberRow)
        .where(MemberRow.id == member_id)
        .values(version=MemberRow.version + 1, updated_at=func.clock(), **values)
    )
    personal: dict[str, Any] = {}
    if change.name is not UNSET:
        personal["name"] = change.name
    if change.email is not UNSET:
        personal["email"] = None if change.email is None else checked_email(change.email)
    if personal:
        of_member = PersonalDataRow.member_id == member_id
        await _guard_email(tx, update(PersonalDataRow).where(of_member).values(personal))


def _money(view: MemberView) -> Money | None:
    limit = view.order_limit
    return None if limit is None else Money(Decimal(limit.amount), limit.currency)


async def _check_administered(tx: Transaction, company_id: UUID) -> None:
    rows = await tx.all(
        select(MembershipRow.member_id, MembershipRow.unit_id, MembershipRow.roles)
        .join(MemberRow, MemberRow.id == MembershipRow.member_id)
        .where(
            MemberRow.active,
            MembershipRow.unit_id == company_id,
            literal(MemberRole.ADMINISTRATOR.value) == func.any(MembershipRow.roles),
        )
    )
    check_administered(
        {r.member_id: [Membership(r.unit_id, frozenset(map(MemberRole, r.roles)))] for r in rows},
        company_id,
    )
