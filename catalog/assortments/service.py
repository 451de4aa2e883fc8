"""Keep assortments: fill them with offers, grant them to customers."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import Row, delete, func, insert, select, text

from catalog.assortments.schemas import (
    AssortmentLineView,
    AssortmentOffersInput,
    AssortmentOffersView,
    AssortmentOfferView,
    AssortmentView,
    GrantInput,
    GrantView,
)
from catalog.assortments.tables import AssortmentGrantRow, AssortmentOfferRow, AssortmentRow
from catalog.customers.named import Named
from catalog.customers.recipients import hold, recipient_of
from catalog.customers.service import check_once
from catalog.products.service import visibility_of
from catalog.products.tables import OfferRow
from marketplace.kernel.errors import Conflict, NotFound
from marketplace.kernel.limits import ASSORTMENTS_MAX, GRANTS_PER_ASSORTMENT_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page

SCOPE: Final = "catalog:write"


def _count(row: type[AssortmentOfferRow] | type[AssortmentGrantRow], name: str) -> Any:
    counted = select(func.count()).where(row.assortment_id == AssortmentRow.id)
    return counted.scalar_subquery().label(name)


ASSORTMENTS: Final = Named(
    "assortment",
    AssortmentRow,
    AssortmentView,
    (_count(AssortmentOfferRow, "offer_count"), _count(AssortmentGrantRow, "grant_count")),
    SCOPE,
    ASSORTMENTS_MAX,
)


@retries_conflicts
async def delete_assortment(platform: Platform, caller: Caller, assortment_id: UUID) -> None:
    """Delete an assortment, what is in it and its grants; raises NotFound.

    What was seen through it alone is seen no more, from the next request on.
    """
    caller.require(SCOPE)
    async with transaction(platform, caller) as tx:
        before = await ASSORTMENTS.locked(tx, caller, assortment_id)
        for row in (AssortmentGrantRow, AssortmentOfferRow):
            await tx.execute(delete(row).where(row.assortment_id == assortment_id))
        await ASSORTMENTS.drop(tx, caller, assortment_id, before)


# Offers

# Locked, so that the name is that of no older version of the offer.
_ADD: Final = text("""
with own as (
    select o.id, o.sku, name_by_itself(o) as name
    from offers o
    where o.supplier_id = :supplier_id and o.sku = any (cast(:skus as text[]))
    for share of o
), added as (
    insert into assortment_offers (offer_id, assortment_id, supplier_id, name)
    select id, :assortment_id, :supplier_id, name from own
    on conflict do nothing
    returning offer_id
)
select own.sku, added.offer_id is not null as changed
from own left join added on added.offer_id = own.id
""")
_REMOVE: Final = text("""
with own as (
    select id, sku from offers
    where supplier_id = :supplier_id and sku = any (cast(:skus as text[]))
), removed as (
    delete from assortment_offers a using own
    where a.offer_id = own.id and a.assortment_id = :assortment_id
    returning a.offer_id
)
select own.sku, removed.offer_id is not null as changed
from own left join removed on removed.offer_id = own.id
""")


@retries_conflicts
async def put_offers(
    platform: Platform, caller: Caller, assortment_id: UUID, data: AssortmentOffersInput
) -> AssortmentOffersView:
    """Put offers in and take others out, with a result for each line; unknown SKUs change nothing.

    Raises NotFound, and InvalidInput at every SKU that stands twice.
    """
    caller.require(SCOPE)
    check_once(added=data.added, removed=data.removed)
    values = {"supplier_id": caller.organization_id, "assortment_id": assortment_id}
    async with transaction(platform, caller) as tx:
        before = await ASSORTMENTS.locked(tx, caller, assortment_id)
        added = await _each(tx, _ADD, "added", data.added, values)
        removed = await _each(tx, _REMOVE, "removed", data.removed, values)
        lines = [*added, *removed]
        version: int = before.version
        facts = {
            outcome: sum(line.outcome == outcome for line in lines)
            for outcome in ("added", "removed")
        }
        if any(facts.values()):
            await ASSORTMENTS.changed(tx, caller, assortment_id, version, "offers_changed", facts)
            version += 1
    return AssortmentOffersView(version, lines)


async def _each(
    tx: Transaction, statement: Any, done: str, skus: Sequence[str], values: dict[str, UUID]
) -> list[AssortmentLineView]:
    if not skus:
        return []
    rows = await tx.all(statement, {"skus": list(skus), **values})
    changed = {row.sku: row.changed for row in rows}
    outcomes = {None: "unknown_sku", True: done, False: "unchanged"}
    return [
        AssortmentLineView(sku, outcomes[changed.get(sku)])  # type: ignore[arg-type]
        for sku in skus
    ]


async def list_offers(
    platform: Platform, caller: Caller, assortment_id: UUID, asked: PageRequest
) -> Page[AssortmentOfferView]:
    """List the offers in an assortment by SKU; raises NotFound."""
    caller.require(SCOPE)
    placed = AssortmentOfferRow
    statement = (
        select(OfferRow.sku, OfferRow.name, OfferRow.audience_id, OfferRow.state, placed.created_at)
        .join_from(placed, OfferRow, OfferRow.id == placed.offer_id)
        .where(placed.assortment_id == assortment_id, placed.supplier_id == caller.organization_id)
        .order_by(OfferRow.sku)
        .limit(asked.fetch)
    )
    if (after := asked.key(str)) is not None:
        statement = statement.where(OfferRow.sku > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
        if not rows:
            await ASSORTMENTS.view(tx, caller, assortment_id)
    shown = [
        AssortmentOfferView(
            row.sku, row.name, visibility_of(row.audience_id), row.state, row.created_at
        )
        for row in rows
    ]
    return page(asked, shown, lambda view: view.sku)


# Grants


@retries_conflicts
async def grant(
    platform: Platform, caller: Caller, assortment_id: UUID, data: GrantInput
) -> GrantView:
    """Show an assortment to a company, to a unit and all below it, or to a segment.

    Granted twice it is granted once. Raises NotFound, Conflict beyond the bound, and InvalidInput
    for an organization or segment that is not known.
    """
    caller.require(SCOPE)
    to = await recipient_of(platform, caller, data.organization_id, data.segment_id)
    row = AssortmentGrantRow
    async with transaction(platform, caller) as tx:
        before = await ASSORTMENTS.locked(tx, caller, assortment_id)
        await hold(tx, caller, to)
        granted = select(row.assortment_id, row.scope_id, row.kind, row.created_at).where(
            row.assortment_id == assortment_id, row.scope_id == to.id
        )
        if (earlier := await tx.maybe(granted)) is not None:
            return _grant_view(earlier)
        count = await tx.scalar(select(func.count()).where(row.assortment_id == assortment_id))
        if count >= GRANTS_PER_ASSORTMENT_MAX:
            raise Conflict(f"This assortment has {count} grants; more are refused. Use a segment.")
        await tx.execute(
            insert(row).values(
                assortment_id=assortment_id,
                scope_id=to.id,
                supplier_id=caller.organization_id,
                kind="segment" if to.is_segment else "organization",
            )
        )
        facts = {"segment_id" if to.is_segment else "organization_id": to.id}
        await ASSORTMENTS.changed(tx, caller, assortment_id, before.version, "granted", facts)
        return _grant_view(await tx.one(granted))


def _grant_view(row: Row[Any]) -> GrantView:
    return GrantView(
        assortment_id=row.assortment_id,
        created_at=row.created_at,
        organization_id=row.scope_id if row.kind == "organization" else UNSET,
        segment_id=row.scope_id if row.kind == "segment" else UNSET,
    )


@retries_conflicts
async def withdraw_grant(
    platform: Platform, caller: Caller, assortment_id: UUID, grantee_id: UUID
) -> None:
    """Take an assortment back, from the next request on; raises NotFound.

    What another assortment shows to the same customer he still sees.
    """
    caller.require(SCOPE)
    row = AssortmentGrantRow
    async with transaction(platform, caller) as tx:
        before = await ASSORTMENTS.locked(tx, caller, assortment_id)
        count = await tx.execute(
            delete(row).where(row.assortment_id == assortment_id, row.scope_id == grantee_id)
        )
        if not count:
            raise NotFound("This assortment is not granted to it.")
        facts = {"grantee_id": grantee_id}
        await ASSORTMENTS.changed(tx, caller, assortment_id, before.version, "withdrawn", facts)


async def list_grants(
    platform: Platform, caller: Caller, assortment_id: UUID, asked: PageRequest
) -> Page[GrantView]:
    """List to whom an assortment is shown; raises NotFound."""
    caller.require(SCOPE)
    row = AssortmentGrantRow
    statement = (
        select(row.assortment_id, row.scope_id, row.kind, row.created_at)
        .where(row.assortment_id == assortment_id, row.supplier_id == caller.organization_id)
        .order_by(row.scope_id)
        .limit(asked.fetch)
    )
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(row.scope_id > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
        if not rows:
            await ASSORTMENTS.view(tx, caller, assortment_id)
    shown = page(asked, rows, lambda each: each.scope_id)
    return Page(items=[_grant_view(each) for each in shown.items], next=shown.next)
