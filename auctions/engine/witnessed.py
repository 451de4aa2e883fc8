"""How many changes each viewer saw.

Views carry these counts instead of the log's numbers, which would tell a bidder how many hidden
bids there were. A count rises by one whenever its viewer's view changes, and else never. In the
common case (ranks by time, amounts that are scores) a bid is counted from the places it moved;
where ranks are shared or amounts are converted, by comparing what each bidder is shown of rivals.
"""

from uuid import UUID

from auctions.engine.ranking import Place, rank_of, shown_rank
from auctions.engine.scoring import in_terms_of
from auctions.engine.state import LotState, Phase, Witnessed
from auctions.engine.terms import SEALED, Disclosure, Ties
from marketplace.kernel.money import currency_digits

Shown = tuple[object, ...]
"""What a bidder is shown of rivals: his rank, and amounts in his own terms."""


def number_of_bidder(state: LotState, bidder: UUID) -> int:
    """Give how many changes a bidder saw."""
    count = state.witnessed
    common = count.by_all + (count.personal.get(bidder, 0) if count.personal else 0)
    place = state.places.get(bidder)
    if place is None:
        return common
    return common + count.by_ranked + count.own[rank_of(state.order, place) - 1]


def by_all(before: Witnessed) -> Witnessed:
    """Count a change of what everybody sees: the phase or the clock."""
    return Witnessed(
        before.by_all + 1, before.by_ranked, before.by_owner + 1, before.own, before.personal
    )


def by_one(before: Witnessed, bidder: UUID, *, buyer: bool = False) -> Witnessed:
    """Count a change that one bidder sees, and the buyer if `buyer`."""
    personal = {**before.personal, bidder: before.personal.get(bidder, 0) + 1}
    return Witnessed(before.by_all, before.by_ranked, before.by_owner + buyer, before.own, personal)


def bid(state: LotState, order: tuple[Place, ...], index: int, old_index: int | None) -> Witnessed:
    """Count who sees an accepted bid that made the ranking `order` and is at `index` of it.

    `old_index` is where its bidder stood before, None if nowhere. Bids only fall, so nobody moves
    back by his own bid; those he passed see their rank change.
    """
    if state.terms.disclosure is Disclosure.OWN_ONLY:
        return _unseen_bid(state, index, old_index)
    ties = state.terms.ties
    if state.yardsticks or not (ties is Ties.BY_TIME or ties is Ties.FORBIDDEN):
        return _compared_bid(state, order, index)
    before = state.witnessed
    disclosed = _discloses(state, index)
    gate = state.terms.starting_gate
    seen_by_all = before.by_all + (disclosed and not gate)
    seen_by_ranked = before.by_ranked + (disclosed and gate)
    own = list(before.own)
    if not disclosed:
        for passed in range(index, len(own) if old_index is None else old_index):
            own[passed] += 1
    if old_index is None:
        mover = before.by_all + 1 - seen_by_all - seen_by_ranked
    else:
        mover = own.pop(old_index) + (not disclosed)
    own.insert(index, mover)
    return Witnessed(seen_by_all, seen_by_ranked, before.by_owner + 1, tuple(own), before.personal)


def _discloses(state: LotState, index: int) -> bool:
    """Tell whether rivals see more of a bid at `index` than their own rank."""
    disclosure = state.terms.disclosure
    if disclosure is Disclosure.RANK_ONLY:
        return False
    return disclosure is Disclosure.OPEN or index == 0


def _unseen_bid(state: LotState, index: int, old_index: int | None) -> Witnessed:
    """Count a bid that its bidder alone sees, and the buyer unless it is sealed."""
    before, own = state.witnessed, state.witnessed.own
    if old_index is None:
        own = (*own[:index], 1 - before.by_ranked, *own[index:])
    else:
        rest = own[old_index + 1 :]
        own = (*own[:index], own[old_index] + 1, *own[index:old_index], *rest)
    by_owner = before.by_owner + (state.terms.format not in SEALED)
    return Witnessed(before.by_all, before.by_ranked, by_owner, own, before.personal)


def _compared_bid(state: LotState, order: tuple[Place, ...], index: int) -> Witnessed:
    before, mover = state.witnessed, order[index].bidder
    personal = dict(before.personal)
    places = {place.bidder: place for place in order}
    for bidder in state.roster:
        now = _shown(state, order, places.get(bidder), bidder)
        if bidder == mover or now != _shown(state, state.order, state.places.get(bidder), bidder):
            personal[bidder] = personal.get(bidder, 0) + 1
    own = (0,) * len(order)
    return Witnessed(before.by_all, before.by_ranked, before.by_owner + 1, own, personal)


def withdrawal(before: LotState, after: LotState, withdrawn: UUID) -> Witnessed:
    """Count who sees that a standing bid was struck."""
    count = before.witnessed
    index = rank_of(before.order, before.places[withdrawn]) - 1
    personal = dict(count.personal)
    # He is counted as one without a bid from now on; what he saw as one with a bid stays his.
    seen = number_of_bidder(before, withdrawn) + 1
    personal[withdrawn] = seen - count.by_all
    for bidder in before.roster:
        shown = _shown(before, before.order, before.places.get(bidder), bidder)
        now = _shown(after, after.order, after.places.get(bidder), bidder)
        if bidder != withdrawn and now != shown:
            personal[bidder] = personal.get(bidder, 0) + 1
    own = (*count.own[:index], *count.own[index + 1 :])
    hidden = before.terms.format in SEALED
    return Witnessed(count.by_all, count.by_ranked, count.by_owner + (not hidden), own, personal)


def _shown(state: LotState, order: tuple[Place, ...], place: Place | None, bidder: UUID) -> Shown:
    terms = state.terms
    if terms.disclosure is Disclosure.OWN_ONLY and state.phase is not Phase.CLOSED:
        return ()
    rank = None if place is None else shown_rank(order, place, terms.ties)
    if place is None and terms.starting_gate:
        return (rank,)
    digits = currency_digits(terms.currency)
    if terms.disclosure is Disclosure.OPEN:
        return rank, [
            (
                other.bidder,
                shown_rank(order, other, terms.ties),
                in_terms_of(state.yardsticks, bidder, other.score, digits),
            )
            for other in order
        ]
    if terms.disclosure is Disclosure.BEST_PRICE and order:
        return rank, in_terms_of(state.yardsticks, bidder, order[0].score, digits)
    return (rank,)
