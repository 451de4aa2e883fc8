"""Commands, and the events that make up a lot's log.

Every event carries its number in the lot's log (`seq`, from 1, without gaps) and the instant of the
decision (`at`), which never falls. Identifiers of bidders are those of their companies.
"""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

import msgspec

from auctions.engine.scoring import Adjustment
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
    PAUSED = "paused"
    NOT_PAUSED = "not_paused"
    TIED = "tied"
    OFF_GRID = "off_grid"
    OFF_PRICE = "off_price"
    ALREADY_IN = "already_in"
    OUT = "out"
    NOT_YOUR_TURN = "not_your_turn"
    NO_PROXIES = "no_proxies"
    NO_CONSENT = "no_consent"
    NO_SUCH_BID = "no_such_bid"
    NO_SUCH_PROXY = "no_such_proxy"
    NOT_LATER = "not_later"
    BEYOND_CAP = "beyond_cap"
    NO_WITHDRAWALS = "no_withdrawals"
    ASKED_ALREADY = "asked_already"
    ALLOWED_ALREADY = "allowed_already"
    BIDS_HIDDEN = "bids_hidden"
    TOO_MANY_MESSAGES = "too_many_messages"
    TOLD_ALREADY = "told_already"


class PlaceBid(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A bidder's price for the lot; `client_bid_id` names the bid once and for all.

    `surrogate` is who of the buyer's side enters it for him, None if he does himself; `proof` then
    says by what the bidder told it.
    """

    bid_id: UUID
    bidder: UUID
    client_bid_id: str
    amount: Decimal
    surrogate: UUID | None = None
    proof: str | None = None


class SetProxy(msgspec.Struct, frozen=True, kw_only=True):
    """A bidder has the engine bid for him down to `limit`; None takes the order back.

    `step` is how far below the leader it bids, at least the step of the terms.
    """

    bid_id: UUID
    bidder: UUID
    client_bid_id: str
    limit: Decimal | None
    step: Decimal | None = None


class AllowSurrogate(msgspec.Struct, frozen=True):
    """A bidder lets the buyer enter bids for him."""

    bidder: UUID


class RevokeSurrogate(msgspec.Struct, frozen=True):
    """A bidder takes back that the buyer may enter bids for him; what was entered stands."""

    bidder: UUID


class Withdraw(msgspec.Struct, frozen=True):
    """The buyer strikes a bidder's standing bid, as if it had not been made.

    With `by_bidder` the bidder takes it back himself, which the terms must allow. With a `bid_id`
    only that bid is struck, and none that took its place.
    """

    bidder: UUID
    reason: str
    by_bidder: bool = False
    bid_id: UUID | None = None


class RequestWithdrawal(msgspec.Struct, frozen=True):
    """A bidder asks the buyer to strike his standing bid."""

    bidder: UUID
    reason: str


class Start(msgspec.Struct, frozen=True):
    """The clock may have reached the start."""


class Tick(msgspec.Struct, frozen=True):
    """The clock may have reached the end of a round, a turn or a called price."""


class Close(msgspec.Struct, frozen=True):
    """The clock may have reached the close."""


class Pause(msgspec.Struct, frozen=True):
    """The buyer stops the clock."""

    reason: str


class Resume(msgspec.Struct, frozen=True):
    """The clock goes on, with the time that was left."""


class FollowClose(msgspec.Struct, frozen=True):
    """A bid on another lot extended all of the auction's: this one closes no earlier."""

    closes_at: datetime


class Extend(msgspec.Struct, frozen=True):
    """The buyer moves the close by hand, within the cap of the terms."""

    closes_at: datetime
    reason: str


class Announce(msgspec.Struct, frozen=True):
    """The buyer tells something to all bidders; `message_id` names the message once and for all."""

    message_id: UUID
    text: str


class FollowLot(msgspec.Struct, frozen=True):
    """The lot before ended: this one's turn has come."""

    ended_at: datetime


class Cancel(msgspec.Struct, frozen=True):
    """The buyer calls the auction off; no standing becomes an award."""

    reason: str


Command = (
    PlaceBid
    | SetProxy
    | AllowSurrogate
    | RevokeSurrogate
    | Withdraw
    | RequestWithdrawal
    | Extend
    | Announce
    | Start
    | Tick
    | Close
    | Pause
    | Resume
    | FollowClose
    | FollowLot
    | Cancel
)


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier who may bid. `opening` is the amount he enters with, or None.

    `currency` is the one he bids in, None for the lot's.
    """

    bidder: UUID
    alias: str
    bid_id: UUID
    opening: Decimal | None = None
    currency: str | None = None
    adjustment: Adjustment | None = None


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
    currency: str | None = None
    adjustment: Adjustment | None = None


class StartMoved(msgspec.Struct, frozen=True, kw_only=True, tag="start_moved", tag_field="kind"):
    """The lot before ended: this one starts and closes at these instants."""

    seq: int
    at: datetime
    ended_at: datetime
    starts_at: datetime
    closes_at: datetime


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started", tag_field="kind"):
    """Bids count from now on."""

    seq: int
    at: datetime


class BidAccepted(msgspec.Struct, frozen=True, kw_only=True, tag="bid_accepted", tag_field="kind"):
    """A bid stands; `rank` is the one it took.

    A bid the engine made for a proxy has no `client_bid_id`.
    """

    seq: int
    at: datetime
    bid_id: UUID
    bidder: UUID
    client_bid_id: str | None
    amount: Decimal
    rank: int
    surrogate: UUID | None = None
    proof: str | None = None


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
    surrogate: UUID | None = None
    proof: str | None = None


class ProxySet(msgspec.Struct, frozen=True, kw_only=True, tag="proxy_set", tag_field="kind"):
    """A bidder's proxy has this limit from now on, or no proxy bids for him any more."""

    seq: int
    at: datetime
    bid_id: UUID
    bidder: UUID
    client_bid_id: str
    limit: Decimal | None
    step: Decimal | None


class SurrogateAllowed(
    msgspec.Struct, frozen=True, kw_only=True, tag="surrogate_allowed", tag_field="kind"
):
    """A bidder let the buyer enter bids for him."""

    seq: int
    at: datetime
    bidder: UUID


class SurrogateRevoked(
    msgspec.Struct, frozen=True, kw_only=True, tag="surrogate_revoked", tag_field="kind"
):
    """A bidder took back that the buyer may enter bids for him."""

    seq: int
    at: datetime
    bidder: UUID


class BidWithdrawn(
    msgspec.Struct, frozen=True, kw_only=True, tag="bid_withdrawn", tag_field="kind"
):
    """A standing bid was struck, by the buyer or `by_bidder` himself; its bidder has none now."""

    seq: int
    at: datetime
    bid_id: UUID
    bidder: UUID
    reason: str
    by_bidder: bool = False


class WithdrawalRequested(
    msgspec.Struct, frozen=True, kw_only=True, tag="withdrawal_requested", tag_field="kind"
):
    """A bidder asked the buyer to strike his standing bid; it stands until he does."""

    seq: int
    at: datetime
    bid_id: UUID
    bidder: UUID
    reason: str


class StageOpened(msgspec.Struct, frozen=True, kw_only=True, tag="stage_opened", tag_field="kind"):
    """A round, a turn or a price begins and lasts until `until`."""

    seq: int
    at: datetime
    round: int
    until: datetime
    price: Decimal | None = None
    bidder: UUID | None = None


class BidderLeft(msgspec.Struct, frozen=True, kw_only=True, tag="bidder_left", tag_field="kind"):
    """A bidder did not stay in and may not bid any more."""

    seq: int
    at: datetime
    bidder: UUID


class CloseExtended(
    msgspec.Struct, frozen=True, kw_only=True, tag="close_extended", tag_field="kind"
):
    """The bid before moved the close, or a bid on another lot did: `followed`.

    Where the buyer moved it by hand there is a `reason`.
    """

    seq: int
    at: datetime
    closes_at: datetime
    followed: bool = False
    reason: str | None = None


class Announced(msgspec.Struct, frozen=True, kw_only=True, tag="announced", tag_field="kind"):
    """The buyer told something to all bidders."""

    seq: int
    at: datetime
    message_id: UUID
    text: str


class Paused(msgspec.Struct, frozen=True, kw_only=True, tag="paused", tag_field="kind"):
    """The clock stands still."""

    seq: int
    at: datetime
    reason: str


class Resumed(msgspec.Struct, frozen=True, kw_only=True, tag="resumed", tag_field="kind"):
    """The clock goes on; the close is as far away as it was when it stopped."""

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
    Scheduled
    | Admitted
    | StartMoved
    | Started
    | BidAccepted
    | BidRefused
    | ProxySet
    | SurrogateAllowed
    | SurrogateRevoked
    | BidWithdrawn
    | WithdrawalRequested
    | Announced
    | StageOpened
    | BidderLeft
    | CloseExtended
    | Paused
    | Resumed
    | Closed
    | Cancelled
)
