"""How days are counted in a procedure: in which, and which of them are not worked.

Public holidays are looked up when a draft is written and stand in the terms as dates from then on:
bidders see them, and no later version of the list they come from moves an end of a period.
"""

from datetime import MAXYEAR, date
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from marketplace.kernel.errors import invalid
from marketplace.kernel.periods import Calendar, Counting
from marketplace.platform.public_holidays import public_holidays
from rfq.procedures.schemas import ProcedureInput
from rfq.rules.least_times import LeastTimes
from rfq.rules.procedure import Procedure

YEARS_AFTER: Final = 3
"""How long after the deadline days are counted with holidays: to judge, stand still, complain."""


class DayCount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How days are counted; `days` are all that are not worked beside weekends, in order."""

    standstill_in: Counting = Counting.CALENDAR_DAYS
    receiving_days: int | None = None
    questions_days: int | None = None
    answer_days: int | None = None
    amendment_notice_days: int | None = None
    periods_in: Counting = Counting.CALENDAR_DAYS
    holidays: str | None = None
    days: tuple[date, ...] = ()

    def calendar(self) -> Calendar:
        """Give the days as periods know them."""
        return Calendar(self.days)

    def least_times(self) -> LeastTimes:
        """Give the periods before the deadline."""
        return LeastTimes(
            self.receiving_days,
            self.questions_days,
            self.answer_days,
            self.amendment_notice_days,
            self.periods_in,
        )


PLAIN: Final = DayCount()
"""Calendar days, and weekends alone are not worked."""


async def day_count(data: ProcedureInput) -> DayCount:
    """Give how a draft counts days; raises InvalidInput for holidays that nobody knows."""
    days = set(data.non_working_days)
    if data.holidays is not None:
        year = data.deadline_at.year
        # The period before the deadline may have begun in the year before.
        years = range(year - 1, min(year + YEARS_AFTER, MAXYEAR) + 1)
        found = await public_holidays(data.holidays, years)
        if found is None:
            detail = f"The public holidays of {data.holidays} are not known here; list the days."
            raise invalid("/holidays", "unknown_region", detail)
        days.update(found)
    return DayCount(
        standstill_in=data.standstill_in,
        receiving_days=data.receiving_days,
        questions_days=data.questions_days,
        answer_days=data.answer_days,
        amendment_notice_days=data.amendment_notice_days,
        periods_in=data.periods_in,
        holidays=data.holidays,
        days=tuple(sorted(days)),
    )


def stored_day_count(days: DayCount) -> dict[str, Any] | None:
    """Give what is stored of it; None where the terms say nothing of days."""
    return None if days == PLAIN else msgspec.to_builtins(days)


def read_day_count(document: dict[str, Any] | None) -> DayCount:
    """Read what is stored."""
    return PLAIN if document is None else msgspec.convert(document, DayCount)


def day_views(row: Row[Any], procedure: Procedure) -> dict[str, Any]:
    """Show how a procedure counts days, as fields of its view."""
    days = read_day_count(row.calendar)
    return {
        "questions_end_at": procedure.questions_end(),
        "questions_days": days.questions_days,
        "answer_days": days.answer_days,
        "amendment_notice_days": days.amendment_notice_days,
        "receiving_days": days.receiving_days,
        "periods_in": days.periods_in,
        "standstill_in": days.standstill_in,
        "holidays": days.holidays,
        "non_working_days": list(days.days),
    }
