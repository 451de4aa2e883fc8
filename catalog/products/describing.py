"""What is told of a product: checked as a whole, and written to its row and its own tables."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, delete, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from catalog.categories.rules import Attributes, Given, checked_values, refuse
from catalog.media.addresses import medium_at
from catalog.media.forgetting import remind
from catalog.products.content import (
    ClassCode,
    check_media_addresses,
    checked_codes,
    checked_languages,
)
from catalog.products.rules import checked_gtin
from catalog.products.rules import maker_key as key_of
from catalog.products.schemas import MediaInput, ProductContent
from catalog.products.tables import ProductCodeRow, ProductMediaRow, ProductTextRow
from marketplace.kernel.errors import Conflict, FieldError, InvalidInput
from marketplace.platform.database import Transaction, constraint_of

T = TypeVar("T")


class Content(msgspec.Struct, frozen=True):
    """A product's content, checked: the columns of its row, and rows of its own tables."""

    columns: dict[str, Any]
    texts: list[dict[str, Any]]
    codes: list[dict[str, Any]]
    media: list[dict[str, Any]]


def checked_content(data: ProductContent, attributes: Attributes, *, complete: bool) -> Content:
    """Check all that is told of a product; raises InvalidInput with everything that is wrong."""
    wrong = Gathered()
    gtin = wrong.unless(lambda: None if data.gtin is None else checked_gtin(data.gtin))
    if data.maker_number is not None and data.maker is None:
        wrong.errors.append(FieldError("/maker", "missing", "A maker's number needs its maker."))
    given = [Given(each.code, each.value, each.unit) for each in data.attributes]
    values = wrong.unless(lambda: checked_values(attributes, given, complete=complete))
    languages = wrong.unless(lambda: checked_languages([each.language for each in data.texts]))
    classes = [ClassCode(each.scheme, each.code, each.version) for each in data.codes]
    codes = wrong.unless(lambda: checked_codes(classes))
    wrong.unless(lambda: check_media_addresses([each.url for each in data.media]))
    refuse(wrong.errors)
    columns = {
        "name": data.name,
        "description": data.description,
        "maker": data.maker,
        "maker_number": data.maker_number,
        "maker_key": None if data.maker is None else key_of(data.maker),
        "maker_number_key": None if data.maker_number is None else key_of(data.maker_number),
        "gtin": gtin,
        "category_id": data.category_id,
        "attributes": values or {},
    }
    return Content(
        columns,
        [
            {
                "language": language,
                "name": each.name,
                "description": each.description,
                "keywords": each.keywords,
            }
            for language, each in zip(languages or [], data.texts, strict=True)
        ],
        [
            {"scheme": each.scheme, "version": each.version, "code": each.code}
            for each in codes or []
        ],
        media_rows(data.media),
    )


def media_rows(media: Sequence[MediaInput]) -> list[dict[str, Any]]:
    """Give media as the rows they are kept in, each a link or one that was uploaded."""
    rows: list[dict[str, Any]] = []
    for place, each in enumerate(media):
        medium_id = medium_at(each.url)
        uploaded = {"url": None, "medium_id": str(medium_id)}
        row = {"url": each.url, "medium_id": None} if medium_id is None else uploaded
        rows.append({"position": place, "kind": each.kind, "title": each.title, **row})
    return rows


class Gathered:
    """Gathers what several rules find wrong, so that it is told at once."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def unless(self, rule: Callable[[], T]) -> T | None:
        """Give what a rule gives; None where it refuses."""
        try:
            return rule()
        except InvalidInput as error:
            self.errors += error.errors
            return None


_OWN_ROWS: Final = (
    (ProductTextRow, "texts"),
    (ProductCodeRow, "codes"),
    (ProductMediaRow, "media"),
)


def _inserting(table: str) -> Any:
    return text(
        f"insert into {table} select * from "  # noqa: S608 - names of our own tables
        f"jsonb_populate_recordset(null::{table}, :rows)"
    ).bindparams(bindparam("rows", type_=JSONB))


_INSERTS: Final = {name: _inserting(table.__tablename__) for table, name in _OWN_ROWS}


async def write_contents(
    tx: Transaction, contents: Mapping[UUID, Content], *, new: bool = False
) -> None:
    """Set the texts, codes and media of products; `new` ones have none yet.

    The number of statements does not grow with the products.
    """
    for table, name in _OWN_ROWS:
        if not new:
            gone = delete(table).where(table.product_id.in_(list(contents)))
            if table is ProductMediaRow:
                taken_out = await tx.all(gone.returning(ProductMediaRow.medium_id))
                await remind(tx, {row.medium_id for row in taken_out} - {None})
            else:
                await tx.execute(gone)
        rows = [
            {"product_id": product_id, **row}
            for product_id, content in contents.items()
            for row in getattr(content, name)
        ]
        if rows:
            await tx.execute(_INSERTS[name], {"rows": rows})


def taken(error: IntegrityError) -> Exception:
    """Say which number of a product is another one's already, or which medium is gone."""
    known = {
        "uq_products_gtin": "There is a product with this GTIN already.",
        "uq_products_maker": "There is a product with this maker's number already.",
        "fk_product_media_medium_id_media": "A medium named here was deleted meanwhile.",
    }
    detail = known.get(constraint_of(error) or "")
    return Conflict(detail) if detail else error
