"""Which groups of a filter a hit fails, in SQL: those of documents, and those of its offers.

A document has categories, values of attributes and numbers; offers have suppliers and lead times.
A group is named by what its facet's values begin with. Offers are asked last: they cost the most.
"""

# ruff: noqa: S608 - parts of statements are put together, values never

from typing import Final

NOTHING: Final = "'{}'::text[]"
"""No group. A plan costs by how many branches it has: what no filter asks for stands in none."""
WANTED: Final = """
wanted as materialized (
    select name, array_agg(token) as tokens
    from unnest(:value_groups, :value_tokens) as given (name, token) group by name
),
"""
"""The groups of tokens; a hit passes one of which it has a token."""
# A document has one number of a code: to look for it by its place is cheaper than to join.
_WITHIN: Final = """
coalesce({source}.number_values[array_position({source}.number_codes, {code})]
         between coalesce({low}, '-infinity') and coalesce({high}, 'infinity'), false)
"""


def _outside(source: str) -> str:
    within = _WITHIN.format(source=source, code="code", low="low", high="high")
    return f"""
    from unnest(:range_codes, :lows, :highs) as range (code, low, high) where not {within}
    """


def failing_of_document(source: str) -> str:
    """Give the groups that a document fails, one of `source` with its facets and numbers."""
    return f"""
    array(select wanted.name from wanted where not tokens && {source}.facets)
    || case when cardinality(:range_codes) > 0
            then array(select 'n:' || code {_outside(source)}) end
    """


_FIRST_RANGE: Final = _WITHIN.format(
    source="d", code="(:range_codes)[1]", low="(:lows)[1]", high="(:highs)[1]"
)
MET_BY_DOCUMENT: Final = f"""
d.facets @> :required
and (cardinality(:value_groups) = 0
     or (select true from wanted where not tokens && d.facets limit 1) is null)
and (cardinality(:range_codes) = 0 or {_FIRST_RANGE})
and (cardinality(:range_codes) < 2 or (select true {_outside("d")} limit 1) is null)
"""
"""A document fails none. What most fail is asked first, and without a sub-select."""
MAY_FAIL_ONE: Final = "(cardinality(:required) < 2 or d.facets && :required)"
"""Of two tokens that a document must have, one that fails a single group has at least one."""
FAILING_OF_OFFERS: Final = """
array(
    select 'suppliers' where cardinality(:suppliers) > 0 and not s.suppliers && :suppliers
    union all
    select 'lead_time' where s.lead_time_days > :lead_time_days
        or (s.lead_time_days is null and :lead_time_days is not null)
)
"""
MET_BY_OFFERS: Final = """
(cardinality(:suppliers) = 0 or s.suppliers && :suppliers)
and (:lead_time_days is null or s.lead_time_days <= :lead_time_days)
"""
"""Offers, put together as `s`, fail none."""


def offered(product: str, seen: str, name: str = "s") -> str:
    """Put the offers that are seen of a product together; no suppliers where there are none."""
    return f"""
    lateral (
        select array_agg(distinct offers.supplier_id) as suppliers,
               min(offers.lead_time_days) as lead_time_days
        from offers where offers.product_id = {product} and {seen}
    ) {name}
    """


def is_offered(product: str, seen: str, condition: str = "true") -> str:
    """Say that an offer of a product that is seen meets a condition; looked up by the key."""
    return f"""
    (select true from offers
     where offers.product_id = {product} and {seen} and {condition} limit 1) is not null
    """
