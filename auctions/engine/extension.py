"""Overtime: when an accepted bid moves the close, and to when."""

from datetime import datetime, timedelta

from auctions.engine.state import LotState
from auctions.engine.terms import CountedFrom


def extended_close(state: LotState, rank: int, at: datetime) -> datetime | None:
    """Give the new close if a bid accepted at `at`, now of `rank`, moves it; else None.

    The close never falls and never passes the cap of the terms: an extension that would is cut.
    """
    overtime = state.terms.overtime
    if overtime is None or rank > overtime.lowest_rank or state.extensions >= overtime.at_most:
        return None
    if at < state.closes_at - timedelta(seconds=overtime.window_s):
        return None
    counted_from = state.closes_at if overtime.counted_from is CountedFrom.CLOSE else at
    wanted = counted_from + timedelta(seconds=overtime.extension_s)
    allowed = min(wanted, cap_of(state))
    return allowed if allowed > state.closes_at else None


def cap_of(state: LotState) -> datetime:
    """Give the instant no bid moves the close beyond: as planned, later by pauses and the start."""
    moved = state.starts_at - state.terms.starts_at
    return state.terms.latest_close_at() + moved + state.course.paused_for
