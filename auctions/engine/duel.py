"""Proxies: the engine bids for those who named a limit, to the point where nobody moves any more.

A proxy bids only to take the lead, and as little as that needs. Between proxies the outcome is
known beforehand: the one with the best limit leads in the end (of equal limits the one set first),
just below what the others could go to. So nobody bids step by step: each of the others who can be
answered goes to his limit at once, and the strongest then underbids the last of them; one whose
limit he could not answer any more he forestalls by going to his own. The outcome is the same
whatever the steps are, and costs a bid per proxy.

The guard against typing errors does not bind a proxy, whose limit was typed once and with care.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5

from auctions.engine.events import BidAccepted
from auctions.engine.evolve import evolve, place_of
from auctions.engine.formats.english import bounds, step_at
from auctions.engine.formats.protocol import digits_of
from auctions.engine.ranking import shown_rank
from auctions.engine.scoring import in_terms_of, score_of
from auctions.engine.state import LotState, Proxy
from auctions.engine.terms import Measure, Step
from marketplace.kernel.money import currency_digits


def fight(state: LotState, at: datetime) -> tuple[BidAccepted, ...]:
    """Give the bids the proxies of a state make, in their order."""
    contenders = _contenders(state)
    if not contenders:
        return ()
    strongest, *others = contenders
    bids: list[BidAccepted] = []
    forestall = False
    for rival in reversed(others):
        if not _takes_lead(state, rival, rival.limit):
            continue
        if _answer(state, strongest, score_of(state.yardsticks, rival.bidder, rival.limit)) is None:
            forestall = True
            continue
        bids.append(_bid(state, rival.bidder, rival.limit, at))
        state = evolve(state, bids[-1])
    amount = strongest.limit if forestall else _least(state, strongest)
    if amount is not None and amount <= bounds(state, strongest.bidder).highest:
        bids.append(_bid(state, strongest.bidder, amount, at))
    return tuple(bids)


def _contenders(state: LotState) -> list[Proxy]:
    """Give the proxies that may still bid at their limit, the strongest first."""
    able = [
        proxy
        for proxy in state.course.proxies.values()
        if proxy.limit <= bounds(state, proxy.bidder).highest
    ]
    return sorted(able, key=lambda p: (score_of(state.yardsticks, p.bidder, p.limit), p.seq))


def _least(state: LotState, proxy: Proxy) -> Decimal | None:
    """Give the bid by which a proxy takes the lead, None if it has it or cannot take it."""
    if not state.order:
        return bounds(state, proxy.bidder).highest
    leader = state.order[0]
    if leader.bidder == proxy.bidder:
        return None
    amount = _answer(state, proxy, leader.score)
    if amount is not None:
        return amount
    return proxy.limit if _takes_lead(state, proxy, proxy.limit) else None


def _answer(state: LotState, proxy: Proxy, score: Decimal) -> Decimal | None:
    """Give the highest bid a step below a score, None if that is beyond the proxy's limit."""
    digits = currency_digits(state.terms.currency)
    reference = in_terms_of(state.yardsticks, proxy.bidder, score, digits)
    if reference <= 0:
        return None
    step = step_at(state, proxy.bidder, reference)
    own_digits = digits_of(state, proxy.bidder)
    amount = step.highest_below(reference, own_digits)
    if proxy.step is not None:
        amount = min(
            amount, Step(Measure.ABSOLUTE, proxy.step).highest_below(reference, own_digits)
        )
    amount = min(amount, bounds(state, proxy.bidder).highest)
    return amount if amount >= proxy.limit else None


def _takes_lead(state: LotState, proxy: Proxy, amount: Decimal) -> bool:
    """Tell whether a bid of this amount would lead, or keep the lead against who would take it."""
    if not state.order:
        return True
    leader = state.order[0]
    if amount > bounds(state, proxy.bidder).highest:
        return False
    return score_of(state.yardsticks, proxy.bidder, amount) < leader.score


def _bid(state: LotState, bidder: UUID, amount: Decimal, at: datetime) -> BidAccepted:
    seq = state.seq + 1
    bid_id = uuid5(state.lot_id, str(seq))
    place = place_of(state, seq, bidder, amount, bid_id)
    others = [other for other in state.order if other.bidder != bidder]
    rank = shown_rank(sorted((*others, place)), place, state.terms.ties)
    return BidAccepted(
        seq=seq,
        at=at,
        bid_id=bid_id,
        bidder=bidder,
        client_bid_id=None,
        amount=amount,
        rank=rank,
    )
