"""What every format answers."""

from decimal import Decimal
from typing import NamedTuple, Protocol
from uuid import UUID

from auctions.engine.events import PlaceBid, Rejection
from auctions.engine.state import LotState


class Bounds(NamedTuple):
    """The amounts a bidder may bid now: at most `highest`; at least `lowest` where there is one.

    A `highest` of zero or less means that he cannot go lower: amounts are positive.
    """

    highest: Decimal
    lowest: Decimal | None


class FormatRules(Protocol):
    """The rules in which formats differ; a format is a module with these functions."""

    def bounds(self, state: LotState, bidder: UUID) -> Bounds:
        """Give what `bidder` may bid. Shown to him, so it follows from what he may see."""

    def judge(self, state: LotState, bid: PlaceBid) -> Rejection | None:
        """Refuse a bid that came in time from somebody invited, or give None to accept it."""
