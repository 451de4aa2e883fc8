"""The guides that go step by step are true: each is played over HTTP as it stands."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.worker import Worker
from tests.rfq.parties import MoveClock
from tests.support.guide import Reader, steps_of
from tests.support.world import World

GUIDES = Path(__file__).parents[2] / "docs"
OPENING, LATER = timedelta(hours=1, minutes=2), timedelta(hours=4)


@pytest.mark.parametrize(
    ("guide", "suppliers", "to"),
    [
        ("frameworks.md", ("acme", "bolt"), {"opening": OPENING, "competition": LATER}),
        ("partial-bids.md", ("acme", "bolt", "coil"), {"opening": OPENING, "decision": LATER}),
        ("variants.md", ("acme", "bolt"), {"opening": OPENING}),
    ],
)
async def test_a_guide_is_played_as_it_stands(
    client: httpx.AsyncClient,
    platform: Platform,
    world: World,
    worker: Worker,
    move_clock: MoveClock,
    *,
    guide: str,
    suppliers: tuple[str, ...],
    to: dict[str, timedelta],
) -> None:
    people = {"buyer": await world.buyer()}
    people |= {name: await world.supplier(name.title()) for name in suppliers}
    async with system_transaction(platform, Role.ENGINE) as tx:
        reader = Reader(client, people, await tx.scalar(select(func.clock())))
    steps = steps_of(GUIDES / guide)
    requests = (GUIDES / guide).read_text().count("```http")
    assert sum(step["path"] is not None for step in steps) == requests > 15
    for step in steps:
        if step["clock"]:
            await move_clock(to[step["clock"]])
            await worker.run_until_idle()
        elif step["keep"]:
            reader.keep(step["keep"])
        else:
            await reader.send(step)
