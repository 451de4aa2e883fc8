"""What a contract lets one draw: until it is exhausted, whoever asks at once, and given back."""

import asyncio
from decimal import Decimal
from uuid import UUID

import pytest
from msgspec import structs

from marketplace.approvals.schemas import DecisionInput
from marketplace.approvals.service import decide
from marketplace.contracts.commitments import raise_cap
from marketplace.contracts.reading import read_contract
from marketplace.contracts.rules import AtExhaustion, Commitment, Measure
from marketplace.contracts.schemas import CommitmentView, ContractView
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound, StaleVersion
from marketplace.orders.contract_prices import ContractPrices
from marketplace.orders.ports import NoPriceQuote, PriceQuote, PriceRequest
from marketplace.orders.schemas import OrderView
from marketplace.platform.caller import Caller
from marketplace.platform.database import transaction
from tests.catalog.parties import entry
from tests.catalog.shop import Shop
from tests.support.world import fresh_key


def pieces(cap: str, then: str = "stop") -> Commitment:
    return Commitment(Measure.QUANTITY, Decimal(cap), AtExhaustion(then))


def euros(cap: str, then: str = "stop") -> Commitment:
    return Commitment(Measure.VALUE, Decimal(cap), AtExhaustion(then))


async def stocked(shop: Shop) -> None:
    await shop.offer("A")
    await shop.price_list(entry("A", ("1", "10")))


async def state(shop: Shop, contract_id: UUID) -> CommitmentView:
    caller = shop.buying.caller
    assert caller.may("contracts:read")
    view = await read_contract(shop.platform, caller, contract_id)
    told = view.prices[0].commitment
    assert told
    return told


async def test_orders_draw_and_the_contract_shows_what_is_left(shop: Shop) -> None:
    await stocked(shop)
    contract = await shop.agree("A", ("1", "8"), commitment=pieces("100"))
    order = await shop.order(shop.line("A", "30"), shop.line("A", "20"))
    assert order.total.amount == "400.00"
    told = await state(shop, contract)
    assert (told.committed, told.cap, told.drawn, told.left) == ("100", "100", "50", "50")
    detail = order.lines[0].price.detail
    assert detail
    assert [(d.measure, d.amount) for d in detail.draws] == [("quantity", "30")]


@pytest.mark.parametrize(
    ("commitment", "then", "told"),
    [
        (pieces("5"), "stop", "commitment_exhausted"),
        (euros("40"), "stop", "commitment_exhausted"),
        (pieces("5", "next_price"), "next_price", "10 base"),
        (pieces("5", "split"), "split", "8 contract"),
    ],
)
async def test_at_exhaustion_the_contracts_policy_counts(
    shop: Shop, commitment: Commitment, then: str, told: str
) -> None:
    await stocked(shop)
    await shop.agree("A", ("1", "8"), commitment=commitment)
    assert await shop.told("A", "5") == "8 contract"
    assert await shop.told("A", "6") == told
    line = await shop.check("A", "6", explain=True)
    answer = line.price or line.no_price
    assert answer
    assert answer.losers is not None
    if then != "split":
        assert "commitment_exhausted" in {loser.reason for loser in answer.losers or ()}


async def test_a_split_line_is_one_line_of_two_parts_and_sums_them(shop: Shop) -> None:
    await stocked(shop)
    contract = await shop.agree("A", ("1", "8"), commitment=pieces("5", "split"))
    order = await shop.order(shop.line("A", "7"))
    (line,) = order.lines
    assert line.line_amount.amount == "60.00"  # 5 × 8 and 2 × 10
    assert (line.price.amount, line.price.basis) == ("60.00", "7")
    assert line.price.detail
    assert [(p.quantity, p.amount, p.level) for p in line.price.detail.parts] == [
        ("5", "8", "contract"),
        ("2", "10", "base"),
    ]
    assert (await state(shop, contract)).left == "0"
    assert await shop.told("A", "1") == "10 base"


async def test_value_is_drawn_by_what_lines_cost(shop: Shop) -> None:
    await stocked(shop)
    contract = await shop.agree("A", ("1", "8"), commitment=euros("50", "split"))
    order = await shop.order(shop.line("A", "7"))
    assert order.total.amount == "58.00"  # 6 pieces for 48, and one of 10
    assert (await state(shop, contract)).drawn == "48"


async def test_lines_of_one_order_draw_one_after_another(shop: Shop) -> None:
    await stocked(shop)
    await shop.agree("A", ("1", "8"), commitment=pieces("5", "next_price"))
    order = await shop.order(shop.line("A", "4"), shop.line("A", "4"), shop.line("A", "1"))
    assert [line.price.level for line in order.lines] == ["contract", "base", "contract"]


async def test_sixteen_call_offs_at_once_never_overdraw(shop: Shop) -> None:
    await stocked(shop)
    contract = await shop.agree("A", ("1", "8"), commitment=pieces("50"))
    answers = await asyncio.gather(
        *(shop.order(shop.line("A", "7")) for _ in range(16)), return_exceptions=True
    )
    placed = [answer for answer in answers if isinstance(answer, OrderView)]
    refused = [answer for answer in answers if isinstance(answer, InvalidInput)]
    assert (len(placed), len(refused)) == (7, 9)
    assert {error.errors[0].code for error in refused} == {"commitment_exhausted"}
    assert (await state(shop, contract)).drawn == "49"


async def test_sixteen_call_offs_at_once_share_what_is_left_where_lines_are_split(
    shop: Shop,
) -> None:
    await stocked(shop)
    contract = await shop.agree("A", ("1", "8"), commitment=pieces("50", "split"))
    orders = await asyncio.gather(*(shop.order(shop.line("A", "7")) for _ in range(16)))
    assert (await state(shop, contract)).left == "0"
    assert sum(Decimal(order.total.amount) for order in orders) == 50 * 8 + (16 * 7 - 50) * 10


async def test_cancelling_gives_back(shop: Shop) -> None:
    await stocked(shop)
    contract = await shop.agree("A", ("1", "8"), commitment=pieces("10"))
    order = await shop.order(shop.line("A", "10"))
    assert await shop.told("A") == "commitment_exhausted"
    await shop.cancel(order)
    assert (await state(shop, contract)).drawn == "0"
    assert await shop.told("A") == "8 contract"


async def test_what_a_supplier_does_not_deliver_is_given_back(shop: Shop) -> None:
    await stocked(shop)
    contract = await shop.agree("A", ("1", "8"), commitment=pieces("20"))
    short = await shop.order(shop.line("A", "10"))
    refused = await shop.order(shop.line("A", "8"))
    await shop.confirm(short, (1, "4"))
    assert (await state(shop, contract)).drawn == "12"
    await shop.confirm(refused, (1, "0"))
    assert (await state(shop, contract)).drawn == "4"


async def test_an_order_that_fails_draws_nothing(shop: Shop) -> None:
    await stocked(shop)
    contract = await shop.agree("A", ("1", "8"), commitment=pieces("20"))
    with pytest.raises(InvalidInput):
        await shop.order(shop.line("A", "10"), shop.line("NOPE"))
    assert (await state(shop, contract)).drawn == "0"


@pytest.mark.parametrize(
    ("commitment", "code"),
    [
        (pieces("0"), "out_of_range"),
        (pieces("1.5"), "too_many_decimals"),
        (euros("10.001"), "too_many_decimals"),
        (
            Commitment(Measure.QUANTITY, Decimal(5), AtExhaustion.STOP, Decimal(6)),
            "out_of_range",
        ),
    ],
)
async def test_a_commitment_that_cannot_be_drawn_is_not_agreed(
    shop: Shop, commitment: Commitment, code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await shop.agree("A", ("1", "8"), commitment=commitment)
    assert [(e.pointer, e.code) for e in refused.value.errors] == [
        ("/prices/0/commitment/cap", code)
    ]


async def test_an_order_that_waits_draws_when_it_is_placed_and_not_before(shop: Shop) -> None:
    await stocked(shop)
    contract = await shop.agree("A", ("1", "8"), commitment=pieces("10", "next_price"))
    purchaser = await shop.world.member(shop.buying, "purchaser", order_limit="50 EUR")
    own, shop.buyer = shop.buyer, purchaser.caller
    orders = [await shop.order(shop.line("A", "7")) for _ in range(2)]
    shop.buyer = own
    assert {order.state for order in orders} == {"in_approval"}
    assert (await state(shop, contract)).drawn == "0"
    said = DecisionInput(verdict="approve")
    asked = [order.approval_id for order in orders if order.approval_id]
    await decide(shop.platform, own, asked[0], said, fresh_key())
    assert (await state(shop, contract)).drawn == "7"
    with pytest.raises(Conflict, match=r"14\.00 EUR more"):  # at 10 instead of 8
        await decide(shop.platform, own, asked[1], said, fresh_key())
    assert (await state(shop, contract)).drawn == "7"


async def test_without_the_catalog_contracts_hold_to_their_commitments_too(shop: Shop) -> None:
    await shop.offer("A")
    await shop.agree("A", ("1", "9"))
    await shop.agree("A", ("1", "8"), commitment=pieces("5", "next_price"))
    supplier_id = shop.supplier.organization_id
    asked = [PriceRequest(supplier_id, "A", Decimal(n), "C62", "EUR") for n in (4, 4, 1)]
    async with transaction(shop.platform, shop.buyer) as tx:
        answers = await ContractPrices().quote(tx, shop.buyer.path, asked, tx.opened_at)
    assert [answer.amount for answer in answers if isinstance(answer, PriceQuote)] == [8, 9, 8]
    await shop.agree("A", ("1", "7"), commitment=pieces("2"))
    async with transaction(shop.platform, shop.buyer) as tx:
        (answer,) = await ContractPrices().quote(tx, shop.buyer.path, asked[:1], tx.opened_at)
    assert isinstance(answer, NoPriceQuote)
    assert answer.code == "commitment_exhausted"


async def raise_to(shop: Shop, contract_id: UUID, cap: str, who: Caller | None = None) -> None:
    view = await read_contract(shop.platform, shop.supplier, contract_id)
    await raise_cap(
        shop.platform,
        who or shop.supplier,
        contract_id,
        view.prices[0].id,
        Decimal(cap),
        view.version,
    )


async def test_its_supplier_lets_draw_more_and_never_less(shop: Shop) -> None:
    await stocked(shop)
    contract = await shop.agree("A", ("1", "8"), commitment=pieces("5"))
    await shop.order(shop.line("A", "5"))
    assert await shop.told("A", "3") == "commitment_exhausted"
    await raise_to(shop, contract, "8")
    assert await shop.told("A", "3") == "8 contract"
    told = await state(shop, contract)
    assert (told.committed, told.cap, told.drawn, told.left) == ("5", "8", "5", "3")
    for wrong, code in (("7", "lower"), ("9.5", "too_many_decimals")):
        with pytest.raises(InvalidInput) as refused:
            await raise_to(shop, contract, wrong)
        assert refused.value.errors[0].code == code
    keen = structs.replace(shop.buyer, scopes=shop.buyer.scopes | {"contracts:write"})
    with pytest.raises(NotFound):
        await raise_to(shop, contract, "100", keen)
    with pytest.raises(Conflict):
        await raise_to(shop, await shop.agree("A", ("1", "7")), "100")


async def test_of_many_who_raise_a_cap_at_once_one_does(shop: Shop) -> None:
    await stocked(shop)
    contract = await shop.agree("A", ("1", "8"), commitment=pieces("5"))
    view = await read_contract(shop.platform, shop.supplier, contract)
    price = view.prices[0].id
    results = await asyncio.gather(
        *(
            raise_cap(shop.platform, shop.supplier, contract, price, Decimal(cap), 1)
            for cap in range(6, 14)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(result, ContractView) for result in results) == 1
    assert sum(isinstance(result, StaleVersion) for result in results) == 7
