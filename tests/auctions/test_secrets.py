"""What a bidder's own role reads in the database: nothing of what the buyer keeps to himself."""

import httpx
from sqlalchemy import text

from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from tests.auctions.auction_hall import MINUTE
from tests.auctions.test_auctions import a_draft, clock
from tests.conftest import MoveClock
from tests.support.world import Company, World

RESERVE, MULTIPLIER = "734.56", "1.2345"
READABLE = text("""
select c.table_name, string_agg(quote_ident(c.column_name), ', ') as columns
from information_schema.columns c
where c.table_schema = current_schema() and c.table_name like 'auction%'
  and has_column_privilege(current_role, quote_ident(c.table_name), c.column_name, 'select')
group by c.table_name
""")


async def read_by_sql(platform: Platform, who: Company) -> dict[str, str]:
    """All that a company's role reads of auctions, by table."""
    async with transaction(platform, who.caller) as tx:
        tables = await tx.all(READABLE)
        read = {}
        for table in tables:
            rows = f"(select {table.columns} from {table.table_name}) r"
            statement = text(f"select coalesce(json_agg(r), '[]')::text from {rows}")
            read[table.table_name] = await tx.scalar(statement)
    return read


async def test_a_bidders_role_reads_neither_reserves_nor_what_counts_beside_his_price(
    client: httpx.AsyncClient, platform: Platform, world: World, move_clock: MoveClock
) -> None:
    buyer, acme, bolt = await world.buyer(), await world.supplier(), await world.supplier("Bolt")
    draft = a_draft([acme, bolt], await clock(platform), reserve=RESERVE)
    lot = draft["lots"][0]
    lot["scoring"] = {"method": "transformed"}
    lot["participants"][0]["adjustment"] = {"multiplier": MULTIPLIER}
    made = await client.post("/v1/auctions", json=draft, headers=buyer.writing)
    assert made.status_code == 201, made.text
    path = f"/v1/auctions/{made.json()['id']}"
    headers = {**buyer.headers, "If-Match": made.headers["ETag"]}
    assert (await client.post(f"{path}/schedule", headers=headers)).status_code == 200
    await move_clock(MINUTE)
    body = {"amount": {"amount": "500.00", "currency": "EUR"}}
    placed = await client.post(f"{path}/bids", json=body, headers=acme.writing)
    assert placed.status_code == 201, placed.text

    own = await read_by_sql(platform, acme)
    assert {"auctions", "auction_lots", "auction_participants"} <= own.keys()
    assert str(acme.id) in own["auction_participants"]
    assert "500.00" in own["auction_ledger"]
    for table, rows in own.items():
        for secret in (RESERVE, MULTIPLIER, str(bolt.id)):
            assert secret not in rows, (table, secret)
    kept = await read_by_sql(platform, buyer)
    assert RESERVE in kept["auction_reserves"]
    assert MULTIPLIER in kept["auction_adjustments"]
    shown = (await client.get(path, headers=buyer.headers)).json()["lots"][0]
    assert shown["reserve"]["amount"] == RESERVE
    assert shown["participants"][0]["adjustment"]["multiplier"] == MULTIPLIER
