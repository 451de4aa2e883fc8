"""Amendment: what is asked for changes while bids are received.

Each amendment is a new version of the terms, with a diff that a bidder can read. Bids that were
submitted before are worth nothing until their bidders confirm them: nobody is held to what he did
not offer. Confirming says "my bid stands"; where lines were added, removed or are counted in
another unit it could not be true, and the bid has to be replaced.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from marketplace.contracts.terms import Address, LineTerms
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.errors import Conflict, InvalidInput, invalid
from marketplace.kernel.limits import AMENDMENTS_MAX
from rfq.rules.offering import Item, same_questionnaire
from rfq.rules.procedure import Line, Lot, Procedure, check_receiving


class ChangeKind(StrEnum):
    """What happened to a part of the terms."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked for."""

    title: str
    description: str
    lots: tuple[Lot, ...]
    questionnaire: tuple[Item, ...] = ()


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
    return "" if value is None else str(value)


def _quantity(line: Line) -> str:
    return f"{plain_decimal(line.quantity)} {line.unit}"


def same_lines(before: Terms, after: Terms) -> bool:
    """Tell whether a bid for `before` prices and answers exactly what `after` asks for."""
    asked = same_questionnaire(before.questionnaire, after.questionnaire)
    return asked and _priced(before.lots) == _priced(after.lots)


def _priced(lots: Sequence[Lot]) -> set[tuple[object, object, str]]:
    return {(lot.id, line.id, line.unit) for lot in lots for line in lot.lines}


def check_known_ids(before: Terms, after: Terms, new: frozenset[object]) -> None:
    """Refuse ids that the terms do not have, and ids that stand twice; raises InvalidInput.

    `new` are the ids just given to what is new.
    """
    lines_of = {line.id: lot.id for lot in before.lots for line in lot.lines}
    seen: set[object] = set()
    for i, lot in enumerate(after.lots):
        if lot.id in seen or (lot.id not in new and lot.id not in lines_of.values()):
            raise invalid(f"/lots/{i}/id", "unknown_lot", "The terms have no such lot, once.")
        seen.add(lot.id)
        for j, line in enumerate(lot.lines):
            if line.id in seen or (line.id not in new and lines_of.get(line.id) != lot.id):
                detail = "This lot has no such line, once; leave the id out for a new line."
                raise invalid(f"/lots/{i}/lines/{j}/id", "unknown_line", detail)
            seen.add(line.id)


def check_extension(procedure: Procedure, deadline_at: datetime, at: datetime) -> None:
    """Guard of a later deadline: bids are received, and it moves later; raises InvalidInput."""
    check_receiving(procedure, at)
    if deadline_at <= procedure.deadline_at:
        detail = (
            f"A deadline only moves later; it is {procedure.deadline_at.isoformat()}. "
            "The key of the sealed bids is kept at least until then."
        )
        raise invalid("/deadline_at", "not_later", detail)
    binding = procedure.offering.valid_until
    if binding is not None and deadline_at >= binding:
        detail = f"Bids bind until {binding.isoformat()}: they would end with the deadline."
        raise invalid("/deadline_at", "beyond_validity", detail)


def check_amendment(
    procedure: Procedure, found: Sequence[Change], deadline_at: datetime, at: datetime
) -> None:
    """Guard of an amendment: it changes something, and leaves bidders time to answer it.

    `deadline_at` is the deadline from now on. Raises WrongState, InvalidInput.
    """
    check_receiving(procedure, at)
    if procedure.terms_version > AMENDMENTS_MAX:
        raise Conflict(f"A procedure is amended at most {AMENDMENTS_MAX} times; cancel it instead.")
    if not found:
        raise InvalidInput("Nothing would change: the terms are the same.")
    if deadline_at < procedure.deadline_at:
        raise invalid("/deadline_at", "not_later", "A deadline only moves later.")
    least = at + procedure.amendment_notice
    if deadline_at < least:
        detail = (
            "So late an amendment extends the deadline: bidders have at least "
            f"{procedure.amendment_notice} to answer it, until {least.isoformat()} or later."
        )
        raise invalid("/deadline_at", "too_little_notice", detail)


def check_confirmation(*, bid_terms: int, terms: int, lines_changed_in: Sequence[int]) -> None:
    """Guard of a confirmation: the bid is for older terms that asked for the same lines.

    `lines_changed_in` are the versions of the terms that added or removed lines. Raises Conflict.
    """
    if bid_terms == terms:
        raise Conflict("Your bid is for the terms in force: there is nothing to confirm.")
    if any(bid_terms < version <= terms for version in lines_changed_in):
        raise Conflict(
            "Since you submitted, lines were added or removed: replace your bid by one for the "
            "terms in force."
        )
