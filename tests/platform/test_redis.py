"""Clients of Redis that close while something is under way."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from marketplace.platform.core import Platform
from marketplace.platform.redis import REDIS_AWAY, RedisClients
from marketplace.platform.settings import Settings
from tests.support.waiting import GIVE_UP_S

STEPS = 40
"""Turns of the event loop in which a command is surely connected, sent and answered."""

Use = Callable[[RedisClients], Awaitable[object]]


def ask(clients: RedisClients) -> Awaitable[object]:
    return clients.commands.ping()


def subscribe(clients: RedisClients) -> Awaitable[object]:
    return clients.subscriptions.pubsub().subscribe("nothing")


async def connected(platform: Platform) -> int:
    """Count the server's connections."""
    return int((await platform.redis.commands.info("clients"))["connected_clients"])


@pytest.mark.parametrize("use", [ask, subscribe])
async def test_whenever_the_clients_close_no_connection_stays_and_none_is_made_afterwards(
    settings: Settings, platform: Platform, use: Use
) -> None:
    before = await connected(platform)

    async def closed_after(steps: int) -> None:
        clients = RedisClients(settings.redis_url)
        under_way = asyncio.ensure_future(use(clients))
        for _ in range(steps):
            await asyncio.sleep(0)
        await clients.close()
        await asyncio.gather(under_way, return_exceptions=True)
        with pytest.raises(REDIS_AWAY):
            await use(clients)

    await asyncio.gather(*map(closed_after, range(STEPS)))
    async with asyncio.timeout(GIVE_UP_S):
        while await connected(platform) > before:
            await asyncio.sleep(0.01)
