"""Files become offers and prices, or row errors and nothing else; on the real Postgres."""

from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from catalog.imports import running, service
from catalog.imports.schemas import ImportKind, OnError
from catalog.price_lists import service as price_lists
from catalog.products import service as products
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, WrongMediaType
from marketplace.platform.caller import Caller
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import Market, entry

OFFERS, PRICES = ImportKind.OFFERS, ImportKind.PRICES


async def skus(market: Market) -> list[str]:
    shown = await products.list_offers(market.platform, market.supplier, PageRequest(200, None))
    return [offer.sku for offer in shown.items]


async def test_offers_and_prices_come_in_by_files_and_are_bought_at(market: Market) -> None:
    offers = await market.upload(
        OFFERS,
        "sku;name;unit;gtin;minimum_quantity;lead_time_days\n"
        "A-1;Bolt M8;C62;4006381333931;10;14\n"
        "A-2;Nut M8;C62;;1;\n",
    )
    assert (offers.status, offers.error_count) == ("done", 0)
    assert offers.result == {
        "rows": 2,
        "created": 2,
        "changed": 0,
        "unchanged": 0,
        "products_proposed": 2,
    }
    base = await market.price_list(publish=False)
    prices = await market.upload(
        PRICES,
        "sku,unit,minimum_quantity,amount\nA-1,C62,100,0.08\nA-2,C62,,0.05\nA-1,C62,1,0.1\n",
        list_id=base.id,
        publish=True,
    )
    assert prices.status == "done"
    assert prices.result == {"rows": 3, "written": 2, "unchanged": 0, "published_version": 1}
    assert prices.progress.done == prices.progress.total
    assert await market.told("A-1", "50") == "0.1 base"
    assert await market.told("A-1", "100") == "0.08 base"


async def test_the_same_file_again_changes_nothing(market: Market) -> None:
    offers = "sku,name,unit,maker,maker_number\nA,Bolt,C62,Acme,8-20\nB,Nut,C62,,\n"
    await market.upload(OFFERS, offers)
    again = await market.upload(OFFERS, offers)
    assert again.result
    assert (again.result["unchanged"], again.result["products_proposed"]) == (2, 0)
    base = await market.price_list(publish=False)
    prices = "sku,unit,amount\nA,C62,1\nB,C62,2\n"
    await market.upload(PRICES, prices, list_id=base.id, publish=True)
    same = await market.upload(PRICES, prices, list_id=base.id, publish=True)
    assert same.result == {"rows": 2, "written": 0, "unchanged": 2, "published_version": 1}


async def test_a_bad_row_refuses_the_whole_file_and_every_bad_row_is_named(
    market: Market,
) -> None:
    refused = await market.upload(
        OFFERS,
        "sku,name,unit\nA,Bolt,C62\nB,,C62\nC,Nut,FOO\nA,Bolt again,C62\n",
    )
    assert (refused.status, refused.error_count, refused.result) == ("failed", 3, None)
    assert [(e.line, e.column, e.code, e.value) for e in refused.errors] == [
        (3, "name", "missing", ""),
        (4, "unit", "unknown_unit", "FOO"),
        (5, "sku", "duplicate", "A"),
    ]
    assert await skus(market) == []


async def test_the_good_rows_are_taken_where_that_was_asked_for(market: Market) -> None:
    done = await market.upload(
        OFFERS,
        "sku,name,unit\nA,Bolt,C62\nB,,C62\nC,Nut,FOO\nA,Bolt again,C62\nD,Washer,C62\n",
        on_error=OnError.SKIP_ROW,
    )
    assert (done.status, done.error_count) == ("done", 3)
    assert await skus(market) == ["A", "D"]


async def test_an_amount_out_of_form_writes_no_price(market: Market) -> None:
    await market.offer("A")
    base = await market.price_list(publish=False)
    for amount in ("NaN", "1e3", "1_000", "-1", "0.0000001", "1,234"):
        data = f"sku;unit;amount\nA;C62;1\nA;C62;{amount}\n"
        refused = await market.upload(PRICES, data, list_id=base.id, publish=True)
        assert refused.status == "failed", amount
        assert (refused.errors[0].line, refused.errors[0].column) == (3, "amount")
        assert refused.errors[0].value == amount
        assert await market.told("A") == "no_price"


async def test_tiers_that_contradict_each_other_are_named(market: Market) -> None:
    await market.offer("A")
    base = await market.price_list(publish=False)
    refused = await market.upload(
        PRICES,
        "sku,unit,minimum_quantity,amount,basis\n"
        "A,C62,1,10,1\nA,C62,1,9,1\nA,C62,10,8,100\nX,C62,1,1,1\n",
        list_id=base.id,
    )
    assert [(e.line, e.column, e.code) for e in refused.errors] == [
        (3, "minimum_quantity", "duplicate"),
        (4, "basis", "contradiction"),
        (5, "sku", "unknown_sku"),
    ]


async def test_an_unknown_sku_is_told_with_ones_own_that_differs_by_its_signs(
    market: Market,
) -> None:
    await market.offer("KA-6204")
    await market.offer("KB-1", who=market.other)
    base = await market.price_list(publish=False)
    refused = await market.upload(
        PRICES, "sku,unit,amount\nka6204,C62,1\nKB1,C62,1\n", list_id=base.id
    )
    assert [(e.line, e.code, e.value) for e in refused.errors] == [
        (2, "unknown_sku", "ka6204"),
        (3, "unknown_sku", "KB1"),
    ]
    assert ["'KA-6204'" in e.detail for e in refused.errors] == [True, False]
    assert "KB-1" not in str(refused.errors)


async def test_a_date_means_the_same_however_a_file_writes_it(market: Market) -> None:
    base = await market.price_list(publish=False)
    dates = {
        "2026-01-31": "2026-01-31T00:00:00Z",
        "31.01.2026": "2026-01-31T00:00:00Z",
        "2026-01-31T10:00:00+02:00": "2026-01-31T08:00:00Z",
        "20260131T1000Z": "2026-01-31T10:00:00Z",
        "2026-W05-6T00:00Z": "2026-01-31T00:00:00Z",
    }
    for sku, date in enumerate(dates):
        await market.offer(f"A{sku}")
        # A file for each: where one row wants a closer look, all beside it get one.
        data = f"sku,unit,amount,valid_from\nA{sku},C62,9,{date}\n"
        done = await market.upload(PRICES, data, list_id=base.id)
        assert (done.status, done.errors) == ("done", []), date
    listed = await price_lists.list_entries(
        market.platform, market.supplier, base.id, PageRequest(10, None)
    )
    assert [each.valid_from for each in listed.items] == [
        datetime.fromisoformat(instant) for instant in dates.values()
    ]
    too_early = "sku,unit,amount,valid_from\nA0,C62,9,0001-01-01T00:00+05:00\n"
    refused = await market.upload(PRICES, too_early, list_id=base.id)
    assert [(e.line, e.column, e.code) for e in refused.errors] == [
        (2, "valid_from", "not_an_instant")
    ]


async def test_an_overlap_refuses_the_import_that_would_publish_it(market: Market) -> None:
    await market.offer("A")
    base = await market.price_list(entry("A", ("1", "10")))
    refused = await market.upload(
        PRICES,
        "sku,unit,amount,valid_from\nA,C62,9,2026-01-01\n",
        list_id=base.id,
        publish=True,
        on_error=OnError.SKIP_ROW,
    )
    assert refused.status == "failed"
    assert [e.code for e in refused.errors] == ["overlap"]
    assert await market.told("A") == "10 base"
    published = await market.publish(base.id)
    assert (published.published_version, published.draft_changes) == (1, 0)


async def test_a_broken_file_is_refused_even_where_bad_rows_may_be_skipped(
    market: Market,
) -> None:
    for data in (b"", b"\xff\xfe\x00", b'sku,name,unit\nA,Bolt,C62\nB,"Nut,C62\n', b"sku\nA\n"):
        refused = await market.upload(OFFERS, data, on_error=OnError.SKIP_ROW)
        assert refused.status == "failed", data
        assert refused.error_count > 0
    assert await skus(market) == []


async def test_suppliers_meet_on_one_product_by_gtin_or_makers_number(market: Market) -> None:
    header = "sku,name,unit,gtin,maker,maker_number\n"
    await market.upload(OFFERS, header + "A,Bolt,C62,4006381333931,,\nB,Nut,C62,,ACME Corp,8 20\n")
    met = await market.upload(
        OFFERS,
        header + "X,Bolzen,C62,04006381333931,,\nY,Mutter,C62,,acme corp,8 20\nZ,Other,C62,,,\n",
        who=market.other,
    )
    assert met.result
    assert met.result["products_proposed"] == 1
    items = {item.name: item.offer_count for item in await market.catalog()}
    assert items == {"Bolt": 2, "Nut": 2, "Other": 1}


async def test_rows_of_one_file_that_propose_the_same_product_get_one(market: Market) -> None:
    done = await market.upload(
        OFFERS,
        "sku,name,unit,gtin\nA,Bolt,C62,4006381333931\nB,Bolt box,XBX,4006381333931\n",
    )
    assert done.result
    assert done.result["products_proposed"] == 1
    (item,) = await market.catalog()
    assert item.offer_count == 2


async def test_a_file_does_not_open_an_offer_that_is_one_buyers(market: Market) -> None:
    await market.offer("A", buyer_id=market.rival.organization_id)
    refused = await market.upload(OFFERS, "sku,name,unit\nA,Bolt,C62\n")
    assert [e.code for e in refused.errors] == ["not_open"]


async def test_an_import_that_runs_twice_is_one(market: Market) -> None:
    done = await market.upload(OFFERS, "sku,name,unit\nA,Bolt,C62\n")
    job = running.job_of(done.id, market.supplier)
    payload = {name: getattr(job, name) for name in job.__struct_fields__}
    await running.run_import(market.platform, payload)
    again = await service.read_import(market.platform, market.supplier, done.id)
    assert again == done


async def test_imports_belong_to_who_sent_them(market: Market) -> None:
    done = await market.upload(OFFERS, "sku,name,unit\nA,Bolt,C62\n")
    with pytest.raises(NotFound):
        await service.read_import(market.platform, market.other, done.id)
    theirs = await market.price_list(who=market.other, publish=False)
    with pytest.raises(NotFound):
        await market.upload(PRICES, "sku,unit,amount\nA,C62,1\n", list_id=theirs.id)


async def test_prices_need_a_list_and_offers_have_none(market: Market) -> None:
    with pytest.raises(InvalidInput):
        await market.upload(PRICES, "sku,unit,amount\n")
    base = await market.price_list(publish=False)
    with pytest.raises(InvalidInput):
        await market.upload(OFFERS, "sku,name,unit\n", list_id=base.id)


async def test_an_upload_that_breaks_off_leaves_nothing(market: Market) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"sku,name,unit\nA,Bolt,C62\n"
        raise WrongMediaType("gone")

    with pytest.raises(WrongMediaType):
        await service.start_import(
            market.platform, market.supplier, OFFERS, OnError.REFUSE_ALL, None, broken()
        )
    await market.worker.run_until_idle()
    assert await skus(market) == []


async def test_a_company_has_so_many_imports_waiting_and_no_more(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "IMPORTS_WAITING_MAX", 2)

    async def chunks() -> AsyncIterator[bytes]:
        yield b"sku,name,unit\nA,Bolt,C62\n"

    async def send(who: Caller) -> None:
        refuse = OnError.REFUSE_ALL
        await service.start_import(market.platform, who, OFFERS, refuse, None, chunks())

    for who in (market.supplier, market.supplier, market.other):
        await send(who)
    with pytest.raises(Conflict, match="2 imports"):
        await send(market.supplier)
    assert len(list((market.platform.settings.data_directory / "files/imports").iterdir())) == 3
    await market.worker.run_until_idle()
    await send(market.supplier)


async def test_a_long_file_is_read_in_batches(market: Market) -> None:
    rows = "".join(f"S{n:05},Thing {n},C62\n" for n in range(5_200))
    done = await market.upload(OFFERS, "sku,name,unit\n" + rows)
    assert done.result
    assert done.result["created"] == 5_200
    base = await market.price_list(publish=False)
    prices = "".join(f"S{n:05},C62,{m},{20 - m}\n" for n in range(5_200) for m in (1, 10))
    priced = await market.upload(
        PRICES, "sku,unit,minimum_quantity,amount\n" + prices, list_id=base.id, publish=True
    )
    assert priced.result
    assert priced.result["written"] == 5_200
    assert await market.told("S05199", "10") == "10 base"
