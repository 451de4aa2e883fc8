"""What an auction ended with: to the buyer all of it, to a bidder his own part."""

from collections.abc import Mapping
from decimal import Decimal
from uuid import UUID

from auctions.admission import Admission, Card
from auctions.conduct.schemas import BiddersResultView, BuyersResultView, RankedView
from auctions.conduct.winners import Against, price_in_lots_currency, savings, winner_view
from auctions.drafts import participants_of
from auctions.engine.outcome import NoWinner, Win, outcome
from auctions.engine.scoring import price_of
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import in_digits
from auctions.ledger import Head, Ledger
from auctions.reading import READ
from auctions.terms_schemas import money_view
from marketplace.kernel.errors import WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.schemas import MoneyView


async def read_result(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    lot_id: UUID | None = None,
    baseline: str | None = None,
) -> BuyersResultView | BiddersResultView:
    """Give what an auction ended with, as the caller may know it.

    `baseline` is an amount of the buyer's own, in the auction's currency, to reckon savings
    against; it is not kept, and a bidder's answer is the same with one. Raises NotFound,
    Unavailable, or WrongState before it has ended.
    """
    caller.require(READ)
    card, viewer = await platform.get(Admission).viewers_card(
        auction_id, caller.organization_id, lot_id
    )
    head = await platform.get(Ledger).read(card.lot_id)
    if head.state.phase not in {Phase.CLOSED, Phase.CANCELLED}:
        detail = "An auction has a result once it has ended."
        raise WrongState(detail, state=head.state.phase.value)
    if isinstance(viewer, str):
        async with transaction(platform, caller) as tx:
            best = await best_opening(tx, head.state)
        given = None if baseline is None else Decimal(baseline)
        return _buyers(head, card, {"best_opening": best, "baseline": given})
    return _bidders(head.state, viewer)


async def best_opening(tx: Transaction, state: LotState) -> Decimal | None:
    """Give the lowest amount anybody entered with, in the lot's currency; None if nobody did."""
    rows = await participants_of(tx, [state.lot_id])
    openings = [
        price_of(state.yardsticks, row.organization_id, row.opening_amount)
        for row in rows
        if row.opening_amount is not None
    ]
    return min(openings, default=None)


def _buyers(head: Head, card: Card, others: Mapping[Against, Decimal | None]) -> BuyersResultView:
    state = head.state
    found = outcome(state)
    won = found if isinstance(found, Win) else None
    price = None if won is None else price_in_lots_currency(state, won)
    references: dict[Against, Decimal | None] = {"ceiling": card.terms.ceiling, **others}
    return BuyersResultView(
        closed_at=state.at,
        winner=None if won is None else winner_view(state, won),
        no_winner=found.value if isinstance(found, NoWinner) else None,
        price=None if price is None else money_view(price, card.currency),
        savings=[] if price is None else savings(price, references, card.currency),
        ranking=[
            RankedView(
                rank=rank,
                organization_id=place.bidder,
                alias=state.roster[place.bidder],
                amount=_own_money(state, place.bidder, place.amount),
            )
            for rank, place in enumerate(state.order, start=1)
        ],
        head=head.hash.hex(),
    )


def _bidders(state: LotState, bidder: UUID) -> BiddersResultView:
    """Give a bidder his own part: whether the leader won is told to the leader alone."""
    found, place = outcome(state), state.places.get(bidder)
    won = isinstance(found, Win) and found.bidder == bidder
    closed = state.phase is Phase.CLOSED
    return BiddersResultView(
        closed_at=state.at,
        won=won,
        rank=state.order.index(place) + 1 if place is not None and closed else None,
        amount=None if place is None else _own_money(state, bidder, place.amount),
        price=_own_money(state, bidder, found.price) if won and isinstance(found, Win) else None,
    )


def _own_money(state: LotState, bidder: UUID, amount: Decimal) -> MoneyView:
    currency = state.currency_of(bidder)
    return money_view(in_digits(amount, currency), currency)
