"""Sign contracts that wait for signatures, and end those that cannot be held."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, insert, select, text

from marketplace.contracts.ports import SignedContracts
from marketplace.contracts.reading import contract_view, own_contract
from marketplace.contracts.rules import CONTRACT, ContractState, check_signature
from marketplace.contracts.schemas import ContractView
from marketplace.contracts.tables import ContractRow, SignatureRow
from marketplace.kernel.clock import Validity
from marketplace.kernel.errors import NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction

_MOVE: Final = text("select move_contract(:contract, :version, :state, :at)")


@retries_conflicts
async def sign_contract(
    platform: Platform, caller: Caller, contract_id: UUID, version: int
) -> ContractView:
    """Sign for the caller's company; with the second signature the prices are in force.

    Raises NotFound, StaleVersion, WrongState for a contract that waits for none, Conflict for who
    has signed already.
    """
    caller.require("contracts:sign")
    async with transaction(platform, caller) as tx:
        # Neither side may lock the contract's row; the key of the signature is what serializes.
        row = await own_contract(tx, caller, contract_id)
        if row.version != version:
            raise StaleVersion(f"The contract is at version {row.version}, not {version}.")
        signed = await _signed_by(tx, contract_id)
        at = await tx.clock()
        state = ContractState(row.state)
        term = Validity(row.valid_from, row.valid_until)
        check_signature(state, term, caller.organization_id in signed, at)
        await tx.execute(
            insert(SignatureRow).values(
                contract_id=contract_id,
                organization_id=caller.organization_id,
                buyer_id=row.buyer_id,
                supplier_id=row.supplier_id,
                member_id=caller.member_id,
                content_hash=row.content_hash,
                signed_at=at,
            )
        )
        if signed:
            await _move(tx, row, CONTRACT.after(state, "conclude"), at)
            if platform.has(SignedContracts):
                signed_contracts = platform.get(SignedContracts)  # type: ignore[type-abstract]
                await signed_contracts.in_force(tx, contract_id, at)
        _tell(tx, row, "contract.concluded" if signed else "contract.signed")
        return await contract_view(tx, await own_contract(tx, caller, contract_id))


async def _signed_by(tx: Transaction, contract_id: UUID) -> frozenset[UUID]:
    """Give who has signed, the signing of both sides one after another."""
    await tx.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:name, 0))"),
        {"name": f"contract.signing/{contract_id}"},
    )
    rows = await tx.all(
        select(SignatureRow.organization_id).where(SignatureRow.contract_id == contract_id)
    )
    return frozenset(row.organization_id for row in rows)


async def end_contract(tx: Transaction, contract_id: UUID, reason: str) -> bool:
    """End a contract for its buyer: its prices count no more; tell whether there was one to end.

    Orders placed before stand. Joins an open transaction of the buyer. Raises NotFound.
    """
    row = await tx.maybe(
        select(
            ContractRow.id,
            ContractRow.version,
            ContractRow.state,
            ContractRow.buyer_id,
            ContractRow.supplier_id,
            ContractRow.title,
        ).where(ContractRow.id == contract_id)
    )
    if row is None:
        raise NotFound("There is no such contract of your company.")
    state = ContractState(row.state)
    if not CONTRACT.allows(state, "terminate"):
        return False
    await _move(tx, row, CONTRACT.after(state, "terminate"), await tx.clock())
    _tell(tx, row, "contract.terminated", reason=reason)
    return True


async def is_in_signing(tx: Transaction, contract_id: UUID) -> bool:
    """Tell whether a contract waits for signatures; joins the open transaction of a party."""
    state = await tx.scalar(select(ContractRow.state).where(ContractRow.id == contract_id))
    return bool(state == ContractState.SIGNING.value)


async def _move(tx: Transaction, row: Row[Any], state: ContractState, at: object) -> None:
    moved = await tx.scalar(
        _MOVE,
        {"contract": row.id, "version": row.version, "state": state.value, "at": at},
    )
    if moved is None:
        raise StaleVersion("The contract was changed meanwhile; read it again.")


def _tell(tx: Transaction, row: Row[Any], kind: str, **more: str) -> None:
    facts: dict[str, object] = {
        "buyer_id": row.buyer_id,
        "supplier_id": row.supplier_id,
        "title": row.title,
        **more,
    }
    audience = frozenset({row.buyer_id, row.supplier_id})
    tx.emit(Event(kind, "contract", row.id, row.version + 1, audience, facts))
    tx.record(
        kind,
        "contract",
        row.id,
        after=facts,
        organization_id=None if tx.caller else row.buyer_id,
    )
