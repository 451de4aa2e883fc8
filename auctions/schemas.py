"""What auctions look like on the wire."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from auctions.engine.log import LogEntry
from auctions.engine.scoring import Adjustment
from auctions.engine.terms import (
    CountedFrom,
    Decrement,
    Disclosure,
    Feature,
    Format,
    Measure,
    Overtime,
    PriceClock,
    Publication,
    Rate,
    Reference,
    Scoring,
    ScoringMethod,
    Step,
    Terms,
    Tier,
    Ties,
    Turns,
)
from auctions.engine.visibility import BidderView, OwnerView
from marketplace.kernel.errors import invalid
from marketplace.kernel.limits import (
    AUCTION_PARTICIPANTS_MAX,
    AUCTION_RATES_MAX,
    AUCTION_TIERS_MAX,
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

Duration = Annotated[timedelta, Meta(description="ISO 8601, in whole seconds.", examples=["PT2M"])]
Status = Literal["draft", "scheduled", "open", "closed", "cancelled"]


class StepInput(Input):
    """A distance between two amounts: so much of the currency, or so many percent."""

    measure: Measure
    value: AmountText

    def step(self) -> Step:
        """Give the value."""
        return Step(self.measure, Decimal(self.value))


class DecrementTierInput(Input):
    """The step from references of at least so much."""

    at_least: AmountText
    step: StepInput


class DecrementInput(Input):
    """How far a new bid must fall below the reference, and how far it may.

    `tiers`, the highest first, give other steps for higher prices; with `multiples_only` bids fall
    by whole steps.
    """

    step: StepInput
    reference: Reference = Reference.OWN
    maximum: StepInput | None = None
    tiers: Annotated[list[DecrementTierInput], Meta(max_length=AUCTION_TIERS_MAX)] = field(
        default_factory=list
    )
    multiples_only: bool = False

    def decrement(self) -> Decrement:
        """Give the value."""
        return Decrement(
            self.step.step(),
            self.reference,
            None if self.maximum is None else self.maximum.step(),
            tuple(Tier(Decimal(tier.at_least), tier.step.step()) for tier in self.tiers),
            self.multiples_only,
        )


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


class PriceClockInput(Input):
    """The prices a Dutch or Japanese auction calls, from `first` to `last`."""

    first: AmountText
    last: AmountText
    step: AmountText
    every: Duration

    def clock(self, pointer: str) -> PriceClock:
        """Give the value; raises InvalidInput for a part of a second."""
        prices = (Decimal(self.first), Decimal(self.last), Decimal(self.step))
        return PriceClock(*prices, _seconds(self.every, f"{pointer}/every"))


class BiddingTurnsInput(Input):
    """The rounds of a staged auction: how many, and how long each bidder has in each."""

    turn: Duration
    rounds: int = 3

    def turns(self, pointer: str) -> Turns:
        """Give the value; raises InvalidInput for a part of a second."""
        return Turns(self.rounds, _seconds(self.turn, f"{pointer}/turn"))


FactorText = Annotated[
    str,
    Meta(
        pattern=r"^(0|[1-9][0-9]{0,9})(\.[0-9]{1,12})?(?!\n)$",
        description="A decimal number that is not negative, up to twelve places.",
        examples=["1.05"],
    ),
]


class ScoredFeatureInput(Input):
    """What counts beside the price, and for how much at most: 0.05 is five hundredths."""

    name: Name
    maximum: FactorText


class ScoringInput(Input):
    """What bids are ranked by; `features` belong to the coefficient."""

    method: ScoringMethod
    features: Annotated[list[ScoredFeatureInput], Meta(max_length=AUCTION_TIERS_MAX)] = field(
        default_factory=list
    )

    def scoring(self) -> Scoring:
        """Give the value."""
        features = (Feature(f.name, Decimal(f.maximum)) for f in self.features)
        return Scoring(self.method, tuple(features))


class CurrencyRateInput(Input):
    """What one unit of another currency is worth in the auction's, fixed for the auction."""

    currency: CurrencyText
    rate: FactorText


class PriceAdjustmentInput(Input):
    """What counts beside one supplier's price, as the lot's scoring has it.

    `multiplier` and `addend` transform his price, and he never learns them; `features` are what his
    are worth, `costs` those of owning what he offers.
    """

    multiplier: FactorText = "1"
    addend: AmountText = "0"
    features: dict[str, FactorText] = field(default_factory=dict)
    costs: dict[str, AmountText] = field(default_factory=dict)

    def adjustment(self) -> Adjustment:
        """Give the value."""
        return Adjustment(
            multiplier=Decimal(self.multiplier),
            addend=Decimal(self.addend),
            features={name: Decimal(worth) for name, worth in self.features.items()},
            costs={name: Decimal(cost) for name, cost in self.costs.items()},
        )


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
    which nobody wins by himself. A `practice` auction awards nothing.
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


class StepView(Output):
    """A distance between two amounts."""

    measure: Measure
    value: str


class DecrementTierView(Output):
    """The step from references of at least so much."""

    at_least: MoneyView
    step: StepView


class DecrementView(Output):
    """How far a new bid must fall below the reference, and how far it may."""

    step: StepView
    reference: Reference
    maximum: StepView | None
    tiers: list[DecrementTierView]
    multiples_only: bool


class OvertimeView(Output):
    """When a late bid moves the close."""

    window: timedelta
    extension: timedelta
    lowest_rank: int
    at_most: int
    total_max: timedelta
    counted_from: CountedFrom


class PriceClockView(Output):
    """The prices the auction calls."""

    first: MoneyView
    last: MoneyView
    step: MoneyView
    every: timedelta


class BiddingTurnsView(Output):
    """The rounds of a staged auction."""

    rounds: int
    turn: timedelta


class ScoredFeatureView(Output):
    """What counts beside the price, and for how much at most."""

    name: str
    maximum: str


class ScoringView(Output):
    """What bids are ranked by."""

    method: ScoringMethod
    features: list[ScoredFeatureView]


class CurrencyRateView(Output):
    """What one unit of another currency is worth in the auction's."""

    currency: str
    rate: str


class TermsView(Output):
    """The rules of a lot."""

    format: Format
    disclosure: Disclosure
    ceiling: MoneyView
    decrement: DecrementView | None
    overtime: OvertimeView | None
    clock: PriceClockView | None
    turns: BiddingTurnsView | None
    ties: Ties
    scoring: ScoringView
    rates: list[CurrencyRateView]
    starting_gate: bool
    publication: Publication
    practice: bool
    starts_at: datetime
    ends_at: datetime


class PriceAdjustmentView(Output):
    """What counts beside a supplier's price."""

    multiplier: str
    addend: str
    features: dict[str, str]
    costs: dict[str, str]


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
    """Show the terms of a lot as all may see them.

    The reserve is the buyer's alone; who sees identities is between him and the marketplace.
    """
    overtime, clock, turns = terms.overtime, terms.clock, terms.turns
    return TermsView(
        format=terms.format,
        disclosure=terms.disclosure,
        ceiling=money_view(terms.ceiling, terms.currency),
        decrement=_decrement_view(terms),
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
        clock=None
        if clock is None
        else PriceClockView(
            first=money_view(clock.first, terms.currency),
            last=money_view(clock.last, terms.currency),
            step=money_view(clock.step, terms.currency),
            every=timedelta(seconds=clock.every_s),
        ),
        turns=None
        if turns is None
        else BiddingTurnsView(rounds=turns.rounds, turn=timedelta(seconds=turns.turn_s)),
        ties=terms.ties,
        scoring=ScoringView(
            method=terms.scoring.method,
            features=[_feature_view(feature) for feature in terms.scoring.features],
        ),
        rates=[
            CurrencyRateView(currency=rate.currency, rate=f"{rate.rate:f}") for rate in terms.rates
        ],
        starting_gate=terms.starting_gate,
        publication=terms.publication,
        practice=terms.practice,
        starts_at=terms.starts_at,
        ends_at=terms.ends_at,
    )


def _decrement_view(terms: Terms) -> DecrementView | None:
    decrement = terms.decrement
    if decrement is None:
        return None
    return DecrementView(
        step=_step_view(decrement.step),
        reference=decrement.reference,
        maximum=None if decrement.maximum is None else _step_view(decrement.maximum),
        tiers=[
            DecrementTierView(
                at_least=money_view(tier.at_least, terms.currency), step=_step_view(tier.step)
            )
            for tier in decrement.tiers
        ],
        multiples_only=decrement.multiples_only,
    )


def _feature_view(feature: Feature) -> ScoredFeatureView:
    return ScoredFeatureView(name=feature.name, maximum=f"{feature.maximum:f}")


def adjustment_view(adjustment: Adjustment | None) -> PriceAdjustmentView | None:
    """Show the buyer what counts beside a supplier's price."""
    if adjustment is None:
        return None
    return PriceAdjustmentView(
        multiplier=f"{adjustment.multiplier:f}",
        addend=f"{adjustment.addend:f}",
        features={name: f"{worth:f}" for name, worth in adjustment.features.items()},
        costs={name: f"{cost:f}" for name, cost in adjustment.costs.items()},
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
