"""What of a procedure the public may know: nothing else reaches a release.

Who reads a procedure's rows here is its buyer or the engine, who see more than the public. So what
is published is made of these values alone, and they have no place for a secret: no bid, no hidden
budget, no member, no asker, no reserve. The table of who may know what when is decision 0710.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from marketplace.kernel.money import Money
from rfq.rules.criteria import Judging
from rfq.rules.procedure import Kind, Lot, LotStatus, Status
from rfq.rules.variants import VariantPolicy


@dataclass(frozen=True, slots=True)
class Company:
    """A company by its name; its tax number may be a person's, so it is not here."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Attached:
    """A document that is a part of the terms in force; `form` is its media type."""

    id: UUID
    name: str
    form: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, by whom, until when, and how bids are judged; `budget` is a shown one.

    `variants` says whether variants are taken or required; without it they are not.
    """

    id: UUID
    kind: Kind
    status: Status
    title: str
    description: str
    currency: str
    buyer: Company
    lots: tuple[Lot, ...]
    lot_statuses: Mapping[UUID, LotStatus]
    judging: Judging
    requirements: tuple[str, ...]
    budget: Decimal | None
    documents: tuple[Attached, ...]
    published_at: datetime
    deadline_at: datetime
    questions_until: datetime | None
    variants: VariantPolicy | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A question in the buyer's wording with his answer; who asked, and how, is not here."""

    id: UUID
    question: str
    answer: str
    asked_at: datetime
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Awarded:
    """An award in force: to whom, what, for how much in all, and the contract it led to.

    Unit prices, rank and reasons are not here.
    """

    id: UUID
    lot_id: UUID
    lot_title: str
    supplier: Company
    bid_id: UUID
    total: Money
    quantities: Mapping[UUID, Decimal]
    contract_id: UUID
    signed: bool
    is_variant: bool
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Auctioned:
    """An auction of a lot: how it runs and from when to when; no bidder, no amount, no reserve."""

    id: UUID
    lot_id: UUID
    form: str
    starts_at: datetime
    ends_at: datetime
