"""What leaves can come back, holds nothing that is not the reader's, and runs in no spreadsheet."""

import csv
import io
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.exports import own_prices, service, writers
from catalog.exports.writers import (
    Cell,
    CsvWriter,
    ExportFormat,
    NdjsonWriter,
    NumberText,
    XlsxWriter,
    number_text,
)
from catalog.imports.decimals import decisive
from catalog.imports.defusing import defused, undefused
from catalog.imports.formats import AnyReader
from catalog.imports.layouts import OFFERS
from catalog.imports.schemas import ImportKind
from catalog.products.rules import OfferRecord
from marketplace.kernel.errors import NotFound, Unavailable
from marketplace.kernel.limits import EXPORTS_AT_ONCE_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.http.contents import started
from tests.catalog.parties import Market, entry

CSV, NDJSON, XLSX = ExportFormat.CSV, ExportFormat.NDJSON, ExportFormat.XLSX


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in await started(pieces)])


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=6) | st.text("'=+-@\t\rA"))
def test_a_defused_text_is_no_formula_and_comes_back(text: str) -> None:
    assert not defused(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert undefused(defused(text)) == text


@given(st.decimals(0, 10**8, places=4))
def test_a_number_that_leaves_can_be_read_in_one_way(number: Decimal) -> None:
    text = number_text(number)
    assert Decimal(text) == number
    assert "." not in text or decisive(text) == "."


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8).filter(
    lambda s: bool(s.strip()) and s == s.strip()
)


@given(st.lists(st.tuples(names | st.just("=1+1"), names), min_size=1, max_size=5))
@pytest.mark.parametrize("made", [CsvWriter, NdjsonWriter, XlsxWriter])
def test_what_a_writer_wrote_the_reader_reads(
    made: type[CsvWriter | NdjsonWriter | XlsxWriter], rows: list[tuple[str, str]]
) -> None:
    writer = made(OFFERS.names)
    empty = [None] * (len(OFFERS.names) - 3)
    data = writer.begin() + writer.rows([(sku, name, "C62", *empty) for sku, name in rows])
    reader = AnyReader(OFFERS, errors_max=10)
    given_rows: list[OfferRecord] = list(reader.feed(data + b"".join(writer.end())))  # type: ignore[arg-type]
    given_rows += reader.finish()  # type: ignore[arg-type]
    assert reader.errors == []
    assert [(r.sku, r.name) for r in given_rows] == rows


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=4) | st.sampled_from(
    ["=1", "'=1", "a,b", 'say "x"', "two\nlines", "a\r", "1.234", "-"]
)
numbers = st.sampled_from(["1", "1.234", "12.5", "0.125", "1234.567"])
columns = st.sampled_from(
    [
        texts,
        numbers.map(NumberText),
        numbers.map(Decimal),
        st.just("volume"),
        st.sampled_from(["a,b", "a"]),
        st.sampled_from(["1.234", NumberText("1.234")]),
        texts | numbers.map(NumberText) | numbers.map(Decimal) | st.none(),
    ]
)


@given(st.data(), st.lists(columns, min_size=2, max_size=3), st.integers(1, 4))
def test_rows_written_at_one_look_are_those_written_cell_by_cell(
    data: st.DataObject, cells: list[st.SearchStrategy[Cell]], count: int
) -> None:
    rows = [tuple(data.draw(each) for each in cells) for _ in range(count)]
    written = CsvWriter(("a", "b", "c")).rows(rows).decode()
    read = list(csv.reader(io.StringIO(written, newline="")))
    assert read == [[writers.cell_text(cell) for cell in row] for row in rows]


def test_a_number_a_sheet_cannot_hold_is_a_text() -> None:
    writer = XlsxWriter(("amount",))
    writer.rows([(Decimal("123456789012345678.123456"),), (Decimal("0.1"),)])
    data = b"".join(writer.end())
    import python_calamine  # noqa: PLC0415

    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
    assert book.get_sheet_by_index(0).to_python()[-2:] == [["123456789012345678.123456"], [0.1]]


async def _stocked(market: Market) -> None:
    await market.upload(
        ImportKind.OFFERS,
        "sku,name,unit,description,maker,maker_number,gtin,content,content_unit,"
        "minimum_quantity,multiple,maximum_quantity,lead_time_days,tax_category,state\n"
        '=A,"=cmd|x, ""q""",XBX,"two\nlines",Acme,8-20,4006381333931,1/3,KGM,10,5,100,14,S,\n'
        "B,Öl,LTR,,,,,,,0.125,,,,,withdrawn\n"
        "'+C,Nut,C62,,,,,,,,,,,,\n",
    )


@pytest.mark.parametrize("chosen", [CSV, NDJSON, XLSX])
async def test_offers_that_went_out_come_back_and_change_nothing(
    market: Market, chosen: ExportFormat
) -> None:
    await _stocked(market)
    await market.offer("P", buyer_id=market.rival.organization_id)
    data = await whole(service.export_offers(market.platform, market.supplier, chosen))
    again = await market.upload(ImportKind.OFFERS, data)
    assert (again.status, again.errors) == ("done", [])
    assert again.result
    assert again.result == {
        "rows": 3, "created": 0, "changed": 0, "unchanged": 3, "products_proposed": 0
    }  # fmt: skip


@pytest.mark.parametrize("chosen", [CSV, NDJSON, XLSX])
async def test_prices_that_went_out_come_back_and_change_nothing(
    market: Market, chosen: ExportFormat
) -> None:
    await _stocked(market)
    base = await market.price_list(publish=False)
    await market.upload(
        ImportKind.PRICES,
        "sku;unit;amount;minimum_quantity;basis;valid_from;valid_until;volume_mode\n"
        "'=A;XBX;1,234;10;100;2026-01-01;2026-07-01T00:00:00+02:00;graduated\n"
        "'=A;XBX;0,5;20;100;2026-01-01;2026-07-01T00:00:00+02:00;graduated\n"
        "B;LTR;12,345;0,125;;;;\n",
        list_id=base.id,
        publish=True,
    )
    exported = service.export_price_list(market.platform, market.supplier, base.id, chosen)
    again = await market.upload(
        ImportKind.PRICES, await whole(exported), list_id=base.id, publish=True
    )
    assert again.errors == []
    assert again.result == {"rows": 3, "written": 0, "unchanged": 2, "published_version": 1}


async def test_a_list_is_exported_to_its_owner_alone(market: Market) -> None:
    base = await market.price_list()
    for who in (market.other, market.buyer):
        with pytest.raises(NotFound):
            await whole(service.export_price_list(market.platform, who, base.id, CSV))


async def test_no_company_has_all_exports_that_run_at_once(market: Market) -> None:
    def export(who: Caller) -> AsyncIterator[bytes]:
        return service.export_offers(market.platform, who, CSV)

    streams = [export(who) for who in (market.supplier, market.supplier, market.other)]
    for stream in streams:
        await anext(stream)
    with pytest.raises(Unavailable):
        await whole(export(market.supplier))
    streams.append(export(market.buyer))
    await anext(streams[-1])
    assert len(streams) == EXPORTS_AT_ONCE_MAX
    with pytest.raises(Unavailable):
        await whole(export(market.other))
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]
    assert await whole(export(market.supplier))


async def test_who_goes_away_in_the_middle_of_a_file_leaves_nothing_under_way(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_prices, "EXPORT_FIRST_ROWS", 1)
    monkeypatch.setattr(own_prices, "EXPORT_JOINED_ROWS", 1)
    await _stocked(market)
    for _ in range(EXPORTS_AT_ONCE_MAX + 1):
        stream = own_prices.export_own_prices(market.platform, market.buyer, CSV, None)
        assert (await anext(stream)).startswith(b"supplier_id")
        assert await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]


async def test_a_buyers_file_holds_the_ladder_he_has_and_nobody_elses(market: Market) -> None:
    await market.offer("A")
    await market.offer("B")
    await market.offer("N")
    await market.offer("H", visibility="nobody")
    await market.offer("R", buyer_id=market.rival.organization_id)
    await market.price_list(entry("A", ("1", "10"), ("100", "9")), entry("H", ("1", "1")))
    await market.price_list(entry("A", ("10", "8.5")), level="organization", to=[market.rival])
    await market.contract("B", ("5", "7"))

    async def told(who: object) -> list[list[str]]:
        data = await whole(
            own_prices.export_own_prices(market.platform, who, CSV, None)  # type: ignore[arg-type]
        )
        rows = list(csv.DictReader(io.StringIO(data.decode())))
        return [
            [row[n] for n in ("sku", "minimum_quantity", "amount", "level", "no_price")]
            for row in rows
        ]

    assert await told(market.buyer) == [
        ["A", "1", "10", "base", ""],
        ["A", "100", "9", "base", ""],
        ["B", "5", "7", "contract", ""],
        ["N", "", "", "", "no_price"],
    ]
    assert [row[:3] for row in await told(market.rival) if row[0] in {"A", "R"}] == [
        ["A", "10", "8.5"],
        ["R", "", ""],
    ]
