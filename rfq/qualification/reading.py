"""What was decided of bidders, and what they are qualified for, as values."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from marketplace.platform.database import Transaction
from rfq.procedures.reading import Loaded
from rfq.qualification.tables import BidderDecisionRow, SupplierQualificationRow
from rfq.rules.qualification import Outcome, lacking


async def exclusions(tx: Transaction, loaded: Loaded) -> dict[UUID, str]:
    """Give why bidders cannot win, by bidder: excluded, or a qualification expired since."""
    requirements = loaded.procedure.requirements
    if not requirements:
        return {}
    rows = await tx.all(
        select(
            BidderDecisionRow.bidder_id, BidderDecisionRow.outcome, BidderDecisionRow.findings
        ).where(BidderDecisionRow.procedure_id == loaded.procedure.id)
    )
    titles = {str(each.id): each.title for each in requirements}
    valid_until = await qualifications(tx, loaded.procedure.buyer_id)
    at = await tx.clock()
    excluded = {}
    for row in rows:
        if row.outcome == Outcome.EXCLUDED.value:
            excluded[row.bidder_id] = "; ".join(
                f"{titles[each['requirement_id']]}: {each['reason']}"
                for each in row.findings
                if not each["met"]
            )
            continue
        held = valid_until[row.bidder_id]
        if found := [why for each in requirements if (why := lacking(each, held, at))]:
            excluded[row.bidder_id] = "; ".join(found)
    return excluded


async def qualifications(tx: Transaction, buyer_id: UUID) -> Mapping[UUID, Mapping[str, datetime]]:
    """Give until when each supplier of a buyer is qualified, by supplier and code."""
    rows = await tx.all(
        select(
            SupplierQualificationRow.supplier_id,
            SupplierQualificationRow.code,
            SupplierQualificationRow.valid_until,
        ).where(SupplierQualificationRow.buyer_id == buyer_id)
    )
    held: defaultdict[UUID, dict[str, datetime]] = defaultdict(dict)
    for row in rows:
        held[row.supplier_id][row.code] = row.valid_until
    return held
