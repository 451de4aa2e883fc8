"""What products are called in the languages of who reads of them."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import ARRAY, Text, Uuid, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from catalog.languages.asked import Languages
from catalog.products.tables import ProductTextRow
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import HotRead, hot_rows

_LANGUAGES: Final = bindparam("languages", type_=ARRAY(Text))
_TEXTS: Final = HotRead(
    select(
        ProductTextRow.product_id,
        ProductTextRow.language,
        ProductTextRow.name,
        ProductTextRow.description,
    )
    .ext(distinct_on(ProductTextRow.product_id))
    .where(
        ProductTextRow.product_id == any_(bindparam("product_ids", type_=ARRAY(Uuid))),
        ProductTextRow.language == any_(_LANGUAGES),
    )
    .order_by(ProductTextRow.product_id, func.array_position(_LANGUAGES, ProductTextRow.language))
)


class ItsText(NamedTuple):
    """What a product is called and how it is described in a language."""

    language: str
    name: str
    description: str


async def texts_of(
    platform: Platform, caller: Caller, product_ids: Sequence[UUID], languages: Languages
) -> dict[UUID, ItsText]:
    """Give the texts of products in the first of the languages each has one in."""
    if not languages or not product_ids:
        return {}
    values = {"product_ids": list(product_ids), "languages": list(languages)}
    rows = await hot_rows(platform, caller, _TEXTS, values)
    return {product_id: ItsText(*text) for product_id, *text in rows}
