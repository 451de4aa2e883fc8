"""What a notice says that procedures have a place for, before it is decided what becomes of it."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from rfq.rules.notices.reading import Amount, Found
from rfq.rules.notices.report import NoticeFormat
from rfq.rules.notices.tree import Node
from rfq.rules.procedure import Kind, Openness


@dataclass(frozen=True, slots=True)
class FoundLine:
    """One thing asked for, as far as it is said."""

    description: Found[str] | None = None
    quantity: Found[Decimal] | None = None
    unit: Found[str] | None = None


@dataclass(frozen=True, slots=True)
class FoundCriterion:
    """One award criterion; `weight` is in percent where it is `exact`.

    A `gate` is passed or failed, and has none.
    """

    price: bool
    cost: bool
    kind: Found[str] | None
    title: Found[str] | None
    weight: Found[Decimal] | None
    exact: bool
    gate: Found[str] | None = None


@dataclass(frozen=True, slots=True)
class Months:
    """A length of time in whole units of the calendar."""

    months: int = 0
    days: int = 0


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """An address where something is to be done or brought, `country` in two letters."""

    street: tuple[str, ...]
    city: str
    postal_code: str
    country: str
    nodes: tuple[Node, ...]


@dataclass(slots=True)
class FoundLot:
    """A lot as the notice has it."""

    id: Found[str]
    title: Found[str] | None = None
    description: Found[str] | None = None
    value: Found[Amount] | None = None
    lines: list[FoundLine] = field(default_factory=list)
    criteria: list[FoundCriterion] = field(default_factory=list)
    deadline: Found[datetime] | None = None
    questions: Found[datetime] | None = None
    validity: Found[Months] | None = None
    selection: list[Found[str]] = field(default_factory=list)
    payment: Found[str] | None = None
    place: FoundPlace | None = None


@dataclass(slots=True)
class FoundNotice:
    """What a notice says; of what is said twice, by lot and for all, both."""

    format: NoticeFormat
    notice_id: str = ""
    process_id: str = ""
    kind: str = ""
    dated: str = ""
    language: str = ""
    other_languages: list[str] = field(default_factory=list)
    title: Found[str] | None = None
    description: Found[str] | None = None
    procedure: Found[Kind] | None = None
    openness: Found[Openness] | None = None
    value: Found[Amount] | None = None
    deadline: Found[datetime] | None = None
    questions: Found[datetime] | None = None
    price_alone: Found[str] | None = None
    lots: list[FoundLot] = field(default_factory=list)
    exclusions: list[Found[str]] = field(default_factory=list)
    buyer: str = ""
    place: FoundPlace | None = None
