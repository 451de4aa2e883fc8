"""What the buyer lays down for a lot before the bidding: its terms.

A lot's terms never change once it is scheduled; the first entry of its log holds them. Whether they
fit together is for `checks`. A field that is added here must have a default that means what logs
without it mean: `log` leaves it out where it has its default, so old logs keep their bytes.
"""

from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from enum import Enum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.money import currency_digits
from marketplace.kernel.units import decimals

_DOWN: Final = Context(prec=60, rounding=ROUND_FLOOR)
_UP: Final = Context(prec=60, rounding=ROUND_CEILING)
_QUANTA: Final = tuple(Decimal(1).scaleb(-digits) for digits in range(7))


class Format(Enum):
    """How the competition runs; each has a file of its own in `formats`."""

    ENGLISH = "english"
    """Suppliers underbid in the open time; the lowest at the close leads."""
    SEALED = "sealed"
    """Nobody sees any bid before the close; the lowest leads and gets what he asked."""
    VICKREY = "vickrey"
    """As sealed, but the lowest gets what the second asked."""
    DUTCH = "dutch"
    """The price rises until the first supplier takes it."""
    JAPANESE = "japanese"
    """The price falls round by round; who does not stay in is out."""
    STAGED = "staged"
    """Rounds in which each supplier bids alone in his turn, the worst first."""


SEALED: Final = frozenset({Format.SEALED, Format.VICKREY})
"""Formats in which the buyer, too, sees no bid before the close."""


class Disclosure(Enum):
    """What a bidder sees of his rivals while the bidding runs."""

    OPEN = "open"
    """Every standing amount, under aliases, and his own rank."""
    BEST_PRICE = "best_price"
    """The leading amount and his own rank."""
    RANK_ONLY = "rank_only"
    """His own rank and nothing else."""
    OWN_ONLY = "own_only"
    """Nothing, not even his own rank, before the close."""


class Reference(Enum):
    """The amount a new bid must stay below."""

    OWN = "own"
    """The bidder's own standing bid."""
    LEADER = "leader"
    """The leading bid. Only where bidders see it: a refusal would tell it otherwise."""


class Ties(Enum):
    """Who of two equal bids is ahead. An award always follows the order of time."""

    BY_TIME = "by_time"
    """The one with the lower number in the log."""
    FORBIDDEN = "forbidden"
    """A bid that equals a standing one is refused. Only where all amounts are shown."""
    EQUAL_BEST = "equal_best"
    """Both are shown the better rank: two firsts, then a third."""
    EQUAL_WORST = "equal_worst"
    """Both are shown the worse rank: two seconds, then a third."""


class Measure(Enum):
    """How a step is measured."""

    ABSOLUTE = "absolute"
    PERCENT = "percent"


class CountedFrom(Enum):
    """Where the length of an extension is counted from."""

    CLOSE = "close"
    """From the close as it stood: every extension adds its whole length."""
    RECEIPT = "receipt"
    """From the decision on the bid: nobody waits longer than the length after the last bid."""


class ScoringMethod(Enum):
    """What bids are ranked by. None is relative: who leads never depends on a third bid."""

    PRICE = "price"
    """The price alone."""
    TRANSFORMED = "transformed"
    """Price × multiplier + addend, both per supplier and hidden from him."""
    COEFFICIENT = "coefficient"
    """Price / (1 + Σv / (1 - Σvmax)), v the worth of the supplier's features."""
    LIFE_CYCLE = "life_cycle"
    """Price + the costs of owning what the supplier offers."""


class Publication(Enum):
    """What bidders' copies of the log open of their rivals, once the auction is closed."""

    AS_SHOWN = "as_shown"
    """What they saw while it ran: amounts in an open auction, else nothing."""
    AMOUNTS = "amounts"
    """The amounts of all accepted bids."""
    IDENTITIES = "identities"
    """Those, and whose they were."""


class Withdrawals(Enum):
    """How a standing bid may be struck before the auction has ended."""

    BY_BUYER = "by_buyer"
    """The buyer alone strikes bids, with a reason."""
    ON_REQUEST = "on_request"
    """A bidder may ask for it, and the buyer consents by striking the bid."""
    FREELY = "freely"
    """A bidder takes his own standing bid back when he likes."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A distance between two amounts: so much of the lot's currency, or so many percent."""

    measure: Measure
    value: Decimal

    def highest_below(self, reference: Decimal, digits: int) -> Decimal:
        """Give the highest amount of `digits` places that is a step or more below `reference`."""
        return self.below(reference).quantize(_QUANTA[digits], context=_DOWN)

    def lowest_below(self, reference: Decimal, digits: int) -> Decimal:
        """Give the lowest amount of `digits` places that is at most a step below `reference`."""
        return self.below(reference).quantize(_QUANTA[digits], context=_UP)

    def below(self, reference: Decimal) -> Decimal:
        """Give the exact amount a step below `reference`."""
        if self.measure is Measure.ABSOLUTE:
            return _DOWN.subtract(reference, self.value)
        share = _DOWN.subtract(Decimal(100), self.value)
        return _DOWN.multiply(reference, share).scaleb(-2, _DOWN)

    def in_currency_of(self, rate: Decimal) -> "Step":
        """Give the step in a currency that is worth `rate` of the lot's: never a smaller one."""
        if self.measure is Measure.PERCENT or rate == 1:
            return self
        return Step(Measure.ABSOLUTE, _UP.divide(self.value, rate))


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The step from references of at least so much, in the lot's currency."""

    at_least: Decimal
    step: Step


class Decrement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far a new bid must and may fall.

    `maximum` guards against typing errors; it is measured from the same reference as `step`, and a
    first bid, which has none, is bounded by the ceiling alone. Of `tiers`, the highest first, the
    one the reference reaches gives the step; `step` holds below all of them. With `multiples_only`
    a bid falls by whole multiples of the step, a first one from the ceiling.
    """

    step: Step
    reference: Reference = Reference.OWN
    maximum: Step | None = None
    tiers: tuple[Tier, ...] = ()
    multiples_only: bool = False

    def step_from(self, reference: Decimal) -> Step:
        """Give the step from a reference, which is in the lot's currency."""
        for tier in self.tiers:
            if reference >= tier.at_least:
                return tier.step
        return self.step


class Overtime(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a late bid moves the close.

    An accepted bid within the last `window_s` seconds that takes a rank of `lowest_rank` or better
    moves the close by `extension_s` seconds, at most `at_most` times, and never further than
    `total_max_s` seconds beyond the close first laid down. With `all_lots` the auction's other open
    lots close no earlier than this one.
    """

    window_s: int
    extension_s: int
    lowest_rank: int
    at_most: int
    total_max_s: int
    counted_from: CountedFrom = CountedFrom.CLOSE
    all_lots: bool = False


class PriceClock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices the auction itself calls: from `first` to `last` by `step`, each for `every_s`."""

    first: Decimal
    last: Decimal
    step: Decimal
    every_s: int

    def calls(self) -> int:
        """Give how many prices are called if nothing ends the auction before."""
        return 1 + int(abs(_DOWN.subtract(self.last, self.first)) // self.step)


class Turns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rounds of turns: in each of `rounds` every bidder has `turn_s` seconds alone."""

    rounds: int
    turn_s: int


class Follows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The lot before, in whose place this one comes `break_s` seconds after it has ended."""

    lot: UUID
    break_s: int = 0


class Feature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What counts beside the price, and for how much at most: 0.05 is five hundredths."""

    name: str
    maximum: Decimal


class Scoring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What bids are ranked by; `features` belong to the coefficient alone."""

    method: ScoringMethod = ScoringMethod.PRICE
    features: tuple[Feature, ...] = ()


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one unit of another currency is worth in the lot's, fixed with the terms."""

    currency: str
    rate: Decimal


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules of one lot. Amounts are totals of the lot, in `currency`, with its digits.

    `ceiling` is the highest amount anybody may bid, `reserve` the highest the buyer takes, which
    nobody else learns: above it there is no automatic winner. With `starting_gate` nobody sees
    anything of his rivals before he has bid himself. `buyer_sees_identities` tells the buyer who
    bids while the bidding runs; otherwise he sees aliases until the close. `decrement` belongs to
    English and staged auctions, `clock` to Dutch and Japanese ones, `turns` to staged ones. Where
    prices are called `ends_at` is when the auction is over at the earliest if nothing ends it
    before. `rates` are the other currencies somebody may bid in. A `practice` auction awards
    nothing. With `surrogates` the buyer may enter bids for bidders who consent; `withdrawals` says
    who may have a standing bid struck. A lot that `follows` another starts when that one has ended;
    `starts_at` and `ends_at` are then a plan, of which the length between them counts.
    """

    format: Format = Format.ENGLISH
    disclosure: Disclosure = Disclosure.RANK_ONLY
    currency: str
    ceiling: Decimal
    decrement: Decrement | None = None
    overtime: Overtime | None = None
    ties: Ties = Ties.BY_TIME
    starting_gate: bool = True
    buyer_sees_identities: bool = False
    starts_at: datetime
    ends_at: datetime
    reserve: Decimal | None = None
    clock: PriceClock | None = None
    turns: Turns | None = None
    scoring: Scoring = Scoring()
    rates: tuple[Rate, ...] = ()
    proxies: bool = False
    surrogates: bool = False
    practice: bool = False
    publication: Publication = Publication.AS_SHOWN
    withdrawals: Withdrawals = Withdrawals.BY_BUYER
    follows: Follows | None = None

    def latest_close_at(self) -> datetime:
        """Give the instant no bid can move the close beyond, as planned and without pauses."""
        if self.overtime is None:
            return self.ends_at
        return self.ends_at + timedelta(seconds=self.overtime.total_max_s)


def check_amount(amount: Decimal, currency: str, pointer: str = "/amount") -> Decimal:
    """Give a bid's amount in the currency's digits, or raise InvalidInput pointing at `pointer`.

    What is refused here can never become a valid bid; whether it is low enough is for `decide`.
    """
    error = amount_error(amount, currency_digits(currency), pointer)
    if error is not None:
        raise InvalidInput(error.detail, errors=(error,))
    return in_digits(amount, currency)


def rounded_down(amount: Decimal, digits: int) -> Decimal:
    """Cut an amount to so many places, towards zero for what is above it."""
    return amount.quantize(_QUANTA[digits], context=_DOWN)


def smallest(digits: int) -> Decimal:
    """Give the smallest amount of a currency of so many digits."""
    return _QUANTA[digits]


def in_digits(amount: Decimal, currency: str) -> Decimal:
    """Write an amount that has no more places than its currency with exactly the currency's."""
    return amount.quantize(_QUANTA[currency_digits(currency)], context=_DOWN)


def amount_error(amount: Decimal, digits: int, pointer: str) -> FieldError | None:
    """Say what is wrong with an amount in a currency of so many digits, None if nothing is."""
    if not amount.is_finite() or amount <= 0:
        return FieldError(pointer, "not_positive", "An amount must be greater than zero.")
    if amount != amount.quantize(_QUANTA[digits], context=_DOWN):
        detail = f"An amount in this currency has {decimals(digits)}."
        return FieldError(pointer, "too_many_decimals", detail)
    return None
