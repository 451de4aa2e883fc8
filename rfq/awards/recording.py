"""Write down what was decided of a lot: the proposal, its awards, and how it was computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert

from marketplace.contracts.documents import provenance_document, terms_document
from marketplace.contracts.rules import Provenance
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.clock import is_time_zone
from marketplace.kernel.errors import invalid
from marketplace.kernel.ids import new_id
from marketplace.kernel.money import total
from marketplace.platform.database import Transaction
from rfq.awards.proposals import record
from rfq.awards.schemas import AwardInput
from rfq.awards.tables import AwardLineRow, AwardRow, ProposalRow
from rfq.evaluation.computing import computation
from rfq.evaluation.rankings import Ranking
from rfq.procedures.reading import Loaded
from rfq.rules.award import Breakdown
from rfq.rules.computation import ComputedLine
from rfq.rules.evaluation import Final
from rfq.rules.settlement import AwardStatus, ProposalStatus

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


def zone_of(loaded: Loaded, data: AwardInput) -> str:
    """Give the zone of the contract's days; raises InvalidInput for one that is none."""
    zone = data.time_zone or loaded.procedure.awarding.time_zone
    if not is_time_zone(zone):
        detail = f"{zone!r} is no IANA time zone; for example Europe/Berlin."
        raise invalid("/time_zone", "unknown_time_zone", detail)
    return zone


async def store_proposal(
    tx: Transaction,
    loaded: Loaded,
    data: AwardInput,
    decided: Decided,
    *,
    ranking: Ranking,
    document: Mapping[str, Any],
    at: datetime,
) -> UUID:
    """Store a proposal with its awards, and `document` on how it was computed; give its id."""
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
            variant=None if offer.variant is None else msgspec.to_builtins(offer.variant),
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
    agreed, auction = ranking.agreed.get(offer.bid_id), ranking.auction
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


def computation_document(
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
                **_of_variant(final),
            }
            for rank, final in enumerate(finals, start=1)
        ]

    return {
        "division": awarding.division.value,
        "shares": list(awarding.shares),
        "bid_ids": [str(bid_id) for bid_id in data.bid_ids],
        "ranking": listed(ranking.finals),
        "rejected": listed(ranking.rejected),
        "ended": [
            {
                "bid_id": str(final.offer.bid_id),
                "bidder_id": str(final.offer.bidder_id),
                **_of_variant(final),
                "until": final.offer.binds_until.isoformat(),
            }
            for final in ranking.ended
            if final.offer.binds_until is not None
        ],
        "document": msgspec.to_builtins(document),
    }


def _of_variant(final: Final) -> dict[str, str]:
    variant = final.offer.variant
    return {} if variant is None else {"variant": str(variant)}
