"""Telling bidders that a bid of theirs which led leads no more: by the feed, and by mail.

Once for each bid, and not with every bid of a rival: somebody looks at an open lot now and then.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Uuid, bindparam, select, text

from auctions.engine.ranking import Place, shown_rank
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import Disclosure
from auctions.ledger import Ledger
from auctions.tables import AuctionRow, LotRow
from marketplace.kernel.events import Event
from marketplace.kernel.limits import AUCTION_OUTBID_SECONDS
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Role,
    Transaction,
    retries_conflicts,
    system_transaction,
)
from marketplace.platform.timers import set_timer

OUTBID: Final = "auctions.outbid"
"""The timer that has somebody look at an open lot."""
PASSED: Final = "auction.bid_passed"
EVERY: Final = timedelta(seconds=AUCTION_OUTBID_SECONDS)

# A bid that never led is none that was passed: its bidder read its rank when he made it.
_TOLD: Final = text("""
update auction_participants p set outbid_bid_id = passed.bid_id
from unnest(:bidders, :bids, :numbers) as passed (bidder_id, bid_id, seq)
join auction_ledger e on e.lot_id = :lot and e.seq = passed.seq and e.rank = 1
where p.lot_id = :lot and p.organization_id = passed.bidder_id
  and p.outbid_bid_id is distinct from passed.bid_id
returning p.organization_id
""").bindparams(
    bindparam("lot", type_=Uuid),
    bindparam("bidders", type_=ARRAY(Uuid)),
    bindparam("bids", type_=ARRAY(Uuid)),
    bindparam("numbers", type_=ARRAY(BigInteger)),
)


def passed(state: LotState) -> Iterator[Place]:
    """Give the standing bids of a lot that do not lead, where their bidders may know."""
    if state.terms.disclosure is Disclosure.OWN_ONLY:
        return
    for place in state.order[1:]:
        if shown_rank(state.order, place, state.terms.ties) > 1:
            yield place


@retries_conflicts
async def tell_outbid(platform: Platform, lot_id: UUID) -> None:
    """Tell whose bid on an open lot leads no more, and look again in a while."""
    state = (await platform.get(Ledger).read(lot_id)).state
    if state.phase is not Phase.OPEN:
        return
    async with system_transaction(platform, Role.ENGINE) as tx:
        places = list(passed(state))
        if places:
            await _tell(tx, state, places)
        await set_timer(tx, OUTBID, lot_id, await tx.clock() + EVERY)


async def _tell(tx: Transaction, state: LotState, places: list[Place]) -> None:
    values = {
        "lot": state.lot_id,
        "bidders": [place.bidder for place in places],
        "bids": [place.bid_id for place in places],
        "numbers": [place.seq for place in places],
    }
    told = await tx.all(_TOLD, values)
    if not told:
        return
    auction = await tx.one(
        select(AuctionRow.id, AuctionRow.version, AuctionRow.title)
        .join(LotRow, LotRow.auction_id == AuctionRow.id)
        .where(LotRow.id == state.lot_id)
    )
    facts = {"lot_id": state.lot_id, "title": auction.title, "closes_at": state.closes_at}
    for row in told:
        who = frozenset((row.organization_id,))
        tx.emit(Event(PASSED, "auction", auction.id, auction.version, who, facts))
