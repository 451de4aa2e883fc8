"""Trying bids on the terms of an auction; nothing is stored."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import select

from auctions.admission import meant
from auctions.bidding import refusal_view
from auctions.conduct.schemas import TrialBidView, TrialInput, TrialView
from auctions.conduct.trial import TrialBid, Tried, end_of, try_bids
from auctions.conduct.winners import winner_view
from auctions.drafts import invitation_of, lots_of, participants_of, terms_of, unknown_auction
from auctions.engine.events import BidAccepted, BidRefused, Invitation
from auctions.engine.formats import FORMATS
from auctions.engine.outcome import NoWinner, outcome
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import Terms, amount_error, in_digits
from auctions.schemas import RefusalView
from auctions.service import WRITE
from auctions.tables import AuctionRow
from auctions.terms_schemas import money_view
from marketplace.kernel.errors import FieldError, InvalidInput, MarketplaceError
from marketplace.kernel.money import currency_digits
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.schemas import MoneyView


async def try_auction(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    data: TrialInput,
    lot_id: UUID | None = None,
) -> TrialView:
    """Say what a lot's terms would make of bids, whether or not it was scheduled.

    Raises NotFound for who is not its buyer, InvalidInput for bids that could never be.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        tried_lot, terms, invitations = await _laid_down(tx, caller, auction_id, lot_id)
    bids = _bids(terms, invitations, data)
    tried = list(try_bids(tried_lot, terms, invitations, bids))
    last = end_of(tried[-1].state)
    found = outcome(last)
    return TrialView(
        bids=[_view(bid, each) for bid, each in zip(bids, tried, strict=True)],
        closed_at=last.at,
        winner=None if isinstance(found, NoWinner) else winner_view(last, found),
        no_winner=found.value if isinstance(found, NoWinner) else None,
    )


async def _laid_down(
    tx: Transaction, caller: Caller, auction_id: UUID, lot_id: UUID | None
) -> tuple[UUID, Terms, list[Invitation]]:
    buyer_id = await tx.scalar(select(AuctionRow.buyer_id).where(AuctionRow.id == auction_id))
    if buyer_id != caller.organization_id:
        raise unknown_auction()
    lot = meant(await lots_of(tx, auction_id), lot_id)
    # As if it ran alone: nothing here tells when the lot before would end.
    terms = replace(terms_of(lot), follows=None)
    rows = await participants_of(tx, [lot.id])
    return lot.id, terms, [invitation_of(row, terms) for row in rows]


def _bids(terms: Terms, invitations: Sequence[Invitation], data: TrialInput) -> list[TrialBid]:
    """Read the bids to try; raises InvalidInput with every place that is wrong."""
    currencies = {each.bidder: each.currency or terms.currency for each in invitations}
    errors: list[FieldError] = []
    bids = []
    for place, given in enumerate(data.bids):
        at = f"/bids/{place}"
        currency = currencies.get(given.organization_id)
        if currency is None:
            detail = "This company is not among the participants."
            errors.append(FieldError(f"{at}/organization_id", "not_invited", detail))
            continue
        if given.amount.currency != currency:
            detail = f"Bids of this company on this lot are in {currency}."
            errors.append(FieldError(f"{at}/amount/currency", "wrong_currency", detail))
            continue
        amount = Decimal(given.amount.amount)
        wrong = amount_error(amount, currency_digits(currency), f"{at}/amount/amount")
        if wrong is not None:
            errors.append(wrong)
        else:
            in_currency = in_digits(amount, currency)
            bids.append(TrialBid(given.organization_id, in_currency, given.after))
    if errors:
        raise InvalidInput("The bids to try are not right.", errors=errors)
    return bids


def _view(bid: TrialBid, tried: Tried) -> TrialBidView:
    answer, state = tried.answer, tried.state
    currency = state.currency_of(bid.bidder)
    refused = None
    if isinstance(answer, BidRefused):
        refused = refusal_view(answer, currency)
    elif isinstance(answer, MarketplaceError):
        code = answer.errors[0].code if answer.errors else answer.code
        refused = RefusalView(code=code, detail=answer.detail)
    return TrialBidView(
        outcome="accepted" if isinstance(answer, BidAccepted) else "refused",
        at=state.at,
        rank=answer.rank if isinstance(answer, BidAccepted) else None,
        refusal=refused,
        limit=_limit(state, bid.bidder),
        closes_at=state.closes_at,
    )


def _limit(state: LotState, bidder: UUID) -> MoneyView | None:
    if state.phase is not Phase.OPEN:
        return None
    highest = FORMATS[state.terms.format].bounds(state, bidder).highest
    return money_view(highest, state.currency_of(bidder)) if highest > 0 else None
