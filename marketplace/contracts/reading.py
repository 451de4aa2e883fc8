"""Read contracts: for their parties, and for the orders that copy from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import Row, Select, func, or_, select

from marketplace.contracts.documents import read_provenance, read_terms, whole_provenance
from marketplace.contracts.parties import newest_of_party
from marketplace.contracts.rules import (
    ContractState,
    Provenance,
    origin_of,
    state_at,
)
from marketplace.contracts.schemas import (
    CommitmentView,
    ContractPriceView,
    ContractSummary,
    ContractView,
    ProvenanceView,
    SignatureView,
    TierView,
)
from marketplace.contracts.tables import (
    ContractPriceRow,
    ContractRow,
    FrameworkMemberRow,
    SignatureRow,
)
from marketplace.contracts.terms import LineTerms
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.clock import Validity
from marketplace.kernel.errors import NotFound
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest, page


async def list_contracts(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[ContractSummary]:
    """List the contracts the caller's company is a party of, the newest first."""
    caller.require("contracts:read")
    ids = newest_of_party(
        ContractRow.id,
        ContractRow.buyer_id,
        ContractRow.supplier_id,
        caller.organization_id,
        asked,
    )
    statement = (
        contracts_of(caller)
        .where(ContractRow.id.in_(ids))
        .order_by(ContractRow.id.desc())
        .limit(asked.fetch)
    )
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    summaries = [ContractSummary(**_summary(row, tx.opened_at)) for row in rows]
    return page(asked, summaries, lambda summary: summary.id)


async def read_contract(platform: Platform, caller: Caller, contract_id: UUID) -> ContractView:
    """Read a contract of the caller's company with its prices; raises NotFound."""
    caller.require("contracts:read")
    async with transaction(platform, caller) as tx:
        return await contract_view(tx, await own_contract(tx, caller, contract_id))


async def own_contract(tx: Transaction, caller: Caller, contract_id: UUID) -> Row[Any]:
    """Give a contract of the caller's company as `contract_view` shows it; raises NotFound."""
    row = await tx.maybe(contracts_of(caller).where(ContractRow.id == contract_id))
    if row is None:
        raise NotFound("There is no such contract.")
    return row


async def contract_view(tx: Transaction, row: Row[Any]) -> ContractView:
    """Show a contract with its prices; joins the open transaction of a party."""
    prices = await tx.all(
        select(
            ContractPriceRow.id,
            ContractPriceRow.sku,
            ContractPriceRow.description,
            ContractPriceRow.unit,
            ContractPriceRow.basis,
            ContractPriceRow.tiers,
            ContractPriceRow.commitment,
            ContractPriceRow.drawn,
            ContractPriceRow.terms,
        )
        .where(ContractPriceRow.contract_id == row.id)
        .order_by(ContractPriceRow.id)
    )
    steps = whole_provenance(row.id, row.provenance, row.concluded_at, row.content_hash)
    signed = await tx.all(
        select(SignatureRow.organization_id, SignatureRow.signed_at)
        .where(SignatureRow.contract_id == row.id)
        .order_by(SignatureRow.signed_at)
    )
    return ContractView(
        **_summary(row, tx.opened_at),
        signatures=[
            SignatureView(organization_id=each.organization_id, signed_at=each.signed_at)
            for each in signed
        ],
        prices=[_price_view(price) for price in prices],
        provenance=[provenance_view(step) for step in steps],
    )


async def commitments_of(
    tx: Transaction, contract_id: UUID
) -> dict[tuple[str, str], CommitmentView]:
    """Give the commitments of a contract by SKU and unit, with what is drawn of each.

    Joins the open transaction of a party.
    """
    rows = await tx.all(
        select(
            ContractPriceRow.sku,
            ContractPriceRow.unit,
            ContractPriceRow.commitment,
            ContractPriceRow.drawn,
        ).where(
            ContractPriceRow.contract_id == contract_id, ContractPriceRow.commitment.is_not(None)
        )
    )
    return {(row.sku, row.unit): _commitment_view(row) for row in rows}


def provenance_view(step: Provenance) -> ProvenanceView:
    """Show one step."""
    return ProvenanceView(kind=step.kind, id=step.id, at=step.at, hash=step.hash)


def contracts_of(caller: Caller) -> Select[*tuple[Any, ...]]:
    """Select the contracts the caller's company is a party of, as `contract_view` shows them."""
    organization = caller.organization_id
    return select(
        ContractRow.id,
        ContractRow.version,
        ContractRow.state,
        ContractRow.buyer_id,
        ContractRow.supplier_id,
        ContractRow.unit_ids,
        ContractRow.title,
        ContractRow.currency,
        ContractRow.time_zone,
        ContractRow.first_day,
        ContractRow.last_day,
        ContractRow.valid_from,
        ContractRow.valid_until,
        ContractRow.priority,
        ContractRow.provenance,
        ContractRow.content_hash,
        ContractRow.concluded_at,
    ).where(or_(ContractRow.buyer_id == organization, ContractRow.supplier_id == organization))


def _summary(row: Row[Any], at: datetime) -> dict[str, Any]:
    term = Validity(row.valid_from, row.valid_until)
    return {
        "id": row.id,
        "version": row.version,
        "state": state_at(ContractState(row.state), term, at).value,
        "buyer_id": row.buyer_id,
        "supplier_id": row.supplier_id,
        "unit_ids": row.unit_ids,
        "title": row.title,
        "currency": row.currency,
        "time_zone": row.time_zone,
        "first_day": row.first_day,
        "last_day": row.last_day,
        "priority": row.priority,
        "origin": origin_of(read_provenance(row.provenance)),
        "concluded_at": row.concluded_at,
    }


def _price_view(row: Row[Any]) -> ContractPriceView:
    return ContractPriceView(
        id=row.id,
        sku=row.sku,
        description=row.description,
        unit=row.unit,
        basis=plain_decimal(row.basis),
        tiers=[
            TierView(
                minimum_quantity=plain_decimal(Decimal(tier["minimum_quantity"])),
                amount=plain_decimal(Decimal(tier["amount"])),
            )
            for tier in row.tiers
        ],
        commitment=UNSET if row.commitment is None else _commitment_view(row),
        terms=UNSET if row.terms is None else read_terms(row.terms),
    )


def _commitment_view(row: Row[Any]) -> CommitmentView:
    left = Decimal(row.commitment["cap"]) - row.drawn
    return CommitmentView(
        measure=row.commitment["measure"],
        committed=row.commitment.get("committed", row.commitment["cap"]),
        cap=row.commitment["cap"],
        drawn=plain_decimal(row.drawn),
        left=plain_decimal(left),
        at_exhaustion=row.commitment["at_exhaustion"],
    )


FRAMEWORK_ID: Final = (
    select(FrameworkMemberRow.framework_id)
    .where(FrameworkMemberRow.contract_id == ContractRow.id)
    .scalar_subquery()
)
"""The framework that a contract is part of, as a column beside it."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What an order copies from the contract that prices it.

    `provenance` has the contract's own step last; `terms` are by SKU and unit; an order under a
    framework is a call-off of `framework_id`.
    """

    provenance: tuple[Provenance, ...]
    terms: Mapping[tuple[str, str], LineTerms]
    framework_id: UUID | None = None


async def agreed_in(tx: Transaction, contract_ids: Sequence[UUID]) -> dict[UUID, Agreed]:
    """Give what orders copy of these contracts; one query."""
    terms = (
        select(
            func.jsonb_agg(
                func.jsonb_build_array(
                    ContractPriceRow.sku, ContractPriceRow.unit, ContractPriceRow.terms
                )
            )
        )
        .where(ContractPriceRow.contract_id == ContractRow.id, ContractPriceRow.terms.is_not(None))
        .scalar_subquery()
    )
    rows = await tx.all(
        select(
            ContractRow.id,
            ContractRow.provenance,
            ContractRow.concluded_at,
            ContractRow.content_hash,
            terms.label("terms"),
            FRAMEWORK_ID.label("framework_id"),
        ).where(ContractRow.id.in_(contract_ids))
    )
    return {
        row.id: Agreed(
            whole_provenance(row.id, row.provenance, row.concluded_at, row.content_hash),
            {(sku, unit): read_terms(given) for sku, unit, given in row.terms or ()},
            row.framework_id,
        )
        for row in rows
    }
