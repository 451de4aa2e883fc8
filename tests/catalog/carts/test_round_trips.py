"""What a cart costs in round trips to Postgres; it does not depend on the machine."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from marketplace.app import Assembly, assemble
from marketplace.platform.settings import Settings
from tests.catalog.carts.buying import Buying
from tests.catalog.stock.shop import Shop
from tests.support.round_trips import Meter, counted, fewest


@pytest.fixture
async def meter(settings: Settings) -> AsyncIterator[Meter]:
    async with counted(settings.database_url) as meter:
        yield meter


@pytest.fixture
def assembly(settings: Settings, meter: Meter) -> Assembly:
    return assemble(replace(settings, features=("catalog",), database_url=meter.url))


async def test_reading_a_cart_and_ordering_what_is_in_stock_cost_the_same_for_any_number_of_lines(
    shop: Shop, meter: Meter
) -> None:
    skus = [f"S{number}" for number in range(20)]
    await shop.offer(*skus)
    await shop.set(**dict.fromkeys(skus, "1000000"))
    small, large = await Buying.begin(shop, name="Small"), await Buying.begin(shop, name="Large")
    await small.add(("S1", "1"))
    await large.add(*[(skus[n % 20], "1") for n in range(300)])
    reads = [(await fewest(cart.read, meter))[0] for cart in (small, large)]
    # begin, tenant and clock, cart, lines, prices, stock, suppliers, commit
    assert reads == [8, 8]
    orders = [
        (await fewest(lambda lines=lines: shop.order(*lines), meter))[0]  # type: ignore[misc]
        for lines in (
            [shop.line("S1")],
            [shop.line(skus[n % 20]) for n in range(300)],
        )
    ]
    # as without stock, and: levels locked, reservations written
    assert orders == [12, 12]
