"""Who watches which lots, and what is handed to him: of each a snapshot, then numbered changes.

Each process listens to Redis once, whatever the number of its viewers, and encodes a message once
for all viewers who may see the same (all members of one bidder, or of the buyer). A viewer who
reads too slowly is dropped: he comes back and gets a snapshot. While Redis is away the states come
from the ledger, once a second.

Nobody is shown a state that goes back, whatever Redis holds: a process shows nothing older than
what it showed before, and to a viewer who names the last number he saw, from whichever process,
the ledger is asked where the board is behind it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from auctions.board import Board, channel
from auctions.clock import ShownClock
from auctions.engine.visibility import Viewer, number, view
from auctions.ledger import AWAY, Head, Ledger
from auctions.ledger.head import head_of
from auctions.live.messages import Message, delta, heartbeat, merge_patch, snapshot
from auctions.memory import LotMemory
from marketplace.kernel.errors import MarketplaceError
from marketplace.kernel.limits import VIEWER_BACKLOG_MAX
from marketplace.platform.core import Platform
from marketplace.platform.redis import REDIS_AWAY
from marketplace.platform.tasks import end
from marketplace.platform.telemetry import LIVE_VIEWERS, log

LOOK_SECONDS: Final = 1.0
"""How often boards are compared, in case Redis lost a message."""
LOOKS_PER_HEARTBEAT: Final = 5
_OVERDUE: Final = timedelta(seconds=5)
SEPARATOR: Final = "."
NOT_TOLD: Final = "-"
_IDLE_CHANNEL: Final = "auctions:nobody"


@dataclass(eq=False, slots=True)
class Seat:
    """One viewer's place: the messages waiting for him of the lots he follows, in their order.

    None ends the channel.
    """

    lots: tuple[UUID, ...] = (UUID(int=0),)
    mailbox: "asyncio.Queue[Message | None]" = field(init=False)
    dropped: bool = False
    _told: dict[UUID, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Make room for so many messages of each lot."""
        self.mailbox = asyncio.Queue(VIEWER_BACKLOG_MAX * len(self.lots))

    def position(self, message: Message) -> str:
        """Give where the viewer is once he has this message: his numbers of all his lots.

        A lot he was told nothing of yet has a dash.
        """
        self._told[message.lot_id] = message.number
        return SEPARATOR.join(str(self._told.get(lot_id, NOT_TOLD)) for lot_id in self.lots)

    def deliver(self, message: Message) -> None:
        """Put a message down, or drop a viewer who has let too many pile up."""
        if self.dropped:
            return
        try:
            self.mailbox.put_nowait(message)
        except asyncio.QueueFull:
            self.dropped = True
            self.end()

    def end(self) -> None:
        """Let the channel end after what still fits into the mailbox."""
        if self.mailbox.full():
            self.mailbox.get_nowait()
        self.mailbox.put_nowait(None)


@dataclass(eq=False, slots=True)
class _Row:
    """All seats from which the same is seen, and what was last seen from them."""

    number: int
    shown: dict[str, Any]
    seats: set[Seat] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class _House:
    """The viewers of one lot in this process."""

    head: Head
    rows: dict[Viewer, _Row] = field(default_factory=dict)


class Hub:
    """Hands the changes of lots to their viewers in this process."""

    def __init__(self, platform: Platform, ledger: Ledger, board: Board, clock: ShownClock) -> None:
        self._ledger = ledger
        self._board = board
        self._clock = clock
        self._pubsub = platform.redis.subscriptions.pubsub()
        self._houses: dict[UUID, _House] = {}
        self._shown: LotMemory[Head] = LotMemory()
        self._watched: Counter[UUID] = Counter()
        self._watched_changed = asyncio.Event()
        self._listening = asyncio.Event()

    async def standing(self, lot_id: UUID, viewer: Viewer, after: int | None = None) -> Head:
        """Give the latest head known without asking Postgres, or else from the ledger.

        Where that is behind `after`, the number the viewer saw last, the ledger is asked.
        """
        head = await self._latest(lot_id)
        if after is not None and number(head.state, viewer) < after:
            head = self._not_before_shown(await self._ledger.read(lot_id))
        return head

    async def _latest(self, lot_id: UUID) -> Head:
        on_board = None
        with suppress(*REDIS_AWAY):
            on_board = await self._board.read(lot_id)
        decided_here = self._ledger.known(lot_id)
        if on_board is None or await self._is_overdue(on_board):
            head = await self._ledger.read(lot_id)
            if on_board is not None and head.position > on_board.position:
                self._board.offer(head)
            return self._not_before_shown(head)
        if decided_here is not None and decided_here.position > on_board.position:
            return self._not_before_shown(decided_here)
        return self._not_before_shown(on_board)

    def _not_before_shown(self, head: Head) -> Head:
        """Give this head, or the one shown before if it is later: Redis may have been put back."""
        lot_id = head.state.lot_id
        shown = self._shown.get(lot_id)
        if shown is not None and shown.position > head.position:
            return shown
        self._shown.put(lot_id, head, len(head.state.roster))
        return head

    async def _is_overdue(self, head: Head) -> bool:
        """Tell whether a head should have ended by now: Redis may hold what it was long ago."""
        deadline = head.state.deadline()
        return deadline is not None and await self._clock.now() > deadline + _OVERDUE

    @asynccontextmanager
    async def seat(self, after: Mapping[UUID, int | None], viewer: Viewer) -> AsyncIterator[Seat]:
        """Take a seat: its mailbox begins with a snapshot of each lot, or with where he is of it.

        `after` are the lots, in their order, each with the number of the last change he saw.
        """
        for lot_id in after:
            self._watch(lot_id)
        try:
            await self._clock.now()
            standings = (self.standing(lot_id, viewer, seen) for lot_id, seen in after.items())
            heads = await asyncio.gather(*standings)
            seat = Seat(tuple(after))
            for head in heads:
                self._sit_down(seat, head, viewer, after[head.state.lot_id])
            LIVE_VIEWERS.inc()
            try:
                yield seat
            finally:
                LIVE_VIEWERS.dec()
                for lot_id in after:
                    self._stand_up(lot_id, viewer, seat)
        finally:
            for lot_id in after:
                self._unwatch(lot_id)

    def _watch(self, lot_id: UUID) -> None:
        self._watched[lot_id] += 1
        self._watched_changed.set()

    def _unwatch(self, lot_id: UUID) -> None:
        self._watched[lot_id] -= 1
        if not self._watched[lot_id]:
            del self._watched[lot_id]
            self._houses.pop(lot_id, None)
            self._watched_changed.set()

    def _sit_down(self, seat: Seat, head: Head, viewer: Viewer, after: int | None) -> None:
        house = self._houses.setdefault(head.state.lot_id, _House(head))
        self._take(house, head)
        row = house.rows.get(viewer)
        if row is None:
            shown = view(house.head.state, viewer)
            row = house.rows[viewer] = _Row(shown.number, msgspec.to_builtins(shown))
        if row.number == after:
            seat.deliver(self._heartbeat(house, row))
        else:
            seat.deliver(self._snapshot(house, viewer))
        row.seats.add(seat)

    def _stand_up(self, lot_id: UUID, viewer: Viewer, seat: Seat) -> None:
        house = self._houses[lot_id]
        row = house.rows[viewer]
        row.seats.discard(seat)
        if not row.seats:
            del house.rows[viewer]

    def _take(self, house: _House, head: Head) -> None:
        """Show a later head to all who see something of it."""
        head = self._not_before_shown(head)
        if head.position <= house.head.position:
            return
        anew = head.epoch != house.head.epoch
        house.head = head
        for viewer, row in house.rows.items():
            if not anew and number(head.state, viewer) == row.number:
                continue
            shown = view(head.state, viewer)
            after = msgspec.to_builtins(shown)
            if anew:
                message = self._snapshot(house, viewer)
            else:
                changes = merge_patch(row.shown, after)
                at = self._clock.estimate()
                message = delta(head.state.lot_id, shown.number, row.number, changes, at)
            row.number, row.shown = shown.number, after
            for seat in row.seats:
                seat.deliver(message)

    def _snapshot(self, house: _House, viewer: Viewer) -> Message:
        state = house.head.state
        return snapshot(state.lot_id, view(state, viewer), self._clock.estimate())

    def _heartbeat(self, house: _House, row: _Row) -> Message:
        return heartbeat(house.head.state.lot_id, row.number, self._clock.estimate())

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Listen and look until the block ends; then end all channels."""
        loops = (self._subscribe(), self._listen(), self._look_around())
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            yield
        finally:
            await end(*tasks)
            for house in self._houses.values():
                for row in house.rows.values():
                    for seat in row.seats:
                        seat.end()
            await self._pubsub.aclose()  # type: ignore[no-untyped-call]

    async def _subscribe(self) -> None:
        """Keep the subscriptions as viewers need them; alone, so that commands keep their order.

        While Redis is away this waits for it without end; no viewer waits with it.
        """
        held: set[str] = set()
        while True:
            wanted = {_IDLE_CHANNEL, *map(channel, self._watched)}
            self._watched_changed.clear()
            try:
                if wanted - held:
                    await self._pubsub.subscribe(*(wanted - held))
                if held - wanted:
                    await self._pubsub.unsubscribe(*(held - wanted))
                held = wanted
                self._listening.set()
                await self._watched_changed.wait()
            except REDIS_AWAY as error:
                log.warning("live_without_redis", error=type(error).__name__)
                await asyncio.sleep(LOOK_SECONDS)

    async def _listen(self) -> None:
        await self._listening.wait()
        while True:
            try:
                async for message in self._pubsub.listen():
                    if message["type"] == "message":
                        self._published(message["data"])
            except REDIS_AWAY as error:
                log.warning("live_without_redis", error=type(error).__name__)
                await asyncio.sleep(LOOK_SECONDS)

    def _published(self, data: bytes) -> None:
        head = head_of(data)
        house = None if head is None else self._houses.get(head.state.lot_id)
        if head is not None and house is not None:
            self._take(house, head)

    async def _look_around(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._houses:
                continue
            looks += 1
            try:
                await self._catch_up()
                if looks % LOOKS_PER_HEARTBEAT == 0:
                    await self._clock.refresh()
                    self._beat()
            except (*AWAY, MarketplaceError) as error:
                log.warning("live_without_database", error=type(error).__name__)

    async def _catch_up(self) -> None:
        """Take what a lost message would have told."""
        lots = list(self._houses)
        try:
            positions = await self._board.positions(lots)
        except REDIS_AWAY:
            positions = dict.fromkeys(lots)
        for lot_id in lots:
            house, position = self._houses.get(lot_id), positions[lot_id]
            if house is None or position == house.head.position:
                continue
            if position is not None and position < house.head.position:
                self._board.offer(house.head)  # Redis was put back
            else:
                self._take(house, await self._latest(lot_id))

    def _beat(self) -> None:
        for house in self._houses.values():
            for row in house.rows.values():
                message = self._heartbeat(house, row)
                for seat in row.seats:
                    seat.deliver(message)
