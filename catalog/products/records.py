"""The row of a product: locked, changed, and what of that is told to whom."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Row, Text, cast, literal_column, select, update
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from catalog.media.addresses import MEDIA_PATH
from catalog.products.schemas import ClassCodeView, MediaView, TextView
from catalog.products.tables import OfferRow, ProductRow
from marketplace.kernel.errors import NotFound, StaleVersion
from marketplace.kernel.events import Event
from marketplace.platform.database import Role, Transaction

PRODUCT: Final = (
    ProductRow.id,
    ProductRow.name,
    ProductRow.description,
    ProductRow.maker,
    ProductRow.maker_number,
    ProductRow.gtin,
    ProductRow.state,
    ProductRow.proposed_by,
    ProductRow.category_id,
    ProductRow.attributes,
    ProductRow.replacement_id,
    ProductRow.merged_into,
    ProductRow.version,
    ProductRow.created_at,
)


_PARTS: Final = {
    "texts": "'language', language, 'name', name, 'description', description, 'keywords', keywords",
    "codes": "'scheme', scheme, 'code', code, 'version', version",
    "media": (
        f"'kind', kind, 'url', coalesce(url, '{MEDIA_PATH}' || medium_id), 'title', title, "
        "'media_type', media_type, 'size_bytes', size_bytes, 'sha256', encode(digest, 'hex')"
    ),
}
_FROM: Final = {"media": "product_media left join media on media.id = medium_id"}
_PLACES: Final = {"texts": "language", "codes": "scheme, version", "media": "position"}
OWN: Final = tuple(
    literal_column(
        # What only uploads have is null of links, and left out.
        f"(select coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object({parts})) "  # noqa: S608
        f"order by {_PLACES[name]}), '[]') "
        f"from {_FROM.get(name, f'product_{name}')} where product_id = products.id)",
        JSONB,
    ).label(name)
    for name, parts in _PARTS.items()
)
"""What products have in tables of their own: texts, codes and media as JSON."""
OWN_AS_TEXT: Final = tuple(cast(each, Text).label(each.name) for each in OWN)
"""The same as JSON that is not read yet; `TEXTS`, `CODES` and `MEDIA` read it."""
TEXTS: Final = msgspec.json.Decoder(list[TextView])
CODES: Final = msgspec.json.Decoder(list[ClassCodeView])
MEDIA: Final = msgspec.json.Decoder(list[MediaView])


async def locked(
    tx: Transaction, product_id: UUID, version: int, *, alone: bool = False
) -> Row[Any]:
    """Read and lock a product; raises NotFound, and StaleVersion for another version of it.

    `alone` makes new offers and relations of it wait as well.
    """
    statement = select(*PRODUCT).where(ProductRow.id == product_id)
    row = await tx.maybe(statement.with_for_update(key_share=not alone))
    if row is None:
        raise NotFound("There is no such product.")
    if row.version != version:
        raise StaleVersion(f"The present version is {row.version}; read it again.")
    return row


async def set_product(tx: Transaction, product_id: UUID, values: Mapping[str, Any]) -> Row[Any]:
    """Change columns of a product, and its version; give the row."""
    return await tx.one(
        update(ProductRow)
        .where(ProductRow.id == product_id)
        .values(version=ProductRow.version + 1, **values)
        .returning(*PRODUCT)
    )


def facts(row: Row[Any]) -> dict[str, object]:
    """Give what the audit trail holds of a product."""
    return {"name": row.name, "gtin": row.gtin, "state": row.state, "version": row.version}


@asynccontextmanager
async def as_engine(tx: Transaction) -> AsyncIterator[None]:
    """Look over all suppliers' offers inside of a transaction of the operator."""
    role = await tx.scalar(sql("select current_setting('role')"))
    await tx.execute(sql(f"set local role {Role.ENGINE.value}"))
    yield
    await tx.execute(sql(f"set local role {role}"))


async def tell(
    tx: Transaction,
    kind: str,
    before: Row[Any],
    after: Row[Any],
    payload: Mapping[str, object] | None = None,
) -> None:
    """Write a change of a product to the audit trail, and tell those who sell it.

    Buyers are not told: whether a product exists for one is for its offers to say.
    """
    async with as_engine(tx):
        rows = await tx.all(
            select(OfferRow.supplier_id).where(OfferRow.product_id == after.id).distinct()
        )
    audience = {before.proposed_by, *(row.supplier_id for row in rows)}
    if tx.caller is not None:
        audience.add(tx.caller.organization_id)
    told = {"state": after.state, **(payload or {})}
    tx.emit(Event(kind, "product", after.id, after.version, frozenset(audience), told))
    tx.record(kind, "product", after.id, before=facts(before), after={**facts(after), **told})
