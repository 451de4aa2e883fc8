"""Migrations that move rows into another form, on rows: down to the form before, and up again."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

from marketplace.platform.core import Platform
from marketplace.platform.settings import Settings
from marketplace.worker import Worker
from rfq.attachments.documents import add_document
from tests.conftest import REPOSITORY
from tests.rfq.parties import HOUR, MoveClock, Parties
from tests.rfq.test_auction_outcomes import CENTS, held
from tests.rfq.test_awards import decided
from tests.rfq.test_awards import opened as three_bids

KEPT = {
    # By table what a migration moves: 0022, 0037, 0038, and as far down as the table goes.
    "procedures": "select id, bid_entries from procedures order by id",
    "lot_auctions": "select lot_id, auction_id, auction_lot_id from lot_auctions order by lot_id",
    # A reserve is the buyer's secret: it stays in no terms that others read.
    "auction_lots": "select id, terms - 'reserve', terms->>'reserve' from auction_lots order by id",
    "auction_reserves": "select lot_id, amount from auction_reserves order by lot_id",
    "awards": "select id, lot_id, supplier_id, status, total, contract_id from awards order by id",
    "award_lines": "select award_id, line_id, quantity, unit_amount from award_lines"
    " order by award_id, line_id",
    # An award before proposals was one: its id is the proposal's.
    "award_proposals": "select lot_id, status, total from award_proposals order by lot_id",
    "award_notices": "select bidder_id, won from award_notices where won order by bidder_id",
}


@pytest.fixture
async def administrator(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """The tables' owner, reading past the row-level security that binds migrations too."""
    connection = await asyncpg.connect(settings.owner_url)
    yield connection
    await connection.close()


async def rows(administrator: asyncpg.Connection, statement: str) -> list[tuple[Any, ...]]:
    """Read all rows; the security of the tables is as before for whoever comes next."""
    transaction = administrator.transaction()
    await transaction.start()
    for table in await administrator.fetch(
        "select c.oid::regclass::text as name from pg_class c where c.relforcerowsecurity"
    ):
        await administrator.execute(f"alter table {table['name']} no force row level security")
    found = await administrator.fetch(statement)
    await transaction.rollback()
    return [tuple(row) for row in found]


async def down_and_up(settings: Settings, revision: str) -> None:
    config = Config(toml_file=REPOSITORY / "pyproject.toml")
    config.attributes["owner_url"] = settings.owner_url
    await asyncio.to_thread(command.downgrade, config, revision)
    await asyncio.to_thread(command.upgrade, config, "head")


async def test_rows_of_an_earlier_revision_are_moved_into_the_present_form(
    platform: Platform,
    parties: Parties,
    settings: Settings,
    worker: Worker,
    move_clock: MoveClock,
    administrator: asyncpg.Connection,
) -> None:
    draft = await parties.drafted()
    document = await add_document(platform, parties.buyer, draft.id, "plan.txt", text())
    plain = await three_bids(parties, move_clock)
    await decided(parties, plain)
    sold = await three_bids(parties, move_clock)
    await held(parties, sold, worker, move_clock, "530.00", decrement=CENTS, reserve="540.00")
    await move_clock(HOUR)
    await decided(parties, sold)
    await worker.run_until_idle()

    before = {table: await rows(administrator, each) for table, each in KEPT.items()}
    assert all(before.values()), "nothing is proved on tables without rows"
    await platform.close()

    await down_and_up(settings, "0044")
    (stored,) = await rows(
        administrator, "select documents from procedures where documents <> '[]'"
    )
    assert json.loads(stored[0]) == [
        {"id": str(document.id), "name": "plan.txt", "sha256": document.sha256}
    ]
    assert await rows(administrator, "select terms_from from procedure_documents") == [(1,)]

    await down_and_up(settings, "0021")
    for table, statement in KEPT.items():
        assert await rows(administrator, statement) == before[table], table


async def text() -> AsyncIterator[bytes]:
    yield b"The plan."
