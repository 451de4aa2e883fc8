"""Conclude contracts: their prices count from their first day on, by validity alone."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select

from marketplace.contracts.documents import commitment_document, provenance_document, terms_document
from marketplace.contracts.rules import (
    CONTRACT,
    ContractDraft,
    ContractPrice,
    ContractState,
    check_draft,
    contract_hash,
    level_of,
    origin_of,
    term_of,
)
from marketplace.contracts.tables import (
    ContractPriceRow,
    ContractRow,
    FrameworkMemberRow,
)
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.database import Transaction


async def conclude(tx: Transaction, draft: ContractDraft, *, signatures: bool = False) -> UUID:
    """Conclude a contract; its prices count from its first day on, by validity alone.

    Where `signatures` are asked for it waits for both (`signing.sign_contract`), and none of its
    prices count before. Joins an open transaction of the buyer or of the engine. Raises
    InvalidInput for a draft that cannot be concluded.
    """
    check_draft(draft)
    step = "ask_signatures" if signatures else "conclude"
    state = CONTRACT.after(ContractState.DRAFT, step)
    contract_id = new_id()
    term = term_of(draft)
    common = {
        "buyer_id": draft.buyer_id,
        "supplier_id": draft.supplier_id,
        "unit_ids": list(draft.unit_ids),
        "currency": draft.currency,
        "valid_from": term.from_,
        "valid_until": term.until,
        "state": state.value,
        "priority": await _next_priority(tx, draft.buyer_id, draft.supplier_id),
    }
    await tx.execute(
        insert(ContractRow).values(
            **common,
            id=contract_id,
            title=draft.title,
            time_zone=draft.time_zone,
            first_day=draft.first_day,
            last_day=draft.last_day,
            provenance=provenance_document(draft.provenance),
            content_hash=bytes.fromhex(contract_hash(draft)),
            concluded_at=None if signatures else tx.opened_at,
        )
    )
    await tx.execute(
        insert(ContractPriceRow),
        [
            {**common, **_price_values(contract_id, price), "level": level_of(draft.provenance)}
            for price in draft.prices
        ],
    )
    if draft.framework_id is not None:
        await _join_as_call_off(tx, draft, contract_id)
    _tell(tx, contract_id, draft, "contract.offered" if signatures else "contract.concluded")
    return contract_id


async def _join_as_call_off(tx: Transaction, draft: ContractDraft, contract_id: UUID) -> None:
    """Put the contract of a mini-competition under its framework: its orders count there."""
    await tx.execute(
        insert(FrameworkMemberRow).values(
            contract_id=contract_id,
            framework_id=draft.framework_id,
            buyer_id=draft.buyer_id,
            supplier_id=draft.supplier_id,
            call_off=True,
        )
    )


async def _next_priority(tx: Transaction, buyer_id: UUID, supplier_id: UUID) -> int:
    """Give the priority above all contracts of the pair, which then wait for this transaction."""
    await tx.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"{buyer_id}{supplier_id}", 0)))
    )
    highest: int | None = await tx.scalar(
        select(func.max(ContractRow.priority)).where(
            ContractRow.buyer_id == buyer_id, ContractRow.supplier_id == supplier_id
        )
    )
    return (highest or 0) + 1


def _price_values(contract_id: UUID, price: ContractPrice) -> dict[str, Any]:
    return {
        "id": new_id(),
        "contract_id": contract_id,
        "contract_version": 1,
        "sku": price.sku,
        "description": price.description,
        "unit": price.unit,
        "basis": price.basis,
        "tiers": [
            {
                "minimum_quantity": plain_decimal(tier.minimum_quantity),
                "amount": plain_decimal(tier.amount),
            }
            for tier in price.tiers
        ],
        "commitment": commitment_document(price.commitment),
        "terms": terms_document(price.terms),
    }


def _tell(tx: Transaction, contract_id: UUID, draft: ContractDraft, kind: str) -> None:
    facts: dict[str, object] = {
        "buyer_id": draft.buyer_id,
        "supplier_id": draft.supplier_id,
        "title": draft.title,
        "first_day": draft.first_day,
        "last_day": draft.last_day,
        "origin": origin_of(draft.provenance),
    }
    audience = frozenset({draft.buyer_id, draft.supplier_id})
    tx.emit(Event(kind, "contract", contract_id, 1, audience, facts))
    after = {**facts, "content_hash": contract_hash(draft)}
    tx.record(kind, "contract", contract_id, after=after, organization_id=draft.buyer_id)
