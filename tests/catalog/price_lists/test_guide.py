"""The guide to prices is true: its requests are sent as they stand, and its answers come."""

from pathlib import Path

import httpx
from sqlalchemy import func, select

from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from tests.support.guide import Reader, steps_of
from tests.support.world import World

GUIDE = Path(__file__).parents[3] / "docs" / "prices.md"


async def test_the_guide_is_played_as_it_stands(
    client: httpx.AsyncClient, platform: Platform, world: World
) -> None:
    people = {"buyer": await world.buyer(), "rival": await world.buyer("Rival")}
    people["acme"] = await world.supplier("Acme")
    async with system_transaction(platform, Role.ENGINE) as tx:
        reader = Reader(client, people, await tx.scalar(select(func.clock())))
    steps = steps_of(GUIDE)
    requests = GUIDE.read_text().count("```http")
    assert sum(step["path"] is not None for step in steps) == requests > 40
    for step in steps:
        if step["keep"]:
            reader.keep(step["keep"])
        else:
            await reader.send(step)
