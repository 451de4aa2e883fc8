"""Terms and bidders made up from a seed: every format, and terms on which bugs would show."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final
from uuid import UUID

from auctions.engine.events import Invitation
from auctions.engine.scoring import Adjustment
from auctions.engine.terms import (
    SEALED,
    CountedFrom,
    Decrement,
    Disclosure,
    Feature,
    Format,
    Measure,
    Overtime,
    PriceClock,
    Rate,
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

LOT: Final = UUID(int=1)
START: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SCHEDULED: Final = START - timedelta(days=1)
BUYER: Final = UUID(int=2)
_FORMATS: Final = (
    *(Format.ENGLISH,) * 6,
    Format.SEALED,
    Format.VICKREY,
    Format.DUTCH,
    Format.JAPANESE,
    Format.STAGED,
)


def made_terms(chance: Random) -> Terms:
    """Give terms that pass the check."""
    format_ = chance.choice(_FORMATS)
    facts: dict[str, Any] = {
        "format": format_,
        "currency": "EUR",
        "ceiling": Decimal("1000.00"),
        "starts_at": START,
        "ends_at": START + timedelta(minutes=10),
        "starting_gate": chance.random() < 0.6,
        "buyer_sees_identities": chance.random() < 0.5,
        "practice": chance.random() < 0.05,
        "surrogates": chance.random() < 0.2,
    }
    if format_ not in SEALED:
        facts["withdrawals"] = chance.choice(list(Withdrawals))
    if chance.random() < 0.3:
        facts["reserve"] = Decimal(chance.randint(300, 950))
    return Terms(**(facts | _OF_FORMAT[format_](chance)))


def _english(chance: Random) -> dict[str, Any]:
    disclosure = chance.choice([Disclosure.OPEN, Disclosure.BEST_PRICE, Disclosure.RANK_ONLY])
    hidden = disclosure is Disclosure.RANK_ONLY
    reference = Reference.OWN if hidden else chance.choice(list(Reference))
    facts: dict[str, Any] = {
        "disclosure": disclosure,
        "decrement": _decrement(chance, reference),
        "overtime": _overtime(chance) if chance.random() < 0.8 else None,
        "ties": chance.choice([Ties.BY_TIME, Ties.BY_TIME, Ties.EQUAL_BEST, Ties.EQUAL_WORST]),
        "proxies": chance.random() < 0.35,
    }
    if disclosure is Disclosure.OPEN and chance.random() < 0.5:
        facts |= {"ties": Ties.FORBIDDEN, "starting_gate": False, "proxies": False}
    elif chance.random() < 0.15:
        step = Step(Measure.ABSOLUTE, Decimal(10))
        facts |= {"decrement": Decrement(step, reference, multiples_only=True), "proxies": False}
        return facts
    return facts | _weighing(chance)


def _decrement(chance: Random, reference: Reference) -> Decrement:
    steps = (("absolute", "10"), ("absolute", "0.01"), ("percent", "0.5"), ("percent", "3.3333"))
    measure, value = chance.choice(steps)
    step = Step(Measure(measure), Decimal(value))
    tiers: tuple[Tier, ...] = ()
    if chance.random() < 0.2:
        larger = Step(Measure.ABSOLUTE, Decimal(25))
        tiers = (Tier(Decimal(800), larger), Tier(Decimal(500), Step(Measure.PERCENT, Decimal(2))))
    maximum = Step(Measure.PERCENT, Decimal(60)) if chance.random() < 0.3 else None
    return Decrement(step, reference, maximum, tiers)


def _overtime(chance: Random) -> Overtime:
    return Overtime(
        window_s=chance.choice([60, 120, 300]),
        extension_s=chance.choice([30, 60, 120]),
        lowest_rank=chance.randint(1, 3),
        at_most=chance.randint(1, 4),
        total_max_s=chance.choice([45, 100, 240, 600]),
        counted_from=chance.choice(list(CountedFrom)),
        all_lots=chance.random() < 0.4,
    )


def _weighing(chance: Random) -> dict[str, Any]:
    """Give a scoring that is not the price alone, and rates, in some auctions."""
    facts: dict[str, Any] = {}
    method = chance.choice([ScoringMethod.PRICE, ScoringMethod.PRICE, *ScoringMethod])
    features: tuple[Feature, ...] = ()
    if method is ScoringMethod.COEFFICIENT:
        features = (Feature("warranty", Decimal("0.1")), Feature("delivery", Decimal("0.05")))
    facts["scoring"] = Scoring(method, features)
    if chance.random() < 0.2:
        facts["rates"] = (Rate("JPY", Decimal("0.0061")), Rate("USD", Decimal("0.92173")))
    return facts


def _sealed(chance: Random) -> dict[str, Any]:
    return {"disclosure": Disclosure.OWN_ONLY, "surrogates": False} | _weighing(chance)


def _dutch(chance: Random) -> dict[str, Any]:
    clock = PriceClock(Decimal(500), Decimal(1000), Decimal(chance.choice([50, 70])), 60)
    return {"disclosure": Disclosure.OWN_ONLY, "clock": clock}


def _japanese(chance: Random) -> dict[str, Any]:
    clock = PriceClock(Decimal(1000), Decimal(chance.choice([400, 830])), Decimal(50), 60)
    return {"disclosure": Disclosure.OWN_ONLY, "clock": clock}


def _staged(chance: Random) -> dict[str, Any]:
    facts = {
        "disclosure": Disclosure.OPEN,
        "decrement": _decrement(chance, Reference.OWN),
        "turns": Turns(chance.randint(1, 3), 60),
    }
    return facts | _weighing(chance)


_OF_FORMAT: Final = {
    Format.ENGLISH: _english,
    Format.SEALED: _sealed,
    Format.VICKREY: _sealed,
    Format.DUTCH: _dutch,
    Format.JAPANESE: _japanese,
    Format.STAGED: _staged,
}


def made_invitations(chance: Random, terms: Terms) -> list[Invitation]:
    """Give two to five bidders who fit the terms."""
    called = terms.clock is not None
    opens = terms.format is Format.STAGED
    return [
        Invitation(
            bidder=UUID(int=10 + place),
            alias=f"Supplier {place}",
            bid_id=UUID(int=1000 + place),
            opening=Decimal(chance.randint(85, 90))
            if opens or (not called and chance.random() < 0.3)
            else None,
            currency=chance.choice([None, *(rate.currency for rate in terms.rates)]),
            adjustment=_adjustment(chance, terms.scoring.method),
        )
        for place in range(chance.randint(2, 5))
    ]


def _adjustment(chance: Random, method: ScoringMethod) -> Adjustment | None:
    if method is ScoringMethod.TRANSFORMED:
        multiplier = Decimal(chance.randint(90, 120)).scaleb(-2)
        return Adjustment(multiplier=multiplier, addend=Decimal(chance.randint(0, 50)))
    if method is ScoringMethod.COEFFICIENT:
        worth = Decimal(chance.randint(0, 10)).scaleb(-2)
        return Adjustment(features={"warranty": worth})
    if method is ScoringMethod.LIFE_CYCLE:
        return Adjustment(costs={"energy": Decimal(chance.randint(0, 80))})
    return None
