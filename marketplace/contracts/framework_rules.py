"""Framework agreements: contracts with one or several suppliers under one ceiling. Pure.

Members' prices are those of their contracts. What is called off is what is ordered at these prices:
directly, or after a mini-competition among the members. All call-offs together stay below the
ceiling in value; quantities are bounded by the commitments of the contracts' prices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from marketplace.contracts.rules import ENDED, ContractState, Tier
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.money import currency_digits
from marketplace.kernel.units import places


@dataclass(frozen=True, slots=True)
class MemberContract:
    """A contract that is to be a framework's, with its state as of now."""

    contract_id: UUID
    supplier_id: UUID
    currency: str
    state: ContractState
    taken: bool = False
    """It is another framework's already."""


@dataclass(frozen=True, slots=True)
class FrameworkPrice:
    """What a member agreed for an article: a ladder of amounts per `basis` units."""

    basis: Decimal
    tiers: tuple[Tier, ...]


def check_framework(members: Sequence[MemberContract | None], ceiling: Decimal | None) -> None:
    """Refuse what is no framework; raises InvalidInput with every pointer at once.

    `members` are the contracts asked for, in order; None is one the buyer does not have.
    """
    errors: list[FieldError] = []
    known = [member for member in members if member is not None]
    for number, member in enumerate(members):
        pointer = f"/contract_ids/{number}"
        if member is None:
            errors.append(FieldError(pointer, "unknown_contract", "You have no such contract."))
            continue
        if member.state in ENDED:
            detail = f"This contract is {member.state.value}."
            errors.append(FieldError(pointer, "ended", detail))
        if member.taken:
            detail = "This contract is part of a framework already."
            errors.append(FieldError(pointer, "taken", detail))
        if member.currency != known[0].currency:
            detail = f"A framework has one currency; the first contract is in {known[0].currency}."
            errors.append(FieldError(pointer, "other_currency", detail))
        if [each.supplier_id for each in members[:number] if each].count(member.supplier_id):
            detail = "This supplier is a member already, by another contract."
            errors.append(FieldError(pointer, "twice", detail))
    if ceiling is not None and known:
        digits = currency_digits(known[0].currency)
        if ceiling <= 0 or places(ceiling) > digits:
            detail = f"A ceiling is more than zero, with at most {digits} decimals."
            errors.append(FieldError("/ceiling", "out_of_range", detail))
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)
