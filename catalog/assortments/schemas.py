"""Assortments on the wire; all of it for the supplier alone."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType, field

from catalog.products.schemas import Visibility
from marketplace.kernel.limits import LINES_MAX
from marketplace.platform.http.schemas import Input, Name, Output, Sku

Skus = Annotated[list[Sku], Meta(max_length=LINES_MAX)]


class AssortmentInput(Input):
    """An assortment's name; buyers never read it."""

    name: Name


class AssortmentView(Output):
    """An assortment as its supplier sees it."""

    id: UUID
    name: str
    version: int
    created_at: datetime
    updated_at: datetime
    offer_count: int
    grant_count: int


class AssortmentOffersInput(Input):
    """SKUs to put in and to take out."""

    added: Skus = field(default_factory=list)
    removed: Skus = field(default_factory=list)


class AssortmentLineView(Output):
    """What became of one SKU."""

    sku: str
    outcome: Literal["added", "removed", "unchanged", "unknown_sku"]


class AssortmentOffersView(Output):
    """The outcome of each line, those to add first, in the order sent."""

    version: int
    lines: list[AssortmentLineView]


class AssortmentOfferView(Output):
    """An offer in an assortment. One that is not ``restricted`` is seen without it, or not at all.

    `created_at` is when it was put in.
    """

    sku: str
    name: str
    visibility: Visibility
    state: Literal["active", "withdrawn"]
    created_at: datetime


class GrantInput(Input):
    """To whom: a company or one unit of it with all below, or one of your segments."""

    organization_id: UUID | None = None
    segment_id: UUID | None = None


class GrantView(Output):
    """To whom an assortment is shown: an organization or a segment."""

    assortment_id: UUID
    created_at: datetime
    organization_id: UUID | UnsetType = UNSET
    segment_id: UUID | UnsetType = UNSET
