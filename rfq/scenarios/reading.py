"""What a scenario decides on: the open lots, what can be awarded of them, and what was asked."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from marketplace.kernel.errors import Conflict
from marketplace.kernel.money import EXACT, currency_digits
from marketplace.platform.database import Transaction
from rfq.awards.proposals import Award, read_awards
from rfq.awards.service import priced
from rfq.awards.tables import AwardRow
from rfq.evaluation.comparing import Compared, compare
from rfq.evaluation.opened import bid_of
from rfq.evaluation.rankings import Ranking, rank_lot
from rfq.procedures.reading import Loaded
from rfq.qualification.reading import qualifications
from rfq.rules.abnormal import check_award
from rfq.rules.awarding import Division
from rfq.rules.conditions import Conditions, in_base
from rfq.rules.currencies import exchanges
from rfq.rules.division import left_open, whole
from rfq.rules.evaluation import Final as FinalOffer
from rfq.rules.procedure import LOT, Lot, LotAction, Procedure, check_bids_readable
from rfq.rules.scenario import Constraint, Part, Priced, Problem
from rfq.rules.settlement import AwardStatus
from rfq.rules.validity import check_binding, why_ended
from rfq.scenarios.asking import constraints_of
from rfq.scenarios.schemas import ConstraintsInput, LeftOut, ScenarioInput

_NOBODY: Final = "Nobody is left who could win it."


@dataclass(frozen=True, slots=True)
class Prepared:
    """A problem with what it was made from; `bids` is by part and bidder."""

    problem: Problem
    compared: Compared
    bids: Mapping[tuple[UUID, UUID], UUID]
    left_out: tuple[LeftOut, ...]

    def hash(self) -> bytes:
        """Give the SHA-256 of all that was solved: another one, and the result is of the past."""
        plain = msgspec.to_builtins(self.problem, str_keys=True, order="deterministic")
        return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).digest()


@dataclass(slots=True)
class _Offers:
    """What is gathered, lot by lot."""

    parts: list[Part] = field(default_factory=list)
    offers: list[Priced] = field(default_factory=list)
    bids: dict[tuple[UUID, UUID], UUID] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)


def open_lots(loaded: Loaded) -> list[Lot]:
    """Give the lots that can be decided now; raises WrongState, Conflict where there are none."""
    check_bids_readable(loaded.procedure)
    if loaded.procedure.awarding.division is Division.SHARES:
        raise Conflict(
            "This procedure divides its lots by share and rank: there is nothing left to choose."
        )
    lots = [
        lot
        for lot in loaded.procedure.lots
        if LOT.allows(loaded.lot_statuses[lot.id], LotAction.PROPOSE)
    ]
    if not lots:
        raise Conflict("No lot of this procedure is open to be decided.")
    return lots


async def prepare(tx: Transaction, loaded: Loaded, asked: ScenarioInput) -> Prepared:
    """Read what a scenario decides on, as it is now.

    Raises WrongState, Conflict where nothing is open, InvalidInput for constraints that fit none.
    """
    lots = open_lots(loaded)
    compared = await compare(tx, loaded)
    standing: dict[UUID, list[Award]] = {}
    for award in await read_awards(tx, loaded, AwardRow.status == AwardStatus.AWARDED.value):
        standing.setdefault(award.lot_id, []).append(award)
    at = await tx.clock()
    found = _Offers()
    for lot in lots:
        ranking = await rank_lot(tx, loaded, lot.id, compared)
        await _gather(tx, loaded, lot, ranking, standing.get(lot.id, ()), at, found)
    offered = {offer.part_id for offer in found.offers}
    by_line = loaded.procedure.awarding.division is Division.LINES
    for part in found.parts:
        if part.id not in offered:
            line_id = part.id if by_line else None
            found.left_out.append(LeftOut(part.lot_id, line_id, None, _NOBODY))
    currency = loaded.procedure.currency
    parts = tuple(part for part in found.parts if part.id in offered)
    if not parts:
        raise Conflict("Nobody is left who could win any of the open lots.")
    problem = Problem(
        currency=currency,
        digits=currency_digits(currency),
        parts=parts,
        offers=tuple(found.offers),
        conditions=_conditions(loaded.procedure, compared, found.offers)
        if asked.conditions
        else {},
        constraints=await _constraints(tx, loaded, asked.constraints, parts, found.offers, at),
    )
    return Prepared(problem, compared, found.bids, tuple(found.left_out))


async def _gather(
    tx: Transaction,
    loaded: Loaded,
    lot: Lot,
    ranking: Ranking,
    standing: Sequence[Award],
    at: datetime,
    found: _Offers,
) -> None:
    """Add a lot's parts, and what each bidder who can win now offers for them."""
    left = left_open(
        {line.id: line.quantity for line in lot.lines}, [a.quantities() for a in standing]
    )
    by_line = loaded.procedure.awarding.division is Division.LINES
    part_ids = list(left) if by_line else [lot.id]
    found.parts += [Part(part_id, lot.id) for part_id in part_ids]
    digits = currency_digits(loaded.procedure.currency)
    found.left_out += [
        LeftOut(lot.id, None, final.offer.bidder_id, why)
        for final in ranking.ended
        if (why := why_ended(final.offer.binds_until, at)) is not None
    ]
    for rank, final in enumerate(ranking.finals, start=1):
        bidder = final.offer.bidder_id
        if (why := _barred(ranking, final, at)) is not None:
            found.left_out.append(LeftOut(lot.id, None, bidder, why))
            continue
        offer = whole(await priced(tx, loaded, lot.id, final, ranking.auction), left)
        amounts = {line.line.id: line.amount for line in offer.lines}
        # A condition is for the bid's own prices, and for lots that are open whole.
        own = ranking.auction is None and bidder not in ranking.agreed and not standing
        for part_id in part_ids:
            if by_line and part_id not in amounts:
                continue
            money = amounts[part_id] if by_line else offer.total
            minor = int(money.amount.scaleb(digits, context=EXACT))
            found.offers.append(Priced(part_id, bidder, minor, rank, own))
            found.bids[part_id, bidder] = final.offer.bid_id


def _barred(ranking: Ranking, final: FinalOffer, at: datetime) -> str | None:
    """Say why an offer cannot be awarded now; None where it can."""
    bidder = final.offer.bidder_id
    try:
        check_award(ranking.flags.get(bidder), ranking.explanations.get(bidder))
        check_binding(final.offer.binds_until, at)
    except Conflict as refused:
        return refused.detail
    return None


def _conditions(
    procedure: Procedure, compared: Compared, offers: Sequence[Priced]
) -> dict[UUID, Conditions]:
    """Give the conditions in the opened bids of those who can win something by them."""
    able = {offer.bidder for offer in offers if offer.own}
    taken = exchanges(procedure)
    found = {}
    for row in compared.evaluated.bids:
        bid = bid_of(row) if row.bidder_id in able else None
        if bid is not None and bid.conditions is not None:
            found[row.bidder_id] = in_base(bid.conditions, taken.get(bid.currency))
    return dict(sorted(found.items()))


async def _constraints(
    tx: Transaction,
    loaded: Loaded,
    asked: ConstraintsInput,
    parts: Sequence[Part],
    offers: Sequence[Priced],
    at: datetime,
) -> tuple[Constraint, ...]:
    held = await qualifications(tx, loaded.procedure.buyer_id) if asked.qualified_shares else {}
    qualified = {
        code: frozenset(
            offer.bidder
            for offer in offers
            if (end := held.get(offer.bidder, {}).get(code)) is not None and at < end
        )
        for code in {each.qualification_code for each in asked.qualified_shares}
    }
    bidders = {offer.bidder for offer in offers}
    return constraints_of(loaded, asked, parts, bidders, qualified)
