"""The guide to negotiation and frameworks is true: it is played as it stands."""

from datetime import timedelta
from pathlib import Path

import httpx
from sqlalchemy import func, select

from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.worker import Worker
from tests.rfq.parties import MoveClock
from tests.support.guide import Reader, steps_of
from tests.support.world import World

GUIDE = Path(__file__).parents[2] / "docs" / "frameworks.md"
TO = {"opening": timedelta(hours=1, minutes=2), "competition": timedelta(hours=4)}


async def test_the_guide_to_frameworks_is_played_as_it_stands(
    client: httpx.AsyncClient,
    platform: Platform,
    world: World,
    worker: Worker,
    move_clock: MoveClock,
) -> None:
    people = {"buyer": await world.buyer()}
    people |= {name: await world.supplier(name.title()) for name in ("acme", "bolt")}
    async with system_transaction(platform, Role.ENGINE) as tx:
        reader = Reader(client, people, await tx.scalar(select(func.clock())))
    steps = steps_of(GUIDE)
    assert (
        sum(step["path"] is not None for step in steps) == GUIDE.read_text().count("```http") > 20
    )
    for step in steps:
        if step["clock"]:
            await move_clock(TO[step["clock"]])
            await worker.run_until_idle()
        elif step["keep"]:
            reader.keep(step["keep"])
        else:
            await reader.send(step)
