"""What is seen of opened bids while prices are hidden: who bids, for which lots, and his words."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, insert, select

from marketplace.platform.database import Transaction
from rfq.evaluation.opened import bid_of, opened_bids
from rfq.evaluation.tables import JudgedBidRow
from rfq.procedures.reading import Loaded
from rfq.qualification.reading import exclusions
from rfq.rules.envelopes import TechnicalPart, read_technical, technical_part
from rfq.rules.procedure import LotStatus
from rfq.rules.variants import OpenedVariant
from rfq.variants.tables import VariantDecisionRow

Words = Sequence[tuple[Row[Any], TechnicalPart]]
"""What valid bids say beside their prices, with the rows of `opened_bids`."""


async def words_of_bids(tx: Transaction, loaded: Loaded) -> Words:
    """Read what the valid bids say beside their prices, whether these are open or not."""
    words = []
    for row in await tx.all(opened_bids(loaded.procedure.id)):
        if loaded.procedure.two_envelopes and row.invalid_reason is None:
            part = read_technical(row.content.encode())
        else:
            bid = bid_of(row)
            part = None if bid is None else technical_part(loaded.procedure, bid)
        if part is not None:
            words.append((row, part))
    return words


async def lay_out(tx: Transaction, loaded: Loaded, words: Words) -> None:
    """Write down, at the opening, what those who judge will see of the valid bids."""
    await tx.execute(
        insert(JudgedBidRow),
        [
            {
                "bid_id": row.id,
                "procedure_id": loaded.procedure.id,
                "buyer_id": loaded.procedure.buyer_id,
                "bidder_id": row.bidder_id,
                "submitted_at": row.submitted_at,
                "lot_ids": list(part.lot_ids),
                "note": part.note,
                "answers": msgspec.to_builtins(part.answers),
                "variant": part.variant
                and {"number": row.variant, **msgspec.to_builtins(part.variant)},
            }
            for row, part in words
        ],
    )


async def judged_bids(tx: Transaction, loaded: Loaded) -> Sequence[Row[Any]]:
    """Read what is seen of the bids, the earliest first; none before the opening."""
    return await tx.all(
        select(
            JudgedBidRow.bid_id,
            JudgedBidRow.bidder_id,
            JudgedBidRow.submitted_at,
            JudgedBidRow.lot_ids,
            JudgedBidRow.note,
            JudgedBidRow.answers,
            JudgedBidRow.variant,
            VariantDecisionRow.meets,
            VariantDecisionRow.unmet,
            VariantDecisionRow.reason.label("set_aside"),
        )
        .outerjoin(VariantDecisionRow, VariantDecisionRow.bid_id == JudgedBidRow.bid_id)
        .where(JudgedBidRow.procedure_id == loaded.procedure.id)
        .order_by(JudgedBidRow.submitted_at, JudgedBidRow.bid_id)
    )


async def judged_variants(tx: Transaction, loaded: Loaded) -> list[OpenedVariant]:
    """Give the variants that the panel judges, and whether each was decided."""
    judged = await offered_lots(tx, loaded)
    return [
        OpenedVariant(**row.variant, meets=row.meets)
        for row in await judged_bids(tx, loaded)
        if row.variant is not None and row.bid_id in judged
    ]


async def offered_lots(tx: Transaction, loaded: Loaded) -> dict[UUID, list[UUID]]:
    """Give what the panel judges: the open lots of each bid whose bidder is not excluded.

    A variant that was set aside is not judged.
    """
    barred = await exclusions(tx, loaded)
    open_lots = {
        lot_id for lot_id, status in loaded.lot_statuses.items() if status is LotStatus.OPENED
    }
    return {
        row.bid_id: lots
        for row in await judged_bids(tx, loaded)
        if row.bidder_id not in barred
        and row.meets is not False
        and (lots := [lot_id for lot_id in row.lot_ids if lot_id in open_lots])
    }
