"""Decide a lot: who gets what of it, written down as a proposal that then goes on by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert

from marketplace.contracts.documents import provenance_document, terms_document
from marketplace.contracts.rules import Provenance
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.clock import is_time_zone
from marketplace.kernel.errors import Conflict, invalid
from marketplace.kernel.ids import new_id
from marketplace.kernel.money import Money, total
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.awards.approving import ask_or_go_on
from rfq.awards.breakdowns import breakdown_of
from rfq.awards.proposals import Award, move_lot, read_awards, read_proposals, record
from rfq.awards.reading import proposal_view
from rfq.awards.schemas import AwardInput, AwardProposalView
from rfq.awards.tables import AwardLineRow, AwardRow, ProposalRow
from rfq.bids.receiving import hold_own
from rfq.evaluation.computing import computation
from rfq.evaluation.rankings import Ranking, rank_lot
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
    ProposalStatus,
    check_last_day,
    next_first,
    standstill_until,
)
from rfq.rules.validity import check_binding

Part = tuple[int, int | None, Final, Breakdown]
"""A winner's rank in the lot, his share in percent where it is one, his offer, and his lines."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What each winner gets, and of lines that were compared apart how.

    `not_offered` are lines that stay unbought, for nobody who can win prices them.
    """

    parts: list[Part]
    lines: tuple[ComputedLine, ...] = ()
    not_offered: tuple[UUID, ...] = ()


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
    document = _computation(loaded, ranking, data, made)
    if together is not None:
        made = replace(made, parts=[_reduced(part, together, lot.id) for part in made.parts])
        document["scenario"] = together.document
    for _, _, final, _ in made.parts:
        check_binding(final.offer.binds_until, at)
    proposal_id = await _store(tx, loaded, data, made, ranking=ranking, document=document, at=at)
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


def zone_of(loaded: Loaded, data: AwardInput) -> str:
    """Give the zone of the contract's days; raises InvalidInput for one that is none."""
    zone = data.time_zone or loaded.procedure.awarding.time_zone
    if not is_time_zone(zone):
        detail = f"{zone!r} is no IANA time zone; for example Europe/Berlin."
        raise invalid("/time_zone", "unknown_time_zone", detail)
    return zone


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
    ranks = {final.offer.bid_id: rank for rank, final in enumerate(finals, start=1)}
    shares, by_line = _divided(loaded.procedure.awarding, divided_already=bool(standing))
    chosen = _chosen(finals, data, standing)
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
        bidder_id = final.offer.bidder_id
        check_award(ranking.flags.get(bidder_id), ranking.explanations.get(bidder_id))
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
            check_award(None, ranking.explanations.get(final.offer.bidder_id))


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


def _chosen(finals: Sequence[Final], data: AwardInput, standing: Sequence[Award]) -> list[Final]:
    """Put the winners in the buyer's order; raises InvalidInput, Conflict where nobody is left."""
    if not finals:
        detail = "Nobody is left who could win this lot: end it, and it is unsuccessful."
        raise Conflict(detail)
    by_bidder = {final.offer.bidder_id: final for final in finals}
    holders = frozenset(award.supplier_id for award in standing)
    ranked = [by_bidder[bidder].offer.bid_id for bidder in next_first(list(by_bidder), holders)]
    by_bid = {final.offer.bid_id: final for final in finals}
    for number, bid_id in enumerate(data.bid_ids):
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


async def _store(
    tx: Transaction,
    loaded: Loaded,
    data: AwardInput,
    decided: Decided,
    *,
    ranking: Ranking,
    document: Mapping[str, Any],
    at: datetime,
) -> UUID:
    proposal_id, caller = new_id(), tx.caller
    currency = loaded.procedure.currency
    sum_ = total([part.total for _, _, _, part in decided.parts], currency)
    common = {
        "procedure_id": loaded.procedure.id,
        "lot_id": data.lot_id,
        "buyer_id": loaded.procedure.buyer_id,
        "reason": data.reason,
        "currency": currency,
    }
    by = caller.member_id if caller else None
    await tx.execute(
        insert(ProposalRow).values(
            **common,
            id=proposal_id,
            status=ProposalStatus.PROPOSED.value,
            total=sum_.amount,
            first_day=data.first_day,
            last_day=data.last_day,
            time_zone=zone_of(loaded, data),
            first_offer=min((each.amount for each in ranking.whole_totals.values()), default=None),
            computation=document,
            proposed_by=by,
            proposed_at=at,
        )
    )
    for part in decided.parts:
        await _store_award(tx, {**common, "awarded_by": by}, proposal_id, part, ranking)
    facts: dict[str, object] = {
        "procedure_id": loaded.procedure.id,
        "lot_id": data.lot_id,
        "total": sum_.amount,
        "supplier_ids": [final.offer.bidder_id for _, _, final, _ in decided.parts],
        "reason": data.reason,
    }
    record(tx, loaded, "award.proposed", proposal_id, facts)
    return proposal_id


async def _store_award(
    tx: Transaction,
    common: Mapping[str, Any],
    proposal_id: UUID,
    part: Part,
    ranking: Ranking,
) -> None:
    rank, share, final, breakdown = part
    award_id, offer = new_id(), final.offer
    await tx.execute(
        insert(AwardRow).values(
            **common,
            id=award_id,
            proposal_id=proposal_id,
            supplier_id=offer.bidder_id,
            bid_id=offer.bid_id,
            status=AwardStatus.PROPOSED.value,
            rank=rank,
            share=share,
            total=breakdown.total.amount,
            provenance=provenance_document(_way_to(final, ranking)),
        )
    )
    await tx.execute(
        insert(AwardLineRow),
        [
            {
                "buyer_id": common["buyer_id"],
                "supplier_id": offer.bidder_id,
                "award_id": award_id,
                "line_id": line.line.id,
                "position": position,
                "sku": line.sku,
                "quantity": line.line.quantity,
                "unit_amount": line.unit_amount,
                "basis": line.basis,
                "amount": line.amount.amount,
                "terms": terms_document(line.terms),
            }
            for position, line in enumerate(breakdown.lines)
        ],
    )


def _way_to(final: Final, ranking: Ranking) -> tuple[Provenance, ...]:
    """Tell how an offer came about, earliest first, each step with the hash that pins it."""
    offer = final.offer
    steps = [Provenance("rfq.bid", offer.bid_id, offer.submitted_at, offer.commitment.hex())]
    agreed, auction = ranking.agreed.get(offer.bidder_id), ranking.auction
    if agreed is not None:
        digest = agreed.content_hash.hex()
        steps.append(Provenance("rfq.negotiation", agreed.negotiation_id, agreed.agreed_at, digest))
    if auction is not None:
        head = auction.ledger_head.hex()
        steps.append(Provenance("auction", auction.auction_id, auction.ended_at, head))
        steps += [
            Provenance("auction.bid", entry.bid_id, entry.bid_at, entry.entry_hash.hex())
            for entry in auction.ranking
            if entry.bidder_id == offer.bidder_id
        ]
    return tuple(steps)


def _computation(
    loaded: Loaded, ranking: Ranking, data: AwardInput, decided: Decided
) -> dict[str, Any]:
    """Write down what the decision was made from, as it was then."""
    awarding = loaded.procedure.awarding
    document = msgspec.structs.replace(
        computation(loaded, data.lot_id, ranking),
        lines=decided.lines,
        not_offered=decided.not_offered,
    )

    def listed(finals: Sequence[Final]) -> list[dict[str, Any]]:
        return [
            {
                "rank": rank,
                "bid_id": str(final.offer.bid_id),
                "bidder_id": str(final.offer.bidder_id),
                "submitted_at": final.offer.submitted_at.isoformat(),
                "commitment": final.offer.commitment.hex(),
                "total": plain_decimal(final.amount.amount),
            }
            for rank, final in enumerate(finals, start=1)
        ]

    return {
        "division": awarding.division.value,
        "shares": list(awarding.shares),
        "bid_ids": [str(bid_id) for bid_id in data.bid_ids],
        "ranking": listed(ranking.finals),
        "rejected": listed(ranking.rejected),
        "ended": {
            str(final.offer.bidder_id): final.offer.binds_until.isoformat()
            for final in ranking.ended
            if final.offer.binds_until is not None
        },
        "document": msgspec.to_builtins(document),
    }
