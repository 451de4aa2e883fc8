"""A message of the live channel in the forms it is sent in, each made once for all readers."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from auctions.engine.visibility import BidderView, OwnerView
from auctions.schemas import DeltaMessage, HeartbeatMessage, SnapshotView

RETRY_MS: Final = 1_000
"""After how long a browser comes back by itself when its stream has ended."""


class Message:
    """JSON for WebSocket; as a server-sent event the same JSON, framed.

    The event's name is the message's type and its id the viewer's position: his numbers of all lots
    he follows. A browser sends it back (`Last-Event-ID`) when it has to come again.
    """

    __slots__ = ("_type", "json", "lot_id", "number")

    def __init__(self, content: SnapshotView | DeltaMessage | HeartbeatMessage) -> None:
        self.json: Final = msgspec.json.encode(content)
        self.lot_id: Final = content.lot_id
        self.number: Final = (
            content.standing.number if isinstance(content, SnapshotView) else content.number
        )
        self._type = content.__struct_config__.tag

    def event(self, position: str) -> bytes:
        """Give the message as a server-sent event for a viewer who is at `position` with it."""
        head = f"event: {self._type}\nid: {position}\ndata: "
        return head.encode() + self.json + b"\n\n"


def snapshot(lot_id: UUID, shown: BidderView | OwnerView, server_at: datetime) -> Message:
    """Tell all a viewer may see of a lot."""
    return Message(SnapshotView(lot_id=lot_id, server_at=server_at, standing=shown))


def delta(
    lot_id: UUID, number: int, previous: int, changes: dict[str, Any], server_at: datetime
) -> Message:
    """Tell what changed of a lot since the viewer's number `previous`."""
    return Message(
        DeltaMessage(
            lot_id=lot_id, number=number, previous=previous, server_at=server_at, changes=changes
        )
    )


def heartbeat(lot_id: UUID, number: int, server_at: datetime) -> Message:
    """Tell that nothing changed of a lot, and the time."""
    return Message(HeartbeatMessage(lot_id=lot_id, number=number, server_at=server_at))


def merge_patch(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Give the JSON merge patch (RFC 7396) that turns `before` into `after`, without its number.

    The members of a standing are put whole: a client need not know which of them has parts.
    """
    changes = {
        name: value
        for name, value in after.items()
        if name != "number" and before.get(name) != value
    }
    return changes | {name: None for name in before if name not in after}
