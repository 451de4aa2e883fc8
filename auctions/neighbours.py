"""What happens on one lot and means something for others of its auction; pure."""

from collections.abc import Iterator, Sequence

from auctions.engine.events import Cancelled, Closed, CloseExtended, Event, FollowClose, FollowLot
from auctions.engine.state import LotState


def moved_by(state: LotState, events: Sequence[Event]) -> Iterator[FollowClose | FollowLot]:
    """Give the commands that events of a lot, of which `state` is the last, mean for others.

    A `FollowClose` is for all other open lots of the auction, a `FollowLot` for the one that
    follows this lot.
    """
    overtime = state.terms.overtime
    for event in events:
        extends = isinstance(event, CloseExtended) and not event.followed
        if extends and overtime is not None and overtime.all_lots:
            yield FollowClose(state.closes_at)
        elif isinstance(event, Closed | Cancelled):
            yield FollowLot(event.at)
