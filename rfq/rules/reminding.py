"""When those who may bid are reminded of a deadline."""

from datetime import datetime, timedelta

from rfq.rules.procedure import Procedure, Status


def reminder_at(deadline_at: datetime, days: int | None) -> datetime | None:
    """Give the instant of a reminder so many days before; None where none is wanted."""
    return None if days is None else deadline_at - timedelta(days=days)


def is_due(
    procedure: Procedure, due_at: datetime | None, reminded_for: datetime | None, at: datetime
) -> bool:
    """Tell whether to remind now: bids are received, and nobody was reminded of this deadline.

    One that comes late, after an outage, still helps; one after the deadline does not.
    """
    return (
        due_at is not None
        and procedure.status is Status.PUBLISHED
        and due_at <= at < procedure.deadline_at
        and reminded_for != procedure.deadline_at
    )
