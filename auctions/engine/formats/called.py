"""Prices the auction itself calls, in Dutch and Japanese auctions."""

from datetime import datetime, timedelta
from decimal import Decimal

from auctions.engine.events import StageOpened
from auctions.engine.state import LotState
from auctions.engine.terms import PriceClock


def clock_of(state: LotState) -> PriceClock:
    """Give the price clock, which `check` made sure of."""
    clock = state.terms.clock
    if clock is None:
        msg = "terms without a clock passed the check"
        raise ValueError(msg)
    return clock


def called_price(state: LotState) -> Decimal:
    """Give the price that is called now, before the start the first."""
    stage = state.course.stage
    price = None if stage is None else stage.price
    return clock_of(state).first if price is None else price


def call(state: LotState, seq: int, number: int, price: Decimal, at: datetime) -> StageOpened:
    """Call the price with this number from now on, for the time of the terms."""
    until = at + timedelta(seconds=clock_of(state).every_s)
    return StageOpened(seq=seq, at=at, round=number, price=price, until=until)
