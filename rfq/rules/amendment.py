"""Amendment: what is asked for changes while bids are received.

Each amendment is a new version of the terms, with a diff that a bidder can read. Bids that were
submitted before are worth nothing until their bidders confirm them: nobody is held to what he did
not offer. Confirming says "my bid stands"; where lines were added, removed or are counted in
another unit it could not be true, and the bid has to be replaced. How bids are judged, what is
required of bidders and which documents there are is no part of a bid: it can be confirmed.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict, InvalidInput, invalid
from marketplace.kernel.limits import AMENDMENTS_MAX
from rfq.rules.criteria import Judging
from rfq.rules.differences import Change, Terms
from rfq.rules.least_times import later_of
from rfq.rules.offering import same_questionnaire
from rfq.rules.procedure import Lot, Procedure, check_receiving


def judging_left(judging: Judging, lots: Collection[UUID]) -> Judging:
    """Give the criteria that are left with these lots: those for removed ones alone are not.

    One for no lot that is left would otherwise be one for all.
    """
    kept = []
    for each in judging.criteria:
        lot_ids = tuple(lot_id for lot_id in each.lot_ids if lot_id in lots)
        if lot_ids or not each.lot_ids:
            kept.append(msgspec.structs.replace(each, lot_ids=lot_ids))
    return msgspec.structs.replace(judging, criteria=tuple(kept))


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


def check_known_parts(before: Terms, after: Terms, new: frozenset[object]) -> None:
    """Refuse ids of criteria and requirements that the terms do not have, once.

    `new` are the ids just given to what is new. Raises InvalidInput.
    """
    criteria = [[each.id for each in terms.judging.criteria] for terms in (before, after)]
    required = [[each.id for each in terms.requirements] for terms in (before, after)]
    for pointer, (old, asked) in (("/judging/criteria", criteria), ("/requirements", required)):
        for number, id_ in enumerate(asked):
            if id_ in asked[:number] or (id_ not in new and id_ not in old):
                detail = "The terms have nothing of this id, once; leave the id out for a new one."
                raise invalid(f"{pointer}/{number}/id", "unknown_id", detail)


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
    days = procedure.least_times.amendment
    least = later_of(procedure.days_of(), at, procedure.amendment_notice, days)
    if least is not None and deadline_at < least:
        detail = (
            "So late an amendment extends the deadline: bidders have time to answer it until "
            f"{least.isoformat()} or later."
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
