"""What auctions look like on the wire; `terms_schemas` has the terms of their lots."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from auctions.engine.log import LogEntry
from auctions.engine.terms import (
    Disclosure,
    Format,
    Publication,
    Rate,
    Scoring,
    Terms,
    Ties,
    Withdrawals,
)
from auctions.engine.visibility import BidderView, OwnerView
from auctions.terms_schemas import (
    BiddingTurnsInput,
    CurrencyRateInput,
    DecrementInput,
    OvertimeInput,
    PriceAdjustmentInput,
    PriceAdjustmentView,
    PriceClockInput,
    ScoringInput,
    TermsView,
)
from marketplace.kernel.limits import (
    AUCTION_PARTICIPANTS_MAX,
    AUCTION_RATES_MAX,
)
from marketplace.platform.http.schemas import (
    AmountText,
    CurrencyText,
    Input,
    InstantIn,
    MoneyInput,
    MoneyView,
    Name,
    Output,
    Text,
)

Status = Literal["draft", "scheduled", "open", "closed", "cancelled"]


class ParticipantInput(Input):
    """A supplier who may bid. Without an alias one is drawn; it must not tell who he is.

    He bids in `currency`, one the lot has a rate for; without it in the auction's.
    """

    organization_id: UUID
    alias: Name | None = None
    opening_amount: AmountText | None = None
    currency: CurrencyText | None = None
    adjustment: PriceAdjustmentInput | None = None


class LotInput(Input, kw_only=True):
    """What suppliers compete for, and the rules of it. Amounts are totals of the lot.

    English auctions need a `decrement`, Dutch and Japanese ones a `clock`, staged ones `turns` and
    a `decrement`. Without a `disclosure` it is the closest of the format: `rank_only` in English
    auctions, `open` in staged ones, else `own_only`. Nobody but you learns the `reserve`, above
    which nobody wins by himself. A `practice` auction awards nothing. With `proxies` bidders may
    have the auction bid for them; with `surrogates` you may enter bids for those who consent.
    """

    title: Name
    format: Format = Format.ENGLISH
    disclosure: Disclosure | None = None
    ceiling: AmountText
    reserve: AmountText | None = None
    decrement: DecrementInput | None = None
    overtime: OvertimeInput | None = None
    clock: PriceClockInput | None = None
    turns: BiddingTurnsInput | None = None
    ties: Ties = Ties.BY_TIME
    scoring: ScoringInput | None = None
    rates: Annotated[list[CurrencyRateInput], Meta(max_length=AUCTION_RATES_MAX)] = field(
        default_factory=list
    )
    starting_gate: bool = True
    buyer_sees_identities: bool = False
    publication: Publication = Publication.AS_SHOWN
    practice: bool = False
    proxies: bool = False
    surrogates: bool = False
    withdrawals: Withdrawals = Withdrawals.BY_BUYER
    starts_at: InstantIn
    ends_at: InstantIn
    participants: Annotated[
        list[ParticipantInput], Meta(min_length=1, max_length=AUCTION_PARTICIPANTS_MAX)
    ]

    def terms(self, currency: str, pointer: str) -> Terms:
        """Give the terms, not checked yet."""
        overtime, clock, turns = self.overtime, self.clock, self.turns
        return Terms(
            format=self.format,
            disclosure=self.disclosure or _CLOSEST.get(self.format, Disclosure.OWN_ONLY),
            currency=currency,
            ceiling=Decimal(self.ceiling),
            decrement=None if self.decrement is None else self.decrement.decrement(),
            overtime=None if overtime is None else overtime.overtime(f"{pointer}/overtime"),
            ties=self.ties,
            starting_gate=self.starting_gate,
            buyer_sees_identities=self.buyer_sees_identities,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            reserve=None if self.reserve is None else Decimal(self.reserve),
            clock=None if clock is None else clock.clock(f"{pointer}/clock"),
            turns=None if turns is None else turns.turns(f"{pointer}/turns"),
            scoring=Scoring() if self.scoring is None else self.scoring.scoring(),
            rates=tuple(Rate(given.currency, Decimal(given.rate)) for given in self.rates),
            practice=self.practice,
            publication=self.publication,
            proxies=self.proxies,
            surrogates=self.surrogates,
            withdrawals=self.withdrawals,
        )


_CLOSEST: Final = {Format.ENGLISH: Disclosure.RANK_ONLY, Format.STAGED: Disclosure.OPEN}


class AuctionInput(Input):
    """A reverse auction. It has one lot in this edition."""

    title: Name
    currency: CurrencyText
    lots: Annotated[list[LotInput], Meta(min_length=1, max_length=1)]


class CancelInput(Input):
    """Why an auction is called off; bidders read it."""

    reason: Annotated[Text, Meta(min_length=1)]


class BidInput(Input):
    """A price for the whole lot."""

    amount: MoneyInput


class ParticipantView(Output):
    """Who may bid, for the buyer's eyes."""

    organization_id: UUID
    alias: str
    opening_amount: MoneyView | None
    currency: str
    adjustment: PriceAdjustmentView | None


class LotView(Output):
    """A lot, as its buyer sees it; nobody else sees the reserve."""

    id: UUID
    title: str
    phase: Status
    terms: TermsView
    reserve: MoneyView | None
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
    lots: list[LotView]
    created_at: datetime
    version: int


class InvitedLotView(Output):
    """A lot, as a bidder sees it; `alias`, `currency` and `opening_amount` are his own."""

    id: UUID
    title: str
    phase: Status
    terms: TermsView
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
    client_bid_id: str
    outcome: Literal["accepted", "refused"]
    amount: MoneyView
    decided_at: datetime
    rank: int | UnsetType = UNSET
    entered_by_buyer: bool | UnsetType = UNSET
    refusal: RefusalView | UnsetType = UNSET


class SnapshotView(Output, tag="snapshot", tag_field="type"):
    """Where a lot stands, as its reader may see it, and the server's time.

    `standing.number` counts the changes this reader saw.
    """

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
    """What changed since the message before, on the live channel.

    Follows the viewer's number `previous`; `changes` is a JSON merge patch (RFC 7396) to apply to
    the standing.
    """

    number: int
    previous: int
    server_at: datetime
    changes: dict[str, Any]


class HeartbeatMessage(
    msgspec.Struct, frozen=True, kw_only=True, tag="heartbeat", tag_field="type"
):
    """Nothing changed: the viewer's number, and the server's time."""

    number: int
    server_at: datetime
