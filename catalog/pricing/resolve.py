"""Which price wins. The one resolver: catalog, check, order, export and explanation call it.

The rule. Of the candidates that are assigned to the buyer and valid at the instant, the order is
level, then depth (the buying unit before its ancestors), then priority. The first that has the
unit, the currency and a tier the quantity reaches is the price. A candidate of an exclusive list
ends the search after its own level and depth, whether or not it answered.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final

from catalog.pricing.terms import (
    STRENGTH,
    Buyer,
    Candidate,
    Loser,
    Mode,
    NoPrice,
    Price,
    Reason,
    Tier,
)

_Rank = tuple[int, int, int]
"""(strength of the level, depth, minus priority): the smaller, the better."""

_Ranked = tuple[_Rank, Candidate]

_NEAREST: Final = (
    Reason.BELOW_MINIMUM_QUANTITY,
    Reason.WRONG_UNIT,
    Reason.WRONG_CURRENCY,
    Reason.NOT_YET_VALID,
    Reason.EXPIRED,
)
"""Of several reasons why there is no price, the one whose cure is nearest is told."""


def resolve(
    candidates: Iterable[Candidate],
    buyer: Buyer,
    quantity: Decimal,
    unit: str,
    currency: str,
    as_of: datetime,
    *,
    explain: bool = False,
) -> Price | NoPrice:
    """Decide what one line of one offer costs.

    `candidates` are those of this offer alone. `explain` adds every losing candidate, among them
    those of other buyers if the caller fetched them: `told_to_buyer` takes these out again.
    Raises InvalidInput for an unknown currency.
    """
    ranked, losers = _by_rank(candidates, buyer, as_of)
    winner: _Ranked | None = None
    reached: Tier | None = None
    exclusive: _Rank | None = None
    fitting: list[_Ranked] = []
    for rank, candidate in ranked:
        if exclusive is not None and rank[:2] != exclusive[:2]:
            losers.append(Loser(candidate, Reason.SHADOWED_BY_LEVEL))
            continue
        if candidate.mode is Mode.EXCLUSIVE:
            exclusive = rank
        if candidate.currency != currency:
            losers.append(Loser(candidate, Reason.WRONG_CURRENCY))
            continue
        if candidate.unit != unit:
            losers.append(Loser(candidate, Reason.WRONG_UNIT))
            continue
        fitting.append((rank, candidate))
        tier = candidate.ladder.tier_at(quantity)
        if tier is None:
            losers.append(Loser(candidate, Reason.BELOW_MINIMUM_QUANTITY))
        elif winner is None:
            winner, reached = (rank, candidate), tier
        else:
            losers.append(Loser(candidate, _shadow(rank, winner[0])))
    told = tuple(losers) if explain else ()
    if winner is None or reached is None:
        return _no_price(losers, fitting, told)
    if len(fitting) > 1 and _tied(fitting, winner[0]):
        return NoPrice(reason=Reason.AMBIGUOUS, losers=told)
    return Price(
        winner=winner[1],
        tier=reached,
        quantity=quantity,
        line_amount=winner[1].ladder.amount_at(reached, quantity, unit, currency),
        fitting=tuple([candidate for _, candidate in fitting]),
        losers=told,
    )


def _by_rank(
    candidates: Iterable[Candidate], buyer: Buyer, as_of: datetime
) -> tuple[list[_Ranked], list[Loser]]:
    """Part the candidates into those in force for the buyer, best first, and the rest."""
    ranked: list[_Ranked] = []
    losers: list[Loser] = []
    for candidate in candidates:
        depth = buyer.depth(candidate) if candidate.assigned_to else 0
        if depth is None:
            losers.append(Loser(candidate, Reason.NOT_ASSIGNED))
        elif candidate.validity.starts_after(as_of):
            losers.append(Loser(candidate, Reason.NOT_YET_VALID))
        elif candidate.validity.ended_by(as_of):
            losers.append(Loser(candidate, Reason.EXPIRED))
        else:
            ranked.append(((STRENGTH[candidate.level], depth, -candidate.priority), candidate))
    if len(ranked) > 1:
        ranked.sort(key=_rank_of)
    return ranked, losers


def _rank_of(ranked: _Ranked) -> _Rank:
    return ranked[0]


def _shadow(rank: _Rank, winner: _Rank) -> Reason:
    if rank == winner:
        return Reason.AMBIGUOUS
    same_step = rank[:2] == winner[:2]
    return Reason.SHADOWED_BY_PRIORITY if same_step else Reason.SHADOWED_BY_LEVEL


def _tied(fitting: Sequence[_Ranked], winner: _Rank) -> bool:
    """Tell whether two candidates share a rank at or above the winner's.

    Neither age, name, amount nor id may then decide: there is no price until the tie is resolved.
    """
    return any(rank == following <= winner for (rank, _), (following, _) in pairwise(fitting))


def _no_price(
    losers: Sequence[Loser], fitting: Sequence[_Ranked], told: tuple[Loser, ...]
) -> NoPrice:
    reasons = {loser.reason for loser in losers}
    reason = next((r for r in _NEAREST if r in reasons), Reason.NO_PRICE)
    begins: Decimal | None = None
    if reason is Reason.BELOW_MINIMUM_QUANTITY:
        begins = min(candidate.ladder.tiers[0].minimum_quantity for _, candidate in fitting)
    return NoPrice(reason=reason, minimum_quantity=begins, losers=told)


def in_force(candidates: Iterable[Candidate], buyer: Buyer, as_of: datetime) -> list[Candidate]:
    """Give the buyer's candidates that are valid at an instant, best first."""
    return [candidate for _, candidate in _by_rank(candidates, buyer, as_of)[0]]


def told_to_buyer(losers: Sequence[Loser]) -> tuple[Loser, ...]:
    """Leave out what a buyer may not learn: that others have prices."""
    return tuple(loser for loser in losers if loser.reason is not Reason.NOT_ASSIGNED)
