"""The board: each lot's latest state in Redis, for all who read.

The board is a projection of the ledger and decides nothing. It is written after the commit and
never holds it up: while Redis is away bidding goes on, and readers get the state from the ledger. A
late writer cannot put a board back (`swap.lua` compares epoch and number), and what Redis forgot or
rolled back is written anew from the ledger within a second (`heal`).
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from auctions.ledger import AWAY, Head, Ledger
from auctions.ledger.head import head_of, snapshot_bytes
from marketplace.kernel.errors import MarketplaceError
from marketplace.kernel.limits import AUCTION_BOARDS_HEALED_MAX
from marketplace.platform.core import Platform
from marketplace.platform.database import Role
from marketplace.platform.redis import REDIS_AWAY
from marketplace.platform.telemetry import log

WRITE_PAUSE_S: Final = 0.05
"""Between two writes: the eye sees no more, and bids come 200 times as fast."""
SWAPPED_AT_ONCE: Final = 50
"""Boards in one round trip: up to a megabyte, and some milliseconds of encoding."""
HEAL_SECONDS: Final = 0.5
"""Between two looks at all boards; with the look itself a wiped board is back within a second."""
READ_SECONDS_MAX: Final = 0.25
"""A reader waits no longer for Redis, which takes a millisecond; then the ledger tells him."""
KEEP_SECONDS: Final = 7 * 86_400
_SWAP: Final = (Path(__file__).parent / "swap.lua").read_text()

Position = tuple[int, int]


def board_key(lot_id: UUID) -> str:
    """Name the board of a lot; the braces keep board and channel in one slot of a cluster."""
    return f"auction:{{{lot_id}}}:board"


def channel(lot_id: UUID) -> str:
    """Name the channel on which a lot's boards are published."""
    return f"auction:{{{lot_id}}}:live"


class Board:
    """Writes and reads the boards of lots.

    `_latest` are the heads to be written, by the server they go to: each has a writer of its own,
    so that of a cluster one that is away holds up no other's boards.
    """

    def __init__(self, platform: Platform) -> None:
        self._clients = platform.redis
        self._redis: Any = platform.redis.commands
        self._latest: defaultdict[str, dict[UUID, Head]] = defaultdict(dict)
        self._writing: dict[str, asyncio.Task[None]] = {}
        platform.before_close(self.drain)

    def offer(self, head: Head) -> None:
        """Have a head written soon; of a lot's heads that follow fast only the latest is."""
        lot_id = head.state.lot_id
        server = self._clients.server_of(board_key(lot_id))
        self._latest[server][lot_id] = head
        if server not in self._writing:
            self._writing[server] = asyncio.create_task(self._write(server))

    async def _write(self, server: str) -> None:
        try:
            while heads := self._latest.pop(server, None):
                try:
                    await self.swap_all(list(heads.values()))
                except REDIS_AWAY as error:
                    name = type(error).__name__
                    log.warning("boards_not_written", lots=len(heads), error=name)
                await asyncio.sleep(WRITE_PAUSE_S)
        finally:
            del self._writing[server]

    async def swap(self, head: Head) -> bool:
        """Put a head on its board and publish it; False if a later one is there."""
        return (await self.swap_all([head]))[0]

    async def swap_all(self, heads: Sequence[Head]) -> list[bool]:
        """Put heads on their boards, many by one round trip; as `swap`.

        Raises what Redis raises, once all have been tried: of a cluster some servers may be away.
        """
        answers: list[Any] = []
        for start in range(0, len(heads), SWAPPED_AT_ONCE):
            some = heads[start : start + SWAPPED_AT_ONCE]
            try:
                answers += await self._swap_some(some)
            except REDIS_AWAY as error:
                answers += [error] * len(some)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return [bool(answer) for answer in answers]

    async def _swap_some(self, heads: Sequence[Head]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for head in heads:
                # The text and not its hash: pipelines of clusters do not load scripts.
                lot_id, state = head.state.lot_id, snapshot_bytes(head)
                keys = board_key(lot_id), channel(lot_id)
                pipe.eval(_SWAP, len(keys), *keys, head.epoch, head.state.seq, state, KEEP_SECONDS)
            answers: list[Any] = await pipe.execute(raise_on_error=False)
        return answers

    async def read(self, lot_id: UUID) -> Head | None:
        """Give the head on the board, None if none can be read; raises what Redis raises."""
        async with asyncio.timeout(READ_SECONDS_MAX):
            snapshot: Any = await self._redis.hget(board_key(lot_id), "state")
        return None if snapshot is None else head_of(snapshot)

    async def positions(self, lot_ids: list[UUID]) -> Mapping[UUID, Position | None]:
        """Give (epoch, seq) of the boards of these lots; raises what Redis raises."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for lot_id in lot_ids:
                pipe.hmget(board_key(lot_id), "epoch", "seq")
            found = await pipe.execute()
        return {
            lot_id: None if epoch is None else (int(epoch), int(seq))
            for lot_id, (epoch, seq) in zip(lot_ids, found, strict=True)
        }

    async def drain(self) -> None:
        """Wait until what was offered is written: for the end of a process."""
        while self._writing:
            await asyncio.wait(self._writing.values())


async def heal(platform: Platform) -> int:
    """Write anew the boards of running and just ended lots that are missing or behind.

    Give how many were. A board that is only a moment behind is left to the process that decides.
    """
    ledger, board = platform.get(Ledger), platform.get(Board)
    pool = await platform.database.fast(Role.ENGINE)
    async with pool.acquire() as connection:
        rows = await connection.fetch(_TO_HEAL, AUCTION_BOARDS_HEALED_MAX)
    if not rows:
        return 0
    await asyncio.sleep(2 * WRITE_PAUSE_S)
    lots = {row["id"]: (row["epoch"], row["seq"]) for row in rows}
    found = await board.positions(list(lots))
    behind = [lot for lot, at in lots.items() if (found[lot] or (0, 0)) < at]
    failure: Exception | None = None
    async for heads in ledger.read_many(behind):
        try:
            await board.swap_all(heads)
        except REDIS_AWAY as error:  # of a cluster, other servers may be there
            failure = error
    if failure is not None:
        raise failure
    return len(behind)


_TO_HEAL: Final = """
select id, epoch, seq from auction_lots
where phase in ('scheduled', 'open')
   or (phase in ('closed', 'cancelled')
       and closes_at > (select clock()) - interval '5 minutes')
order by id limit $1
"""


async def keep_healing(platform: Platform) -> None:
    """Heal boards twice a second until cancelled."""
    while True:
        try:
            healed = await heal(platform)
            if healed:
                log.info("boards_healed", count=healed)
        except (*REDIS_AWAY, *AWAY, MarketplaceError) as error:
            log.warning("boards_not_healed", error=type(error).__name__)
        await asyncio.sleep(HEAL_SECONDS)
