"""What was offered: the opened bids as offers for each lot, by their price.

No ranking is stored: what is stored are the opened texts, and the rule that ranks them is pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from marketplace.kernel.canonical import plain_decimal
from marketplace.platform.database import Transaction
from marketplace.platform.http.schemas import MoneyView
from rfq.evaluation.opened import bid_of, opened_bids, variant_of
from rfq.evaluation.schemas import OpenedLineView
from rfq.procedures.reading import Loaded
from rfq.rules.currencies import exchanges
from rfq.rules.evaluation import Offer, PricedLine, Standing, lot_lines, ranked
from rfq.rules.validity import binds_until


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The opened bids of a procedure and, for each lot, the ranking of those that bid for it."""

    bids: Sequence[Row[Any]]
    standings: dict[UUID, tuple[Standing, ...]]


async def evaluate(tx: Transaction, loaded: Loaded) -> Evaluated:
    """Read the opened bids that this transaction may see and rank them, lot by lot."""
    rows = await tx.all(opened_bids(loaded.procedure.id))
    bids = [(row, bid) for row in rows if (bid := bid_of(row)) is not None]
    taken = exchanges(loaded.procedure)
    standings = {}
    for lot in loaded.procedure.lots:
        offers = (
            Offer(
                row.id,
                row.bidder_id,
                row.submitted_at,
                bytes(row.commitment),
                lines,
                binds_until(loaded.procedure.offering, bid.valid_until, row.extended_until),
                len(lot.lines) - len(lines),
                variant_of(row, bid),
            )
            for row, bid in bids
            if (lines := lot_lines(lot, bid, taken.get(bid.currency)))
        )
        standings[lot.id] = ranked(offers)
    return Evaluated(rows, standings)


def line_view(line: PricedLine) -> OpenedLineView:
    """Show one line's price."""
    return OpenedLineView(
        line_id=line.line.id,
        unit_amount=plain_decimal(line.unit_amount),
        basis=plain_decimal(line.basis),
        sku=line.sku,
        amount=MoneyView.of(line.amount),
    )
