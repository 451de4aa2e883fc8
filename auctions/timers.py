"""Start and close at their instants.

A timer is a hint: the ledger decides on the one clock whether it is time, once, whoever tries. A
bid that comes late does the same, so an auction ends even where no worker runs.
"""

from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import UUID

from auctions.conduct.outbid import EVERY, OUTBID, tell_outbid
from auctions.engine.events import Close, Command, Start
from auctions.engine.state import LotState, Phase
from auctions.intake import Intake
from auctions.ledger import START, Ledger
from auctions.ledger.telling import CLOSE_TIMER
from marketplace.kernel.errors import Conflict
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction
from marketplace.platform.feature import Timer
from marketplace.platform.timers import set_again, set_timer

CLOSE: Final = CLOSE_TIMER


async def set_first_timer(tx: Transaction, lot_id: UUID, starts_at: datetime) -> None:
    """Remind of a scheduled lot's start; each timer sets the next."""
    await set_timer(tx, START, lot_id, starts_at)


async def _start(platform: Platform, lot_id: UUID) -> None:
    state = await _settle(platform, lot_id, Start())
    if state.phase is Phase.OPEN:
        await set_again(platform, OUTBID, lot_id, state.at + EVERY)


async def _close(platform: Platform, lot_id: UUID) -> None:
    await _settle(platform, lot_id, Close())


async def _settle(platform: Platform, lot_id: UUID, command: Command) -> LotState:
    # Not yet, or somebody else was first: what the clock brings next is asked for below.
    with suppress(Conflict):
        await platform.get(Intake).submit(lot_id, command)
    state = (await platform.get(Ledger).read(lot_id)).state
    deadline = state.deadline()
    if deadline is not None:
        kind = START if state.phase is Phase.SCHEDULED else CLOSE
        await set_again(platform, kind, lot_id, deadline)
    return state


TIMERS: Final = (
    Timer(START, _start, punctual=True),
    Timer(CLOSE, _close, punctual=True),
    Timer(OUTBID, tell_outbid),
)
