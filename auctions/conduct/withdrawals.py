"""Bids that stand no more: struck by the buyer, taken back by the bidder, or asked to be struck."""

from decimal import Decimal
from uuid import UUID

from auctions.admission import Card
from auctions.conduct.floor import ask, bidders_card, buyers_card, shown
from auctions.conduct.schemas import StrikeInput, WithdrawalInput
from auctions.engine.events import RequestWithdrawal, Withdraw
from auctions.engine.ranking import Place
from auctions.engine.state import LotState
from auctions.engine.terms import SEALED, Withdrawals
from auctions.engine.visibility import OWNER
from auctions.intake import Intake
from auctions.ledger import Ledger
from auctions.schemas import SnapshotView
from marketplace.kernel.errors import WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.schemas import MoneyInput


async def strike_bid(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    data: StrikeInput,
    lot_id: UUID | None = None,
) -> SnapshotView:
    """Strike a standing bid, on the buyer's own motion or because its bidder asked for it.

    The bid is named by alias and amount: if it stands no more, nothing is struck in its place.
    Raises NotFound, NotPermitted for a bidder, WrongState where no such bid stands, or where bids
    are hidden from the buyer.
    """
    card = await buyers_card(platform, caller, auction_id, lot_id)
    if card.terms.format in SEALED:
        # Not even whether there is a bid to strike: the rules refuse it without looking.
        command = Withdraw(caller.organization_id, data.reason)
    else:
        state = (await platform.get(Ledger).read(card.lot_id)).state
        place = _standing(state, _bidder_of(state, data.alias), data.amount)
        command = Withdraw(place.bidder, data.reason, bid_id=place.bid_id)
    facts: dict[str, object] = {"alias": data.alias, "reason": data.reason}
    await ask(platform, caller, card, command, "strike_bid", facts)
    return await shown(platform, card, OWNER)


async def withdraw_bid(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    data: WithdrawalInput,
    lot_id: UUID | None = None,
) -> SnapshotView:
    """Take the own standing bid back where the terms let bidders, or ask the buyer to strike it.

    Raises NotFound for who is not invited, WrongState where the terms allow neither, where this bid
    does not stand, or where it was asked for already.
    """
    card = await bidders_card(platform, caller, auction_id, lot_id)
    bidder = caller.organization_id
    command = await _own_wish(platform, card, bidder, data)
    await platform.get(Intake).submit(card.lot_id, command)
    return await shown(platform, card, bidder)


async def _own_wish(
    platform: Platform, card: Card, bidder: UUID, data: WithdrawalInput
) -> Withdraw | RequestWithdrawal:
    state = (await platform.get(Ledger).read(card.lot_id)).state
    place = _standing(state, bidder, data.amount)
    if card.terms.withdrawals is Withdrawals.FREELY:
        return Withdraw(bidder, data.reason, by_bidder=True, bid_id=place.bid_id)
    return RequestWithdrawal(bidder, data.reason)


def _bidder_of(state: LotState, alias: str) -> UUID | None:
    return next((bidder for bidder, known in state.roster.items() if known == alias), None)


def _standing(state: LotState, bidder: UUID | None, amount: MoneyInput) -> Place:
    place = None if bidder is None else state.places.get(bidder)
    if (
        place is not None
        and amount.currency == state.currency_of(place.bidder)
        and place.amount == Decimal(amount.amount)
    ):
        return place
    raise WrongState("This bid does not stand, or stands no more.", state=state.phase.value)
