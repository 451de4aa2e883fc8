"""A planted price is looked for where it could have leaked to: every byte the servers wrote."""

import asyncio
from pathlib import Path

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from marketplace.platform.settings import Settings
from marketplace.worker import Worker
from tests.rfq.parties import HOUR, MoveClock
from tests.rfq.test_routes import priced, published
from tests.support.servers import TestServers
from tests.support.world import World

PLANTED = "73190.90517"
NOTE = "the-planted-note-of-a-sealed-bid"


def holders(secrets: list[str], *directories: Path) -> set[str]:
    """The files that hold one of these texts."""
    wanted = [secret.encode() for secret in secrets]
    found = set()
    for directory in directories:
        for path in directory.rglob("*"):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
                if any(secret in content for secret in wanted):
                    found.add(path.relative_to(directory).parts[0])
    return found


async def everything_is_on_disk(settings: Settings) -> None:
    """Return once the write-ahead log of all that was committed is in its files."""
    connection = await asyncpg.connect(settings.owner_url)
    try:
        written = await connection.fetchval("select pg_current_wal_insert_lsn()::text")
        flushed = "select pg_current_wal_flush_lsn() >= $1::text::pg_lsn"
        async with asyncio.timeout(10):
            while not await connection.fetchval(flushed, written):
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


async def test_before_the_opening_a_planted_price_is_in_no_byte_of_disk_valkey_and_logs(
    client: httpx.AsyncClient,
    world: World,
    worker: Worker,
    move_clock: MoveClock,
    servers: TestServers,
    settings: Settings,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    buyer, acme = await world.buyer(), await world.supplier()
    made = await published(client, buyer, acme)
    address = f"/v1/procedures/{made['id']}"
    bid = {**priced(made, PLANTED, "90"), "note": NOTE}
    sent = await client.post(f"{address}/bids", json=bid, headers=acme.writing)
    assert sent.status_code == 201, sent.text
    replaced = await client.put(
        f"{address}/bids/{sent.json()['bid_id']}",
        json=bid,
        headers={**acme.writing, "If-Match": '"1"'},
    )
    assert replaced.status_code == 200, replaced.text
    await client.post(f"{address}/bids", json={**bid, "lines": []}, headers=acme.writing)
    await worker.run_until_idle()
    redis = Redis.from_url(settings.redis_url)
    await redis.save()
    await everything_is_on_disk(settings)

    nonces = [answer.json()["nonce"] for answer in (sent, replaced)]
    secrets = [PLANTED, NOTE, *nonces]
    places = servers.services.place, settings.data_directory
    assert holders(secrets, *places) == set()
    printed = capfd.readouterr()
    logged = printed.out + printed.err + caplog.text
    assert [secret for secret in secrets if secret in logged] == []

    # The search finds what is there: the receipt before, the price after the opening.
    assert holders([str(made["id"])], settings.data_directory) == {"keys"}
    await move_clock(HOUR)
    await worker.run_until_idle()
    await everything_is_on_disk(settings)
    assert holders([PLANTED], servers.services.place) != set()
    await redis.aclose()
