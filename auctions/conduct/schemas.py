"""What conducting an auction looks like on the wire."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType

from auctions.schemas import RefusalView
from marketplace.kernel.limits import AUCTION_MESSAGE_CHARACTERS_MAX, AUCTION_TRIAL_BIDS_MAX
from marketplace.platform.http.schemas import (
    Code,
    Input,
    InstantIn,
    MoneyInput,
    MoneyView,
    Name,
    Output,
    QuantityText,
    Text,
    TimeZone,
    UnitText,
)


class ProxyInput(Input):
    """Down to where the auction bids for you, and how far below the leader at a time.

    Without a `step` it is that of the terms. Nobody else learns the limit, not even the buyer.
    """

    limit: MoneyInput
    step: MoneyInput | None = None


class ProxyView(Output):
    """Your proxy."""

    limit: MoneyView
    step: MoneyView | None


class PauseInput(Input):
    """Why the clock stands still; bidders read it."""

    reason: Name


class CloseExtensionInput(Input):
    """When the auction closes now, and why; bidders read it."""

    closes_at: InstantIn
    reason: Name


class StrikeInput(Input):
    """The standing bid to strike, as you see it, and why; the log says it."""

    alias: Name
    amount: MoneyInput
    reason: Name


class WithdrawalInput(Input):
    """Your standing bid that is not to stand any more, and why; the buyer reads it."""

    amount: MoneyInput
    reason: Name


class SurrogateBidInput(Input):
    """A bid you enter for a bidder. `proof` says by what he told it: a letter, a call, a file."""

    organization_id: UUID
    amount: MoneyInput
    proof: Name


class MessageInput(Input):
    """What you tell all bidders."""

    text: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=AUCTION_MESSAGE_CHARACTERS_MAX,
            pattern=r"^[^\x00]*[^\s\x00][^\x00]*$",
            description="Text, also in lines; not blank.",
        ),
    ]


class MessageView(Output):
    """A message of the buyer to all; the first has the number 1."""

    number: int
    at: datetime
    text: str


class MessageList(Output):
    """The buyer's messages to all, the first one first."""

    items: list[MessageView]


class TrialBidInput(Input):
    """A bid to try: whose, how much, and how long after the first lot starts.

    A `proxy` bids down to the amount, a `step` at a time, as far as others make it. An auction of
    several lots needs the `lot_id`.
    """

    organization_id: UUID
    amount: MoneyInput
    after: Annotated[
        timedelta, Meta(description="ISO 8601, since the first start.", examples=["PT2M"])
    ] = timedelta(0)
    lot_id: UUID | None = None
    proxy: bool = False
    step: MoneyInput | None = None


class TrialInput(Input):
    """Bids to try on an auction's terms, in the order of time. Nothing of it is kept."""

    bids: Annotated[list[TrialBidInput], Meta(min_length=1, max_length=AUCTION_TRIAL_BIDS_MAX)]


class TrialProxyBidView(Output):
    """A bid that a proxy would make at once because of the bid that is tried."""

    organization_id: UUID
    amount: MoneyView
    rank: int


class TrialBidView(Output):
    """What would become of a bid: its rank, or why it would be refused.

    `limit` is the highest amount its bidder could bid afterwards; `closes_at` the lot's close as it
    would be then. A proxy has no rank of its own: its bids are among the `proxy_bids`.
    """

    lot_id: UUID
    outcome: Literal["accepted", "refused"]
    at: datetime
    rank: int | None
    refusal: RefusalView | None
    proxy_bids: list[TrialProxyBidView]
    limit: MoneyView | None
    closes_at: datetime


class WinnerView(Output):
    """Who wins, his bid, and the price he gets, both in his currency."""

    organization_id: UUID
    alias: str
    bid_id: UUID
    amount: MoneyView
    price: MoneyView


class TrialLotView(Output):
    """How a lot would end: when, and who would win, or why nobody would."""

    lot_id: UUID
    closed_at: datetime
    winner: WinnerView | None
    no_winner: str | None


class TrialView(Output):
    """What the terms would make of the bids, and how the lots they are on would end.

    Lots that must end for one of these to start are among them.
    """

    bids: list[TrialBidView]
    lots: list[TrialLotView]


class SavingView(Output):
    """What the price saves against a reference, in the auction's currency; `percent` of it."""

    against: Literal["ceiling", "best_opening", "baseline"]
    reference: MoneyView
    amount: str
    percent: str


class RankedView(Output):
    """Where a bidder ended."""

    rank: int
    organization_id: UUID
    alias: str
    amount: MoneyView


class BuyersResultView(Output, tag="owner", tag_field="viewer"):
    """What an auction ended with, for its buyer.

    Without a `winner`, `no_winner` says why: `above_reserve`, `no_bids`, `practice`, `cancelled`.
    `price` is the winner's in the auction's currency. `head` is the hash of the log's last entry.
    """

    closed_at: datetime
    winner: WinnerView | None
    no_winner: str | None
    price: MoneyView | None
    savings: list[SavingView]
    ranking: list[RankedView]
    head: str


class BiddersResultView(Output, tag="bidder", tag_field="viewer"):
    """What an auction ended with, for one of its bidders: his own part of it."""

    closed_at: datetime
    won: bool
    rank: int | None
    amount: MoneyView | None
    price: MoneyView | None


class AuctionAwardInput(Input):
    """To whom a lot goes, and what its contract is to say.

    Without `bid_id` the winner; any other bid needs a `reason`, and so does every bid where nobody
    won by himself. The price is for `quantity` of `unit`: for one of them it is a share. Without a
    `sku` of the supplier's the lot gets one that only you see. The contract runs from `first_day`
    (without one: today) to `last_day`, both included, in `time_zone`.
    """

    last_day: date
    first_day: date | None = None
    time_zone: TimeZone = "UTC"
    bid_id: UUID | None = None
    reason: Text = ""
    sku: Code | None = None
    quantity: QuantityText = "1"
    unit: UnitText = "C62"


class AuctionAwardView(Output, kw_only=True):
    """An award; `waiting` until it is approved, and then with its contract.

    `rank` and `reason` are the buyer's alone.
    """

    id: UUID
    auction_id: UUID
    lot_id: UUID
    state: Literal["waiting", "awarded", "rejected"]
    supplier_id: UUID
    bid_id: UUID
    price: MoneyView
    rank: int | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    approval_id: UUID | None
    contract_id: UUID | None
    asked_at: datetime
    decided_at: datetime | None


class AuctionAwardList(Output):
    """The awards of an auction: all to its buyer, his own to a supplier."""

    items: list[AuctionAwardView]
