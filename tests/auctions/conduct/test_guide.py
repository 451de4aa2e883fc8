"""The guide for users is true: its requests are sent, and its answers are part of what comes."""

import re
from datetime import timedelta
from pathlib import Path

import httpx

from auctions.intake import Intake
from marketplace.platform.core import Platform
from tests.auctions.auction_hall import money
from tests.auctions.test_auctions import clock
from tests.conftest import MoveClock
from tests.support.guide import Reader, steps_of
from tests.support.world import World

GUIDE = Path(__file__).parents[3] / "docs" / "auctions.md"


class Auctioned(Reader):
    """Follows the guide to auctions, whose one auction has a name of its own."""

    def took(self, step: re.Match[str]) -> None:
        if self.filled(step["path"]) == "/v1/auctions":
            self.keep("auction=id")

    async def bid(self, bidder: str, amount: str) -> None:
        who = self.people[bidder]
        path = f"/v1/auctions/{self.names['auction']}/bids"
        answer = await self.client.post(path, json=money(amount), headers=who.writing)
        assert answer.status_code == 201, answer.text


async def test_the_guide_is_played_as_it_stands(
    client: httpx.AsyncClient, platform: Platform, world: World, move_clock: MoveClock
) -> None:
    people = {"buyer": await world.buyer()}
    people |= {name: await world.supplier(name.title()) for name in ("acme", "bolt", "core")}
    reader = Auctioned(client, people, await clock(platform))
    steps = steps_of(GUIDE)
    assert len(steps) > 18
    for step in steps:
        if step["clock"] == "start":
            await move_clock(timedelta(minutes=2))
        elif step["clock"] == "close":
            await move_clock(timedelta(hours=2))
            await platform.get(Intake).drain()
            path = f"/v1/auctions/{reader.names['auction']}/close"
            assert (await client.post(path, headers=people["buyer"].headers)).is_success
        elif step["bidder"]:
            await reader.bid(step["bidder"], step["amount"])
        else:
            await reader.send(step)
