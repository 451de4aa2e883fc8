"""The product on servers of its own that keep what they confirm, to be killed piece by piece."""

from collections.abc import Iterator

import pytest

from tests.faults.arena import Grounds
from tests.support.folders import ENDS, FAULTS
from tests.support.running import running_product


@pytest.fixture(scope="session")
def grounds() -> Iterator[Grounds]:
    # The bidders are no flood to be bounded; a company's limit of requests is the usual one, so
    # that it asks Redis as often as it does in life.
    running = running_product(durable=True, MARKETPLACE_REFUSALS_PER_MINUTE="100000")
    with ENDS[FAULTS] as ends:
        product = ends.enter_context(running)
        yield Grounds(product, product.operator_key())
