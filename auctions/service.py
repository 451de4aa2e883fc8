"""Making, scheduling and ending auctions.

`open_auction` is for other packages: it joins an open transaction. An auction does not know what
asked for it; it keeps the origin it was given and `results` hands it back.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, func, select, update

from auctions.admission import Admission
from auctions.drafts import (
    AuctionDraft,
    Participant,
    insert_draft,
    invitation_of,
    participants_of,
    unknown_auction,
)
from auctions.engine.decide import schedule
from auctions.engine.events import Cancel, Close
from auctions.engine.replay import replay as fold
from auctions.engine.terms import Terms
from auctions.engine.visibility import OWNER
from auctions.intake import Intake
from auctions.ledger import acting_as_engine, announcement, append_entries
from auctions.reading import owners_view
from auctions.schemas import (
    AuctionInput,
    AuctionView,
    LotInput,
)
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
    lot = data.lots[0]
    draft = AuctionDraft(
        buyer_id=caller.organization_id,
        unit_id=caller.unit_id,
        title=data.title,
        terms=lot.terms(data.currency, "/lots/0"),
        participants=_participants(lot),
        lot_title=lot.title,
    )
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, AuctionView)) is not None:
            return earlier
        auction_id = await insert_draft(tx, draft, "/lots/0")
        tx.record("auction.create", "auction", auction_id, after={"title": data.title})
        return await keep(tx, key, await owners_view(tx, auction_id))


def _participants(lot: LotInput) -> tuple[Participant, ...]:
    return tuple(
        Participant(
            organization_id=given.organization_id,
            opening_amount=None if given.opening_amount is None else Decimal(given.opening_amount),
            alias=given.alias,
            currency=given.currency,
            adjustment=None if given.adjustment is None else given.adjustment.adjustment(),
        )
        for given in lot.participants
    )


async def open_auction(tx: Transaction, draft: AuctionDraft) -> UUID:
    """Make and schedule an auction in an open transaction; give its identifier.

    Raises InvalidInput where terms or participants break a rule.
    """
    auction_id = await insert_draft(tx, draft, "")
    await _schedule(tx, auction_id, await tx.clock())
    return auction_id


@retries_conflicts
async def schedule_auction(
    platform: Platform, caller: Caller, auction_id: UUID, version: int
) -> AuctionView:
    """Open the lot's log and invite the suppliers; terms and participants are final from now on.

    Raises NotFound, StaleVersion, WrongState for what is no draft, InvalidInput if the start has
    passed.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        await _owned(tx, auction_id, version)
        await _schedule(tx, auction_id, await tx.clock())
        tx.record("auction.schedule", "auction", auction_id)
        return await owners_view(tx, auction_id)


async def _schedule(tx: Transaction, auction_id: UUID, at: datetime) -> None:
    lot = await tx.one(
        select(LotRow.id, LotRow.terms, LotRow.phase)
        .where(LotRow.auction_id == auction_id)
        .with_for_update()
    )
    if lot.phase != "draft":
        raise WrongState("Only a draft can be scheduled.", state=lot.phase)
    terms = msgspec.convert(lot.terms, Terms)
    rows = await participants_of(tx, [lot.id])
    invitations = [invitation_of(row, terms) for row in rows]
    events = schedule(lot.id, terms, invitations, at)
    state = fold(events)
    async with acting_as_engine(tx) as connection:
        await append_entries(connection, None, events, state)
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
    tx.emit(announcement("auction.scheduled", auction._mapping, state))  # noqa: SLF001
    await set_first_timer(tx, lot.id, terms.starts_at)


@retries_conflicts
async def cancel_auction(
    platform: Platform, caller: Caller, auction_id: UUID, version: int, reason: str
) -> AuctionView:
    """Call an auction off; no standing becomes an award.

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
    card, _ = await platform.get(Admission).viewers_card(auction_id, caller.organization_id)
    await platform.get(Intake).submit(card.lot_id, Cancel(reason))
    return await _read_owned(platform, caller, auction_id)


async def close_auction(platform: Platform, caller: Caller, auction_id: UUID) -> AuctionView:
    """Close an auction whose time is up, without waiting for a worker.

    Raises NotFound, NotPermitted for a bidder, WrongState while its clock runs or once it ended.
    """
    caller.require(WRITE)
    card, viewer = await platform.get(Admission).viewers_card(auction_id, caller.organization_id)
    if viewer != OWNER:
        raise NotPermitted("Only the buyer ends an auction.")
    await platform.get(Intake).submit(card.lot_id, Close())
    return await _read_owned(platform, caller, auction_id)


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
