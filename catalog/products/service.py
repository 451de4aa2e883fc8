"""Keep offers."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, cast
from uuid import UUID

from msgspec import UNSET
from sqlalchemy import Row, insert, select

from catalog.products.lifecycle import ProductState
from catalog.products.rules import (
    RESTRICTED,
    OfferRecord,
    OfferTerms,
    check_offer_terms,
    checked_gtin,
)
from catalog.products.schemas import (
    OfferInput,
    OfferView,
    Visibility,
    decimal,
    ratio,
    ratio_text,
)
from catalog.products.tables import OfferRow, ProductRow, StagedOfferRow
from catalog.products.writing import stage_offers, write_staged
from catalog.staging import unstage
from marketplace.kernel.errors import Conflict, NotFound, invalid
from marketplace.kernel.events import PUBLIC
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import CODE_CHARACTERS_MAX, NAME_CHARACTERS_MAX
from marketplace.kernel.units import check_unit, decimals_allowed
from marketplace.organizations.tables import OrganizationRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import (
    Role,
    Transaction,
    retries_conflicts,
    system_transaction,
    transaction,
)
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.http.schemas import shown_quantity

AWARD: Final = "award"

_OFFER: Final = (
    OfferRow.id,
    OfferRow.sku,
    OfferRow.name,
    OfferRow.description,
    OfferRow.unit,
    OfferRow.content_numerator,
    OfferRow.content_denominator,
    OfferRow.content_unit,
    OfferRow.minimum_quantity,
    OfferRow.multiple,
    OfferRow.maximum_quantity,
    OfferRow.lead_time_days,
    OfferRow.tax_category,
    OfferRow.audience_id,
    OfferRow.product_id,
    OfferRow.state,
    OfferRow.version,
    OfferRow.created_at,
    OfferRow.updated_at,
)


@retries_conflicts
async def put_offer(platform: Platform, caller: Caller, sku: str, data: OfferInput) -> OfferView:
    """Make or change the offer with the caller's SKU.

    Raises InvalidInput, and Conflict for an offer made by an award whose audience would change.
    """
    caller.require("catalog:write")
    record = _record(sku, data)
    audience_id = await _audience(platform, caller, data)
    async with transaction(platform, caller) as tx:
        earlier = await tx.maybe(_own_offers(caller).where(OfferRow.sku == sku).with_for_update())
        if earlier is not None and earlier.origin == AWARD and earlier.audience_id != audience_id:
            raise Conflict("This offer came of an award; it stays private to that buyer.")
        if data.product_id is not None:
            await _check_product(tx, data.product_id)
        batch_id = new_id()
        await stage_offers(
            tx,
            batch_id,
            caller.organization_id,
            [record],
            audience_id=audience_id,
            product_id=data.product_id,
        )
        written = await write_staged(tx, batch_id)
        await unstage(tx, StagedOfferRow, batch_id, None)
        view = _offer_view(await tx.one(_own_offers(caller).where(OfferRow.sku == sku)))
        if not written.unchanged:
            before = None if earlier is None else {"version": earlier.version}
            tx.record("offer.put", "offer", view.id, before=before, after={"sku": sku})
    return view


def _record(sku: str, data: OfferInput) -> OfferRecord:
    if not 1 <= len(sku) <= CODE_CHARACTERS_MAX or not sku.isprintable() or sku != sku.strip():
        raise invalid("/sku", "invalid", f"A SKU has 1 to {CODE_CHARACTERS_MAX} characters.")
    if data.maker_number is not None and data.maker is None:
        raise invalid("/maker", "missing", "A maker's number needs its maker.")
    terms = OfferTerms(
        unit=data.unit,
        content=ratio(data.content),
        content_unit=data.content_unit or data.unit,
        minimum_quantity=Decimal(data.minimum_quantity or data.multiple or 1),
        multiple=decimal(data.multiple),
        maximum_quantity=decimal(data.maximum_quantity),
        lead_time_days=data.lead_time_days,
        tax_category=data.tax_category,
    )
    check_offer_terms(terms)
    gtin = None if data.gtin is None else checked_gtin(data.gtin)
    return OfferRecord(
        1, sku, data.name, terms, data.description, data.maker, data.maker_number, gtin, data.state
    )


_AUDIENCES: Final = {"everybody": PUBLIC, "restricted": RESTRICTED, "nobody": None}
_VISIBILITIES: Final = {audience: name for name, audience in _AUDIENCES.items()}


def visibility_of(audience_id: UUID | None) -> Visibility:
    """Name the audience of an offer."""
    return cast("Visibility", _VISIBILITIES.get(audience_id, "buyer"))


async def _audience(platform: Platform, caller: Caller, data: OfferInput) -> UUID | None:
    if data.buyer_id is None:
        return _AUDIENCES[data.visibility]
    company = await company_of(platform, data.buyer_id)
    if company != data.buyer_id or company == caller.organization_id:
        raise invalid("/buyer_id", "unknown_buyer", "There is no such company to offer this to.")
    return company


async def company_of(platform: Platform, organization_id: UUID) -> UUID | None:
    """Give the company of a unit (or of itself); None where there is no such organization.

    A supplier does not see his buyers' trees; that an identifier he was given exists is all he
    learns here.
    """
    async with system_transaction(platform, Role.WORKER) as tx:
        company: UUID | None = await tx.scalar(
            select(OrganizationRow.company_id).where(OrganizationRow.id == organization_id)
        )
    return company


async def _check_product(tx: Transaction, product_id: UUID) -> None:
    state = await tx.scalar(select(ProductRow.state).where(ProductRow.id == product_id))
    if state is None or state == ProductState.DRAFT.value:
        raise invalid("/product_id", "unknown_product", "There is no such product.")


def _own_offers(caller: Caller) -> Any:
    return select(*_OFFER, OfferRow.origin).where(OfferRow.supplier_id == caller.organization_id)


async def list_offers(platform: Platform, caller: Caller, asked: PageRequest) -> Page[OfferView]:
    """List the caller's own offers by SKU."""
    caller.require("catalog:read")
    statement = _own_offers(caller).order_by(OfferRow.sku).limit(asked.fetch)
    if (after := asked.key(str)) is not None:
        statement = statement.where(OfferRow.sku > after)
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [_offer_view(row) for row in rows], lambda view: view.sku)


async def read_offer(platform: Platform, caller: Caller, sku: str) -> OfferView:
    """Read the caller's own offer with this SKU; raises NotFound."""
    caller.require("catalog:read")
    async with transaction(platform, caller) as tx:
        row = await tx.maybe(_own_offers(caller).where(OfferRow.sku == sku))
    if row is None:
        raise NotFound("There is no such offer of yours.")
    return _offer_view(row)


def _offer_view(row: Row[Any]) -> OfferView:
    visibility = visibility_of(row.audience_id)
    return OfferView(
        id=row.id,
        sku=row.sku,
        name=row.name,
        description=row.description,
        unit=row.unit,
        content=ratio_text(row.content_numerator, row.content_denominator),
        content_unit=row.content_unit,
        minimum_quantity=shown_quantity(row.minimum_quantity),
        tax_category=row.tax_category,
        visibility=visibility,
        state=row.state,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        product_id=UNSET if row.product_id is None else row.product_id,
        multiple=UNSET if row.multiple is None else shown_quantity(row.multiple),
        maximum_quantity=(
            UNSET if row.maximum_quantity is None else shown_quantity(row.maximum_quantity)
        ),
        lead_time_days=UNSET if row.lead_time_days is None else row.lead_time_days,
        buyer_id=row.audience_id if visibility == "buyer" else UNSET,
    )


async def add_private_offer(
    tx: Transaction,
    supplier_id: UUID,
    buyer_id: UUID,
    description: str,
    unit: str,
    *,
    tax_category: str = "S",
) -> str:
    """Make an offer only one buyer sees, for an awarded line that named no SKU; give its SKU.

    Joins an open transaction of that buyer or of the engine. Raises InvalidInput for an unknown
    unit.
    """
    things = [(description, unit)]
    (sku,) = await add_private_offers(tx, supplier_id, buyer_id, things, tax_category=tax_category)
    return sku


async def add_private_offers(
    tx: Transaction,
    supplier_id: UUID,
    buyer_id: UUID,
    things: Sequence[tuple[str, str]],
    *,
    tax_category: str = "S",
) -> list[str]:
    """Make offers only one buyer sees of things, each a description and a unit; give their SKUs.

    As `add_private_offer`, of any number at once.
    """
    rows = []
    for description, unit in things:
        check_unit(unit)
        offer_id = new_id()
        sku = f"AWARD-{offer_id.hex[:8]}-{offer_id.hex[-12:]}".upper()
        rows.append(
            {
                "id": offer_id,
                "supplier_id": supplier_id,
                "sku": sku,
                "name": description.strip()[:NAME_CHARACTERS_MAX] or sku,
                "description": description,
                "unit": unit,
                "content_numerator": 1,
                "content_denominator": 1,
                "content_unit": unit,
                "minimum_quantity": Decimal(1).scaleb(-decimals_allowed(unit)),
                "tax_category": tax_category,
                "audience_id": buyer_id,
                "origin": AWARD,
                "state": "active",
            }
        )
    await tx.execute(insert(OfferRow), rows)
    return [str(row["sku"]) for row in rows]
