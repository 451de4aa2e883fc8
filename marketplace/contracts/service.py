"""Conclude contracts, read them, and tell what their prices stem from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import Row, Select, bindparam, func, insert, or_, select, text
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.contracts.parties import newest_of_party
from marketplace.contracts.rules import (
    CONTRACT,
    AtExhaustion,
    Commitment,
    ContractDraft,
    ContractPrice,
    ContractState,
    Draw,
    Measure,
    Provenance,
    check_draft,
    contract_hash,
    level_of,
    origin_of,
    raised,
    state_at,
    term_of,
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
from marketplace.kernel.errors import Conflict, NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.paging import Page, PageRequest, page


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
        "commitment": _commitment_document(price.commitment),
        "terms": terms_document(price.terms),
    }


def _commitment_document(commitment: Commitment | None) -> dict[str, str] | None:
    if commitment is None:
        return None
    document = {
        "measure": commitment.measure.value,
        "cap": plain_decimal(commitment.cap),
        "at_exhaustion": commitment.at_exhaustion.value,
    }
    if commitment.committed is not None:
        document["committed"] = plain_decimal(commitment.committed)
    return document


async def lock_drawn(tx: Transaction, price_ids: Iterable[UUID]) -> dict[UUID, Decimal]:
    """Lock prices with a commitment and give what is drawn of each as it is now.

    Whoever means to draw asks first: of many call-offs at once each sees what those before took.
    """
    rows = await tx.all(
        select(ContractPriceRow.id, ContractPriceRow.drawn)
        .where(ContractPriceRow.id.in_(sorted(price_ids)))
        .order_by(ContractPriceRow.id)
        .with_for_update()
    )
    return {row.id: row.drawn for row in rows}


async def draw(tx: Transaction, draws: Iterable[Draw]) -> None:
    """Take from commitments; raises Conflict where less is left than one asks."""
    totals = _by_price(draws)
    if not totals:
        return
    if await _change_drawn(tx, totals, 1) != len(totals):
        raise Conflict("Less is left of the quantity agreed than this order draws; price it again.")


async def give_back(tx: Transaction, draws: Iterable[Draw]) -> None:
    """Put back into commitments what an order does not take after all."""
    if totals := _by_price(draws):
        await _change_drawn(tx, totals, -1)


def _by_price(draws: Iterable[Draw]) -> dict[UUID, Decimal]:
    totals: dict[UUID, Decimal] = {}
    for each in draws:
        totals[each.price_id] = totals.get(each.price_id, Decimal(0)) + each.amount
    return {price_id: amount for price_id, amount in sorted(totals.items()) if amount}


_CHANGE_DRAWN: Final = text("""
update contract_prices p set drawn = p.drawn + given.amount
from (select * from unnest(cast(:price_ids as uuid[]), cast(:amounts as numeric[]))
          as listed (id, amount)) as given
where p.id = given.id and p.drawn + given.amount between 0 and (p.commitment ->> 'cap')::numeric
""")


async def _change_drawn(tx: Transaction, totals: Mapping[UUID, Decimal], sign: int) -> int:
    # In the order of ids, which is the order in which they are locked everywhere.
    await lock_drawn(tx, totals)
    values = {
        "price_ids": list(totals),
        "amounts": [sign * amount for amount in totals.values()],
    }
    return await tx.execute(_CHANGE_DRAWN, values)


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


def provenance_document(steps: Sequence[Provenance]) -> list[dict[str, Any]]:
    """Give the stored form of a provenance, as the JSON columns of contracts and lines hold it."""
    document: list[dict[str, Any]] = msgspec.to_builtins(steps)
    return document


def read_provenance(document: Sequence[dict[str, Any]]) -> tuple[Provenance, ...]:
    """Read a stored provenance."""
    return msgspec.convert(document, tuple[Provenance, ...])


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


def terms_document(terms: LineTerms | None) -> dict[str, Any] | None:
    """Give the stored form of a line's terms."""
    return None if terms is None else msgspec.to_builtins(terms)


def read_terms(document: Mapping[str, Any]) -> LineTerms:
    """Read stored terms of a line."""
    return msgspec.convert(document, LineTerms)


def whole_provenance(
    contract_id: UUID,
    document: Sequence[dict[str, Any]],
    concluded_at: datetime | None,
    digest: bytes,
) -> tuple[Provenance, ...]:
    """Give what a contract stems from, from its columns, with its own step last.

    A contract that is not concluded has no step of its own.
    """
    if concluded_at is None:
        return read_provenance(document)
    own = Provenance("contract", contract_id, concluded_at, bytes(digest).hex())
    return (*read_provenance(document), own)


@retries_conflicts
async def raise_cap(
    platform: Platform,
    caller: Caller,
    contract_id: UUID,
    price_id: UUID,
    cap: Decimal,
    version: int,
) -> ContractView:
    """Let the buyer draw more at a price: its supplier may, and never less than before.

    Raises NotFound, StaleVersion, Conflict for a price without a commitment, and what
    `rules.raised` raises.
    """
    caller.require("contracts:write")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(
            _contracts(caller).where(
                ContractRow.id == contract_id, ContractRow.supplier_id == caller.organization_id
            )
        )
        price = await tx.maybe(
            select(ContractPriceRow.sku, ContractPriceRow.unit, ContractPriceRow.commitment).where(
                ContractPriceRow.id == price_id, ContractPriceRow.contract_id == contract_id
            )
        )
        if row is None or price is None:
            raise NotFound("There is no such price in a contract of yours to deliver.")
        if price.commitment is None:
            raise Conflict("This price has no commitment: any quantity may be ordered at it.")
        before = _read_commitment(price.commitment)
        after = _commitment_document(raised(before, cap, price.unit, row.currency))
        now = await tx.scalar(
            _WRITE_COMMITMENT,
            {"price": price_id, "contract": contract_id, "version": version, "given": after},
        )
        if now is None:
            raise StaleVersion("The contract has changed; read it again.")
        _tell_raised(tx, row, price_id, price, after)
        return await contract_view(tx, await own_contract(tx, caller, contract_id))


_WRITE_COMMITMENT: Final = text(
    "select write_commitment(:contract, :price, :version, cast(:given as jsonb))"
).bindparams(bindparam("given", type_=JSONB))


def _read_commitment(document: Mapping[str, str]) -> Commitment:
    committed = document.get("committed")
    return Commitment(
        measure=Measure(document["measure"]),
        cap=Decimal(document["cap"]),
        at_exhaustion=AtExhaustion(document["at_exhaustion"]),
        committed=None if committed is None else Decimal(committed),
    )


def _tell_raised(
    tx: Transaction, contract: Row[Any], price_id: UUID, price: Row[Any], after: Any
) -> None:
    facts: dict[str, object] = {
        "buyer_id": contract.buyer_id,
        "supplier_id": contract.supplier_id,
        "contract_price_id": price_id,
        "sku": price.sku,
        "unit": price.unit,
        "cap": after["cap"],
    }
    audience = frozenset({contract.buyer_id, contract.supplier_id})
    version = contract.version + 1
    tx.emit(Event("contract.cap_raised", "contract", contract.id, version, audience, facts))
    before = {"cap": price.commitment["cap"]}
    tx.record("contract.cap_raised", "contract", contract.id, before=before, after=facts)


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
        _contracts(caller)
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
    row = await tx.maybe(_contracts(caller).where(ContractRow.id == contract_id))
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


def _contracts(caller: Caller) -> Select[*tuple[Any, ...]]:
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
