"""The least a price check of many lines can cost: the driver alone, fetching the same rows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import asyncpg

from benchmarks.load import Outcome
from marketplace.kernel.events import PUBLIC
from marketplace.platform.database import Role, connect

_ROWS: Final = """
select line.place, o.id, a.list_id, a.published_version, a.title, a.level, a.scope_id, a.priority,
       a.mode, a.currency, l.unit, l.basis, l.volume_mode, l.valid_from, l.valid_until,
       l.tiers::text
from unnest($1::uuid[], $2::text[]) with ordinality as line (supplier_id, sku, place)
join offers o on o.supplier_id = line.supplier_id and o.sku = line.sku
join price_list_assignments a on a.supplier_id = o.supplier_id and a.scope_id = any ($3::uuid[])
join price_ladders l on l.list_id = a.list_id and l.offer_id = o.id
    and l.from_version <= a.published_version and l.until_version > a.published_version
"""


@dataclass(slots=True)
class RawRows:
    """A subject without a server: asyncpg fetches the candidates of the same lines, one by one.

    Row security is on, the tenant stays set on the connection, the statement is prepared.
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
            began = time.perf_counter()
            while outcome.counted < (requests_max or 1 << 60):
                buyer = self.buyers[outcome.counted % len(self.buyers)]
                await connection.execute(f"set app.org = '{buyer}'; set app.scopes = '{{{buyer}}}'")
                asked = time.perf_counter()
                rows = await self._fetch(connection, buyer)
                outcome.latencies.append(time.perf_counter() - asked)
                outcome.counted += len(rows) >= len(self.keys)
                if time.perf_counter() - began >= seconds:
                    break
        finally:
            await connection.close()
        outcome.seconds = sum(outcome.latencies)
        return outcome

    async def _fetch(self, connection: asyncpg.Connection, buyer: UUID) -> list[asyncpg.Record]:
        suppliers, skus = zip(*self.keys, strict=True)
        rows: list[asyncpg.Record] = await connection.fetch(_ROWS, suppliers, skus, [buyer, PUBLIC])
        return rows
