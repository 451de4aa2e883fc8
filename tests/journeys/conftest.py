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


BESIDE = {"putCategoryByCode", "createProduct", "changeProduct"}
"""Operations of `describe`: no examples of the road."""


async def describe(operator: Actor, suffix: str) -> None:
    """Let the operator keep a category and a product, which the road itself does not need."""
    names = [{"language": "en", "name": "Tools"}]
    bore = {"code": "bore", "kind": "number", "unit": "MMT", "names": names}
    category = await operator.put(
        f"/v1/categories/by-code/tools{suffix}",
        {"names": names, "attributes": [bore]},
        show="putCategoryByCode",
    )
    product = {"name": f"Puller{suffix}", "category_id": category["id"]}
    made = await operator.post("/v1/products", product, once=True, show="createProduct")
    await operator.send(
        "PUT",
        f"/v1/products/{made['id']}",
        {**product, "attributes": [{"code": "bore", "value": "2", "unit": "CMT"}]},
        headers={"If-Match": f'"{made["version"]}"'},
        show="changeProduct",
    )


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
                for recorded, suffix in ((recorder, ""), (spares, "-spare")):
                    await describe(Actor(http, "the operator", key, recorded), suffix)
                operator = Actor(http, "the operator", key, Recorder())
                stranger = await register_company(operator, "Fremdwerk", "buyer", "supplier")
                return road, spare, stranger

        road, spare, stranger = asyncio.run(run())
        yield Played(product, road, recorder.exchanges, stranger, spare, spares.exchanges)
