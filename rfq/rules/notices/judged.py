"""Award criteria of a notice as ours: only where all lots have exact weights that sum to 100.

Notices say weights, seldom a formula. Where every lot that weighs its price has an estimated value,
that is the fixed reference of points; else prices are divided by the coefficient, which needs none.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.limits import CRITERIA_MAX
from rfq.rules.criteria import HUNDRED, CriterionKind, Method
from rfq.rules.notices.notice import FoundCriterion, FoundLot, FoundNotice
from rfq.rules.notices.reading import Found, Reading, fits, one_line
from rfq.rules.notices.report import Why

_FIELD: Final = "/judging"
_UNCLEAR: Final = (
    "The notice's award criteria have no exact weights that sum to 100 for every lot, or are more "
    f"than {CRITERIA_MAX}: the draft goes by the lowest price. Put the criteria as they are meant."
)
_FORMULA: Final = (
    "The notice says how much price and quality weigh, not how a price becomes points. The draft "
    "has {method}; see that it is what you announced."
)
_Key = tuple[CriterionKind, str, Decimal, Decimal | None, int]
_Made = dict[_Key, list[tuple[int, FoundCriterion]]]
"""Criteria, each with the lots it is for, by their places, and what they say of it."""


def judging_of(
    notice: FoundNotice,
    lots: list[FoundLot],
    reading: Reading,
    currency: str,
    budget: Decimal | None,
) -> dict[str, Any] | None:
    """Give the criteria as `createProcedure` takes them; None where the price alone decides."""
    lots = [replace(lot, criteria=_with_price(lot.criteria)) for lot in lots]
    given = [each for lot in lots for each in lot.criteria]
    if notice.price_alone is not None:
        reading.take(notice.price_alone, f"{_FIELD}/method", Method.LOWEST_PRICE.value)
    elif not given:
        detail = (
            "The notice says nothing of what offers are judged by, or in words alone: the draft "
            "goes by the lowest price."
        )
        reading.decide("criteria_missing", detail, _FIELD)
    if all(each.gate or each.price for each in given):
        return _by_price(reading, lots)
    references = _references(lots, currency, budget)
    made, method = _criteria(lots, references), _method(lots, references)
    if not all(map(_complete, lots)) or len(made) > CRITERIA_MAX or method is None:
        reading.decide("criteria_unclear", _UNCLEAR, _FIELD)
        for each in given:
            for found in _parts(each):
                reading.leave(found, Why.UNUSABLE)
        return None
    reading.decide("price_formula", _FORMULA.format(method=_METHODS[method]), f"{_FIELD}/method")
    return _judging(reading, method, made, len(lots))


def _by_price(reading: Reading, lots: list[FoundLot]) -> dict[str, Any] | None:
    """Give the lowest price, with what is passed or failed beside it."""
    for each in (each for lot in lots for each in lot.criteria if not each.gate):
        _take(reading, each, f"{_FIELD}/method", Method.LOWEST_PRICE.value)
    gates = [replace(lot, criteria=[each for each in lot.criteria if each.gate]) for lot in lots]
    made = _criteria(gates, [None for _ in lots])
    if not made:
        return None
    if len(made) > CRITERIA_MAX:
        reading.decide("criteria_unclear", _UNCLEAR, _FIELD)
        return None
    return _judging(reading, Method.LOWEST_PRICE, made, len(lots))


def _judging(reading: Reading, method: Method, made: _Made, lots: int) -> dict[str, Any]:
    return {
        "method": method.value,
        "criteria": [
            _criterion(reading, key, found, lots, number, method)
            for number, (key, found) in enumerate(made.items())
        ],
    }


_METHODS: Final = {
    Method.POINTS: "points against the estimated value, from which on a price gets none",
    Method.COEFFICIENT: "the price divided by a coefficient of the scores",
}


def _with_price(criteria: list[FoundCriterion]) -> list[FoundCriterion]:
    """Let costs stand for the price where a lot has no price beside them."""
    if any(each.price for each in criteria):
        return criteria
    return [replace(each, price=each.cost) for each in criteria]


def _complete(lot: FoundLot) -> bool:
    weighed = [each for each in lot.criteria if not each.gate]
    weights = [each.weight.value for each in weighed if each.weight and each.exact]
    prices = sum(each.price for each in weighed)
    return (
        len(weights) == len(weighed) > 0
        and all(fits(weight) for weight in weights)
        and sum(weights) == HUNDRED
        and prices <= 1
    )


def _references(
    lots: list[FoundLot], currency: str, budget: Decimal | None
) -> list[Decimal | None]:
    """Give what each lot is estimated at; of a single lot it may be the procedure's."""
    return [
        value.value.amount
        if (value := lot.value) is not None
        and value.value.currency == currency
        and fits(value.value.amount)
        else (budget if len(lots) == 1 else None)
        for lot in lots
    ]


def _method(lots: list[FoundLot], references: list[Decimal | None]) -> Method | None:
    priced = [any(each.price for each in lot.criteria) for lot in lots]
    if all(reference or not has for has, reference in zip(priced, references, strict=True)):
        return Method.POINTS
    return Method.COEFFICIENT if all(priced) else None


def _criteria(lots: list[FoundLot], references: list[Decimal | None]) -> _Made:
    """Put together what is the same in several lots."""
    made: _Made = {}
    points = _method(lots, references) is Method.POINTS
    for number, lot in enumerate(lots):
        seen: Counter[tuple[object, ...]] = Counter()
        for each in lot.criteria:
            kind = CriterionKind.PRICE if each.price else CriterionKind.SCORED
            kind = CriterionKind.GATE if each.gate else kind
            title = one_line(each.title.value) if each.title else ""
            weight = each.weight.value if each.weight else Decimal(0)
            said = (kind, title or _KINDS[kind], weight)
            key = (*said, references[number] if each.price and points else None, seen[said])
            seen[said] += 1
            made.setdefault(key, []).append((number, each))
    return made


_KINDS: Final = {
    CriterionKind.PRICE: "Price",
    CriterionKind.SCORED: "Quality",
    CriterionKind.GATE: "Quality",
}


def _criterion(
    reading: Reading,
    key: _Key,
    found: list[tuple[int, FoundCriterion]],
    lots: int,
    number: int,
    method: Method,
) -> dict[str, Any]:
    kind, title, weight, reference, _ = key
    field = f"{_FIELD}/criteria/{number}"
    for _, each in found:
        _take(reading, each, field, f"{title}, {plain_decimal(weight)} %")
        if each.cost and kind is CriterionKind.PRICE:
            detail = "The notice weighs costs, not the price: see that the price stands for them."
            reading.decide("cost_as_price", detail, field)
    made: dict[str, Any] = {"kind": kind.value, "title": title}
    if kind is not CriterionKind.GATE:
        made["weight"] = plain_decimal(weight)
    if len(found) < lots:
        made["lots"] = [lot + 1 for lot, _ in found]
    if kind is CriterionKind.PRICE and method is Method.POINTS and reference is not None:
        made["reference"] = plain_decimal(reference)
    return made


def _parts(criterion: FoundCriterion) -> Iterator[Found[Any]]:
    for each in (criterion.kind, criterion.title, criterion.weight, criterion.gate):
        if each is not None:
            yield each


def _take(reading: Reading, criterion: FoundCriterion, field: str, value: str) -> None:
    nodes = tuple(node for part in _parts(criterion) for node in part.nodes)
    if nodes:
        reading.take(Found(value, nodes), field, value)
