"""How often a sealed bid asks Postgres: it must not grow with what is asked for."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from marketplace.app import assemble
from marketplace.platform.core import Platform
from marketplace.platform.settings import Settings
from rfq.bids.schemas import SealedBidInput, SealedBidLineInput
from rfq.bids.service import submit_bid, withdraw_bid
from tests.rfq.parties import Parties, key, line_ids
from tests.support.round_trips import Meter, counted

LINES = 30


@pytest.fixture
async def metered(settings: Settings) -> AsyncIterator[tuple[Platform, Meter]]:
    async with counted(settings.database_url) as postgres:
        seen = assemble(replace(settings, database_url=postgres.url)).platform
        yield seen, postgres
        await seen.close()


async def test_a_bid_takes_ten_round_trips_with_two_lines_and_with_thirty(
    parties: Parties, metered: tuple[Platform, Meter]
) -> None:
    platform, postgres = metered
    terms = await parties.terms()
    paper = terms.lots[0].lines[0]
    for lines in (2, LINES):
        terms.lots[0].lines[:] = [paper] * lines
        made = await parties.published(terms)
        data = SealedBidInput(
            currency="EUR",
            lines=[SealedBidLineInput(line_id=id_, unit_amount="3.10") for id_ in line_ids(made)],
        )
        counts = []
        for _ in range(4):
            before = postgres.count
            view = await submit_bid(platform, parties.acme, made.id, data, key())
            counts.append(postgres.count - before)
            await withdraw_bid(parties.platform, parties.acme, made.id, view.bid_id, view.version)
        # Begin, company, key, its answer; locks, state; bid, answer, facts; commit.
        assert min(counts) == 10, counts
