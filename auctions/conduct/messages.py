"""Messages of the buyer to all: entries of the log, and the last one part of every view."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID, uuid5

from auctions.admission import Admission, Card
from auctions.conduct.floor import ask, buyers_card
from auctions.conduct.schemas import MessageInput, MessageList, MessageView
from auctions.engine.events import Announce
from auctions.ledger import AWAY
from auctions.reading import READ
from marketplace.kernel.errors import Conflict, KeyReused, Unavailable
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Role
from marketplace.platform.idempotency import IdempotencyKey


async def send_message(
    platform: Platform,
    caller: Caller,
    auction_id: UUID,
    key: IdempotencyKey,
    data: MessageInput,
    lot_id: UUID | None = None,
) -> MessageView:
    """Tell all bidders something; it stands in the log and goes to all who watch.

    The same key with the same text is one message. Raises NotFound, NotPermitted for a bidder,
    WrongState once the auction has ended or has too many messages, KeyReused.
    """
    card = await buyers_card(platform, caller, auction_id, lot_id)
    message_id = uuid5(card.lot_id, key.key)
    told = await _told(platform, card, message_id)
    if told is None:
        try:
            command = Announce(message_id, data.text)
            await ask(platform, caller, card, command, "tell_all", {"text": data.text})
        except Conflict:
            # Either it cannot be told, or a twin of this request was first.
            if await _told(platform, card, message_id) is None:
                raise
        told = await _told(platform, card, message_id)
    if told is None:
        raise Unavailable("Whether the message was sent is unknown.", retry_after_s=1)
    if told.text != data.text:
        raise KeyReused("This Idempotency-Key came with another message before; use a new key.")
    return told


async def read_messages(
    platform: Platform, caller: Caller, auction_id: UUID, lot_id: UUID | None = None
) -> MessageList:
    """Give the buyer's messages to all, the first one first; raises NotFound, Unavailable."""
    caller.require(READ)
    card, _ = await platform.get(Admission).viewers_card(auction_id, caller.organization_id, lot_id)
    return MessageList(items=[_view(row) for row in await _rows(platform, card)])


async def _told(platform: Platform, card: Card, message_id: UUID) -> MessageView | None:
    rows = await _rows(platform, card)
    return next((_view(row) for row in rows if row["message_id"] == str(message_id)), None)


async def _rows(platform: Platform, card: Card) -> Sequence[Any]:
    try:
        pool = await platform.database.fast(Role.ENGINE)
        async with pool.acquire() as connection:
            rows: Sequence[Any] = await connection.fetch(_MESSAGES, card.lot_id)
    except AWAY as error:
        raise Unavailable("The database does not answer.", retry_after_s=1) from error
    return rows


_MESSAGES: Final = """
select row_number() over (order by seq) as number, at, body->>'text' as text,
       body->>'message_id' as message_id
from auction_ledger where lot_id = $1 and kind = 'announced' order by seq
"""


def _view(row: Any) -> MessageView:
    return MessageView(number=row["number"], at=row["at"], text=row["text"])
