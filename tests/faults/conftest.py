"""The product on servers of its own that keep what they confirm, to be killed piece by piece."""

from collections.abc import Iterator

import pytest

from marketplace.development import wait_until_ready
from tests.faults.arena import Grounds
from tests.support.running import running_product


@pytest.fixture(scope="session")
def grounds() -> Iterator[Grounds]:
    with running_product(durable=True) as product:
        operator_key = product.operator_key()
        # The bidders are no flood to be bounded; a company's limit of requests is the usual one, so
        # that it asks Redis as often as it does in life.
        product.environ["MARKETPLACE_REFUSALS_PER_MINUTE"] = "100000"
        del product.environ["MARKETPLACE_REQUESTS_PER_MINUTE"]
        product.kill(product.api)
        product.api.start()
        wait_until_ready(product.url, product.api)
        yield Grounds(product, operator_key)
