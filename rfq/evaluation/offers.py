"""Who stands where: the ranking of opened bids, computed whenever it is asked for.

It is stored nowhere: what is stored are the opened texts, and the rule that ranks them is pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from marketplace.kernel.canonical import plain_decimal
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.schemas import MoneyView
from rfq.evaluation.schemas import OpenedBidList, OpenedBidView, OpenedLineView, OpenedOfferView
from rfq.hexadecimal import hexadecimal
from rfq.procedures.publishing import load_own
from rfq.procedures.reading import Loaded
from rfq.rules import bid as bid_rules
from rfq.rules.evaluation import Offer, PricedLine, Standing, lot_lines, ranked
from rfq.rules.offering import binds_until
from rfq.rules.procedure import check_bids_readable
from rfq.tables import OpenedBidRow


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The opened bids of a procedure and, for each lot, the ranking of those that bid for it."""

    bids: Sequence[Row[Any]]
    standings: dict[UUID, tuple[Standing, ...]]


async def evaluate(tx: Transaction, loaded: Loaded) -> Evaluated:
    """Read the opened bids that this transaction may see and rank them, lot by lot."""
    rows = await tx.all(
        select(
            OpenedBidRow.id,
            OpenedBidRow.version,
            OpenedBidRow.bidder_id,
            OpenedBidRow.submitted_at,
            OpenedBidRow.commitment,
            OpenedBidRow.nonce,
            OpenedBidRow.content,
            OpenedBidRow.invalid_reason,
        ).where(OpenedBidRow.procedure_id == loaded.procedure.id)
    )
    bids = [
        (row, bid)
        for row in rows
        if row.invalid_reason is None
        and (bid := bid_rules.read((row.content or "").encode())) is not None
    ]
    standings = {}
    for lot in loaded.procedure.lots:
        offers = (
            Offer(
                row.id,
                row.bidder_id,
                row.submitted_at,
                bytes(row.commitment),
                lines,
                binds_until(loaded.procedure.offering, bid.valid_until),
            )
            for row, bid in bids
            if (lines := lot_lines(lot, bid))
        )
        standings[lot.id] = ranked(offers)
    return Evaluated(rows, standings)


async def list_bids(platform: Platform, caller: Caller, procedure_id: UUID) -> OpenedBidList:
    """List the opened bids to the buyer, best first.

    Raises WrongState before the opening, telling nothing of what was received; NotFound for
    another's procedure.
    """
    caller.require("rfq:read")
    async with transaction(platform, caller) as tx:
        loaded = await load_own(tx, caller, procedure_id)
        check_bids_readable(loaded.procedure)
        evaluated = await evaluate(tx, loaded)
    views = [_bid_view(row, evaluated) for row in evaluated.bids]
    views.sort(key=lambda view: (min((o.rank for o in view.offers), default=10**9), view.id))
    return OpenedBidList(items=views)


def _bid_view(row: Row[Any], evaluated: Evaluated) -> OpenedBidView:
    return OpenedBidView(
        id=row.id,
        bidder_id=row.bidder_id,
        version=row.version,
        submitted_at=row.submitted_at,
        commitment=bytes(row.commitment).hex(),
        nonce=hexadecimal(row.nonce),
        content=row.content,
        invalid_reason=row.invalid_reason,
        offers=[
            _offer_view(lot_id, standing)
            for lot_id, standings in evaluated.standings.items()
            for standing in standings
            if standing.offer.bid_id == row.id
        ],
    )


def _offer_view(lot_id: UUID, standing: Standing) -> OpenedOfferView:
    return OpenedOfferView(
        lot_id=lot_id,
        rank=standing.rank,
        total=MoneyView.of(standing.total),
        lines=[line_view(line) for line in standing.offer.lines],
    )


def line_view(line: PricedLine) -> OpenedLineView:
    """Show one line's price."""
    return OpenedLineView(
        line_id=line.line.id,
        unit_amount=plain_decimal(line.unit_amount),
        basis=plain_decimal(line.basis),
        sku=line.sku,
        amount=MoneyView.of(line.amount),
    )
