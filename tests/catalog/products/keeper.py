"""The operator and his products, for the tests of products."""

from uuid import UUID

from catalog.categories import service as categories
from catalog.categories.schemas import AttributeInput, CategoryInput, NameInput
from catalog.products import keeping, reading, replacing
from catalog.products.schemas import (
    AcceptInput,
    DiscontinueInput,
    MergeInput,
    ProductContent,
    ProductInput,
    ProductView,
)
from marketplace.platform.caller import Caller
from tests.catalog.parties import Market, key


class Shelf:
    """The operator and his products on a market."""

    def __init__(self, market: Market, operator: Caller) -> None:
        self.market = market
        self.platform = market.platform
        self.operator = operator

    async def category(self) -> UUID:
        names = [NameInput(language="en", name="Bearings")]
        bore = AttributeInput(code="bore", kind="number", names=names, unit="MMT", required=True)
        data = CategoryInput(names=names, attributes=[bore])
        made = await categories.put_category(self.platform, self.operator, "bearings", data)
        return made.id

    async def make(self, name: str = "Thing", **content: object) -> ProductView:
        data = ProductInput(**{"name": name, **content})  # type: ignore[arg-type]
        return await keeping.create_product(self.platform, self.operator, data, key())

    async def proposed(self, sku: str, who: Caller | None = None, **terms: object) -> ProductView:
        offer = await self.market.offer(sku, who, **terms)
        assert isinstance(offer.product_id, UUID)
        return await self.read(offer.product_id)

    async def read(self, product_id: UUID, who: Caller | None = None) -> ProductView:
        return await reading.read_product(self.platform, who or self.operator, product_id)

    async def change(self, product: ProductView, **content: object) -> ProductView:
        data = ProductContent(**{"name": product.name, **content})  # type: ignore[arg-type]
        return await keeping.change_product(
            self.platform, self.operator, product.id, product.version, data
        )

    async def accept(self, product: ProductView, data: AcceptInput | None = None) -> ProductView:
        return await keeping.accept_product(
            self.platform, self.operator, product.id, product.version, data or AcceptInput()
        )

    async def discontinue(
        self, product: ProductView, replacement: ProductView | None = None
    ) -> ProductView:
        data = DiscontinueInput(replacement_id=replacement.id if replacement else None)
        return await replacing.discontinue_product(
            self.platform, self.operator, product.id, product.version, data
        )

    async def merge(self, product: ProductView, target: ProductView) -> int:
        merged = await replacing.merge_product(
            self.platform,
            self.operator,
            product.id,
            product.version,
            MergeInput(product_id=target.id),
        )
        return merged.offers_moved
