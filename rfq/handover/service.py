"""Hand the best bids of lots to a live auction, and take its results back.

The auction is handed participants, terms and opening amounts and never hears of procedures; what it
ended with comes back by its event: when all its lots have ended, or lot by lot where the buyer
wants that. Its `origin` is the first lot, and a lot is in one auction.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from sqlalchemy import insert, select, update

from auctions.draft_schemas import closest_disclosure
from auctions.drafts import AuctionDraft, LotDraft, Origin, Participant, lots_of
from auctions.engine.terms import Terms
from auctions.lot_order import Timing, Wish, lot_pointer, timings
from auctions.results import LotResult, Ranked, lot_result_of, result_of
from auctions.service import open_auction
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, invalid
from marketplace.kernel.money import Money
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.http.schemas import MoneyView
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from marketplace.platform.outbox import NumberedEvent
from rfq.evaluation.comparing import compare
from rfq.handover.schemas import (
    LotAuctionInput,
    LotAuctionView,
    LotParticipantView,
    LotsAuctionInput,
    LotsAuctionView,
    Results,
)
from rfq.negotiation.agreed import check_nothing_negotiated
from rfq.ocds.facts import Auctioned
from rfq.ocds.steps import tell_auctions_ended, tell_auctions_started
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded, load
from rfq.rules import procedure as rules
from rfq.rules.competition import check_auctionable, check_one_solution
from rfq.rules.evaluation import Standing, best
from rfq.rules.procedure import LOT, Action, LotAction, LotStatus, Party
from rfq.rules.validity import has_ended
from rfq.tables import LotAuctionRow, LotResultRow, LotRow, ProcedureRow

ORIGIN: Final = "rfq.lot"
RUNNING: Final = "running"
ENDED: Final = "ended"
CALLED_OFF: Final = "called_off"
AT_ONCE: Final = timedelta(seconds=1)
"""An auction is announced before it starts."""


@dataclass(frozen=True, slots=True)
class Result:
    """Where one bidder ended: his last amount, the bid and the hash of its ledger entry.

    `price` is the total he is awarded at: what the auction's rules give the winner,
    or his amount.
    """

    bidder_id: UUID
    amount: Decimal
    price: Decimal
    bid_id: UUID
    entry_hash: bytes
    bid_at: datetime


@dataclass(frozen=True, slots=True)
class EndedAuction:
    """A lot's auction that has closed, with its ranking, the leader first.

    `no_winner` says why he did not win by himself, None where he did.
    """

    auction_id: UUID
    ended_at: datetime
    ledger_head: bytes
    ranking: tuple[Result, ...]
    no_winner: str | None


@retries_conflicts
async def start_lot_auction(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    data: LotAuctionInput,
    key: IdempotencyKey,
) -> LotAuctionView:
    """Take the best bidders of one lot into a live auction; raises as `start_auction` does."""
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, LotAuctionView)) is not None:
            return earlier
        started = await _start(tx, caller, procedure_id, LotsAuctionInput(lots=[data]), "")
        return await keep(tx, key, started.lots[0])


@retries_conflicts
async def start_auction(
    platform: Platform,
    caller: Caller,
    procedure_id: UUID,
    data: LotsAuctionInput,
    key: IdempotencyKey,
) -> LotsAuctionView:
    """Take the best bidders of lots into one live auction, each entering with his own totals.

    The ceiling is the highest total among them: nobody has to begin below what he offered.
    Raises NotFound, WrongState, Conflict where a lot's auction was called off, InvalidInput for
    terms that do not fit.
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, LotsAuctionView)) is not None:
            return earlier
        return await keep(tx, key, await _start(tx, caller, procedure_id, data, "/lots"))


async def _start(
    tx: Transaction, caller: Caller, procedure_id: UUID, data: LotsAuctionInput, pointer: str
) -> LotsAuctionView:
    loaded = await load_own(tx, caller, procedure_id, lock=True)
    rules.check_bids_readable(loaded.procedure)
    for place, lot in enumerate(data.lots):
        check_auctionable(loaded.procedure, lot.format, lot_pointer(pointer, place))
    _check_lots(loaded, data, pointer)
    status = rules.moved(loaded.procedure.status, Action.START_AUCTION, Party.BUYER)
    asked = [lot.lot_id for lot in data.lots]
    for lot_id in asked:
        await _move_lot(tx, lot_id, LOT.after(loaded.lot_statuses[lot_id], LotAction.START_AUCTION))
    before = select(LotAuctionRow.lot_id).where(LotAuctionRow.lot_id.in_(asked)).limit(1)
    if await tx.scalar(before):
        raise Conflict("The auction of this lot was called off: award it from its bids.")
    for lot_id in asked:
        await check_nothing_negotiated(tx, lot_id)
    standings = (await compare(tx, loaded)).standings
    for lot_id in asked:
        check_one_solution(each.offer for each in standings[lot_id])
    at = await tx.clock()
    chosen = [
        _best(_able(standings[lot.lot_id], at), lot, lot_pointer(pointer, place))
        for place, lot in enumerate(data.lots)
    ]
    draft = _draft(loaded, data, chosen, at, pointer)
    auction_id = await open_auction(tx, draft, pointer)
    views = [
        _view(lot.lot_id, auction_id, row.id, among)
        for lot, row, among in zip(data.lots, await lots_of(tx, auction_id), chosen, strict=True)
    ]
    await tx.execute(
        insert(LotAuctionRow),
        [
            {
                "lot_id": view.lot_id,
                "auction_id": auction_id,
                "auction_lot_id": view.auction_lot_id,
                "procedure_id": procedure_id,
                "buyer_id": caller.organization_id,
                "status": RUNNING,
                "opened_at": at,
                "per_lot": data.results is Results.PER_LOT,
            }
            for view in views
        ],
    )
    await tx.execute(
        update(ProcedureRow)
        .where(ProcedureRow.id == procedure_id)
        .values(status=status.value, version=loaded.version + 1)
    )
    for view in views:
        facts = {"lot_id": view.lot_id, "auction_id": auction_id}
        tx.record("lot.auction_started", "procedure", procedure_id, after=facts)
    draft_lots = zip(views, draft.lots, strict=True)
    rounds = [
        Auctioned(
            view.auction_lot_id,
            view.lot_id,
            lot.terms.format.value,
            lot.terms.starts_at,
            lot.terms.ends_at,
        )
        for view, lot in draft_lots
    ]
    await tell_auctions_started(tx, loaded, rounds)
    return LotsAuctionView(auction_id=auction_id, lots=views)


def _check_lots(loaded: Loaded, data: LotsAuctionInput, pointer: str) -> None:
    errors, seen = [], set()
    for place, lot in enumerate(data.lots):
        at = f"{lot_pointer(pointer, place)}/lot_id"
        if lot.lot_id not in loaded.lot_statuses:
            errors.append(FieldError(at, "unknown_lot", "This procedure has no such lot."))
        elif lot.lot_id in seen:
            errors.append(FieldError(at, "duplicate", "A lot goes into an auction once."))
        seen.add(lot.lot_id)
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


def _able(standings: Sequence[Standing], at: datetime) -> list[Standing]:
    """Leave out offers that have ended, and those without a total of the whole lot.

    Who bids on in an auction is bound by what he entered.
    """
    return [
        each
        for each in standings
        if not each.offer.left_out and not has_ended(each.offer.binds_until, at)
    ]


def _best(standings: Sequence[Standing], data: LotAuctionInput, pointer: str) -> Sequence[Standing]:
    chosen = best(standings, data.bidders)
    if len(chosen) < data.bidders:
        detail = f"This lot has {len(chosen)} valid bids for all of it."
        raise invalid(f"{pointer}/bidders", "too_many", detail)
    return chosen


async def _move_lot(tx: Transaction, lot_id: UUID, status: LotStatus) -> None:
    await tx.execute(update(LotRow).where(LotRow.id == lot_id).values(status=status.value))


def _draft(
    loaded: Loaded,
    data: LotsAuctionInput,
    chosen: Sequence[Sequence[Standing]],
    at: datetime,
    pointer: str,
) -> AuctionDraft:
    interval = data.lot_interval
    wishes = [Wish(lot.starts_at, lot.ends_at, lot.lasts) for lot in data.lots]
    wishes[0] = replace(wishes[0], starts_at=wishes[0].starts_at or at + AT_ONCE)
    planned = timings(data.lot_order, interval, wishes, pointer)
    return AuctionDraft(
        buyer_id=loaded.procedure.buyer_id,
        unit_id=loaded.row.unit_id,
        title=loaded.row.title,
        lots=tuple(
            _lot(loaded, lot, among, timing, lot_pointer(pointer, place))
            for place, (lot, among, timing) in enumerate(
                zip(data.lots, chosen, planned, strict=True)
            )
        ),
        order=data.lot_order,
        interval_s=None if interval is None else interval // timedelta(seconds=1),
        origin=Origin(ORIGIN, data.lots[0].lot_id),
    )


def _lot(
    loaded: Loaded,
    data: LotAuctionInput,
    chosen: Sequence[Standing],
    timing: Timing,
    pointer: str,
) -> LotDraft:
    lot = loaded.procedure.lot(data.lot_id)
    return LotDraft(
        title=loaded.row.title if lot is None else lot.title,
        terms=_terms(loaded, data, chosen, timing, pointer),
        # In the order of the bids' ranking, which so decides between equal totals here as well.
        participants=tuple(
            Participant(standing.offer.bidder_id, standing.total.amount) for standing in chosen
        ),
        break_s=timing.break_s,
    )


def _terms(
    loaded: Loaded,
    data: LotAuctionInput,
    chosen: Sequence[Standing],
    timing: Timing,
    pointer: str,
) -> Terms:
    overtime, turns, reserve = data.overtime, data.turns, data.reserve
    return Terms(
        format=data.format,
        disclosure=data.disclosure or closest_disclosure(data.format),
        currency=loaded.procedure.currency,
        ceiling=max(standing.total.amount for standing in chosen),
        decrement=None if data.decrement is None else data.decrement.decrement(),
        turns=None if turns is None else turns.turns(f"{pointer}/turns"),
        reserve=None if reserve is None else Decimal(reserve),
        proxies=data.proxies,
        withdrawals=data.withdrawals,
        overtime=None if overtime is None else overtime.overtime(f"{pointer}/overtime"),
        starting_gate=data.starting_gate,
        buyer_sees_identities=data.buyer_sees_identities,
        starts_at=timing.starts_at,
        ends_at=timing.ends_at,
    )


def _view(
    lot_id: UUID, auction_id: UUID, auction_lot_id: UUID, chosen: Sequence[Standing]
) -> LotAuctionView:
    return LotAuctionView(
        lot_id=lot_id,
        auction_id=auction_id,
        auction_lot_id=auction_lot_id,
        participants=[
            LotParticipantView(
                organization_id=standing.offer.bidder_id,
                opening_amount=MoneyView.of(standing.total),
            )
            for standing in chosen
        ],
    )


async def record_auction_end(_platform: Platform, tx: Transaction, event: NumberedEvent) -> None:
    """Take over what lots' auction ended with: the consumer of what closes or calls it off.

    A lot's own end counts where its results come back by themselves; the auction's end brings back
    whatever has not come.
    """
    origin = event.payload.get("origin") or {}
    if origin.get("kind") != ORIGIN:
        return
    auction_id, of_lot = event.subject_id, event.kind.startswith("auction.lot_")
    statement = (
        select(LotAuctionRow.lot_id, LotAuctionRow.auction_lot_id, LotAuctionRow.procedure_id)
        .where(LotAuctionRow.auction_id == auction_id, LotAuctionRow.status == RUNNING)
        .order_by(LotAuctionRow.auction_lot_id)
    )
    if of_lot:
        ended = UUID(str(event.payload["lot_id"]))
        statement = statement.where(LotAuctionRow.per_lot, LotAuctionRow.auction_lot_id == ended)
    rows = await tx.all(statement)
    if not rows:
        return
    loaded = await load(tx, rows[0].procedure_id, lock=True)
    results: dict[UUID, LotResult] = {}
    if event.kind == "auction.lot_closed":
        lot_id = rows[0].auction_lot_id
        results = {lot_id: await lot_result_of(tx, auction_id, lot_id)}
    elif event.kind == "auction.closed":
        results = {lot.lot_id: lot for lot in (await result_of(tx, auction_id)).lots}
    for row in rows:
        await _record_lot_end(tx, loaded, row.lot_id, results.get(row.auction_lot_id), event)
    await tx.execute(
        update(ProcedureRow)
        .where(ProcedureRow.id == loaded.procedure.id)
        .values(version=loaded.version + 1)
    )
    closed = [(row.auction_lot_id, _closed_at(results.get(row.auction_lot_id))) for row in rows]
    await tell_auctions_ended(tx, loaded, closed)


def _closed_at(result: LotResult | None) -> datetime | None:
    """Give when a lot's auction closed; None where it was called off."""
    return None if result is None or result.called_off else result.closed_at


async def _record_lot_end(
    tx: Transaction,
    loaded: Loaded,
    lot_id: UUID,
    result: LotResult | None,
    event: NumberedEvent,
) -> None:
    # A lot may have been called off while others had closed already.
    ended = result if result is not None and not result.called_off else None
    action = LotAction.CALL_OFF_AUCTION if ended is None else LotAction.END_AUCTION
    await _move_lot(tx, lot_id, LOT.after(loaded.lot_statuses[lot_id], action))
    if ended is not None:
        await _store_result(tx, loaded, lot_id, ended)
    await tx.execute(
        update(LotAuctionRow)
        .where(LotAuctionRow.lot_id == lot_id)
        .values(
            status=CALLED_OFF if ended is None else ENDED,
            ended_at=event.occurred_at,
            ledger_head=None if ended is None else bytes.fromhex(ended.head),
            no_winner=None if ended is None else ended.no_winner,
        )
    )
    tx.record(
        "lot.auction_ended",
        "procedure",
        loaded.procedure.id,
        after={"lot_id": lot_id, "auction_id": event.subject_id, "called_off": ended is None},
        organization_id=loaded.procedure.buyer_id,
    )


async def _store_result(tx: Transaction, loaded: Loaded, lot_id: UUID, result: LotResult) -> None:
    """Store the ranking a lot's auction ended with."""
    await tx.execute(
        insert(LotResultRow),
        [
            {
                "lot_id": lot_id,
                "bidder_id": ranked.organization_id,
                "buyer_id": loaded.procedure.buyer_id,
                "rank": ranked.rank,
                "amount": ranked.amount.amount,
                "price": _price(ranked, result).amount,
                "bid_id": ranked.bid_id,
                "entry_hash": bytes.fromhex(ranked.entry_hash),
                "bid_at": ranked.decided_at,
            }
            for ranked in result.ranking
        ],
    )


def _price(ranked: Ranked, result: LotResult) -> Money:
    """Give the total a bidder is awarded at; the leader is the winner, where there is one."""
    return ranked.amount if ranked.rank > 1 or result.price is None else result.price


async def ended_auction(tx: Transaction, lot_id: UUID) -> EndedAuction | None:
    """Give the auction of a lot with its ranking; None if it had none or it was called off.

    Raises Conflict while it runs.
    """
    return (await ended_auctions(tx, [lot_id])).get(lot_id)


async def ended_auctions(tx: Transaction, lot_ids: Collection[UUID]) -> dict[UUID, EndedAuction]:
    """Give the auctions of those of these lots that had one; raises Conflict while one runs."""
    rows = await tx.all(
        select(
            LotAuctionRow.lot_id,
            LotAuctionRow.auction_id,
            LotAuctionRow.status,
            LotAuctionRow.ended_at,
            LotAuctionRow.ledger_head,
            LotAuctionRow.no_winner,
        ).where(LotAuctionRow.lot_id.in_(lot_ids), LotAuctionRow.status != CALLED_OFF)
    )
    if any(row.status == RUNNING for row in rows):
        raise Conflict("The auction of this lot has not ended yet.")
    results = await _results(tx, [row.lot_id for row in rows]) if rows else {}
    return {
        row.lot_id: EndedAuction(
            row.auction_id,
            row.ended_at,
            bytes(row.ledger_head),
            tuple(results.get(row.lot_id, ())),
            row.no_winner,
        )
        for row in rows
    }


async def results_of(tx: Transaction, lot_id: UUID) -> tuple[Result, ...]:
    """Give the results of a lot's auction that this transaction may see, best first."""
    return tuple((await _results(tx, [lot_id])).get(lot_id, ()))


async def _results(tx: Transaction, lot_ids: Collection[UUID]) -> dict[UUID, list[Result]]:
    rows = await tx.all(
        select(
            LotResultRow.lot_id,
            LotResultRow.bidder_id,
            LotResultRow.amount,
            LotResultRow.price,
            LotResultRow.bid_id,
            LotResultRow.entry_hash,
            LotResultRow.bid_at,
        )
        .where(LotResultRow.lot_id.in_(lot_ids))
        .order_by(LotResultRow.lot_id, LotResultRow.rank)
    )
    found: dict[UUID, list[Result]] = {}
    for row in rows:
        result = Result(
            row.bidder_id, row.amount, row.price, row.bid_id, bytes(row.entry_hash), row.bid_at
        )
        found.setdefault(row.lot_id, []).append(result)
    return found
