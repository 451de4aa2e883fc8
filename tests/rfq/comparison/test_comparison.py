"""The comparison: each offer against the best, the estimate and the last price, with its source."""

import io
from typing import Any

import httpx
import pytest
from msgspec import structs
from python_calamine import CalamineWorkbook
from sqlalchemy import event

from marketplace.kernel.errors import InvalidInput, NotFound, NotPermitted, StaleVersion, WrongState
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.sheets.page import page
from marketplace.platform.sheets.reader import reader_of
from marketplace.worker import Worker
from rfq.comparison.estimates import estimates_of, put_estimates, read_estimates
from rfq.comparison.page import comparison_sheet
from rfq.comparison.reading import read_comparison
from rfq.comparison.schemas import EstimatesInput, LotEstimateInput
from rfq.comparison.workbook import workbook
from rfq.opening.service import open_procedure
from rfq.procedures.schemas import BuyerProcedureView
from tests.rfq.awards.tender import opened, proposed
from tests.rfq.parties import BUYER_SCOPES, HOUR, MoveClock, Parties, caller
from tests.rfq.test_routes import priced, published
from tests.support.world import World


def estimated(made: BuyerProcedureView, *amounts: str | None, **more: Any) -> EstimatesInput:
    return EstimatesInput(
        lots=[
            LotEstimateInput(lot_id=lot.id, estimate=amount, **more)
            for lot, amount in zip(made.lots, amounts, strict=True)
        ]
    )


async def with_estimates(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> BuyerProcedureView:
    made = await parties.published()
    data = estimated(made, "500", baseline="625")
    await put_estimates(platform, parties.buyer, made.id, data, 0)
    await parties.submit(made, parties.acme, "3.10", "90")
    await parties.submit(made, parties.bolt, "2.90", "95")
    await move_clock(HOUR)
    return await open_procedure(platform, parties.buyer, made.id)


async def test_each_offer_is_measured_against_the_best_the_estimate_and_the_last_price(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await with_estimates(platform, parties, move_clock)
    view = await read_comparison(platform, parties.buyer, made.id)
    lot = view.lots[0]
    assert lot.best is not None
    assert (lot.best.amount, view.best_total.amount) == ("575.00", "575.00")
    assert view.estimate_total is not None
    assert view.estimate_total.amount == "500.00"
    first, second = lot.offers
    assert (first.supplier, first.rank, second.supplier, second.rank) == ("Bolt", 1, "Acme", 2)
    found = [
        None if each is None else (each.amount, each.share)
        for each in (second.above_best, second.above_estimate, second.above_baseline)
    ]
    assert found == [("5.00", "0.0087"), ("80.00", "0.16"), ("-45.00", "-0.072")]
    assert second.source == f"bid {second.bid_id}"
    assert lot.computation == f"/v1/procedures/{made.id}/lots/{lot.lot_id}/computation"
    assert [line.lowest for line in second.lines] == [False, True]
    assert [(each.supplier, each.lots, each.first_in) for each in view.suppliers] == [
        ("Bolt", 1, 1),
        ("Acme", 1, 0),
    ]


async def test_nobody_but_the_buyer_compares_and_he_not_before_the_opening(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    receiving = await parties.published()
    with pytest.raises(WrongState):
        await read_comparison(platform, parties.buyer, receiving.id)
    made = await opened(parties, move_clock)
    rival = structs.replace(parties.acme, scopes=BUYER_SCOPES)
    for who in (rival, caller(BUYER_SCOPES)):
        with pytest.raises(NotFound):
            await read_comparison(platform, who, made.id)
    with pytest.raises(NotPermitted):
        await read_comparison(platform, parties.acme, made.id)


async def test_a_bidders_role_reads_no_estimate(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await with_estimates(platform, parties, move_clock)
    for who, count in ((parties.acme, 0), (caller(BUYER_SCOPES), 0), (parties.buyer, 1)):
        async with transaction(platform, who) as tx:
            assert len(await estimates_of(tx, made.id)) == count


async def test_estimates_stand_from_the_close_on_and_have_versions(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await parties.published()
    with pytest.raises(StaleVersion):
        await put_estimates(platform, parties.buyer, made.id, estimated(made, "1"), 3)
    await put_estimates(platform, parties.buyer, made.id, estimated(made, "1"), 0)
    again = await put_estimates(platform, parties.buyer, made.id, estimated(made, None), 1)
    assert (again.version, again.lots) == (2, [])
    wrong = EstimatesInput(
        lots=[
            LotEstimateInput(lot_id=made.id, estimate="1"),
            LotEstimateInput(lot_id=made.lots[0].id, estimate="0", baseline="1.001"),
            LotEstimateInput(lot_id=made.lots[0].id),
        ]
    )
    with pytest.raises(InvalidInput) as refused:
        await put_estimates(platform, parties.buyer, made.id, wrong, 2)
    assert [each.pointer for each in refused.value.errors] == [
        "/lots/0/lot_id",
        "/lots/1/estimate",
        "/lots/1/baseline",
        "/lots/2/lot_id",
    ]
    await parties.submit(made, parties.acme, "3.10", "90")
    await move_clock(HOUR)
    await open_procedure(platform, parties.buyer, made.id)
    with pytest.raises(WrongState):
        await put_estimates(platform, parties.buyer, made.id, estimated(made, "1"), 2)
    assert (await read_estimates(platform, parties.buyer, made.id)).version == 2


async def test_the_workbook_has_numbers_as_numbers_and_no_formula(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await with_estimates(platform, parties, move_clock)
    view = await read_comparison(platform, parties.buyer, made.id)
    view.lots[0].title = '=HYPERLINK("http://evil")'
    data = workbook(view)
    assert data == workbook(view)
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    assert book.sheet_names == ["Lots", "Offers", "Lines"]
    head, first, second = book.get_sheet_by_name("Offers").to_python()
    told = dict(zip(head, second, strict=True))
    assert (told["Total"], told["Above best"], told["Above estimate %"]) == (580.0, 5.0, 0.16)
    assert told["Lot"] == '\'=HYPERLINK("http://evil")'
    assert told["Bid"] == str(view.lots[0].offers[1].bid_id)
    assert first[2] == "Bolt"
    lots = book.get_sheet_by_name("Lots").to_python()
    assert lots[1][3:] == [500.0, 625.0, 575.0, "Bolt", 575.0, 580.0]
    head, first, *_ = book.get_sheet_by_name("Lines").to_python()
    line = dict(zip(head, first, strict=True))
    asked = made.lots[0].lines[0]
    assert (line["Line"], line["Quantity"], line["Unit"]) == (asked.description, 100.0, asked.unit)
    assert line["Line id"] == str(asked.id)


async def test_the_page_shows_the_same_figures(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    made = await with_estimates(platform, parties, move_clock)
    view = await read_comparison(platform, parties.buyer, made.id)
    shown = page(comparison_sheet(reader_of(["de"], "UTC"), view)).decode().replace("\u00a0", " ")
    for told in ("580,00 EUR", "+16,0 %", "-7,2 %", "Bolt", view.lots[0].computation or ""):
        assert told in shown


async def test_many_lots_take_as_many_statements_as_one(
    platform: Platform, parties: Parties, move_clock: MoveClock
) -> None:
    one = await opened(parties, move_clock, lots=1)
    many = await opened(parties, move_clock, lots=3)
    await proposed(parties, many)
    counts = []
    for made in (one, many):
        async with transaction(platform, parties.buyer) as tx:
            seen: list[str] = []
            engine = tx.connection.sync_connection.engine

            def note(*args: Any, seen: list[str] = seen) -> None:
                seen.append(args[2])

            event.listen(engine, "before_cursor_execute", note)
            try:
                await read_comparison(platform, parties.buyer, made.id)
            finally:
                event.remove(engine, "before_cursor_execute", note)
        counts.append(len(seen))
    assert counts[0] == counts[1] > 0


async def test_estimates_comparison_workbook_and_page_over_http(
    client: httpx.AsyncClient, world: World, worker: Worker, move_clock: MoveClock
) -> None:
    buyer, acme = await world.buyer(), await world.supplier("A")
    made = await published(client, buyer, acme)
    address = f"/v1/procedures/{made['id']}"
    lots = {"lots": [{"lot_id": made["lots"][0]["id"], "estimate": "500"}]}
    put = await client.put(
        f"{address}/estimates", json=lots, headers={**buyer.headers, "If-Match": '"0"'}
    )
    assert put.status_code == 200, put.text
    sent = await client.post(
        f"{address}/bids", json=priced(made, "3.10", "90"), headers=acme.writing
    )
    assert sent.status_code == 201, sent.text
    await move_clock(HOUR)
    await worker.run_until_idle()
    compared = await client.get(f"{address}/comparison", headers=buyer.headers)
    offer = compared.json()["lots"][0]["offers"][0]
    assert offer["above_estimate"] == {"amount": "80.00", "share": "0.16"}
    steps = compared.json()["lots"][0]["computation"]
    told = await client.get(steps, headers=buyer.headers)
    assert told.status_code == 200, told.text
    book = await client.get(f"{address}/comparison/workbook", headers=buyer.headers)
    assert book.content.startswith(b"PK")
    shown = await client.get(f"{address}/printouts/comparison", headers=buyer.headers)
    assert "580.00\u00a0EUR" in shown.text
