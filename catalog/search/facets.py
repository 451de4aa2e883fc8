"""Counts of facets, with their names in the language asked for."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET

from catalog.languages.asked import Languages
from catalog.languages.tags import name_in
from catalog.search.finding import Found
from catalog.search.known import NamedAttribute, Names, read_names
from catalog.search.matching import FACET, LEAD_TIME, NUMBER, SUPPLIER
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

LEAD_TIMES: Final = (1, 3, 7, 14, 30)
"""Days within which something comes, as buyers think of it."""


async def facets_of(
    platform: Platform, caller: Caller, languages: Languages, found: Found
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
    named = await read_names(
        platform, caller, found.mark, [*categories], [*values, *numbers], [*suppliers]
    )
    return CatalogFacets(
        categories=sorted(
            (
                CategoryCount(
                    id=each.id,
                    code=each.code,
                    name=_called(each.names, each.code, languages),
                    count=categories[each.id],
                    parent_id=each.parent_id or UNSET,
                )
                for each in named.categories.values()
            ),
            key=lambda each: (-each.count, each.code),
        ),
        attributes=_attributes(named.attributes, values, numbers, languages),
        suppliers=sorted(
            (
                SupplierCount(id=each.id, name=each.name, count=suppliers[each.id])
                for each in named.suppliers.values()
            ),
            key=lambda each: (-each.count, each.name, each.id),
        ),
        lead_times=_lead_times(found.counts.get(LEAD_TIME, ())),
    )


def _called(names: Names | None, code: str, languages: Languages) -> str:
    return name_in(names, languages) if names else code


def _attributes(
    named: Mapping[str, NamedAttribute],
    values: Mapping[str, Mapping[str, int]],
    numbers: Mapping[str, Any],
    languages: Languages,
) -> list[AttributeCounts]:
    found = []
    for code, attribute in sorted(named.items()):
        name, unit = _called(attribute.names, code, languages), attribute.unit
        if code in numbers:
            count, low, high = numbers[code][4:7]
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
            options = attribute.options
            counts = [
                ValueCount(
                    value=value,
                    name=_called(options.get(value), value, languages),
                    count=count,
                )
                for value, count in values[code].items()
            ]
            counts.sort(key=lambda each: (-each.count, each.value))
            boolean = attribute.kind == "boolean"
            found.append(
                AttributeCounts(
                    code=code, name=name, kind="boolean" if boolean else "enum", values=counts
                )
            )
    return found


def _lead_times(rows: Sequence[Any]) -> list[LeadTimeCount]:
    counts = ((days, sum(row[4] for row in rows if row[2] <= days)) for days in LEAD_TIMES)
    return [LeadTimeCount(days=days, count=count) for days, count in counts if count]
