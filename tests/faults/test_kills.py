"""Servers are killed while companies bid: nothing acknowledged is lost, nothing counts twice.

`make faults` runs more rounds. A seed fixes the order of the kills and the pauses before them
(`FAULT_SEED`); what the processes do at that moment is theirs.

What kill -9 shows and what it does not: a process loses what it has not handed to the kernel, and
the kernel keeps what it was handed. So this suite finds an answer given before the commit, a commit
that was not waited for (the last test plants that one), effects doubled by a retry, and state that
lived in one process only. It does not find a missing fsync: that takes the loss of the machine.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from auctions.board import board_key
from marketplace.devservices import DevServices
from marketplace.platform.database import Role
from tests.faults.arena import GIVE_UP_S, Arena, Auction, Grounds, arena_on
from tests.faults.bidders import seeded, until
from tests.faults.victims import API, POSTGRES, VICTIMS, WORKER, Victim

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))
"""In each everything is killed once, in another order."""
SEED = int(os.environ.get("FAULT_SEED", "1"))
RECOVERED_S = 5.0
HEALED_S = 1.0
SILENCE_S = 1.0
"""Without an answer to anybody, and for any one request, while Valkey stands still."""
STANDSTILL_S = 2.0
CLOSE_IN_S = 1.5
BIDS_BEFORE_A_KILL = 60
PAUSE_BEFORE_A_KILL_S = 0.3

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(900 + 120 * ROUNDS),
]


@dataclass(frozen=True)
class Blow:
    """One kill, and what came of it; all times in seconds."""

    victim: str
    at: float
    acknowledged: int
    under_way: int
    bids: float
    """Until every bidder got a bid acknowledged that he sent after the kill."""
    fact: float
    """Until a company registered after the kill was in the feed."""
    board: float
    """Until boards and standings were the ledger's, once nobody bid."""
    slowdown: float
    in_time: bool


def table_of(blows: list[Blow], arena: Arena) -> str:
    crowd = arena.crowd
    lines = [
        "killed                  at s  bids before   under way   bids s   feed s   board s  slower",
        *(
            f"{b.victim:<20}{b.at:>8.1f}{b.acknowledged:>13}{b.under_way:>12}{b.bids:>9.2f}"
            f"{b.fact:>9.2f}{b.board:>10.2f}{b.slowdown:>8.1f}"
            for b in blows
        ),
        (
            f"{len(crowd.answers)} answers to bids; {crowd.lost_connections} connections lost, "
            f"{crowd.unavailable} times 503, {crowd.found_by_key} bids found by their key; "
            f"{len(arena.registrar.read)} facts in the feed; seed {SEED}"
        ),
        "slower: threads per core meanwhile; it lengthens the bounds, and from 2 on there is none",
    ]
    return "\n".join(["", *lines, ""])


@asynccontextmanager
async def all_at_work(arena: Arena, *auctions: Auction, facts: bool = True) -> AsyncIterator[None]:
    """Have everybody bid and register while the block runs; then end, and answer what is open."""
    crowd, registrar = arena.crowd, arena.registrar
    crowd.over = registrar.over = False
    crowd.may_bid.set()
    async with asyncio.timeout(None) as limit, asyncio.TaskGroup() as group:
        for auction in auctions or arena.auctions:
            for bidder in auction.bidders:
                group.create_task(bidder.run())
        if facts:
            group.create_task(registrar.register())
            group.create_task(registrar.follow())
        yield
        crowd.over = registrar.over = True
        crowd.may_bid.set()
        limit.reschedule(asyncio.get_running_loop().time() + GIVE_UP_S)


async def strike(arena: Arena, victim: Victim, began: float, chance: random.Random) -> Blow:
    """Kill in the midst of bidding, and measure until all works again and all agrees."""
    crowd = arena.crowd
    crowd.may_bid.set()
    await crowd.bids(BIDS_BEFORE_A_KILL)
    await asyncio.sleep(chance.uniform(0, PAUSE_BEFORE_A_KILL_S))
    await until(lambda: crowd.under_way, GIVE_UP_S, "a bid under way")
    acknowledged, under_way = len(crowd.answers), crowd.under_way
    killed = time.monotonic()
    await victim.kill(arena.product, chance)
    bids, fact = await recovery(arena, killed, victim)
    await crowd.rest()
    board = await arena.agreement()
    allowed = arena.pace.allowed
    return Blow(
        victim=victim.name,
        at=killed - began,
        acknowledged=acknowledged,
        under_way=under_way,
        bids=bids,
        fact=fact,
        board=board,
        slowdown=arena.pace.slowdown(killed),
        in_time=max(bids, fact) < allowed(RECOVERED_S, killed)
        and board < allowed(HEALED_S, killed),
    )


async def recovery(arena: Arena, killed: float, victim: Victim) -> tuple[float, float]:
    """Wait until bids and facts made after the kill came through; give the seconds of each."""
    bidders = sum(len(auction.bidders) for auction in arena.auctions)
    bids, facts = arena.crowd.served_again, arena.registrar.read_after
    what = f"recovery from the kill of the {victim.name}"
    try:
        await until(lambda: len(bids(killed)) == bidders and facts(killed), GIVE_UP_S, what)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{arena.situation()}") from None
    return max(bids(killed).values()) - killed, min(facts(killed)) - killed


async def closing(arena: Arena, victim: Victim, chance: random.Random) -> bool:
    """Let all auctions close while bids come in and `victim` dies; tell whether in time."""
    arena.crowd.may_bid.set()
    await arena.move_to_close(arena.auctions[0], CLOSE_IN_S)
    began = time.monotonic()
    await asyncio.sleep(CLOSE_IN_S + chance.uniform(-0.5, 0.2))
    await victim.kill(arena.product, chance)
    await arena.closed()
    return time.monotonic() - began - CLOSE_IN_S < arena.pace.allowed(RECOVERED_S, began)


async def test_nothing_acknowledged_is_lost_whatever_is_killed(grounds: Grounds) -> None:
    chance = seeded(SEED)
    began = time.monotonic()
    blows: list[Blow] = []
    async with arena_on(grounds) as arena:
        first = await arena.open_auction(chance)
        await arena.open_auction(chance, disclosure="open", ends_at=first.ends_at)
        async with all_at_work(arena):
            for _ in range(ROUNDS):
                order = chance.sample(VICTIMS, len(VICTIMS))
                blows += [await strike(arena, victim, began, chance) for victim in order]
            closed_in_time = await closing(arena, chance.choice((API, WORKER, POSTGRES)), chance)
        await arena.announced()
        await arena.agreement()
        await arena.work_a_job()
        table = table_of(blows, arena)
        sys.stdout.write(table)
        faults = await arena.feed_faults() + arena.crowd.strange
        for auction in arena.auctions:
            faults += await arena.faults(auction, closed=True)
            faults += await arena.faults_of_published_log(auction)
    assert not faults, "\n".join([table, *faults[:50]])
    assert all(blow.in_time for blow in blows), table
    assert closed_in_time


async def test_a_worker_killed_in_the_midst_of_a_close_leaves_one_close(grounds: Grounds) -> None:
    async with arena_on(grounds) as arena:
        auction = await arena.open_auction(seeded(SEED))
        async with arena.database(Role.ENGINE) as lock, arena.database(Role.WORKER) as timers:
            async with lock.transaction():
                await lock.execute(_LOCK, auction.lot_id)
                await arena.move_to_close(auction, 0.0)
                taken = lambda: timers.fetchval(_LEASED, auction.lot_id)  # noqa: E731
                await until(taken, GIVE_UP_S, "the worker's turn to the close")
                arena.product.kill(arena.product.worker)
            arena.product.worker.start()
            killed = time.monotonic()
            await arena.closed()
            late = time.monotonic() - killed
            allowed = arena.pace.allowed(RECOVERED_S, killed)
        await arena.announced()
        await arena.agreement()
        faults = await arena.faults(auction, closed=True) + await arena.feed_faults()
    sys.stdout.write(f"\nclosed {late:.2f} s after the kill of the worker that was closing it\n")
    assert not faults
    assert late < allowed


_LOCK = "select from auction_lots where id = $1 for update"
_LEASED = """
select leased_until > clock() from timers where kind = 'auctions.close' and subject_id = $1
"""


async def test_wiped_boards_are_back_within_a_second(grounds: Grounds) -> None:
    """The hot lot's by its next bid, the quiet lot's by the worker."""
    chance = seeded(SEED)
    async with arena_on(grounds) as arena:
        hot, quiet = await arena.open_auction(chance), await arena.open_auction(chance)
        keys = [board_key(hot.lot_id), board_key(quiet.lot_id)]
        redis = Redis.from_url(arena.product.urls.redis_url)

        async def are_back() -> bool:
            return await redis.exists(*keys) == len(keys)

        await arena.agreement()
        took = []
        async with all_at_work(arena, hot):
            for _ in range(3):
                await arena.crowd.bids(BIDS_BEFORE_A_KILL)
                began = time.monotonic()
                await redis.flushall()
                seconds = await until(are_back, GIVE_UP_S, "wiped boards back")
                took.append((seconds, arena.pace.allowed(HEALED_S, began)))
            await arena.crowd.rest()
            await arena.agreement()
        await redis.aclose()
        faults = await arena.faults(hot, closed=False) + arena.crowd.strange
    sys.stdout.write(f"\nwiped boards were back after {', '.join(f'{s:.2f}' for s, _ in took)} s\n")
    assert not faults
    assert all(seconds < allowed for seconds, allowed in took), took


async def test_bidding_goes_on_while_valkey_stands_still(grounds: Grounds) -> None:
    async with arena_on(grounds) as arena:
        auction = await arena.open_auction(seeded(SEED))
        crowd = arena.crowd
        async with all_at_work(arena):
            await crowd.bids(BIDS_BEFORE_A_KILL)
            valkey = arena.product.services.valkey.pid
            os.kill(valkey, signal.SIGSTOP)
            stopped = time.monotonic()
            try:
                first_request, standing = await asyncio.gather(
                    seconds_of(arena.actor(arena.newcomer).get("/v1/auctions")),
                    seconds_of(arena.actor(arena.buyer).get(f"/v1/auctions/{auction.id}/standing")),
                )
                await asyncio.sleep(max(0.0, stopped + STANDSTILL_S - time.monotonic()))
            finally:
                os.kill(valkey, signal.SIGCONT)
            ended = time.monotonic()
            allowed = arena.pace.allowed(SILENCE_S, stopped)
            await crowd.rest()
            healed = await arena.agreement()
        faults = await arena.faults(auction, closed=False) + crowd.strange
    answered = sorted(at for _, _, at in crowd.answers if stopped < at < ended)
    silence = max(later - at for at, later in pairwise([stopped, *answered, ended]))
    bid = max(at - sent for _, sent, at in crowd.answers if at > stopped)
    sys.stdout.write(
        f"\nValkey stood still for {ended - stopped:.1f} s: {len(answered)} bids acknowledged, "
        f"longest silence {silence:.2f} s; slowest bid {bid:.2f} s, standing {standing:.2f} s, "
        f"first request of a company {first_request:.2f} s; boards right after {healed:.2f} s\n"
    )
    assert not faults
    assert max(silence, bid, standing, first_request, healed) < allowed


async def seconds_of(request: Awaitable[Any]) -> float:
    began = time.monotonic()
    await request
    return time.monotonic() - began


async def test_the_suite_catches_a_database_that_confirms_before_it_writes(
    grounds: Grounds,
) -> None:
    """The negative control: Postgres with `synchronous_commit` off loses what was acknowledged."""
    services = grounds.product.services
    async with arena_on(grounds) as arena:
        auction = await arena.open_auction(seeded(SEED))
        for _ in range(TRIES):
            async with all_at_work(arena, facts=False):
                await hasten(services)
                await arena.crowd.bids(3 * BIDS_BEFORE_A_KILL)
                services.postgres.kill()
                (services.postgres.data / "postgresql.auto.conf").write_text("")
                services.postgres.start()
                await arena.crowd.rest()
            faults = await arena.faults(auction, closed=False)
            lost = [fault for fault in faults if fault.startswith("lost")]
            if lost:
                break
    sys.stdout.write(f"\nwithout synchronous commits {len(lost)} acknowledged bids were lost\n")
    assert lost, faults


TRIES = 5
"""Now and then the log has just been written when Postgres is killed."""


async def hasten(services: DevServices) -> None:
    superuser = await asyncpg.connect(services._postgres_url("postgres"))
    for setting in _HASTY:
        await superuser.execute(f"alter system set {setting}")
    await superuser.execute("select pg_reload_conf()")
    await superuser.close()


# The writer of the log sleeps for long, so that much is confirmed and not handed to the kernel.
_HASTY = ("synchronous_commit = off", "wal_writer_delay = '10s'", "wal_writer_flush_after = '1GB'")
