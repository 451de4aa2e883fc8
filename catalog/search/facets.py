"""Counts of facets, with their names in the language asked for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import ARRAY, Text, Uuid, bindparam

from catalog.languages import LAST_RESORT
from catalog.search.finding import Found
from catalog.search.matching import FACET, LEAD_TIME, NUMBER, SUPPLIER, statement_of
from catalog.search.schemas import (
    AttributeCounts,
    CatalogFacets,
    CategoryCount,
    LeadTimeCount,
    SupplierCount,
    ValueCount,
)
from marketplace.kernel.canonical import plain_decimal
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import hot_rows

LEAD_TIMES: Final = (1, 3, 7, 14, 30)
"""Days within which something comes, as buyers think of it."""

_NAMES: Final = statement_of(
    """
    select 'category' as kind, id, code, search_name(names, :language) as name, parent_id,
           null as attribute_kind, null as unit, null as options
    from categories where id = any (:categories)
    union all
    select 'attribute', null, code, search_name(names, :language), null, kind, unit,
           (select jsonb_object_agg(option ->> 'code', search_name(option -> 'names', :language))
            from jsonb_array_elements(options) as option)::text
    from (
        select distinct on (code) code, names, kind, unit, options from category_attributes
        where code = any (:attributes) order by code, category_id
    ) as attribute
    union all
    select 'supplier', id, '', name, null, null, null, null
    from organizations where id = any (:supplier_ids)
    """,
    bindparam("language", type_=Text),
    bindparam("categories", type_=ARRAY(Uuid)),
    bindparam("attributes", type_=ARRAY(Text)),
    bindparam("supplier_ids", type_=ARRAY(Uuid)),
)


async def facets_of(
    platform: Platform, caller: Caller, language: str, found: Found
) -> CatalogFacets:
    """Name what was counted; the largest counts first."""
    categories: dict[UUID, int] = {}
    values: dict[str, dict[str, int]] = defaultdict(dict)
    for row in found.counts.get(FACET, ()):
        kind, _, token = row[3].partition(":")
        if kind == "c":
            categories[UUID(token)] = row[4]
        else:
            code, _, value = token.partition("=")
            values[code][value] = row[4]
    numbers = {row[3]: row for row in found.counts.get(NUMBER, ())}
    suppliers = {row[1]: row[4] for row in found.counts.get(SUPPLIER, ())}
    asked = {
        "language": language or LAST_RESORT,
        "categories": list(categories),
        "attributes": [*values, *numbers],
        "supplier_ids": list(suppliers),
    }
    named: dict[str, list[Any]] = defaultdict(list)
    for row in await hot_rows(platform, caller, _NAMES, asked):
        named[row[0]].append(row)
    return CatalogFacets(
        categories=sorted(
            (
                CategoryCount(
                    id=row[1],
                    code=row[2],
                    name=row[3] or row[2],
                    count=categories[row[1]],
                    parent_id=row[4] or UNSET,
                )
                for row in named["category"]
            ),
            key=lambda each: (-each.count, each.code),
        ),
        attributes=_attributes(named["attribute"], values, numbers),
        suppliers=sorted(
            (
                SupplierCount(id=row[1], name=row[3], count=suppliers[row[1]])
                for row in named["supplier"]
            ),
            key=lambda each: (-each.count, each.name, each.id),
        ),
        lead_times=_lead_times(found.counts.get(LEAD_TIME, ())),
    )


def _attributes(
    named: Sequence[Any], values: Mapping[str, Mapping[str, int]], numbers: Mapping[str, Any]
) -> list[AttributeCounts]:
    found = []
    for row in sorted(named, key=lambda row: row[2]):
        code, name, kind, unit = row[2], row[3] or row[2], row[5], row[6]
        if code in numbers:
            _, _, _, _, count, low, high = numbers[code]
            found.append(
                AttributeCounts(
                    code=code,
                    name=name,
                    kind="number",
                    unit=unit or UNSET,
                    low=plain_decimal(low),
                    high=plain_decimal(high),
                    count=count,
                )
            )
        if code in values:
            names = msgspec.json.decode(row[7], type=dict[str, str | None]) if row[7] else {}
            counts = [
                ValueCount(value=value, name=names.get(value) or value, count=count)
                for value, count in values[code].items()
            ]
            counts.sort(key=lambda each: (-each.count, each.value))
            boolean = kind == "boolean"
            found.append(
                AttributeCounts(
                    code=code, name=name, kind="boolean" if boolean else "enum", values=counts
                )
            )
    return found


def _lead_times(rows: Sequence[Any]) -> list[LeadTimeCount]:
    counts = ((days, sum(row[4] for row in rows if row[2] <= days)) for days in LEAD_TIMES)
    return [LeadTimeCount(days=days, count=count) for days, count in counts if count]
