"""Rows that Postgres puts together are, byte for byte, those written one by one."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from catalog.customers.tables import CustomerRow
from catalog.exports import own_prices
from catalog.exports.own_prices import OWN_PRICE_COLUMNS, export_own_prices
from catalog.exports.shapes import MARKS, SHAPES, RowShape, Tail
from catalog.exports.writers import ExportFormat, NumberText, writer_of
from catalog.price_lists import discounts
from catalog.price_lists.schemas import PriceDiscountInput, PriceDiscountsInput
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from tests.catalog.parties import Market, entry

NASTY = (
    *("=1+1", "'+C", "-", "@x", "\ttab", "a,b", 'say "x"', "two\nlines", "a\r", "back\\slash"),
    *("Öl ½ 螺母 🔩", "1.234", "\x7f", "\x1f", "\x03", "\u2028", "'", ",", '"', "\n"),
)
texts = st.sampled_from(NASTY) | st.text(st.characters(exclude_categories=("Cs",)), max_size=5)
free = texts.filter(lambda text: not any(mark in text for mark in MARKS))
numbers = st.decimals(0, 10**6, places=3).map(lambda n: f"{n:f}".rstrip("0").rstrip(".") or "0")
tails = st.tuples(
    st.sampled_from(["EUR", "KWD"]),
    st.sampled_from([Decimal(1), Decimal(100), Decimal("0.125")]),
    st.sampled_from(["volume", "graduated"]),
    st.sampled_from(["base", "organization"]),
    st.sampled_from([None, "2027-01-01T00:00:00Z"]),
)
LATER = datetime(2090, 1, 1, tzinfo=UTC)
Told = Tail | str
"""The tail of a price, or why there is none."""


def raw(shape: RowShape, texts: tuple[str, str], tier: tuple[str, str], told: Told) -> str:
    """Put one row together as the statement does."""
    head = f"{shape.head('S')}{texts[0]}{shape.before_name}{texts[1]}"
    if isinstance(told, str):
        return head + shape.unpriced("C62", told)
    before, between, after = shape.priced("C62", told)
    return f"{head}{before}{tier[0]}{between}{tier[1]}{after}"


@given(
    st.lists(
        st.tuples(st.tuples(free, free), st.tuples(numbers, numbers), tails | st.just("no_price")),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(list(SHAPES)),
)
def test_marked_rows_are_finished_as_the_writer_writes_them(
    rows: list[tuple[tuple[str, str], tuple[str, str], Told]], chosen: ExportFormat
) -> None:
    shape, writer = SHAPES[chosen], writer_of(chosen, OWN_PRICE_COLUMNS)
    joined = "".join(raw(shape, *row) for row in rows)
    cells = []
    for (sku, name), tier, tail in rows:
        priced: tuple[str | Decimal | None, ...]
        if isinstance(tail, str):
            priced = (*(None,) * 7, tail)
        else:
            priced = (tail[0], *map(NumberText, tier), *tail[1:], None)
        cells.append(("S", sku, name, "C62", *priced))
    assert shape.finished(joined) == writer.rows(cells)


async def _fill(market: Market) -> None:
    skus = []
    for number, name in enumerate((*NASTY, *MARKS, "plain")):
        skus.append(f"{name}{number:02}" if name.isprintable() else f"{number:02}")
        least = "5" if number % 6 == 5 else "1"
        await market.offer(skus[-1], name=f"{name}!", minimum_quantity=least)
    tiers = ("1", "12.5"), ("10", "1.234"), ("100", "0.0035")
    base = await market.price_list(
        *(entry(sku, *tiers[: 1 + n % 3]) for n, sku in enumerate(skus[:18])),
        *(entry(sku, ("2.5", "7"), basis="100", unit="KGM") for sku in skus[18:20]),
        entry(
            skus[20],
            ("1", "3"),
            valid_until=datetime(2090, 1, 1, tzinfo=UTC),
            volume_mode="graduated",
        ),
    )
    await market.price_list(
        *(entry(sku, ("3" if n % 2 else "1", "9.5")) for n, sku in enumerate(skus[2:18])),
        level="organization",
        to=[market.site],
        mode="fill_gaps",
    )
    await market.price_list(
        *(entry(sku, ("1", "8")) for sku in skus[1:4]),
        level="organization",
        to=[market.buyer, market.other],
    )
    for number in range(3):  # no prices where one supplier's offers end and another's begin
        await market.offer(f"🔩{number}")
        await market.offer(f"0{number}", market.other)
        await market.offer(f"S{number}", market.other)
    others = (entry(f"S{number}", ("1", "2.125")) for number in range(3))
    await market.price_list(*others, who=market.other)
    await market.contract(skus[9], ("5", "7"))
    percents = [
        PriceDiscountInput(sku=sku, percent_off="10", of_list_id=base.id) for sku in skus[1:18:4]
    ]
    rivals = await market.price_list(
        entry(skus[0], ("1", "1")), level="organization", to=[market.rival]
    )
    await discounts.put_discounts(
        market.platform, market.supplier, rivals.id, PriceDiscountsInput(discounts=percents)
    )
    await market.publish(rivals.id)
    async with transaction(market.platform, market.supplier) as tx:
        await tx.execute(
            insert(CustomerRow).values(
                supplier_id=market.supplier.organization_id,
                buyer_id=market.other.organization_id,
                price_policy="best_price",
            )
        )


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_prices, "EXPORT_FIRST_ROWS", 6)
    monkeypatch.setattr(own_prices, "EXPORT_JOINED_ROWS", 7)


async def _written(market: Market, who: Caller, chosen: ExportFormat) -> bytes:
    pieces = export_own_prices(market.platform, who, chosen, None)
    return b"".join([piece async for piece in pieces])


@pytest.mark.usefixtures("short_pages")
async def test_a_file_put_together_by_postgres_is_the_file_written_row_by_row(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _fill(market)
    for who in (market.buyer, market.site, market.rival, market.other):
        for chosen in SHAPES:
            joined = await _written(market, who, chosen)
            with monkeypatch.context() as patched:
                patched.setattr(own_prices, "SHAPES", {})
                assert joined == await _written(market, who, chosen)
            assert joined.count(b"EUR") > 10
