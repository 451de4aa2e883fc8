"""A full life in releases: valid, never rewritten, and merged to the right record."""

import hashlib
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from ocdsmerge import Merger

from marketplace.worker import Worker
from tests.rfq.ocds.conformance import errors, needs_standard, release_schema
from tests.rfq.ocds.life import Life
from tests.rfq.parties import MoveClock, Parties

TAGS = [
    ["tender"],
    ["tenderUpdate"],  # a question and its answer
    ["tenderAmendment"],  # more is asked for, a lot less, and a document comes
    ["tenderAmendment"],  # the deadline
    ["tenderUpdate"],  # opened; the third lot has too few bids
    ["tenderUpdate"],  # the first lot goes into an auction
    ["tenderUpdate"],  # which ends
    ["award"],  # its standstill
    ["awardUpdate", "contract"],
    ["contractUpdate"],  # signed
    ["awardCancellation", "contractTermination"],  # the winner fails
    ["award"],  # the next
    ["awardUpdate", "contract"],
    ["award"],  # the second lot's standstill
    ["awardCancellation"],  # withdrawn
    ["tenderUpdate"],  # and the lot ends
]
ROOT = "/v1/open-data"


async def everything(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    """All entries of the feed, read three at a time."""
    entries: list[dict[str, Any]] = []
    after = None
    while True:
        query = {"limit": 3, **({} if after is None else {"after": after})}
        page = (await client.get(f"{ROOT}/releases", params=query)).json()
        entries += page["items"]
        after = page["next"]
        if not page["more"]:
            return entries


@needs_standard
async def test_a_full_life_is_told_in_valid_releases_that_stay_and_merge_to_its_record(
    parties: Parties,
    worker: Worker,
    move_clock: MoveClock,
    client: httpx.AsyncClient,
    owner: asyncpg.Connection,
) -> None:
    life = Life(parties, worker, move_clock, budget_shown=True)
    await life.publish()
    first = await life.releases()
    await life.go_on()
    kept = await life.releases()
    assert kept[:1] == first, "what was published is as it was"
    releases = [msgspec.json.decode(each) for each in kept]
    assert [each["tag"] for each in releases] == TAGS
    _check_chain(await everything(client), kept)
    ocid = releases[0]["ocid"]
    record = (await client.get(f"{ROOT}/records/{ocid}")).json()
    _check_record(life, record["compiledRelease"])
    await _check_validity(client, releases, record["compiledRelease"])
    linked = [each["url"].partition(ROOT)[2] for each in record["releases"]]
    for path, document in zip(linked[:2], kept, strict=False):
        assert (await client.get(ROOT + path)).text == document
        package = (await client.get(f"{ROOT}{path}/package")).json()
        assert package["releases"] == [msgspec.json.decode(document)]
    for change in ("update ocds_releases set document = '{}'", "delete from ocds_feed"):
        with pytest.raises(asyncpg.RaiseError, match="never changed"):
            await owner.execute(change)
    with pytest.raises(asyncpg.RaiseError, match="never changed"):
        await owner.execute("truncate ocds_releases cascade")


async def _check_validity(
    client: httpx.AsyncClient, releases: list[dict[str, Any]], compiled: dict[str, Any]
) -> None:
    """Releases, record and packages are valid, and the standard's own schema merges alike."""
    assert [found for each in releases for found in errors(each)] == []
    ocid = releases[0]["ocid"]
    assert compiled == Merger(schema=release_schema()).create_compiled_release(releases)
    for path, schema in (
        (f"records/{ocid}/package", "record-package"),
        (f"records/{ocid}/releases", "release-package"),
        (f"releases/{releases[-1]['id']}/package", "release-package"),
    ):
        assert errors((await client.get(f"{ROOT}/{path}")).json(), schema) == []


def _check_chain(entries: list[dict[str, Any]], kept: list[str]) -> None:
    """A reader of the feed finds out that nothing was left out of a process, or changed."""
    chain = bytes(32)
    assert [each["number"] for each in entries] == list(range(1, len(kept) + 1))
    for entry, document in zip(entries, kept, strict=True):
        assert entry["sha256"] == hashlib.sha256(document.encode()).hexdigest()
        chain = hashlib.sha256(chain + document.encode()).digest()
        assert entry["chain"] == chain.hex()


def _check_record(life: Life, compiled: dict[str, Any]) -> None:
    tender = compiled["tender"]
    assert tender["status"] == "complete"
    assert tender["value"] == {"amount": 9876.54, "currency": "EUR"}
    assert "description" not in tender, "the amendment took it away"
    assert [lot["status"] for lot in tender["lots"]] == [
        "complete",
        "unsuccessful",
        "unsuccessful",
        "cancelled",
    ]
    asked = [item["quantity"] for item in tender["items"]]
    assert asked == [200, 3, 200, 3, 200, 3, 0, 0], "of the dropped lot nothing is asked for"
    assert len(tender["amendments"]) == 2
    assert [each["rationale"] for each in tender["amendments"]] == ["We grow.", "Holidays."]
    assert [each["answer"] for each in tender["enquiries"]] == ["Yes, from 75 g."]
    assert [each["status"] for each in tender["auctionRounds"]] == ["complete"]
    assert tender["numberOfTenderers"] == 3
    awards = [(each["status"], each.get("value", {}).get("amount")) for each in compiled["awards"]]
    assert awards == [("cancelled", 500.0), ("active", 865.0), ("cancelled", None)]
    contracts = [each["status"] for each in compiled["contracts"]]
    assert contracts == ["terminated", "pending"], "Bolt has not signed yet"
    parties = {each["name"]: each["roles"] for each in compiled["parties"]}
    assert parties == {
        "Buyer": ["buyer", "procuringEntity"],
        "Acme": ["tenderer", "supplier"],
        "Bolt": ["tenderer", "supplier"],
    }
    assert [each["title"] for each in tender["documents"]] == ["Terms.txt"]
    assert tender["id"] == str(life.made.id)
