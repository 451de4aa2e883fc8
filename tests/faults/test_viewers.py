"""Redis is killed, wiped, put back to an older copy: nobody who watches sees time go back."""

import shutil
import subprocess
import sys
import time

import pytest
from redis.asyncio import Redis

from tests.faults.arena import GIVE_UP_S, Grounds, arena_on
from tests.faults.bidders import seeded, until
from tests.faults.test_kills import HEALED_S, SEED, all_at_work
from tests.faults.viewers import watched
from tests.support.running import serving_too

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
BIDS = 30


async def test_no_viewer_sees_time_go_back_whatever_becomes_of_redis(grounds: Grounds) -> None:
    product = grounds.product
    valkey = product.services.valkey
    older = valkey.data.with_name("older")
    healed = {}
    with serving_too(product) as second:
        async with arena_on(grounds) as arena:
            auction = await arena.open_auction(seeded(SEED), disclosure="open")
            ways = watched([product.url, second], auction, arena.buyer.key)
            async with ways as witnesses:
                async with all_at_work(arena, facts=False):
                    await arena.crowd.bids(BIDS)
                    for one in witnesses:
                        enough = lambda one=one: len(set(one.numbers)) > 10  # noqa: E731
                        await until(enough, GIVE_UP_S, f"states shown by {one.way}")
                    copied = ["cp", "-a", str(valkey.data), str(older)]
                    subprocess.run(copied, check=True)  # noqa: S603, ASYNC221 - a few kilobytes
                    await arena.crowd.bids(BIDS)

                    valkey.kill()
                    await arena.crowd.bids(BIDS)
                    await arena.crowd.rest()
                    shutil.rmtree(valkey.data)
                    older.rename(valkey.data)
                    valkey.launch()
                    await until(valkey._ready, GIVE_UP_S, "Valkey's return")
                    healed["put back"] = await arena.agreement()

                    arena.crowd.may_bid.set()
                    await arena.crowd.bids(BIDS)
                    await arena.crowd.rest()
                    redis = Redis.from_url(product.urls.redis_url)
                    began = time.monotonic()
                    await redis.flushall()
                    await redis.aclose()
                    healed["wiped"] = await arena.agreement()
                allowed = arena.pace.allowed(HEALED_S, began)
                standing = await arena.actor(arena.buyer).get(f"/v1/auctions/{auction.id}/standing")
                last = standing["standing"]
                for one in witnesses:
                    await until(
                        lambda one=one: one.standing.get("number") == last["number"],  # type: ignore[misc]
                        GIVE_UP_S,
                        f"the last state over {one.way}",
                    )
            faults = await arena.faults(auction, closed=False) + arena.crowd.strange
    for one in witnesses:
        faults += one.faults()
        assert one.standing["standings"] == last["standings"]
    shown = ", ".join(f"{len(one.numbers)} by {one.way}" for one in witnesses)
    sys.stdout.write(f"\nboards right after {healed} s; states shown: {shown}\n")
    assert not faults, "\n".join(faults[:30])
    assert max(healed.values()) < allowed
