"""Framework agreements: contracts with one or several suppliers under one ceiling. Pure.

Members' prices are those of their contracts. What is called off is what is ordered at these prices:
directly, or after a mini-competition among the members. All call-offs together stay below the
ceiling in value, and below further ceilings: in value or in quantity, of all members together or
of one, of everything or of some articles. What one price may sell its contract's commitments say.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from marketplace.contracts.rules import ENDED, ContractState, Tier
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.money import currency_digits
from marketplace.kernel.units import Quantity, decimals, places


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


@dataclass(frozen=True, slots=True)
class CeilingArticle:
    """An article of a member's contract, by his number for it."""

    contract_id: UUID
    sku: str


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that is called off: in `unit`, or in value where that is None.

    Of one member where a contract is named, else of all; of these `articles`, or of everything.
    """

    title: str
    most: Decimal
    unit: str | None = None
    contract_id: UUID | None = None
    articles: tuple[CeilingArticle, ...] = ()


def check_framework(
    members: Sequence[MemberContract | None],
    ceiling: Decimal | None,
    ceilings: Sequence[Ceiling] = (),
    priced: Collection[tuple[CeilingArticle, str]] = (),
) -> None:
    """Refuse what is no framework; raises InvalidInput with every pointer at once.

    `members` are the contracts asked for, in order; None is one the buyer does not have. `priced`
    are the articles their contracts price, by unit.
    """
    known = [member for member in members if member is not None]
    errors = list(_member_errors(members))
    if known:
        digits = currency_digits(known[0].currency)
        if ceiling is not None and (ceiling <= 0 or places(ceiling) > digits):
            detail = f"A ceiling is more than zero, with {decimals(digits)}."
            errors.append(FieldError("/ceiling", "out_of_range", detail))
        contracts = {member.contract_id for member in known}
        for number, each in enumerate(ceilings):
            errors += _ceiling_errors(each, f"/ceilings/{number}", digits, contracts)
            errors += _article_errors(each, f"/ceilings/{number}", contracts, priced)
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)


def _member_errors(members: Sequence[MemberContract | None]) -> Iterator[FieldError]:
    currency = next((member.currency for member in members if member is not None), "")
    for number, member in enumerate(members):
        pointer = f"/contract_ids/{number}"
        if member is None:
            yield FieldError(pointer, "unknown_contract", "You have no such contract.")
            continue
        if member.state in ENDED:
            yield FieldError(pointer, "ended", f"This contract is {member.state.value}.")
        if member.taken:
            yield FieldError(pointer, "taken", "This contract is part of a framework already.")
        if member.currency != currency:
            detail = f"A framework has one currency; the first contract is in {currency}."
            yield FieldError(pointer, "other_currency", detail)
        if [each.supplier_id for each in members[:number] if each].count(member.supplier_id):
            detail = "This supplier is a member already, by another contract."
            yield FieldError(pointer, "twice", detail)


def _ceiling_errors(
    ceiling: Ceiling, pointer: str, digits: int, contracts: Collection[UUID]
) -> Iterator[FieldError]:
    if ceiling.contract_id is not None and ceiling.contract_id not in contracts:
        yield FieldError(f"{pointer}/contract_id", "no_member", "This contract is no member's.")
    if ceiling.unit is None:
        if ceiling.most <= 0 or places(ceiling.most) > digits:
            detail = f"A ceiling in value is more than zero, with {decimals(digits)}."
            yield FieldError(f"{pointer}/ceiling", "out_of_range", detail)
        return
    try:
        Quantity.checked(ceiling.most, ceiling.unit)
    except InvalidInput as refused:
        for error in refused.errors:
            place = "unit" if error.pointer == "/unit" else "ceiling"
            yield FieldError(f"{pointer}/{place}", error.code, error.detail)


def _article_errors(
    ceiling: Ceiling,
    pointer: str,
    contracts: Collection[UUID],
    priced: Collection[tuple[CeilingArticle, str]],
) -> Iterator[FieldError]:
    units = {(article, unit) for article, unit in priced if ceiling.unit in {None, unit}}
    known = {article for article, _ in units if article.contract_id in contracts}
    for place, article in enumerate(ceiling.articles):
        where = f"{pointer}/articles/{place}"
        if article not in known:
            sold = "" if ceiling.unit is None else f" by {ceiling.unit}"
            detail = f"No member's contract among these prices {article.sku!r}{sold}."
            yield FieldError(where, "unknown_article", detail)
        elif ceiling.contract_id not in {None, article.contract_id}:
            detail = "A ceiling of one member is over his own articles."
            yield FieldError(where, "other_member", detail)
