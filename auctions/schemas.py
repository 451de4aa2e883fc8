"""What auctions look like on the wire."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from auctions.engine.log import LogEntry
from auctions.engine.terms import (
    CountedFrom,
    Decrement,
    Disclosure,
    Format,
    Measure,
    Overtime,
    Reference,
    Step,
    Terms,
)
from auctions.engine.visibility import BidderView, OwnerView
from marketplace.kernel.errors import invalid
from marketplace.kernel.limits import AUCTION_PARTICIPANTS_MAX
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

Duration = Annotated[timedelta, Meta(description="ISO 8601, in whole seconds.", examples=["PT2M"])]
Status = Literal["draft", "scheduled", "open", "closed", "cancelled"]


class StepInput(Input):
    """A distance between two amounts: so much of the currency, or so many percent."""

    measure: Measure
    value: AmountText

    def step(self) -> Step:
        """Give the value."""
        return Step(self.measure, Decimal(self.value))


class DecrementInput(Input):
    """How far a new bid must fall below the reference, and how far it may."""

    step: StepInput
    reference: Reference = Reference.OWN
    maximum: StepInput | None = None


class OvertimeInput(Input, kw_only=True):
    """When a late bid moves the close: see the guide on auctions."""

    window: Duration
    extension: Duration
    lowest_rank: int = 1
    at_most: int
    total_max: Duration
    counted_from: CountedFrom = CountedFrom.CLOSE

    def overtime(self, pointer: str) -> Overtime:
        """Give the value; raises InvalidInput for a part of a second."""
        return Overtime(
            window_s=_seconds(self.window, f"{pointer}/window"),
            extension_s=_seconds(self.extension, f"{pointer}/extension"),
            lowest_rank=self.lowest_rank,
            at_most=self.at_most,
            total_max_s=_seconds(self.total_max, f"{pointer}/total_max"),
            counted_from=self.counted_from,
        )


def _seconds(duration: timedelta, pointer: str) -> int:
    if duration.microseconds:
        raise invalid(pointer, "not_whole_seconds", "A duration has whole seconds here.")
    return duration // timedelta(seconds=1)


class ParticipantInput(Input):
    """A supplier who may bid. Without an alias one is drawn; it must not tell who he is."""

    organization_id: UUID
    alias: Name | None = None
    opening_amount: AmountText | None = None


class LotInput(Input, kw_only=True):
    """What suppliers compete for, and the rules of it. Amounts are totals of the lot."""

    title: Name
    format: Format = Format.ENGLISH
    disclosure: Disclosure = Disclosure.RANK_ONLY
    ceiling: AmountText
    decrement: DecrementInput
    overtime: OvertimeInput | None = None
    starting_gate: bool = True
    buyer_sees_identities: bool = False
    starts_at: InstantIn
    ends_at: InstantIn
    participants: Annotated[
        list[ParticipantInput], Meta(min_length=1, max_length=AUCTION_PARTICIPANTS_MAX)
    ]

    def terms(self, currency: str, pointer: str) -> Terms:
        """Give the terms, not checked yet."""
        maximum = self.decrement.maximum
        overtime = self.overtime
        return Terms(
            format=self.format,
            disclosure=self.disclosure,
            currency=currency,
            ceiling=Decimal(self.ceiling),
            decrement=Decrement(
                self.decrement.step.step(),
                self.decrement.reference,
                None if maximum is None else maximum.step(),
            ),
            overtime=None if overtime is None else overtime.overtime(f"{pointer}/overtime"),
            starting_gate=self.starting_gate,
            buyer_sees_identities=self.buyer_sees_identities,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
        )


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


class StepView(Output):
    """A distance between two amounts."""

    measure: Measure
    value: str


class DecrementView(Output):
    """How far a new bid must fall below the reference, and how far it may."""

    step: StepView
    reference: Reference
    maximum: StepView | None


class OvertimeView(Output):
    """When a late bid moves the close."""

    window: timedelta
    extension: timedelta
    lowest_rank: int
    at_most: int
    total_max: timedelta
    counted_from: CountedFrom


class TermsView(Output):
    """The rules of a lot."""

    format: Format
    disclosure: Disclosure
    ceiling: MoneyView
    decrement: DecrementView
    overtime: OvertimeView | None
    starting_gate: bool
    starts_at: datetime
    ends_at: datetime


class ParticipantView(Output):
    """Who may bid, for the buyer's eyes."""

    organization_id: UUID
    alias: str
    opening_amount: MoneyView | None


class LotView(Output):
    """A lot, as its buyer sees it."""

    id: UUID
    title: str
    phase: Status
    terms: TermsView
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
    """A lot, as a bidder sees it; `alias` and `opening_amount` are his own."""

    id: UUID
    title: str
    phase: Status
    terms: TermsView
    closes_at: datetime
    extensions: int
    alias: str
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


def terms_view(terms: Terms) -> TermsView:
    """Show the terms of a lot; who sees identities is between the buyer and the marketplace."""
    decrement, overtime = terms.decrement, terms.overtime
    return TermsView(
        format=terms.format,
        disclosure=terms.disclosure,
        ceiling=money_view(terms.ceiling, terms.currency),
        decrement=DecrementView(
            step=_step_view(decrement.step),
            reference=decrement.reference,
            maximum=None if decrement.maximum is None else _step_view(decrement.maximum),
        ),
        overtime=None
        if overtime is None
        else OvertimeView(
            window=timedelta(seconds=overtime.window_s),
            extension=timedelta(seconds=overtime.extension_s),
            lowest_rank=overtime.lowest_rank,
            at_most=overtime.at_most,
            total_max=timedelta(seconds=overtime.total_max_s),
            counted_from=overtime.counted_from,
        ),
        starting_gate=terms.starting_gate,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
    )


def _step_view(step: Step) -> StepView:
    return StepView(measure=step.measure, value=str(step.value))


def money_view(amount: Decimal, currency: str) -> MoneyView:
    """Show an amount that is in its currency's digits."""
    return MoneyView(amount=str(amount), currency=currency)


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
