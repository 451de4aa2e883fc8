"""Send products out: for the operator all, for a supplier those he offers or proposed.

The columns are those in which products are imported: one for each language, attribute and scheme
that one of them has.
"""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import (
    Select,
    Text,
    any_,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
)

from catalog.categories.rules import Kind
from catalog.categories.service import WRITE
from catalog.categories.tables import CategoryAttributeRow, CategoryRow
from catalog.exports.streaming import pages, snapshot, written
from catalog.exports.writers import Cell, CellRow, ExportFormat, writer_of
from catalog.imports.products import several
from catalog.media.addresses import whole
from catalog.products.lifecycle import ProductState
from catalog.products.records import CODES, MEDIA, OWN_AS_TEXT, TEXTS
from catalog.products.schemas import MediaView
from catalog.products.tables import OfferRow, ProductCodeRow, ProductRow, ProductTextRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Compiled

_FIXED: Final = (
    "product_id",
    "name",
    "description",
    "maker",
    "maker_number",
    "gtin",
    "category",
    "state",
    "media",
)
_SUPPLIER: Final = bindparam("supplier_id", type_=OfferRow.supplier_id.type)
VALUES: Final = msgspec.json.Decoder(dict[str, str | bool])
DEFINED: Final = msgspec.json.Decoder(dict[str, str])


def defined(column: Any) -> Any:
    """Select what a column says of each attribute of a product's category, by code, as JSON."""
    found = (
        select(func.jsonb_object_agg(CategoryAttributeRow.code, column))
        .where(CategoryAttributeRow.category_id == any_(CategoryRow.path), column.is_not(None))
        .scalar_subquery()
    )
    return cast(func.coalesce(cast(found, Text), literal_column("'{}'", Text)), Text)


def _offered() -> Any:
    own = exists().where(OfferRow.product_id == ProductRow.id, OfferRow.supplier_id == _SUPPLIER)
    draft = literal_column(f"'{ProductState.DRAFT.value}'", Text)
    return or_(ProductRow.proposed_by == _SUPPLIER, own) & (ProductRow.state != draft)


def _products(whose: Any) -> Select[*tuple[Any, ...]]:
    return (
        select(
            ProductRow.id,
            ProductRow.name,
            ProductRow.description,
            ProductRow.maker,
            ProductRow.maker_number,
            ProductRow.gtin,
            CategoryRow.code,
            ProductRow.state,
            cast(ProductRow.attributes, Text),
            defined(CategoryAttributeRow.kind),
            *OWN_AS_TEXT,
        )
        .select_from(ProductRow)
        .outerjoin(CategoryRow, CategoryRow.id == ProductRow.category_id)
        .where(ProductRow.merged_into.is_(None), whose)
        .order_by(ProductRow.id)
    )


class _Statements:
    """The products of one kind of reader, and what tells the columns they need."""

    def __init__(self, whose: Any) -> None:
        self.rows = Compiled(_products(whose))
        languages = select(ProductTextRow.language).join(
            ProductRow, ProductRow.id == ProductTextRow.product_id
        )
        schemes = select(ProductCodeRow.scheme, ProductCodeRow.version).join(
            ProductRow, ProductRow.id == ProductCodeRow.product_id
        )
        codes = select(func.jsonb_object_keys(ProductRow.attributes))
        self.columns = tuple(
            Compiled(each.where(whose).distinct()) for each in (languages, codes, schemes)
        )


_ALL: Final = _Statements(true())
_OFFERED: Final = _Statements(_offered())


async def export_products(
    platform: Platform, caller: Caller, chosen: ExportFormat
) -> AsyncIterator[bytes]:
    """Give products in the columns in which they are imported."""
    caller.require("catalog:read")
    keeper = caller.may(WRITE)
    statements = _ALL if keeper else _OFFERED
    given = {} if keeper else {"supplier_id": caller.organization_id}
    async with snapshot(platform, caller) as connection:
        told = [
            sorted(map(tuple, await connection.fetch(each.sql, *each.arguments(**given))))
            for each in statements.columns
        ]
        public_url = platform.settings.public_url
        columns = _Columns(*told, keeper=keeper, public_url=public_url)
        found = pages(connection, statements.rows, **given)
        async for piece in written(writer_of(chosen, columns.names), found, columns.row):
            yield piece


class _Columns:
    """The columns of one file, and the row that a product is in them."""

    def __init__(
        self, languages: Any, attributes: Any, schemes: Any, *, keeper: bool, public_url: str
    ) -> None:
        self._keeper = keeper
        self._public_url = public_url
        families = [
            *(f"{name}.{row[0]}" for row in languages for name in _TEXT_FIELDS),
            *(f"attribute.{row[0]}" for row in attributes),
            *(_code_column(row[0], row[1]) for row in schemes),
        ]
        self.names = (*_FIXED, *families)
        self._places = {name: place for place, name in enumerate(self.names)}

    def row(self, product: Any) -> CellRow:
        """Give the row of a product."""
        values, kinds, texts, codes, media = product[8:]
        row: list[Cell] = [None] * len(self.names)
        row[: len(_FIXED)] = (
            str(product[0]),
            *product[1:7],
            # What state a product is in is the operator's to say, so a supplier need not.
            product[7] if self._keeper else None,
            media_field(MEDIA.decode(media), self._public_url),
        )
        for text in TEXTS.decode(texts):
            told = (text.name, text.description or None, several(text.keywords) or None)
            for name, field in zip(_TEXT_FIELDS, told, strict=True):
                row[self._places[f"{name}.{text.language}"]] = field
        known = DEFINED.decode(kinds)
        for code, value in VALUES.decode(values).items():
            row[self._places[f"attribute.{code}"]] = _value(value, known.get(code))
        for each in CODES.decode(codes):
            row[self._places[_code_column(each.scheme, each.version)]] = each.code
        return row


_TEXT_FIELDS: Final = ("name", "description", "keywords")


def _code_column(scheme: str, version: str) -> str:
    return f"code.{scheme}@{version}" if version else f"code.{scheme}"


def _value(value: str | bool, kind: str | None) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    return Decimal(value) if kind == Kind.NUMBER.value else value


def media_field(media: list[MediaView], public_url: str) -> str | None:
    """Give pictures and papers as the one field that is read as them."""
    fields = (f"{each.kind} {whole(each.url, public_url)} {each.title}" for each in media)
    return several([field.strip() for field in fields]) or None
