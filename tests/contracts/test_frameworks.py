"""A framework: contracts under one ceiling, which orders count against and never pass."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from marketplace.contracts.ceilings import FrameworkDraw, draw_on_frameworks
from marketplace.contracts.framework_rules import (
    Ceiling,
    CeilingArticle,
    MemberContract,
    check_framework,
)
from marketplace.contracts.frameworks import list_frameworks, make_framework, read_framework
from marketplace.contracts.rules import ContractState
from marketplace.contracts.schemas import (
    FrameworkArticleInput,
    FrameworkCeilingInput,
    FrameworkInput,
    FrameworkView,
)
from marketplace.kernel.errors import Conflict, InvalidInput, NotFound
from marketplace.kernel.ids import new_id
from marketplace.orders.fulfilment import confirm
from marketplace.orders.schemas import ConfirmationInput, LineConfirmationInput
from marketplace.orders.service import cancel_order
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from tests.orders.trade import Trade
from tests.support.world import fresh_key


def member(**changed: object) -> MemberContract:
    made = MemberContract(new_id(), new_id(), "EUR", ContractState.ACTIVE)
    return replace(made, **changed)  # type: ignore[arg-type]


def codes(members: list[MemberContract | None], ceiling: str | None = None) -> list[str]:
    try:
        check_framework(members, None if ceiling is None else Decimal(ceiling))
    except InvalidInput as refused:
        return [f"{error.pointer} {error.code}" for error in refused.errors]
    return []


def test_contracts_of_a_framework_run_in_one_currency_each_with_another_supplier() -> None:
    first = member()
    assert codes([first, member()], "100.01") == []
    wrong = [
        first,
        None,
        member(currency="USD"),
        member(supplier_id=first.supplier_id),
        member(state=ContractState.EXPIRED),
        member(taken=True),
    ]
    assert codes(wrong, "0.001") == [
        "/contract_ids/1 unknown_contract",
        "/contract_ids/2 other_currency",
        "/contract_ids/3 twice",
        "/contract_ids/4 ended",
        "/contract_ids/5 taken",
        "/ceiling out_of_range",
    ]


async def framework(trade: Trade, ceiling: str | None = "250") -> FrameworkView:
    """Bolts at 10.00 and nuts at 20.00, together up to the ceiling."""
    ids = [await trade.agree(trade.bolts, "10", "F-1"), await trade.agree(trade.nuts, "20", "F-2")]
    given = FrameworkInput(title="Parts", contract_ids=ids, ceiling=ceiling)
    return await make_framework(
        trade.platform, trade.buyer.administrator.caller, given, fresh_key()
    )


async def drawn(trade: Trade, framework_id: UUID) -> tuple[str | None, str | None]:
    seen = await read_framework(trade.platform, trade.buyer.caller, framework_id)
    return seen.drawn, seen.left


async def test_orders_at_members_prices_count_up_to_the_ceiling_and_no_further(
    trade: Trade,
) -> None:
    made = await framework(trade)
    await trade.submit(
        trade.line(trade.bolts, "5", "F-1"),
        trade.line(trade.nuts, "5", "F-2"),
        trade.line(trade.bolts, "9", "A-1"),  # no part of it
    )
    assert await drawn(trade, made.id) == ("150", "100")
    with pytest.raises(Conflict, match="ceiling"):
        await trade.submit(trade.line(trade.bolts, "11", "F-1"))
    await trade.submit(trade.line(trade.bolts, "10", "F-1"))  # to the coin
    assert await drawn(trade, made.id) == ("250", "0")


async def test_however_many_order_at_once_the_ceiling_holds(trade: Trade) -> None:
    made = await framework(trade)
    results = await asyncio.gather(
        *(trade.submit(trade.line(trade.bolts, "10", "F-1")) for _ in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Conflict) for each in results) == 2
    assert await drawn(trade, made.id) == ("200", "50")


async def test_a_framework_without_a_ceiling_ends_where_no_more_can_be_written_down(
    trade: Trade,
) -> None:
    made = await framework(trade, ceiling=None)
    much = FrameworkDraw(made.id, trade.bolts.id, "F-1", "C62", Decimal(6 * 10**17), Decimal(1))
    async with transaction(trade.platform, trade.buyer.administrator.caller) as tx:
        await draw_on_frameworks(tx, [much])
        with pytest.raises(Conflict, match="ceiling"):
            await draw_on_frameworks(tx, [much])


async def test_what_is_cancelled_or_not_delivered_is_given_back(trade: Trade) -> None:
    made = await framework(trade)
    buyer = trade.buyer.administrator.caller
    order = await trade.submit(trade.line(trade.bolts, "10", "F-1"))
    await cancel_order(trade.platform, buyer, order.id, order.version)
    assert await drawn(trade, made.id) == ("0", "250")
    order = await trade.submit(trade.line(trade.bolts, "10", "F-1"))
    less = ConfirmationInput(lines=(LineConfirmationInput(line=1, quantity="4", reason="Sold"),))
    (part,) = order.supplier_orders
    await confirm(trade.platform, trade.bolts.caller, part.id, less, fresh_key())
    assert await drawn(trade, made.id) == ("40", "210")


async def test_a_member_reads_himself_alone_and_not_what_others_delivered(trade: Trade) -> None:
    made = await framework(trade)
    await trade.submit(trade.line(trade.nuts, "5", "F-2"))
    seen = await read_framework(trade.platform, trade.bolts.caller, made.id)
    assert [each.supplier_id for each in seen.members] == [trade.bolts.id]
    assert (seen.ceiling, seen.drawn, seen.left) == ("250", None, None)
    outsider = (await trade.world.supplier("Others")).caller
    with pytest.raises(NotFound):
        await read_framework(trade.platform, outsider, made.id)
    assert (await list_frameworks(trade.platform, outsider, PageRequest(5, None))).items == []
    listed = await list_frameworks(trade.platform, trade.buyer.caller, PageRequest(5, None))
    assert [len(each.members) for each in listed.items] == [2]


async def test_a_contract_is_in_one_framework(trade: Trade) -> None:
    made = await framework(trade, ceiling=None)
    again = FrameworkInput(title="Again", contract_ids=[each.contract_id for each in made.members])
    with pytest.raises(InvalidInput, match="framework already"):
        await make_framework(trade.platform, trade.buyer.administrator.caller, again, fresh_key())


async def test_a_framework_is_made_of_own_contracts(trade: Trade) -> None:
    contract_id = await trade.agree(trade.bolts, "10", "F-1")
    given = FrameworkInput(title="Mine", contract_ids=[contract_id])
    stranger = (await trade.world.buyer()).administrator.caller
    with pytest.raises(InvalidInput) as refused:
        await make_framework(trade.platform, stranger, given, fresh_key())
    assert refused.value.errors[0].code == "unknown_contract"
    owner, once = trade.buyer.administrator.caller, fresh_key()
    made = [await make_framework(trade.platform, owner, given, once) for _ in range(2)]
    assert made[0] == made[1]


def over(title: str, most: str, **more: object) -> Ceiling:
    return Ceiling(title, Decimal(most), **more)  # type: ignore[arg-type]


def test_ceilings_are_over_members_and_what_their_contracts_price() -> None:
    bolts, nuts = member(), member()
    one, other = (CeilingArticle(each.contract_id, "F-1") for each in (bolts, nuts))
    priced = frozenset([(one, "C62"), (other, "KGM")])

    def refused(*ceilings: Ceiling) -> list[str]:
        try:
            check_framework([bolts, nuts], None, ceilings, priced)
        except InvalidInput as refusal:
            return [f"{error.pointer} {error.code}" for error in refusal.errors]
        return []

    assert refused(over("Pieces", "10", unit="C62", articles=(one,)), over("Value", "10.5")) == []
    assert refused(
        over("Half a piece", "0.5", unit="C62"),
        over("Nothing", "0"),
        over("Too fine", "0.001"),
        over("No unit", "1", unit="ZZZ"),
        over("A stranger", "1", contract_id=new_id()),
        over("By weight", "1", unit="KGM", articles=(one,)),
        over("Of another", "1", contract_id=bolts.contract_id, articles=(other,)),
    ) == [
        "/ceilings/0/ceiling too_many_decimals",
        "/ceilings/1/ceiling out_of_range",
        "/ceilings/2/ceiling out_of_range",
        "/ceilings/3/unit unknown_unit",
        "/ceilings/4/contract_id no_member",
        "/ceilings/5/articles/0 unknown_article",
        "/ceilings/6/articles/0 other_member",
    ]


async def bounded(trade: Trade) -> FrameworkView:
    """Bolts and nuts: 12 pieces in all, nuts for at most 100.00, 8 bolts of Bolts."""
    bolts, nuts = await trade.agree(trade.bolts, "10", "F-1"), await trade.agree(trade.nuts, "20")
    bolt = FrameworkArticleInput(contract_id=bolts, sku="F-1")
    given = FrameworkInput(
        title="Parts",
        contract_ids=[bolts, nuts],
        ceilings=[
            FrameworkCeilingInput(title="All pieces", ceiling="12", unit="C62"),
            FrameworkCeilingInput(title="Nuts", ceiling="100", contract_id=nuts),
            FrameworkCeilingInput(title="F-1", ceiling="8", unit="C62", articles=[bolt]),
        ],
    )
    buyer = trade.buyer.administrator.caller
    return await make_framework(trade.platform, buyer, given, fresh_key())


async def left(trade: Trade, framework_id: UUID) -> list[str | None]:
    seen = await read_framework(trade.platform, trade.buyer.caller, framework_id)
    return [each.left for each in seen.ceilings]


async def test_orders_stay_below_ceilings_by_quantity_and_by_member(trade: Trade) -> None:
    made = await bounded(trade)
    await trade.submit(trade.line(trade.bolts, "7", "F-1"), trade.line(trade.nuts, "4", "A-1"))
    assert await left(trade, made.id) == ["1", "20", "1"]
    for who, quantity, sku, title in (
        (trade.bolts, "2", "F-1", "'All pieces', 'F-1'"),
        (trade.nuts, "2", "A-1", "'All pieces', 'Nuts'"),
    ):
        with pytest.raises(Conflict, match=title):
            await trade.submit(trade.line(who, quantity, sku))
    assert await left(trade, made.id) == ["1", "20", "1"]
    order = await trade.submit(trade.line(trade.nuts, "1", "A-1"))
    assert await left(trade, made.id) == ["0", "0", "1"]
    await cancel_order(trade.platform, trade.buyer.administrator.caller, order.id, order.version)
    assert await left(trade, made.id) == ["1", "20", "1"]


async def test_a_supplier_who_delivers_less_gives_the_quantity_back(trade: Trade) -> None:
    made = await bounded(trade)
    order = await trade.submit(trade.line(trade.bolts, "8", "F-1"))
    less = ConfirmationInput(lines=(LineConfirmationInput(line=1, quantity="3", reason="Sold"),))
    (part,) = order.supplier_orders
    await confirm(trade.platform, trade.bolts.caller, part.id, less, fresh_key())
    assert await left(trade, made.id) == ["9", "100", "5"]


async def test_however_many_order_at_once_a_ceiling_in_pieces_holds(trade: Trade) -> None:
    made = await bounded(trade)
    results = await asyncio.gather(
        *(trade.submit(trade.line(trade.bolts, "4", "F-1")) for _ in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Conflict) for each in results) == 2
    assert await left(trade, made.id) == ["4", "100", "0"]


async def test_a_member_reads_no_ceiling_of_another(trade: Trade) -> None:
    made = await bounded(trade)
    seen = await read_framework(trade.platform, trade.bolts.caller, made.id)
    assert [(each.title, each.drawn) for each in seen.ceilings] == [
        ("All pieces", None),
        ("F-1", None),
    ]
    seen = await read_framework(trade.platform, trade.nuts.caller, made.id)
    assert [(each.title, each.drawn) for each in seen.ceilings] == [
        ("All pieces", None),
        ("Nuts", "0"),
    ]
