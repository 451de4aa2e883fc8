"""Contracts on the wire; both parties read the same."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from marketplace.contracts.terms import LineTerms
from marketplace.kernel.limits import (
    FRAMEWORK_ARTICLES_MAX,
    FRAMEWORK_CEILINGS_MAX,
    FRAMEWORK_MEMBERS_MAX,
)
from marketplace.platform.http.schemas import (
    AmountText,
    Input,
    Name,
    Output,
    QuantityText,
    Sku,
    UnitText,
)


class ProvenanceView(Output):
    """One step of how a price came about, earliest first; `hash` is hexadecimal."""

    kind: str
    id: UUID
    at: datetime
    hash: str


class TierView(Output):
    """From this quantity on, this amount per the price's basis."""

    minimum_quantity: str
    amount: str


class CommitmentView(Output):
    """How much may be drawn at a price, and how much is; in its unit, or in value.

    `at_exhaustion` says what becomes of a line that asks for more than is left: no price
    (``stop``), the next price there is (``next_price``), or what is left at this one and the rest
    at the next (``split``).
    """

    measure: Literal["quantity", "value"]
    committed: str
    cap: str
    drawn: str
    left: str
    at_exhaustion: Literal["stop", "next_price", "split"]


class CommitmentChange(Input):
    """More that may be drawn in all at a price; what is agreed is never made less."""

    cap: QuantityText


class ContractPriceView(Output):
    """The agreed ladder of one SKU in one unit."""

    id: UUID
    sku: str
    description: str
    unit: str
    basis: str
    tiers: list[TierView]
    commitment: CommitmentView | UnsetType = UNSET
    terms: LineTerms | UnsetType = UNSET


class ContractSummary(Output):
    """A contract without its prices.

    `unit_ids` are the buyer's units it covers, empty for all; `state` is as of now: a contract past
    its term is ``expired``. Of two contracts that price the same SKU the higher `priority` counts.
    """

    id: UUID
    version: int
    state: str
    buyer_id: UUID
    supplier_id: UUID
    unit_ids: list[UUID]
    title: str
    currency: str
    time_zone: str
    first_day: date
    last_day: date
    priority: int
    origin: str
    concluded_at: datetime | None


class SignatureView(Output):
    """Which side has signed, and when."""

    organization_id: UUID
    signed_at: datetime


class ContractView(ContractSummary):
    """A contract with its prices and how it came about.

    `signatures` are those given where they are asked for; one that an award concluded has none.
    """

    signatures: list[SignatureView]
    prices: list[ContractPriceView]
    provenance: list[ProvenanceView]


class FrameworkArticleInput(Input):
    """An article of a member, by the number that his contract has for it."""

    contract_id: UUID
    sku: Sku


class FrameworkCeilingInput(Input):
    """The most that is called off in `unit`, or in value without one.

    With a `contract_id` of this member alone, else of all together; of these `articles`, or of
    everything where there are none.
    """

    title: Name
    ceiling: AmountText
    unit: UnitText | None = None
    contract_id: UUID | None = None
    articles: Annotated[list[FrameworkArticleInput], Meta(max_length=FRAMEWORK_ARTICLES_MAX)] = (
        msgspec.field(default_factory=list)
    )


class FrameworkInput(Input):
    """A framework agreement of own contracts, each with another supplier.

    What is ordered at their prices is counted up to `ceiling`, in value, and up to each of
    `ceilings`, and never beyond.
    """

    title: Name
    contract_ids: Annotated[list[UUID], Meta(min_length=1, max_length=FRAMEWORK_MEMBERS_MAX)]
    ceiling: AmountText | None = None
    ceilings: Annotated[list[FrameworkCeilingInput], Meta(max_length=FRAMEWORK_CEILINGS_MAX)] = (
        msgspec.field(default_factory=list)
    )


class FrameworkArticleView(Output):
    """An article of a member."""

    supplier_id: UUID
    sku: str


class FrameworkCeilingView(Output):
    """One of a framework's ceilings, over all members or over one; `drawn` is what was called off.

    A member reads those over what he delivers, and what is drawn under his own alone.
    """

    title: str
    supplier_id: UUID | None
    unit: str | None
    articles: list[FrameworkArticleView]
    ceiling: str
    drawn: str | None
    left: str | None


class FrameworkMemberView(Output):
    """A member with the contract that has his prices, and its term."""

    supplier_id: UUID
    contract_id: UUID
    first_day: date
    last_day: date


class FrameworkView(Output):
    """A framework agreement; a member reads himself alone, and not what is drawn in all."""

    id: UUID
    buyer_id: UUID
    title: str
    currency: str
    ceiling: str | None
    drawn: str | None
    left: str | None
    members: list[FrameworkMemberView]
    ceilings: list[FrameworkCeilingView]
    made_at: datetime
