"""Attachments of strict procedures: sealed by the client, looked at once they are open."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, WrongState
from marketplace.platform.core import Platform
from marketplace.platform.http.paging import PageRequest
from marketplace.worker import Worker
from rfq.attachments.sealed import download_attachment, list_attachments
from rfq.officers.service import read_minutes
from rfq.printouts.service import Asked, print_minutes
from rfq.rules.procedure import Openness
from rfq.rules.strict import Holder
from tests.rfq.parties import HOUR, MoveClock, Parties
from tests.rfq.strict_bidders import AUDITOR, BUYER, ONE_ENVELOPE, Strict, strict_client
from tests.rfq.test_routes import draft
from tests.support.documents import EICAR, PDF, TEXT, archive, whole
from tests.support.world import World

ALL = PageRequest(50, None)
LONG = TEXT * 20_000
"""Several chunks."""


@pytest.fixture
async def strict(platform: Platform, parties: Parties, tmp_path: Path) -> Strict:
    terms = await parties.terms(openness=Openness.OPEN)
    terms.strict = ONE_ENVELOPE
    return Strict(platform, await parties.published(terms), strict_client(), tmp_path)


async def test_a_file_the_client_sealed_is_read_when_two_keys_have_opened_its_bid(
    platform: Platform, parties: Parties, strict: Strict, worker: Worker, move_clock: MoveClock
) -> None:
    id_ = strict.procedure.id
    file = strict.sealed_file(parties.acme, LONG)
    sent = await strict.send(parties.acme, file)
    assert (await strict.send(parties.acme, file)).id == sent.id
    unnamed = await strict.send(parties.acme, strict.sealed_file(parties.acme, PDF))
    named = {"attachment_id": str(sent.id), "name": "long.txt", **file.named}
    await strict.submit(parties.acme, strict.envelope(parties.acme, "3", "90", attachments=[named]))
    await move_clock(HOUR)
    with pytest.raises(WrongState):
        await strict.send(parties.bolt, strict.sealed_file(parties.bolt, PDF))
    await strict.show(parties.buyer, (Holder.AUDITOR, AUDITOR))
    # Whoever asks before the worker has looked at it lets it be looked at.
    got = await download_attachment(platform, parties.acme, id_, sent.id)
    assert await whole(got) == LONG
    await worker.run_until_idle()
    (seen,) = (await list_attachments(platform, parties.buyer, id_, ALL)).items
    assert (seen.name, seen.media_type, seen.size_bytes) == ("long.txt", "text/plain", len(LONG))
    assert await whole(await download_attachment(platform, parties.buyer, id_, sent.id)) == LONG
    for who, other in ((parties.bolt, sent.id), (parties.buyer, unnamed.id)):
        with pytest.raises(NotFound):
            await download_attachment(platform, who, id_, other)


async def test_files_that_fail_are_set_aside_with_a_reason_and_their_bid_stands(
    platform: Platform,
    parties: Parties,
    strict: Strict,
    worker: Worker,
    move_clock: MoveClock,
    owner: Any,
) -> None:
    acme, id_ = parties.acme, strict.procedure.id
    foreign = await strict.attachment(parties.bolt, PDF, "Bolt's")
    files = {
        "good": await strict.attachment(acme, PDF, "good.pdf"),
        "virus": await strict.attachment(acme, EICAR, "virus"),
        "archive": await strict.attachment(acme, archive(a_dot_txt=b"x"), "archive"),
        "key": {**await strict.attachment(acme, TEXT, "key"), "key": "00" * 32},
        "short": {**await strict.attachment(acme, TEXT, "short"), "key": "00"},
        "hash": {**await strict.attachment(acme, TEXT, "hash"), "sha256": "00" * 32},
        "foreign": {**foreign, "name": "foreign"},
    }
    envelope = strict.envelope(acme, "3", "90", attachments=list(files.values()))
    await strict.submit(acme, envelope)
    await move_clock(HOUR)
    opened = await strict.show(parties.buyer, (Holder.BUYER, BUYER))
    assert (await read_minutes(platform, parties.buyer, id_)).not_looked_at == 5
    await worker.run_until_idle()
    minutes = await read_minutes(platform, parties.buyer, id_)
    assert minutes.not_looked_at == 0
    assert {each.name: each.reason.partition(".")[0] for each in minutes.set_aside} == {
        "virus": "The scanner refuses this document",
        "archive": "An archive is not taken, but for office documents",
        "key": "The file does not open with the key that the bid names",
        "short": "The bid names no key of the file",
        "hash": "The file is another document than the bid names",
        "foreign": "The bid names an attachment that its bidder did not upload",
    }
    printed = await print_minutes(platform, parties.buyer, id_, Asked(["en"], "UTC"))
    assert "The scanner refuses this document" in str(printed.sheet)
    told = "select count(*) from events where kind = 'attachment.set_aside'"
    assert await owner.fetchval(told) == 4
    for name in ("virus", "archive", "key"):
        with pytest.raises(Conflict):
            await download_attachment(platform, parties.buyer, id_, files[name]["attachment_id"])
    good = files["good"]["attachment_id"]
    assert await whole(await download_attachment(platform, parties.buyer, id_, good)) == PDF
    assert [lot.status for lot in opened.lots] == ["opened"]


async def test_before_the_opening_size_and_hash_are_what_is_checked(
    parties: Parties, strict: Strict
) -> None:
    file = strict.sealed_file(parties.acme, LONG)
    for changed, code in (
        (file.body[:-1] + b"!", "other_content"),
        (file.body[:-1], "wrong_size"),
        (b"", "wrong_size"),
        (PDF, "wrong_size"),
    ):
        other = type(file)(changed, file.sha256, file.named)
        with pytest.raises(InvalidInput) as refusal:
            await strict.send(parties.acme, other)
        assert refusal.value.errors[0].code == code
    plain = Strict(strict.platform, await parties.published(), strict.client, strict.directory)
    with pytest.raises(Conflict):
        await plain.send(parties.acme, file)
    assert not [each for each in stored(strict.platform) if each.is_file()]


def stored(platform: Platform) -> list[Path]:
    return list((platform.settings.data_directory / "files").rglob("*"))


async def test_a_sealed_file_travels_over_http_as_it_is(
    client: httpx.AsyncClient, world: World, tmp_path: Path
) -> None:
    buyer, acme = await world.buyer(), await world.supplier()
    keys = {"buyer_key": ONE_ENVELOPE.buyer_key, "auditor_key": ONE_ENVELOPE.auditor_key}
    body = {**draft(), "openness": "open", "strict": keys}
    made = await client.post("/v1/procedures", json=body, headers=buyer.writing)
    address = f"/v1/procedures/{made.json()['id']}"
    headers = {**buyer.headers, "If-Match": made.headers["etag"]}
    assert (await client.post(f"{address}/publish", headers=headers)).status_code == 200
    shown = (await client.get(address, headers=acme.headers)).json()
    source, target = tmp_path / "plain", tmp_path / "sealed"
    source.write_bytes(LONG)
    with source.open("rb") as plain, target.open("wb") as out:
        file = strict_client().seal_file(plain, out, shown, str(acme.id))
    sent = await client.post(
        f"{address}/sealed-attachments",
        params={"sha256": file.sealed_sha256},
        content=target.read_bytes(),
        headers=acme.headers,
    )
    assert sent.status_code == 201, sent.text
    assert sent.json()["sealed_bytes"] == target.stat().st_size
    refused = await client.post(f"{address}/attachments", content=LONG, headers=acme.headers)
    assert refused.status_code == 409
