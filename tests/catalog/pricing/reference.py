"""A slow price resolution, written from the specification and from nothing else.

It walks every level, unit and priority one by one, finds the cheapest by trying all and the part of
a split line by counting down. `test_reference.py` holds `resolve` against it.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from catalog.pricing.terms import (
    AtExhaustion,
    Buyer,
    Candidate,
    Level,
    Measure,
    Mode,
    Policy,
    VolumeMode,
)

DIGITS = {"EUR": Decimal("0.01"), "JPY": Decimal(1)}
PIECES = "C62"

Told = tuple[tuple[str, Decimal], ...]
"""(title of the source, quantity) of each part; empty where there is no price."""


def exact(candidate: Candidate, quantity: Decimal) -> Fraction | None:
    """Reckon a line with fractions; None below the first tier."""
    tiers = candidate.ladder.tiers
    if quantity < tiers[0].minimum_quantity:
        return None
    basis = Fraction(candidate.ladder.basis)
    if candidate.ladder.volume_mode is VolumeMode.VOLUME:
        reached = [t for t in tiers if t.minimum_quantity <= quantity][-1]
        return Fraction(quantity) * Fraction(reached.amount) / basis
    pieces = Fraction(0)  # the n-th piece costs what the tier says that n reaches
    for n in range(1, int(quantity) + 1):
        reached_by_n = [t for t in tiers if t.minimum_quantity <= n]
        pieces += Fraction((reached_by_n or tiers[:1])[-1].amount)
    return pieces / basis


def rounded(amount: Fraction, currency: str) -> Decimal:
    """Round half up, from a fraction."""
    step = DIGITS[currency]
    steps = amount / Fraction(step)
    whole = (2 * steps.numerator + steps.denominator) // (2 * steps.denominator)
    return (Decimal(whole) * step).quantize(step, rounding=ROUND_HALF_UP)


def assigned(candidate: Candidate, buyer: Buyer) -> bool:
    """Tell whether a candidate is for everybody, or for this buyer."""
    if not candidate.assigned_to:
        return True
    own = buyer.segments if candidate.level is Level.SEGMENT else frozenset(buyer.path)
    return bool(own & set(candidate.assigned_to))


def valid(candidate: Candidate, at: datetime) -> bool:
    """Tell whether an instant lies in [from, until)."""
    begins = candidate.validity.from_ or datetime.min.replace(tzinfo=UTC)
    ends = candidate.validity.until or datetime.max.replace(tzinfo=UTC)
    return begins <= at < ends


def in_order(candidates: Sequence[Candidate], buyer: Buyer) -> Iterator[list[Candidate]]:
    """Give the candidates step by step: level, then unit by unit upward; inside, by priority."""
    for level in Level:
        here = [c for c in candidates if c.level is level]
        if level is Level.SEGMENT:
            places = [[c for c in here if c.assigned_to], [c for c in here if not c.assigned_to]]
            places = [[*places[0], *places[1]]]
        else:
            places = []
            for number, unit in enumerate(buyer.path):
                above = set(buyer.path[:number])
                places.append(
                    [
                        c
                        for c in here
                        if (unit in c.assigned_to and not above & set(c.assigned_to))
                        or (not c.assigned_to and number == 0)
                    ]
                )
        for place in places:
            yield sorted(place, key=lambda c: (-c.priority, c.derived))


def reference(
    candidates: Sequence[Candidate],
    buyer: Buyer,
    quantity: Decimal,
    unit: str,
    currency: str,
    at: datetime,
    policy: Policy,
) -> Told:
    """Give from which sources a line is priced, and how much of it from each."""
    mine = [c for c in candidates if assigned(c, buyer) and valid(c, at)]
    usable: list[Candidate] = []
    for step in in_order(mine, buyer):
        usable += [c for c in step if c.unit == unit and c.currency == currency]
        if policy is Policy.PRIORITY and any(c.mode is Mode.EXCLUSIVE for c in step):
            break
    answering = [c for c in usable if exact(c, quantity) is not None]
    if policy is Policy.BEST_PRICE:
        answering.sort(key=lambda c: exact(c, quantity) or 0)  # a stable sort: then by rank
    return drawn(answering, candidates, buyer, quantity, unit, currency, at, policy)


def drawn(
    answering: Sequence[Candidate],
    candidates: Sequence[Candidate],
    buyer: Buyer,
    quantity: Decimal,
    unit: str,
    currency: str,
    at: datetime,
    policy: Policy,
) -> Told:
    """Give who prices the line of those who could, as far as something is left to draw."""
    for place, c in enumerate(answering):
        if covers(c, quantity):
            return ((c.source.title, quantity),)
        assert c.commitment
        if c.commitment.at_exhaustion is AtExhaustion.STOP:
            return ()
        if c.commitment.at_exhaustion is AtExhaustion.SPLIT:
            for part in (quantity - n for n in range(1, int(quantity))):
                if exact(c, part) is not None and draws_unrounded(c, part) <= c.commitment.left:
                    others = [other for other in candidates if other is not c]
                    rest = reference(others, buyer, quantity - part, unit, currency, at, policy)
                    split = ((c.source.title, part), *rest) if rest else ()
                    if policy is Policy.BEST_PRICE:
                        return cheaper(split, unsplit(answering[place + 1 :], quantity), candidates)
                    return split
    return ()


def covers(candidate: Candidate, quantity: Decimal) -> bool:
    """Tell whether all of a line may be drawn."""
    return candidate.commitment is None or draws(candidate, quantity) <= candidate.commitment.left


def unsplit(answering: Sequence[Candidate], quantity: Decimal) -> Told:
    """Give the first that covers the whole line, unless one before it says stop."""
    for c in answering:
        if covers(c, quantity):
            return ((c.source.title, quantity),)
        if c.commitment and c.commitment.at_exhaustion is AtExhaustion.STOP:
            return ()
    return ()


def cheaper(split: Told, whole: Told, candidates: Sequence[Candidate]) -> Told:
    """Give what costs less, each part rounded; of equal ones the split."""
    if not split or not whole:
        return split or whole
    return split if cost(split, candidates) <= cost(whole, candidates) else whole


def cost(parts: Told, candidates: Sequence[Candidate]) -> Decimal:
    """Add what the parts cost."""
    by_title = {c.source.title: c for c in candidates}
    return sum(
        (
            rounded(exact(by_title[title], part) or Fraction(0), by_title[title].currency)
            for title, part in parts
        ),
        Decimal(0),
    )


def draws(candidate: Candidate, quantity: Decimal) -> Decimal:
    """Give what a line takes of a commitment."""
    assert candidate.commitment
    amount = draws_unrounded(candidate, quantity)
    if candidate.commitment.measure is Measure.QUANTITY:
        return amount
    return rounded(amount, candidate.currency)


def draws_unrounded(candidate: Candidate, quantity: Decimal) -> Decimal:
    """Give what a part of a line takes: it may not gain a piece by rounding (decision 0422)."""
    assert candidate.commitment
    if candidate.commitment.measure is Measure.QUANTITY:
        return quantity
    amount = exact(candidate, quantity)
    assert amount is not None
    return amount
