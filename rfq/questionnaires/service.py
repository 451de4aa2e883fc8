"""Read what was answered to a questionnaire, after the opening."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from rfq.procedures.publishing import load_own
from rfq.questionnaires.schemas import BidAnswersView, GivenAnswerView
from rfq.rules import bid as bid_rules
from rfq.rules.envelopes import read_technical
from rfq.rules.procedure import check_bids_readable
from rfq.tables import OpenedBidRow


async def list_answers(
    platform: Platform, caller: Caller, procedure_id: UUID, asked: PageRequest
) -> Page[BidAnswersView]:
    """List the answers of all valid bids to the buyer.

    Raises NotFound, WrongState before the opening, telling nothing of who answered.
    """
    caller.require("rfq:read")
    statement = select(
        OpenedBidRow.id,
        OpenedBidRow.bidder_id,
        OpenedBidRow.variant,
        OpenedBidRow.submitted_at,
        OpenedBidRow.content,
        OpenedBidRow.technical_commitment,
    ).where(OpenedBidRow.procedure_id == procedure_id, OpenedBidRow.invalid_reason.is_(None))
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(OpenedBidRow.id > after)
    async with transaction(platform, caller) as tx:
        check_bids_readable((await load_own(tx, caller, procedure_id)).procedure)
        rows = await tx.all(statement.order_by(OpenedBidRow.id).limit(asked.fetch))
    return page(asked, [_view(row) for row in rows], lambda view: view.bid_id)


def _view(row: Row[Any]) -> BidAnswersView:
    apart = row.technical_commitment is not None
    read = read_technical if apart else bid_rules.read
    said = read(row.content.encode())
    given = () if said is None else said.answers
    return BidAnswersView(
        bid_id=row.id,
        bidder_id=row.bidder_id,
        variant=row.variant,
        submitted_at=row.submitted_at,
        answers=[GivenAnswerView(each.code, each.answer) for each in given],
    )
