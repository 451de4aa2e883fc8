"""Who is ahead: the one order used for ranking, display and award."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from auctions.engine.terms import Ties

Key = tuple[Decimal, int]
"""(score, seq): the lower score is ahead, of equal ones the earlier number. No two are equal."""


class Place(NamedTuple):
    """A standing bid. Begins with its key, so that places compare as their keys do."""

    score: Decimal
    seq: int
    bidder: UUID
    amount: Decimal
    bid_id: UUID

    @property
    def key(self) -> Key:
        """Give the rank key."""
        return (self.score, self.seq)


def rank_of(order: Sequence[Place], key: Key | Place) -> int:
    """Give the rank, from 1, that `key` has or would take in `order` (places by key)."""
    return bisect_left(order, key) + 1


def shown_rank(order: Sequence[Place], place: Place, ties: Ties) -> int:
    """Give the rank that is shown for a standing bid: equal ones may share theirs."""
    if ties is Ties.EQUAL_BEST:
        return bisect_left(order, place.score, key=_score) + 1
    if ties is Ties.EQUAL_WORST:
        return bisect_right(order, place.score, key=_score)
    return rank_of(order, place)


def _score(place: Place) -> Decimal:
    return place.score
