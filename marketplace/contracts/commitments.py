"""What is drawn of the quantities and amounts agreed: take, give back, raise."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, bindparam, select, text
from sqlalchemy.dialects.postgresql import JSONB

from marketplace.contracts.documents import commitment_document, read_commitment
from marketplace.contracts.reading import contract_view, contracts_of, own_contract
from marketplace.contracts.rules import (
    Draw,
    raised,
)
from marketplace.contracts.schemas import (
    ContractView,
)
from marketplace.contracts.tables import (
    ContractPriceRow,
    ContractRow,
)
from marketplace.kernel.errors import Conflict, NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, retries_conflicts, transaction


async def lock_drawn(tx: Transaction, price_ids: Iterable[UUID]) -> dict[UUID, Decimal]:
    """Lock prices with a commitment and give what is drawn of each as it is now.

    Whoever means to draw asks first: of many call-offs at once each sees what those before took.
    """
    rows = await tx.all(
        select(ContractPriceRow.id, ContractPriceRow.drawn)
        .where(ContractPriceRow.id.in_(sorted(price_ids)))
        .order_by(ContractPriceRow.id)
        .with_for_update()
    )
    return {row.id: row.drawn for row in rows}


async def draw(tx: Transaction, draws: Iterable[Draw]) -> None:
    """Take from commitments; raises Conflict where less is left than one asks."""
    totals = _by_price(draws)
    if not totals:
        return
    if await _change_drawn(tx, totals, 1) != len(totals):
        raise Conflict("Less is left of the quantity agreed than this order draws; price it again.")


async def give_back(tx: Transaction, draws: Iterable[Draw]) -> None:
    """Put back into commitments what an order does not take after all."""
    if totals := _by_price(draws):
        await _change_drawn(tx, totals, -1)


def _by_price(draws: Iterable[Draw]) -> dict[UUID, Decimal]:
    totals: dict[UUID, Decimal] = {}
    for each in draws:
        totals[each.price_id] = totals.get(each.price_id, Decimal(0)) + each.amount
    return {price_id: amount for price_id, amount in sorted(totals.items()) if amount}


_CHANGE_DRAWN: Final = text("""
update contract_prices p set drawn = p.drawn + given.amount
from (select * from unnest(cast(:price_ids as uuid[]), cast(:amounts as numeric[]))
          as listed (id, amount)) as given
where p.id = given.id and p.drawn + given.amount between 0 and (p.commitment ->> 'cap')::numeric
""")


async def _change_drawn(tx: Transaction, totals: Mapping[UUID, Decimal], sign: int) -> int:
    # In the order of ids, which is the order in which they are locked everywhere.
    await lock_drawn(tx, totals)
    values = {
        "price_ids": list(totals),
        "amounts": [sign * amount for amount in totals.values()],
    }
    return await tx.execute(_CHANGE_DRAWN, values)


@retries_conflicts
async def raise_cap(
    platform: Platform,
    caller: Caller,
    contract_id: UUID,
    price_id: UUID,
    cap: Decimal,
    version: int,
) -> ContractView:
    """Let the buyer draw more at a price: its supplier may, and never less than before.

    Raises NotFound, StaleVersion, Conflict for a price without a commitment, and what
    `rules.raised` raises.
    """
    caller.require("contracts:write")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(
            contracts_of(caller).where(
                ContractRow.id == contract_id, ContractRow.supplier_id == caller.organization_id
            )
        )
        price = await tx.maybe(
            select(ContractPriceRow.sku, ContractPriceRow.unit, ContractPriceRow.commitment).where(
                ContractPriceRow.id == price_id, ContractPriceRow.contract_id == contract_id
            )
        )
        if row is None or price is None:
            raise NotFound("There is no such price in a contract of yours to deliver.")
        if price.commitment is None:
            raise Conflict("This price has no commitment: any quantity may be ordered at it.")
        before = read_commitment(price.commitment)
        after = commitment_document(raised(before, cap, price.unit, row.currency))
        now = await tx.scalar(
            _WRITE_COMMITMENT,
            {"price": price_id, "contract": contract_id, "version": version, "given": after},
        )
        if now is None:
            raise StaleVersion("The contract has changed; read it again.")
        _tell_raised(tx, row, price_id, price, after)
        return await contract_view(tx, await own_contract(tx, caller, contract_id))


_WRITE_COMMITMENT: Final = text(
    "select write_commitment(:contract, :price, :version, cast(:given as jsonb))"
).bindparams(bindparam("given", type_=JSONB))


def _tell_raised(
    tx: Transaction, contract: Row[Any], price_id: UUID, price: Row[Any], after: Any
) -> None:
    facts: dict[str, object] = {
        "buyer_id": contract.buyer_id,
        "supplier_id": contract.supplier_id,
        "contract_price_id": price_id,
        "sku": price.sku,
        "unit": price.unit,
        "cap": after["cap"],
    }
    audience = frozenset({contract.buyer_id, contract.supplier_id})
    version = contract.version + 1
    tx.emit(Event("contract.cap_raised", "contract", contract.id, version, audience, facts))
    before = {"cap": price.commitment["cap"]}
    tx.record("contract.cap_raised", "contract", contract.id, before=before, after=facts)
