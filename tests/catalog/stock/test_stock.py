import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from catalog.stock import availability, service
from catalog.stock.schemas import (
    StockInput,
    StockLevelView,
    StockLineInput,
    StockLineResult,
    StockLocationInput,
    StockQuestion,
    StockQuestionLine,
    StockResultView,
    StockSettingsInput,
)
from catalog.stock.tables import StagedStockRow
from marketplace.kernel.errors import InvalidInput, NotPermitted, StaleVersion
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from marketplace.platform.tables import EventRow
from tests.catalog.parties import Market


def line(sku: str, on_hand: str, version: int = 1, location: str = "MAIN") -> StockLineInput:
    return StockLineInput(sku=sku, location=location, on_hand=on_hand, source_version=version)


async def locate(market: Market, *codes: str, who: Caller | None = None) -> None:
    for code in codes or ("MAIN",):
        data = StockLocationInput(name=f"Warehouse {code}", country="DE")
        await service.put_location(market.platform, who or market.supplier, code, data)


async def send(
    market: Market, *lines: StockLineInput, who: Caller | None = None
) -> StockResultView:
    return await service.set_stock(
        market.platform, who or market.supplier, StockInput(lines=list(lines))
    )


async def levels(market: Market, who: Caller | None = None) -> list[StockLevelView]:
    found = await service.list_levels(
        market.platform, who or market.supplier, PageRequest(200, None), None
    )
    return found.items


async def say(market: Market, version: int, **settings: Any) -> None:
    data = StockSettingsInput(**settings)
    await service.change_settings(market.platform, market.supplier, data, version)


async def told(market: Market, sku: str, who: Caller | None = None) -> tuple[str, object]:
    asked = StockQuestionLine(supplier_id=market.supplier.organization_id, sku=sku)
    answer = await availability.check_stock(
        market.platform, who or market.buyer, StockQuestion(lines=[asked])
    )
    shown = answer.lines[0].availability
    return shown.status, shown.quantity


def outcomes(result: StockResultView) -> list[str]:
    return [each.outcome for each in result.lines]


async def test_an_erp_re_sends_an_old_file_source_version(market: Market) -> None:
    await locate(market)
    await market.offer("A")
    await market.offer("B")
    old = [line("A", "5", 7), line("B", "9", 7)]
    new = [line("A", "3", 8), line("B", "9", 8)]
    assert outcomes(await send(market, *old)) == ["set", "set"]
    assert outcomes(await send(market, *new)) == ["set", "set"]
    again = await send(market, *old)
    assert again.set == 0
    assert outcomes(again) == ["older", "older"]
    assert again.lines[0].source_version == 8
    assert "8 is in force" in str(again.lines[0].detail)
    assert outcomes(await send(market, *new)) == ["unchanged", "unchanged"]
    assert [level.on_hand for level in await levels(market)] == ["3", "9"]
    contradiction = await send(market, line("A", "4", 8))
    assert outcomes(contradiction) == ["contradicts"]
    assert [level.on_hand for level in await levels(market)] == ["3", "9"]


async def test_every_line_has_a_result_and_bad_ones_keep_none_of_the_others(
    market: Market,
) -> None:
    await locate(market)
    await market.offer("A")
    await market.offer("M", unit="MTR")
    await market.offer("X", market.other)
    result = await send(
        market,
        line("A", "5"),
        line("NONE", "5"),
        line("X", "5"),
        line("A", "5", location="MOON"),
        line("A", "1.5"),
        line("M", "1.5"),
    )
    assert [each.line for each in result.lines] == [1, 2, 3, 4, 5, 6]
    codes = [each.code if each.outcome == "refused" else each.outcome for each in result.lines]
    assert codes == ["set", "unknown_sku", "unknown_sku", "unknown_location",
                     "too_many_decimals", "set"]  # fmt: skip
    async with transaction(market.platform, market.supplier) as tx:
        assert await tx.all(select(StagedStockRow.line)) == []


async def test_within_one_request_the_newest_line_of_an_offer_and_location_counts(
    market: Market,
) -> None:
    await locate(market)
    await market.offer("A")
    result = await send(market, line("A", "1", 3), line("A", "2", 5), line("A", "3", 4))
    assert outcomes(result) == ["older", "set", "older"]
    assert [level.on_hand for level in await levels(market)] == ["2"]


async def test_of_sixteen_versions_at_once_the_newest_is_in_force(market: Market) -> None:
    await locate(market, "MAIN", "SHOP")
    for sku in ("A", "B"):
        await market.offer(sku)

    async def one(version: int) -> None:
        lines = [line(s, str(version), version, at) for s in ("A", "B") for at in ("MAIN", "SHOP")]
        if version % 2:
            lines.reverse()
        await send(market, *lines)

    await asyncio.gather(*(one(version) for version in range(1, 17)))
    assert {(level.on_hand, level.source_version) for level in await levels(market)} == {("16", 16)}


async def test_buyers_see_what_the_supplier_shows(market: Market) -> None:
    await locate(market)
    await market.offer("A")
    assert await told(market, "A") == ("unknown", levels_unset())
    await send(market, line("A", "9"))
    assert await told(market, "A") == ("low", levels_unset())
    await say(market, 0, shown="exact", low_below="5")
    assert await told(market, "A") == ("in_stock", "9")
    await say(market, 1, shown="nothing")
    assert await told(market, "A") == ("unknown", levels_unset())


def levels_unset() -> object:
    return StockLineResult(line=1, sku="", location="", outcome="").code


async def test_what_a_buyer_may_not_see_is_as_unknown_as_what_is_not(market: Market) -> None:
    await locate(market)
    await market.offer("HIDDEN", visibility="nobody")
    await market.offer("OTHERS", buyer_id=market.rival.organization_id)
    await send(market, line("HIDDEN", "50"), line("OTHERS", "50"))
    nothing = await told(market, "NONE")
    assert await told(market, "HIDDEN") == await told(market, "OTHERS") == nothing
    assert await told(market, "OTHERS", market.rival) == ("in_stock", levels_unset())


async def test_settings_and_locations_are_the_suppliers_own_and_carry_versions(
    market: Market,
) -> None:
    await locate(market)
    await locate(market)
    with pytest.raises(InvalidInput):
        data = StockLocationInput(name="Nowhere", country="QQ")
        await service.put_location(market.platform, market.supplier, "X", data)
    found = await service.list_locations(market.platform, market.supplier, PageRequest(10, None))
    assert [(each.code, each.version) for each in found.items] == [("MAIN", 1)]
    theirs = await service.list_locations(market.platform, market.other, PageRequest(10, None))
    assert theirs.items == []
    await say(market, 0, policy="refuse")
    with pytest.raises(StaleVersion):
        await say(market, 0, policy="backorder")
    assert (await service.read_settings(market.platform, market.supplier)).policy == "refuse"
    assert (await service.read_settings(market.platform, market.other)).policy == "backorder"


async def test_levels_are_listed_page_by_page_to_their_supplier_alone(market: Market) -> None:
    await locate(market, "MAIN", "SHOP")
    for sku in ("A", "B"):
        await market.offer(sku)
    await send(market, *(line(s, "5", 1, at) for s in ("A", "B") for at in ("MAIN", "SHOP")))
    seen, after = [], None
    while True:
        found = await service.list_levels(
            market.platform, market.supplier, PageRequest(3, after), None
        )
        seen += [(each.sku, each.location) for each in found.items]
        after = found.next
        if after is None:
            break
    assert seen == [("A", "MAIN"), ("A", "SHOP"), ("B", "MAIN"), ("B", "SHOP")]
    assert await levels(market, market.other) == []
    assert await levels(market, market.buyer) == []
    viewer = Caller(
        **{name: getattr(market.supplier, name) for name in market.supplier.__slots__}
        | {"scopes": frozenset({"catalog:read"})}
    )
    with pytest.raises(NotPermitted):
        await levels(market, viewer)


async def test_a_level_that_was_set_reaches_the_suppliers_feed_once(market: Market) -> None:
    await locate(market)
    await market.offer("A")
    await send(market, line("A", "5", 7))
    await send(market, line("A", "5", 7))
    await market.worker.run_until_idle()
    for who, count in ((market.supplier, 1), (market.buyer, 0), (market.other, 0)):
        async with transaction(market.platform, who) as tx:
            rows = await tx.all(select(EventRow.payload).where(EventRow.kind == "stock.set"))
        assert len(rows) == count
        if rows:
            assert rows[0].payload["on_hand"] == "5"
            assert rows[0].payload["source_version"] == 7
