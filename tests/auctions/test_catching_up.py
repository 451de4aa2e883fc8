"""What another process wrote on a lot is found without reading the whole ledger."""

import asyncpg

from auctions.ledger.reading import ENTRIES
from marketplace.platform.core import Platform
from marketplace.platform.database import Role
from marketplace.platform.settings import Settings

ONE_LOT_HAS_MOST_OF_IT = """
insert into auction_ledger (lot_id, seq, epoch, at, kind, salt, hash)
select md5((n % 10 / 9)::text)::uuid, n, 1, clock(), 'bid_accepted', '', sha256('')
from generate_series(1, 5000) n
"""


async def test_a_hot_lots_last_entries_are_read_by_their_numbers(
    settings: Settings, platform: Platform
) -> None:
    pool = await platform.database.fast(Role.ENGINE)
    await pool.execute(ONE_LOT_HAS_MOST_OF_IT)
    owner = await asyncpg.connect(settings.owner_url)
    try:
        await owner.execute("analyze auction_ledger")
    finally:
        await owner.close()
    plan = await pool.fetch(f"explain (generic_plan) {ENTRIES}", None, None, None)
    words = "\n".join(line for (line,) in plan)
    assert "Index Scan using pk_auction_ledger" in words
    assert "Seq Scan on auction_ledger" not in words
