"""Framework agreements: made of contracts, read by buyer and members."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert

from marketplace.contracts.ceilings import asked, ceilings_of, known_articles, store_ceilings
from marketplace.contracts.framework_rules import FrameworkPrice, MemberContract, check_framework
from marketplace.contracts.rules import ContractState, Tier, state_at
from marketplace.contracts.schemas import (
    FrameworkCeilingView,
    FrameworkInput,
    FrameworkMemberView,
    FrameworkView,
)
from marketplace.contracts.tables import (
    ContractPriceRow,
    ContractRow,
    FrameworkMemberRow,
    FrameworkRow,
)
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.clock import Validity
from marketplace.kernel.errors import Conflict, NotFound
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

_COLUMNS: Final = (
    FrameworkRow.id,
    FrameworkRow.buyer_id,
    FrameworkRow.title,
    FrameworkRow.currency,
    FrameworkRow.ceiling,
    FrameworkRow.drawn,
    FrameworkRow.made_at,
)


@retries_conflicts
async def make_framework(
    platform: Platform, caller: Caller, data: FrameworkInput, key: IdempotencyKey
) -> FrameworkView:
    """Put own contracts under one framework; what is ordered at their prices from now on counts.

    Raises InvalidInput for contracts that cannot be its members, Conflict where one has become
    another framework's meanwhile.
    """
    caller.require("frameworks:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, FrameworkView)) is not None:
            return earlier
        known = await _contracts(tx, caller, data.contract_ids)
        members = [known.get(contract_id) for contract_id in data.contract_ids]
        ceiling = None if data.ceiling is None else Decimal(data.ceiling)
        ceilings = asked(data.ceilings)
        check_framework(members, ceiling, ceilings, await known_articles(tx, ceilings))
        chosen = [member for member in members if member is not None]
        framework_id = new_id()
        await tx.execute(
            insert(FrameworkRow).values(
                id=framework_id,
                buyer_id=caller.organization_id,
                title=data.title,
                currency=chosen[0].currency,
                ceiling=ceiling,
                made_at=await tx.clock(),
            )
        )
        joined = await tx.all(
            upsert(FrameworkMemberRow)
            .values(
                [
                    {
                        "contract_id": member.contract_id,
                        "framework_id": framework_id,
                        "buyer_id": caller.organization_id,
                        "supplier_id": member.supplier_id,
                    }
                    for member in chosen
                ]
            )
            .on_conflict_do_nothing()
            .returning(FrameworkMemberRow.contract_id)
        )
        if len(joined) < len(chosen):
            raise Conflict("One of these contracts has become part of another framework.")
        by_contract = {member.contract_id: member.supplier_id for member in chosen}
        await store_ceilings(tx, framework_id, ceilings, by_contract)
        suppliers = [member.supplier_id for member in chosen]
        facts: dict[str, object] = {"title": data.title, "ceiling": ceiling}
        tx.record(
            "framework.made", "framework", framework_id, after={**facts, "members": suppliers}
        )
        # To each alone: who the other members are is the buyer's to tell.
        for supplier_id in suppliers:
            sides = frozenset([caller.organization_id, supplier_id])
            tx.emit(Event("framework.made", "framework", framework_id, 1, sides, facts))
        return await keep(tx, key, await _read(tx, caller, framework_id))


async def _contracts(
    tx: Transaction, caller: Caller, contract_ids: Sequence[UUID]
) -> dict[UUID, MemberContract]:
    rows = await tx.all(
        select(
            ContractRow.id,
            ContractRow.supplier_id,
            ContractRow.currency,
            ContractRow.state,
            ContractRow.valid_from,
            ContractRow.valid_until,
            FrameworkMemberRow.framework_id,
        )
        .outerjoin(FrameworkMemberRow, FrameworkMemberRow.contract_id == ContractRow.id)
        .where(ContractRow.id.in_(contract_ids), ContractRow.buyer_id == caller.organization_id)
    )
    at = await tx.clock()
    return {
        row.id: MemberContract(
            contract_id=row.id,
            supplier_id=row.supplier_id,
            currency=row.currency,
            state=state_at(ContractState(row.state), Validity(row.valid_from, row.valid_until), at),
            taken=row.framework_id is not None,
        )
        for row in rows
    }


async def read_framework(platform: Platform, caller: Caller, framework_id: UUID) -> FrameworkView:
    """Read a framework: whole as its buyer, with the own contract alone as a member.

    Raises NotFound.
    """
    caller.require("contracts:read")
    async with transaction(platform, caller) as tx:
        return await _read(tx, caller, framework_id)


async def list_frameworks(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[FrameworkView]:
    """List the frameworks the company made or is a member of, the newest first."""
    caller.require("contracts:read")
    statement = select(*_COLUMNS).order_by(FrameworkRow.id.desc()).limit(asked.fetch)
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(FrameworkRow.id < after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
        ids = [row.id for row in rows]
        members, ceilings = await members_of(tx, ids), await ceilings_of(tx, caller, ids)
    views = [_view(caller, row, members[row.id], ceilings[row.id]) for row in rows]
    return page(asked, views, lambda view: view.id)


async def _read(tx: Transaction, caller: Caller, framework_id: UUID) -> FrameworkView:
    row = await tx.maybe(select(*_COLUMNS).where(FrameworkRow.id == framework_id))
    if row is None:
        raise NotFound("There is no such framework of your company.")
    members = await members_of(tx, [framework_id])
    ceilings = await ceilings_of(tx, caller, [framework_id])
    return _view(caller, row, members[framework_id], ceilings[framework_id])


async def members_of(
    tx: Transaction, framework_ids: Sequence[UUID]
) -> Mapping[UUID, list[FrameworkMemberView]]:
    """Give the members of frameworks that this transaction may see; a member sees himself."""
    found: dict[UUID, list[FrameworkMemberView]] = {each: [] for each in framework_ids}
    rows = await tx.all(
        select(
            FrameworkMemberRow.framework_id,
            FrameworkMemberRow.supplier_id,
            FrameworkMemberRow.contract_id,
            ContractRow.first_day,
            ContractRow.last_day,
        )
        .join(ContractRow, ContractRow.id == FrameworkMemberRow.contract_id)
        .where(FrameworkMemberRow.framework_id.in_(framework_ids), ~FrameworkMemberRow.call_off)
        .order_by(FrameworkMemberRow.contract_id)
    )
    for row in rows:
        member = FrameworkMemberView(row.supplier_id, row.contract_id, row.first_day, row.last_day)
        found[row.framework_id].append(member)
    return found


def _view(
    caller: Caller,
    row: Row[Any],
    members: list[FrameworkMemberView],
    ceilings: list[FrameworkCeilingView],
) -> FrameworkView:
    # What is drawn in all is what others delivered too: a member is not told.
    own = row.buyer_id == caller.organization_id
    left = None if row.ceiling is None else row.ceiling - row.drawn
    return FrameworkView(
        id=row.id,
        buyer_id=row.buyer_id,
        title=row.title,
        currency=row.currency,
        ceiling=None if row.ceiling is None else plain_decimal(row.ceiling),
        drawn=plain_decimal(row.drawn) if own else None,
        left=plain_decimal(left) if own and left is not None else None,
        members=members,
        ceilings=ceilings,
        made_at=row.made_at,
    )


async def prices_under(
    tx: Transaction, framework_id: UUID, at: datetime
) -> dict[UUID, dict[tuple[str, str], FrameworkPrice]]:
    """Give what members agreed, by member, SKU and unit, of contracts in force at `at`.

    As far as this transaction may see: a member sees his own prices alone.
    """
    rows = await tx.all(
        select(
            ContractPriceRow.supplier_id,
            ContractPriceRow.sku,
            ContractPriceRow.unit,
            ContractPriceRow.basis,
            ContractPriceRow.tiers,
        )
        .join(FrameworkMemberRow, FrameworkMemberRow.contract_id == ContractPriceRow.contract_id)
        .where(
            FrameworkMemberRow.framework_id == framework_id,
            ~FrameworkMemberRow.call_off,
            ContractPriceRow.state == ContractState.ACTIVE.value,
            ContractPriceRow.valid_from <= at,
            ContractPriceRow.valid_until > at,
        )
    )
    found: dict[UUID, dict[tuple[str, str], FrameworkPrice]] = {}
    for row in rows:
        tiers = tuple(
            Tier(Decimal(tier["minimum_quantity"]), Decimal(tier["amount"])) for tier in row.tiers
        )
        found.setdefault(row.supplier_id, {})[row.sku, row.unit] = FrameworkPrice(row.basis, tiers)
    return found
