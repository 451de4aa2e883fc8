"""Quotes: one buyer's prices, from his acceptance to their end, before all others."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from catalog.carts import ordering as carts_ordering
from catalog.carts import reading, sources
from catalog.carts import service as carts
from catalog.carts.schemas import CartInput, CheckoutInput
from catalog.price_lists import floors
from catalog.price_lists.schemas import MarginFloor, MarginFloorsInput, PriceTierInput
from catalog.quotes import answering, making
from catalog.quotes import reading as quotes
from catalog.quotes.rules import QUOTE
from catalog.quotes.schemas import CommitmentInput, QuoteInput, QuoteLineInput, QuoteView
from marketplace.approvals import service as approvals
from marketplace.approvals.schemas import DecisionInput
from marketplace.contracts.reading import list_contracts
from marketplace.kernel.errors import (
    InvalidInput,
    NotFound,
    NotPermitted,
    StaleVersion,
    WrongState,
)
from marketplace.orders import reading as orders
from marketplace.platform.caller import Caller
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import entry
from tests.catalog.shop import Shop
from tests.conftest import MoveClock
from tests.support.world import fresh_key

ASKED = PageRequest(50, None)
TICK = timedelta(microseconds=1)


def line(sku: str, *tiers: tuple[str, str], unit: str = "C62", **more: Any) -> QuoteLineInput:
    steps = [PriceTierInput(minimum_quantity=least, amount=amount) for least, amount in tiers]
    return QuoteLineInput(sku=sku, unit=unit, tiers=steps, **more)


async def make(
    shop: Shop,
    *lines: QuoteLineInput,
    to: Caller | None = None,
    who: Caller | None = None,
    last_day: date = date(2080, 12, 31),
    zone: str = "UTC",
) -> QuoteView:
    data = QuoteInput(
        organization_id=(to or shop.buyer).unit_id,
        title="Spring",
        currency="EUR",
        last_day=last_day,
        lines=list(lines),
        time_zone=zone,
    )
    return await making.make_quote(shop.platform, who or shop.supplier, data, fresh_key())


async def accept(shop: Shop, quote: QuoteView, who: Caller | None = None) -> QuoteView:
    return await answering.accept_quote(shop.platform, who or shop.buyer, quote.id, quote.version)


async def read(shop: Shop, quote: QuoteView, who: Caller | None = None) -> QuoteView:
    return await quotes.read_quote(shop.platform, who or shop.buyer, quote.id)


async def priced(shop: Shop) -> None:
    await shop.offer("A")
    await shop.price_list(entry("A", ("1", "10")))
    await shop.agree("A", ("1", "7"))


async def test_a_quote_prices_nothing_before_it_is_accepted_and_then_before_all_others(
    shop: Shop,
) -> None:
    await priced(shop)
    quote = await make(shop, line("A", ("5", "8")))
    assert (quote.state, quote.lines[0].description) == ("open", "Thing A")
    assert await shop.told("A", "5") == "7 contract"
    accepted = await accept(shop, quote)
    assert accepted.state == "accepted"
    # As agreed last, though the contract is cheaper; below its first tier the contract's price.
    assert await shop.told("A", "5") == "8 quote"
    assert await shop.told("A", "4") == "7 contract"


async def test_only_its_buyer_has_its_prices_and_learns_that_it_is_there(shop: Shop) -> None:
    await priced(shop)
    quote = await accept(shop, await make(shop, line("A", ("1", "5"))))
    assert await shop.told("A", who=shop.rival) == "10 base"
    for stranger in (shop.rival, shop.other):
        with pytest.raises(NotFound):
            await read(shop, quote, stranger)
        assert (await quotes.list_quotes(shop.platform, stranger, ASKED)).items == []
    for party in (shop.buyer, shop.supplier):
        listed = await quotes.list_quotes(shop.platform, party, ASKED)
        assert [each.id for each in listed.items] == [quote.id]


async def test_a_quote_to_a_unit_is_for_it_and_what_is_below(shop: Shop) -> None:
    await priced(shop)
    quote = await make(shop, line("A", ("1", "5")), to=shop.site)
    beside = await shop.world.unit(shop.buying, "Beside")
    another = (await shop.world.actor(shop.buying.administrator.key, unit_id=beside)).caller
    with pytest.raises(NotPermitted):
        await accept(shop, quote, another)
    await accept(shop, quote, shop.site)
    told = [await shop.told("A", who=who) for who in (shop.site, shop.buyer, another)]
    assert told == ["5 quote", "7 contract", "7 contract"]


async def test_its_prices_end_with_its_last_day_in_its_own_time_zone(shop: Shop) -> None:
    await priced(shop)
    quote = await make(
        shop, line("A", ("1", "5")), last_day=date(2080, 6, 30), zone="Pacific/Auckland"
    )
    await accept(shop, quote)
    end = datetime(2080, 6, 30, 12, tzinfo=UTC)  # midnight in Auckland, half a day ahead
    assert quote.valid_until == end
    assert await shop.told("A", at=end - TICK) == "5 quote"
    assert await shop.told("A", at=end) == "10 base"  # the contract has ended long before


async def test_past_its_end_an_open_quote_is_expired_and_cannot_be_accepted(
    shop: Shop, move_clock: MoveClock
) -> None:
    await shop.offer("A")
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)  # midnight may pass before it is made
    quote = await make(shop, line("A", ("1", "5")), last_day=tomorrow)
    await move_clock(timedelta(days=2))
    assert (await read(shop, quote)).state == "expired"
    with pytest.raises(WrongState) as refused:
        await accept(shop, quote)
    assert refused.value.state == "expired"


async def test_accepted_declined_or_withdrawn_is_said_once(shop: Shop) -> None:
    await shop.offer("A")
    asked = [await make(shop, line("A", ("1", "5"))) for _ in range(3)]
    accepted = await accept(shop, asked[0])
    declined = await answering.decline_quote(
        shop.platform, shop.buyer, asked[1].id, "too dear", asked[1].version
    )
    withdrawn = await answering.withdraw_quote(
        shop.platform, shop.supplier, asked[2].id, "sold out", asked[2].version
    )
    assert [q.state for q in (accepted, declined, withdrawn)] == [
        "accepted",
        "declined",
        "withdrawn",
    ]
    assert (await read(shop, declined, shop.supplier)).reason == "too dear"
    for quote in (accepted, declined, withdrawn):
        with pytest.raises(WrongState):
            await accept(shop, quote)
        with pytest.raises(WrongState):
            await answering.withdraw_quote(
                shop.platform, shop.supplier, quote.id, "", quote.version
            )
    with pytest.raises(StaleVersion):
        await accept(shop, asked[0])


async def test_neither_side_takes_the_others_step(shop: Shop) -> None:
    await shop.offer("A")
    quote = await make(shop, line("A", ("1", "5")))
    seller = structs.replace(shop.supplier, scopes=shop.supplier.scopes | {"quotes:answer"})
    with pytest.raises(NotFound):
        await accept(shop, quote, seller)
    buyer = structs.replace(shop.buyer, scopes=shop.buyer.scopes | {"quotes:write"})
    with pytest.raises(NotFound):
        await answering.withdraw_quote(shop.platform, buyer, quote.id, "", quote.version)
    with pytest.raises(InvalidInput) as refused:
        await make(shop, line("A", ("1", "5")), to=shop.supplier)
    assert refused.value.errors[0].pointer == "/organization_id"


async def test_sixteen_acceptances_at_once_make_one_contract(shop: Shop) -> None:
    await shop.offer("A")
    quote = await make(shop, line("A", ("1", "5")))
    results = await asyncio.gather(
        *(accept(shop, quote) for _ in range(16)), return_exceptions=True
    )
    assert sum(isinstance(result, QuoteView) for result in results) == 1
    assert sum(isinstance(result, StaleVersion) for result in results) == 15
    listed = await list_contracts(shop.platform, shop.buyer, ASKED)
    assert [contract.origin for contract in listed.items] == ["quote"]


async def test_an_order_names_a_quote_and_leads_back_to_it(shop: Shop) -> None:
    await priced(shop)
    quote = await make(shop, line("A", ("1", "5")))
    with pytest.raises(InvalidInput) as refused:
        await shop.order(shop.line("A", "3", quote_id=quote.id))  # not accepted
    assert [(e.pointer, e.code) for e in refused.value.errors] == [
        ("/lines/0/quote_id", "not_priced_by_quote")
    ]
    quote = await accept(shop, quote)
    order = await shop.order(shop.line("A", "3", quote_id=quote.id))
    (ordered,) = order.lines
    assert (ordered.line_amount.amount, ordered.price.level) == ("15.00", "quote")
    chain = await orders.read_line_provenance(shop.platform, shop.buyer, order.id, 1)
    assert [(step.kind, step.id) for step in chain.steps] == [
        ("quote", quote.id),
        ("contract", quote.contract_id),
    ]
    with pytest.raises(InvalidInput):
        await shop.order(shop.line("A", "3", quote_id=order.id))


async def test_a_cart_takes_a_quotes_lines_and_orders_them_at_its_prices_or_not_at_all(
    shop: Shop, move_clock: MoveClock
) -> None:
    await priced(shop)
    today = datetime.now(UTC).date()
    quote = await make(shop, line("A", ("5", "6")), last_day=today + timedelta(days=2))
    cart = await carts.create_cart(
        shop.platform, shop.buyer, CartInput(name="Quoted", currency="EUR"), fresh_key()
    )

    async def put_in() -> None:
        await sources.add_quote(shop.platform, shop.buyer, cart.id, quote.id, fresh_key())

    with pytest.raises(WrongState):
        await put_in()
    await accept(shop, quote)
    await put_in()
    shown = await reading.read_cart(shop.platform, shop.buyer, cart.id)
    assert [(x.quantity, x.quote_id) for x in shown.lines] == [("5", quote.id)]
    assert shown.total.amount == "30.00"
    await move_clock(timedelta(days=4))
    accepting = CheckoutInput(expected_total="1000")
    with pytest.raises(InvalidInput) as refused:
        await carts_ordering.order_cart(
            shop.platform, shop.buyer, cart.id, accepting, shown.version, fresh_key()
        )
    assert refused.value.errors[0].code == "not_priced_by_quote"


async def test_what_a_quote_offers_in_all_is_drawn_and_both_sides_read_it(shop: Shop) -> None:
    await shop.offer("A")
    await shop.price_list(entry("A", ("1", "10")))
    limited = CommitmentInput(cap="10", at_exhaustion="split")
    quote = await accept(shop, await make(shop, line("A", ("1", "5"), commitment=limited)))
    await shop.order(shop.line("A", "8"))
    order = await shop.order(shop.line("A", "3"))
    assert order.total.amount == "20.00"  # two at 5, one at 10
    for party in (shop.buyer, shop.supplier):
        told = (await read(shop, quote, party)).lines[0].commitment
        assert told
        assert (told.cap, told.drawn, told.left, told.at_exhaustion) == ("10", "10", "0", "split")


async def test_every_line_that_is_wrong_is_told(shop: Shop) -> None:
    await shop.offer("A")
    with pytest.raises(InvalidInput) as refused:
        await make(
            shop,
            line("A", ("1", "5"), ("1", "4")),
            line("NOPE", ("1", "5")),
            line("A", ("1", "5"), commitment=CommitmentInput(cap="0")),
            last_day=date(2020, 1, 1),
        )
    assert {(e.pointer, e.code) for e in refused.value.errors} == {
        ("/last_day", "before_first_day"),
        ("/lines/0/tiers", "not_ascending"),
        ("/lines/1/sku", "unknown_sku"),
        ("/lines/2/commitment/cap", "out_of_range"),
        ("/lines/2/sku", "duplicate"),
    }


async def test_below_a_margin_floor_the_buyer_sees_no_quote_before_a_second_person_agreed(
    shop: Shop,
) -> None:
    await shop.offer("A")
    floor = MarginFloorsInput(floors=[MarginFloor("C62", "EUR", "5")])
    await floors.put_floors(shop.platform, shop.supplier, "A", floor)
    quote = await make(shop, line("A", ("1", "499"), basis="100"))
    assert quote.state == "in_approval"
    assert isinstance(quote.approval_id, UUID)
    with pytest.raises(NotFound):
        await read(shop, quote)
    with pytest.raises(NotFound):
        await accept(shop, quote)
    verdict = DecisionInput(verdict="approve")
    with pytest.raises(NotPermitted):  # nobody agrees with himself
        await approvals.decide(
            shop.platform, shop.supplier, quote.approval_id, verdict, fresh_key()
        )
    second = (await shop.world.member(shop.selling, "administrator")).caller
    await approvals.decide(shop.platform, second, quote.approval_id, verdict, fresh_key())
    seen = await read(shop, quote)
    # Nothing he reads tells that it waited.
    assert (seen.state, seen.version, bool(seen.approval_id)) == ("open", 1, False)
    assert seen.created_at == seen.sent_at
    assert (await accept(shop, seen)).state == "accepted"


def test_the_states_of_a_quote_are_declared() -> None:
    assert "open --> accepted: accept" in QUOTE.mermaid()
    ended = {"accepted", "declined", "withdrawn", "expired"}
    assert all(not QUOTE.actions(t.target) for t in QUOTE.transitions if t.target.value in ended)
