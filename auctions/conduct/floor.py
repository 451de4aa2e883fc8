"""Who may conduct what, and what he is shown when it is done."""

from uuid import UUID

from auctions.admission import Admission, Card
from auctions.bidding import BID
from auctions.clock import ShownClock
from auctions.engine.events import Command, Event
from auctions.engine.visibility import OWNER, Viewer, view
from auctions.intake import Intake
from auctions.ledger import Ledger
from auctions.schemas import SnapshotView
from auctions.service import WRITE
from marketplace.kernel.errors import NotPermitted
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction


async def buyers_card(
    platform: Platform, caller: Caller, auction_id: UUID, lot_id: UUID | None
) -> Card:
    """Give a lot's card to the buyer; raises NotPermitted to a bidder, NotFound to all others.

    Raises InvalidInput where the lot must be named.
    """
    caller.require(WRITE)
    company = caller.organization_id
    card, viewer = await platform.get(Admission).viewers_card(auction_id, company, lot_id)
    if viewer != OWNER:
        raise NotPermitted("Only the buyer conducts an auction.")
    return card


async def bidders_card(
    platform: Platform, caller: Caller, auction_id: UUID, lot_id: UUID | None
) -> Card:
    """Give a lot's card to one who may bid; raises NotFound to everybody else.

    Raises InvalidInput where the lot must be named.
    """
    caller.require(BID)
    return await platform.get(Admission).bidders_card(auction_id, caller.organization_id, lot_id)


async def ask(
    platform: Platform,
    caller: Caller,
    card: Card,
    command: Command,
    verb: str,
    facts: dict[str, object],
) -> Event:
    """Have the ledger decide what the buyer wants; give the event it led to.

    The audit trail says who asked, before anything is decided; the lot's log tells what came of it.
    Raises what `Intake.submit` does.
    """
    async with transaction(platform, caller) as tx:
        after = {"lot_id": card.lot_id, **facts}
        tx.record(f"auction.ask_to_{verb}", "auction", card.auction_id, after=after)
    return await platform.get(Intake).submit(card.lot_id, command)


async def shown(platform: Platform, card: Card, viewer: Viewer) -> SnapshotView:
    """Show the lot as it stands after what was done, from the ledger."""
    head = await platform.get(Ledger).read(card.lot_id)
    server_at = await platform.get(ShownClock).now()
    return SnapshotView(lot_id=card.lot_id, server_at=server_at, standing=view(head.state, viewer))
