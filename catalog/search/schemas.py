"""The catalog as a buyer reads it."""

from typing import Literal
from uuid import UUID

from msgspec import UNSET, UnsetType

from catalog.price_lists.schemas import NoPriceView, PriceView
from marketplace.platform.http.schemas import Output


class CatalogOffer(Output):
    """One supplier's offer with your own price, at the smallest quantity you can buy.

    `private` offers are seen by you and the supplier alone.
    """

    id: UUID
    supplier_id: UUID
    supplier_name: str
    sku: str
    name: str
    unit: str
    content: str
    content_unit: str
    minimum_quantity: str
    private: bool
    price: PriceView | UnsetType = UNSET
    no_price: NoPriceView | UnsetType = UNSET
    multiple: str | UnsetType = UNSET
    maximum_quantity: str | UnsetType = UNSET
    lead_time_days: int | UnsetType = UNSET


class CatalogItem(Output):
    """A product with its offers, the cheapest first; or an offer made for you alone.

    A page shows the first of `offer_count` offers. Where one item is asked for, all of them stand
    side by side, and its `description` is told.
    """

    id: UUID
    kind: Literal["product", "private_offer"]
    name: str
    offer_count: int
    offers: list[CatalogOffer]
    description: str | UnsetType = UNSET
    maker: str | UnsetType = UNSET
    maker_number: str | UnsetType = UNSET
    gtin: str | UnsetType = UNSET
