"""The stored forms of what a contract holds: JSON columns, written and read in one place."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from marketplace.contracts.rules import (
    AtExhaustion,
    Commitment,
    Measure,
    Provenance,
)
from marketplace.contracts.terms import LineTerms
from marketplace.kernel.canonical import plain_decimal


def provenance_document(steps: Sequence[Provenance]) -> list[dict[str, Any]]:
    """Give the stored form of a provenance, as the JSON columns of contracts and lines hold it."""
    document: list[dict[str, Any]] = msgspec.to_builtins(steps)
    return document


def read_provenance(document: Sequence[dict[str, Any]]) -> tuple[Provenance, ...]:
    """Read a stored provenance."""
    return msgspec.convert(document, tuple[Provenance, ...])


def whole_provenance(
    contract_id: UUID,
    document: Sequence[dict[str, Any]],
    concluded_at: datetime | None,
    digest: bytes,
) -> tuple[Provenance, ...]:
    """Give what a contract stems from, from its columns, with its own step last.

    A contract that is not concluded has no step of its own.
    """
    if concluded_at is None:
        return read_provenance(document)
    own = Provenance("contract", contract_id, concluded_at, bytes(digest).hex())
    return (*read_provenance(document), own)


def terms_document(terms: LineTerms | None) -> dict[str, Any] | None:
    """Give the stored form of a line's terms."""
    return None if terms is None else msgspec.to_builtins(terms)


def read_terms(document: Mapping[str, Any]) -> LineTerms:
    """Read stored terms of a line."""
    return msgspec.convert(document, LineTerms)


def commitment_document(commitment: Commitment | None) -> dict[str, str] | None:
    """Give the stored form of a price's commitment."""
    if commitment is None:
        return None
    document = {
        "measure": commitment.measure.value,
        "cap": plain_decimal(commitment.cap),
        "at_exhaustion": commitment.at_exhaustion.value,
    }
    if commitment.committed is not None:
        document["committed"] = plain_decimal(commitment.committed)
    return document


def read_commitment(document: Mapping[str, str]) -> Commitment:
    """Read a stored commitment."""
    committed = document.get("committed")
    return Commitment(
        measure=Measure(document["measure"]),
        cap=Decimal(document["cap"]),
        at_exhaustion=AtExhaustion(document["at_exhaustion"]),
        committed=None if committed is None else Decimal(committed),
    )
