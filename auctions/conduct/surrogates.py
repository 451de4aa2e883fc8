"""Bids the buyer enters for a bidder: by the terms, by the bidder's consent, and with a proof."""

from decimal import Decimal
from uuid import UUID

from auctions.bidding import bid_view, check_currency, client_bid_id_of, refusal
from auctions.conduct.floor import ask, bidders_card, buyers_card, shown
from auctions.conduct.schemas import SurrogateBidInput
from auctions.engine.events import (
    AllowSurrogate,
    BidRefused,
    PlaceBid,
    Rejection,
    RejectionCode,
    RevokeSurrogate,
)
from auctions.engine.terms import check_amount
from auctions.engine.visibility import explain
from auctions.intake import Intake
from auctions.ledger import Ledger
from auctions.schemas import BidView, SnapshotView
from marketplace.kernel.errors import invalid
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform


async def allow_surrogate(
    platform: Platform, caller: Caller, auction_id: UUID, lot_id: UUID | None = None
) -> SnapshotView:
    """Let the buyer enter bids for the company, from now on.

    Once given, consenting again changes nothing; it can be taken back. Raises NotFound for who is
    not invited, WrongState where the terms have no surrogates or the auction has ended.
    """
    card = await bidders_card(platform, caller, auction_id, lot_id)
    bidder = caller.organization_id
    state = (await platform.get(Ledger).read(card.lot_id)).state
    if bidder not in state.course.consents:
        await platform.get(Intake).submit(card.lot_id, AllowSurrogate(bidder))
    return await shown(platform, card, bidder)


async def revoke_surrogate(
    platform: Platform, caller: Caller, auction_id: UUID, lot_id: UUID | None = None
) -> SnapshotView:
    """Let the buyer enter no more bids for the company; those he entered before stand.

    Where there is no consent nothing changes. Raises NotFound for who is not invited, WrongState
    where the auction has ended.
    """
    card = await bidders_card(platform, caller, auction_id, lot_id)
    bidder = caller.organization_id
    state = (await platform.get(Ledger).read(card.lot_id)).state
    if bidder in state.course.consents:
        await platform.get(Intake).submit(card.lot_id, RevokeSurrogate(bidder))
    return await shown(platform, card, bidder)


async def enter_bid(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    key: str | None,
    data: SurrogateBidInput,
    lot_id: UUID | None = None,
) -> BidView:
    """Enter a bid for a bidder; the log names the member who did and what proves the bidder's will.

    The same key with the same amount gets the same answer. Raises as bidding does, and WrongState
    where the terms or the bidder do not consent.
    """
    own_key = client_bid_id_of(key)
    card = await buyers_card(platform, caller, auction_id, lot_id)
    bidder = data.organization_id
    if bidder not in card.bidders:
        raise invalid("/organization_id", "not_invited", "This company is not invited to the lot.")
    currency = check_currency(card, bidder, data.amount)
    state = (await platform.get(Ledger).read(card.lot_id)).state
    if bidder not in state.course.consents:
        # Not left to the ledger: a refusal would count among the bidder's own.
        raise explain(Rejection(code=RejectionCode.NO_CONSENT), currency)
    command = PlaceBid(
        bid_id=new_id(),
        bidder=bidder,
        # No bidder's own key has a space: the two never meet.
        client_bid_id=f"surrogate {own_key}",
        amount=check_amount(Decimal(data.amount.amount), currency, "/amount/amount"),
        surrogate=caller.member_id,
        proof=data.proof,
    )
    facts: dict[str, object] = {"bidder_id": bidder, "amount": data.amount.amount}
    event = await ask(platform, caller, card, command, "enter_bid", facts | {"proof": data.proof})
    if isinstance(event, BidRefused):
        raise refusal(event, currency)
    return bid_view(event, card, bidder)
