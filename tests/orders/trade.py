"""A buyer, two suppliers and contracts between them, without a catalog: contract prices answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

from marketplace.app import Assembly, assemble
from marketplace.contracts.concluding import conclude
from marketplace.contracts.rules import ContractDraft, ContractPrice, Provenance, Tier
from marketplace.contracts.terms import LineTerms
from marketplace.orders import fulfilment, service
from marketplace.orders.schemas import (
    ConfirmationInput,
    DespatchInput,
    ExternalNumber,
    OrderInput,
    OrderLineInput,
    OrderView,
)
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.settings import Settings
from tests.support.kept import Kept
from tests.support.world import Actor, Company, World, fresh_key


@dataclass(frozen=True)
class Trade:
    """Who trades, and the few verbs most tests begin with."""

    platform: Platform
    world: World
    buyer: Company
    bolts: Company
    nuts: Company
    purchaser: Actor
    approver: Actor

    async def agree(
        self,
        supplier: Company,
        amount: str,
        sku: str = "A-1",
        *,
        unit: str = "C62",
        basis: str = "1",
        tiers: Sequence[tuple[str, str]] = (),
        provenance: tuple[Provenance, ...] = (),
        terms: LineTerms | None = None,
        **changes: Any,
    ) -> UUID:
        """Conclude a contract over one SKU, in force for decades."""
        ladder = tiers or [("1", amount)]
        draft = ContractDraft(
            buyer_id=self.buyer.id,
            supplier_id=supplier.id,
            title="Parts",
            currency="EUR",
            time_zone="Europe/Berlin",
            first_day=date(2020, 1, 1),
            last_day=date(2060, 12, 31),
            prices=(
                ContractPrice(
                    sku,
                    f"Part {sku}",
                    unit,
                    Decimal(basis),
                    tuple(Tier(Decimal(least), Decimal(price)) for least, price in ladder),
                    terms=terms,
                ),
            ),
            provenance=provenance,
        )
        async with system_transaction(self.platform, Role.ENGINE) as tx:
            return await conclude(tx, replace(draft, **changes))

    def line(
        self, supplier: Company, quantity: str = "10", sku: str = "A-1", **more: Any
    ) -> OrderLineInput:
        """One line of an order."""
        values = {"supplier_id": supplier.id, "sku": sku, "quantity": quantity, "unit": "C62"}
        return OrderLineInput(**{**values, **more})

    def order(self, *lines: OrderLineInput, **more: Any) -> OrderInput:
        """An order in euros; by default ten of A-1 of the first supplier."""
        return OrderInput(currency="EUR", lines=list(lines) or [self.line(self.bolts)], **more)

    async def submit(
        self,
        *lines: OrderLineInput,
        by: Actor | None = None,
        number: str | None = None,
        **more: Any,
    ) -> OrderView:
        """Submit an order, by the administrator without limit unless said otherwise."""
        caller = (by or self.buyer.administrator).caller
        external = ExternalNumber(system="sap", id=number) if number else None
        key = None if number else fresh_key()
        return await service.submit_order(
            self.platform, caller, self.order(*lines, **more), external, key
        )

    async def despatched(self, order: OrderView, supplier: Company) -> UUID:
        """Confirm and despatch a supplier's whole part; give its id."""
        (part,) = [p for p in order.supplier_orders if p.supplier_id == supplier.id]
        caller = supplier.caller
        await fulfilment.confirm(self.platform, caller, part.id, ConfirmationInput(), fresh_key())
        await fulfilment.despatch(self.platform, caller, part.id, DespatchInput(), fresh_key())
        return part.id


@pytest.fixture
def assembly(settings: Settings, kept: Kept) -> Assembly:
    """The product without the packages above it: trading needs none of them."""
    with kept.lent(settings):
        return assemble(replace(settings, features=()))


@pytest.fixture
async def trade(platform: Platform, world: World) -> Trade:
    """One buyer with a purchaser (limit 1,000 EUR) and an approver; suppliers of A-1 and B-1."""
    buyer = await world.buyer()
    made = Trade(
        platform=platform,
        world=world,
        buyer=buyer,
        bolts=await world.supplier("Bolts"),
        nuts=await world.supplier("Nuts"),
        purchaser=await world.member(buyer, "purchaser", order_limit="1000 EUR"),
        approver=await world.member(buyer, "approver"),
    )
    await made.agree(made.bolts, "12.50")
    await made.agree(made.nuts, "0.0035", "B-1")
    return made


def body(value: msgspec.Struct) -> Any:
    """Write a struct as the JSON a client would send."""
    return msgspec.to_builtins(value)
