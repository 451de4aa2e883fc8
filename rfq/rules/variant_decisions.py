"""Decisions on variants: whether each meets the minimum requirements, before anything is awarded.

Only variants that meet them are taken into account (Directive 2014/24/EU, article 45, paragraph 3).
"""

from collections.abc import Collection, Iterable
from typing import Final

from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, WrongState
from rfq.rules.panel import EvaluatorStatus
from rfq.rules.procedure import BIDS_COUNTED, LotStatus, Procedure, Status, check_words
from rfq.rules.variants import OpenedVariant, Variants

_DECIDED: Final = frozenset(
    [LotStatus.AUCTION, LotStatus.AUCTIONED, LotStatus.PROPOSED, LotStatus.AWARDED]
)
_BEFORE_SCORES: Final = frozenset([Status.OPENED, Status.QUALIFICATION, Status.EVALUATION])
_BEFORE_AWARD: Final = _BEFORE_SCORES | {Status.EVALUATED}


def check_decision(variants: Variants | None, unmet: Collection[str], reason: str) -> bool:
    """Tell whether a variant meets what is required; raises InvalidInput for a bad decision.

    `unmet` are the codes of requirements it does not meet, for the `reason`.
    """
    known = set() if variants is None else {each.code for each in variants.requirements}
    errors = [
        FieldError(f"/unmet/{number}", "unknown_requirement", f"The terms require no {code!r}.")
        for number, code in enumerate(unmet)
        if code not in known
    ]
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)
    if unmet:
        check_words(reason, "/reason")
    return not unmet


def check_opened(status: Status) -> None:
    """Refuse a look at variants before the opening; raises WrongState."""
    if status not in BIDS_COUNTED:
        detail = "Bids are sealed: whether there are variants is known after the opening."
        raise WrongState(detail, state=status.value)


def check_time(procedure: Procedure) -> None:
    """Guard of a decision: bids are being judged; where prices come later, before they are known.

    Then nobody decides by a price he has seen. Raises WrongState.
    """
    status = procedure.status
    before_prices = procedure.judging.needs_panel or procedure.two_envelopes
    if status not in (_BEFORE_SCORES if before_prices else _BEFORE_AWARD):
        detail = (
            "The result is locked: variants are decided before prices are known."
            if before_prices
            else f"This procedure is {status.value}: nothing is decided of its bids now."
        )
        raise WrongState(detail, state=status.value)


def check_return(panel: Iterable[EvaluatorStatus]) -> None:
    """Guard of taking a variant back that was set aside: nobody has handed in without it.

    Raises Conflict.
    """
    if EvaluatorStatus.HANDED_IN in panel:
        raise Conflict("An evaluator has handed in and did not judge this variant: it stays aside.")


def check_undecided_lots(lots: Iterable[LotStatus]) -> None:
    """Guard of a decision: no lot of the variant is decided, or auctioned, by what held before.

    Raises WrongState.
    """
    for status in lots:
        if status in _DECIDED:
            raise WrongState(
                f"A lot of this variant is {status}: what was decided until then holds for it.",
                state=status,
            )


def check_all_decided(running: Iterable[OpenedVariant | None]) -> None:
    """Guard of an award: of all variants in the running it is decided whether they may be taken.

    Raises Conflict.
    """
    waiting = [each for each in running if each is not None and each.meets is None]
    if waiting:
        raise Conflict(
            f"Decide first whether {waiting[0]} meets the minimum requirements; until then it can "
            "neither win nor be passed over."
        )


def set_aside(unmet: Collection[str], reason: str) -> str:
    """Word why a variant is not taken into account."""
    return f"It does not meet the minimum requirements ({', '.join(unmet)}): {reason}"
