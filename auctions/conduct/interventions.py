"""What the buyer does to the clock by hand: pause, resume, extend."""

from uuid import UUID

from auctions.conduct.floor import ask, buyers_card, shown
from auctions.conduct.schemas import CloseExtensionInput, PauseInput
from auctions.engine.events import Extend, Pause, Resume
from auctions.engine.visibility import OWNER
from auctions.schemas import SnapshotView
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform


async def pause(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    data: PauseInput,
    lot_id: UUID | None = None,
) -> SnapshotView:
    """Stop the clock; bids are refused until it goes on, and the time that is left stays.

    Raises NotFound, NotPermitted for a bidder, WrongState for what does not run.
    """
    card = await buyers_card(platform, caller, auction_id, lot_id)
    await ask(platform, caller, card, Pause(data.reason), "pause", {"reason": data.reason})
    return await shown(platform, card, OWNER)


async def resume(
    platform: Platform, caller: Caller, auction_id: UUID, lot_id: UUID | None = None
) -> SnapshotView:
    """Let the clock go on with the time that was left.

    Raises NotFound, NotPermitted for a bidder, WrongState for what is not paused.
    """
    card = await buyers_card(platform, caller, auction_id, lot_id)
    await ask(platform, caller, card, Resume(), "resume", {})
    return await shown(platform, card, OWNER)


async def extend(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    data: CloseExtensionInput,
    lot_id: UUID | None = None,
) -> SnapshotView:
    """Move the close by hand, no further than the overtime of the terms allows in all.

    Raises NotFound, NotPermitted for a bidder, WrongState for what does not run, InvalidInput for
    a close that is not later or beyond the cap.
    """
    card = await buyers_card(platform, caller, auction_id, lot_id)
    facts: dict[str, object] = {"closes_at": data.closes_at, "reason": data.reason}
    await ask(platform, caller, card, Extend(data.closes_at, data.reason), "extend", facts)
    return await shown(platform, card, OWNER)
