"""What another process wrote on a lot is found without reading the whole ledger."""

from typing import Any

import asyncpg
import pytest

from auctions import ledger
from auctions.bidding import place_bid
from auctions.ledger import Ledger, reading
from auctions.ledger.reading import ENTRIES
from auctions.schemas import BidInput
from marketplace.platform.core import Platform
from marketplace.platform.database import Role
from marketplace.platform.http.schemas import MoneyInput
from marketplace.platform.settings import Settings
from tests.auctions.auction_hall import fresh, open_hall
from tests.support.world import World

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


async def test_a_long_log_is_folded_in_parts_before_its_lot_is_held(
    platform: Platform, other_platform: Platform, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A release that folds otherwise finds no checkpoint, while the lot is bid on.

    Neither is there one of a log as short as this.
    """
    hall = await open_hall(platform, world)

    async def bid(where: Platform, amount: int) -> None:
        body = BidInput(amount=MoneyInput(amount=f"{amount}.00", currency="EUR"))
        await place_bid(where, hall.suppliers[0].caller, hall.auction_id, fresh(), body)

    for amount in range(900, 889, -1):
        await bid(platform, amount)

    read: list[tuple[bool, int]] = []

    async def watched(connection: Any, statement: str, *arguments: object) -> Any:
        rows = await fetch(connection, statement, *arguments)
        if statement == ENTRIES:
            read.append((connection.is_in_transaction(), len(rows)))
        return rows

    fetch = reading.fetch
    monkeypatch.setattr(reading, "fetch", watched)
    for module in (ledger, reading):
        monkeypatch.setattr(module, "ENTRIES_READ_AT_ONCE", 4)
    await bid(other_platform, 880)

    assert len(read) > 2
    assert not any(held for held, _ in read)
    assert max(rows for _, rows in read) <= 5  # with the one that is known
    known = other_platform.get(Ledger).known(hall.lot_id)
    assert known == await platform.get(Ledger).read(hall.lot_id)
