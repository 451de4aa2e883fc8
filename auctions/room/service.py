"""Reading the history of a lot."""

import asyncio
from typing import Final
from uuid import UUID

from auctions.admission import Admission
from auctions.bidding import READ
from auctions.engine.visibility import number
from auctions.entries import event_of
from auctions.ledger import Ledger
from auctions.room.history import HistorySeries, Trace
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform

EVENTS_AT_ONCE: Final = 250
"""Entries folded before others have their turn: some ten milliseconds."""


async def read_history(
    platform: Platform, caller: Caller, auction_id: UUID, lot_id: UUID | None = None
) -> list[HistorySeries]:
    """Give the amounts of a lot as the caller was shown them; raises NotFound, Unavailable."""
    caller.require(READ)
    company = caller.organization_id
    card, viewer = await platform.get(Admission).viewers_card(auction_id, company, lot_id)
    ledger = platform.get(Ledger)
    head = await ledger.read(card.lot_id)
    trace = Trace(viewer, number(head.state, viewer))
    seq = 0
    while seq < head.state.seq:
        most = min(EVENTS_AT_ONCE, head.state.seq - seq)
        rows = await ledger.entries(card.lot_id, seq, most)
        trace.follow(event_of(row, card.currency) for row in rows)
        seq += most
        await asyncio.sleep(0)
    return trace.series()
