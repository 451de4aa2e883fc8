"""The least a price check of many lines can cost: the driver alone, fetching the same rows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from benchmarks.load import Outcome
from catalog.price_lists.candidate_reads import CANDIDATES_OF_LINES, line_arguments
from marketplace.platform.caller import Caller
from marketplace.platform.database import HotRead, Role, connect

_ROWS: Final = HotRead(CANDIDATES_OF_LINES)


@dataclass(slots=True)
class RawRows:
    """A subject without a server: asyncpg fetches the candidates of the same lines, one by one.

    By the statement of the product, prepared, which sets the tenant; so what is compared is what
    is done with the rows and around them. (A plain join of the same tables took five times as long:
    under row security it is planned badly.)
    """

    name: str
    url: str
    buyers: Sequence[UUID]
    keys: Sequence[tuple[UUID, str]]
    outcomes: list[Outcome] = field(default_factory=list)

    async def drive(self, seconds: float, requests_max: int | None) -> Outcome:
        """Fetch again and again for so long."""
        outcome = Outcome()
        connection = await connect(self.url, Role.API)
        try:
            statement = await connection.prepare(_ROWS.sql)
            began = time.perf_counter()
            while outcome.counted < (requests_max or 1 << 60):
                buyer = self.buyers[outcome.counted % len(self.buyers)]
                given = _ROWS.arguments(_caller(buyer), line_arguments((buyer,), self.keys))
                asked = time.perf_counter()
                rows = await statement.fetch(*given)
                outcome.latencies.append(time.perf_counter() - asked)
                outcome.counted += len(rows) >= len(self.keys)
                if time.perf_counter() - began >= seconds:
                    break
        finally:
            await connection.close()
        outcome.seconds = sum(outcome.latencies)
        return outcome


def _caller(buyer: UUID) -> Caller:
    return Caller(buyer, buyer, (buyer,), buyer, frozenset(), frozenset())
