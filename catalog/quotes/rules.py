"""The life of a quote, and what may be quoted. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from marketplace.contracts.rules import ContractDraft, ContractPrice, check_draft
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.states import StateMachine, transition


class QuoteState(Enum):
    """Where a quote stands."""

    IN_APPROVAL = "in_approval"
    """It goes below a margin floor; the buyer does not see it before a second person agreed."""
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


_STANDING: Final = [QuoteState.IN_APPROVAL, QuoteState.OPEN]

QUOTE: Final = StateMachine[QuoteState, str](
    "quote",
    [
        transition("approve", QuoteState.IN_APPROVAL, QuoteState.OPEN),
        transition("reject", QuoteState.IN_APPROVAL, QuoteState.WITHDRAWN),
        transition("accept", QuoteState.OPEN, QuoteState.ACCEPTED),
        transition("decline", QuoteState.OPEN, QuoteState.DECLINED),
        transition("withdraw", _STANDING, QuoteState.WITHDRAWN),
        # No job does it: who reads after the end reads so (`quote_state_at`).
        transition("expire", _STANDING, QuoteState.EXPIRED),
    ],
)


def quote_state_at(state: QuoteState, valid_until: datetime, at: datetime) -> QuoteState:
    """Give the state of a quote at an instant: past its end an open one is expired."""
    if at >= valid_until and QUOTE.allows(state, "expire"):
        return QUOTE.after(state, "expire")
    return state


def line_document(price: ContractPrice) -> dict[str, Any]:
    """Give the stored form of a line."""
    document: dict[str, Any] = msgspec.to_builtins(price)
    return document


def read_lines(document: Sequence[Mapping[str, Any]]) -> tuple[ContractPrice, ...]:
    """Read stored lines."""
    return msgspec.convert(document, tuple[ContractPrice, ...])


def check_quote(draft: ContractDraft, known: Mapping[str, str]) -> None:
    """Raise InvalidInput with all that keeps a quote from being made, pointing at its lines.

    `known` are the supplier's SKUs that are named. What a contract may not say a quote may not.
    """
    errors: list[FieldError] = []
    try:
        check_draft(draft)
    except InvalidInput as error:
        errors += [
            FieldError(each.pointer.replace("/prices", "/lines", 1), each.code, each.detail)
            for each in error.errors
        ]
    errors += [
        FieldError(f"/lines/{place}/sku", "unknown_sku", f"You have no offer {price.sku!r}.")
        for place, price in enumerate(draft.prices)
        if price.sku not in known
    ]
    if errors:
        raise InvalidInput("This quote cannot be made as it stands.", errors=errors)


def lowest_amount(price: ContractPrice) -> Decimal:
    """Give the least amount of a ladder, per its basis."""
    return min(tier.amount for tier in price.tiers)


def day_at(at: datetime, zone: str) -> date:
    """Give the day it is in a time zone."""
    return at.astimezone(ZoneInfo(zone)).date()
