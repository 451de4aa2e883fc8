"""Which price wins. The one resolver: catalog, check, order, export and explanation call it.

The rule. Of the candidates that are assigned to the buyer and valid at the instant, the order is
level, then depth (the buying unit before its ancestors), then priority. The first that has the
unit, the currency and a tier the quantity reaches is the price. A candidate of an exclusive list
ends the search after its own level and depth, whether or not it answered. Where the parties have
agreed on the best price, the lowest amount of the line comes before all that (decision 0420). A
contract's price counts as far as there is something left to draw (decision 0422).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from operator import itemgetter
from typing import Final

from msgspec import structs

from catalog.pricing.terms import (
    STRENGTH,
    AtExhaustion,
    Buyer,
    Candidate,
    Loser,
    Mode,
    NoPrice,
    Part,
    Policy,
    Price,
    Reason,
    Tier,
)

_Rank = tuple[int, int, int, int]
"""(strength of the level, depth, minus priority, how derived): the smaller, the better."""

_Ranked = tuple[_Rank, Candidate]
_Answer = tuple[_Rank, Candidate, Tier]
_Parts = tuple[Part, ...]

_NEAREST: Final = (
    Reason.COMMITMENT_EXHAUSTED,
    Reason.BELOW_MINIMUM_QUANTITY,
    Reason.WRONG_UNIT,
    Reason.WRONG_CURRENCY,
    Reason.NOT_YET_VALID,
    Reason.EXPIRED,
)
"""Of several reasons why there is no price, the one whose cure is nearest is told."""


_RANK: Final = itemgetter(0)
_FOR_THE_SUPPLIER: Final = frozenset({Reason.NOT_ASSIGNED, Reason.BELOW_MARGIN_FLOOR})


def resolve(
    candidates: Sequence[Candidate],
    buyer: Buyer,
    quantity: Decimal,
    unit: str,
    currency: str,
    as_of: datetime,
    *,
    policy: Policy = Policy.PRIORITY,
    explain: bool = False,
) -> Price | NoPrice:
    """Decide what one line of one offer costs.

    `candidates` are those of this offer alone. `explain` adds every losing candidate, among them
    those of other buyers if the caller fetched them: `told_to_buyer` takes these out again.
    Raises InvalidInput for an unknown currency.
    """
    if len(candidates) == 1 and not explain:
        price = _alone(candidates[0], buyer, quantity, unit, currency, as_of, policy)
        if price is not None:
            return price
    ranked, losers = _by_rank(candidates, buyer, as_of)
    if ranked and policy is Policy.PRIORITY and not explain:
        price = _by_best(ranked, quantity, unit, currency)
        if price is not None:
            return price
    fitting, answers = _answering(ranked, quantity, unit, currency, policy, losers)
    parts: _Parts = ()
    if policy is Policy.BEST_PRICE and len(answers) > 1:
        at, parts = _cheapest(answers, quantity, candidates, buyer, as_of, losers)
    else:
        at = _covering(answers, quantity, losers)
    if at is None:
        return _no_price(_by_strength(losers, buyer) if explain else losers, fitting, explain)
    told: tuple[Loser, ...] = ()
    if explain:
        told = _by_strength([*losers, *_shadowed(answers, at, quantity, policy)], buyer)
    if len(fitting) > 1 and _tied(fitting, answers, at, quantity, policy):
        return NoPrice(reason=Reason.AMBIGUOUS, losers=told)
    _, winner, reached = answers[at]
    price = Price(
        winner=winner,
        tier=reached,
        quantity=quantity,
        line_amount=winner.ladder.amount_at(reached, quantity, unit, currency),
        fitting=tuple([candidate for _, candidate in fitting]),
        losers=told,
        policy=policy,
    )
    if winner.commitment is None or _covered(winner, price.line_amount, quantity):
        return price
    parts = parts or _parts(winner, quantity, candidates, buyer, as_of, policy)
    return _split(price, parts, buyer, explain=explain)


def _alone(
    candidate: Candidate,
    buyer: Buyer,
    quantity: Decimal,
    unit: str,
    currency: str,
    as_of: datetime,
    policy: Policy,
) -> Price | None:
    """Price a line by the only candidate there is; None where anything stands in the way.

    Most lines have one. There is nobody to rank it against: that saves half of what they take.
    """
    if (
        candidate.currency != currency
        or candidate.unit != unit
        or candidate.commitment is not None
        or (candidate.assigned_to and buyer.depth(candidate) is None)
        or not candidate.validity.contains(as_of)
    ):
        return None
    return _by_itself(candidate, (candidate,), quantity, policy, currency)


def _by_itself(
    winner: Candidate,
    fitting: tuple[Candidate, ...],
    quantity: Decimal,
    policy: Policy,
    currency: str,
) -> Price | None:
    """Price a line by a candidate nobody stands before; None below its first tier."""
    ladder = winner.ladder
    tier = ladder.tier_at(quantity)
    if tier is None:
        return None
    return Price(
        winner=winner,
        tier=tier,
        quantity=quantity,
        line_amount=ladder.amount_at(tier, quantity, winner.unit, currency),
        fitting=fitting,
        policy=policy,
    )


def _by_best(
    ranked: Sequence[_Ranked], quantity: Decimal, unit: str, currency: str
) -> Price | None:
    """Price a line by the best candidate in force; None where it does not answer by itself.

    It answers most lines, and then it need not be told why the others lose.
    """
    rank, best = ranked[0]
    if (
        best.currency != currency
        or best.unit != unit
        or best.commitment is not None
        or (len(ranked) > 1 and ranked[1][0] == rank)
    ):
        return None
    fitting = [
        each
        for _, each in ranked[: _reach(ranked)]
        if each.currency == currency and each.unit == unit
    ]
    return _by_itself(best, tuple(fitting), quantity, Policy.PRIORITY, currency)


def _reach(ranked: Sequence[_Ranked]) -> int:
    """Count the candidates down to the level of the first exclusive list; it shadows the others."""
    level: tuple[object, ...] | None = None
    for at, (rank, candidate) in enumerate(ranked):
        if level is not None and rank[:2] != level:
            return at
        if level is None and candidate.mode is Mode.EXCLUSIVE:
            level = rank[:2]
    return len(ranked)


def _answering(
    ranked: Sequence[_Ranked],
    quantity: Decimal,
    unit: str,
    currency: str,
    policy: Policy,
    losers: list[Loser],
) -> tuple[list[_Ranked], list[_Answer]]:
    """Give who prices the unit and currency, and of these who answers; the others lose."""
    reach = _reach(ranked) if policy is Policy.PRIORITY else len(ranked)
    fitting: list[_Ranked] = []
    answers: list[_Answer] = []
    for rank, candidate in ranked[:reach]:
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
        else:
            answers.append((rank, candidate, tier))
    losers += [Loser(candidate, Reason.SHADOWED_BY_LEVEL) for _, candidate in ranked[reach:]]
    return fitting, answers


def _exact(answer: _Answer, quantity: Decimal) -> Decimal:
    _, candidate, tier = answer
    return candidate.ladder.exact_amount_at(tier, quantity, candidate.unit)


def _covering(answers: Sequence[_Answer], quantity: Decimal, losers: list[Loser]) -> int | None:
    """Find the first answer whose commitment, if it has one, covers the line or splits it.

    Those passed over, and all behind one that stops, become losers.
    """
    for at, (_, candidate, tier) in enumerate(answers):
        commitment = candidate.commitment
        if commitment is None:
            return at
        if _covers(candidate, tier, quantity) or _part(candidate, quantity) is not None:
            return at
        losers.append(Loser(candidate, Reason.COMMITMENT_EXHAUSTED))
        if commitment.at_exhaustion is AtExhaustion.STOP:
            losers += [Loser(other, Reason.SHADOWED_BY_LEVEL) for _, other, _ in answers[at + 1 :]]
            return None
    return None


def _cheapest(
    answers: list[_Answer],
    quantity: Decimal,
    candidates: Sequence[Candidate],
    buyer: Buyer,
    as_of: datetime,
    losers: list[Loser],
) -> tuple[int | None, _Parts]:
    """Put the cheapest answer first and find the one that counts, as `_covering` does.

    Its parts, where it had to be split to know, are given beside: to reckon them again at each step
    down would double the work with every commitment.

    Of a split line the rest may cost so much that both parts together come to more than the next
    price for the whole; then that one counts (decision 0785).
    """
    answers.sort(key=lambda answer: (_exact(answer, quantity), answer[0]))
    at = _covering(answers, quantity, losers)
    if at is None or _covers(*answers[at][1:], quantity):
        return at, ()
    whole = _next_covering(answers, at, quantity)
    if whole is None:
        return at, ()
    _, other, reached = answers[whole]
    amount = other.ladder.amount_at(reached, quantity, other.unit, other.currency)
    split = answers[at][1]
    parts = _parts(split, quantity, candidates, buyer, as_of, Policy.BEST_PRICE)
    if parts and sum(each.line_amount for each in parts) <= amount:
        return at, parts
    losers += [Loser(each, Reason.COMMITMENT_EXHAUSTED) for _, each, _ in answers[at:whole]]
    return whole, ()


def _next_covering(answers: Sequence[_Answer], at: int, quantity: Decimal) -> int | None:
    """Find the first answer behind one that covers the whole line; none behind one that stops."""
    for place, (_, candidate, tier) in enumerate(answers[at + 1 :], start=at + 1):
        if _covers(candidate, tier, quantity):
            return place
        if candidate.commitment and candidate.commitment.at_exhaustion is AtExhaustion.STOP:
            return None
    return None


def _covers(candidate: Candidate, tier: Tier, quantity: Decimal) -> bool:
    """Tell whether a candidate's commitment, if it has one, covers the whole line."""
    if candidate.commitment is None:
        return True
    amount = candidate.ladder.amount_at(tier, quantity, candidate.unit, candidate.currency)
    return _covered(candidate, amount, quantity)


def _covered(candidate: Candidate, line_amount: Decimal, quantity: Decimal) -> bool:
    commitment = candidate.commitment
    return commitment is None or commitment.drawn_by(quantity, line_amount) <= commitment.left


def _part(candidate: Candidate, quantity: Decimal) -> tuple[Decimal, Tier] | None:
    """Give what can be drawn of a line too large for its commitment, where the contract splits."""
    commitment = candidate.commitment
    if commitment is None or commitment.at_exhaustion is not AtExhaustion.SPLIT:
        return None
    return commitment.part_of(quantity, candidate.ladder, candidate.unit)


def _split(price: Price, parts: _Parts, buyer: Buyer, *, explain: bool) -> Price | NoPrice:
    """Draw what is left, and price the rest as a line of its own; who prices it has not lost."""
    if not parts:
        exhausted = Loser(price.winner, Reason.COMMITMENT_EXHAUSTED)
        losers = _by_strength((exhausted, *price.losers), buyer) if explain else ()
        return NoPrice(reason=Reason.COMMITMENT_EXHAUSTED, losers=losers)
    priced = [id(each.candidate) for each in parts]
    return structs.replace(
        price,
        tier=parts[0].tier,
        line_amount=sum((each.line_amount for each in parts), Decimal(0)),
        parts=parts,
        losers=tuple([each for each in price.losers if id(each.candidate) not in priced]),
    )


def _parts(
    candidate: Candidate,
    quantity: Decimal,
    candidates: Sequence[Candidate],
    buyer: Buyer,
    as_of: datetime,
    policy: Policy,
) -> _Parts:
    """Give what is drawn of a split line, then its rest at other prices; none if that has none."""
    drawn = _part(candidate, quantity)
    if drawn is None:
        msg = "only a line that can be split gets here"
        raise ValueError(msg)
    (part, tier), unit, currency = drawn, candidate.unit, candidate.currency
    others = [each for each in candidates if each is not candidate]
    rest = resolve(others, buyer, quantity - part, unit, currency, as_of, policy=policy)
    if isinstance(rest, NoPrice):
        return ()
    amount = candidate.ladder.amount_at(tier, part, unit, currency)
    whole = (Part(rest.winner, rest.tier, rest.quantity, rest.line_amount),)
    return (Part(candidate, tier, part, amount), *(rest.parts or whole))


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
        elif candidate.validity.contains(as_of):
            rank = (STRENGTH[candidate.level], depth, -candidate.priority, candidate.derived)
            ranked.append((rank, candidate))
        else:
            early = candidate.validity.starts_after(as_of)
            losers.append(Loser(candidate, Reason.NOT_YET_VALID if early else Reason.EXPIRED))
    if len(ranked) > 1:
        ranked.sort(key=_RANK)
    return ranked, losers


def _by_strength(losers: Iterable[Loser], buyer: Buyer) -> tuple[Loser, ...]:
    """Order losers as their levels, depths and priorities stand, whatever the reasons."""

    def rank(loser: Loser) -> tuple[int, int, int, int]:
        each = loser.candidate
        depth = buyer.depth(each)
        at = len(buyer.path) if depth is None else depth
        return STRENGTH[each.level], at, -each.priority, each.derived

    return tuple(sorted(losers, key=rank))


def _shadowed(
    answers: Sequence[_Answer], at: int, quantity: Decimal, policy: Policy
) -> Iterator[Loser]:
    """Say why the answers behind the winner lost."""
    winner = answers[at][0]
    for rank, candidate, tier in answers[at + 1 :]:
        if rank == winner:
            reason = Reason.AMBIGUOUS
        elif policy is Policy.BEST_PRICE and not _covers(candidate, tier, quantity):
            reason = Reason.COMMITMENT_EXHAUSTED  # its own amount may well be the lower one
        elif policy is Policy.BEST_PRICE:
            reason = Reason.SHADOWED_BY_PRICE
        else:
            same_step = rank[:2] == winner[:2]
            reason = Reason.SHADOWED_BY_PRIORITY if same_step else Reason.SHADOWED_BY_LEVEL
        yield Loser(candidate, reason)


def _tied(
    fitting: Sequence[_Ranked],
    answers: Sequence[_Answer],
    at: int,
    quantity: Decimal,
    policy: Policy,
) -> bool:
    """Tell whether two candidates share a rank at or above the winner's.

    Neither age, name, amount nor id may then decide: there is no price until the tie is resolved.
    Where the best price counts, only equal amounts tie.
    """
    winner = answers[at]
    if policy is Policy.BEST_PRICE:
        return any(
            rank == winner[0] and _exact((rank, other, tier), quantity) == _exact(winner, quantity)
            for rank, other, tier in answers[at + 1 : at + 2]
        )
    return any(rank == following <= winner[0] for (rank, _), (following, _) in pairwise(fitting))


def _no_price(losers: Sequence[Loser], fitting: Sequence[_Ranked], explain: bool) -> NoPrice:
    reasons = {loser.reason for loser in losers}
    reason = next((r for r in _NEAREST if r in reasons), Reason.NO_PRICE)
    begins: Decimal | None = None
    if reason is Reason.BELOW_MINIMUM_QUANTITY:
        begins = min(candidate.ladder.tiers[0].minimum_quantity for _, candidate in fitting)
    return NoPrice(reason=reason, minimum_quantity=begins, losers=tuple(losers) if explain else ())


def in_force(candidates: Iterable[Candidate], buyer: Buyer, as_of: datetime) -> list[Candidate]:
    """Give the buyer's candidates that are valid at an instant, best first."""
    return [candidate for _, candidate in _by_rank(candidates, buyer, as_of)[0]]


def is_in_force(candidate: Candidate, buyer: Buyer, as_of: datetime) -> bool:
    """Tell whether a candidate is the buyer's and valid at an instant."""
    his = not candidate.assigned_to or buyer.depth(candidate) is not None
    return his and candidate.validity.contains(as_of)


def told_to_buyer(losers: Sequence[Loser]) -> tuple[Loser, ...]:
    """Leave out what a buyer may not learn: prices of others, and what the supplier holds back."""
    return tuple(loser for loser in losers if loser.reason not in _FOR_THE_SUPPLIER)
