"""What `resolve` said of one line, for as long and as many others as it would say the same."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from catalog.pricing.terms import Candidate, Policy, Price


class Lasting(msgspec.Struct, frozen=True, gc=False):
    """That the best of some candidates wins: from `since` on, until before `until`.

    It does for every quantity that its ladder reaches; None is an end that never comes.
    """

    winner: Candidate
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Tell whether it is said of this instant."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


def lasting(price: Price, candidates: Sequence[Candidate], as_of: datetime) -> Lasting | None:
    """Give what of a price of these candidates, resolved at an instant, is so for other lines too.

    A better candidate answers every quantity from its first tier on, and who is in force, in which
    order, only changes where a validity begins or ends. None where the winner is not the best that
    fits, where amounts are compared, and where something may have been drawn.
    """
    winner = price.winner
    if price.policy is not Policy.PRIORITY or winner is not price.fitting[0]:
        return None
    if any(each.commitment is not None for each in candidates):
        return None
    since: datetime | None = None
    until: datetime | None = None
    for each in candidates:
        for at in (each.validity.from_, each.validity.until):
            if at is None:
                continue
            if at > as_of:
                until = at if until is None else min(until, at)
            else:
                since = at if since is None else max(since, at)
    return Lasting(winner, since, until)
