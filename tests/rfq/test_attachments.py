"""Documents of the buyer, and attachments of bids: sealed, named by the bid, opened with it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from marketplace.kernel import limits
from marketplace.kernel.errors import (
    BodyTooLarge,
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    Unavailable,
    WrongState,
)
from marketplace.platform.caller import Caller
from marketplace.platform.contents import receiving
from marketplace.platform.contents.scanning import ClamdScanner, Scan, Scanner, ScannerAway
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from marketplace.worker import Worker
from rfq.amendments.schemas import AmendmentInput
from rfq.amendments.service import amend_procedure, list_amendments
from rfq.attachments import documents, sealed
from rfq.attachments.schemas import AttachmentView, DocumentView, UploadView
from rfq.bids import service as bids
from rfq.bids.schemas import BidAttachmentInput
from rfq.opening.service import open_at_deadline
from rfq.procedures import publishing
from rfq.procedures.reading import load, read_procedure
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.bid import BidStatus
from rfq.rules.procedure import Openness
from tests.rfq.parties import HOUR, MoveClock, Parties, bid, key
from tests.support.documents import EICAR, PDF, TEXT, whole

ASKED = PageRequest(limit=50, after=None, path="")


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 1_000):
        yield data[start : start + 1_000]


async def upload(
    parties: Parties, who: Caller, procedure: BuyerProcedureView, data: bytes
) -> UploadView:
    return await sealed.upload_attachment(parties.platform, who, procedure.id, chunks(data))


def named(upload: UploadView, name: str = "Zeugnis.pdf") -> BidAttachmentInput:
    return BidAttachmentInput(attachment_id=upload.id, sha256=upload.sha256, name=name)


async def submit(
    parties: Parties,
    who: Caller,
    procedure: BuyerProcedureView,
    *attachments: BidAttachmentInput,
) -> Any:
    data = bid(procedure, "3", "90")
    data.attachments = list(attachments)
    return await bids.submit_bid(parties.platform, who, procedure.id, data, key())


async def listed(
    parties: Parties, who: Caller, procedure: BuyerProcedureView
) -> list[AttachmentView]:
    page = await sealed.list_attachments(parties.platform, who, procedure.id, ASKED)
    return page.items


async def test_an_attachment_is_read_after_the_opening_by_the_buyer_and_its_bidder_alone(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published()
    sent = await upload(parties, parties.acme, made, PDF)
    await submit(parties, parties.acme, made, named(sent))
    for who in (parties.buyer, parties.acme):
        with pytest.raises(WrongState):
            await listed(parties, who, made)
        with pytest.raises(WrongState):
            await sealed.download_attachment(platform, who, made.id, sent.id)
    await move_clock(HOUR)
    await open_at_deadline(platform, made.id)
    (seen,) = await listed(parties, parties.buyer, made)
    assert (seen.name, seen.sha256, seen.size_bytes) == ("Zeugnis.pdf", sent.sha256, len(PDF))
    for who in (parties.buyer, parties.acme):
        got = await sealed.download_attachment(platform, who, made.id, sent.id)
        assert await whole(got) == PDF
    assert await listed(parties, parties.bolt, made) == []
    with pytest.raises(NotFound):
        await sealed.download_attachment(platform, parties.bolt, made.id, sent.id)


async def test_an_attachment_uploaded_after_submission_belongs_to_the_bid_that_names_it(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published()
    first = await submit(parties, parties.acme, made)
    later = await upload(parties, parties.acme, made, PDF)
    unnamed = await upload(parties, parties.bolt, made, PDF)
    await submit(parties, parties.bolt, made)
    data = bid(made, "3", "90")
    data.attachments = [named(later)]
    await bids.replace_bid(
        platform, parties.acme, made.id, first.bid_id, data=data, version=1, key=key()
    )
    await move_clock(HOUR)
    with pytest.raises(WrongState):
        await upload(parties, parties.acme, made, TEXT)
    await open_at_deadline(platform, made.id)
    assert [each.id for each in await listed(parties, parties.buyer, made)] == [later.id]
    with pytest.raises(NotFound):
        await sealed.download_attachment(platform, parties.buyer, made.id, unnamed.id)


async def test_the_same_document_twice_is_one_attachment_of_one_bidder(
    platform: Platform, parties: Parties, owner: Any
) -> None:
    made = await parties.published()
    one, two = await asyncio.gather(*(upload(parties, parties.acme, made, PDF) for _ in range(2)))
    assert one.id == two.id
    other = await upload(parties, parties.bolt, made, PDF)
    assert other.id != one.id
    rows = await owner.fetch("select address, stored_digest from sealed_attachments")
    assert len({row["address"] for row in rows}) == len({row["stored_digest"] for row in rows}) == 2
    files = list((platform.settings.data_directory / "files" / "sealed").rglob("*"))
    assert len([file for file in files if file.is_file()]) == 2
    with pytest.raises(InvalidInput) as refusal:
        await submit(parties, parties.acme, made, named(one), named(two))
    assert refusal.value.errors[0].pointer == "/attachments/1/attachment_id"


async def test_a_bid_names_only_what_its_bidder_uploaded_and_as_it_is(parties: Parties) -> None:
    made = await parties.published()
    foreign = await upload(parties, parties.bolt, made, PDF)
    own = await upload(parties, parties.acme, made, TEXT)
    with pytest.raises(InvalidInput) as refusal:
        await submit(
            parties,
            parties.acme,
            made,
            named(foreign),
            BidAttachmentInput(attachment_id=own.id, sha256=foreign.sha256, name="a.txt"),
        )
    assert [(each.pointer, each.code) for each in refusal.value.errors] == [
        ("/attachments/0/attachment_id", "unknown_attachment"),
        ("/attachments/1/sha256", "other_content"),
    ]
    with pytest.raises(InvalidInput):
        await submit(parties, parties.acme, made, named(own, "../a.txt"))


async def test_before_the_opening_neither_database_nor_disk_holds_content_or_name(
    platform: Platform,
    parties: Parties,
    database_text: Callable[[], Awaitable[str]],
    move_clock: MoveClock,
) -> None:
    made = await parties.published()
    planted = b"the planted content of an attachment"
    sent = await upload(parties, parties.acme, made, planted)
    await submit(parties, parties.acme, made, named(sent, "planted name.txt"))
    everything = await database_text()
    assert str(sent.id) in everything
    for text in ("planted name", sent.sha256, planted.decode(), "text/plain"):
        assert text not in everything
    for file in files_in(platform.settings.data_directory):
        assert planted not in file.read_bytes()
    await move_clock(HOUR)
    await open_at_deadline(platform, made.id)
    assert "planted name" in await database_text()


def files_in(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


async def test_an_attachment_whose_file_was_changed_is_not_released_and_stops_no_other(
    platform: Platform, parties: Parties, move_clock: MoveClock, owner: Any
) -> None:
    made = await parties.published()
    good = await upload(parties, parties.acme, made, PDF)
    slip = await upload(parties, parties.acme, made, b"one")
    file = await upload(parties, parties.acme, made, b"two")
    await submit(parties, parties.acme, made, named(good), named(slip, "a"), named(file, "b"))
    await owner.execute(
        "update sealed_attachments set wrapped_slip = '\\x00' where id = $1", slip.id
    )
    digest = await owner.fetchval(
        "select stored_digest from sealed_attachments where id = $1", file.id
    )
    path = platform.settings.data_directory / "files" / "sealed" / str(made.id) / digest.hex()
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    await move_clock(HOUR)
    await open_at_deadline(platform, made.id)
    seen = {each.id: each for each in await listed(parties, parties.buyer, made)}
    assert {id_ for id_, each in seen.items() if each.invalid_reason} == {slip.id}
    for broken in (slip, file):
        with pytest.raises(Conflict):
            await sealed.download_attachment(platform, parties.buyer, made.id, broken.id)
    got = await sealed.download_attachment(platform, parties.buyer, made.id, good.id)
    assert await whole(got) == PDF


class Switch:
    """A scanner that can be put away and told what to refuse."""

    def __init__(self) -> None:
        self.away = False
        self.refused = b"\0"

    async def refusal(self, content: bytes) -> str | None:
        if self.away:
            raise ScannerAway
        return "It is bad." if self.refused in content else None


@pytest.fixture
def scanner(platform: Platform) -> Switch:
    switch = Switch()
    platform._parts[Scanner] = switch
    return switch


async def test_what_the_scanner_refuses_is_not_taken(parties: Parties) -> None:
    made = await parties.published()
    active = PDF.replace(b"/Type", b"/OpenAction << /S /JavaScript /JS (x) >> /Type")
    for content in (EICAR, active):
        with pytest.raises(InvalidInput) as refusal:
            await upload(parties, parties.acme, made, content)
        assert refusal.value.errors[0].code == "refused_by_scanner"


async def test_with_the_scanner_down_a_bid_is_in_time_and_its_attachment_not_released(
    platform: Platform, parties: Parties, move_clock: MoveClock, scanner: Switch
) -> None:
    made = await parties.published()
    scanner.away = True
    one = await upload(parties, parties.acme, made, b"good")
    two = await upload(parties, parties.acme, made, b"evil")
    assert one.scan is Scan.UNSCANNED
    await submit(parties, parties.acme, made, named(one, "a"), named(two, "b"))
    await move_clock(HOUR)
    await open_at_deadline(platform, made.id)
    with pytest.raises(Unavailable):
        await sealed.download_attachment(platform, parties.buyer, made.id, one.id)
    scanner.away, scanner.refused = False, b"evil"
    got = await sealed.download_attachment(platform, parties.buyer, made.id, one.id)
    assert await whole(got) == b"good"
    for _ in range(2):
        with pytest.raises(Conflict):
            await sealed.download_attachment(platform, parties.buyer, made.id, two.id)
        scanner.refused = b"\0"  # a verdict stands
    seen = {each.id: each.scan for each in await listed(parties, parties.buyer, made)}
    assert seen == {one.id: Scan.CLEAN, two.id: Scan.REFUSED}


async def test_clamav_is_asked_by_its_own_protocol() -> None:
    asked: list[bytes] = []
    answers = [b"stream: OK\0", b"stream: Eicar-Signature FOUND\0", b"INSTREAM size limit ERROR\0"]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(10) == b"zINSTREAM\0"
        content = b""
        while size := int.from_bytes(await reader.readexactly(4), "big"):
            content += await reader.readexactly(size)
        asked.append(content)
        writer.write(answers[len(asked) - 1])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        clamd = ClamdScanner("127.0.0.1:" + str(server.sockets[0].getsockname()[1]))
        content = b"x" * 600_000
        assert await clamd.refusal(content) is None
        assert "Eicar" in str(await clamd.refusal(b"y"))
        with pytest.raises(ScannerAway):
            await clamd.refusal(b"z")
    assert asked == [content, b"y", b"z"]
    with pytest.raises(ScannerAway):
        await clamd.refusal(b"")


async def test_documents_are_read_by_all_who_see_the_procedure_and_stay_once_published(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.drafted(await parties.terms(openness=Openness.OPEN))
    first = await documents.add_document(platform, parties.buyer, made.id, "plan.pdf", chunks(PDF))
    again = await documents.add_document(
        platform, parties.buyer, made.id, "other name.pdf", chunks(PDF)
    )
    assert again == first
    gone = await documents.add_document(platform, parties.buyer, made.id, "a.txt", chunks(TEXT))
    await documents.remove_document(platform, parties.buyer, made.id, gone.id)
    with pytest.raises(NotFound):
        await documents.list_documents(platform, parties.acme, made.id)
    await publishing.publish_procedure(platform, parties.buyer, made.id, made.version)
    for who in (parties.buyer, parties.acme):
        got = await documents.download_document(platform, who, made.id, first.id)
        assert (await whole(got), got.name) == (PDF, "plan.pdf")
        assert (await documents.list_documents(platform, who, made.id)).items == [first]
    with pytest.raises(WrongState, match="amend"):
        await documents.remove_document(platform, parties.buyer, made.id, first.id)
    with pytest.raises(NotPermitted):
        await documents.add_document(platform, parties.acme, made.id, "x.txt", chunks(TEXT))


async def test_a_document_after_the_publication_is_an_amendment_and_seen_by_nobody_before(
    platform: Platform, parties: Parties
) -> None:
    terms = await parties.terms(openness=Openness.OPEN)
    made = await parties.drafted(msgspec.structs.replace(terms, amendment_notice_hours=0))
    plan = await documents.add_document(platform, parties.buyer, made.id, "plan.pdf", chunks(PDF))
    made = await publishing.publish_procedure(platform, parties.buyer, made.id, made.version)
    sent = await parties.submit(made, parties.acme, "3", "90")
    hashed = await terms_hash(parties, made)
    newer = await documents.add_document(platform, parties.buyer, made.id, "new.txt", chunks(TEXT))
    assert (newer.terms_from, newer.in_force) == (None, False)
    for act in (documents.download_document, documents.remove_document):
        with pytest.raises((NotFound, NotPermitted)):
            await act(platform, parties.acme, made.id, newer.id)
    assert [each.id for each in await shown(parties, parties.acme, made)] == [plan.id]
    assert await terms_hash(parties, made) == hashed
    (receipt,) = (await bids.list_receipts(platform, parties.acme, made.id)).items
    assert receipt.status == BidStatus.LIVE

    await amend(parties, made, document_ids=[newer.id])
    assert await terms_hash(parties, made) != hashed
    (receipt,) = (await bids.list_receipts(platform, parties.acme, made.id)).items
    assert receipt.status == BidStatus.UNCONFIRMED
    (told,) = (await list_amendments(platform, parties.acme, made.id)).items
    assert [(each.kind, each.place) for each in told.changes] == [
        ("added", "document 'new.txt'"),
        ("removed", "document 'plan.pdf'"),
    ]
    # What his bid was for he can still read.
    assert [(each.id, each.in_force) for each in await shown(parties, parties.acme, made)] == [
        (plan.id, False),
        (newer.id, True),
    ]
    got = await documents.download_document(platform, parties.acme, made.id, plan.id)
    assert await whole(got) == PDF
    await bids.confirm_bid(platform, parties.acme, made.id, sent.bid_id, sent.version)
    with pytest.raises(InvalidInput) as refused:
        await amend(parties, made, document_ids=[plan.id, sent.bid_id, plan.id])
    assert [each.pointer for each in refused.value.errors] == ["/document_ids/1", "/document_ids/2"]


async def shown(parties: Parties, who: Caller, made: BuyerProcedureView) -> list[DocumentView]:
    return (await documents.list_documents(parties.platform, who, made.id)).items


async def terms_hash(parties: Parties, made: BuyerProcedureView) -> str:
    async with transaction(parties.platform, parties.buyer) as tx:
        return (await load(tx, made.id)).terms_hash()


async def amend(parties: Parties, made: BuyerProcedureView, **changes: Any) -> None:
    present = await read_procedure(parties.platform, parties.buyer, made.id)
    lots = msgspec.convert(msgspec.to_builtins(present.lots), list[Any])
    for lot in lots:
        del lot["status"]
    given = {"summary": "Other plans.", "title": present.title, "lots": lots} | changes
    data = msgspec.convert(msgspec.to_builtins(given), AmendmentInput)
    await amend_procedure(parties.platform, parties.buyer, made.id, data, present.version)


async def test_a_removed_document_leaves_no_file_that_nobody_finds(
    platform: Platform, parties: Parties, worker: Worker, move_clock: MoveClock
) -> None:
    made = await parties.drafted()
    stored = platform.settings.data_directory / "files" / "documents"

    async def add(data: bytes) -> DocumentView:
        return await documents.add_document(platform, parties.buyer, made.id, "a", chunks(data))

    kept, gone, back = await add(b"kept"), await add(b"gone"), await add(b"back")
    for each in (gone, back):
        await documents.remove_document(platform, parties.buyer, made.id, each.id)
    with pytest.raises(NotFound):
        await documents.download_document(platform, parties.buyer, made.id, gone.id)
    await worker.run_until_idle()
    assert len(files_in(stored)) == 3
    assert (await add(b"back")).id == back.id
    await move_clock(documents.GRACE)
    await worker.run_until_idle()
    assert {file.read_bytes() for file in files_in(stored)} == {b"kept", b"back"}
    listed_now = await shown(parties, parties.buyer, made)
    assert [each.id for each in listed_now] == [kept.id, back.id]


async def test_an_upload_that_was_cut_off_leaves_nothing(
    platform: Platform,
    parties: Parties,
    worker: Worker,
    move_clock: MoveClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = await parties.drafted()
    stored = platform.settings.data_directory / "files" / "documents"

    async def cut_off(*arguments: Any) -> None:
        await receiving.keep_file(*arguments)
        raise OSError("the process dies here")

    with monkeypatch.context() as patch:
        patch.setattr(documents, "keep_file", cut_off)
        with pytest.raises(OSError, match="dies"):
            await documents.add_document(platform, parties.buyer, made.id, "a", chunks(TEXT))
    assert len(files_in(stored)) == 1
    assert await shown(parties, parties.buyer, made) == []
    await move_clock(documents.GRACE)
    await worker.run_until_idle()
    assert files_in(stored) == []


async def test_too_large_too_many_and_too_many_at_once_are_refused(
    platform: Platform, parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await parties.published()
    monkeypatch.setattr(receiving, "DOCUMENT_BYTES_MAX", 5_000)
    with pytest.raises(BodyTooLarge):
        await upload(parties, parties.acme, made, b"x" * 5_001)
    monkeypatch.setattr(sealed, "ATTACHMENT_UPLOADS_MAX", 1)
    await upload(parties, parties.acme, made, b"1")
    with pytest.raises(Conflict):
        await upload(parties, parties.acme, made, b"2")
    held = platform.get(receiving.HeldContents)
    with held.room(parties.acme.organization_id), held.room(parties.acme.organization_id):
        with pytest.raises(Unavailable):
            await upload(parties, parties.acme, made, b"3")
        await upload(parties, parties.bolt, made, b"4")
    assert limits.DOCUMENTS_OF_COMPANY_MAX == 2
    sealed_files = platform.settings.data_directory / "files" / "sealed"
    assert len(files_in(sealed_files)) == 2
