"""What happens on one lot and means something for others of its auction; pure."""

from collections.abc import Iterator, Sequence

from auctions.engine.events import Cancelled, Closed, CloseExtended, Event, FollowClose, FollowLot
from auctions.engine.state import LotState, Phase


def moved_by(state: LotState, events: Sequence[Event]) -> Iterator[FollowClose | FollowLot]:
    """Give the commands that events of a lot, of which `state` is the last, mean for others.

    `concerns` tells for which.
    """
    overtime = state.terms.overtime
    for event in events:
        extends = isinstance(event, CloseExtended) and not event.followed
        if extends and overtime is not None and overtime.all_lots:
            yield FollowClose(state.closes_at)
        elif isinstance(event, Closed | Cancelled):
            yield FollowLot(event.at)


def concerns(command: FollowClose | FollowLot, moved: LotState, other: LotState) -> bool:
    """Tell whether a command that a lot's events brought about is for another lot of its auction.

    A `FollowClose` is for all others that are open, a `FollowLot` for the one that follows this.
    """
    if other.lot_id == moved.lot_id:
        return False
    if isinstance(command, FollowClose):
        return other.phase is Phase.OPEN
    follows = other.terms.follows
    return follows is not None and follows.lot == moved.lot_id
