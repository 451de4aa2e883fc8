"""Variants of opened bids with what was decided of them, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from marketplace.platform.database import Transaction
from rfq.evaluation.judged_bids import judged_bids, words_of_bids
from rfq.procedures.reading import Loaded
from rfq.rules.procedure import PRICES_HIDDEN
from rfq.rules.variants import MAIN, OpenedVariant
from rfq.variants.tables import VariantDecisionRow


@dataclass(frozen=True, slots=True)
class Sent:
    """A valid variant that was sent, for these lots; `decision` is None until there is one."""

    bid_id: UUID
    bidder_id: UUID
    variant: OpenedVariant
    lot_ids: tuple[UUID, ...]
    decision: Row[Any] | None


async def decisions(tx: Transaction, procedure_id: UUID) -> Mapping[UUID, Row[Any]]:
    """Give what was decided of variants that this transaction may see, by bid."""
    rows = await tx.all(
        select(
            VariantDecisionRow.bid_id,
            VariantDecisionRow.version,
            VariantDecisionRow.meets,
            VariantDecisionRow.unmet,
            VariantDecisionRow.reason,
            VariantDecisionRow.decided_at,
        ).where(VariantDecisionRow.procedure_id == procedure_id)
    )
    return {row.bid_id: row for row in rows}


async def sent_variants(tx: Transaction, loaded: Loaded, *, buys: bool) -> list[Sent]:
    """Give the valid variants: the buyer's all, a bidder's his own; the earliest first.

    While prices are hidden the buyer reads what those see who judge.
    """
    decided = await decisions(tx, loaded.procedure.id)
    if buys and loaded.procedure.status in PRICES_HIDDEN:
        return [
            Sent(
                row.bid_id,
                row.bidder_id,
                OpenedVariant(**row.variant),
                tuple(row.lot_ids),
                decided.get(row.bid_id),
            )
            for row in await judged_bids(tx, loaded)
            if row.variant is not None
        ]
    words = sorted(
        await words_of_bids(tx, loaded), key=lambda each: (each[0].submitted_at, each[0].id)
    )
    return [
        Sent(
            row.id,
            row.bidder_id,
            OpenedVariant(row.variant, part.variant.label, part.variant.description),
            part.lot_ids,
            decided.get(row.id),
        )
        for row, part in words
        if row.variant != MAIN and part.variant is not None
    ]
