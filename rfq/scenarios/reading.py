"""What a scenario decides on: the open lots, what can be awarded of them, and what was asked."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
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
from rfq.evaluation.rankings import Ranking, rank_lots
from rfq.procedures.reading import Loaded
from rfq.qualification.reading import qualifications
from rfq.rules.abnormal import check_award
from rfq.rules.awarding import Awarding, Division
from rfq.rules.conditions import Conditions, in_base
from rfq.rules.currencies import exchanges
from rfq.rules.division import left_open, share_quantities, whole
from rfq.rules.evaluation import Final as FinalOffer
from rfq.rules.procedure import LOT, Lot, LotAction, Procedure, check_bids_readable
from rfq.rules.scenario import Constraint, Part, Priced, Problem, share_part
from rfq.rules.settlement import AwardStatus
from rfq.rules.validity import check_binding, why_ended
from rfq.rules.variant_decisions import check_all_decided
from rfq.scenarios.asking import constraints_of
from rfq.scenarios.schemas import ConstraintsInput, LeftOut, ScenarioInput

_NOBODY: Final = "Nobody is left who could win it."
_TOO_FEW: Final = (
    "It has more shares than offers that can be awarded now: decide on the others first."
)
_TOO_FEW_ANYWHERE: Final = (
    "The open lots have more shares than offers that can be awarded now: decide first on those "
    "that are abnormally low."
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A problem with what it was made from; `bids` is by part and bidder.

    `rankings` and `standing`, the awards in force, are by lot.
    """

    problem: Problem
    rankings: Mapping[UUID, Ranking]
    standing: Mapping[UUID, Sequence[Award]]
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
    rankings = await rank_lots(tx, loaded, [lot.id for lot in lots], compared)
    for lot in lots:
        await _gather(tx, loaded, lot, rankings[lot.id], standing.get(lot.id, ()), at, found)
    offered = {offer.part_id for offer in found.offers}
    by_line = loaded.procedure.awarding.division is Division.LINES
    nobodys = {
        (part.lot_id, part.id if by_line else None): None
        for part in found.parts
        if part.id not in offered
    }
    found.left_out += [LeftOut(lot_id, line_id, None, _NOBODY) for lot_id, line_id in nobodys]
    currency = loaded.procedure.currency
    parts = tuple(part for part in found.parts if part.id in offered)
    if not parts:
        undecided = any(each.reason == _TOO_FEW for each in found.left_out)
        nobody = "Nobody is left who could win any of the open lots."
        raise Conflict(_TOO_FEW_ANYWHERE if undecided else nobody)
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
    return Prepared(problem, rankings, standing, found.bids, tuple(found.left_out))


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
    digits = currency_digits(loaded.procedure.currency)
    found.left_out += [
        LeftOut(lot.id, None, final.offer.bidder_id, why)
        for final in ranking.ended
        if (why := why_ended(final.offer.binds_until, at)) is not None
    ]
    able: list[tuple[int, FinalOffer]] = []
    for rank, final in enumerate(ranking.finals, start=1):
        if (why := _barred(ranking, final, at)) is None:
            able.append((rank, final))
        else:
            found.left_out.append(LeftOut(lot.id, None, final.offer.bidder_id, why))
    parts = _parts(loaded.procedure.awarding, lot, standing, len(ranking.finals))
    if 0 < len(able) < sum(part.place is not None for part in parts):
        found.left_out.append(LeftOut(lot.id, None, None, _TOO_FEW))
        return
    found.parts += parts
    for rank, final in able:
        bidder = final.offer.bidder_id
        offer = await priced(tx, loaded, lot.id, final, ranking.auction)
        # A condition is for a main bid's own prices, and for lots that are open whole.
        as_bid = final.offer.variant is None and final.offer.bid_id not in ranking.agreed
        own = ranking.auction is None and as_bid and not standing
        for part, quantities in parts.items():
            its = whole(offer, quantities)
            if its.lines:
                minor = int(its.total.amount.scaleb(digits, context=EXACT))
                found.offers.append(Priced(part.id, bidder, minor, rank, own))
                found.bids[part.id, bidder] = final.offer.bid_id


def _parts(
    awarding: Awarding, lot: Lot, standing: Sequence[Award], ranked: int
) -> dict[Part, dict[UUID, Decimal]]:
    """Give what goes to one bidder of a lot, with its quantities by line.

    As `awards.service` divides a lot: into as many shares as there are bidders ranked, at most
    those of the terms, and what a winner gave back not at all. A share of nothing is none.
    """
    asked = {line.id: line.quantity for line in lot.lines}
    left = left_open(asked, [award.quantities() for award in standing])
    if awarding.division is Division.LINES:
        return {Part(line_id, lot.id): {line_id: amount} for line_id, amount in left.items()}
    if awarding.division is Division.LOT or standing or not ranked:
        return {Part(lot.id, lot.id): left}
    units = {line.id: line.unit for line in lot.lines}
    shares = share_quantities(left, units, awarding.shares[:ranked])
    return {
        share_part(lot.id, place): quantities
        for place, quantities in enumerate(shares)
        if any(quantities.values())
    }


def _barred(ranking: Ranking, final: FinalOffer, at: datetime) -> str | None:
    """Say why an offer cannot be awarded now; None where it can."""
    bid_id = final.offer.bid_id
    try:
        check_all_decided([final.offer.variant])
        check_award(ranking.flags.get(bid_id), ranking.explanations.get(bid_id))
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
