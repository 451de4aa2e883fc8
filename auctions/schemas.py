"""What auctions look like on the wire.

`draft_schemas` has what a buyer lays down, `terms_schemas` the terms of lots.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from auctions.engine.log import LogEntry
from auctions.engine.visibility import BidderView, OwnerView
from auctions.lot_order import LotOrder
from auctions.terms_schemas import PriceAdjustmentView, TermsView
from marketplace.platform.http.schemas import (
    Input,
    MoneyInput,
    MoneyView,
    Output,
    Text,
)

Status = Literal["draft", "scheduled", "open", "closed", "cancelled"]


class CancelInput(Input):
    """Why an auction is called off; bidders read it."""

    reason: Annotated[Text, Meta(min_length=1)]


class BidInput(Input):
    """A price for a whole lot; `lot_id` names it where the auction has several."""

    amount: MoneyInput
    lot_id: UUID | None = None


class ParticipantView(Output):
    """Who may bid, for the buyer's eyes.

    By `alias` the board names him. It stands here only where the buyer sees who bids, or once the
    lot is closed; whoever gives aliases himself knows them.
    """

    organization_id: UUID
    opening_amount: MoneyView | None
    currency: str
    adjustment: PriceAdjustmentView | None
    alias: str | UnsetType = UNSET


class LotView(Output):
    """A lot, as its buyer sees it; nobody else sees the reserve.

    `starts_at` and `closes_at` are as they are now; of a lot that waits for another, as planned.
    """

    id: UUID
    title: str
    phase: Status
    terms: TermsView
    reserve: MoneyView | None
    starts_at: datetime
    closes_at: datetime
    extensions: int
    buyer_sees_identities: bool
    participants: list[ParticipantView]


class AuctionView(Output):
    """An auction, as its buyer sees it."""

    id: UUID
    title: str
    currency: str
    status: Status
    cancelled_because: str | None
    lot_order: LotOrder
    lot_interval: timedelta | None
    lots: list[LotView]
    created_at: datetime
    version: int


class InvitedLotView(Output):
    """A lot, as a bidder sees it; `alias`, `currency` and `opening_amount` are his own."""

    id: UUID
    title: str
    phase: Status
    terms: TermsView
    starts_at: datetime
    closes_at: datetime
    extensions: int
    alias: str
    currency: str
    opening_amount: MoneyView | None


class InvitationView(Output):
    """An auction, as a bidder sees it."""

    id: UUID
    title: str
    currency: str
    buyer_id: UUID
    status: Status
    cancelled_because: str | None
    lot_order: LotOrder
    lot_interval: timedelta | None
    lots: list[InvitedLotView]
    version: int


class AuctionSummary(Output):
    """An auction in a list; `buyer_id` says whose it is."""

    id: UUID
    title: str
    currency: str
    buyer_id: UUID
    status: Status
    version: int


class RefusalView(Output):
    """Why a bid was refused; `bound` is the amount it missed."""

    code: str
    detail: str
    bound: MoneyView | UnsetType = UNSET


class BidView(Output):
    """What became of a bid. `rank` is the one it took when it was accepted."""

    id: UUID
    lot_id: UUID
    client_bid_id: str
    outcome: Literal["accepted", "refused"]
    amount: MoneyView
    decided_at: datetime
    rank: int | UnsetType = UNSET
    entered_by_buyer: bool | UnsetType = UNSET
    refusal: RefusalView | UnsetType = UNSET


class SnapshotView(Output, tag="snapshot", tag_field="type"):
    """Where a lot stands, as its reader may see it, and the server's time.

    `standing.number` counts the changes this reader saw of the lot.
    """

    lot_id: UUID
    server_at: datetime
    standing: BidderView | OwnerView


class LogView(Output):
    """A lot's log, one page of it, as its reader may have it after the close.

    `head` is the hash of the last entry of the whole log, hexadecimal.
    """

    lot_id: UUID
    entries: int
    head: str
    items: list[LogEntry]
    next: str | None


class DeltaMessage(msgspec.Struct, frozen=True, kw_only=True, tag="delta", tag_field="type"):
    """What changed of a lot since the message before on it, on the live channel.

    Follows the viewer's number `previous`; `changes` is a JSON merge patch (RFC 7396) to apply to
    the standing.
    """

    lot_id: UUID
    number: int
    previous: int
    server_at: datetime
    changes: dict[str, Any]


class HeartbeatMessage(
    msgspec.Struct, frozen=True, kw_only=True, tag="heartbeat", tag_field="type"
):
    """Nothing changed of a lot: the viewer's number, and the server's time."""

    lot_id: UUID
    number: int
    server_at: datetime
