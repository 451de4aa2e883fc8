"""Keep customers and segments."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from catalog.assortments.tables import AssortmentGrantRow
from catalog.customers.named import Named
from catalog.customers.schemas import (
    CustomerInput,
    CustomerView,
    SegmentMembersInput,
    SegmentMembersView,
    SegmentMemberView,
    SegmentView,
)
from catalog.customers.tables import CustomerRow, SegmentMemberRow, SegmentRow
from catalog.price_lists.tables import PriceListAssignmentRow
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, NotFound, invalid
from marketplace.kernel.events import Event
from marketplace.kernel.limits import (
    SEGMENT_MEMBERS_MAX,
    SEGMENTS_MAX,
    SEGMENTS_PER_CUSTOMER_MAX,
)
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Role,
    Transaction,
    retries_conflicts,
    system_transaction,
    transaction,
)
from marketplace.platform.http.paging import Page, PageRequest, page

SCOPE: Final = "customers:write"

_MEMBERS: Final = (
    select(func.count())
    .where(SegmentMemberRow.segment_id == SegmentRow.id)
    .scalar_subquery()
    .label("member_count")
)
SEGMENTS: Final = Named("segment", SegmentRow, SegmentView, (_MEMBERS,), SCOPE, SEGMENTS_MAX)


# Segments


@retries_conflicts
async def delete_segment(platform: Platform, caller: Caller, segment_id: UUID) -> None:
    """Delete a segment with its members.

    Raises NotFound, and Conflict while a price list or an assortment goes to it: prices that end
    for many customers are withdrawn on purpose, not by the way.
    """
    caller.require(SCOPE)
    async with transaction(platform, caller) as tx:
        before = await SEGMENTS.locked(tx, caller, segment_id)
        used = or_(
            exists().where(PriceListAssignmentRow.scope_id == segment_id),
            exists().where(AssortmentGrantRow.scope_id == segment_id),
        )
        if await tx.scalar(select(used)):
            raise Conflict(
                "Price lists or assortments go to this segment; withdraw them before deleting it."
            )
        await tx.execute(delete(SegmentMemberRow).where(SegmentMemberRow.segment_id == segment_id))
        await SEGMENTS.drop(tx, caller, segment_id, before)


@retries_conflicts
async def put_members(
    platform: Platform, caller: Caller, segment_id: UUID, data: SegmentMembersInput
) -> SegmentMembersView:
    """Put companies into a segment and take others out; all or none, from the next request on.

    Raises NotFound, Conflict beyond the bound, and InvalidInput pointing at every company that is
    unknown, stands twice, or is in too many segments.
    """
    caller.require(SCOPE)
    check_once(added=data.added, removed=data.removed)
    known = await companies_among(platform, data.added)
    _refuse(data.added, set(data.added) - (known - {caller.organization_id}))
    member = SegmentMemberRow
    async with transaction(platform, caller) as tx:
        # One at a time in all of the supplier's segments: so no two together pass a bound.
        await tx.execute(
            select(
                func.pg_advisory_xact_lock(func.hashtextextended(f"{caller.organization_id}", 415))
            )
        )
        before = await SEGMENTS.locked(tx, caller, segment_id)
        removed = await tx.execute(
            delete(member).where(
                member.segment_id == segment_id, member.company_id.in_(data.removed)
            )
        )
        added = await _add_members(tx, caller, segment_id, data.added)
        version: int = before.version
        if added or removed:
            facts = {"added": added, "removed": removed}
            await SEGMENTS.changed(tx, caller, segment_id, version, "members_changed", facts)
            version += 1
    named = len(data.added) + len(data.removed)
    return SegmentMembersView(version, added, removed, named - added - removed)


async def _add_members(
    tx: Transaction, caller: Caller, segment_id: UUID, companies: Sequence[UUID]
) -> int:
    if not companies:
        return 0
    member = SegmentMemberRow
    rows = [
        {"segment_id": segment_id, "company_id": each, "supplier_id": caller.organization_id}
        for each in companies
    ]
    added = await tx.execute(insert(member).values(rows).on_conflict_do_nothing())
    count = await tx.scalar(select(func.count()).where(member.segment_id == segment_id))
    if count > SEGMENT_MEMBERS_MAX:
        raise Conflict(f"A segment has at most {SEGMENT_MEMBERS_MAX} members.")
    crowded = await tx.all(
        select(member.company_id)
        .where(member.company_id.in_(companies), member.supplier_id == caller.organization_id)
        .group_by(member.company_id)
        .having(func.count() > SEGMENTS_PER_CUSTOMER_MAX)
    )
    if crowded:
        detail = f"This company is in {SEGMENTS_PER_CUSTOMER_MAX} of your segments already."
        places = {company: place for place, company in enumerate(companies)}
        raise InvalidInput(
            "Some companies are in too many segments.",
            errors=[
                FieldError(f"/added/{places[row.company_id]}", "too_many_segments", detail)
                for row in crowded
            ],
        )
    return added


def check_once(**lists: Sequence[Any]) -> None:
    """Refuse what stands twice, in one list or in two; raises InvalidInput at each."""
    seen: dict[Any, str] = {}
    errors = []
    for name, items in lists.items():
        for place, item in enumerate(items):
            pointer = f"/{name}/{place}"
            if item in seen:
                detail = f"This stands at {seen[item]} already."
                errors.append(FieldError(pointer, "duplicate", detail))
            seen.setdefault(item, pointer)
    if errors:
        raise InvalidInput("Some lines stand twice.", errors=errors)


async def companies_among(platform: Platform, identifiers: Iterable[UUID]) -> set[UUID]:
    """Give those of these identifiers that are companies.

    A supplier sees no directory of buyers; that an identifier he was given exists is all he learns.
    """
    async with system_transaction(platform, Role.WORKER) as tx:
        rows = await tx.all(
            select(OrganizationRow.id).where(
                OrganizationRow.id.in_(list(identifiers)), OrganizationRow.parent_id.is_(None)
            )
        )
    return {row.id for row in rows}


def _refuse(companies: Sequence[UUID], unknown: set[UUID]) -> None:
    errors = [
        FieldError(f"/added/{place}", "unknown_organization", "There is no such company.")
        for place, company in enumerate(companies)
        if company in unknown
    ]
    if errors:
        raise InvalidInput("Some companies are not known.", errors=errors)


async def list_members(
    platform: Platform, caller: Caller, segment_id: UUID, asked: PageRequest
) -> Page[SegmentMemberView]:
    """List the companies in a segment; raises NotFound."""
    caller.require(SCOPE)
    member = SegmentMemberRow
    statement = (
        select(member.company_id, member.created_at)
        .where(member.segment_id == segment_id, member.supplier_id == caller.organization_id)
        .order_by(member.company_id)
        .limit(asked.fetch)
    )
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(member.company_id > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
        if not rows:
            await SEGMENTS.view(tx, caller, segment_id)
    shown = [SegmentMemberView(row.company_id, row.created_at) for row in rows]
    return page(asked, shown, lambda view: view.organization_id)


# Customers

_CUSTOMER: Final = tuple(getattr(CustomerRow, name) for name in CustomerView.__struct_fields__)


async def put_customer(
    platform: Platform, caller: Caller, buyer_id: UUID, data: CustomerInput
) -> CustomerView:
    """Set what holds for one customer, from the next request on; sent again it changes nothing.

    Raises InvalidInput for an unknown company.
    """
    caller.require(SCOPE)
    if buyer_id == caller.organization_id or not await companies_among(platform, [buyer_id]):
        raise invalid("{buyer_id}", "unknown_organization", "There is no such company.")
    own = _own_customers(caller).where(CustomerRow.buyer_id == buyer_id)
    async with transaction(platform, caller) as tx:
        before = await tx.maybe(own)
        values = {"price_policy": data.price_policy}
        written = await tx.execute(
            insert(CustomerRow)
            .values(supplier_id=caller.organization_id, buyer_id=buyer_id, **values)
            .on_conflict_do_update(
                index_elements=[CustomerRow.supplier_id, CustomerRow.buyer_id],
                set_={**values, "version": CustomerRow.version + 1, "updated_at": func.clock()},
                where=CustomerRow.price_policy != data.price_policy,
            )
        )
        view = _customer_view(await tx.one(own))
        if written:
            parties = frozenset({caller.organization_id, buyer_id})
            facts = {"supplier_id": caller.organization_id, "buyer_id": buyer_id, **values}
            tx.emit(Event("customer.changed", "customer", buyer_id, view.version, parties, facts))
            earlier = None if before is None else {"price_policy": before.price_policy}
            tx.record("customer.changed", "customer", buyer_id, before=earlier, after=values)
    return view


def _own_customers(caller: Caller) -> Any:
    return select(*_CUSTOMER).where(CustomerRow.supplier_id == caller.organization_id)


def _customer_view(row: Row[Any]) -> CustomerView:
    return CustomerView(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it


async def read_customer(platform: Platform, caller: Caller, buyer_id: UUID) -> CustomerView:
    """Read what the caller keeps of one customer; raises NotFound where he keeps nothing."""
    caller.require(SCOPE)
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(_own_customers(caller).where(CustomerRow.buyer_id == buyer_id))
    if row is None:
        raise NotFound("You keep nothing of such a customer.")
    return _customer_view(row)


async def list_customers(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[CustomerView]:
    """List the customers the caller keeps something of."""
    caller.require(SCOPE)
    statement = _own_customers(caller).order_by(CustomerRow.buyer_id).limit(asked.fetch)
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(CustomerRow.buyer_id > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [_customer_view(row) for row in rows], lambda view: view.buyer_id)
