"""Media that are uploaded, told of products, read by who knows these, and forgotten."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, select, update

from catalog.exports import bmecat, products
from catalog.exports.writers import ExportFormat
from catalog.imports.schemas import ImportKind
from catalog.media import forgetting, service
from catalog.media.schemas import MediumView
from catalog.media.tables import MediumRow
from catalog.products import suggesting
from catalog.products.schemas import MediaInput, MediaView, ToldAnswer, ToldInput
from catalog.search import service as search
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, NotPermitted, Unavailable
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.contents.scanning import Scanner, ScannerAway
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.contents import started
from marketplace.platform.http.paging import PageRequest
from marketplace.worker import Worker
from tests.catalog.parties import entry
from tests.catalog.products.keeper import Shelf
from tests.conftest import MoveClock
from tests.support.documents import EICAR, JPEG, PDF, PNG, TEXT, WEBP, office
from tests.support.waiting import until_held_up

GTIN = "4006381333931"
FIRST = PageRequest(50, None)


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 20):
        yield data[start : start + 20]


async def upload(
    shelf: Shelf, data: bytes = PNG, who: Caller | None = None, name: str = "front.png"
) -> MediumView:
    sender = who or shelf.market.supplier
    return await service.upload_medium(shelf.platform, sender, name, pieces(data))


def told(*media: MediumView, kind: Any = "image") -> list[MediaInput]:
    return [MediaInput(kind=kind, url=each.url, title=each.file_name) for each in media]


async def tell(shelf: Shelf, product_id: Any, who: Caller, *media: MediumView) -> ToldAnswer:
    data = ToldInput(media=told(*media))
    return await suggesting.tell_of_product(shelf.platform, who, product_id, data)


async def content(shelf: Shelf, medium: MediumView, who: Caller) -> bytes:
    found = await service.find_medium(shelf.platform, who, medium.id)
    return await whole(await started(service.give_out(shelf.platform, who, found).pieces))


async def whole(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def unread(shelf: Shelf, medium: MediumView, who: Caller) -> None:
    """He is told the same as of a medium that is not there."""
    answers = []
    for medium_id in (medium.id, new_id()):
        with pytest.raises(NotFound) as refused:
            await service.find_medium(shelf.platform, who, medium_id)
        answers.append(str(refused.value))
    assert answers[0] == answers[1]


def stored(platform: Platform) -> set[bytes]:
    root = Path(platform.settings.data_directory / "files" / "media")
    return {path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def test_a_suppliers_upload_is_shown_with_his_product_like_a_link(shelf: Shelf) -> None:
    market = shelf.market
    product = await shelf.proposed("A", gtin=GTIN)
    await market.price_list(entry("A", ("1", "1")))
    picture, paper = await upload(shelf), await upload(shelf, PDF, name="sheet.pdf")
    assert (picture.media_type, picture.size_bytes, picture.shown) == ("image/png", len(PNG), False)
    for stranger in (market.buyer, market.other):
        await unread(shelf, picture, stranger)
    media = [
        *told(paper, kind="datasheet"),
        MediaInput(kind="image", url="https://media.example.com/a.jpg", title="Side"),
        *told(picture),
    ]
    data = ToldInput(media=media)
    answer = await suggesting.tell_of_product(shelf.platform, market.supplier, product.id, data)
    assert answer.outcome == "changed"
    seen = (await shelf.read(product.id, market.buyer)).media
    assert [(each.kind, each.url, each.title) for each in seen] == [
        (each.kind, each.url, each.title) for each in media
    ]
    assert (seen[0].media_type, seen[0].sha256) == ("application/pdf", paper.sha256)
    assert seen[1] == MediaView(kind="image", url=media[1].url, title="Side")
    item = await search.read_catalog_item(shelf.platform, market.buyer, product.id, None)
    assert item.media == seen
    assert await content(shelf, paper, market.buyer) == PDF
    listed = (await service.list_media(shelf.platform, market.supplier, FIRST)).items
    assert [(each.id, each.shown) for each in listed] == [(picture.id, True), (paper.id, True)]
    assert (await service.list_media(shelf.platform, market.other, FIRST)).items == []


async def test_whoever_does_not_know_the_product_does_not_know_its_media(shelf: Shelf) -> None:
    market = shelf.market
    seen = await shelf.proposed("SEEN", gtin="96385074")
    before = await answers(shelf, seen.id)
    mine = await upload(shelf, who=shelf.operator)
    draft = await shelf.make("Hidden", state="draft", media=told(mine))
    assert await answers(shelf, seen.id) == before
    for stranger in (market.buyer, market.supplier):
        await unread(shelf, mine, stranger)
    assert await content(shelf, mine, shelf.operator) == PNG
    secret = await shelf.make("Secret", gtin=GTIN)
    await market.offer("A", gtin=GTIN, visibility="restricted")
    granted = await market.assortment("A", to=[market.buyer])
    gone = await shelf.discontinue(secret)
    await shelf.change(gone, gtin=GTIN, media=told(mine))
    assert await content(shelf, mine, market.buyer) == PNG
    assert await content(shelf, mine, market.supplier) == PNG
    await unread(shelf, mine, market.rival)
    await market.withdraw(granted, market.buyer)
    await unread(shelf, mine, market.buyer)
    assert (await shelf.read(draft.id)).media[0].url == mine.url


async def answers(shelf: Shelf, product_id: Any) -> list[bytes]:
    """What a buyer gets of the catalog, as bytes."""
    market, buyer = shelf.market, shelf.market.buyer
    item = await search.read_catalog_item(shelf.platform, buyer, product_id, None)
    told_of = await shelf.read(product_id, buyer)
    return [msgspec.json.encode(each) for each in (await market.catalog(), item, told_of)]


async def test_nobody_shows_what_another_uploaded_but_where_it_is_shown_already(
    shelf: Shelf,
) -> None:
    market = shelf.market
    theirs = await upload(shelf, who=market.other)
    product = await shelf.proposed("A", gtin=GTIN)
    for medium in (theirs, msgspec.structs.replace(theirs, url=f"/v1/media/{new_id()}")):
        with pytest.raises(InvalidInput) as refused:
            await tell(shelf, product.id, market.supplier, medium)
        assert [(each.pointer, each.code) for each in refused.value.errors] == [
            ("/media/0/url", "unknown_medium")
        ]
    row = f"sku,media\nA,image {theirs.url} Front\n"
    done = await market.upload(ImportKind.PRODUCTS, row)
    assert [(each.column, each.code, each.value) for each in done.errors] == [
        ("media", "unknown_medium", theirs.url)
    ]
    shown = await shelf.proposed("O", market.other, gtin="96385074")
    await tell(shelf, shown.id, market.other, theirs)
    assert await content(shelf, theirs, market.supplier) == PNG  # he sees it there, as all do
    with pytest.raises(InvalidInput):
        await tell(shelf, product.id, market.supplier, theirs)
    mine = await upload(shelf)
    both = await tell(shelf, shown.id, market.supplier, theirs, mine)
    assert both.outcome == "suggested"
    with pytest.raises(InvalidInput) as refused:
        await shelf.make("B", media=[MediaInput(kind="image", url=f"/v1/media/{new_id()}")])
    assert refused.value.errors[0].code == "unknown_medium"
    with pytest.raises(NotFound):
        await service.delete_medium(shelf.platform, market.supplier, theirs.id)
    with pytest.raises(NotPermitted):
        await upload(shelf, who=reader(market.buyer))


def reader(who: Caller) -> Caller:
    return msgspec.structs.replace(who, scopes=frozenset({"catalog:read"}))


async def test_who_names_a_medium_that_is_deleted_at_this_moment_is_refused(shelf: Shelf) -> None:
    market = shelf.market
    product = await shelf.proposed("A", gtin=GTIN)
    medium = await upload(shelf)
    async with transaction(shelf.platform, market.supplier) as tx:
        await tx.execute(delete(MediumRow).where(MediumRow.id == medium.id))
        telling = asyncio.create_task(tell(shelf, product.id, market.supplier, medium))
        await until_held_up(telling, by=tx)
    with pytest.raises(Conflict, match="deleted meanwhile"):
        await telling
    assert (await shelf.read(product.id)).media == []


async def test_row_security_shows_an_upload_to_nobody_else_until_a_product_shows_it(
    shelf: Shelf,
) -> None:
    market = shelf.market
    product = await shelf.proposed("A", gtin=GTIN)
    medium = await upload(shelf)

    async def readers() -> list[int]:
        counts = []
        for who in (market.supplier, shelf.operator, market.other, market.buyer):
            async with transaction(shelf.platform, who) as tx:
                counts.append(len(await tx.all(select(MediumRow.id))))
                changed = update(MediumRow).where(MediumRow.id == medium.id)
                touched = await tx.execute(changed.values(stored_at=MediumRow.stored_at))
                assert touched == (who is market.supplier)
        return counts

    assert await readers() == [1, 1, 0, 0]
    await tell(shelf, product.id, market.supplier, medium)
    assert await readers() == [1, 1, 1, 1]


async def test_a_suggested_medium_is_read_by_the_operator_and_shown_once_he_takes_it(
    shelf: Shelf, worker: Worker, move_clock: MoveClock
) -> None:
    market = shelf.market
    product = await shelf.make(gtin=GTIN)
    await market.offer("A", gtin=GTIN)
    medium = await upload(shelf)
    answer = await tell(shelf, product.id, market.supplier, medium)
    assert answer.outcome == "suggested"
    await unread(shelf, medium, market.buyer)
    assert await content(shelf, medium, shelf.operator) == PNG
    await move_clock(forgetting.GRACE)
    await worker.run_until_idle()
    assert isinstance(answer.suggestion_id, type(medium.id))
    await suggesting.take_suggestion(shelf.platform, shelf.operator, answer.suggestion_id, 1)
    assert await content(shelf, medium, market.buyer) == PNG


async def test_exports_name_the_address_and_what_comes_back_changes_nothing(shelf: Shelf) -> None:
    market = shelf.market
    platform = shelf.platform
    product = await shelf.proposed("A", gtin=GTIN)
    medium = await upload(shelf)
    await tell(shelf, product.id, market.supplier, medium)
    address = f"{platform.settings.public_url}{medium.url}"
    table = await whole(
        await started(products.export_products(platform, market.supplier, ExportFormat.CSV))
    )
    assert f"image {address} front.png".encode() in table
    document = await whole(await started(bmecat.export_bmecat(platform, market.supplier, None)))
    assert f"<MIME_SOURCE>{address}</MIME_SOURCE>".encode() in document
    assert b"<MIME_TYPE>image/png</MIME_TYPE>" in document
    root = b"<CATALOG><MIME_ROOT>https://media.example.com/</MIME_ROOT>"
    ours = document.replace(address.encode(), medium.url.encode()).replace(b"<CATALOG>", root)
    for data in (table, document, ours):
        again = await market.upload(ImportKind.PRODUCTS, data)
        assert again.errors == []
        assert again.result
        assert (again.result["unchanged"], again.result["changed"]) == (1, 0)


async def test_pictures_and_papers_are_taken_by_what_they_are_and_nothing_that_runs(
    shelf: Shelf,
) -> None:
    taken = [await upload(shelf, data, name="page.html") for data in (PNG, JPEG, WEBP, PDF)]
    assert [each.media_type for each in taken] == [
        "image/png",
        "image/jpeg",
        "image/webp",
        "application/pdf",
    ]
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    active = PDF.replace(b"/Type", b"/OpenAction << /S /JavaScript /JS (x) >> /Type")
    for data, code in (
        (svg, "kind_not_taken"),
        (b"<!doctype html><p>", "kind_not_taken"),
        (TEXT, "kind_not_taken"),
        (office(), "kind_not_taken"),
        (b"", "empty"),
        (EICAR, "kind_not_taken"),
        (active, "refused_by_scanner"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await upload(shelf, data)
        assert refused.value.errors[0].code == code
    with pytest.raises(InvalidInput, match="neither SVG nor HTML"):
        await upload(shelf, svg)
    assert stored(shelf.platform) == {PNG, JPEG, WEBP, PDF}


class Away:
    """A scanner that does not answer."""

    async def refusal(self, _content: bytes) -> str | None:
        raise ScannerAway


async def test_nothing_is_taken_without_the_scanner_or_beyond_the_bounds(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await upload(shelf)
    monkeypatch.setitem(shelf.platform._parts, Scanner, Away())
    with pytest.raises(Unavailable):
        await upload(shelf, JPEG)
    monkeypatch.undo()
    held = shelf.platform.get(service.HeldMedia)
    with held.room(shelf.market.supplier.organization_id):
        with pytest.raises(Unavailable):
            await upload(shelf, JPEG)
        await upload(shelf, JPEG, shelf.market.other)
    monkeypatch.setattr(service, "MEDIA_OF_COMPANY_MAX", 1)
    with pytest.raises(Conflict):
        await upload(shelf, JPEG)
    monkeypatch.undo()
    monkeypatch.setattr(service, "MEDIA_BYTES_OF_COMPANY_MAX", len(PNG) + 1)
    with pytest.raises(Conflict):
        await upload(shelf, JPEG)
    assert (await upload(shelf)).id == first.id
    assert stored(shelf.platform) == {PNG, JPEG}


async def test_the_same_content_is_one_medium_of_a_company_and_another_of_another(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        shelf.platform._parts, service.HeldMedia, service.HeldContents(at_once=9, of_company=9)
    )
    made = await asyncio.gather(*(upload(shelf, name=f"{number}.png") for number in range(4)))
    assert len({each.id for each in made}) == len({each.file_name for each in made}) == 1
    other = await upload(shelf, who=shelf.market.other)
    assert other.id != made[0].id
    await service.delete_medium(shelf.platform, shelf.market.other, other.id)
    assert await content(shelf, made[0], shelf.market.supplier) == PNG


async def test_what_no_product_shows_goes_after_a_while_and_what_one_shows_stays(
    shelf: Shelf, worker: Worker, move_clock: MoveClock
) -> None:
    market = shelf.market
    product = await shelf.proposed("A", gtin=GTIN)
    shown, unused = await upload(shelf), await upload(shelf, JPEG)
    again = await upload(shelf, WEBP)
    await tell(shelf, product.id, market.supplier, shown)
    with pytest.raises(Conflict):
        await service.delete_medium(shelf.platform, market.supplier, shown.id)
    await move_clock(forgetting.GRACE - timedelta(days=1))
    assert (await upload(shelf, WEBP)).id == again.id
    await move_clock(timedelta(days=2))
    await worker.run_until_idle()
    await unread(shelf, unused, market.supplier)
    assert stored(shelf.platform) == {PNG, WEBP}
    await tell(shelf, product.id, market.supplier, again)
    assert stored(shelf.platform) == {PNG, WEBP}
    await move_clock(forgetting.GRACE + timedelta(days=1))
    await worker.run_until_idle()
    assert stored(shelf.platform) == {WEBP}
    await tell(shelf, product.id, market.supplier)
    await service.delete_medium(shelf.platform, market.supplier, again.id)
    assert stored(shelf.platform) == set()


async def test_a_content_that_was_changed_on_disk_is_not_given_out(shelf: Shelf) -> None:
    medium = await upload(shelf)
    found = await service.find_medium(shelf.platform, shelf.market.supplier, medium.id)
    (shelf.platform.settings.data_directory / "files" / found.key).write_bytes(JPEG)
    with pytest.raises(NotFound):
        await content(shelf, medium, shelf.market.supplier)


async def test_media_go_out_a_few_at_a_time_and_who_goes_away_leaves_his_place(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = service.HeldContents(at_once=1, of_company=1)
    monkeypatch.setitem(shelf.platform._parts, service.MediaGivenOut, one)
    medium, who = await upload(shelf), shelf.market.supplier
    found = await service.find_medium(shelf.platform, who, medium.id)
    reading = await started(service.give_out(shelf.platform, who, found).pieces)
    with pytest.raises(Unavailable):
        await content(shelf, medium, shelf.operator)
    assert await anext(reading) == PNG
    await reading.aclose()
    assert await content(shelf, medium, shelf.operator) == PNG
