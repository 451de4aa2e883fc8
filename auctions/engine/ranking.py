"""Who is ahead: the one order used for ranking, display and award."""

from bisect import bisect_left
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from auctions.engine.terms import Terms

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


def score(_terms: Terms, amount: Decimal) -> Decimal:
    """Give what a bid is ranked by: the price alone, as long as terms know no other scoring."""
    return amount


def rank_of(order: Sequence[Place], key: Key) -> int:
    """Give the rank, from 1, that `key` has or would take in `order` (places by key)."""
    return bisect_left(order, key) + 1
