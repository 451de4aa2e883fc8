"""What a buyer asks of an award, as rules; and what is wrong with what he asks."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final
from uuid import UUID

from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.limits import SCENARIO_CONSTRAINTS_MAX
from rfq.procedures.reading import Loaded
from rfq.rules.awarding import Division
from rfq.rules.scenario import (
    AtLeastShare,
    AtMostPerLot,
    AtMostShare,
    AtMostSuppliers,
    Constraint,
    KeepsParts,
    Part,
    RankedAtMost,
    Rule,
    Without,
)
from rfq.scenarios.schemas import ConstraintsInput, IncumbentInput, KeptMeasure

OTHERS: Final = 5
"""Constraints of which there is one at most."""


def constraints_of(
    loaded: Loaded,
    asked: ConstraintsInput,
    parts: Sequence[Part],
    bidders: Collection[UUID],
    qualified: Mapping[str, frozenset[UUID]],
) -> tuple[Constraint, ...]:
    """Make rules of what was asked; raises InvalidInput, all pointers at once.

    `bidders` are those who can win something; `qualified` are those among them, by code.
    """
    errors = _errors(loaded, asked, bidders)
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)
    return (*_counts(asked), *_shares(asked, qualified), *_kept(asked, parts), *_choices(asked))


def _counts(asked: ConstraintsInput) -> Iterator[Constraint]:
    if (most := asked.suppliers_max) is not None:
        words = f"At most {most} suppliers in all."
        yield Constraint("suppliers_max", words, AtMostSuppliers(most))
    if (most := asked.suppliers_per_lot_max) is not None:
        words = f"At most {most} suppliers in any one lot."
        yield Constraint("suppliers_per_lot_max", words, AtMostPerLot(most))


def _shares(
    asked: ConstraintsInput, qualified: Mapping[str, frozenset[UUID]]
) -> Iterator[Constraint]:
    if (percent := asked.supplier_share_max) is not None:
        words = f"No supplier gets more than {percent} % of the value."
        yield Constraint("supplier_share_max", words, AtMostShare(Decimal(percent)))
    for number, share in enumerate(asked.qualified_shares):
        code = share.qualification_code
        words = f"At least {share.percent} % of the value to suppliers qualified for {code}."
        rule = AtLeastShare(qualified[code], Decimal(share.percent))
        yield Constraint(f"qualified_shares/{number}", words, rule)


def _kept(asked: ConstraintsInput, parts: Sequence[Part]) -> Iterator[Constraint]:
    for number, kept in enumerate(asked.incumbents):
        what = "lots" if kept.of is KeptMeasure.LOTS else "value"
        words = f"Supplier {kept.supplier_id} keeps at least {kept.percent} % of the {what}."
        yield Constraint(f"incumbents/{number}", words, _incumbent(kept, parts))


def _incumbent(kept: IncumbentInput, parts: Sequence[Part]) -> Rule:
    percent = Decimal(kept.percent)
    if kept.of is KeptMeasure.VALUE:
        return AtLeastShare(frozenset([kept.supplier_id]), percent)
    wanted = set(kept.lot_ids)
    counted = [part for part in parts if not wanted or part.lot_id in wanted]
    lots = None
    if any(part.place is not None for part in counted):
        lots = len({part.lot_id for part in counted})
    return KeepsParts(kept.supplier_id, percent, frozenset(part.id for part in counted), lots)


def _choices(asked: ConstraintsInput) -> Iterator[Constraint]:
    if (rank := asked.best_ranks) is not None:
        words = f"Each lot goes to one of the first {rank} of its ranking."
        yield Constraint("best_ranks", words, RankedAtMost(rank))
    if asked.without_supplier_ids:
        out = frozenset(asked.without_supplier_ids)
        words = f"Suppliers who get nothing: {len(out)}."
        yield Constraint("without_supplier_ids", words, Without(out))


def _errors(loaded: Loaded, asked: ConstraintsInput, bidders: Collection[UUID]) -> list[FieldError]:
    errors: list[FieldError] = []
    by_line = loaded.procedure.awarding.division is Division.LINES
    if asked.suppliers_per_lot_max is not None and not by_line:
        detail = "This procedure's terms say how many suppliers each lot has."
        pointer = "/constraints/suppliers_per_lot_max"
        errors.append(FieldError(pointer, "not_divided", detail))
    for number, kept in enumerate(asked.incumbents):
        where = f"/constraints/incumbents/{number}"
        if kept.supplier_id not in bidders:
            detail = "This company has no bid that could win a lot now."
            errors.append(FieldError(f"{where}/supplier_id", "unknown_supplier", detail))
        if kept.lot_ids and kept.of is not KeptMeasure.LOTS:
            detail = "Lots are named where lots are counted; else leave them out."
            errors.append(FieldError(f"{where}/lot_ids", "not_counted", detail))
        for place, lot_id in enumerate(kept.lot_ids):
            if lot_id not in loaded.lot_statuses:
                detail = "This procedure has no such lot."
                errors.append(FieldError(f"{where}/lot_ids/{place}", "unknown_lot", detail))
    for number, supplier_id in enumerate(asked.without_supplier_ids):
        if supplier_id not in bidders:
            pointer = f"/constraints/without_supplier_ids/{number}"
            detail = "This company has no bid that could win a lot now."
            errors.append(FieldError(pointer, "unknown_supplier", detail))
    if len(asked.qualified_shares) + len(asked.incumbents) > SCENARIO_CONSTRAINTS_MAX - OTHERS:
        detail = f"At most {SCENARIO_CONSTRAINTS_MAX} constraints in all."
        errors.append(FieldError("/constraints", "too_many", detail))
    return errors
