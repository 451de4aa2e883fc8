import asyncpg
from redis.asyncio import Redis

from marketplace.platform.settings import Settings
from tests.support.round_trips import counted, fewest


async def test_a_warm_query_is_one_round_trip_and_a_transaction_three(settings: Settings) -> None:
    async with counted(settings.database_url) as meter:
        connection = await asyncpg.connect(meter.url)

        async def in_a_transaction() -> None:
            async with connection.transaction():
                await connection.fetchval("select 2")

        alone = await fewest(lambda: connection.fetchval("select 1"), meter)
        within = await fewest(in_a_transaction, meter)
        await connection.close()
    assert alone == [1]
    assert within == [3]


async def test_preparing_a_statement_costs_one_more_round_trip(settings: Settings) -> None:
    async with counted(settings.database_url) as meter:
        connection = await asyncpg.connect(meter.url)
        before = meter.count
        await connection.fetchval("select 3")
        first = meter.count - before
        await connection.close()
    assert first == 2


async def test_an_answer_in_many_pieces_is_one_round_trip(settings: Settings) -> None:
    async with counted(settings.database_url) as meter:
        connection = await asyncpg.connect(meter.url)
        rows = "select repeat('x', 1000) from generate_series(1, 5000)"
        trips = await fewest(lambda: connection.fetch(rows), meter)
        await connection.close()
    assert trips == [1]


async def test_commands_of_one_pipeline_are_one_round_trip(settings: Settings) -> None:
    async with counted(settings.redis_url) as meter:
        redis = Redis.from_url(meter.url)

        async def pipelined() -> None:
            pipeline = redis.pipeline(transaction=False)
            for number in range(100):
                pipeline.set(f"k{number}", "v")
            await pipeline.execute()

        alone = await fewest(lambda: redis.get("k1"), meter)
        together = await fewest(pipelined, meter)
        await redis.aclose()
    assert alone == [1]
    assert together == [1]


async def test_connections_are_counted_each_and_summed(settings: Settings) -> None:
    async with counted(settings.database_url) as meter:
        connections = [await asyncpg.connect(meter.url) for _ in range(3)]
        for connection in connections:
            await connection.fetchval("select 1")
        before = meter.count
        for connection in connections:
            await connection.fetchval("select 1")
        assert meter.count - before == 3
        assert meter.connections == 3
        for connection in connections:
            await connection.close()
