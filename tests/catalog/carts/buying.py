"""What members do with carts, for the tests of services."""

from typing import Any
from uuid import UUID

from catalog.carts import ordering, reading, service, sources
from catalog.carts.schemas import (
    CartInput,
    CartLineInput,
    CartLinesAdded,
    CartLinesInput,
    CartSummary,
    CartView,
    CheckoutInput,
    QuickOrderInput,
    QuickOrderView,
)
from catalog.price_lists import assigning, publishing
from catalog.price_lists import service as price_lists
from catalog.price_lists.schemas import (
    AssignmentInput,
    PriceEntriesInput,
    PriceListInput,
    PriceListView,
)
from marketplace.orders.schemas import OrderView
from marketplace.platform.caller import Caller
from tests.catalog.parties import entry
from tests.catalog.stock.shop import Shop
from tests.support.world import Company, fresh_key


class Buying:
    """One member at one cart."""

    def __init__(self, shop: Shop, caller: Caller, cart: CartSummary) -> None:
        self.shop = shop
        self.caller = caller
        self.cart = cart

    @classmethod
    async def begin(
        cls, shop: Shop, caller: Caller | None = None, *, shared: bool = False, name: str = "Mine"
    ) -> "Buying":
        who = caller or shop.buyer.caller
        data = CartInput(name=name, currency="EUR", shared=shared)
        cart = await service.create_cart(shop.platform, who, data, fresh_key())
        return cls(shop, who, cart)

    async def add(
        self, *lines: tuple[str, str], supplier: Company | None = None, **more: Any
    ) -> CartLinesAdded:
        owner = (supplier or self.shop.supplier).id
        data = [CartLineInput(supplier_id=owner, sku=s, quantity=q, **more) for s, q in lines]
        return await service.put_lines_in(
            self.shop.platform, self.caller, self.cart.id, CartLinesInput(data), fresh_key()
        )

    async def paste(self, text: str, supplier_id: UUID | None = None) -> QuickOrderView:
        data = QuickOrderInput(text, supplier_id)
        return await sources.quick_order(
            self.shop.platform, self.caller, self.cart.id, data, fresh_key()
        )

    async def read(self, caller: Caller | None = None) -> CartView:
        return await reading.read_cart(self.shop.platform, caller or self.caller, self.cart.id)

    async def order(self, version: int | None = None, **more: Any) -> OrderView:
        now = version or (await self.read()).version
        return await ordering.order_cart(
            self.shop.platform, self.caller, self.cart.id, CheckoutInput(**more), now, fresh_key()
        )


async def price_for(
    shop: Shop, unit_id: UUID, priority: int = 0, mode: str = "volume", /, **amounts: str
) -> PriceListView:
    """Publish a list of the supplier's for one organization: amounts by SKU."""
    owner = shop.supplier.caller
    data = PriceListInput(
        name=f"For {unit_id}", level="organization", currency="EUR", priority=priority
    )
    made = await price_lists.create_price_list(shop.platform, owner, data, fresh_key())
    await assigning.assign_price_list(shop.platform, owner, made.id, AssignmentInput(unit_id))
    await reprice(shop, made.id, mode, **amounts)
    return made


async def reprice(shop: Shop, list_id: UUID, mode: str = "volume", /, **amounts: str) -> None:
    """Set amounts in a list and publish it."""
    owner = shop.supplier.caller
    entries = [entry(sku, ("1", a), volume_mode=mode) for sku, a in amounts.items()]
    data = PriceEntriesInput(entries=entries)
    await price_lists.put_entries(shop.platform, owner, list_id, data)
    await publishing.publish_price_list(shop.platform, owner, list_id)
