"""The stored form of an offer's lines, and the hash that pins an offer."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from marketplace.contracts.documents import read_terms, terms_document
from marketplace.kernel.canonical import content_hash, plain_decimal
from rfq.rules.negotiation import OfferedLine, Side


def lines_document(lines: Sequence[OfferedLine]) -> list[dict[str, Any]]:
    """Give an offer's lines as the column holds them."""
    return [
        {
            "line_id": str(line.line_id),
            "unit_amount": plain_decimal(line.unit_amount),
            "basis": plain_decimal(line.basis),
            "terms": terms_document(line.terms),
        }
        for line in lines
    ]


def read_lines(document: Sequence[Mapping[str, Any]]) -> tuple[OfferedLine, ...]:
    """Read an offer's stored lines."""
    return tuple(
        OfferedLine(
            line_id=UUID(line["line_id"]),
            unit_amount=Decimal(line["unit_amount"]),
            basis=Decimal(line["basis"]),
            terms=None if line["terms"] is None else read_terms(line["terms"]),
        )
        for line in document
    )


def offer_hash(
    negotiation_id: UUID, number: int, side: Side, lines: Sequence[OfferedLine], note: str
) -> bytes:
    """Give the hash of what was offered, for the provenance of an award."""
    return content_hash(
        {
            "form": "rfq.offer/1",
            "negotiation_id": negotiation_id,
            "number": number,
            "side": side,
            "lines": lines_document(lines),
            "note": note,
        }
    )
