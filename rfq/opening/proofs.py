"""The document of an opening, for the buyer and for each bidder."""

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, select

from marketplace.kernel.errors import NotFound
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from rfq.evaluation.opened import opened_bids
from rfq.hexadecimal import hexadecimal
from rfq.officers.records import approvals_of
from rfq.procedures.reading import Loaded, load
from rfq.rules.bid import BidStatus, Part
from rfq.rules.procedure import check_bids_readable
from rfq.rules.proof import ApprovedBy, Copy, Entry, Envelopes, OpenedBid, OpeningProof
from rfq.tables import OpenedBidRow, SealedBidRow

_NOT_YOURS: Final = "The opening is shown to the buyer and to those who bid."


async def read_opening(platform: Platform, caller: Caller, procedure_id: UUID) -> OpeningProof:
    """Give what proves an opening; a bidder's copy holds his own bid alone.

    Raises WrongState before the opening, NotFound for who neither bought nor bid.
    """
    async with transaction(platform, caller) as tx:
        loaded = await load(tx, procedure_id)
        copy = await copy_of(tx, caller, loaded)
        caller.require("rfq:read" if copy is Copy.BUYER else "bids:read")
        check_bids_readable(loaded.procedure)
        # Row-level security leaves a bidder his own row, the buyer all.
        order = OpenedBidRow.submitted_at, OpenedBidRow.id
        rows = await tx.all(opened_bids(procedure_id).order_by(*order))
        approvals = await approvals_of(tx, procedure_id)
    row = loaded.row
    return OpeningProof(
        copy=copy,
        procedure_id=procedure_id,
        closed_at=row.closed_at,
        opened_at=row.opened_at,
        bids_root=row.bids_root.hex(),
        bids_blinding=row.bids_blinding.hex(),
        entries=tuple(
            Entry(commitment=each["commitment"], status=BidStatus(each["status"]))
            for each in row.bid_entries
        ),
        bids=tuple(_opened(each) for each in rows),
        approvals=tuple(
            ApprovedBy(
                envelope=Part(each.envelope),
                officer_id=each.officer_id,
                approved_at=each.approved_at,
            )
            for each in approvals
        ),
    )


async def copy_of(tx: Transaction, caller: Caller, loaded: Loaded) -> Copy:
    """Tell whose copy of an opening a reader gets; raises NotFound for who has none."""
    if loaded.procedure.buyer_id == caller.organization_id:
        return Copy.BUYER
    bid = await tx.scalar(
        select(SealedBidRow.id)
        .where(
            SealedBidRow.procedure_id == loaded.procedure.id,
            SealedBidRow.bidder_id == caller.organization_id,
        )
        .limit(1)
    )
    if bid is None:
        raise NotFound(_NOT_YOURS)
    return Copy.BIDDER


def _opened(row: Row[Any]) -> OpenedBid:
    return OpenedBid(
        bid_id=row.id,
        bidder_id=row.bidder_id,
        version=row.version,
        submitted_at=row.submitted_at,
        commitment=row.commitment.hex(),
        nonce=hexadecimal(row.nonce),
        content=row.content,
        invalid_reason=row.invalid_reason,
        variant=row.variant,
        envelopes=None if row.technical_commitment is None else _envelopes(row),
    )


def _envelopes(row: Row[Any]) -> Envelopes:
    return Envelopes(
        technical=row.technical_commitment.hex(),
        financial=row.financial_commitment.hex(),
        prices_nonce=hexadecimal(row.prices_nonce),
        prices=row.prices,
        kept_closed=row.kept_closed,
    )
