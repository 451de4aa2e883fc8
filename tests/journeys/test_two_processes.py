"""A price published through one process is in the next answer of each, however much they keep."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.journeys.conftest import Played
from tests.support.running import serving_too

SKU = "TWO-PROCESSES"
ROUNDS = 5


@pytest.fixture(scope="module")
def second_url(played: Played) -> Iterator[str]:
    """Serve the same database by another process."""
    with serving_too(played.product) as url:
        yield url


@pytest.fixture
async def processes(played: Played, second_url: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with (
        played.product.client() as first,
        httpx.AsyncClient(base_url=second_url, timeout=60) as second,
    ):
        yield [first, second]


class Shop:
    """A supplier and a buyer of the spare road, on whichever process."""

    def __init__(self, played: Played) -> None:
        self.supplier, self.buyer = played.spare.suppliers[0], played.spare.buyer
        self.list_id = ""

    async def _send(
        self, http: httpx.AsyncClient, key: str, method: str, path: str, body: object = None
    ) -> Any:
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": str(uuid4())}
        answer = await http.request(method, path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def sell(self, http: httpx.AsyncClient, method: str, path: str, body: object) -> Any:
        return await self._send(http, self.supplier.keys["administrator"], method, path, body)

    async def open(self, http: httpx.AsyncClient) -> None:
        terms = {"name": "Two Processes", "unit": "C62", "buyer_id": self.buyer.organization_id}
        await self.sell(http, "PUT", f"/v1/offers/by-sku/{SKU}", terms)
        face = {"name": "Two", "level": "base", "currency": "EUR", "priority": 77}
        self.list_id = (await self.sell(http, "POST", "/v1/price-lists", face))["id"]

    async def publish(self, http: httpx.AsyncClient, amount: str) -> None:
        tier = {"minimum_quantity": "1", "amount": amount}
        entries = {"entries": [{"sku": SKU, "unit": "C62", "tiers": [tier]}]}
        await self.sell(http, "PUT", f"/v1/price-lists/{self.list_id}/entries", entries)
        await self.sell(http, "POST", f"/v1/price-lists/{self.list_id}/publish", None)

    async def seen(self, http: httpx.AsyncClient) -> tuple[str, str]:
        """Give the price on a catalog page and in a price check."""
        key = self.buyer.keys["purchaser"]
        page = await self._send(http, key, "GET", "/v1/catalog?q=Two%20Processes&limit=5")
        (item,) = [each for each in page["items"] if each["name"] == "Two Processes"]
        line = {"supplier_id": self.supplier.organization_id, "sku": SKU, "quantity": "1"}
        asked = {"currency": "EUR", "lines": [line]}
        check = await self._send(http, key, "POST", "/v1/prices/check", asked)
        return item["offers"][0]["price"]["amount"], check["lines"][0]["price"]["amount"]


async def test_what_one_process_publishes_is_in_the_next_answer_of_both(
    played: Played, processes: list[httpx.AsyncClient]
) -> None:
    shop = Shop(played)
    await shop.open(processes[0])
    for number in range(1, ROUNDS + 1):
        publisher = processes[number % 2]
        await shop.publish(publisher, f"{number}.5")
        for reader in processes * 2:  # the second time each has an answer it keeps
            assert await shop.seen(reader) == (f"{number}.5", f"{number}.5")
