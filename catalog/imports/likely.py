"""Which of one's own SKUs is meant by one that is written otherwise."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import ARRAY, Text, bindparam, text

from catalog.price_lists.rules import UNKNOWN_SKU
from catalog.row_error import RowError
from marketplace.kernel.limits import IMPORT_ROW_ERRORS_MAX
from marketplace.platform.database import Transaction

_LIKELY: Final = text("""
select given.sku, min(o.sku) as known
from unnest(:skus) as given (sku)
join offers o on o.supplier_id = (select app_org()) and o.sku_key = search_code(given.sku)
group by given.sku
""").bindparams(bindparam("skus", type_=ARRAY(Text)))


async def with_likely_skus(tx: Transaction, errors: Sequence[RowError]) -> list[RowError]:
    """Say beside an unknown SKU which own one differs from it by case and punctuation alone.

    Of the first errors, which are those that are kept.
    """
    unknown = [e.value for e in errors[:IMPORT_ROW_ERRORS_MAX] if e.code == UNKNOWN_SKU]
    if not unknown:
        return list(errors)
    rows = await tx.all(_LIKELY, {"skus": sorted(set(unknown))})
    likely = {row.sku: row.known for row in rows}
    return [_told(error, likely.get(error.value)) for error in errors]


def _told(error: RowError, known: str | None) -> RowError:
    if known is None or error.code != UNKNOWN_SKU:
        return error
    detail = f"You have no offer with this SKU; you have {known!r}."
    return msgspec.structs.replace(error, detail=detail)
