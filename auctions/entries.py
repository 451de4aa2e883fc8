"""Entries of the ledger as rows of its table, and back."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

from auctions.engine.events import (
    Admitted,
    BidAccepted,
    BidRefused,
    Cancelled,
    Closed,
    CloseExtended,
    Event,
    RejectionCode,
    Scheduled,
    Started,
)
from auctions.engine.terms import Terms, in_digits

ENTRY_COLUMNS: Final = (
    "e.lot_id, e.seq, e.at, e.kind, e.bidder_id, e.bid_id, e.client_bid_id, e.amount, e.rank, "
    "e.code, e.bound, e.body"
)


def columns_of(event: Event) -> tuple[object, ...]:  # noqa: PLR0911 - a line per kind
    """Give kind, bidder, bid, key, amount, rank, code, bound, body of an event."""
    if isinstance(event, BidAccepted):
        bid = (event.bidder, event.bid_id, event.client_bid_id, event.amount)
        return ("bid_accepted", *bid, event.rank, None, None, None)
    if isinstance(event, BidRefused):
        bid = (event.bidder, event.bid_id, event.client_bid_id, event.amount)
        return ("bid_refused", *bid, None, event.code.value, event.bound, None)
    if isinstance(event, Admitted):
        body = _json({"alias": event.alias})
        return ("admitted", event.bidder, event.bid_id, None, event.amount, None, None, None, body)
    if isinstance(event, Scheduled):
        return ("scheduled", *(None,) * 7, _json({"terms": event.terms}))
    if isinstance(event, CloseExtended):
        return ("close_extended", *(None,) * 7, _json({"closes_at": event.closes_at}))
    if isinstance(event, Cancelled):
        return ("cancelled", *(None,) * 7, _json({"reason": event.reason}))
    return ("started" if isinstance(event, Started) else "closed", *(None,) * 8)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


Row = Any
"""A row of the ledger, by asyncpg or SQLAlchemy: values by column name."""


def event_of(row: Row, currency: str) -> Event:  # noqa: PLR0911 - a line per kind
    """Read an entry back; amounts come in the currency's digits, as they were decided."""
    seq, at, kind, body = row["seq"], row["at"], row["kind"], row["body"]
    if kind == "bid_accepted":
        return BidAccepted(**_bid(row, currency), rank=row["rank"])
    if kind == "bid_refused":
        code = RejectionCode(row["code"])
        return BidRefused(**_bid(row, currency), code=code, bound=_amount(row["bound"], currency))
    if kind == "admitted":
        return Admitted(
            seq=seq,
            at=at,
            bid_id=_uuid(row["bid_id"]),
            bidder=_uuid(row["bidder_id"]),
            alias=body["alias"],
            amount=_amount(row["amount"], currency),
        )
    if kind == "scheduled":
        terms = msgspec.convert(body["terms"], Terms)
        return Scheduled(seq=seq, at=at, lot_id=_uuid(row["lot_id"]), terms=terms)
    if kind == "close_extended":
        return CloseExtended(seq=seq, at=at, closes_at=msgspec.convert(body["closes_at"], datetime))
    if kind == "cancelled":
        return Cancelled(seq=seq, at=at, reason=body["reason"])
    return Started(seq=seq, at=at) if kind == "started" else Closed(seq=seq, at=at)


def _bid(row: Row, currency: str) -> dict[str, Any]:
    return {
        "seq": row["seq"],
        "at": row["at"],
        "bid_id": _uuid(row["bid_id"]),
        "bidder": _uuid(row["bidder_id"]),
        "client_bid_id": row["client_bid_id"],
        "amount": _amount(row["amount"], currency),
    }


def _uuid(value: UUID) -> UUID:
    # asyncpg's own UUID compares equal and is slower to print.
    return UUID(int=value.int)


def _amount(value: Decimal | None, currency: str) -> Decimal | None:
    return None if value is None else in_digits(value, currency)
