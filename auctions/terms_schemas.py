"""What the terms of a lot look like on the wire."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, field

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
    Reference,
    Scoring,
    ScoringMethod,
    Step,
    Terms,
    Tier,
    Ties,
    Turns,
    Withdrawals,
)
from marketplace.kernel.errors import invalid
from marketplace.kernel.limits import (
    AUCTION_TIERS_MAX,
)
from marketplace.platform.http.schemas import (
    AmountText,
    CurrencyText,
    Input,
    MoneyView,
    Name,
    Output,
)

Duration = Annotated[timedelta, Meta(description="ISO 8601, in whole seconds.", examples=["PT2M"])]


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
    """When a late bid moves the close: see the guide on auctions.

    With `all_lots` the other open lots close no earlier than this one, whoever's bid moved it.
    """

    window: Duration
    extension: Duration
    lowest_rank: int = 1
    at_most: int
    total_max: Duration
    counted_from: CountedFrom = CountedFrom.CLOSE
    all_lots: bool = False

    def overtime(self, pointer: str) -> Overtime:
        """Give the value; raises InvalidInput for a part of a second."""
        return Overtime(
            window_s=_seconds(self.window, f"{pointer}/window"),
            extension_s=_seconds(self.extension, f"{pointer}/extension"),
            lowest_rank=self.lowest_rank,
            at_most=self.at_most,
            total_max_s=_seconds(self.total_max, f"{pointer}/total_max"),
            counted_from=self.counted_from,
            all_lots=self.all_lots,
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
    """What one unit of another currency is worth in the own one, fixed with the terms."""

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
    all_lots: bool


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
    """What one unit of another currency is worth in the own one."""

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
    proxies: bool
    surrogates: bool
    withdrawals: Withdrawals
    starts_at: datetime
    ends_at: datetime


class PriceAdjustmentView(Output):
    """What counts beside a supplier's price."""

    multiplier: str
    addend: str
    features: dict[str, str]
    costs: dict[str, str]


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
            all_lots=overtime.all_lots,
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
        proxies=terms.proxies,
        surrogates=terms.surrogates,
        withdrawals=terms.withdrawals,
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
