"""One road, played once against the whole product; the tests of this folder look at it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from marketplace.demo.journey import Road, play
from marketplace.demo.registration import DemoCompany, register_company
from marketplace.demo.story import Actor, Exchange, Recorder, Silence
from tests.support.running import RunningProduct, running_product


@dataclass(frozen=True)
class Played:
    """The running product, the road as it was played on it, and a company that was not there."""

    product: RunningProduct
    road: Road
    exchanges: dict[str, Exchange]
    stranger: DemoCompany


@pytest.fixture(scope="session")
def played() -> Iterator[Played]:
    with running_product() as product:
        recorder = Recorder()

        async def run() -> tuple[Road, DemoCompany]:
            async with product.client() as http:
                key = product.operator_key()
                road = await play(http, key, Silence(), recorder=recorder)
                operator = Actor(http, "the operator", key, Recorder())
                return road, await register_company(operator, "Fremdwerk", "buyer", "supplier")

        road, stranger = asyncio.run(run())
        yield Played(product, road, recorder.exchanges, stranger)
