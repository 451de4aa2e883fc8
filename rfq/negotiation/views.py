"""From rows of negotiations to what the wire shows."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.money import Money
from marketplace.platform.http.schemas import MoneyView
from rfq.negotiation.documents import read_lines
from rfq.negotiation.schemas import (
    NegotiationMessageView,
    NegotiationOfferView,
    NegotiationView,
    OfferedLineView,
)
from rfq.rules.negotiation import NegotiationStatus, Side


def summary(row: Row[Any]) -> dict[str, Any]:
    """Give the fields of a negotiation without its offers."""
    return {
        "id": row.id,
        "version": row.version,
        "procedure_id": row.procedure_id,
        "lot_id": row.lot_id,
        "bid_id": row.bid_id,
        "buyer_id": row.buyer_id,
        "bidder_id": row.bidder_id,
        "status": NegotiationStatus(row.status),
        "rounds": row.rounds,
        "answer_by": row.answer_by,
        "begun_at": row.begun_at,
    }


def negotiation_view(row: Row[Any], offers: Sequence[Row[Any]]) -> NegotiationView:
    """Show a negotiation with its offers."""
    return NegotiationView(
        **summary(row),
        offers=[_offer(offer) for offer in offers],
        agreed_offer=row.agreed_offer,
        ended_because=row.ended_because,
    )


def _offer(row: Row[Any]) -> NegotiationOfferView:
    return NegotiationOfferView(
        number=row.number,
        side=Side(row.side),
        total=MoneyView.of(Money(row.total, row.currency)),
        lines=[
            OfferedLineView(
                line_id=line.line_id,
                unit_amount=plain_decimal(line.unit_amount),
                basis=plain_decimal(line.basis),
                terms=line.terms,
            )
            for line in read_lines(row.lines)
        ],
        note=row.note,
        hash=bytes(row.content_hash).hex(),
        answer_by=row.answer_by,
        offered_at=row.offered_at,
    )


def message_view(row: Row[Any]) -> NegotiationMessageView:
    """Show a message."""
    return NegotiationMessageView(
        id=row.id, side=Side(row.side), message=row.message, sent_at=row.sent_at
    )
