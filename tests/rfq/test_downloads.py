"""Documents and attachments on their way out: how many at once, unchanged, and as files."""

import httpx
import pytest

from marketplace.kernel import limits
from marketplace.kernel.errors import NotFound, Unavailable
from marketplace.platform.core import Platform
from rfq.attachments import documents, sealed
from rfq.opening.service import open_at_deadline
from rfq.procedures import publishing
from rfq.rules.procedure import Openness
from tests.rfq.parties import HOUR, MoveClock, Parties
from tests.rfq.test_attachments import chunks, files_in, named, submit, upload
from tests.rfq.test_routes import draft
from tests.support.documents import PDF, whole
from tests.support.world import World


async def test_what_is_given_out_counts_until_its_reader_has_it(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.drafted(await parties.terms(openness=Openness.OPEN))
    plan = await documents.add_document(platform, parties.buyer, made.id, "plan.pdf", chunks(PDF))
    made = await publishing.publish_procedure(platform, parties.buyer, made.id, made.version)
    sent = await upload(parties, parties.acme, made, PDF)
    await submit(parties, parties.acme, made, named(sent))
    await move_clock(HOUR)
    await open_at_deadline(platform, made.id)
    for download, found, most in (
        (documents.download_document, plan.id, limits.DOCUMENTS_OUT_OF_COMPANY_MAX),
        (sealed.download_attachment, sent.id, limits.ATTACHMENTS_OUT_OF_COMPANY_MAX),
    ):
        slow = [await download(platform, parties.acme, made.id, found) for _ in range(most)]
        for each in slow:
            await anext(each.pieces)
        with pytest.raises(Unavailable):
            await whole(await download(platform, parties.acme, made.id, found))
        assert await whole(await download(platform, parties.buyer, made.id, found)) == PDF
        await anext(slow[0].pieces, None)  # it has all of it now
        assert await whole(await download(platform, parties.acme, made.id, found)) == PDF
        again = await download(platform, parties.acme, made.id, found)
        await anext(again.pieces)
        await again.pieces.aclose()  # type: ignore[attr-defined]  # its reader has left
        assert await whole(await download(platform, parties.acme, made.id, found)) == PDF


async def test_a_document_that_was_changed_where_it_is_stored_is_given_to_nobody(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.drafted()
    plan = await documents.add_document(platform, parties.buyer, made.id, "plan.pdf", chunks(PDF))
    (file,) = files_in(platform.settings.data_directory / "files" / "documents")
    file.write_bytes(PDF.replace(b"Catalog", b"Dialogs"))
    got = await documents.download_document(platform, parties.buyer, made.id, plan.id)
    with pytest.raises(NotFound, match="changed"):
        await anext(got.pieces)


async def test_over_http_a_download_is_a_file_and_never_a_page(
    client: httpx.AsyncClient, world: World
) -> None:
    buyer, acme = await world.buyer(), await world.supplier()
    drafted = await client.post(
        "/v1/procedures", json=draft(openness="open"), headers=buyer.writing
    )
    address = f"/v1/procedures/{drafted.json()['id']}"
    page = b"<html><script>alert(1)</script></html>"
    added = await client.post(
        f"{address}/documents",
        params={"name": "Gr\u00f6\u00dfe.html"},
        content=page,
        headers={**buyer.headers, "Content-Type": "text/html"},
    )
    assert added.status_code == 201, added.text
    content = f"{address}/documents/{added.json()['id']}/content"
    assert (await client.get(content, headers=acme.headers)).status_code == 404
    published = {**buyer.headers, "If-Match": drafted.headers["ETag"]}
    assert (await client.post(f"{address}/publish", headers=published)).status_code == 200
    got = await client.get(content, headers=acme.headers)
    assert (got.status_code, got.content) == (200, page)
    assert got.headers["Content-Length"] == str(len(page))
    assert got.headers["Content-Type"].partition(";")[0] == "text/plain"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert got.headers["Content-Disposition"] == (
        "attachment; filename=\"Gr__e.html.txt\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.html.txt"
    )
    sent = await client.post(f"{address}/attachments", content=PDF, headers=acme.headers)
    assert sent.status_code == 201, sent.text
    assert sent.json()["media_type"] == "application/pdf"
    program = await client.post(f"{address}/attachments", content=b"MZ\0", headers=acme.headers)
    assert (program.status_code, program.json()["errors"][0]["code"]) == (422, "kind_not_taken")
    packed = {**acme.headers, "Content-Encoding": "gzip"}
    refused = await client.post(f"{address}/attachments", content=PDF, headers=packed)
    assert refused.status_code == 415
