"""What is asked of the product: each subject's clients, with requests ready as bytes."""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle
from typing import Final
from uuid import UUID, uuid4

from benchmarks.load import Client, http_request
from benchmarks.parties import Party, until
from benchmarks.world import CEILING, CURRENCY, World, product_name
from marketplace.kernel.limits import LINES_MAX
from marketplace.platform.http.paging import cursor

READERS: Final = 32
"""Connections of every subject but bids: enough to keep one process busy without a long queue."""
PAGE: Final = 50
ORDER_LINES: Final = 5
DIFFERENT_PRICES: Final = 2_000
PAGES_TOO_MANY_TO_KNOW: Final = 10_000
_OK: Final = 200
_CREATED: Final = 201


def _ok(status: int, _body: bytes) -> bool:
    return status == _OK


def _created(status: int, _body: bytes) -> bool:
    return status == _CREATED


def empty(method: str, clients: int = READERS) -> list[Client]:
    """Ask for the empty handler."""
    request = http_request(method, "/v1/ping", body=b"{}" if method == "POST" else b"")
    return [Client(lambda: request, _ok) for _ in range(clients)]


def one_price(world: World) -> list[Client]:
    """Ask the price of one line: another buyer, supplier or SKU each time."""
    requests = []
    for number in range(DIFFERENT_PRICES):
        buyer = world.buyers[number % len(world.buyers)]
        supplier = world.suppliers[number % len(world.suppliers)]
        skus = world.catalog[supplier.id]
        sku = skus[number * 7 % len(skus)]
        line = {"supplier_id": str(supplier.id), "sku": sku, "quantity": str(number % 120 + 1)}
        body = _json({"currency": CURRENCY, "lines": [line]})
        requests.append(http_request("POST", "/v1/prices/check", buyer.key, body))
    return _cycling(requests, lambda status, body: status == _OK and b'"line_amount"' in body)


def many_keys(world: World) -> list[tuple[UUID, str]]:
    """Give 1,000 articles of all suppliers in turn."""
    keys = []
    for number in range(LINES_MAX):
        supplier = world.suppliers[number % len(world.suppliers)]
        skus = world.catalog[supplier.id]
        keys.append((supplier.id, skus[number // len(world.suppliers) * 3 % len(skus)]))
    return keys


def many_prices(world: World) -> list[Client]:
    """Ask the prices of 1,000 lines at once, over one connection: another buyer each time."""
    lines = [
        {"supplier_id": str(supplier_id), "sku": sku, "quantity": str(number % 120 + 1)}
        for number, (supplier_id, sku) in enumerate(many_keys(world))
    ]
    body = _json({"currency": CURRENCY, "lines": lines})
    requests = [http_request("POST", "/v1/prices/check", buyer.key, body) for buyer in world.buyers]
    return _cycling(requests, lambda status, body: status == _OK and b'"line_amount"' in body)[:1]


def pages(world: World, pages_of_each: int) -> list[Client]:
    """Ask for pages of 50 products with own prices, so many different ones of each buyer.

    Few pages are answers the process knows; of many it has made none before.
    """
    products = sorted({sku for skus in world.catalog.values() for sku in skus})
    starts = products[: -PAGE - 1][:pages_of_each]
    requests = [
        http_request("GET", f"/v1/catalog?limit={PAGE}&after={page_after(sku)}", buyer.key)
        for sku in starts
        for buyer in world.buyers
    ]
    return _cycling(requests, lambda status, body: status == _OK and b'"line_amount"' in body)


def page_after(sku: str) -> str:
    """Give the cursor of the page that begins with this product."""
    return cursor([product_name(sku), UUID(int=0)])


def orders(world: World) -> list[Client]:
    """Place orders of five lines, each under a key of its own."""
    return [Client(_Orders(world, number).request, _created) for number in range(READERS)]


@dataclass
class _Orders:
    world: World
    number: int
    made: int = 0

    def request(self) -> bytes:
        self.made += 1
        world, place = self.world, self.number + self.made * READERS
        supplier = world.suppliers[place % len(world.suppliers)]
        skus = world.catalog[supplier.id]
        lines = [
            {
                "supplier_id": str(supplier.id),
                "sku": skus[(place * ORDER_LINES + line) % len(skus)],
                "quantity": str(line + 1),
                "unit": "C62",
            }
            for line in range(ORDER_LINES)
        ]
        body = _json({"currency": CURRENCY, "lines": lines})
        buyer = world.buyers[place % len(world.buyers)]
        return http_request("POST", "/v1/orders", buyer.key, body, idempotency_key=str(uuid4()))


async def feed(world: World, pages_of_each: int) -> list[Client]:
    """Read a page of 50 events from several places of several buyers' feeds."""
    requests = []
    for buyer in world.buyers:
        after = "0"
        for _ in range(pages_of_each):
            path = f"/v1/events?limit={PAGE}&after={after}"
            page = await until(
                functools.partial(buyer.get, path), lambda page: len(page["items"]) == PAGE, 30
            )
            requests.append(http_request("GET", path, buyer.key))
            after = page["next"]
    return _cycling(requests, _ok)


@dataclass
class BidderState:
    """A bidder whose every bid is a cent below his last, so that each one is acceptable."""

    party: Party
    path: str
    left: int = CEILING
    numbers: "count[int]" = field(default_factory=count)
    name: str = field(default_factory=lambda: uuid4().hex)

    def __post_init__(self) -> None:
        """Prepare what is the same in all requests."""
        head = http_request(
            "POST",
            self.path,
            self.party.key,
            b"{}",
            idempotency_key=f"{self.name}-%d",
        )
        self._form = head.replace(b"Content-Length: 2", b"Content-Length: %d").removesuffix(b"{}")

    def request(self) -> bytes:
        """Write the next bid."""
        self.left -= 1
        body = b'{"amount":{"amount":"%d.%02d","currency":"%s"}}' % (
            self.left // 100,
            self.left % 100,
            CURRENCY.encode(),
        )
        return self._form % (len(body), next(self.numbers)) + body


def bidders(parties: Sequence[Party], path: str) -> list[Client]:
    """Bid: one connection for each bidder; only accepted bids count."""
    return [Client(BidderState(party, path).request, _accepted) for party in parties]


def _accepted(status: int, body: bytes) -> bool:
    return status == _CREATED and b'"accepted"' in body


def auction_path(auction_id: UUID) -> str:
    """Give where bids on an auction go."""
    return f"/v1/auctions/{auction_id}/bids"


def reference_path(lot_id: UUID) -> str:
    """Give where bids on a lot of the reference go."""
    return f"/v1/reference-lots/{lot_id}/bids"


def _cycling(requests: Sequence[bytes], counts: Callable[[int, bytes], bool]) -> list[Client]:
    """Let the clients go through all requests, each starting at another place."""
    if not requests:
        msg = "there is nothing to ask for"
        raise ValueError(msg)
    step = max(1, len(requests) // READERS)
    turned = [
        [*requests[at % len(requests) :], *requests[: at % len(requests)]]
        for at in range(0, READERS * step, step)
    ]
    return [Client(cycle(each).__next__, counts) for each in turned]


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
