"""What a closed auction hands on; for other packages, in an open transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, select

from auctions.drafts import Origin, unknown_auction
from auctions.engine.events import Admitted
from auctions.engine.outcome import NoWinner, Win, outcome
from auctions.engine.replay import replay
from auctions.engine.state import Phase
from auctions.engine.terms import in_digits
from auctions.entries import event_of
from auctions.ledger import acting_as_engine
from auctions.tables import AuctionRow, LedgerRow, LotRow
from marketplace.kernel.errors import (
    WrongState,
)
from marketplace.kernel.money import Money
from marketplace.platform.database import Transaction


@dataclass(frozen=True, slots=True)
class Ranked:
    """A bidder's last standing bid. `opening` is the amount he entered with, if any.

    `bid_id` and `entry_hash` (hexadecimal) are the provenance of the amount.
    """

    rank: int
    organization_id: UUID
    amount: Money
    opening: Money | None
    bid_id: UUID
    entry_hash: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class LotResult:
    """What a lot ended with, the leader first; `head` is hexadecimal.

    `price` is what the winner gets, None where nobody wins by himself; `no_winner` says why.
    """

    lot_id: UUID
    closed_at: datetime
    head: str
    ranking: tuple[Ranked, ...]
    price: Money | None
    no_winner: str | None

    @property
    def called_off(self) -> bool:
        """Whether the lot was called off while others of its auction had closed."""
        return self.no_winner == NoWinner.CANCELLED.value


@dataclass(frozen=True, slots=True)
class AuctionResult:
    """What a closed auction ended with, lot by lot in their order."""

    auction_id: UUID
    origin: Origin | None
    lots: tuple[LotResult, ...]


async def result_of(tx: Transaction, auction_id: UUID) -> AuctionResult:
    """Give what an auction ended with, to the transaction of its buyer or of the engine.

    Raises NotFound, or WrongState while it has not closed.
    """
    auction = await tx.maybe(
        select(
            AuctionRow.buyer_id,
            AuctionRow.currency,
            AuctionRow.status,
            AuctionRow.origin_kind,
            AuctionRow.origin_id,
        ).where(AuctionRow.id == auction_id)
    )
    if auction is None or (tx.caller and tx.caller.organization_id != auction.buyer_id):
        raise unknown_auction()
    if auction.status != "closed":
        raise WrongState("An auction has a result once it closed.", state=auction.status)
    results = await _results(tx, LotRow.auction_id == auction_id, auction.currency)
    origin = None
    if auction.origin_id is not None:
        origin = Origin(auction.origin_kind, auction.origin_id)
    return AuctionResult(auction_id, origin, results)


async def lot_result_of(tx: Transaction, auction_id: UUID, lot_id: UUID) -> LotResult:
    """Give what one lot of an auction ended with while others may still run, to the engine.

    Raises NotFound, or WrongState while it has not closed.
    """
    lot = await tx.maybe(
        select(LotRow.phase, AuctionRow.currency)
        .join(AuctionRow, AuctionRow.id == LotRow.auction_id)
        .where(LotRow.id == lot_id, LotRow.auction_id == auction_id)
    )
    if lot is None or tx.caller is not None:
        raise unknown_auction()
    if lot.phase != Phase.CLOSED.value:
        raise WrongState("A lot has a result once it closed.", state=lot.phase)
    (result,) = await _results(tx, LotRow.id == lot_id, lot.currency)
    return result


async def _results(
    tx: Transaction, condition: ColumnElement[bool], currency: str
) -> tuple[LotResult, ...]:
    lots = await tx.all(
        select(LotRow.id, LotRow.hash, LotRow.closes_at).where(condition).order_by(LotRow.place)
    )
    results = []
    for lot in lots:
        async with acting_as_engine(tx):
            rows = await tx.all(_log(lot.id))
        results.append(_result(lot, rows, currency))
    return tuple(results)


def _result(lot: Row[Any], rows: Sequence[Row[Any]], currency: str) -> LotResult:
    events = [event_of(row._mapping, currency) for row in rows]  # noqa: SLF001
    state = replay(events)
    openings = {e.bidder: e.amount for e in events if isinstance(e, Admitted)}
    decided = {row.bid_id: row for row in rows if row.kind in {"admitted", "bid_accepted"}}
    ranking = tuple(
        Ranked(
            rank=rank,
            organization_id=place.bidder,
            amount=_money(place.amount, state.currency_of(place.bidder)),
            opening=None
            if (opening := openings[place.bidder]) is None
            else _money(opening, state.currency_of(place.bidder)),
            bid_id=place.bid_id,
            entry_hash=decided[place.bid_id].hash.hex(),
            decided_at=decided[place.bid_id].at,
        )
        for rank, place in enumerate(state.order, start=1)
    )
    found = outcome(state)
    return LotResult(
        lot_id=lot.id,
        # Where a bid or the last round ends a lot it closes before its planned end.
        closed_at=min(lot.closes_at, state.at),
        head=lot.hash.hex(),
        ranking=ranking,
        price=_money(found.price, state.currency_of(found.bidder))
        if isinstance(found, Win)
        else None,
        no_winner=None if isinstance(found, Win) else found.value,
    )


def _log(lot_id: UUID) -> Any:
    return (
        select(
            LedgerRow.lot_id,
            LedgerRow.seq,
            LedgerRow.at,
            LedgerRow.kind,
            LedgerRow.bidder_id,
            LedgerRow.bid_id,
            LedgerRow.client_bid_id,
            LedgerRow.amount,
            LedgerRow.rank,
            LedgerRow.code,
            LedgerRow.bound,
            LedgerRow.body,
            LedgerRow.hash,
        )
        .where(LedgerRow.lot_id == lot_id)
        .order_by(LedgerRow.seq)
    )


def _money(amount: Decimal, currency: str) -> Money:
    return Money(in_digits(amount, currency), currency)
