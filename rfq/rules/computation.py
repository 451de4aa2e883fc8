"""The computation of a lot's ranking, as one document that a person can follow.

Each step names its formula, the calculation with the numbers put in, where each number comes from,
and the exact result. Whoever reckons the calculations anew comes to the same results.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

import msgspec

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.money import UNIT_PRICE_PLACES, currency_digits
from rfq.rules.criteria import CriterionKind, Method
from rfq.rules.currencies import Exchange
from rfq.rules.division import LineOffer
from rfq.rules.evaluation import Part, PricedLine, Standing
from rfq.rules.procedure import Line

FORM: Final = "rfq.computation/1"
RULES: Final = {
    Method.LOWEST_PRICE: "The lowest total is first.",
    Method.POINTS: "The most points of 100 are first.",
    Method.COEFFICIENT: "The lowest price after division by its coefficient is first.",
}
TIES: Final = "Equal ones go to the earlier submission, then to the lesser commitment."
_DIGITS: Final = 6


class Figure(msgspec.Struct, frozen=True):
    """A number that goes into a step, and where it comes from."""

    name: str
    value: str
    source: str


class Step(msgspec.Struct, frozen=True):
    """One step: `calculation` is `formula` with its numbers, `result` what it comes to, exactly.

    A result that is no decimal is a fraction; `rounded` shows it to six places. Only an amount of a
    line is rounded itself, as `rounding` says.
    """

    what: str
    formula: str
    calculation: str
    figures: tuple[Figure, ...]
    result: str
    rounded: str | None = None
    rounding: str | None = None


class ComputedOffer(msgspec.Struct, frozen=True):
    """An offer with all that made its score; one that cannot win has no rank and says why.

    `variant` names it where it is no main bid.
    """

    rank: int | None
    bid_id: UUID
    bidder_id: UUID
    submitted_at: datetime
    commitment: str
    amount: str
    score: str
    excluded: str | None
    steps: tuple[Step, ...]
    variant: str | None = None


class ComputedLine(msgspec.Struct, frozen=True):
    """How one line was compared apart, an offer a step in the order of ranks; who got it, and why.

    `best` is the bid that compares least, `awarded` the one that got it: another one for the
    proposal's reason.
    """

    line_id: UUID
    line: str
    best: UUID
    awarded: UUID
    steps: tuple[Step, ...]


class Computation(msgspec.Struct, frozen=True, kw_only=True):
    """How a lot's ranking came about, and where lines are awarded apart, who got which.

    `not_offered` are lines that were to be awarded and nobody who can win prices: they stay
    unbought.
    """

    form: str = FORM
    procedure_id: UUID
    lot_id: UUID
    lot: str
    currency: str
    terms_version: int
    terms_hash: str
    method: Method
    rule: str
    ties: str = TIES
    offers: tuple[ComputedOffer, ...]
    lines: tuple[ComputedLine, ...] = ()
    not_offered: tuple[UUID, ...] = ()


class PartDecided(msgspec.Struct, frozen=True, kw_only=True):
    """What a supplier was given of the lot by a scenario, at `offered` less what he grants."""

    line_id: UUID | None
    bid_id: UUID
    supplier_id: UUID
    rank: int
    offered: str
    amount: str
    share_rank: int | None = None


class ConditionCounted(msgspec.Struct, frozen=True, kw_only=True):
    """A condition of a bid that counted, and what it took off all lots together."""

    supplier_id: UUID
    condition: str
    percent: str
    off: str


class ConstraintKept(msgspec.Struct, frozen=True, kw_only=True):
    """A constraint that the award keeps, and what it costs, where that was found out."""

    name: str
    words: str
    cost: str | None
    at_least: str | None
    at_most: str | None


class DecidedTogether(msgspec.Struct, frozen=True, kw_only=True):
    """The scenario that a lot was decided by, together with others.

    `asked` is what the buyer asked for, `problem` and `result` are SHA-256 of what was solved and
    of what came out, `total` and `bound` are of all lots, `awards` of this one.
    """

    form: str
    scenario_id: UUID
    name: str
    asked: dict[str, Any]
    problem: str
    result: str
    solver: str
    outcome: str
    total: str
    bound: str
    gap_percent: str
    granted: tuple[ConditionCounted, ...]
    constraints: tuple[ConstraintKept, ...]
    awards: tuple[PartDecided, ...]
    recomputed: str


class LotComputation(Computation, frozen=True, kw_only=True):
    """A lot's computation, with the scenario it was decided by, if it was."""

    scenario: DecidedTogether | None = None


def kept_computation(document: Mapping[str, Any], scenario: object) -> LotComputation:
    """Read a computation as it was kept with a proposal, and the scenario beside it."""
    return msgspec.convert({**document, "scenario": scenario}, LotComputation)


def shown(value: Fraction) -> str:
    """Write a number exactly: as a decimal where it is one, else as a fraction."""
    rest = value.denominator
    for factor in (2, 5):
        while rest % factor == 0:
            rest //= factor
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    with localcontext(prec=80):
        return plain_decimal(Decimal(value.numerator) / Decimal(value.denominator))


def _step(
    what: str, formula: str, calculation: str, figures: Sequence[Figure], result: Fraction
) -> Step:
    text = shown(result)
    rounded = None
    if "/" in text:
        with localcontext(prec=80, rounding=ROUND_HALF_UP):
            exact = Decimal(result.numerator) / Decimal(result.denominator)
            rounded = plain_decimal(exact.quantize(Decimal(1).scaleb(-_DIGITS)))
    return Step(what, formula, calculation, tuple(figures), text, rounded)


def _number(value: Fraction | Decimal) -> str:
    text = shown(Fraction(value))
    return f"({text})" if "/" in text else text


def computed_line(
    line: Line, offers: Mapping[UUID, LineOffer], best: UUID, awarded: UUID
) -> ComputedLine:
    """Tell how the offers for one line were compared; they are by bid, in the order of ranks."""
    steps = (_compared(bid_id, offer) for bid_id, offer in offers.items())
    return ComputedLine(line.id, line.description, best, awarded, tuple(steps))


def _compared(bid_id: UUID, offer: LineOffer) -> Step:
    price, basis = offer.price.unit_amount, offer.price.basis
    figures = (
        Figure("price", plain_decimal(price), "the bid, or what it was auctioned or agreed to"),
        Figure("basis", plain_decimal(basis), "the units the price is for"),
        Figure("coefficient", shown(offer.divisor), "the scores of the bid; 1 where none count"),
    )
    calculation = f"{plain_decimal(price)} / {plain_decimal(basis)} / {_number(offer.divisor)}"
    what = f"price of bid {bid_id} as it compares"
    return _step(what, "price / basis / coefficient", calculation, figures, offer.compared)


def computed(
    standing: Standing,
    method: Method,
    *,
    rank: int | None,
    excluded: str | None,
    reached: str | None = None,
    agreed: str | None = None,
) -> ComputedOffer:
    """Tell how one offer was judged.

    `reached` names the auction entry its amount comes from, `agreed` what its prices do.
    """
    offer = standing.offer
    return ComputedOffer(
        rank,
        offer.bid_id,
        offer.bidder_id,
        offer.submitted_at,
        offer.commitment.hex(),
        plain_decimal(standing.total.amount),
        shown(standing.score),
        excluded,
        (
            *_total(standing, reached, agreed),
            *(step for part in standing.parts for step in _part(part, standing, method)),
            *_score(standing, method),
        ),
        None if offer.variant is None else str(offer.variant),
    )


def _total(standing: Standing, reached: str | None, agreed: str | None) -> Iterator[Step]:
    if reached is not None:
        amount = Fraction(standing.total.amount)
        figures = [Figure("total", shown(amount), reached)]
        yield _step("The total reached in the auction", "total", shown(amount), figures, amount)
        return
    for line in standing.offer.lines:
        if line.quoted is not None:
            yield _conversion(line, *line.quoted, standing.offer.bid_id)
        yield _line(line, agreed or f"bid {standing.offer.bid_id}")
    amounts = [line.amount.amount for line in standing.offer.lines]
    yield _step(
        "The total of the lot",
        "sum of the lines' amounts",
        " + ".join(plain_decimal(amount) for amount in amounts),
        [],
        Fraction(standing.total.amount),
    )


def _conversion(line: PricedLine, amount: Decimal, exchange: Exchange, bid_id: UUID) -> Step:
    """Tell how a price that was bid in another currency was converted."""
    figures = (
        Figure("price bid", plain_decimal(amount), f"bid {bid_id}, line {line.line.id}"),
        Figure("rate", plain_decimal(exchange.rate), f"terms, rate of {exchange.currency}"),
    )
    return Step(
        f"Unit price of {line.line.description!r} in {exchange.base}",
        "price bid × rate",
        f"{plain_decimal(amount)} × {plain_decimal(exchange.rate)}",
        figures,
        plain_decimal(line.unit_amount),
        rounding=f"half up to {UNIT_PRICE_PLACES} places",
    )


def _line(line: PricedLine, source: str) -> Step:
    figures = (
        Figure("quantity", plain_decimal(line.line.quantity), f"terms, line {line.line.id}"),
        Figure("unit price", plain_decimal(line.unit_amount), f"{source}, line {line.line.id}"),
        Figure("basis", plain_decimal(line.basis), f"{source}, line {line.line.id}"),
    )
    quantity, price, basis = (figure.value for figure in figures)
    digits = currency_digits(line.currency)
    return Step(
        f"Amount of {line.line.description!r}",
        "quantity × unit price ÷ basis",
        f"{quantity} × {price} ÷ {basis}",
        figures,
        plain_decimal(line.amount.amount),
        rounding=f"half up to {digits} places",
    )


def _part(part: Part, standing: Standing, method: Method) -> Iterator[Step]:
    criterion = part.criterion
    terms = f"terms, criterion {criterion.id}"
    if criterion.kind is CriterionKind.PRICE:
        if method is Method.POINTS and criterion.reference is not None:
            yield _price_step(part, standing, terms)
        return
    if part.mark is None:
        return
    value = part.mark.value
    if part.mark.agreed:
        figures = [Figure("score", shown(value), "consensus of the panel")]
        yield _step(f"{criterion.title}: the panel's score", "score", shown(value), figures, value)
    else:
        given = part.mark.given
        figures = [Figure("score", plain_decimal(s), f"evaluator {who}") for who, s in given]
        scores = " + ".join(figure.value for figure in figures)
        yield _step(
            f"{criterion.title}: the panel's score",
            "mean of the evaluators' scores",
            f"({scores}) ÷ {len(given)}",
            figures,
            value,
        )
    if criterion.kind is CriterionKind.SCORED:
        weight, highest = _number(criterion.weight), _number(criterion.max_score)
        yield _step(
            f"{criterion.title}: points",
            "weight × score ÷ highest score",
            f"{weight} × {_number(value)} ÷ {highest}",
            [Figure("weight", weight, terms), Figure("highest score", highest, terms)],
            part.points,
        )


def _price_step(part: Part, standing: Standing, terms: str) -> Step:
    criterion = part.criterion
    weight = _number(criterion.weight)
    reference = _number(criterion.reference or Decimal(0))
    full, price = _number(criterion.full_points_at), _number(standing.total.amount)
    share = f"({reference} − {price}) ÷ ({reference} − {full})"
    return _step(
        f"{criterion.title}: points",
        "weight × (reference − price) ÷ (reference − full points at), from 0 to the weight",
        f"{weight} × min(max({share}, 0), 1)",
        [
            Figure("weight", weight, terms),
            Figure("reference", reference, terms),
            Figure("full points at", full, terms),
            Figure("price", price, "the total above"),
        ],
        part.points,
    )


def _score(standing: Standing, method: Method) -> Iterator[Step]:
    weighted = [part for part in standing.parts if part.criterion.kind is not CriterionKind.GATE]
    if method is Method.POINTS:
        points = " + ".join(_number(part.points) for part in weighted)
        yield _step("The points", "sum of the points", points, [], standing.score)
    elif method is Method.COEFFICIENT:
        own = " + ".join(
            _number(p.points) for p in weighted if p.criterion.kind is CriterionKind.SCORED
        )
        price_weight = next(
            p.criterion.weight for p in weighted if p.criterion.kind is CriterionKind.PRICE
        )
        coefficient = f"1 + ({own or '0'}) ÷ {_number(price_weight)}"
        yield _step(
            "The price as it compares",
            "total ÷ (1 + points of all scores ÷ weight of the price)",
            f"{_number(standing.total.amount)} ÷ ({coefficient})",
            [Figure("weight of the price", _number(price_weight), "terms")],
            standing.score,
        )
