"""Messages between the two sides of a negotiation, beside the offers."""

from uuid import UUID

from sqlalchemy import func, insert, select

from marketplace.kernel.errors import Conflict
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import MESSAGES_PER_NEGOTIATION_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay
from rfq.negotiation.schemas import NegotiationMessageInput, NegotiationMessageView
from rfq.negotiation.service import held_side, read_negotiation
from rfq.negotiation.tables import NegotiationMessageRow
from rfq.negotiation.views import message_view
from rfq.rules.negotiation import NegotiationStatus, check_message
from rfq.rules.procedure import check_words

_COLUMNS = (
    NegotiationMessageRow.id,
    NegotiationMessageRow.side,
    NegotiationMessageRow.message,
    NegotiationMessageRow.sent_at,
)


async def send_message(
    platform: Platform,
    caller: Caller,
    negotiation_id: UUID,
    data: NegotiationMessageInput,
    key: IdempotencyKey,
) -> NegotiationMessageView:
    """Write to the other side, in whosever turn; raises NotFound, WrongState, Conflict."""
    check_words(data.message, "/message")
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, NegotiationMessageView)) is not None:
            return earlier
        row, side, at = await held_side(tx, caller, negotiation_id)
        check_message(NegotiationStatus(row.status))
        sent: int = await tx.scalar(
            select(func.count()).where(NegotiationMessageRow.negotiation_id == negotiation_id)
        )
        if sent >= MESSAGES_PER_NEGOTIATION_MAX:
            raise Conflict(f"A negotiation has at most {MESSAGES_PER_NEGOTIATION_MAX} messages.")
        made = await tx.one(
            insert(NegotiationMessageRow)
            .values(
                id=new_id(),
                negotiation_id=negotiation_id,
                buyer_id=row.buyer_id,
                bidder_id=row.bidder_id,
                side=side.value,
                message=data.message,
                sent_at=at,
            )
            .returning(*_COLUMNS)
        )
        facts: dict[str, object] = {"procedure_id": row.procedure_id, "message_id": made.id}
        sides = frozenset([row.buyer_id, row.bidder_id])
        kind = "negotiation.message"
        tx.emit(Event(kind, "negotiation", negotiation_id, row.version, sides, facts))
        tx.record(kind, "negotiation", negotiation_id, after=facts)
        return await keep(tx, key, message_view(made))


async def list_messages(
    platform: Platform, caller: Caller, negotiation_id: UUID, asked: PageRequest
) -> Page[NegotiationMessageView]:
    """List the messages of a negotiation to its two sides, the first first; raises NotFound."""
    await read_negotiation(platform, caller, negotiation_id)
    statement = select(*_COLUMNS).where(NegotiationMessageRow.negotiation_id == negotiation_id)
    if (after := asked.key(UUID)) is not None:
        statement = statement.where(NegotiationMessageRow.id > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement.order_by(NegotiationMessageRow.id).limit(asked.fetch))
    return page(asked, [message_view(row) for row in rows], lambda item: item.id)
