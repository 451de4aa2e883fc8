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
    """A product with its offers, the cheapest line first; or an offer made for you alone.

    Its `description` is told where one item is asked for.
    """

    id: UUID
    kind: Literal["product", "private_offer"]
    name: str
    offers: list[CatalogOffer]
    description: str | UnsetType = UNSET
    maker: str | UnsetType = UNSET
    maker_number: str | UnsetType = UNSET
    gtin: str | UnsetType = UNSET
