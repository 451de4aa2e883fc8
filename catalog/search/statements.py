"""The statements of a search: one finds the hits, a page of them, and the counts of facets.

A filter has groups (the categories, an attribute, the suppliers, the lead time); a hit passes if it
passes each. A facet is counted over what passes all groups but its own, so that a second value can
be chosen.

No more than so many hits are counted, the first in order, those before all that pass the filter: a
count is then of that many and more. A page never ends there: what lies behind is found by a
statement of its own, which counts nothing.
"""

# ruff: noqa: S608 - parts of statements are put together, values never

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Final
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Boolean, Integer, Numeric, Text, Uuid, bindparam

from catalog.price_lists.arrays import array, quoted
from catalog.search.groups import (
    FAILING_OF_OFFERS,
    NOTHING,
    WANTED,
    failing_of_document,
    offered,
)
from catalog.search.in_order import Shape, hits_in_order, rest_in_order
from catalog.search.matching import OPEN, VISIBLE, Filters, matched_by_text, statement_of
from catalog.search.rules import Group
from marketplace.kernel.limits import SEARCH_DRIVEN_MAX, SEARCH_FEW_HITS
from marketplace.platform.database import HotRead

_IN_ORDER: Final = "rank, name, id"
_ALL: Final = 2**62
"""More than there is of anything."""
_BEHIND: Final = "(rank, name, id) > (:after_rank, :after_name, :after_id)"


def _ranked(shape: Shape, *, whole: bool = True) -> str:
    """Give all that matches a text, with its rank; not `whole`, no more of it than is asked for."""
    failing = failing_of_document("matched") if shape.by_documents else NOTHING
    chosen = "where coalesce(product_id, offer_id) = any (:priced)" if shape.priced else ""
    return f"""
    {WANTED if shape.by_documents else ""}
    ranked as {"" if whole else "not "}materialized (
        select coalesce(product_id, offer_id) as id, product_id,
               (case when :by_name then 0 else -rank end) as rank, name collate "C" as name,
               language, facets, number_codes, number_values, own_suppliers, own_lead_time,
               {failing} as failing
        from matched {chosen}
    )
    """


def _offered(seen: str, *, by_offers: bool) -> str:
    """Join hits to their offers, put together as `s`, and to all groups they fail."""
    return f"""
    {offered("r.product_id", seen, "o")}, lateral (
        select coalesce(r.own_suppliers, o.suppliers) as suppliers,
               coalesce(r.own_lead_time, o.lead_time_days) as lead_time_days
    ) s, lateral (
        select r.failing {f"|| {FAILING_OF_OFFERS}" if by_offers else ""} as failing
    ) f
    """


def _hits_of_text(shape: Shape, seen: str) -> str:
    return f"""
    {_ranked(shape)},
    hits as materialized (
        select r.id, r.rank, r.name, r.language, r.facets, r.number_codes, r.number_values,
               s.suppliers, s.lead_time_days, f.failing
        from (
            select *, cardinality(failing) as failed from ranked
            where cardinality(failing) <= {1 if shape.near else 0}
            order by failed, {_IN_ORDER}
        ) r, {_offered(seen, by_offers=shape.by_offers)}
        where s.suppliers is not null
        order by failed, r.rank, r.name, r.id limit :counted + 1
    )
    """


def _page(shape: Shape, seen: str) -> str:
    """Give the hits of the page, how many there are, and the mark of the catalog.

    How many match, whatever the filter says, is asked for no more than tells few from many, and of
    a text alone: without one nothing else could have been meant.
    """
    matching = f"least(count(*), {SEARCH_FEW_HITS})"
    if shape.with_text and shape.narrowed:
        matching = f"""(
            select count(*) from (
                select from ranked r, {_offered(seen, by_offers=False)}
                where s.suppliers is not null limit {SEARCH_FEW_HITS}
            ) as few
        )"""
    passing = "count(*) filter (where cardinality(failing) = 0)"
    return f"""
    (select 'hit' as kind, id, rank, name as word, cardinality(failing)::bigint as count,
            null::numeric as low, null::numeric as high, language, null::timestamptz as at
     from hits
     where cardinality(failing) <= :failing_max and {_BEHIND}
     order by cardinality(failing), {_IN_ORDER} limit :fetch)
    union all
    select 'found', null, {_looked_at(shape, passing)}::integer, '', {passing},
           {matching}, (select {_CHANGES}), null, (select clock())
    from hits
    """


def _looked_at(shape: Shape, passing: str) -> str:
    """Say how many were looked at: where it is more than are counted, there may be more.

    In the order of names what passes and what almost does are each read up to the bound.
    """
    return "count(*)" if shape.with_text else f"greatest({passing}, count(*) - {passing})"


_CHANGES: Final = "coalesce(sum(changes), 0) from catalog_changes"


def _counts(shape: Shape) -> str:
    """Count the values of each facet: of hits that pass, and that fail none but the facet's group.

    What is unnested among what is selected is not stored first.
    """
    facet = "failing = '{}' or (cardinality(failing) = 1 and starts_with(facet, failing[1]))"
    code = "failing <@ array['n:' || code]"
    suppliers = "failing <@ array['suppliers']"
    lead_time = "failing <@ array['lead_time']"
    if not shape.narrowed:
        facet = code = suppliers = lead_time = "true"
    return f"""
    union all
    select 'facet', null, null, facet, count(*), null, null, null, null
    from (select unnest(facets) as facet, failing from hits) as counted
    where {facet} group by facet
    union all
    select 'number', null, null, code, count(*), min(value), max(value), null, null
    from (select unnest(number_codes) as code, unnest(number_values) as value, failing from hits)
        as counted
    where {code} group by code
    union all
    select 'supplier', supplier_id, null, null, count(*), null, null, null, null
    from (select unnest(suppliers) as supplier_id from hits where {suppliers}) as counted
    group by supplier_id
    union all
    select 'lead_time', null, lead_time_days, null, count(*), null, null, null, null
    from hits where lead_time_days is not null and {lead_time} group by lead_time_days
    """


def _rest_of_text(shape: Shape, seen: str) -> str:
    return f"""
    with {matched_by_text(seen)}, {_ranked(shape)}
    select 'hit' as kind, r.id, r.rank, r.name as word, 0::bigint as count,
           null::numeric as low, null::numeric as high, r.language
    from (
        select * from ranked where cardinality(failing) = 0 and {_BEHIND} order by {_IN_ORDER}
    ) r, {_offered(seen, by_offers=shape.by_offers)}
    where s.suppliers is not null and cardinality(f.failing) = 0
    order by r.rank, r.name, r.id limit :fetch
    """


_PARAMETERS: Final = (
    bindparam("scopes", type_=ARRAY(Uuid)),
    bindparam("languages", type_=ARRAY(Text)),
    bindparam("categories", type_=ARRAY(Text)),
    bindparam("required", type_=ARRAY(Text)),
    bindparam("driven", type_=Integer),
    bindparam("walked", type_=BigInteger),
    bindparam("value_groups", type_=ARRAY(Text)),
    bindparam("value_tokens", type_=ARRAY(Text)),
    bindparam("range_codes", type_=ARRAY(Text)),
    bindparam("lows", type_=ARRAY(Numeric)),
    bindparam("highs", type_=ARRAY(Numeric)),
    bindparam("suppliers", type_=ARRAY(Uuid)),
    bindparam("lead_time_days", type_=Integer),
    bindparam("priced", type_=ARRAY(Uuid)),
    bindparam("by_name", type_=Boolean),
    bindparam("after_rank", type_=Integer),
    bindparam("after_name", type_=Text),
    bindparam("after_id", type_=Uuid),
    bindparam("fetch", type_=Integer),
    bindparam("counted", type_=Integer),
    bindparam("failing_max", type_=Integer),
    bindparam("code", type_=Text),
    # Arrays written as texts: see `catalog.price_lists.arrays`.
    bindparam("places", type_=Text),
    bindparam("kinds", type_=Text),
    bindparam("terms", type_=Text),
    bindparam("exacts", type_=Text),
)


def _asking(sql: str) -> HotRead:
    """Compile SQL with those of the parameters that it has."""
    own = (each for each in _PARAMETERS if re.search(rf":{each.key}\b", sql))
    return statement_of(sql, *own)


@cache
def search_of(shape: Shape, *, is_open: bool = False) -> HotRead:
    """Give the statement of a search; of what is open, for who sees no more."""
    seen = OPEN if is_open else VISIBLE
    hits = hits_in_order(shape, seen)
    if shape.with_text:
        hits = f"{matched_by_text(seen)}, {_hits_of_text(shape, seen)}"
    counts = _counts(shape) if shape.facets else ""
    return _asking(f"with {hits} {_page(shape, seen)} {counts}")


@cache
def rest_of(shape: Shape) -> HotRead:
    """Give the statement for pages behind what is counted."""
    return _asking((_rest_of_text if shape.with_text else rest_in_order)(shape, VISIBLE))


@cache
def first_of(shape: Shape) -> HotRead:
    """Give the statement that tells whether a text finds anything; nothing is put in order."""
    return _asking(f"""
    with {matched_by_text(VISIBLE)}, {_ranked(shape, whole=False)}
    select 1 from ranked r, {_offered(VISIBLE, by_offers=shape.by_offers)}
    where cardinality(r.failing) = 0 and s.suppliers is not null and cardinality(f.failing) = 0
    limit 1
    """)


def values_of(
    code: str,
    groups: Sequence[Group],
    filters: Filters,
    languages: Sequence[str],
    *,
    facets: bool,
    priced: Sequence[UUID] | None = None,
) -> Mapping[str, object]:
    """Give the parameters that say what is looked for; `priced` are those in a range of prices."""
    categories = [f"c:{category}" for category in filters.categories]
    terms = [(place, term) for place, group in enumerate(groups) for term in group]
    return {
        "code": code,
        "languages": list(languages),
        "places": array([str(place) for place, _ in terms]),
        "kinds": array([term.kind for _, term in terms]),
        "terms": array([quoted(term.text) for _, term in terms]),
        "exacts": array(["t" if term.exact else "f" for _, term in terms]),
        "categories": [] if facets else categories,
        "required": _required(filters),
        "value_groups": ["c:" for _ in categories] + [f"a:{code}=" for code, _ in filters.values],
        "value_tokens": categories + [f"a:{code}={value}" for code, value in filters.values],
        "range_codes": [code for code, _ in filters.ranges],
        "lows": [each.low for _, each in filters.ranges],
        "highs": [each.high for _, each in filters.ranges],
        "suppliers": list(filters.suppliers),
        "lead_time_days": filters.lead_time_days,
        "driven": SEARCH_DRIVEN_MAX,
        "walked": _ALL,
        "priced": list(priced or ()),
    }


def _required(filters: Filters) -> list[str]:
    """Give the tokens that whatever passes must have: of groups that ask for one value alone."""
    codes = [code for code, _ in filters.values]
    tokens = [f"a:{code}={value}" for code, value in filters.values if codes.count(code) == 1]
    return tokens + [f"c:{each}" for each in filters.categories if len(filters.categories) == 1]
