"""What goes over the wire about reports of sourcing."""

from datetime import date
from uuid import UUID

from marketplace.platform.http.schemas import Output
from rfq.reports.rules import Against, CyclePhase


class SavedView(Output):
    """What lots that have a reference saved against it; `share` is of the reference."""

    against: Against
    lots: int
    reference: str
    price: str
    saved: str
    share: str | None


class MonthSavingsView(Output):
    """The savings of one month, the day being its first."""

    month: date
    lots: int
    price: str
    savings: list[SavedView]


class CurrencySavingsView(Output):
    """Savings in one currency; amounts of two currencies are never summed.

    `partly_awarded` lots are in no sum.
    """

    currency: str
    lots: int
    partly_awarded: int
    price: str
    savings: list[SavedView]
    months: list[MonthSavingsView]


class MonthParticipationView(Output):
    """Who took part in the procedures opened in one month, the day being its first."""

    month: date
    procedures: int
    invited: int
    looked: int
    submitted: int
    invalid: int
    withdrawn: int
    answered: int
    response: str | None


class SupplierParticipationView(Output):
    """How one supplier took part; `response` is of his invitations."""

    supplier_id: UUID
    supplier: str
    invited: int
    looked: int
    submitted: int
    invalid: int
    answered: int
    lots_won: int
    response: str | None


class ParticipationView(Output):
    """Who took part, by month and by supplier, those with the most bids first."""

    procedures: int
    months: list[MonthParticipationView]
    suppliers: list[SupplierParticipationView]


class CycleView(Output):
    """How long one phase took, in days, over so many procedures."""

    phase: CyclePhase
    procedures: int
    mean: str | None
    median: str | None
    p90: str | None


class SourcingReportView(Output):
    """A report of sourcing with the definitions of its figures."""

    first_day: date
    last_day: date
    time_zone: str
    unit_id: UUID | None
    savings: list[CurrencySavingsView]
    participation: ParticipationView
    cycle_times: list[CycleView]
    definitions: dict[str, str]
