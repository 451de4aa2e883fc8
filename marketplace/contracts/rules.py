"""What a contract is, when it is in force, and what may be concluded. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from itertools import pairwise
from typing import Final
from uuid import UUID

from marketplace.contracts.terms import LineTerms, terms_errors
from marketplace.kernel.canonical import content_hash, plain_decimal
from marketplace.kernel.clock import Validity, is_time_zone, start_of_day
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, WrongState, invalid
from marketplace.kernel.limits import CONTRACT_YEARS_MAX, LINES_MAX, TIERS_MAX
from marketplace.kernel.money import CURRENCIES, UNIT_PRICE_PLACES, currency_digits
from marketplace.kernel.states import StateMachine, transition
from marketplace.kernel.units import UNITS, decimals, decimals_allowed, places


class ContractState(Enum):
    """Where a contract stands. Whether it is in force also depends on its term (`in_force`)."""

    DRAFT = "draft"
    IN_APPROVAL = "in_approval"
    SIGNING = "signing"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    TERMINATED = "terminated"
    RENEWED = "renewed"


CONTRACT: Final = StateMachine[ContractState, str](
    "contract",
    [
        transition("request_approval", ContractState.DRAFT, ContractState.IN_APPROVAL),
        transition("return", ContractState.IN_APPROVAL, ContractState.DRAFT),
        transition("approve", ContractState.IN_APPROVAL, ContractState.SIGNING),
        # An award concludes at once: the bid is the supplier's signature, the award the buyer's.
        transition("conclude", [ContractState.DRAFT, ContractState.SIGNING], ContractState.ACTIVE),
        transition("suspend", ContractState.ACTIVE, ContractState.SUSPENDED),
        transition("resume", ContractState.SUSPENDED, ContractState.ACTIVE),
        # Where signatures are asked for, each side gives its own, and the second one concludes.
        transition("ask_signatures", ContractState.DRAFT, ContractState.SIGNING),
        # One that was never signed is given up; nothing of it was ever in force.
        transition(
            "terminate",
            [ContractState.SIGNING, ContractState.ACTIVE, ContractState.SUSPENDED],
            ContractState.TERMINATED,
        ),
        transition("renew", ContractState.ACTIVE, ContractState.RENEWED),
        transition(
            "expire", [ContractState.ACTIVE, ContractState.SUSPENDED], ContractState.EXPIRED
        ),
    ],
)

ENDED: Final = frozenset({ContractState.EXPIRED, ContractState.TERMINATED, ContractState.RENEWED})


@dataclass(frozen=True, slots=True)
class Provenance:
    """One step of how a price came about.

    `kind` is ``rfq.procedure``, ``rfq.bid`` (`hash` is the receipt's commitment), ``auction``
    (the ledger's head), ``auction.bid`` (the ledger entry), ``rfq.award`` and
    ``auction.award`` (the award's content),
    ``rfq.negotiation`` (the agreed offer), ``quote`` (what was offered) or ``contract``; `hash` is
    lower-case hexadecimal. A tuple of them, earliest first, travels with a price: award, contract,
    order line and invoice line copy it, and nobody follows it upward.
    """

    kind: str
    id: UUID
    at: datetime
    hash: str


@dataclass(frozen=True, slots=True)
class Tier:
    """From `minimum_quantity` on, a unit costs `amount` (per the price's basis)."""

    minimum_quantity: Decimal
    amount: Decimal


class Measure(Enum):
    """In what a commitment is counted."""

    QUANTITY = "quantity"
    VALUE = "value"


class AtExhaustion(Enum):
    """What happens to a line that asks for more than is left: no price, the next one, or both."""

    STOP = "stop"
    NEXT_PRICE = "next_price"
    SPLIT = "split"


@dataclass(frozen=True, slots=True)
class Commitment:
    """How much the buyer means to draw at a price (`committed`), and may at most (`cap`).

    Counted in the price's unit, or in net value in the contract's currency.
    """

    measure: Measure
    cap: Decimal
    at_exhaustion: AtExhaustion
    committed: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """So much drawn, or given back, at one price of a contract."""

    price_id: UUID
    amount: Decimal


@dataclass(frozen=True, slots=True)
class ContractPrice:
    """The agreed price of one SKU in one unit; `tiers` ascend by minimum quantity.

    `basis` is how many units an amount is for: a price per 100 stays one. With a `commitment` it
    counts as long as something is left to draw. Orders it prices are delivered on its `terms`.
    """

    sku: str
    description: str
    unit: str
    basis: Decimal
    tiers: tuple[Tier, ...]
    commitment: Commitment | None = None
    terms: LineTerms | None = None


@dataclass(frozen=True, slots=True)
class ContractDraft:
    """What two parties agreed, before it is concluded.

    `unit_ids` are the buyer's units it covers; empty means the whole company. `first_day` and
    `last_day` are dates in the IANA zone `time_zone`, both inside the term. One that a
    mini-competition made is a call-off of `framework_id`.
    """

    buyer_id: UUID
    supplier_id: UUID
    title: str
    currency: str
    time_zone: str
    first_day: date
    last_day: date
    prices: tuple[ContractPrice, ...]
    unit_ids: tuple[UUID, ...] = ()
    provenance: tuple[Provenance, ...] = ()
    framework_id: UUID | None = None


def term_of(draft: ContractDraft) -> Validity:
    """Give the instants in which the contract is in force, its last day included.

    Days begin at midnight in the contract's own zone, so a term in Auckland starts while it is
    still the day before in UTC.
    """
    return Validity(
        start_of_day(draft.first_day, draft.time_zone),
        start_of_day(draft.last_day + timedelta(days=1), draft.time_zone),
    )


def in_force(state: ContractState, term: Validity, at: datetime) -> bool:
    """Tell whether the contract's prices count at `at`; no job has to switch them on or off."""
    return state is ContractState.ACTIVE and term.contains(at)


def check_signature(state: ContractState, term: Validity, signed: bool, at: datetime) -> None:
    """Guard of a signature: the contract waits for it, and could still begin.

    Raises WrongState, Conflict for a side that has signed.
    """
    CONTRACT.after(state, "conclude")
    if signed:
        raise Conflict("Your company has signed already; the other side has not yet.")
    if term.ended_by(at):
        raise WrongState("Its term is over: nothing is left to sign.", state=state.value)


def state_at(state: ContractState, term: Validity, at: datetime) -> ContractState:
    """Give the state a reader sees: a contract past its term is expired without any job."""
    if term.ended_by(at) and CONTRACT.allows(state, "expire"):
        return CONTRACT.after(state, "expire")
    return state


def covers(unit_ids: Sequence[UUID], buyer_path: Sequence[UUID]) -> bool:
    """Tell whether a contract for `unit_ids` serves a unit, given with its ancestors.

    Covering a unit covers what is below it; naming no unit covers the whole company.
    """
    return not unit_ids or not set(unit_ids).isdisjoint(buyer_path)


def tier_reached(tiers: Sequence[Tier], quantity: Decimal) -> Tier | None:
    """Give the tier of an ascending ladder that `quantity` reaches; None below the first.

    Below the first tier there is no price, and in particular not the first tier's.
    """
    reached = None
    for tier in tiers:
        if tier.minimum_quantity > quantity:
            break
        reached = tier
    return reached


def origin_of(provenance: Sequence[Provenance]) -> str:
    """Tell how a contract came about: ``award``, ``auction``, ``quote``, else ``negotiated``."""
    kinds = {step.kind for step in provenance}
    if "rfq.award" in kinds:
        return "award"
    return next((kind for kind in ("auction", "quote") if kind in kinds), "negotiated")


def level_of(provenance: Sequence[Provenance]) -> str:
    """Give the level of a contract's prices: an accepted quote's come before all others."""
    return "quote" if origin_of(provenance) == "quote" else "contract"


def contract_hash(draft: ContractDraft) -> str:
    """Give the hash of everything agreed, the contract's own step of provenance."""
    return content_hash(asdict(draft)).hex()


def check_draft(draft: ContractDraft) -> None:
    """Raise InvalidInput with everything that keeps the draft from being concluded."""
    errors = tuple(_errors_of(draft))
    if errors:
        raise InvalidInput("This contract cannot be concluded as it stands.", errors=errors)


def _errors_of(draft: ContractDraft) -> Iterator[FieldError]:
    if draft.buyer_id == draft.supplier_id:
        yield FieldError("/supplier_id", "same_party", "A company cannot contract with itself.")
    if not draft.title.strip():
        yield FieldError("/title", "empty", "A contract has a title.")
    if draft.currency not in CURRENCIES:
        yield FieldError("/currency", "unknown_currency", f"{draft.currency!r} is no currency.")
    if not is_time_zone(draft.time_zone):
        detail = f"{draft.time_zone!r} is no time zone of the IANA list; for example Europe/Berlin."
        yield FieldError("/time_zone", "unknown_time_zone", detail)
    if draft.last_day < draft.first_day:
        yield FieldError("/last_day", "before_first_day", "The last day lies before the first.")
    years = draft.last_day.year - draft.first_day.year
    if years > CONTRACT_YEARS_MAX or draft.last_day == date.max:
        detail = f"A contract runs for {CONTRACT_YEARS_MAX} years at most."
        yield FieldError("/last_day", "too_long", detail)
    if not 1 <= len(draft.prices) <= LINES_MAX:
        yield FieldError("/prices", "count", f"A contract has 1 to {LINES_MAX} prices.")
    seen: dict[tuple[str, str], int] = {}
    for number, price in enumerate(draft.prices):
        yield from _price_errors(price, f"/prices/{number}")
        yield from _commitment_errors(price, draft.currency, f"/prices/{number}/commitment")
        yield from terms_errors(price.terms, f"/prices/{number}/terms")
        first = seen.setdefault((price.sku, price.unit), number)
        if first != number:
            detail = f"{price.sku} in {price.unit} has a price already, the one at {first + 1}."
            yield FieldError(f"/prices/{number}/sku", "duplicate", detail)


def _commitment_errors(price: ContractPrice, currency: str, pointer: str) -> Iterator[FieldError]:
    commitment = price.commitment
    if commitment is None or currency not in CURRENCIES or price.unit not in UNITS:
        return
    by_value = commitment.measure is Measure.VALUE
    digits = currency_digits(currency) if by_value else decimals_allowed(price.unit)
    committed = commitment.cap if commitment.committed is None else commitment.committed
    if not 0 < committed <= commitment.cap:
        detail = "What is committed is more than zero, and the cap is not below it."
        yield FieldError(f"{pointer}/cap", "out_of_range", detail)
    if max(places(commitment.cap), places(committed)) > digits:
        yield FieldError(f"{pointer}/cap", "too_many_decimals", _counted_with(digits))


def _counted_with(digits: int) -> str:
    return f"What is drawn here is counted with {decimals(digits)}."


def raised(commitment: Commitment, cap: Decimal, unit: str, currency: str) -> Commitment:
    """Give a commitment with a higher cap; what the buyer means to draw stays.

    Raises InvalidInput for a lower cap, and for one finer than what is counted.
    """
    if cap < commitment.cap:
        detail = f"The cap is {plain_decimal(commitment.cap)}; what is agreed is never made less."
        raise invalid("/cap", "lower", detail)
    by_value = commitment.measure is Measure.VALUE
    digits = currency_digits(currency) if by_value else decimals_allowed(unit)
    if places(cap) > digits:
        raise invalid("/cap", "too_many_decimals", _counted_with(digits))
    means = commitment.cap if commitment.committed is None else commitment.committed
    return replace(commitment, cap=cap, committed=means)


def _price_errors(price: ContractPrice, pointer: str) -> Iterator[FieldError]:
    if not price.sku.strip():
        yield FieldError(f"{pointer}/sku", "empty", "A price names its SKU.")
    if price.unit not in UNITS:
        yield FieldError(f"{pointer}/unit", "unknown_unit", f"{price.unit!r} is no known unit.")
    if price.basis <= 0 or places(price.basis) > UNIT_PRICE_PLACES:
        yield FieldError(f"{pointer}/basis", "not_positive", "A price basis is positive.")
    if not 1 <= len(price.tiers) <= TIERS_MAX:
        yield FieldError(f"{pointer}/tiers", "count", f"A price has 1 to {TIERS_MAX} tiers.")
    for number, tier in enumerate(price.tiers):
        where = f"{pointer}/tiers/{number}"
        if tier.minimum_quantity <= 0:
            yield FieldError(f"{where}/minimum_quantity", "not_positive", "Tiers begin above zero.")
        if tier.amount <= 0:
            yield FieldError(f"{where}/amount", "not_positive", "A price is above zero.")
        if max(places(tier.amount), places(tier.minimum_quantity)) > UNIT_PRICE_PLACES:
            detail = f"Amounts and quantities have at most {UNIT_PRICE_PLACES} decimals."
            yield FieldError(f"{where}/amount", "too_many_decimals", detail)
    if any(
        lower.minimum_quantity >= upper.minimum_quantity for lower, upper in pairwise(price.tiers)
    ):
        yield FieldError(f"{pointer}/tiers", "not_ascending", "Tiers ascend by minimum quantity.")
