"""What goes over the wire about lots' auctions."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from auctions.engine.terms import Disclosure, Format, Withdrawals
from auctions.lot_order import LotOrder
from auctions.terms_schemas import BiddingTurnsInput, DecrementInput, Duration, OvertimeInput
from marketplace.kernel.limits import AUCTION_LOTS_MAX, AUCTION_PARTICIPANTS_MAX
from marketplace.platform.http.schemas import AmountText, Input, InstantIn, MoneyView, Output


class Results(StrEnum):
    """When the results of an auction's lots come back to their procedure."""

    TOGETHER = "together"
    PER_LOT = "per_lot"


class LotAuctionInput(Input):
    """A live auction among the best bidders of a lot.

    Each enters with the total of his bid; the ceiling is the highest of them. Without `starts_at`
    it starts at once; `ends_at` is needed. Of several lots in one auction the times of all but the
    first follow from `lot_order`; a serial one may say how long it `lasts`. Formats are those
    somebody can enter with a total: `english`, `sealed`, `vickrey`, `staged`. Above the `reserve`,
    which bidders never learn, nobody wins by himself, and of a Vickrey auction the price counts.
    """

    lot_id: UUID
    bidders: Annotated[
        int, Meta(ge=1, le=AUCTION_PARTICIPANTS_MAX, description="So many of the first ranks.")
    ]
    format: Format = Format.ENGLISH
    decrement: DecrementInput | None = None
    turns: BiddingTurnsInput | None = None
    reserve: AmountText | None = None
    ends_at: InstantIn | None = None
    starts_at: InstantIn | None = None
    lasts: Duration | None = None
    overtime: OvertimeInput | None = None
    disclosure: Disclosure | None = None
    starting_gate: bool = True
    buyer_sees_identities: bool = False
    proxies: bool = False
    withdrawals: Withdrawals = Withdrawals.BY_BUYER


class LotsAuctionInput(Input):
    """One live auction of several lots, each among its best bidders; see `createAuction`."""

    lots: Annotated[list[LotAuctionInput], Meta(min_length=1, max_length=AUCTION_LOTS_MAX)]
    lot_order: LotOrder = LotOrder.PARALLEL
    lot_interval: Duration | None = None
    results: Annotated[
        Results,
        Meta(
            description="Whether a lot is decided once all lots have ended, or as soon as it has. "
            "What is decided early its bidders learn while they bid for the others."
        ),
    ] = Results.TOGETHER


class LotParticipantView(Output):
    """Who is in a lot's auction, and the total he enters with."""

    organization_id: UUID
    opening_amount: MoneyView


class LotAuctionView(Output):
    """The auction a lot went into; `auction_lot_id` is what the auction calls the lot."""

    lot_id: UUID
    auction_id: UUID
    auction_lot_id: UUID
    participants: list[LotParticipantView]


class LotsAuctionView(Output):
    """The auction several lots went into."""

    auction_id: UUID
    lots: list[LotAuctionView]
