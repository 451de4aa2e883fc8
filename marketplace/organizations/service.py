"""What is done with companies and units."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import Select, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from marketplace.kernel.errors import Conflict, NotFound, StaleVersion
from marketplace.kernel.events import PUBLIC, Event
from marketplace.kernel.ids import new_id
from marketplace.organizations import keys, members
from marketplace.organizations.rules import (
    MemberRole,
    Membership,
    Sides,
    check_country,
    check_deactivation,
    check_move,
    check_new_unit,
    check_sides,
    check_within,
    checked_tax_id,
    path_to_company,
)
from marketplace.organizations.schemas import (
    DirectoryView,
    OrganizationChange,
    OrganizationInput,
    OrganizationView,
    RegisteredView,
    UnitInput,
    without_secret,
)
from marketplace.organizations.tables import (
    MemberRow,
    MembershipRow,
    OperatorRow,
    OrganizationRow,
)
from marketplace.organizations.tree import find_company, find_unit, load_tree
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Role,
    Transaction,
    constraint_of,
    retries_conflicts,
    system_transaction,
    transaction,
)
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

OPERATOR_NAME: Final = "Marketplace operator"


# Companies


@retries_conflicts
async def register_organization(
    platform: Platform, caller: Caller, key: IdempotencyKey, data: OrganizationInput
) -> RegisteredView:
    """Register a company with its first administrator and his key, shown this once.

    Raises NotPermitted for anybody but the operator, InvalidInput for what breaks a rule, Conflict
    for a company whose tax number is registered.
    """
    caller.require("organizations:register")
    sides = Sides(buyer=data.buyer, supplier=data.supplier, imports_history=data.imports_history)
    check_sides(sides)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, RegisteredView)) is not None:
            return earlier
        company = await insert_company(tx, data.name, sides, data.country, data.tax_id)
        whole = Membership(company.id, frozenset({MemberRole.ADMINISTRATOR}))
        administrator = await members.insert_member(
            tx,
            company.id,
            data.administrator.name,
            data.administrator.email,
            [whole],
            email_pointer="/administrator/email",
        )
        api_key = await keys.insert_key(platform, tx, company.id, administrator.id, "first key")
        audience = {company.id, caller.organization_id, *([PUBLIC] if data.supplier else [])}
        _emit(tx, "organization.registered", company, audience)
        for trail in (company.id, caller.organization_id):
            tx.record(
                "organization.register",
                "organization",
                company.id,
                after={"name": data.name, "country": data.country, "tax_id": company.tax_id},
                organization_id=trail,
            )
        view = RegisteredView(
            organization=company, administrator=administrator, api_key=without_secret(api_key)
        )
        await keep(tx, key, view)
    return RegisteredView(organization=company, administrator=administrator, api_key=api_key)


async def insert_company(
    tx: Transaction, name: str, sides: Sides, country: str | None, tax_id: str | None
) -> OrganizationView:
    """Write a company; raises Conflict for a tax number that is registered."""
    if country is not None:
        check_country(country)
        tax_id = checked_tax_id(country, tax_id) if tax_id is not None else None
    company_id = new_id()
    view = OrganizationView(
        id=company_id,
        company_id=company_id,
        parent_id=None,
        name=name,
        buyer=sides.buyer,
        supplier=sides.supplier,
        imports_history=sides.imports_history,
        country=country,
        tax_id=tax_id,
        active=True,
        version=1,
        created_at=tx.opened_at,
        updated_at=tx.opened_at,
    )
    await _insert(tx, view)
    return view


async def _insert(tx: Transaction, view: OrganizationView) -> None:
    values = {name: getattr(view, name) for name in view.__struct_fields__}
    try:
        await tx.execute(insert(OrganizationRow).values(values))
    except IntegrityError as error:
        if constraint_of(error) == "uq_organizations_tax_id":
            raise Conflict("A company with this tax number is registered already.") from error
        raise


def _emit(
    tx: Transaction, kind: str, organization: OrganizationView, audience: Iterable[UUID]
) -> None:
    payload = {
        "organization_id": organization.id,
        "company_id": organization.company_id,
        "name": organization.name,
    }
    tx.emit(
        Event(
            kind,
            "organization",
            organization.id,
            organization.version,
            frozenset(audience),
            payload,
        )
    )


# Reading

_COLUMNS: Final = tuple(
    getattr(OrganizationRow, name) for name in OrganizationView.__struct_fields__
)


def _view(row: Any) -> OrganizationView:
    return OrganizationView(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


def _seen_by(caller: Caller, whole: OrganizationView) -> OrganizationView | DirectoryView:
    if caller.is_operator or whole.company_id == caller.organization_id:
        return whole
    return DirectoryView(id=whole.id, name=whole.name, country=whole.country, version=whole.version)


async def list_organizations(
    platform: Platform, caller: Caller, request: PageRequest
) -> Page[OrganizationView | DirectoryView]:
    """List the companies the caller may know of: active suppliers, and his own; the operator all.

    Row security leaves out what else there is.
    """
    caller.require("organizations:read")
    statement = select(*_COLUMNS).where(OrganizationRow.parent_id.is_(None))
    if not caller.is_operator:
        statement = statement.where(
            or_(
                OrganizationRow.id == caller.organization_id,
                OrganizationRow.supplier & OrganizationRow.active,
            )
        )
    async with transaction(platform, caller) as tx:
        rows = await tx.all(_page_of(statement, request))
    return page(request, [_seen_by(caller, _view(row)) for row in rows], lambda view: view.id)


def _page_of(statement: Select[Any], request: PageRequest) -> Select[Any]:
    after = request.key(UUID)
    if after is not None:
        statement = statement.where(OrganizationRow.id > after)
    return statement.order_by(OrganizationRow.id).limit(request.fetch)


async def read_organization(
    platform: Platform, caller: Caller, organization_id: UUID
) -> OrganizationView | DirectoryView:
    """Read a company or unit; raises NotFound for one the caller may not know of."""
    caller.require("organizations:read")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(select(*_COLUMNS).where(OrganizationRow.id == organization_id))
    if row is None:
        raise NotFound("There is no such organization.")
    return _seen_by(caller, _view(row))


async def names_of(tx: Transaction, organization_ids: Collection[UUID]) -> dict[UUID, str]:
    """Give the names of those of these organizations the transaction's company may know of."""
    rows = await tx.all(
        select(OrganizationRow.id, OrganizationRow.name).where(
            OrganizationRow.id.in_(organization_ids)
        )
    )
    return {row.id: row.name for row in rows}


# Changing


@retries_conflicts
async def change_organization(
    platform: Platform,
    caller: Caller,
    organization_id: UUID,
    version: int,
    change: OrganizationChange,
) -> OrganizationView:
    """Rename, move or close a company or unit.

    Administrators change their own; closing and opening a company is for the operator. Raises
    NotFound, NotPermitted, StaleVersion, InvalidInput, or Conflict where units or members still
    stand in a unit to be closed.
    """
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(select(*_COLUMNS).where(OrganizationRow.id == organization_id))
        if row is None:
            raise NotFound("There is no such organization.")
        if row.company_id != caller.organization_id:
            caller.require("organizations:register")
        await find_company(tx, row.company_id, for_update=True)
        before = _view(await tx.one(select(*_COLUMNS).where(OrganizationRow.id == organization_id)))
        await _check_change(tx, caller, before, change)
        if before.version != version:
            raise StaleVersion(f"The present version is {before.version}; read it again.")
        values = {
            name: value
            for name in change.__struct_fields__
            if (value := getattr(change, name)) is not UNSET
        }
        after = _view(
            await tx.one(
                update(OrganizationRow)
                .where(OrganizationRow.id == organization_id)
                .values(version=OrganizationRow.version + 1, updated_at=func.clock(), **values)
                .returning(*_COLUMNS)
            )
        )
        public = [PUBLIC] if before.supplier else []
        _emit(tx, "organization.changed", after, [before.company_id, *public])
        tx.record(
            "organization.change",
            "organization",
            organization_id,
            before={name: getattr(before, name) for name in values},
            after=values,
            organization_id=before.company_id,
        )
    return after


async def _check_change(
    tx: Transaction, caller: Caller, before: OrganizationView, change: OrganizationChange
) -> None:
    is_company = before.parent_id is None
    if change.imports_history is not UNSET:
        caller.require("organizations:register")
        if not is_company:
            raise Conflict("History is a company's; a unit has none of its own.")
    if is_company and change.active is not UNSET:
        caller.require("organizations:register")
        if before.company_id == caller.organization_id:
            raise Conflict("The company that runs the marketplace stays open.")
    own = before.company_id == caller.organization_id
    if own:
        caller.require("organizations:write")
    tree = await load_tree(tx, before.company_id)
    if own:
        check_within(caller.unit_id, path_to_company(before.id, tree.parents))
    if change.parent_id is not UNSET:
        check_move(before.id, change.parent_id, tree.parents)
        if own:
            check_within(caller.unit_id, path_to_company(change.parent_id, tree.parents))
    if change.active is False and not is_company:
        check_deactivation(tree.active_below(before.id), await _active_members(tx, before.id))


async def _active_members(tx: Transaction, unit_id: UUID) -> int:
    count: int = await tx.scalar(
        select(func.count())
        .select_from(MembershipRow)
        .join(MemberRow, MemberRow.id == MembershipRow.member_id)
        .where(MembershipRow.unit_id == unit_id, MemberRow.active)
    )
    return count


# Units


@retries_conflicts
async def add_unit(
    platform: Platform, caller: Caller, key: IdempotencyKey, parent_id: UUID, data: UnitInput
) -> OrganizationView:
    """Add a unit under a company or unit of the caller's; raises NotFound, NotPermitted, Conflict.

    The depth and number of units are bounded.
    """
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, OrganizationView)) is not None:
            return earlier
        await find_unit(tx, caller, parent_id)
        caller.require("organizations:write")
        await find_company(tx, caller.organization_id, for_update=True)
        tree = await load_tree(tx, caller.organization_id)
        check_within(caller.unit_id, path_to_company(parent_id, tree.parents))
        check_new_unit(parent_id, tree.parents)
        unit = OrganizationView(
            id=new_id(),
            company_id=caller.organization_id,
            parent_id=parent_id,
            name=data.name,
            buyer=False,
            supplier=False,
            imports_history=False,
            country=None,
            tax_id=None,
            active=True,
            version=1,
            created_at=tx.opened_at,
            updated_at=tx.opened_at,
        )
        await _insert(tx, unit)
        _emit(tx, "organization.unit_added", unit, [unit.company_id])
        after = {"name": data.name, "parent_id": parent_id}
        tx.record("organization.add_unit", "organization", unit.id, after=after)
        return await keep(tx, key, unit)


async def list_units(
    platform: Platform, caller: Caller, organization_id: UUID, request: PageRequest
) -> Page[OrganizationView]:
    """List the units below one of the caller's company, oldest first; raises NotFound."""
    caller.require("organizations:read")
    async with transaction(platform, caller) as tx:
        await find_unit(tx, caller, organization_id)
        below = (await load_tree(tx, caller.organization_id)).below(organization_id)
        statement = select(*_COLUMNS).where(OrganizationRow.id.in_(below))
        rows = await tx.all(_page_of(statement, request))
    return page(request, [_view(row) for row in rows], lambda view: view.id)


# The first operator


@dataclass(frozen=True, slots=True)
class SeededOperator:
    """The company that runs the marketplace; `key` is None where it existed and none was asked."""

    organization_id: UUID
    member_id: UUID
    key: str | None


async def seed_operator(platform: Platform, *, new_key: bool = False) -> SeededOperator:
    """Make the company that runs the marketplace, its first member and his key.

    Where it exists nothing changes, unless `new_key`: then its first member gets a key more, for
    which his oldest one is revoked where he has two.
    """
    async with system_transaction(platform, Role.AUTH) as tx:
        await tx.execute(select(func.pg_advisory_xact_lock(_SEED_LOCK)))
        found = await tx.maybe(
            select(OperatorRow.organization_id, MemberRow.id)
            .join(MemberRow, MemberRow.company_id == OperatorRow.organization_id)
            .where(MemberRow.active)
            .order_by(MemberRow.id)
            .limit(1)
        )
        if found is None:
            return await _make_operator(platform, tx)
        company_id, member_id = found.organization_id, found.id
        if not new_key:
            return SeededOperator(company_id, member_id, None)
        await keys.revoke_oldest(tx, company_id, member_id)
        api_key = await keys.insert_key(platform, tx, company_id, member_id, "seeded key")
        tx.record("api_key.create", "api_key", api_key.id, organization_id=company_id)
        return SeededOperator(company_id, member_id, api_key.key)


_SEED_LOCK: Final = 0x6D61726B_00000201


async def _make_operator(platform: Platform, tx: Transaction) -> SeededOperator:
    company = await insert_company(tx, OPERATOR_NAME, Sides(operator=True), None, None)
    await tx.execute(insert(OperatorRow).values(organization_id=company.id))
    roles = frozenset({MemberRole.OPERATOR, MemberRole.ADMINISTRATOR})
    member = await members.insert_member(
        tx, company.id, "Operator", None, [Membership(company.id, roles)]
    )
    api_key = await keys.insert_key(platform, tx, company.id, member.id, "first key")
    _emit(tx, "organization.registered", company, [company.id])
    tx.record("organization.register", "organization", company.id, organization_id=company.id)
    return SeededOperator(company.id, member.id, api_key.key)
