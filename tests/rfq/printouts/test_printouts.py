"""Printouts: what each reader sees, on the page and in the PDF, and what none of them may."""

from datetime import UTC, datetime

import httpx
import msgspec
import pypdfium2
import pytest

from marketplace.kernel.errors import NotFound, WrongState
from marketplace.platform.core import Platform
from marketplace.platform.sheets.answers import _TEMPLATE
from marketplace.platform.sheets.model import Sheet
from marketplace.platform.sheets.page import page
from marketplace.platform.typesetting import Typeset, compiled
from rfq.printouts.service import (
    Asked,
    Printout,
    print_decision,
    print_minutes,
    print_procedure,
)
from rfq.procedures.schemas import BudgetInput
from tests.rfq.awards.tender import opened, proposed
from tests.rfq.parties import BUYER_SCOPES, MoveClock, Parties, caller
from tests.rfq.test_routes import published
from tests.support.world import World

GERMAN = Asked(("de",), "Europe/Berlin")
ENGLISH = Asked((), None)


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        pages = [each.get_textpage().get_text_range() for each in document]
    finally:
        document.close()
    return " ".join("\n".join(pages).replace("\u00a0", " ").split())


def pdf_of(sheet: Sheet) -> str:
    data = msgspec.json.encode({"sheet": sheet, "foot": "Foot"}).decode()
    made = compiled(str(_TEMPLATE), data, datetime(2026, 1, 1, tzinfo=UTC))
    assert isinstance(made, Typeset), made
    assert made.complete
    return text_of(made.pdf)


def page_of(made: Printout) -> str:
    return page(made.sheet).decode().replace("\u00a0", " ")


async def test_bidders_print_what_is_asked_and_the_buyer_his_part_beside(
    platform: Platform, parties: Parties
) -> None:
    asked = msgspec.structs.replace(
        await parties.terms(lots=2), budget=BudgetInput(amount="12345.50", shown=False)
    )
    made = await parties.published(asked)
    theirs = await print_procedure(platform, parties.acme, made.id, GERMAN)
    own = await print_procedure(platform, parties.buyer, made.id, GERMAN)
    for shown in (page_of(theirs), pdf_of(theirs.sheet)):
        assert "Office supplies" in shown
        assert "Lot 2: Lot 2" in shown
        assert "Paper A4, 80 g" in shown
        assert "Buyer" in shown
        assert "12.345,50" not in shown
        assert "Bolt" not in shown
    for shown in (page_of(own), pdf_of(own.sheet)):
        assert "12.345,50 EUR" in shown
        assert "Bolt" in shown
    stranger = caller(BUYER_SCOPES)
    with pytest.raises(NotFound):
        await print_procedure(platform, stranger, made.id, ENGLISH)


async def test_minutes_tell_the_buyer_all_bids_and_a_bidder_his_own(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    receiving = await parties.published()
    await parties.submit(receiving, parties.acme, "3.10", "90")
    for who in (parties.buyer, parties.acme):
        with pytest.raises(WrongState):
            await print_minutes(platform, who, receiving.id, ENGLISH)
    made = await opened(parties, move_clock)
    own = await print_minutes(platform, parties.buyer, made.id, GERMAN)
    for shown in (page_of(own), pdf_of(own.sheet)):
        for name, total in (("Acme", "580,00 EUR"), ("Bolt", "575,00 EUR"), ("Coil", "590,00 EUR")):
            assert name in shown
            assert total in shown
        assert str(made.bids_root)[:16] in shown.replace("\u200b", "")
    his = await print_minutes(platform, parties.acme, made.id, ENGLISH)
    for shown in (page_of(his), pdf_of(his.sheet)):
        assert "580.00 EUR" in shown
        assert "575.00" not in shown
        assert "Bolt" not in shown
    with pytest.raises(NotFound):
        await print_minutes(platform, caller(BUYER_SCOPES), made.id, ENGLISH)


async def test_the_decision_tells_the_buyer_the_ranking_and_a_loser_his_reasons_alone(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await opened(parties, move_clock, standstill_days=10)
    with pytest.raises(WrongState):
        await print_decision(platform, parties.buyer, made.id, ENGLISH)
    with pytest.raises(NotFound):
        await print_decision(platform, parties.acme, made.id, ENGLISH)
    await proposed(parties, made)
    own = await print_decision(platform, parties.buyer, made.id, ENGLISH)
    for shown in (page_of(own), pdf_of(own.sheet)):
        for told in ("Bolt", "Acme", "575.00 EUR", "580.00 EUR", "In standstill", "Award to Bolt"):
            assert told in shown
    lost = await print_decision(platform, parties.acme, made.id, ENGLISH)
    for shown in (page_of(lost), pdf_of(lost.sheet)):
        assert "Your offer has rank 2." in shown
        assert "To Acme" in shown.replace("</dt><dd>", " ")
        assert "575.00" not in shown
        assert "Bolt" not in shown
    won = page_of(await print_decision(platform, parties.bolt, made.id, ENGLISH))
    assert "The lot is to be awarded to you." in won


async def test_a_printout_is_the_same_bytes_each_time_and_times_are_the_readers(
    platform: Platform, parties: Parties
) -> None:
    made = await parties.published()
    first = await print_procedure(platform, parties.acme, made.id, GERMAN)
    assert first == await print_procedure(platform, parties.acme, made.id, GERMAN)
    there = page_of(await print_procedure(platform, parties.acme, made.id, Asked((), "Asia/Tokyo")))
    assert "JST" in there
    assert "JST" not in page_of(first)


async def test_page_and_pdf_over_http(client: httpx.AsyncClient, world: World) -> None:
    buyer, acme = await world.buyer(), await world.supplier("A <b>&</b> #strong[x]")
    made = await published(client, buyer, acme)
    address = f"/v1/procedures/{made['id']}/printouts/procedure"
    shown = await client.get(address, headers={**acme.headers, "Accept": "text/html, */*"})
    assert shown.status_code == 200, shown.text
    assert shown.headers["Content-Type"].startswith("text/html")
    assert "script" not in shown.headers["Content-Security-Policy"]
    assert "<script" not in shown.text
    style = await client.get("/sheets/assets/sheet.css")
    assert style.status_code == 200
    asked = {**buyer.headers, "Accept": "application/pdf"}
    printed = await client.get(address, headers=asked)
    assert printed.status_code == 200, printed.text
    assert printed.headers["Content-Type"] == "application/pdf"
    assert "A <b>&</b> #strong[x]" in text_of(printed.content)
    again = await client.get(address, headers={**asked, "If-None-Match": printed.headers["ETag"]})
    assert again.status_code == 304
    other = await client.get(f"{address}?format=pdf&time_zone=Nowhere", headers=buyer.headers)
    assert other.status_code == 422
