"""One road, played once against the whole product; the tests of this folder look at it.

Beside it a second one is played, at the same time: those tests that do harm do it there.
"""

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
    """The running product, the road as it was played on it, and a company that was not there.

    `spare` is the other road, `spare_exchanges` what was said on it: for tests that do harm.
    """

    product: RunningProduct
    road: Road
    exchanges: dict[str, Exchange]
    stranger: DemoCompany
    spare: Road
    spare_exchanges: dict[str, Exchange]


@pytest.fixture(scope="session")
def played() -> Iterator[Played]:
    with running_product() as product:
        recorder, spares = Recorder(), Recorder()

        async def run() -> tuple[Road, Road, DemoCompany]:
            async with product.client() as http:
                key = product.operator_key()
                road, spare = await asyncio.gather(
                    play(http, key, Silence(), recorder=recorder),
                    play(http, key, Silence(), recorder=spares, suffix=" Spare"),
                )
                operator = Actor(http, "the operator", key, Recorder())
                stranger = await register_company(operator, "Fremdwerk", "buyer", "supplier")
                return road, spare, stranger

        road, spare, stranger = asyncio.run(run())
        yield Played(product, road, recorder.exchanges, stranger, spare, spares.exchanges)
