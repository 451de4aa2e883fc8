"""Commands, and the events that make up a lot's log.

Every event carries its number in the lot's log (`seq`, from 1, without gaps) and the instant of the
decision (`at`), which never falls. Identifiers of bidders are those of their companies.
"""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

import msgspec

from auctions.engine.terms import Terms


class RejectionCode(Enum):
    """Why a command is refused."""

    NOT_STARTED = "not_started"
    TOO_LATE = "too_late"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    NOT_INVITED = "not_invited"
    ABOVE_LIMIT = "above_limit"
    BELOW_FLOOR = "below_floor"
    NOT_DUE = "not_due"


class PlaceBid(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A bidder's price for the lot; `client_bid_id` names the bid once and for all."""

    bid_id: UUID
    bidder: UUID
    client_bid_id: str
    amount: Decimal


class Start(msgspec.Struct, frozen=True):
    """The clock may have reached the start."""


class Close(msgspec.Struct, frozen=True):
    """The clock may have reached the close."""


class Cancel(msgspec.Struct, frozen=True):
    """The buyer calls the auction off; no standing becomes an award."""

    reason: str


Command = PlaceBid | Start | Close | Cancel


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier who may bid. `opening` is the amount he enters with, or None."""

    bidder: UUID
    alias: str
    bid_id: UUID
    opening: Decimal | None = None


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal.

    `bound` is the amount the bid missed: the highest acceptable for ABOVE_LIMIT (None where he
    cannot go lower), the lowest for BELOW_FLOOR. It follows from what the bidder may see and
    nothing else.
    """

    code: RejectionCode
    bound: Decimal | None = None


class Scheduled(msgspec.Struct, frozen=True, kw_only=True, tag="scheduled", tag_field="kind"):
    """The lot exists, under these terms."""

    seq: int
    at: datetime
    lot_id: UUID
    terms: Terms


class Admitted(msgspec.Struct, frozen=True, kw_only=True, tag="admitted", tag_field="kind"):
    """A supplier may bid, and enters with an opening amount where he has one."""

    seq: int
    at: datetime
    bid_id: UUID
    bidder: UUID
    alias: str
    amount: Decimal | None


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started", tag_field="kind"):
    """Bids count from now on."""

    seq: int
    at: datetime


class BidAccepted(msgspec.Struct, frozen=True, kw_only=True, tag="bid_accepted", tag_field="kind"):
    """A bid stands; `rank` is the one it took."""

    seq: int
    at: datetime
    bid_id: UUID
    bidder: UUID
    client_bid_id: str
    amount: Decimal
    rank: int


class BidRefused(msgspec.Struct, frozen=True, kw_only=True, tag="bid_refused", tag_field="kind"):
    """A bid does not stand; nothing but the log changes."""

    seq: int
    at: datetime
    bid_id: UUID
    bidder: UUID
    client_bid_id: str
    amount: Decimal
    code: RejectionCode
    bound: Decimal | None


class CloseExtended(
    msgspec.Struct, frozen=True, kw_only=True, tag="close_extended", tag_field="kind"
):
    """The bid before moved the close."""

    seq: int
    at: datetime
    closes_at: datetime


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag="closed", tag_field="kind"):
    """The bidding is over; the last entry of the log."""

    seq: int
    at: datetime


class Cancelled(msgspec.Struct, frozen=True, kw_only=True, tag="cancelled", tag_field="kind"):
    """The auction was called off; the last entry of the log."""

    seq: int
    at: datetime
    reason: str


Event = (
    Scheduled | Admitted | Started | BidAccepted | BidRefused | CloseExtended | Closed | Cancelled
)
