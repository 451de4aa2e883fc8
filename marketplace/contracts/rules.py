"""What a contract is, when it is in force, and what may be concluded. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Provenance:
    """One step of how a price came about.

    `kind` is ``rfq.procedure``, ``rfq.bid`` (`hash` is the receipt's commitment), ``auction``
    (the ledger's head), ``auction.bid`` (the ledger entry), ``rfq.award`` (the award's content) or
    ``contract``; `hash` is lower-case hexadecimal. A tuple of them, earliest first, travels with a
    price: award, contract, order line and invoice line copy it, and nobody follows it upward.
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


@dataclass(frozen=True, slots=True)
class ContractPrice:
    """The agreed price of one SKU in one unit; `tiers` ascend by minimum quantity.

    `basis` is how many units an amount is for: a price per 100 stays one.
    """

    sku: str
    description: str
    unit: str
    basis: Decimal
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class ContractDraft:
    """What two parties agreed, before it is concluded.

    `unit_ids` are the buyer's units it covers; empty means the whole company. `first_day` and
    `last_day` are dates in the IANA zone `time_zone`, both inside the term.
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
