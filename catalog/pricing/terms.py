"""The words of a price: levels, ladders, candidates and who buys.

A *candidate* is one ladder that some list, contract or quote holds for one offer. Everything that
may decide between two candidates is written on them; nothing here asks a clock or a database.
"""

from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

import msgspec

from marketplace.kernel.clock import Validity
from marketplace.kernel.errors import invalid
from marketplace.kernel.limits import TIERS_MAX
from marketplace.kernel.money import EXACT, UNIT_PRICE_PLACES, exact_line_amount, rounded
from marketplace.kernel.units import decimals_allowed, places, too_fine

ONE: Final = Decimal(1)


class Level(StrEnum):
    """Where a price comes from, best first."""

    QUOTE = "quote"
    CONTRACT = "contract"
    ORGANIZATION = "organization"
    SEGMENT = "segment"
    BASE = "base"

    __hash__ = str.__hash__  # that of an enum is written in Python, and asked for each candidate


STRENGTH: Final = {level: number for number, level in enumerate(Level)}
"""The number of each level; a lower number beats a higher one."""


class Mode(StrEnum):
    """What a list that prices an offer leaves to the levels below it."""

    EXCLUSIVE = "exclusive"
    """Nothing: if it prices the offer at all, in whatever unit, lower levels do not count."""
    FILL_GAPS = "fill_gaps"
    """Lower levels fill the units, currencies and small quantities it does not price."""


class VolumeMode(StrEnum):
    """How the tiers of a ladder apply to one line."""

    VOLUME = "volume"
    """The whole line at the tier it reaches."""
    GRADUATED = "graduated"
    """Each slice at its own tier; in a unit of whole things the piece that reaches a tier's minimum
    is the first one at that tier."""


_VOLUME: Final = VolumeMode.VOLUME  # asked for each line; looking into an enum takes longer


class Policy(StrEnum):
    """What a supplier has agreed with a customer about several prices of one offer."""

    PRIORITY = "priority"
    """The best level, then depth, then priority: a contract beats a lower base price, as agreed."""
    BEST_PRICE = "best_price"
    """The lowest amount of the line, whatever its level and the modes of lists."""


class Reason(StrEnum):
    """Why a candidate lost, or why there is no price."""

    NOT_ASSIGNED = "not_assigned"
    """It belongs to somebody else. Never told to a buyer."""
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    WRONG_CURRENCY = "wrong_currency"
    WRONG_UNIT = "wrong_unit"
    BELOW_MINIMUM_QUANTITY = "below_minimum_quantity"
    SHADOWED_BY_LEVEL = "shadowed_by_level"
    SHADOWED_BY_PRIORITY = "shadowed_by_priority"
    SHADOWED_BY_PRICE = "shadowed_by_price"
    """Another one is cheaper, and the parties have agreed on the best price."""
    COMMITMENT_EXHAUSTED = "commitment_exhausted"
    """What the contract lets one draw at this price is used up, or less than the line asks."""
    BELOW_MARGIN_FLOOR = "below_margin_floor"
    """Held back until a second person of the supplier approves. Never told to a buyer."""
    AMBIGUOUS = "ambiguous"
    """Two candidates of one rank would both answer: refused when written, never decided here."""
    NO_PRICE = "no_price"
    """Nobody prices the offer for this buyer."""


class Tier(msgspec.Struct, frozen=True, gc=False):
    """From `minimum_quantity` on, `amount` per price basis.

    In JSON, stored and on the wire alike, ``{"minimum_quantity": "10", "amount": "8.5"}``.
    """

    minimum_quantity: Decimal
    amount: Decimal


class Ladder(msgspec.Struct, frozen=True, gc=False):
    """Tiers in ascending order of their minimum quantity.

    `basis` is the number of units one amount buys: a price per 100 keeps its amount and has the
    basis 100, it is never divided beforehand.
    """

    tiers: tuple[Tier, ...]
    basis: Decimal = ONE
    volume_mode: VolumeMode = VolumeMode.VOLUME

    @classmethod
    def checked(
        cls,
        tiers: tuple[Tier, ...],
        unit: str,
        *,
        basis: Decimal = ONE,
        volume_mode: VolumeMode = VolumeMode.VOLUME,
        pointer: str = "",
    ) -> Self:
        """Make a ladder, or raise InvalidInput pointing below `pointer` at what breaks a rule.

        An amount of zero is a price (free of charge); a negative one is not.
        """
        if not 1 <= len(tiers) <= TIERS_MAX:
            detail = f"A ladder has 1 to {TIERS_MAX} tiers; this one has {len(tiers)}."
            raise invalid(f"{pointer}/tiers", "wrong_number_of_tiers", detail)
        if not basis.is_finite() or basis <= 0 or places(basis) > UNIT_PRICE_PLACES:
            detail = "The price basis is how many units one amount buys, such as 1 or 100."
            raise invalid(f"{pointer}/basis", "invalid_basis", detail)
        previous: Decimal | None = None
        for number, tier in enumerate(tiers):
            check_tier(tier.minimum_quantity, tier.amount, unit, f"{pointer}/tiers/{number}")
            if previous is not None and tier.minimum_quantity <= previous:
                detail = f"The tier from {tier.minimum_quantity} follows the one from {previous}."
                raise invalid(
                    f"{pointer}/tiers/{number}/minimum_quantity", "tiers_out_of_order", detail
                )
            previous = tier.minimum_quantity
        return cls(tiers, basis, volume_mode)

    def tier_at(self, quantity: Decimal) -> Tier | None:
        """Give the tier that `quantity` reaches, or None below the first."""
        reached = None
        for tier in self.tiers:
            if quantity < tier.minimum_quantity:
                break
            reached = tier
        return reached

    def line_amount(self, quantity: Decimal, unit: str, currency: str) -> Decimal | None:
        """Give what `quantity` costs; None below the first tier. See `amount_at`."""
        tier = self.tier_at(quantity)
        return None if tier is None else self.amount_at(tier, quantity, unit, currency)

    def amount_at(self, tier: Tier, quantity: Decimal, unit: str, currency: str) -> Decimal:
        """Give what `quantity`, which reaches `tier`, costs.

        Rounded once, half up, to the currency's digits. Raises InvalidInput for an unknown one.
        """
        return rounded(self.exact_amount_at(tier, quantity, unit), currency)

    def exact_amount_at(self, tier: Tier, quantity: Decimal, unit: str) -> Decimal:
        """Give what `quantity`, which reaches `tier`, costs before it is rounded."""
        if self.volume_mode is _VOLUME:
            return exact_line_amount(quantity, tier.amount, self.basis)
        slices = self._slices(quantity, unit)
        priced = sum((part * tier.amount for part, tier in slices), Decimal(0))
        return exact_line_amount(ONE, priced, self.basis)

    def _slices(self, quantity: Decimal, unit: str) -> list[tuple[Decimal, Tier]]:
        """Cut `quantity` at the tiers: (part, its tier); the first slice begins at zero."""
        step = Decimal(0) if decimals_allowed(unit) else ONE
        starts = [tier.minimum_quantity - step for tier in self.tiers]
        starts[0] = Decimal(0)
        ends = [*starts[1:], quantity]
        return [
            (min(quantity, end) - start, tier)
            for start, end, tier in zip(starts, ends, self.tiers, strict=True)
            if quantity > start
        ]


def check_tier(minimum_quantity: Decimal, amount: Decimal, unit: str, pointer: str = "") -> None:
    """Refuse a tier that is no price in `unit`; raises InvalidInput below `pointer`."""
    where = f"{pointer}/minimum_quantity"
    if not minimum_quantity.is_finite() or minimum_quantity <= 0:
        raise invalid(where, "not_positive", "A minimum quantity is more than zero.")
    if (detail := too_fine(minimum_quantity, unit)) is not None:
        raise invalid(where, "too_many_decimals", detail)
    if not amount.is_finite() or amount < 0:
        raise invalid(f"{pointer}/amount", "negative", "An amount is not negative.")
    if places(amount) > UNIT_PRICE_PLACES:
        detail = f"A unit price has at most {UNIT_PRICE_PLACES} decimals."
        raise invalid(f"{pointer}/amount", "too_many_decimals", detail)


class Measure(StrEnum):
    """In what a commitment is counted."""

    QUANTITY = "quantity"
    VALUE = "value"
    """Net line amounts in the contract's currency."""


class AtExhaustion(StrEnum):
    """What a contract says of a line that asks for more than is left to draw."""

    STOP = "stop"
    """The line has no price."""
    NEXT_PRICE = "next_price"
    """The whole line takes the next price there is."""
    SPLIT = "split"
    """What is left is drawn, the rest takes the next price: as two lines would."""


class Commitment(msgspec.Struct, frozen=True, gc=False):
    """What may be drawn at a contract's price in all (`cap`), and what is `left` of it."""

    id: UUID
    measure: Measure
    left: Decimal
    at_exhaustion: AtExhaustion
    cap: Decimal = Decimal(0)

    def drawn_by(self, quantity: Decimal, line_amount: Decimal) -> Decimal:
        """Give what a line draws."""
        return quantity if self.measure is Measure.QUANTITY else line_amount

    def part_of(self, quantity: Decimal, ladder: Ladder, unit: str) -> tuple[Decimal, Tier] | None:
        """Give the largest part of a line that can still be drawn, and the tier it reaches alone.

        Its amount counts before rounding, so that no piece is drawn for nothing. None where not
        even the first tier can be reached.
        """
        step = ONE.scaleb(-decimals_allowed(unit))
        end = quantity
        for tier in reversed(ladder.tiers):
            if tier.minimum_quantity > quantity:
                continue
            most = min(self._most_at(tier, ladder), end)
            part = most.quantize(step, rounding=ROUND_DOWN, context=EXACT)
            if part >= tier.minimum_quantity:
                return part, tier
            end = tier.minimum_quantity - step
        return None

    def _most_at(self, tier: Tier, ladder: Ladder) -> Decimal:
        if self.measure is Measure.QUANTITY:
            return self.left
        if tier.amount == 0:
            return Decimal("Infinity")
        return EXACT.divide(EXACT.multiply(self.left, ladder.basis), tier.amount)


class Discount(msgspec.Struct, frozen=True, gc=False):
    """From which published list an amount was reckoned, and how: `percent_off` of its amounts."""

    percent_off: Decimal
    of_list_id: UUID
    of_version: int


def discounted(ladder: Ladder, percent_off: Decimal) -> Ladder:
    """Give a ladder at so many percent off, each amount rounded once, half up, to six places.

    Six places are what a unit price has anywhere: what is reckoned is then a unit price like any
    other, shown, ordered and invoiced as it is, and never rounded again (decision 0421).
    """
    factor = EXACT.divide(100 - percent_off, Decimal(100))
    step = ONE.scaleb(-UNIT_PRICE_PLACES)
    tiers = tuple(
        Tier(
            tier.minimum_quantity,
            EXACT.multiply(tier.amount, factor).quantize(step, context=EXACT).normalize(EXACT),
        )
        for tier in ladder.tiers
    )
    return Ladder(tiers, ladder.basis, ladder.volume_mode)


class Source(msgspec.Struct, frozen=True, gc=False):
    """The document that holds a candidate: a price list at a version, a contract, a quote."""

    kind: str
    id: UUID
    version: int
    title: str


class Candidate(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One ladder that might price one offer.

    `assigned_to` names the organizations, units or segments it is for; empty means everybody.
    Inside one level and one depth the higher `priority` wins; equal ones are refused when written.
    Of one list, what is `derived` (1: a percentage for this offer, 2: one for the whole list)
    counts where its own ladders (0) do not answer.
    """

    level: Level
    source: Source
    unit: str
    currency: str
    ladder: Ladder
    assigned_to: tuple[UUID, ...] = ()
    priority: int = 0
    mode: Mode = Mode.EXCLUSIVE
    validity: Validity = Validity()
    derived: int = 0
    discount: Discount | None = None
    commitment: Commitment | None = None


class Buyer(msgspec.Struct, frozen=True, gc=False):
    """Who buys: the acting unit first, then its ancestors up to the company; and his segments."""

    path: tuple[UUID, ...]
    segments: frozenset[UUID] = frozenset()

    def depth(self, candidate: Candidate) -> int | None:
        """Count the steps up the tree to whom the candidate is assigned; None if not to him."""
        if not candidate.assigned_to:
            return 0
        if candidate.level is Level.SEGMENT:
            return None if self.segments.isdisjoint(candidate.assigned_to) else 0
        for steps, unit_id in enumerate(self.path):
            if unit_id in candidate.assigned_to:
                return steps
        return None


class Step(msgspec.Struct, frozen=True, gc=False):
    """One step of the ladder a buyer really has, which several candidates may have made."""

    tier: Tier
    candidate: Candidate


class Loser(msgspec.Struct, frozen=True, gc=False):
    """A candidate that did not price the line, and why."""

    candidate: Candidate
    reason: Reason


class Part(msgspec.Struct, frozen=True, gc=False):
    """One of the parts of a split line, priced as a line of its own."""

    candidate: Candidate
    tier: Tier
    quantity: Decimal
    line_amount: Decimal


class Price(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The answer: what a line costs, from where, and (on request) what it might have cost.

    `fitting` are the candidates in the line's unit and currency, best first; the ladder the buyer
    has is composed of them (`steps`). `parts` are there where a commitment split the line: then
    `winner` and `tier` are the first part's, and `line_amount` is the sum of theirs.
    """

    winner: Candidate
    tier: Tier
    quantity: Decimal
    line_amount: Decimal
    fitting: tuple[Candidate, ...]
    losers: tuple[Loser, ...] = ()
    parts: tuple[Part, ...] = ()
    policy: Policy = Policy.PRIORITY

    @property
    def whole_amount(self) -> Decimal:
        """Give what the whole line costs to six places, as a price of the quantity asked."""
        if self.parts:
            return self.line_amount
        exact = self.winner.ladder.exact_amount_at(self.tier, self.quantity, self.winner.unit)
        return exact.quantize(ONE.scaleb(-UNIT_PRICE_PLACES), context=EXACT)

    @property
    def steps(self) -> tuple[Step, ...]:
        """Give the ladder the buyer has: the best candidate's, and below its first tier the next's.

        A better candidate answers every quantity from its first tier on, so a worse one only ever
        shows below that. Where the best price counts, each step is the cheapest's there.
        """
        if self.policy is Policy.BEST_PRICE:
            return self._cheapest_steps()
        best = self.fitting[0]
        steps = [Step(tier, best) for tier in best.ladder.tiers]
        for candidate in self.fitting[1:]:
            below = steps[0].tier.minimum_quantity
            if candidate.ladder.tiers[0].minimum_quantity < below:
                lower = (t for t in candidate.ladder.tiers if t.minimum_quantity < below)
                steps = [*(Step(tier, candidate) for tier in lower), *steps]
        return tuple(steps)

    def _cheapest_steps(self) -> tuple[Step, ...]:
        minimums = {tier.minimum_quantity for c in self.fitting for tier in c.ladder.tiers}
        steps: list[Step] = []
        for minimum in sorted(minimums):
            reached = ((c, c.ladder.tier_at(minimum)) for c in self.fitting)
            answers = [Step(tier, c) for c, tier in reached if tier is not None]
            best = min(
                answers,
                key=lambda s: s.candidate.ladder.exact_amount_at(s.tier, minimum, s.candidate.unit),
            )
            if not steps or steps[-1].candidate is not best.candidate:
                begun = Tier(minimum, best.tier.amount)
                steps.append(Step(begun, best.candidate))
            elif steps[-1].tier.amount != best.tier.amount:
                steps.append(best)
        return tuple(steps)

    @property
    def next_step(self) -> Step | None:
        """Give the first step above the quantity: what buying more would bring."""
        return next((s for s in self.steps if s.tier.minimum_quantity > self.quantity), None)


class NoPrice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Nobody prices the line, and what stands nearest in the way.

    `minimum_quantity` is where prices begin, when only the quantity is too small.
    """

    reason: Reason
    minimum_quantity: Decimal | None = None
    losers: tuple[Loser, ...] = ()
