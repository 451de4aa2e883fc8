"""Hand the best bids of a lot to a live auction, and take its result back.

The auction is handed participants, terms and opening amounts and never hears of procedures; what it
ended with comes back by its event. Its `origin` is the lot, so a lot has one auction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import insert, select, update

from auctions.drafts import AuctionDraft, Origin, Participant
from auctions.engine.terms import Decrement, Terms
from auctions.results import result_of
from auctions.service import open_auction
from marketplace.kernel.errors import Conflict, invalid
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.schemas import MoneyView
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from marketplace.platform.outbox import NumberedEvent
from rfq.evaluation.offers import evaluate
from rfq.handover.schemas import LotAuctionInput, LotAuctionView, LotParticipantView
from rfq.negotiation.agreed import check_nothing_negotiated
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded, load
from rfq.rules import procedure as rules
from rfq.rules.evaluation import Standing, best
from rfq.rules.procedure import LOT, Action, LotAction, LotStatus, Party
from rfq.tables import LotAuctionRow, LotResultRow, LotRow, ProcedureRow

ORIGIN: Final = "rfq.lot"
RUNNING: Final = "running"
ENDED: Final = "ended"
CALLED_OFF: Final = "called_off"
AT_ONCE: Final = timedelta(seconds=1)
"""An auction is announced before it starts."""


@dataclass(frozen=True, slots=True)
class Result:
    """Where one bidder ended: his last amount, the bid and the hash of its ledger entry."""

    bidder_id: UUID
    amount: Decimal
    bid_id: UUID
    entry_hash: bytes
    bid_at: datetime


@dataclass(frozen=True, slots=True)
class EndedAuction:
    """A lot's auction that has closed, with its ranking, the winner first."""

    auction_id: UUID
    ended_at: datetime
    ledger_head: bytes
    ranking: tuple[Result, ...]


@retries_conflicts
async def start_auction(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    data: LotAuctionInput,
    key: IdempotencyKey,
) -> LotAuctionView:
    """Take the best bidders of a lot into a live auction, each entering with his own total.

    The ceiling is the highest total among them: nobody has to begin below what he offered.
    Raises NotFound, WrongState, Conflict where its auction was called off, InvalidInput for terms
    that do not fit.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, LotAuctionView)) is not None:
            return earlier
        loaded = await load_own(tx, caller, procedure_id, lock=True)
        rules.check_bids_readable(loaded.procedure)
        if data.lot_id not in loaded.lot_statuses:
            raise invalid("/lot_id", "unknown_lot", "This procedure has no such lot.")
        status = rules.moved(loaded.procedure.status, Action.START_AUCTION, Party.BUYER)
        lot_status = LOT.after(loaded.lot_statuses[data.lot_id], LotAction.START_AUCTION)
        if await tx.scalar(select(LotAuctionRow.lot_id).where(LotAuctionRow.lot_id == data.lot_id)):
            raise Conflict("The auction of this lot was called off: award it from its bids.")
        await check_nothing_negotiated(tx, data.lot_id)
        chosen = best((await evaluate(tx, loaded)).standings[data.lot_id], data.bidders)
        if len(chosen) < data.bidders:
            detail = f"This lot has {len(chosen)} valid bids."
            raise invalid("/bidders", "too_many", detail)
        at = await tx.clock()
        auction_id = await open_auction(tx, _draft(loaded, data, chosen, at))
        await tx.execute(
            insert(LotAuctionRow).values(
                lot_id=data.lot_id,
                auction_id=auction_id,
                procedure_id=procedure_id,
                buyer_id=caller.organization_id,
                status=RUNNING,
                opened_at=at,
            )
        )
        await _move_lot(tx, data.lot_id, lot_status)
        await tx.execute(
            update(ProcedureRow)
            .where(ProcedureRow.id == procedure_id)
            .values(status=status.value, version=loaded.version + 1)
        )
        facts = {"lot_id": data.lot_id, "auction_id": auction_id}
        tx.record("lot.auction_started", "procedure", procedure_id, after=facts)
        return await keep(tx, key, _view(data.lot_id, auction_id, chosen))


async def _move_lot(tx: Transaction, lot_id: UUID, status: LotStatus) -> None:
    await tx.execute(update(LotRow).where(LotRow.id == lot_id).values(status=status.value))


def _draft(
    loaded: Loaded, data: LotAuctionInput, chosen: Sequence[Standing], at: datetime
) -> AuctionDraft:
    lot = loaded.procedure.lot(data.lot_id)
    return AuctionDraft(
        buyer_id=loaded.procedure.buyer_id,
        unit_id=loaded.row.unit_id,
        title=loaded.row.title,
        terms=_terms(loaded, data, chosen, at),
        # In the order of the bids' ranking, which so decides between equal totals here as well.
        participants=tuple(
            Participant(standing.offer.bidder_id, standing.total.amount) for standing in chosen
        ),
        origin=Origin(ORIGIN, data.lot_id),
        lot_title=None if lot is None else lot.title,
    )


def _terms(
    loaded: Loaded, data: LotAuctionInput, chosen: Sequence[Standing], at: datetime
) -> Terms:
    maximum = data.decrement.maximum
    return Terms(
        disclosure=data.disclosure,
        currency=loaded.procedure.currency,
        ceiling=max(standing.total.amount for standing in chosen),
        decrement=Decrement(
            data.decrement.step.step(),
            data.decrement.reference,
            None if maximum is None else maximum.step(),
        ),
        overtime=None if data.overtime is None else data.overtime.overtime("/overtime"),
        starting_gate=data.starting_gate,
        buyer_sees_identities=data.buyer_sees_identities,
        starts_at=data.starts_at or at + AT_ONCE,
        ends_at=data.ends_at,
    )


def _view(lot_id: UUID, auction_id: UUID, chosen: Sequence[Standing]) -> LotAuctionView:
    return LotAuctionView(
        lot_id=lot_id,
        auction_id=auction_id,
        participants=[
            LotParticipantView(
                organization_id=standing.offer.bidder_id,
                opening_amount=MoneyView.of(standing.total),
            )
            for standing in chosen
        ],
    )


async def record_auction_end(_platform: Platform, tx: Transaction, event: NumberedEvent) -> None:
    """Take over what a lot's auction ended with: the consumer of its closing or calling-off."""
    origin = event.payload.get("origin") or {}
    if origin.get("kind") != ORIGIN:
        return
    lot_id = UUID(origin["id"])
    procedure_id = await tx.scalar(
        select(LotAuctionRow.procedure_id).where(
            LotAuctionRow.lot_id == lot_id, LotAuctionRow.auction_id == event.subject_id
        )
    )
    if procedure_id is None:
        return
    loaded = await load(tx, procedure_id, lock=True)
    called_off = event.kind == "auction.cancelled"
    action = LotAction.CALL_OFF_AUCTION if called_off else LotAction.END_AUCTION
    await _move_lot(tx, lot_id, LOT.after(loaded.lot_statuses[lot_id], action))
    head = None if called_off else await _store_result(tx, loaded, lot_id, event.subject_id)
    await tx.execute(
        update(LotAuctionRow)
        .where(LotAuctionRow.lot_id == lot_id)
        .values(
            status=CALLED_OFF if called_off else ENDED,
            ended_at=event.occurred_at,
            ledger_head=head,
        )
    )
    await tx.execute(
        update(ProcedureRow)
        .where(ProcedureRow.id == loaded.procedure.id)
        .values(version=loaded.version + 1)
    )
    tx.record(
        "lot.auction_ended",
        "procedure",
        loaded.procedure.id,
        after={"lot_id": lot_id, "auction_id": event.subject_id, "called_off": called_off},
        organization_id=loaded.procedure.buyer_id,
    )


async def _store_result(tx: Transaction, loaded: Loaded, lot_id: UUID, auction_id: UUID) -> bytes:
    """Store the ranking of an auction; give the head of its ledger."""
    result = await result_of(tx, auction_id)
    await tx.execute(
        insert(LotResultRow),
        [
            {
                "lot_id": lot_id,
                "bidder_id": ranked.organization_id,
                "buyer_id": loaded.procedure.buyer_id,
                "rank": ranked.rank,
                "amount": ranked.amount.amount,
                "bid_id": ranked.bid_id,
                "entry_hash": bytes.fromhex(ranked.entry_hash),
                "bid_at": ranked.decided_at,
            }
            for ranked in result.ranking
        ],
    )
    return bytes.fromhex(result.head)


async def ended_auction(tx: Transaction, lot_id: UUID) -> EndedAuction | None:
    """Give the auction of a lot with its ranking; None if it had none or it was called off.

    Raises Conflict while it runs.
    """
    row = await tx.maybe(
        select(
            LotAuctionRow.auction_id,
            LotAuctionRow.status,
            LotAuctionRow.ended_at,
            LotAuctionRow.ledger_head,
        ).where(LotAuctionRow.lot_id == lot_id)
    )
    if row is None or row.status == CALLED_OFF:
        return None
    if row.status == RUNNING:
        raise Conflict("The auction of this lot has not ended yet.")
    ranking = await results_of(tx, lot_id)
    return EndedAuction(row.auction_id, row.ended_at, bytes(row.ledger_head), ranking)


async def results_of(tx: Transaction, lot_id: UUID) -> tuple[Result, ...]:
    """Give the results of a lot's auction that this transaction may see, best first."""
    rows = await tx.all(
        select(
            LotResultRow.bidder_id,
            LotResultRow.amount,
            LotResultRow.bid_id,
            LotResultRow.entry_hash,
            LotResultRow.bid_at,
        )
        .where(LotResultRow.lot_id == lot_id)
        .order_by(LotResultRow.rank)
    )
    return tuple(
        Result(row.bidder_id, row.amount, row.bid_id, bytes(row.entry_hash), row.bid_at)
        for row in rows
    )
