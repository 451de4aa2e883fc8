"""Making, changing, scheduling and ending auctions.

`open_auction` is for other packages: it joins an open transaction. An auction does not know what
asked for it; it keeps the origin it was given and `results` hands it back.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, func, select, update

from auctions.admission import Admission
from auctions.draft_schemas import AuctionInput
from auctions.drafts import (
    AuctionDraft,
    insert_draft,
    invitation_of,
    lots_of,
    participants_of,
    replace_draft,
    terms_of,
    unknown_auction,
)
from auctions.engine.decide import schedule
from auctions.engine.events import Cancel, Close
from auctions.engine.replay import replay as fold
from auctions.engine.visibility import OWNER
from auctions.intake import Intake
from auctions.ledger import acting_as_engine, append_entries, fact, of_lot
from auctions.lot_order import lot_pointer
from auctions.reading import owners_view
from auctions.schemas import AuctionView
from auctions.tables import AuctionRow, LotRow
from auctions.timers import set_first_timer
from marketplace.kernel.errors import (
    NotPermitted,
    StaleVersion,
    WrongState,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

WRITE: Final = "auctions:write"


@retries_conflicts
async def create_auction(
    platform: Platform, caller: Caller, key: IdempotencyKey, data: AuctionInput
) -> AuctionView:
    """Make a draft; nobody is invited yet. Raises InvalidInput for what breaks a rule."""
    caller.require(WRITE)
    draft = data.draft(caller.organization_id, caller.unit_id)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, AuctionView)) is not None:
            return earlier
        auction_id = await insert_draft(tx, draft, "/lots")
        tx.record("auction.create", "auction", auction_id, after={"title": data.title})
        return await keep(tx, key, await owners_view(tx, auction_id))


@retries_conflicts
async def update_auction(
    platform: Platform, caller: Caller, auction_id: UUID, version: int, data: AuctionInput
) -> AuctionView:
    """Lay a draft down anew, whole; its lots get new identifiers.

    Raises NotFound, StaleVersion, WrongState for what is no draft, InvalidInput for what breaks a
    rule.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        row = await _owned(tx, auction_id, version)
        if row.status != "draft":
            raise WrongState("Only a draft can be changed.", state=row.status)
        draft = data.draft(caller.organization_id, caller.unit_id)
        await replace_draft(tx, auction_id, draft, "/lots")
        tx.record("auction.change", "auction", auction_id, after={"title": data.title})
        return await owners_view(tx, auction_id)


async def open_auction(tx: Transaction, draft: AuctionDraft, pointer: str = "") -> UUID:
    """Make and schedule an auction in an open transaction; give its identifier.

    Raises InvalidInput where terms or participants break a rule; `pointer` is where the lots lie.
    """
    auction_id = await insert_draft(tx, draft, pointer)
    await _schedule(tx, auction_id, await tx.clock(), pointer)
    return auction_id


@retries_conflicts
async def schedule_auction(
    platform: Platform, caller: Caller, auction_id: UUID, version: int
) -> AuctionView:
    """Open the lots' logs and invite the suppliers; terms and participants are final from now on.

    Raises NotFound, StaleVersion, WrongState for what is no draft, InvalidInput if the start has
    passed.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        await _owned(tx, auction_id, version)
        await _schedule(tx, auction_id, await tx.clock(), "/lots")
        tx.record("auction.schedule", "auction", auction_id)
        return await owners_view(tx, auction_id)


async def _schedule(tx: Transaction, auction_id: UUID, at: datetime, pointer: str) -> None:
    lots = await lots_of(tx, auction_id, lock=True)
    rows = await participants_of(tx, [lot.id for lot in lots])
    states = []
    for place, lot in enumerate(lots):
        if lot.phase != "draft":
            raise WrongState("Only a draft can be scheduled.", state=lot.phase)
        terms = terms_of(lot)
        invitations = [invitation_of(row, terms) for row in rows if row.lot_id == lot.id]
        events = schedule(lot.id, terms, invitations, at, lot_pointer(pointer, place))
        states.append(fold(events))
        async with acting_as_engine(tx) as connection:
            await append_entries(connection, None, events, states[-1])
        if terms.follows is None:
            await set_first_timer(tx, lot.id, terms.starts_at)
    auction = await tx.one(
        update(AuctionRow)
        .where(AuctionRow.id == auction_id)
        .values(status="scheduled", version=AuctionRow.version + 1, updated_at=func.clock())
        .returning(
            AuctionRow.id,
            AuctionRow.buyer_id,
            AuctionRow.version,
            AuctionRow.origin_kind,
            AuctionRow.origin_id,
        )
    )
    bidders = {bidder for state in states for bidder in state.roster}
    facts = of_lot(states[0]) if len(states) == 1 else {}
    tx.emit(fact("auction.scheduled", auction._mapping, bidders, facts))  # noqa: SLF001


@retries_conflicts
async def cancel_auction(
    platform: Platform, caller: Caller, auction_id: UUID, version: int, reason: str
) -> AuctionView:
    """Call off the lots of an auction that have not ended; no standing of theirs becomes an award.

    Raises NotFound, StaleVersion, or WrongState for what has ended.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        row = await _owned(tx, auction_id, version)
        if row.status in {"closed", "cancelled"}:
            raise WrongState(f"This auction is {row.status}.", state=row.status)
        if row.status == "draft":
            tx.record("auction.cancel", "auction", auction_id, after={"reason": reason})
            await tx.execute(
                update(LotRow).where(LotRow.auction_id == auction_id).values(phase="cancelled")
            )
            await tx.execute(
                update(AuctionRow)
                .where(AuctionRow.id == auction_id)
                .values(
                    status="cancelled",
                    cancelled_because=reason,
                    version=AuctionRow.version + 1,
                    updated_at=func.clock(),
                )
            )
            return await owners_view(tx, auction_id)
        # Asked for and not done yet: the ledger decides, and its log tells.
        tx.record("auction.ask_to_cancel", "auction", auction_id, after={"reason": reason})
    await _end_lots(platform, caller, auction_id, Cancel(reason))
    return await _read_owned(platform, caller, auction_id)


async def close_auction(platform: Platform, caller: Caller, auction_id: UUID) -> AuctionView:
    """Close the lots of an auction whose time is up, without waiting for a worker.

    Raises NotFound, NotPermitted for a bidder, WrongState while all clocks run or once all ended.
    """
    caller.require(WRITE)
    await _end_lots(platform, caller, auction_id, Close())
    return await _read_owned(platform, caller, auction_id)


async def _end_lots(
    platform: Platform, caller: Caller, auction_id: UUID, command: Cancel | Close
) -> None:
    """Have each lot ended that can be; raises WrongState where none can."""
    cards, viewer = await platform.get(Admission).viewers_cards(auction_id, caller.organization_id)
    if viewer != OWNER:
        raise NotPermitted("Only the buyer ends an auction.")
    done, refusal = False, None
    # The last first: a lot that is called off must not let the next one begin.
    for card in reversed(cards):
        try:
            await platform.get(Intake).submit(card.lot_id, command)
            done = True
        except WrongState as error:
            refusal = refusal or error
    if refusal is not None and not done:
        raise refusal


async def _read_owned(platform: Platform, caller: Caller, auction_id: UUID) -> AuctionView:
    async with transaction(platform, caller) as tx:
        return await owners_view(tx, auction_id)


async def _owned(tx: Transaction, auction_id: UUID, version: int) -> Row[Any]:
    """Lock an auction of the caller's company in the version he names."""
    row = await tx.maybe(
        select(AuctionRow.buyer_id, AuctionRow.status, AuctionRow.version)
        .where(AuctionRow.id == auction_id)
        .with_for_update()
    )
    if row is None:
        # A bidder sees the auction and cannot lock it.
        if await tx.scalar(select(AuctionRow.id).where(AuctionRow.id == auction_id)):
            raise NotPermitted("Only the buyer changes an auction.")
        raise unknown_auction()
    if row.version != version:
        raise StaleVersion(f"The present version is {row.version}; read it again.")
    return row
