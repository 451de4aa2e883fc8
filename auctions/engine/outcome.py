"""What an auction ends with: who wins at which price, or why nobody does by himself."""

from decimal import Decimal
from enum import Enum
from uuid import UUID

import msgspec

from auctions.engine.formats.protocol import ceiling_of
from auctions.engine.ranking import Place
from auctions.engine.scoring import in_terms_of, price_of
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import Format
from marketplace.kernel.money import currency_digits


class NoWinner(Enum):
    """Why nobody wins by himself."""

    RUNNING = "running"
    CANCELLED = "cancelled"
    PRACTICE = "practice"
    NO_BIDS = "no_bids"
    ABOVE_RESERVE = "above_reserve"
    """The best price is above what the buyer reserved; he may still award by hand."""


class Win(msgspec.Struct, frozen=True, kw_only=True):
    """Who wins: his bid, and the price he gets, both in his currency."""

    bidder: UUID
    bid_id: UUID
    amount: Decimal
    price: Decimal


def outcome(state: LotState) -> Win | NoWinner:
    """Give what the lot ended with."""
    if state.phase is not Phase.CLOSED:
        cancelled = state.phase is Phase.CANCELLED
        return NoWinner.CANCELLED if cancelled else NoWinner.RUNNING
    if state.terms.practice:
        return NoWinner.PRACTICE
    if not state.order:
        return NoWinner.NO_BIDS
    best, reserve = state.order[0], state.terms.reserve
    if reserve is not None and price_of(state.yardsticks, best.bidder, best.amount) > reserve:
        return NoWinner.ABOVE_RESERVE
    price = _second_price(state, best) if state.terms.format is Format.VICKREY else best.amount
    return Win(bidder=best.bidder, bid_id=best.bid_id, amount=best.amount, price=price)


def _second_price(state: LotState, best: Place) -> Decimal:
    """Give the highest amount that would still have won: the second's, the reserve or ceiling."""
    limit = ceiling_of(state, best.bidder)
    reserve, own = state.terms.reserve, state.yardsticks.get(best.bidder)
    if reserve is not None:
        limit = min(limit, reserve if own is None else own.amount_for(reserve))
    if len(state.order) == 1:
        return limit
    digits = currency_digits(state.terms.currency)
    second = in_terms_of(state.yardsticks, best.bidder, state.order[1].score, digits)
    return min(limit, second)
