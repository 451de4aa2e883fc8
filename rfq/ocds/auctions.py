"""Auctions of lots as releases tell of them, by the extension of auction rounds. Pure.

Told is that there is one, how it runs, from when to when, and that it has ended. Who takes part,
what was bid, the reserve, and whether somebody won by himself is not: what comes of it is an award.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET

from marketplace.kernel.clock import rfc3339
from rfq.ocds.codelists import AuctionRoundStatus, SubmissionMethod
from rfq.ocds.facts import Auctioned
from rfq.ocds.release import AuctionRound, Lot, Period, Techniques, Tender


def started_auctions(procedure_id: UUID, rounds: Sequence[Auctioned]) -> Tender:
    """Write that lots went into electronic auctions."""
    return Tender(
        id=str(procedure_id),
        submission_method=[SubmissionMethod.ELECTRONIC.value, SubmissionMethod.AUCTION.value],
        techniques=Techniques(has_electronic_auction=True),
        lots=[
            Lot(id=str(each.lot_id), techniques=Techniques(has_electronic_auction=True))
            for each in rounds
        ],
        auction_rounds=[
            AuctionRound(
                id=str(each.id),
                related_lot=str(each.lot_id),
                status=AuctionRoundStatus.ACTIVE,
                format=each.form,
                period=Period(start_date=rfc3339(each.starts_at), end_date=rfc3339(each.ends_at)),
            )
            for each in rounds
        ],
    )


def ended_auctions(procedure_id: UUID, closed: Sequence[tuple[UUID, datetime | None]]) -> Tender:
    """Write that rounds have ended: each with its close, None where it was called off."""
    return Tender(
        id=str(procedure_id),
        auction_rounds=[
            AuctionRound(
                id=str(round_id),
                status=AuctionRoundStatus.CANCELLED
                if closed_at is None
                else AuctionRoundStatus.COMPLETE,
                period=UNSET if closed_at is None else Period(end_date=rfc3339(closed_at)),
            )
            for round_id, closed_at in closed
        ],
    )
