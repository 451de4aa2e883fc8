"""Who may know what when: nothing that is secret reaches a release, in no form."""

import re
from typing import Any

import asyncpg
import pytest

from marketplace.worker import Worker
from rfq.evaluation.scoring import lock_scores, read_sheet
from rfq.rules.procedure import Openness
from tests.rfq.awards.tender import proposed
from tests.rfq.ocds.life import Life, Secrets, releases_of
from tests.rfq.panels import Panel, bids_of
from tests.rfq.parties import MoveClock, Parties

ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
OTHERS = Secrets(
    asker="coil",
    own_words="Would Coil's brand 9001 do?",
    note="another note",
    budget="1234.56",
    reserve=None,
    loser_prices=("4.75", "99.99"),
    loser="coil",
    reason="They were excluded: file 8080.",
    document="Drawing.txt",
)


def comparable(releases: list[str]) -> list[str]:
    """Releases with each id as its place in the order of appearance, and no instants."""
    places: dict[str, str] = {}
    return [
        INSTANT.sub(
            "at", ID.sub(lambda found: places.setdefault(found[0], f"id-{len(places)}"), each)
        )
        for each in releases
    ]


async def lived(parties: Parties, worker: Worker, move_clock: MoveClock, **more: Any) -> Life:
    life = Life(parties, worker, move_clock, **more)
    await life.whole()
    return life


async def test_exchanging_what_is_secret_changes_no_byte_of_what_is_published(
    parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    """Losing prices and totals, a hidden budget, the reserve, who asked and how, why a winner fell:
    the same life with all of them exchanged is published the same."""
    one = await lived(parties, worker, move_clock)
    published = await one.releases()
    for who in (parties.coil.organization_id, parties.buyer.member_id):
        assert str(who) not in "".join(published)
    # Without ids and instants, in whose digits anything may stand by chance.
    told = "".join(comparable(published))
    for secret in ("7731", "9876.54", "579.99", "31337", "Coil", "575", "My Terms.txt"):
        assert secret not in told, secret
    assert one.secrets.own_words not in told
    other = await lived(parties, worker, move_clock, secrets=OTHERS)
    assert comparable(await other.releases()) == comparable(await one.releases())
    shown = Life(parties, worker, move_clock, secrets=OTHERS, budget_shown=True)
    await shown.publish()
    assert comparable(await shown.releases()) != comparable(await one.releases())[:1]


async def test_before_the_award_is_in_force_no_release_tells_of_any_bidder(
    parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    life = Life(parties, worker, move_clock)
    await life.publish()
    await life.bid_and_open()
    await life.auction()
    await life.award()
    releases = await life.releases()
    for supplier in parties.suppliers:
        assert str(supplier.organization_id) not in "".join(releases)
    published = "".join(comparable(releases))
    for word in ("Acme", "Bolt", "Coil", "numberOfTenderers", "bids", "500.00", "suppliers"):
        assert word not in published, word
    assert '"pending"' in published, "that there is to be one is told"


async def test_a_private_procedure_publishes_nothing_in_all_its_steps(
    parties: Parties, worker: Worker, move_clock: MoveClock, owner: asyncpg.Connection
) -> None:
    await lived(parties, worker, move_clock, openness=Openness.INVITED, budget_shown=True)
    for table in ("ocds_processes", "ocds_releases", "ocds_feed", "ocds_records"):
        assert await owner.fetchval(f"select count(*) from {table}") == 0
    told = "select count(*) from events where kind = 'release.published'"
    assert await owner.fetchval(told) == 0


@pytest.mark.parametrize("table", ["ocds_releases", "ocds_feed", "ocds_records"])
async def test_no_role_that_requests_act_in_writes_what_is_public(
    owner: asyncpg.Connection, table: str
) -> None:
    rows = await owner.fetch(
        "select grantee, privilege_type from information_schema.role_table_grants"
        " where table_name = $1 and grantee in ('marketplace_api', 'marketplace_auth')",
        table,
    )
    assert {tuple(row) for row in rows} == {("marketplace_api", "SELECT")}


async def judged(parties: Parties, move_clock: MoveClock, quality: tuple[str, str]) -> list[str]:
    """An open tender that two evaluators judge; Bolt wins, by more or less."""
    panel = Panel(parties)
    made = await panel.opened(move_clock, await parties.terms(openness=Openness.OPEN))
    members = [await panel.member() for _ in quality]
    await panel.name(made.id, *members)
    for member, score in zip(members, quality, strict=True):
        sheet = await read_sheet(parties.platform, member, made.id)
        bids = bids_of(sheet)
        await panel.judge(made, member, bids, acme="1", bolt=score, coil="1")
    made = await lock_scores(parties.platform, parties.buyer, made.id, made.version)
    await proposed(parties, made)
    published = await releases_of(parties, made.id)
    whole = "".join(published)
    for hidden in (*(str(member.member_id) for member in members), "score", "evaluat"):
        assert hidden not in whole
    return published


async def test_who_judged_and_how_is_not_published(parties: Parties, move_clock: MoveClock) -> None:
    published = await judged(parties, move_clock, ("9", "8"))
    assert "Bolt" in published[-1]
    assert "Quality" in published[0], "by what it is judged is public"
    other = await judged(parties, move_clock, ("7", "9.5"))
    assert comparable(other) == comparable(published)
