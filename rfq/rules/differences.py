"""What differs between two versions of the terms, in words that a bidder reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from marketplace.contracts.terms import Address, LineTerms
from marketplace.kernel.canonical import plain_decimal
from rfq.rules.criteria import LOWEST_PRICE, Criterion, Judging
from rfq.rules.offering import Item
from rfq.rules.procedure import Line, Lot
from rfq.rules.qualification import Requirement


class ChangeKind(StrEnum):
    """What happened to a part of the terms."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class TermsDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document that is a part of the terms: what it is called, and its content's SHA-256."""

    id: UUID
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked for, how it is judged, and of whom it is asked."""

    title: str
    description: str
    lots: tuple[Lot, ...]
    questionnaire: tuple[Item, ...] = ()
    judging: Judging = LOWEST_PRICE
    requirements: tuple[Requirement, ...] = ()
    documents: tuple[TermsDocument, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; `place` says where in words, `before` and `after` what stood and stands."""

    kind: ChangeKind
    place: str
    before: str | None
    after: str | None


def changes(before: Terms, after: Terms) -> tuple[Change, ...]:
    """List what differs, in the order of the new terms; lots and lines are known by their ids."""
    return (
        *_changed("title", before.title, after.title),
        *_changed("description", before.description, after.description),
        *_lots(before.lots, after.lots),
        *_questionnaire(before.questionnaire, after.questionnaire),
        *_judging(before, after),
        *_requirements(before.requirements, after.requirements),
        *_documents(before.documents, after.documents),
    )


def _changed(place: str, before: str, after: str) -> Iterator[Change]:
    if before != after:
        yield Change(ChangeKind.CHANGED, place, before, after)


def _questionnaire(before: Sequence[Item], after: Sequence[Item]) -> Iterator[Change]:
    old, kept = {item.code: item for item in before}, {item.code for item in after}
    for item in after:
        place = f"question {item.code}"
        if item.code not in old:
            yield Change(ChangeKind.ADDED, place, None, item.prompt)
            continue
        yield from _changed(place, old[item.code].prompt, item.prompt)
        yield from _changed(f"{place}, form", _form(old[item.code]), _form(item))
    for item in before:
        if item.code not in kept:
            yield Change(ChangeKind.REMOVED, f"question {item.code}", item.prompt, None)


def _form(item: Item) -> str:
    choices = f": {', '.join(item.choices)}" if item.choices else ""
    return f"{item.form.value}{choices}{'' if item.required else ', not required'}"


def _lots(before: Sequence[Lot], after: Sequence[Lot]) -> Iterator[Change]:
    old = {lot.id: lot for lot in before}
    kept = {lot.id for lot in after}
    for lot in after:
        place = f"lot {lot.title!r}"
        if lot.id not in old:
            yield Change(ChangeKind.ADDED, place, None, f"{len(lot.lines)} lines")
            continue
        yield from _changed(f"{place}, title", old[lot.id].title, lot.title)
        yield from _lines(place, old[lot.id].lines, lot.lines)
    for lot in before:
        if lot.id not in kept:
            gone = f"{len(lot.lines)} lines"
            yield Change(ChangeKind.REMOVED, f"lot {lot.title!r}", gone, None)


def _lines(place: str, before: Sequence[Line], after: Sequence[Line]) -> Iterator[Change]:
    old = {line.id: line for line in before}
    kept = {line.id for line in after}
    for line in after:
        where = f"{place}, line {line.description!r}"
        if line.id not in old:
            yield Change(ChangeKind.ADDED, where, None, _quantity(line))
            continue
        was = old[line.id]
        yield from _changed(f"{where}, quantity", _quantity(was), _quantity(line))
        yield from _changed(f"{where}, description", was.description, line.description)
        yield from _changed(f"{where}, SKU", was.sku or "", line.sku or "")
        yield from _terms(where, was.terms or LineTerms(), line.terms or LineTerms())
    for line in before:
        if line.id not in kept:
            where = f"{place}, line {line.description!r}"
            yield Change(ChangeKind.REMOVED, where, _quantity(line), None)


def _terms(where: str, before: LineTerms, after: LineTerms) -> Iterator[Change]:
    for name in LineTerms.__struct_fields__:
        said = (_words(getattr(terms, name)) for terms in (before, after))
        yield from _changed(f"{where}, {name.replace('_', ' ')}", *said)


def _words(value: object) -> str:
    if isinstance(value, Address):
        parts = (value.name, *value.street, value.postal_code, value.city, value.country)
        return ", ".join(part for part in parts if part)
    if isinstance(value, Decimal):
        return plain_decimal(value)
    return "" if value is None else str(value)


def _quantity(line: Line) -> str:
    return f"{plain_decimal(line.quantity)} {line.unit}"


_JUDGED: Final = ("method", "aggregation", "minimum_evaluators")
_CRITERION: Final = (
    "kind",
    "title",
    "weight",
    "reference",
    "full_points_at",
    "max_score",
    "minimum",
)


def _judging(before: Terms, after: Terms) -> Iterator[Change]:
    for name in _JUDGED:
        said = (_words(getattr(terms.judging, name)) for terms in (before, after))
        yield from _changed(f"judging, {name.replace('_', ' ')}", *said)
    titles = {lot.id: lot.title for terms in (before, after) for lot in terms.lots}
    old = {each.id: each for each in before.judging.criteria}
    kept = {each.id for each in after.judging.criteria}
    for each in after.judging.criteria:
        place = f"criterion {each.title!r}"
        if each.id not in old:
            yield Change(ChangeKind.ADDED, place, None, _criterion(each, titles))
            continue
        was = old[each.id]
        place = f"criterion {was.title!r}"
        for name in _CRITERION:
            said = (_words(getattr(criterion, name)) for criterion in (was, each))
            yield from _changed(f"{place}, {name.replace('_', ' ')}", *said)
        yield from _changed(f"{place}, lots", _lots_of(was, titles), _lots_of(each, titles))
    for each in before.judging.criteria:
        if each.id not in kept:
            gone = _criterion(each, titles)
            yield Change(ChangeKind.REMOVED, f"criterion {each.title!r}", gone, None)


def _criterion(criterion: Criterion, titles: Mapping[UUID, str]) -> str:
    weight = f", weight {plain_decimal(criterion.weight)}" if criterion.weight else ""
    return f"{criterion.kind.value}{weight}, {_lots_of(criterion, titles)}"


def _lots_of(criterion: Criterion, titles: Mapping[UUID, str]) -> str:
    return ", ".join(repr(titles[lot]) for lot in criterion.lot_ids) or "all lots"


def _requirements(before: Sequence[Requirement], after: Sequence[Requirement]) -> Iterator[Change]:
    old = {each.id: each for each in before}
    kept = {each.id for each in after}
    for each in after:
        place = f"requirement {each.title!r}"
        if each.id not in old:
            yield Change(ChangeKind.ADDED, place, None, _requirement(each))
        else:
            yield from _changed(
                f"requirement {old[each.id].title!r}",
                _requirement(old[each.id]),
                _requirement(each),
            )
    for each in before:
        if each.id not in kept:
            gone = _requirement(each)
            yield Change(ChangeKind.REMOVED, f"requirement {each.title!r}", gone, None)


def _requirement(requirement: Requirement) -> str:
    code = "" if requirement.code is None else f" {requirement.code}"
    return f"{requirement.kind.value.replace('_', ' ')}{code}: {requirement.title}"


def _documents(before: Sequence[TermsDocument], after: Sequence[TermsDocument]) -> Iterator[Change]:
    old = {each.id: each for each in before}
    kept = {each.id for each in after}
    for each in after:
        if each.id not in old:
            place = f"document {each.name!r}"
            yield Change(ChangeKind.ADDED, place, None, f"SHA-256 {each.sha256}")
    for each in before:
        if each.id not in kept:
            place = f"document {each.name!r}"
            yield Change(ChangeKind.REMOVED, place, f"SHA-256 {each.sha256}", None)
