"""Decide a lot: who gets what of it, written down as a proposal that then goes on by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from marketplace.kernel.errors import Conflict, invalid
from marketplace.kernel.money import Money
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.awards.approving import ask_or_go_on
from rfq.awards.breakdowns import breakdown_of
from rfq.awards.proposals import Award, move_lot, read_awards, read_proposals
from rfq.awards.reading import proposal_view
from rfq.awards.recording import Decided, Part, computation_document, store_proposal, zone_of
from rfq.awards.schemas import AwardInput, AwardProposalView
from rfq.awards.tables import AwardRow, ProposalRow
from rfq.bids.receiving import hold_own
from rfq.evaluation.rankings import BEHIND, Ranking, rank_lot
from rfq.handover.service import EndedAuction
from rfq.procedures.reading import Loaded
from rfq.rules.abnormal import check_award
from rfq.rules.award import Breakdown, scaled
from rfq.rules.awarding import Awarding, Division
from rfq.rules.computation import ComputedLine, computed_line
from rfq.rules.division import (
    LineOffer,
    best_in,
    by_lines,
    by_shares,
    check_order,
    left_open,
    line_offers,
    whole,
)
from rfq.rules.evaluation import Final, line_divisor
from rfq.rules.procedure import Lot, LotAction, check_bids_readable
from rfq.rules.settlement import (
    AwardStatus,
    check_last_day,
    next_first,
    standstill_until,
)
from rfq.rules.validity import check_binding
from rfq.rules.variant_decisions import check_all_decided


@retries_conflicts
async def award_lot(
    platform: Platform, caller: Caller, procedure_id: UUID, data: AwardInput, key: IdempotencyKey
) -> AwardProposalView:
    """Decide a lot by its ranking, or with a reason otherwise.

    Where nothing is waited for, neither approval nor standstill, it is awarded at once: the bid is
    the supplier's signature and the award the buyer's, and the prices count from the contract's
    first day on.
    Raises NotFound, WrongState, Conflict where nobody is left, InvalidInput (a bid that is none, a
    reason missing, bad days).
    """
    caller.require("rfq:write")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, AwardProposalView)) is not None:
            return earlier
        # Waits for breakdowns that are being taken: what was taken counts.
        loaded = await hold_own(tx, caller, procedure_id)
        check_bids_readable(loaded.procedure)
        proposal_id, loaded = await propose(tx, caller, loaded, data)
        return await keep(tx, key, await proposal_view(tx, loaded, proposal_id))


@dataclass(frozen=True, slots=True)
class Together:
    """What lots that are decided together bring: the one way to propose is `propose`.

    `rankings` and `standing`, the awards in force, are theirs, read in this transaction for all of
    them at once; `off` is what conditional offers take off, by lot and bidder; `amount` is what is
    decided in all, and `document` says how, for the computation.
    """

    rankings: Mapping[UUID, Ranking]
    standing: Mapping[UUID, Sequence[Award]]
    off: Mapping[tuple[UUID, UUID], Decimal]
    amount: Money
    document: Mapping[str, Any]


async def propose(
    tx: Transaction,
    caller: Caller,
    loaded: Loaded,
    data: AwardInput,
    together: Together | None = None,
) -> tuple[UUID, Loaded]:
    """Decide a lot of a procedure that is held; its proposal goes on by itself.

    Gives the proposal's id and the procedure as it is then. Raises as `award_lot`.
    """
    lot = loaded.procedure.lot(data.lot_id)
    if lot is None:
        raise invalid("/lot_id", "unknown_lot", "This procedure has no such lot.")
    loaded = await move_lot(tx, loaded, lot.id, LotAction.PROPOSE)
    at = await tx.clock()
    _check_days(loaded, data, at)
    if together is None:
        ranking = await rank_lot(tx, loaded, lot.id)
        in_force = AwardRow.status == AwardStatus.AWARDED.value
        standing = await read_awards(tx, loaded, AwardRow.lot_id == lot.id, in_force)
    else:
        ranking, standing = together.rankings[lot.id], list(together.standing.get(lot.id, ()))
    made = await _decide(tx, loaded, lot, data, ranking=ranking, standing=standing, at=at)
    document = computation_document(loaded, ranking, data, made)
    if together is not None:
        made = replace(made, parts=[_reduced(part, together, lot.id) for part in made.parts])
        document["scenario"] = together.document
    for _, _, final, _ in made.parts:
        check_binding(final.offer.binds_until, at)
    proposal_id = await store_proposal(
        tx, loaded, data, made, ranking=ranking, document=document, at=at
    )
    (proposal,) = await read_proposals(tx, loaded, ProposalRow.id == proposal_id)
    amount = together.amount if together else None
    return proposal_id, await ask_or_go_on(tx, caller, loaded, proposal, at, decided=amount)


def _reduced(part: Part, together: Together, lot_id: UUID) -> Part:
    """Take what conditional offers grant off a winner's lines, spread over them."""
    rank, share, final, breakdown = part
    off = together.off.get((lot_id, final.offer.bidder_id))
    if not off:
        return part
    reduced = breakdown.total - Money(off, breakdown.total.currency)
    return rank, share, final, scaled(breakdown.lines, reduced)


def _check_days(loaded: Loaded, data: AwardInput, at: datetime) -> None:
    zone = zone_of(loaded, data)
    check_last_day(data.last_day, standstill_until(at, loaded.procedure.awarding), at, zone)


async def _decide(
    tx: Transaction,
    loaded: Loaded,
    lot: Lot,
    data: AwardInput,
    *,
    ranking: Ranking,
    standing: Sequence[Award],
    at: datetime,
) -> Decided:
    """Give what each winner gets of what is left of the lot.

    What a winner who fell away gives back goes undivided to the next; so does a lot that is not
    divided at all.
    """
    asked = {line.id: line.quantity for line in lot.lines}
    left = left_open(asked, [award.quantities() for award in standing])
    finals = ranking.finals
    _check_rejected(ranking, data)
    _check_ended(ranking, data, at)
    _check_by_hand(ranking, data)
    check_all_decided(each.offer.variant for each in (*finals, *ranking.behind))
    ranks = {final.offer.bid_id: rank for rank, final in enumerate(finals, start=1)}
    shares, by_line = _divided(loaded.procedure.awarding, divided_already=bool(standing))
    chosen = _chosen(ranking, data, standing)
    chosen = chosen if by_line else chosen[: max(len(shares), 1)]
    offers = [await priced(tx, loaded, lot.id, final, ranking.auction) for final in chosen]
    made: Sequence[Breakdown | None]
    lines: tuple[ComputedLine, ...] = ()
    not_offered: tuple[UUID, ...] = ()
    if by_line:
        method = loaded.procedure.judging.method
        divisors = [line_divisor(method, final.standing) for final in chosen]
        compared = {line_id: line_offers(offers, divisors, line_id) for line_id in left}
        best = {line_id: best_in(each) for line_id, each in compared.items() if each}
        not_offered = tuple(line_id for line_id, each in compared.items() if not each)
        if not best:
            raise Conflict("Nobody is left who prices a line that is open in this lot: end it.")
        places = {**best, **_lines_chosen(data, chosen, compared)}
        made = by_lines(offers, left, places)
        bids = [final.offer.bid_id for final in chosen]
        lines = tuple(
            computed_line(
                line,
                {bids[place]: offer for place, offer in compared[line.id].items()},
                bids[best[line.id]],
                bids[places[line.id]],
            )
            for line in lot.lines
            if line.id in best
        )
    elif shares:
        made = by_shares(offers, left, shares)
    else:
        made = [whole(offers[0], left)]
    parts = [
        (
            ranks[final.offer.bid_id],
            shares[place] if place < len(shares) and len(made) == len(shares) else None,
            final,
            part,
        )
        for place, (final, part) in enumerate(zip(chosen, made, strict=True))
        if part is not None
    ]
    for _, _, final, _ in parts:
        bid_id = final.offer.bid_id
        check_award(ranking.flags.get(bid_id), ranking.explanations.get(bid_id))
    return Decided(parts, lines, not_offered)


def _divided(awarding: Awarding, *, divided_already: bool) -> tuple[tuple[int, ...], bool]:
    """Give the shares a lot is divided by, and whether it is by line."""
    by_share = awarding.division is Division.SHARES and not divided_already
    return awarding.shares if by_share else (), awarding.division is Division.LINES


async def priced(
    tx: Transaction, loaded: Loaded, lot_id: UUID, final: Final, auction: EndedAuction | None
) -> Breakdown:
    """Give an offer's lines at the total it ended with; only an auction makes that another."""
    if auction is None:
        return scaled(final.offer.lines, final.amount)
    return await breakdown_of(tx, loaded.procedure, lot_id, final)


def _check_rejected(ranking: Ranking, data: AwardInput) -> None:
    """Say of a named bid that was rejected why it cannot win; raises Conflict."""
    for final in ranking.rejected:
        if final.offer.bid_id in data.bid_ids:
            check_award(None, ranking.explanations.get(final.offer.bid_id))


def _check_ended(ranking: Ranking, data: AwardInput, at: datetime) -> None:
    """Say of a named bid that has ended why it cannot win; raises Conflict."""
    for final in ranking.ended:
        if final.offer.bid_id in data.bid_ids:
            check_binding(final.offer.binds_until, at)


def _check_by_hand(ranking: Ranking, data: AwardInput) -> None:
    """Ask for a bid and a reason where an auction ended without a winner; raises InvalidInput."""
    if ranking.no_winner is None:
        return
    if not data.bid_ids and not data.lines:
        detail = (
            f"Nobody won the auction by himself ({ranking.no_winner}): name the bid to award, "
            "and say why."
        )
        raise invalid("/bid_ids", "no_winner", detail)
    if not data.reason.strip():
        detail = "Whoever awards where nobody won by himself says why."
        raise invalid("/reason", "reason_missing", detail)


def _chosen(ranking: Ranking, data: AwardInput, standing: Sequence[Award]) -> list[Final]:
    """Put the winners in the buyer's order; raises InvalidInput, Conflict where nobody is left."""
    finals = ranking.finals
    if not finals:
        detail = "Nobody is left who could win this lot: end it, and it is unsuccessful."
        raise Conflict(detail)
    by_bidder = {final.offer.bidder_id: final for final in finals}
    holders = frozenset(award.supplier_id for award in standing)
    ranked = [by_bidder[bidder].offer.bid_id for bidder in next_first(list(by_bidder), holders)]
    by_bid = {final.offer.bid_id: final for final in finals}
    others = {each.offer.bid_id for each in ranking.behind}
    for number, bid_id in enumerate(data.bid_ids):
        if bid_id in others:
            raise invalid(f"/bid_ids/{number}", "behind", BEHIND)
        if bid_id not in by_bid:
            detail = "No valid bid for this lot has this id."
            raise invalid(f"/bid_ids/{number}", "unknown_bid", detail)
    if len(set(data.bid_ids)) < len(data.bid_ids):
        raise invalid("/bid_ids", "twice", "Name each bid once.")
    check_order(data.bid_ids, ranked, data.reason)
    rest = [bid_id for bid_id in ranked if bid_id not in data.bid_ids]
    return [by_bid[bid_id] for bid_id in (*data.bid_ids, *rest)]


def _lines_chosen(
    data: AwardInput,
    chosen: Sequence[Final],
    compared: Mapping[UUID, Mapping[int, LineOffer]],
) -> dict[UUID, int]:
    """Give the places of the offers the buyer named for lines; another than the best asks why.

    Raises InvalidInput with a pointer.
    """
    places = {final.offer.bid_id: place for place, final in enumerate(chosen)}
    named: dict[UUID, int] = {}
    for number, choice in enumerate(data.lines):
        if choice.line_id not in compared:
            detail = "This lot has no such line left to award."
            raise invalid(f"/lines/{number}/line_id", "unknown_line", detail)
        if choice.bid_id not in places:
            detail = "No valid bid for this lot has this id."
            raise invalid(f"/lines/{number}/bid_id", "unknown_bid", detail)
        if places[choice.bid_id] not in compared[choice.line_id]:
            detail = "This bid does not price this line."
            raise invalid(f"/lines/{number}/bid_id", "not_priced", detail)
        named[choice.line_id] = places[choice.bid_id]
    check_order(
        list(named.values()), [best_in(compared[line_id]) for line_id in named], data.reason
    )
    return named
