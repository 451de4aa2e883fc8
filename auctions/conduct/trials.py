"""Trying bids on the terms of an auction; nothing is stored."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from auctions.bidding import refusal_view
from auctions.conduct.schemas import (
    TrialBidInput,
    TrialBidView,
    TrialInput,
    TrialLotView,
    TrialProxyBidView,
    TrialView,
)
from auctions.conduct.trial import Trial, TrialBid, TrialLot, Tried
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
from marketplace.kernel.errors import FieldError, InvalidInput, MarketplaceError, invalid
from marketplace.kernel.limits import AUCTION_TRIAL_PARTICIPANTS_MAX
from marketplace.kernel.money import currency_digits
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.schemas import MoneyInput, MoneyView


async def try_auction(
    platform: Platform, caller: Caller, auction_id: UUID, data: TrialInput
) -> TrialView:
    """Say what an auction's terms would make of bids, whether or not it was scheduled.

    Raises NotFound for who is not its buyer, InvalidInput for bids that could never be.
    """
    caller.require(WRITE)
    async with transaction(platform, caller) as tx:
        buyer_id = await tx.scalar(select(AuctionRow.buyer_id).where(AuctionRow.id == auction_id))
        if buyer_id != caller.organization_id:
            raise unknown_auction()
        terms = {lot.id: terms_of(lot) for lot in await lots_of(tx, auction_id)}
        named = _named_lots(data.bids, terms)
        lots = await _laid_down(tx, terms, set(named))
    bids = _bids(lots, named, data.bids)
    trial = Trial(lots.values())
    tried = [_view(bid, trial.make(bid)) for bid in bids]
    trial.finish()
    return TrialView(bids=tried, lots=[_ended(state) for state in trial.states.values()])


def _named_lots(bids: Sequence[TrialBidInput], terms: Mapping[UUID, Terms]) -> list[UUID]:
    """Give the lot of each bid: the one it names, or the only one there is."""
    only = next(iter(terms)) if len(terms) == 1 else None
    lots: list[UUID] = []
    errors = []
    for place, bid in enumerate(bids):
        at = f"/bids/{place}/lot_id"
        lot_id = bid.lot_id or only
        if lot_id is None:
            detail = "This auction has several lots: say which is meant."
            errors.append(FieldError(at, "required", detail))
        elif lot_id not in terms:
            errors.append(FieldError(at, "unknown", "This auction has no such lot."))
        else:
            lots.append(lot_id)
    if errors:
        raise InvalidInput("The lots of the bids to try are not right.", errors=errors)
    return lots


async def _laid_down(
    tx: Transaction, terms: Mapping[UUID, Terms], named: set[UUID]
) -> dict[UUID, TrialLot]:
    """Read the lots that are named, and those that must end for one of them to start."""
    wanted = {lot_id for each in named for lot_id in _with_those_before(each, terms)}
    invitations: dict[UUID, list[Invitation]] = {lot_id: [] for lot_id in wanted}
    for row in await participants_of(tx, list(wanted)):
        invitations[row.lot_id].append(invitation_of(row, terms[row.lot_id]))
    if sum(map(len, invitations.values())) > AUCTION_TRIAL_PARTICIPANTS_MAX:
        detail = (
            f"Lots that are tried together have at most {AUCTION_TRIAL_PARTICIPANTS_MAX} "
            "participants, those of the lots that end before them included: try fewer lots."
        )
        raise invalid("/bids", "too_many_participants", detail)
    return {n: TrialLot(n, own, invitations[n]) for n, own in terms.items() if n in wanted}


def _with_those_before(lot_id: UUID, terms: Mapping[UUID, Terms]) -> Iterator[UUID]:
    yield lot_id
    while (follows := terms[lot_id].follows) is not None:
        lot_id = follows.lot
        yield lot_id


def _bids(
    lots: Mapping[UUID, TrialLot], named: Sequence[UUID], given: Sequence[TrialBidInput]
) -> list[TrialBid]:
    """Read the bids to try; raises InvalidInput with every place that is wrong."""
    currencies = {
        (lot.id, each.bidder): each.currency or lot.terms.currency
        for lot in lots.values()
        for each in lot.invitations
    }
    errors: list[FieldError] = []
    bids = []
    for place, (lot_id, bid) in enumerate(zip(named, given, strict=True)):
        at = f"/bids/{place}"
        currency = currencies.get((lot_id, bid.organization_id))
        if currency is None:
            detail = "This company is not among the participants."
            errors.append(FieldError(f"{at}/organization_id", "not_invited", detail))
            continue
        if bid.step is not None and not bid.proxy:
            detail = "Only a proxy has a step; a bid is just its amount."
            errors.append(FieldError(f"{at}/step", "not_a_proxy", detail))
        amount = _amount(bid.amount, currency, f"{at}/amount", errors)
        step = None if bid.step is None else _amount(bid.step, currency, f"{at}/step", errors)
        bids.append(TrialBid(lot_id, bid.organization_id, amount, bid.after, bid.proxy, step))
    if errors:
        raise InvalidInput("The bids to try are not right.", errors=errors)
    return bids


def _amount(given: MoneyInput, currency: str, at: str, errors: list[FieldError]) -> Decimal:
    """Read an amount; what is wrong with it joins `errors`."""
    amount = Decimal(given.amount)
    if given.currency != currency:
        detail = f"Bids of this company on this lot are in {currency}."
        errors.append(FieldError(f"{at}/currency", "wrong_currency", detail))
        return amount
    wrong = amount_error(amount, currency_digits(currency), f"{at}/amount")
    if wrong is not None:
        errors.append(wrong)
        return amount
    return in_digits(amount, currency)


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
        lot_id=bid.lot_id,
        outcome="accepted" if refused is None else "refused",
        at=state.at,
        rank=answer.rank if isinstance(answer, BidAccepted) else None,
        refusal=refused,
        proxy_bids=[_proxy_bid(event, state) for event in tried.proxy_bids],
        limit=_limit(state, bid.bidder),
        closes_at=state.closes_at,
    )


def _proxy_bid(event: BidAccepted, state: LotState) -> TrialProxyBidView:
    currency = state.currency_of(event.bidder)
    return TrialProxyBidView(
        organization_id=event.bidder,
        amount=money_view(in_digits(event.amount, currency), currency),
        rank=event.rank,
    )


def _limit(state: LotState, bidder: UUID) -> MoneyView | None:
    if state.phase is not Phase.OPEN:
        return None
    highest = FORMATS[state.terms.format].bounds(state, bidder).highest
    return money_view(highest, state.currency_of(bidder)) if highest > 0 else None


def _ended(state: LotState) -> TrialLotView:
    found = outcome(state)
    return TrialLotView(
        lot_id=state.lot_id,
        closed_at=state.at,
        winner=None if isinstance(found, NoWinner) else winner_view(state, found),
        no_winner=found.value if isinstance(found, NoWinner) else None,
    )
