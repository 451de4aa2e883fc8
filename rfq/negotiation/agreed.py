"""What was agreed about a lot, for its ranking and award; and the end that an award makes."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, select, update

from marketplace.kernel.errors import Conflict
from marketplace.kernel.events import Event
from marketplace.platform.database import Transaction
from rfq.negotiation.documents import read_lines
from rfq.negotiation.tables import NegotiationOfferRow, NegotiationRow
from rfq.rules.evaluation import Offer
from rfq.rules.negotiation import (
    NEGOTIATION,
    NegotiationAction,
    NegotiationStatus,
    OfferedLine,
    priced_lines,
)

_GOING: Final = [
    status.value
    for status in NegotiationStatus
    if NEGOTIATION.allows(status, NegotiationAction.CALL_OFF)
]


@dataclass(frozen=True, slots=True)
class AgreedOffer:
    """The offer both sides accepted; `content_hash` pins it."""

    negotiation_id: UUID
    lines: tuple[OfferedLine, ...]
    content_hash: bytes
    agreed_at: datetime

    def in_place_of(self, offer: Offer) -> Offer:
        """Give the bid's offer at the prices and on the terms that were agreed."""
        lines = priced_lines(offer.lines, self.lines)
        # It was agreed, and binds both until the award.
        return replace(offer, lines=lines, binds_until=None)


async def agreed_by_lot(
    tx: Transaction, lot_ids: Collection[UUID]
) -> dict[UUID, dict[UUID, AgreedOffer]]:
    """Give what was agreed about lots, by lot and bid; as far as this transaction may see."""
    rows = await tx.all(
        select(
            NegotiationRow.id,
            NegotiationRow.lot_id,
            NegotiationRow.bid_id,
            NegotiationRow.changed_at,
            NegotiationOfferRow.lines,
            NegotiationOfferRow.content_hash,
        )
        .join(
            NegotiationOfferRow,
            and_(
                NegotiationOfferRow.negotiation_id == NegotiationRow.id,
                NegotiationOfferRow.number == NegotiationRow.agreed_offer,
            ),
        )
        .where(
            NegotiationRow.lot_id.in_(lot_ids),
            NegotiationRow.status == NegotiationStatus.AGREED.value,
        )
    )
    found: dict[UUID, dict[UUID, AgreedOffer]] = {}
    for row in rows:
        found.setdefault(row.lot_id, {})[row.bid_id] = AgreedOffer(
            row.id, read_lines(row.lines), bytes(row.content_hash), row.changed_at
        )
    return found


async def check_nothing_negotiated(tx: Transaction, lot_id: UUID) -> None:
    """Refuse an auction of a lot that is negotiated; the caller holds the procedure.

    Raises Conflict: who agreed to a price would not know for which of the two it counts.
    """
    if await tx.scalar(
        select(exists().where(NegotiationRow.lot_id == lot_id, NegotiationRow.status.in_(_GOING)))
    ):
        raise Conflict("This lot is negotiated, or a price for it agreed: award it from there.")


async def call_off_for_lot(tx: Transaction, lot_id: UUID, winner_ids: Collection[UUID]) -> None:
    """End what is negotiated about a lot that is awarded; what its winners agreed to stays.

    The caller holds the procedure's bids.
    """
    stays = and_(
        NegotiationRow.bidder_id.in_(winner_ids),
        NegotiationRow.status == NegotiationStatus.AGREED.value,
    )
    await _call_off(tx, and_(NegotiationRow.lot_id == lot_id, ~stays))


async def call_off_for_procedure(tx: Transaction, procedure_id: UUID) -> None:
    """End what is negotiated in a procedure that is cancelled; the caller holds its bids."""
    await _call_off(tx, NegotiationRow.procedure_id == procedure_id)


async def _call_off(tx: Transaction, which: ColumnElement[bool]) -> None:
    rows = await tx.all(
        update(NegotiationRow)
        .where(which, NegotiationRow.status.in_(_GOING))
        .values(
            status=NegotiationStatus.CALLED_OFF.value,
            version=NegotiationRow.version + 1,
            changed_at=await tx.clock(),
        )
        .returning(
            NegotiationRow.id,
            NegotiationRow.version,
            NegotiationRow.procedure_id,
            NegotiationRow.lot_id,
            NegotiationRow.buyer_id,
            NegotiationRow.bidder_id,
        )
    )
    for row in rows:
        facts: dict[str, object] = {
            "procedure_id": row.procedure_id,
            "lot_id": row.lot_id,
            "status": NegotiationStatus.CALLED_OFF,
        }
        sides = frozenset([row.buyer_id, row.bidder_id])
        kind = "negotiation.called_off"
        tx.emit(Event(kind, "negotiation", row.id, row.version, sides, facts))
        tx.record(kind, "negotiation", row.id, after=facts)
