"""Opened bids as they are stored, in one envelope or two, read as bids."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, case, func, select

from rfq.opening.tables import OpenedPricesRow, TechnicalResultRow
from rfq.rules import bid as bid_rules
from rfq.rules.bid import Bid
from rfq.rules.envelopes import joined, read_financial, read_technical
from rfq.rules.variant_decisions import set_aside
from rfq.rules.variants import OpenedVariant
from rfq.tables import OpenedBidRow
from rfq.validity.binding import extended_until
from rfq.variants.tables import VariantDecisionRow

_EXTENDED_UNTIL: Final = extended_until(OpenedBidRow.id)


def opened_bids(procedure_id: UUID) -> Any:
    """Select a procedure's opened bids.

    `prices` and `prices_nonce` are of the financial envelope; `kept_closed` says why it never
    opens. `invalid_reason` is that of either envelope. `extended_until` is how long its bidder
    agreed to bind beyond what the bid says. `meets`, `unmet` and `set_aside` are what was decided
    of a variant.
    """
    kept_closed = case((TechnicalResultRow.passed.is_(False), TechnicalResultRow.reason))
    return (
        select(
            OpenedBidRow.id,
            OpenedBidRow.version,
            OpenedBidRow.bidder_id,
            OpenedBidRow.variant,
            OpenedBidRow.submitted_at,
            OpenedBidRow.commitment,
            OpenedBidRow.technical_commitment,
            OpenedBidRow.financial_commitment,
            OpenedBidRow.nonce,
            OpenedBidRow.content,
            OpenedPricesRow.nonce.label("prices_nonce"),
            OpenedPricesRow.content.label("prices"),
            kept_closed.label("kept_closed"),
            _EXTENDED_UNTIL.label("extended_until"),
            VariantDecisionRow.meets,
            VariantDecisionRow.unmet,
            VariantDecisionRow.reason.label("set_aside"),
            func.coalesce(OpenedBidRow.invalid_reason, OpenedPricesRow.invalid_reason).label(
                "invalid_reason"
            ),
        )
        .outerjoin(OpenedPricesRow, OpenedPricesRow.bid_id == OpenedBidRow.id)
        .outerjoin(TechnicalResultRow, TechnicalResultRow.bid_id == OpenedBidRow.id)
        .outerjoin(VariantDecisionRow, VariantDecisionRow.bid_id == OpenedBidRow.id)
        .where(OpenedBidRow.procedure_id == procedure_id)
    )


def bid_of(row: Row[Any]) -> Bid | None:
    """Give the bid of a row of `opened_bids`; None of one that is invalid or has no open price."""
    if row.invalid_reason is not None or row.content is None:
        return None
    if row.technical_commitment is None:
        return bid_rules.read(row.content.encode())
    if row.prices is None:
        return None
    technical = read_technical(row.content.encode())
    financial = read_financial(row.prices.encode())
    return None if technical is None or financial is None else joined(technical, financial)


def variant_of(row: Row[Any], bid: Bid) -> OpenedVariant | None:
    """Give what a variant says of itself and whether it is taken; None of a main bid."""
    said = bid.variant
    if said is None:
        return None
    return OpenedVariant(row.variant, said.label, said.description, row.meets)


def aside(row: Row[Any]) -> str | None:
    """Say why a variant is not taken into account; None of one that is, and of a main bid."""
    return set_aside(row.unmet, row.set_aside) if row.meets is False else None
