"""The log of a lot reckoned anew, in fractions and without the engine's functions.

What the engine decides is compared with this, so it shares nothing with it but the events' and the
terms' fields.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from math import floor
from typing import NamedTuple
from uuid import UUID

from auctions.engine.events import (
    Admitted,
    BidAccepted,
    BidderLeft,
    BidWithdrawn,
    CloseExtended,
    Event,
    Paused,
    ProxySet,
    Resumed,
    StageOpened,
    StartMoved,
    SurrogateAllowed,
    SurrogateRevoked,
)
from auctions.engine.scoring import Adjustment
from auctions.engine.terms import Measure, Reference, ScoringMethod, Step, Terms, Ties

DIGITS = {"EUR": 2, "USD": 2, "JPY": 0}


class Standing(NamedTuple):
    """A standing bid."""

    score: Fraction
    seq: int
    bidder: UUID
    amount: Fraction


@dataclass(frozen=True, slots=True)
class Line:
    """How one bidder's amounts become scores: a straight line."""

    rate: Fraction
    slope: Fraction
    addend: Fraction
    unit: Fraction

    def score(self, amount: Fraction) -> Fraction:
        """Give what an amount is ranked by."""
        return amount * self.slope + self.addend

    def own(self, score: Fraction) -> Fraction:
        """Give the highest amount of his currency that is ranked by a score or better."""
        return floor((score - self.addend) / self.slope / self.unit) * self.unit


def line_of(terms: Terms, admitted: Admitted) -> Line:
    """Give the line of a bidder."""
    currency = admitted.currency or terms.currency
    rates = {rate.currency: Fraction(rate.rate) for rate in terms.rates}
    rate = rates.get(currency, Fraction(1))
    given = admitted.adjustment or Adjustment()
    unit = Fraction(1, 10 ** DIGITS[currency])
    method = terms.scoring.method
    if method is ScoringMethod.TRANSFORMED:
        return Line(rate, rate * Fraction(given.multiplier), Fraction(given.addend), unit)
    if method is ScoringMethod.LIFE_CYCLE:
        return Line(rate, rate, Fraction(sum(given.costs.values())), unit)
    if method is ScoringMethod.COEFFICIENT:
        best = sum((Fraction(f.maximum) for f in terms.scoring.features), Fraction(0))
        own = sum((Fraction(worth) for worth in given.features.values()), Fraction(0))
        return Line(rate, rate / (1 + own / (1 - best)), Fraction(0), unit)
    return Line(rate, rate, Fraction(0), unit)


@dataclass(slots=True)
class Reckoning:
    """What is the case after so many events."""

    terms: Terms
    closes_at: datetime
    lines: dict[UUID, Line] = field(default_factory=dict)
    standing: dict[UUID, Standing] = field(default_factory=dict)
    proxies: dict[UUID, ProxySet] = field(default_factory=dict)
    consents: set[UUID] = field(default_factory=set)
    out: set[UUID] = field(default_factory=set)
    stage: StageOpened | None = None
    extensions: int = 0
    paused_at: datetime | None = None
    paused_for: timedelta = timedelta(0)
    starts_at: datetime | None = None

    def follow(self, event: Event) -> None:
        """Take the next event in."""
        if isinstance(event, BidAccepted):
            self.standing[event.bidder] = self.would_stand(event)
        elif isinstance(event, Admitted):
            self.lines[event.bidder] = line_of(self.terms, event)
            if event.amount is not None:
                amount = Fraction(event.amount)
                score = self.lines[event.bidder].score(amount)
                self.standing[event.bidder] = Standing(score, event.seq, event.bidder, amount)
        elif isinstance(event, ProxySet):
            self.proxies.pop(event.bidder, None)
            if event.limit is not None:
                self.proxies[event.bidder] = event
        elif isinstance(event, BidWithdrawn):
            del self.standing[event.bidder]
            self.proxies.pop(event.bidder, None)
        else:
            self._follow_clock(event)

    def _follow_clock(self, event: Event) -> None:
        if isinstance(event, StartMoved):
            self.starts_at, self.closes_at = event.starts_at, event.closes_at
        elif isinstance(event, CloseExtended):
            self.closes_at = event.closes_at
            self.extensions += not (event.followed or event.reason)
        elif isinstance(event, Paused):
            self.paused_at = event.at
        elif isinstance(event, Resumed) and self.paused_at is not None:
            stood = event.at - self.paused_at
            self.paused_at, self.paused_for = None, self.paused_for + stood
            self.closes_at += stood
        elif isinstance(event, StageOpened):
            self.stage = event
            self.closes_at = max(self.closes_at, event.until)
        elif isinstance(event, BidderLeft):
            self.out.add(event.bidder)
        elif isinstance(event, SurrogateAllowed):
            self.consents.add(event.bidder)
        elif isinstance(event, SurrogateRevoked):
            self.consents.discard(event.bidder)

    def would_stand(self, event: BidAccepted) -> Standing:
        """Give the standing bid an event makes."""
        amount = Fraction(event.amount)
        score = self.lines[event.bidder].score(amount)
        return Standing(score, event.seq, event.bidder, amount)

    def order(self) -> list[Standing]:
        """Give the standing bids, the leader first."""
        return sorted(self.standing.values())

    def cap(self) -> datetime:
        """Give the instant no bid may move the close beyond."""
        overtime = self.terms.overtime
        beyond = timedelta(seconds=0 if overtime is None else overtime.total_max_s)
        moved = (self.starts_at or self.terms.starts_at) - self.terms.starts_at
        return self.terms.ends_at + moved + beyond + self.paused_for

    def reference(self, bidder: UUID) -> Fraction | None:
        """Give the amount the bidder's next one must stay below, in his terms."""
        own, decrement = self.standing.get(bidder), self.terms.decrement
        if own is None or decrement is None:
            return None
        if decrement.reference is Reference.OWN:
            return own.amount
        return self.lines[bidder].own(min(self.standing.values()).score)

    def step(self, bidder: UUID, reference: Fraction) -> Fraction:
        """Give how far below a reference the bidder's next amount must be at least."""
        decrement, rate = self.terms.decrement, self.lines[bidder].rate
        assert decrement is not None  # noqa: S101 - only asked where there is one
        step: Step = decrement.step
        for tier in decrement.tiers:
            if reference * rate >= Fraction(tier.at_least):
                step = tier.step
                break
        if step.measure is Measure.PERCENT:
            return reference * Fraction(step.value) / 100
        return Fraction(step.value) / rate

    def shown_rank(self, bidder: UUID) -> int:
        """Give the rank the bidder is shown."""
        own = self.standing[bidder]
        if self.terms.ties is Ties.EQUAL_BEST:
            return 1 + sum(other.score < own.score for other in self.standing.values())
        if self.terms.ties is Ties.EQUAL_WORST:
            return sum(other.score <= own.score for other in self.standing.values())
        return 1 + sum(other < own for other in self.standing.values())
