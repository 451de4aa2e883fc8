"""The feed of releases: for everybody, in the order of commits, and never behind a cursor."""

from dataclasses import replace

import asyncpg
import httpx
import msgspec
import pytest

from marketplace.kernel.errors import TooManyRequests
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.http.rate_limit import RateLimiter
from marketplace.platform.settings import Settings, SettingsError, load_settings
from marketplace.worker import Worker
from rfq.ocds.codelists import ReleaseTag
from rfq.ocds.publishing import Step, publish
from rfq.procedures.cancelling import cancel_procedure
from rfq.procedures.schemas import CancellationInput, QuestionnaireItemInput
from rfq.rules.procedure import Kind, Openness
from tests.rfq.ocds.life import releases_of
from tests.rfq.ocds.test_life import ROOT
from tests.rfq.parties import HOUR, MoveClock, Parties

GONE = CancellationInput(reason="The need is gone.")


async def test_what_commits_later_comes_later_however_early_it_began(
    parties: Parties, worker: Worker, client: httpx.AsyncClient
) -> None:
    """One release is made before another and commits after it: whoever has read the other one
    finds it behind his cursor."""
    slow, fast = [
        await parties.published(await parties.terms(openness=Openness.OPEN)) for _ in range(2)
    ]
    await worker.run_until_idle()
    begun = (await client.get(f"{ROOT}/releases")).json()["next"]
    update = Step(tags=(ReleaseTag.TENDER_UPDATE,))
    async with system_transaction(parties.platform, Role.ENGINE) as late:
        await publish(late, slow.id, update)
        async with system_transaction(parties.platform, Role.ENGINE) as early:
            await publish(early, fast.id, update)
        await worker.run_until_idle()
        seen = (await client.get(f"{ROOT}/releases", params={"after": begun})).json()
    await worker.run_until_idle()
    missed = (await client.get(f"{ROOT}/releases", params={"after": seen["next"]})).json()
    assert [each["ocid"][-36:] for each in seen["items"]] == [str(fast.id)]
    assert [each["ocid"][-36:] for each in missed["items"]] == [str(slow.id)]
    assert missed["items"][0]["date"] < seen["items"][0]["date"], "it was made before"
    assert not missed["more"]
    nothing = (await client.get(f"{ROOT}/releases", params={"after": missed["next"]})).json()
    assert (nothing["items"], nothing["next"]) == ([], missed["next"])


async def test_readers_begin_at_an_instant_and_keep_what_has_not_changed(
    parties: Parties, worker: Worker, client: httpx.AsyncClient, move_clock: MoveClock
) -> None:
    await parties.published(await parties.terms(openness=Openness.OPEN))
    await worker.run_until_idle()
    await move_clock(HOUR / 2)
    second = await parties.published(await parties.terms(openness=Openness.OPEN))
    await worker.run_until_idle()
    feed = await client.get(f"{ROOT}/releases")
    (_, latest) = feed.json()["items"]
    since = {"since": latest["published_at"]}
    assert (await client.get(f"{ROOT}/releases", params=since)).json()["items"] == [latest]
    later = {"since": "2100-01-01T00:00:00Z"}
    assert (await client.get(f"{ROOT}/releases", params=later)).json()["items"] == []
    assert (await client.get(f"{ROOT}/releases", params={"since": "2026-01-01"})).status_code == 400
    path = latest["url"].partition(ROOT)[2]
    for address in (f"{ROOT}/releases", ROOT + path, f"{ROOT}/records/{latest['ocid']}"):
        given = await client.get(address)
        assert given.headers["Access-Control-Allow-Origin"] == "*"
        kept = {"If-None-Match": given.headers["ETag"]}
        assert (await client.get(address, headers=kept)).status_code == 304
    assert "immutable" in (await client.get(ROOT + path)).headers["Cache-Control"]
    record = (await client.get(f"{ROOT}/records/{latest['ocid']}")).headers["ETag"]
    await cancel_procedure(parties.platform, parties.buyer, second.id, GONE, second.version)
    await worker.run_until_idle()
    anew = await client.get(f"{ROOT}/records/{latest['ocid']}", headers={"If-None-Match": record})
    assert anew.json()["compiledRelease"]["tender"]["status"] == "cancelled"
    for unknown in ("releases/x", "releases/x/package", "records/x", "records/x/package"):
        assert (await client.get(f"{ROOT}/{unknown}")).status_code == 404
    pages = f"{ROOT}/records/{latest['ocid']}/releases"
    first = (await client.get(pages, params={"limit": 1})).json()
    rest = await client.get(first["links"]["next"].partition(".test")[2] or first["links"]["next"])
    assert [each["tag"] for each in first["releases"]] == [["tender"]]
    assert [each["tag"] for each in rest.json()["releases"]] == [["tenderCancellation"]]


async def test_a_visitor_who_asks_too_much_waits_and_no_other_does(
    client: httpx.AsyncClient, platform: Platform
) -> None:
    strict = replace(platform.settings, requests_per_minute=1)
    limiter = RateLimiter(strict, platform.redis)
    await limiter.count_visitor("2001:db8::1", {})
    with pytest.raises(TooManyRequests, match="From your address came more than 1"):
        await limiter.count_visitor("2001:db8::ffff", {})
    for other in ("2001:db8:0:1::1", "192.0.2.1", "192.0.2.2", ""):
        await limiter.count_visitor(other, {})
    assert int((await client.get(f"{ROOT}/releases")).headers["RateLimit-Remaining"]) > 0


async def test_a_request_for_information_is_planning_and_a_cancellation_says_why(
    parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    asked = QuestionnaireItemInput(code="Q1", prompt="How would you do it?")
    terms = msgspec.structs.replace(
        await parties.terms(openness=Openness.OPEN), kind=Kind.RFI, lots=[], questionnaire=[asked]
    )
    consulted, cancelled = [await parties.published(terms) for _ in range(2)]
    await cancel_procedure(parties.platform, parties.buyer, cancelled.id, GONE, cancelled.version)
    await move_clock(HOUR)
    await worker.run_until_idle()
    ends = []
    for made in (consulted, cancelled):
        releases = [msgspec.json.decode(each) for each in await releases_of(parties, made.id)]
        assert [each["tag"] for each in releases] == [["planning"], ["planningUpdate"]]
        ends.append(releases[-1]["tender"])
    assert [each["status"] for each in ends] == ["complete", "cancelled"]
    assert ends[1]["amendments"][0]["rationale"] == GONE.reason


async def test_a_process_keeps_the_prefix_it_began_with(
    parties: Parties, owner: asyncpg.Connection, settings: Settings
) -> None:
    made = await parties.published(await parties.terms(openness=Openness.OPEN))
    assert await owner.fetchval("select ocid from ocds_processes") == f"ocds-213czf-{made.id}"
    environ = {"DATABASE_URL": "x", "REDIS_URL": "x", "MARKETPLACE_SECRET": "y" * 32}
    named = {**environ, "MARKETPLACE_OCID_PREFIX": "ocds-a1b2c3"}
    assert load_settings(named).ocid_prefix == "ocds-a1b2c3"
    with pytest.raises(SettingsError, match="MARKETPLACE_OCID_PREFIX"):
        load_settings({**environ, "MARKETPLACE_OCID_PREFIX": "my prefix"})
    assert settings.ocid_prefix == "ocds-213czf"
