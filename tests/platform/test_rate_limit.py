"""Rate limits, shared through the real server."""

import asyncio
from dataclasses import replace

import pytest

from marketplace.kernel.errors import TooManyRequests
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from marketplace.platform.http.rate_limit import RateLimiter
from marketplace.platform.redis import RedisClients
from marketplace.platform.settings import Settings
from tests.support.round_trips import counted, fewest
from tests.support.servers import TestServers


async def passed(limiter: RateLimiter, company: object, requests: int) -> int:
    async def one() -> bool:
        try:
            await limiter.count(company, {})  # type: ignore[arg-type]
        except TooManyRequests:
            return False
        return True

    return sum(await asyncio.gather(*(one() for _ in range(requests))))


async def test_of_a_hundred_requests_ten_pass_where_ten_are_allowed(
    settings: Settings, platform: Platform
) -> None:
    limited = replace(settings, requests_per_minute=10)
    limiters = [RateLimiter(limited, platform.redis) for _ in range(4)]
    company = new_id()
    counts = await asyncio.gather(*(passed(limiter, company, 25) for limiter in limiters))
    assert sum(counts) == 10
    assert await passed(limiters[0], new_id(), 1) == 1


async def test_what_is_left_is_told(settings: Settings, platform: Platform) -> None:
    limiter = RateLimiter(replace(settings, requests_per_minute=10), platform.redis)
    scope: dict[str, object] = {}
    await limiter.count(new_id(), scope)
    limit, left, resets_s = scope["rate_limit"]  # type: ignore[misc]
    assert (limit, left) == (10, 9)
    assert 1 <= resets_s <= 60


async def test_a_burst_uses_up_no_more_than_its_requests(
    settings: Settings, platform: Platform
) -> None:
    limiter = RateLimiter(replace(settings, requests_per_minute=1_000), platform.redis)
    company = new_id()
    assert await passed(limiter, company, 200) == 200
    assert await passed(limiter, company, 800) == 800
    assert await passed(limiter, company, 1) == 0


async def test_what_a_company_may_send_is_asked_by_one_round_trip(settings: Settings) -> None:
    async with counted(settings.redis_url) as meter:
        redis = RedisClients(meter.url)
        try:
            limiter = RateLimiter(replace(settings, requests_per_minute=1_000), redis)
            assert await fewest(lambda: limiter.count(new_id(), {}), meter) == [1]
        finally:
            await redis.close()


async def test_who_is_refused_costs_no_round_trip(settings: Settings, platform: Platform) -> None:
    limiter = RateLimiter(replace(settings, requests_per_minute=1), platform.redis)
    company = new_id()
    assert await passed(limiter, company, 2) == 1
    before = (await platform.redis.commands.info("stats"))["total_commands_processed"]
    assert await passed(limiter, company, 100) == 0
    after = (await platform.redis.commands.info("stats"))["total_commands_processed"]
    assert after - before <= 2


async def test_without_redis_requests_pass(
    settings: Settings, servers: TestServers, platform: Platform
) -> None:
    assert platform.settings == settings
    servers.services.valkey.kill()
    redis = RedisClients(settings.redis_url)
    try:
        assert await passed(RateLimiter(settings, redis), new_id(), 3) == 3
    finally:
        await redis.close()
        servers.services.valkey.start()


async def test_a_refusal_says_when_to_come_back(settings: Settings, platform: Platform) -> None:
    limiter = RateLimiter(replace(settings, requests_per_minute=1), platform.redis)
    company = new_id()
    await limiter.count(company, {})
    with pytest.raises(TooManyRequests) as caught:
        await limiter.count(company, {})
    assert 1 <= caught.value.retry_after_s <= 60
