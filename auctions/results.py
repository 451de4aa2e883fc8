"""What a closed auction hands on; for other packages, in an open transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, select
from sqlalchemy.dialects.postgresql import distinct_on

from auctions.drafts import Origin, participants_of, unknown_auction
from auctions.engine.ranking import Place, score
from auctions.engine.terms import Terms, in_digits
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
class AuctionResult:
    """What a closed auction ended with, the leader first; `head` is hexadecimal."""

    auction_id: UUID
    lot_id: UUID
    origin: Origin | None
    closed_at: datetime
    head: str
    ranking: tuple[Ranked, ...]


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
    lot = await tx.one(
        select(LotRow.id, LotRow.terms, LotRow.hash, LotRow.closes_at).where(
            LotRow.auction_id == auction_id
        )
    )
    async with acting_as_engine(tx):
        rows = await tx.all(_last_bids(lot.id))
        openings = {
            row.organization_id: row.opening_amount for row in await participants_of(tx, [lot.id])
        }
    origin = None
    if auction.origin_id is not None:
        origin = Origin(auction.origin_kind, auction.origin_id)
    return AuctionResult(
        auction_id=auction_id,
        lot_id=lot.id,
        origin=origin,
        closed_at=lot.closes_at,
        head=lot.hash.hex(),
        ranking=_ranking(rows, openings, msgspec.convert(lot.terms, Terms)),
    )


def _last_bids(lot_id: UUID) -> Any:
    return (
        select(
            LedgerRow.bidder_id,
            LedgerRow.seq,
            LedgerRow.amount,
            LedgerRow.bid_id,
            LedgerRow.hash,
            LedgerRow.at,
        )
        .where(
            LedgerRow.lot_id == lot_id,
            LedgerRow.kind.in_(("admitted", "bid_accepted")),
            LedgerRow.amount.is_not(None),
        )
        .ext(distinct_on(LedgerRow.bidder_id))
        .order_by(LedgerRow.bidder_id, LedgerRow.seq.desc())
    )


def _ranking(
    rows: Sequence[Row[Any]], openings: dict[UUID, Decimal | None], terms: Terms
) -> tuple[Ranked, ...]:
    by_bid, currency = {row.bid_id: row for row in rows}, terms.currency
    places = sorted(
        Place(score(terms, row.amount), row.seq, row.bidder_id, row.amount, row.bid_id)
        for row in rows
    )
    return tuple(
        Ranked(
            rank=rank,
            organization_id=place.bidder,
            amount=Money(in_digits(place.amount, currency), currency),
            opening=_money(openings.get(place.bidder), currency),
            bid_id=place.bid_id,
            entry_hash=by_bid[place.bid_id].hash.hex(),
            decided_at=by_bid[place.bid_id].at,
        )
        for rank, place in enumerate(places, start=1)
    )


def _money(amount: Decimal | None, currency: str) -> Money | None:
    return None if amount is None else Money(in_digits(amount, currency), currency)
