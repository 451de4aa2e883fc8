"""How a lot came to where it stands, as one viewer saw it; pure.

The history is the trace of the viewer's own views, by the one projection: it can tell nothing that
he was not shown while it happened. It is thinned by the changes *he* saw, so that not even the
distance of its points tells of hidden bids.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import msgspec

from auctions.engine.events import Event
from auctions.engine.replay import replay
from auctions.engine.state import LotState
from auctions.engine.visibility import BidderView, OwnerView, Viewer, number, view
from marketplace.kernel.money import Money

VIEWS_MAX: Final = 400
"""More points than a plot has pixels between them tell nothing."""
Kind = Literal["own", "best", "standing"]


class HistoryPoint(msgspec.Struct, frozen=True):
    """From `at` on the amount was this."""

    at: datetime
    amount: Money


class HistorySeries(msgspec.Struct, frozen=True, omit_defaults=True):
    """The viewer's own bids, the best price, or the standing bids under an alias."""

    kind: Kind
    points: list[HistoryPoint]
    alias: str | None = None


@dataclass(slots=True)
class Trace:
    """What a viewer saw, gathered event by event; `changes` is how many there are in all."""

    viewer: Viewer
    changes: int
    state: LotState | None = None
    _seen: int = -1
    _series: dict[tuple[Kind, str | None], list[HistoryPoint]] = field(default_factory=dict)

    def follow(self, events: Iterable[Event]) -> None:
        """Go on along the log, in the order of its numbers."""
        every = -(-self.changes // VIEWS_MAX) or 1
        for event in events:
            state = self.state = replay([event], self.state)
            if not isinstance(self.viewer, str) and self.viewer not in state.roster:
                continue
            count = number(state, self.viewer)
            if count != self._seen and (count % every == 0 or count >= self.changes):
                self._seen = count
                self._note(event.at, view(state, self.viewer))

    def _note(self, at: datetime, shown: BidderView | OwnerView) -> None:
        if isinstance(shown, BidderView):
            self._add("own", None, at, shown.amount)
            self._add("best", None, at, shown.best_price)
        for standing in shown.standings or ():
            self._add("standing", standing.alias, at, standing.amount)

    def _add(self, kind: Kind, alias: str | None, at: datetime, amount: object) -> None:
        if not isinstance(amount, Money):
            return
        points = self._series.setdefault((kind, alias), [])
        if not points or points[-1].amount != amount:
            points.append(HistoryPoint(at, amount))

    def series(self) -> list[HistorySeries]:
        """Give what was gathered."""
        return [
            HistorySeries(kind, points, alias) for (kind, alias), points in self._series.items()
        ]
