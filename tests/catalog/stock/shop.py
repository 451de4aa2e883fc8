"""A buyer and a supplier of articles whose stock is kept, who trade for real."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from catalog.price_lists import publishing
from catalog.price_lists import service as price_lists
from catalog.price_lists.schemas import PriceEntriesInput, PriceListInput
from catalog.products import service as products
from catalog.products.schemas import OfferInput
from catalog.stock import service as stock
from catalog.stock.schemas import (
    StockInput,
    StockLineInput,
    StockLocationInput,
    StockSettingsInput,
)
from catalog.stock.tables import StockReservationRow
from marketplace.orders import fulfilment, service
from marketplace.orders.schemas import (
    ConfirmationInput,
    DespatchInput,
    LineConfirmationInput,
    LineDespatchInput,
    OrderInput,
    OrderLineInput,
    OrderView,
    SupplierOrderView,
)
from marketplace.platform.core import Platform
from marketplace.platform.database import transaction
from marketplace.platform.http.paging import PageRequest
from tests.catalog.parties import entry
from tests.support.world import Actor, Company, World, fresh_key


@dataclass
class Shop:
    """What the tests do: set stock, order, deliver, look."""

    platform: Platform
    world: World
    buyer: Company
    supplier: Company
    source_version: int = 0

    async def offer(self, *skus: str, supplier: Company | None = None, **terms: Any) -> None:
        """Offer articles at 10 EUR a piece to everybody."""
        owner = (supplier or self.supplier).caller
        for sku in skus:
            data = OfferInput(**{"name": f"Thing {sku}", "unit": "C62", **terms})
            await products.put_offer(self.platform, owner, sku, data)
        units = {terms.get("unit", "C62"), terms.get("content_unit", "C62")}
        entries = [entry(sku, ("0.01", "10"), unit="KGM") for sku in skus]
        entries += [entry(sku, ("1", "10"), unit=unit) for sku in skus for unit in units]
        data = PriceListInput(
            name=f"Base {skus}",
            level="base",
            currency="EUR",
            priority=self.source_version + len(skus) * 1000 + sum(map(ord, skus[0])),
        )
        made = await price_lists.create_price_list(self.platform, owner, data, fresh_key())
        await price_lists.put_entries(
            self.platform, owner, made.id, PriceEntriesInput(entries=entries)
        )
        await publishing.publish_price_list(self.platform, owner, made.id)

    async def put(self, sku: str, **terms: Any) -> None:
        """Change an offer."""
        data = OfferInput(**{"name": f"Thing {sku}", "unit": "C62", **terms})
        await products.put_offer(self.platform, self.supplier.caller, sku, data)

    async def set(
        self, *, at: str = "MAIN", supplier: Company | None = None, **on_hand: str
    ) -> None:
        """Set what lies of articles at a location."""
        owner = (supplier or self.supplier).caller
        location = StockLocationInput(name=at, country="DE")
        await stock.put_location(self.platform, owner, at, location)
        self.source_version += 1
        lines = [
            StockLineInput(
                sku=sku, location=at, on_hand=quantity, source_version=self.source_version
            )
            for sku, quantity in on_hand.items()
        ]
        result = await stock.set_stock(self.platform, owner, StockInput(lines=lines))
        assert result.set == len(lines), result

    async def treat(self, **settings: Any) -> None:
        """Say how stock is treated."""
        now = await stock.read_settings(self.platform, self.supplier.caller)
        data = StockSettingsInput(**settings)
        await stock.change_settings(self.platform, self.supplier.caller, data, now.version)

    def line(
        self, sku: str, quantity: str = "1", unit: str = "C62", supplier: Company | None = None
    ) -> OrderLineInput:
        """One line of an order."""
        supplier_id = (supplier or self.supplier).id
        return OrderLineInput(supplier_id=supplier_id, sku=sku, quantity=quantity, unit=unit)

    async def order(
        self, *lines: OrderLineInput, by: Actor | None = None, **more: Any
    ) -> OrderView:
        """Submit an order, by the administrator without limit unless said otherwise."""
        caller = (by or self.buyer.administrator).caller
        data = OrderInput(currency="EUR", lines=list(lines), **more)
        return await service.submit_order(self.platform, caller, data, None, fresh_key())

    async def confirm(self, order: OrderView, *answers: tuple[int, str]) -> SupplierOrderView:
        """Confirm the order's one part, whole or lines with other quantities."""
        lines = tuple(LineConfirmationInput(line=n, quantity=q, reason="so") for n, q in answers)
        return await fulfilment.confirm(
            self.platform,
            self.supplier.caller,
            order.supplier_orders[0].id,
            ConfirmationInput(lines=lines),
            fresh_key(),
        )

    async def despatch(self, order: OrderView, *leaving: tuple[int, str]) -> SupplierOrderView:
        """Despatch the order's one part, all that is open or some of it."""
        lines = tuple(LineDespatchInput(line=n, quantity=q) for n, q in leaving)
        return await fulfilment.despatch(
            self.platform,
            self.supplier.caller,
            order.supplier_orders[0].id,
            DespatchInput(lines=lines),
            fresh_key(),
        )

    async def levels(self, sku: str | None = None) -> list[tuple[str, str, str, str]]:
        """Give (SKU, location, on hand, reserved) of the supplier's levels."""
        found = await stock.list_levels(
            self.platform, self.supplier.caller, PageRequest(200, None), sku
        )
        return [(v.sku, v.location, v.on_hand, v.reserved) for v in found.items]

    async def reserved_quantities(self) -> Sequence[Decimal]:
        """Give what each reservation took at first."""
        async with transaction(self.platform, self.supplier.caller) as tx:
            rows = await tx.all(select(StockReservationRow.quantity))
        return [row.quantity for row in rows]


@pytest.fixture
async def shop(platform: Platform, world: World) -> Shop:
    return Shop(platform, world, await world.buyer(), await world.supplier())
