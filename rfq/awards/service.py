"""Award a lot: unit prices, contract, and the whole way there as provenance, in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from catalog.products.service import add_private_offer
from marketplace.contracts.rules import (
    AtExhaustion,
    Commitment,
    ContractDraft,
    ContractPrice,
    Measure,
    Provenance,
    Tier,
)
from marketplace.contracts.schemas import ProvenanceView
from marketplace.contracts.service import (
    conclude,
    provenance_document,
    provenance_view,
    read_provenance,
)
from marketplace.kernel.canonical import content_hash, plain_decimal
from marketplace.kernel.clock import is_time_zone
from marketplace.kernel.errors import NotFound, invalid
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.money import Money
from marketplace.kernel.units import decimals_allowed
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.schemas import MoneyView
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.awards.schemas import (
    AwardInput,
    AwardLineView,
    BreakdownInput,
    BreakdownView,
    BuyerAwardList,
    BuyerAwardView,
    SupplierAwardList,
    SupplierAwardView,
)
from rfq.bids.service import bids_lock, hold_own
from rfq.evaluation.offers import evaluate, line_view
from rfq.evaluation.rankings import Ranking, rank_lot
from rfq.handover.service import results_of
from rfq.negotiation.agreed import call_off_for_lot
from rfq.procedures.reading import Loaded, load
from rfq.rules.abnormal import check_award
from rfq.rules.award import Breakdown, check_choice, own_breakdown, scaled
from rfq.rules.evaluation import Final
from rfq.rules.procedure import LOT, LotAction, Status, check_bids_readable, status_after_lots
from rfq.tables import AwardLineRow, AwardRow, BreakdownRow, LotRow, ProcedureRow


@dataclass(frozen=True, slots=True)
class Decision:
    """What is awarded: to whom, at which rank and total, at which unit prices, under which SKUs."""

    award_id: UUID
    lot_id: UUID
    rank: int
    final: Final
    breakdown: Breakdown
    skus: tuple[str, ...]
    reason: str


@retries_conflicts
async def award_lot(
    platform: Platform, caller: Caller, procedure_id: UUID, data: AwardInput, key: IdempotencyKey
) -> BuyerAwardView:
    """Award a lot to the first of its ranking, or with a reason to another.

    The bid is the supplier's signature and the award the buyer's: the contract is concluded with
    it, and its prices count from its first day on.
    Raises NotFound, WrongState, InvalidInput (a bid that is none, a reason missing, bad days).
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, BuyerAwardView)) is not None:
            return earlier
        # Waits for breakdowns that are being taken: what was taken counts.
        loaded = await hold_own(tx, caller, procedure_id)
        check_bids_readable(loaded.procedure)
        if data.lot_id not in loaded.lot_statuses:
            raise invalid("/lot_id", "unknown_lot", "This procedure has no such lot.")
        lot_status = LOT.after(loaded.lot_statuses[data.lot_id], LotAction.AWARD)
        at = await tx.clock()
        first_day = _first_day(data, at)
        ranking = await rank_lot(tx, loaded, data.lot_id)
        decision = await _decide(tx, loaded, data, ranking)
        provenance = _provenance(loaded, decision, ranking, at)
        contract_id = await conclude(
            tx, _contract(loaded, decision, data, first_day, provenance=provenance)
        )
        await _store(tx, loaded, decision, provenance, contract_id=contract_id, at=at)
        statuses = {**loaded.lot_statuses, data.lot_id: lot_status}
        status = status_after_lots(loaded.procedure.status, list(statuses.values()))
        await _move(tx, loaded, data.lot_id, lot_status.value, status)
        await call_off_for_lot(tx, data.lot_id, decision.final.offer.bidder_id)
        await _tell(tx, loaded, decision, status)
        return await keep(tx, key, await _read_own(tx, decision.award_id))


def _first_day(data: AwardInput, at: datetime) -> date:
    if not is_time_zone(data.time_zone):
        detail = f"{data.time_zone!r} is no IANA time zone; for example Europe/Berlin."
        raise invalid("/time_zone", "unknown_time_zone", detail)
    return data.first_day or at.astimezone(ZoneInfo(data.time_zone)).date()


async def _decide(tx: Transaction, loaded: Loaded, data: AwardInput, ranking: Ranking) -> Decision:
    rank, final = _chosen(ranking, data.bid_id)
    bidder_id = final.offer.bidder_id
    check_award(ranking.flags.get(bidder_id), ranking.explanations.get(bidder_id))
    check_choice(rank, data.reason)
    breakdown = await _breakdown(tx, data.lot_id, final)
    skus = [
        line.sku
        or await add_private_offer(
            tx,
            final.offer.bidder_id,
            loaded.procedure.buyer_id,
            line.line.description,
            line.line.unit,
        )
        for line in breakdown.lines
    ]
    return Decision(new_id(), data.lot_id, rank, final, breakdown, tuple(skus), data.reason)


def _chosen(ranking: Ranking, bid_id: UUID | None) -> tuple[int, Final]:
    # Who was rejected is behind all others: the first of those left wins without a reason.
    for rank, final in enumerate((*ranking.finals, *ranking.rejected), start=1):
        if bid_id is None or final.offer.bid_id == bid_id:
            return rank, final
    raise invalid("/bid_id", "unknown_bid", "No valid bid for this lot has this id.")


async def _breakdown(tx: Transaction, lot_id: UUID, final: Final) -> Breakdown:
    """Take the winner's own unit prices if he sent some for this very total, else scale his bid."""
    own = await tx.maybe(
        select(BreakdownRow.total, BreakdownRow.unit_amounts).where(
            BreakdownRow.lot_id == lot_id, BreakdownRow.bidder_id == final.offer.bidder_id
        )
    )
    if own is not None and own.total == final.amount.amount:
        return own_breakdown(final.offer.lines, _amounts(own.unit_amounts), final.amount)
    return scaled(final.offer.lines, final.amount)


def _amounts(document: Mapping[str, str]) -> dict[UUID, Decimal]:
    return {UUID(line_id): Decimal(amount) for line_id, amount in document.items()}


def _provenance(
    loaded: Loaded, decision: Decision, ranking: Ranking, at: datetime
) -> tuple[Provenance, ...]:
    """Tell how the award came about, earliest first, each step with the hash that pins it."""
    offer = decision.final.offer
    published_at: datetime = loaded.row.published_at
    steps = [
        Provenance("rfq.procedure", loaded.procedure.id, published_at, loaded.terms_hash()),
        Provenance("rfq.bid", offer.bid_id, offer.submitted_at, offer.commitment.hex()),
    ]
    agreed, auction = ranking.agreed.get(offer.bidder_id), ranking.auction
    if agreed is not None:
        digest = agreed.content_hash.hex()
        steps.append(Provenance("rfq.negotiation", agreed.negotiation_id, agreed.agreed_at, digest))
    if auction is not None:
        head = auction.ledger_head.hex()
        steps.append(Provenance("auction", auction.auction_id, auction.ended_at, head))
        steps += [
            Provenance("auction.bid", entry.bid_id, entry.bid_at, entry.entry_hash.hex())
            for entry in auction.ranking
            if entry.bidder_id == offer.bidder_id
        ]
    steps.append(Provenance("rfq.award", decision.award_id, at, _hash(decision).hex()))
    return tuple(steps)


def _hash(decision: Decision) -> bytes:
    """Give the hash of what was decided, for the award's own step of provenance."""
    return content_hash(
        {
            "form": "rfq.award/1",
            "award_id": decision.award_id,
            "lot_id": decision.lot_id,
            "bid_id": decision.final.offer.bid_id,
            "bidder_id": decision.final.offer.bidder_id,
            "commitment": decision.final.offer.commitment,
            "rank": decision.rank,
            "reason": decision.reason,
            "total": decision.breakdown.total.amount,
            "currency": decision.breakdown.total.currency,
            "lines": [
                [line.line.id, sku, line.unit_amount, line.basis, line.amount.amount]
                for line, sku in zip(decision.breakdown.lines, decision.skus, strict=True)
            ],
        }
    )


def _contract(
    loaded: Loaded,
    decision: Decision,
    data: AwardInput,
    first_day: date,
    *,
    provenance: tuple[Provenance, ...],
) -> ContractDraft:
    lot = loaded.procedure.lot(decision.lot_id)
    title = loaded.row.title if lot is None else f"{loaded.row.title}: {lot.title}"
    return ContractDraft(
        buyer_id=loaded.procedure.buyer_id,
        supplier_id=decision.final.offer.bidder_id,
        title=title,
        currency=loaded.procedure.currency,
        time_zone=data.time_zone,
        first_day=first_day,
        last_day=data.last_day,
        prices=tuple(
            ContractPrice(
                sku=sku,
                description=line.line.description,
                unit=line.line.unit,
                basis=line.basis,
                # Of the lot's price there is one tier: from the least quantity there is.
                tiers=(Tier(_least(line.line.unit), line.unit_amount),),
                commitment=_commitment(loaded, line.line.quantity),
                terms=line.terms,
            )
            for line, sku in zip(decision.breakdown.lines, decision.skus, strict=True)
        ),
        provenance=provenance,
    )


def _commitment(loaded: Loaded, quantity: Decimal) -> Commitment | None:
    """Give the commitment to the quantity asked for, where the procedure says there is one."""
    beyond = loaded.row.beyond_quantity
    if beyond is None:
        return None
    return Commitment(Measure.QUANTITY, cap=quantity, at_exhaustion=AtExhaustion(beyond))


def _least(unit: str) -> Decimal:
    return Decimal(1).scaleb(-decimals_allowed(unit))


async def _store(
    tx: Transaction,
    loaded: Loaded,
    decision: Decision,
    provenance: tuple[Provenance, ...],
    *,
    contract_id: UUID,
    at: datetime,
) -> None:
    offer = decision.final.offer
    parties = {"buyer_id": loaded.procedure.buyer_id, "supplier_id": offer.bidder_id}
    await tx.execute(
        insert(AwardRow).values(
            **parties,
            id=decision.award_id,
            procedure_id=loaded.procedure.id,
            lot_id=decision.lot_id,
            bid_id=offer.bid_id,
            rank=decision.rank,
            reason=decision.reason,
            total=decision.breakdown.total.amount,
            currency=decision.breakdown.total.currency,
            contract_id=contract_id,
            content_hash=_hash(decision),
            provenance=provenance_document(provenance),
            awarded_by=tx.caller.member_id if tx.caller else None,
            awarded_at=at,
        )
    )
    await tx.execute(
        insert(AwardLineRow),
        [
            {
                **parties,
                "award_id": decision.award_id,
                "line_id": line.line.id,
                "position": position,
                "sku": sku,
                "unit_amount": line.unit_amount,
                "basis": line.basis,
                "amount": line.amount.amount,
            }
            for position, (line, sku) in enumerate(
                zip(decision.breakdown.lines, decision.skus, strict=True)
            )
        ],
    )


async def _move(
    tx: Transaction, loaded: Loaded, lot_id: UUID, lot_status: str, status: Status
) -> None:
    await tx.execute(update(LotRow).where(LotRow.id == lot_id).values(status=lot_status))
    await tx.execute(
        update(ProcedureRow)
        .where(ProcedureRow.id == loaded.procedure.id)
        .values(status=status.value, version=loaded.version + 1)
    )


async def _tell(tx: Transaction, loaded: Loaded, decision: Decision, status: Status) -> None:
    """Tell all who bid that the lot is decided; to whom it went, the winner learns by his award."""
    procedure = loaded.procedure
    bidders = {bid.bidder_id for bid in (await evaluate(tx, loaded)).bids}
    facts: dict[str, object] = {"lot_id": decision.lot_id, "status": status}
    audience = frozenset({procedure.buyer_id, *bidders})
    version = loaded.version + 1
    tx.emit(Event("procedure.awarded", "procedure", procedure.id, version, audience, facts))
    after = {
        **facts,
        "award_id": decision.award_id,
        "supplier_id": decision.final.offer.bidder_id,
        "total": decision.breakdown.total.amount,
        "hash": _hash(decision).hex(),
    }
    tx.record("procedure.awarded", "procedure", procedure.id, after=after)


async def list_awards(
    platform: Platform, caller: Caller, procedure_id: UUID
) -> BuyerAwardList | SupplierAwardList:
    """List a procedure's awards: all to its buyer, his own to a supplier. Raises NotFound."""
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        own = loaded.procedure.buyer_id == caller.organization_id
        caller.require("rfq:read" if own else "bids:read")
        rows, lines = await _read(tx, AwardRow.procedure_id == procedure_id)
    if own:
        return BuyerAwardList(items=[_buyer_view(row, lines) for row in rows])
    return SupplierAwardList(items=[SupplierAwardView(**_shared(row, lines)) for row in rows])


async def _read_own(tx: Transaction, award_id: UUID) -> BuyerAwardView:
    rows, lines = await _read(tx, AwardRow.id == award_id)
    return _buyer_view(rows[0], lines)


async def _read(tx: Transaction, condition: Any) -> tuple[Sequence[Row[Any]], Sequence[Row[Any]]]:
    rows = await tx.all(
        select(
            AwardRow.id,
            AwardRow.procedure_id,
            AwardRow.lot_id,
            AwardRow.supplier_id,
            AwardRow.bid_id,
            AwardRow.rank,
            AwardRow.reason,
            AwardRow.total,
            AwardRow.currency,
            AwardRow.contract_id,
            AwardRow.content_hash,
            AwardRow.provenance,
            AwardRow.awarded_at,
        )
        .where(condition)
        .order_by(AwardRow.id)
    )
    lines = await tx.all(
        select(
            AwardLineRow.award_id,
            AwardLineRow.line_id,
            AwardLineRow.sku,
            AwardLineRow.unit_amount,
            AwardLineRow.basis,
            AwardLineRow.amount,
        )
        .where(AwardLineRow.award_id.in_([row.id for row in rows]))
        .order_by(AwardLineRow.award_id, AwardLineRow.position)
    )
    return rows, lines


def _buyer_view(row: Row[Any], lines: Sequence[Row[Any]]) -> BuyerAwardView:
    return BuyerAwardView(**_shared(row, lines), rank=row.rank, reason=row.reason)


def _shared(row: Row[Any], lines: Sequence[Row[Any]]) -> dict[str, Any]:
    provenance: list[ProvenanceView] = [
        provenance_view(step) for step in read_provenance(row.provenance)
    ]
    return {
        "id": row.id,
        "procedure_id": row.procedure_id,
        "lot_id": row.lot_id,
        "supplier_id": row.supplier_id,
        "bid_id": row.bid_id,
        "total": MoneyView.of(Money(row.total, row.currency)),
        "contract_id": row.contract_id,
        "hash": bytes(row.content_hash).hex(),
        "awarded_at": row.awarded_at,
        "provenance": provenance,
        "lines": [
            AwardLineView(
                line_id=line.line_id,
                sku=line.sku,
                unit_amount=plain_decimal(line.unit_amount),
                basis=plain_decimal(line.basis),
                amount=MoneyView.of(Money(line.amount, row.currency)),
            )
            for line in lines
            if line.award_id == row.id
        ],
    }


@retries_conflicts
async def send_breakdown(
    platform: Platform, caller: Caller, procedure_id: UUID, lot_id: UUID, data: BreakdownInput
) -> BreakdownView:
    """Take a bidder's own unit prices for the total he reached in a lot's auction, until its award.

    Raises NotFound where he was in no auction of the lot, WrongState after the award, InvalidInput
    where the prices come to another total.
    """
    caller.require("bids:write")
    unit_amounts = _once_each(data)
    async with transaction(platform, caller) as tx:
        await tx.execute(select(func.pg_advisory_xact_lock_shared(bids_lock(procedure_id))))
        loaded = await load(tx, procedure_id)
        if lot_id not in loaded.lot_statuses:
            raise NotFound("This procedure has no such lot.")
        LOT.after(loaded.lot_statuses[lot_id], LotAction.AWARD)
        # Of bids and results this transaction sees the own ones only.
        offers = (await evaluate(tx, loaded)).standings[lot_id]
        results = await results_of(tx, lot_id)
        if not offers or not results:
            raise NotFound("Your company was in no auction of this lot that has ended.")
        total = results[0].amount
        final = Money(total, loaded.procedure.currency)
        made = own_breakdown(offers[0].offer.lines, unit_amounts, final)
        values = {
            "total": total,
            "unit_amounts": {str(line): plain_decimal(a) for line, a in unit_amounts.items()},
            "sent_at": await tx.clock(),
        }
        await tx.execute(
            upsert(BreakdownRow)
            .values(
                **values,
                lot_id=lot_id,
                bidder_id=caller.organization_id,
                procedure_id=procedure_id,
                buyer_id=loaded.procedure.buyer_id,
            )
            .on_conflict_do_update(index_elements=["lot_id", "bidder_id"], set_=values)
        )
        tx.record("lot.broken_down", "lot", lot_id, after={"total": total})
    return BreakdownView(
        lot_id=lot_id, total=MoneyView.of(final), lines=[line_view(line) for line in made.lines]
    )


def _once_each(data: BreakdownInput) -> dict[UUID, Decimal]:
    unit_amounts: dict[UUID, Decimal] = {}
    for number, line in enumerate(data.lines):
        if line.line_id in unit_amounts:
            detail = f"Line {line.line_id} is priced twice."
            raise invalid(f"/lines/{number}/line_id", "twice", detail)
        unit_amounts[line.line_id] = Decimal(line.unit_amount)
    return unit_amounts
