"""What a search finds of what its caller may see, in which order, and how many there are of what.

One statement finds the hits, a page of them, and the counts of facets. A hit is a product with an
offer the caller may see, or an offer made for him alone: what he may not see is left out before
anything is ordered, counted or cut off. There is no share of the whole in a rank, such as how rare
a word is: it would tell of what is hidden.

Most callers see no more than what is open to everybody. Of those of whom that is known, under the
mark of the catalog that the statement tells too, only open offers are asked: none of them stands by
itself, and what makes a restricted one visible need not be looked at.

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
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Boolean, ColumnElement, Integer, Numeric, Text, Uuid, bindparam, text
from sqlalchemy import select as select_
from sqlalchemy.dialects import postgresql

from catalog.price_lists.arrays import array, quoted
from catalog.price_lists.visibility import open_offer, visible_by_itself, visible_offer
from catalog.products.tables import OfferRow
from catalog.search.rules import Group
from marketplace.kernel.limits import SEARCH_FEW_HITS, SEARCH_WORDS_MAX
from marketplace.platform.database import HotRead

HIT: Final = "hit"
FOUND: Final = "found"
FACET: Final = "facet"
SUPPLIER: Final = "supplier"
NUMBER: Final = "number"
LEAD_TIME: Final = "lead_time"
"""Kinds of rows of the answer."""


class Range(msgspec.Struct, frozen=True):
    """Values of a number from `low` to `high`, both included; None is no bound."""

    low: Decimal | None
    high: Decimal | None


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What a search is narrowed to: one of these categories or below, one of these suppliers, …."""

    categories: tuple[UUID, ...] = ()
    suppliers: tuple[UUID, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    ranges: tuple[tuple[str, Range], ...] = ()
    lead_time_days: int | None = None


Rank = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Stage = Annotated[int, msgspec.Meta(ge=0, le=2 ** (SEARCH_WORDS_MAX + 1) - 1)]
"""How the first page matched: the lowest bit is the way, each other one a word left out."""


class Place(msgspec.Struct, array_like=True, frozen=True):
    """Where a page begins: after the hit with this rank, name and identifier.

    `stage` is how the first page matched: the next ones match so too.
    """

    rank: Rank
    name: str
    id: UUID
    stage: Stage = 0


def sql_of(condition: ColumnElement[bool]) -> str:
    """Write a condition on offers as SQL, to stand where `offers` is in reach."""
    dialect = postgresql.dialect(paramstyle="named")  # type: ignore[no-untyped-call]
    whole = str(select_(OfferRow.id).where(condition).compile(dialect=dialect))
    return whole.partition("WHERE ")[2].replace("%(scopes)s", ":scopes").replace("::UUID[]", "")


VISIBLE: Final = sql_of(visible_offer())
OPEN: Final = sql_of(open_offer())
VISIBLE_BY_ITSELF: Final = tuple(map(sql_of, visible_by_itself()))

# Terms put together: what must match, the better part of it, and the text as a code, with the range
# of codes that begin alike: a range is leakproof. A word is a stop word where no language asked has
# a stem for it; alone, it is asked for as it stands.
_ASKED: Final = """
asked as materialized (
    select *, case when length(code) > 1 then code end as sku_from,
           case when length(code) > 1 then code || chr(1114111) end as sku_until
    from (
    select coalesce(string_agg(one, ' & ') filter (where not stop),
                    string_agg(one, ' & '))::tsquery as match,
           coalesce(string_agg(coalesce(better, one), ' & ') filter (where not stop),
                    string_agg(coalesce(better, one), ' & '))::tsquery as better,
           search_code(:code) as code
    from (
        select place,
               '(' || string_agg(distinct query, ' | ') filter (where query <> '') || ')' as one,
               '(' || string_agg(distinct query, ' | ') filter (where query <> '' and exact) || ')'
                   as better,
               coalesce(bool_and(query = '') filter (where kind not in ('code', 'search_simple')),
                        false) as stop
        from (
            select place, kind, exact, case kind
                when 'code' then
                    to_tsquery('search_simple', '''' || search_code(term) || ''':*')::text
                else to_tsquery(kind::regconfig, term)::text end as query
            from unnest(cast(:places as integer[]), cast(:kinds as text[]), cast(:terms as text[]),
                        cast(:exacts as boolean[])) as given (place, kind, term, exact)
        ) as parsed
        group by place
    ) as grouped
    ) as put_together
)
"""
# What matches by its better part comes before what does not, and codes come before all else.
_RANK: Final = """
coalesce(ts_rank('{{0.05, 0.2, 0.5, 1.0}}', {vector}, asked.match, 1) * 100000, 0
)::integer + case
    when {whole} then 2000000
    when {begins} then 1000000
    when {vector} @@ asked.better then 500000
    else 0 end
"""
_BY_SKU: Final = "offers.sku_key >= asked.sku_from and offers.sku_key < asked.sku_until"
# A product has one document for the languages asked: the first of these it has, or the fallback.
IN_LANGUAGE: Final = """
(d.language = case when d.languages = '{}' then '' else coalesce((
    select wanted from unnest(:languages) with ordinality as l (wanted, place)
    where wanted = any (d.languages) order by place limit 1
), '') end)
"""
# Where categories have a facet, the other ones are counted too.
_IN_CATEGORY: Final = "(cardinality(:categories) = 0 or d.facets && :categories)"
_DOCUMENT: Final = """
d.product_id, null::uuid as offer_id, d.name, d.language, d.facets, d.number_codes, d.number_values,
null::uuid[] as own_suppliers, null::integer as own_lead_time
"""
_OFFER: Final = """
null::uuid, offers.id, offers.name, '', '{}'::text[], '{}'::text[], '{}'::numeric[],
array[offers.supplier_id], offers.lead_time_days
"""


def _by_itself(rank: str, source: str, condition: str) -> str:
    """Find offers of no product; they have no category."""
    return "".join(
        f"""
        union all
        select {_OFFER}, {rank} from {source}
        where offers.product_id is null and {visible} and cardinality(:categories) = 0
          and {condition}
        """
        for visible in VISIBLE_BY_ITSELF
    )


def _matched_by_text(seen: str) -> str:
    """Find what matches: by the words of documents, or because an offer's SKU begins like that.

    Of a range between scalars few offers are expected, and none are grouped: hash tables are made
    for as many as are expected, whatever there is.
    """
    document_rank = _RANK.format(
        vector="d.document",
        whole="asked.code = any (d.codes) "
        "or d.product_id in (select product_id from sku where whole)",
        begins="d.product_id in (select product_id from sku)",
    )
    offer_rank = _RANK.format(
        vector="offers.search_document", whole="offers.sku_key = asked.code", begins=_BY_SKU
    )
    offer_matches = f"(offers.search_document @@ asked.match or ({_BY_SKU}))"
    return f"""
    {_ASKED},
    sku as materialized (
        select product_id, sku_key = (select code from asked) as whole from offers
        where sku_key >= (select sku_from from asked) and sku_key < (select sku_until from asked)
          and product_id is not null and {seen}
    ),
    matched as (
        select {_DOCUMENT}, {document_rank} as rank
        from asked, search_documents d
        where (d.document @@ (select match from asked)
               or d.product_id = any (array(select product_id from sku)))
          and {IN_LANGUAGE} and {_IN_CATEGORY}
        {_by_itself(offer_rank, "asked, offers", offer_matches) if seen == VISIBLE else ""}
    )
    """


def _matched_by_nothing(seen: str) -> str:
    return f"""
    matched as (
        select {_DOCUMENT}, 0 as rank from search_documents d
        where {IN_LANGUAGE} and {_IN_CATEGORY}
        {_by_itself("0", "offers", "true") if seen == VISIBLE else ""}
    )
    """


_SORTED_RANK: Final = "(case when :by_name then 0 else -rank end)"
_IN_ORDER: Final = "rank, name, id"
_BEHIND: Final = "(rank, name, id) > (:after_rank, :after_name, :after_id)"
# Which groups of the filter a hit fails, each by what its facet's values begin with: where none, it
# passes; where one, it counts for that one's facet. Offers are asked last, for they cost the most.
_FAILING: Final = """
array(
    select wanted.name from wanted where not tokens && facets
    union all
    select 'n:' || code from unnest(:range_codes, :lows, :highs) as r (code, low, high)
    where not exists (
        select from unnest(number_codes, number_values) as n (code, value)
        where n.code = r.code and (low is null or value >= low) and (high is null or value <= high)
    )
    union all
    select 'price' where :by_price
        and coalesce(product_id, offer_id) not in (select unnest(:priced))
)
"""
_FAILING_OF_OFFERS: Final = """
r.failing || array(
    select 'suppliers' where cardinality(:suppliers) > 0 and not s.suppliers && :suppliers
    union all
    select 'lead_time' where s.lead_time_days > :lead_time_days
        or (s.lead_time_days is null and :lead_time_days is not null)
)
"""
_WANTED: Final = """
wanted as materialized (
    select name, array_agg(token) as tokens
    from unnest(:value_groups, :value_tokens) as given (name, token) group by name
),
"""
# A plan costs by how many branches it has, run or not: what no filter asks for stands in none.
_NOTHING: Final = "'{}'::text[]"


def _ranked(*, narrowed: bool, whole: bool = True) -> str:
    """Give all that matches, with its rank; not `whole`, no more of it than is asked for."""
    return f"""
    {_WANTED if narrowed else ""}
    ranked as {"" if whole else "not "}materialized (
        select coalesce(product_id, offer_id) as id, product_id, {_SORTED_RANK} as rank,
               name collate "C" as name, language, facets, number_codes, number_values,
               own_suppliers, own_lead_time, {_FAILING if narrowed else _NOTHING} as failing
        from matched
    )
    """


def _offered(seen: str, *, narrowed: bool) -> str:
    return f"""
    lateral (
        select array_agg(distinct offers.supplier_id) as suppliers,
               min(offers.lead_time_days) as lead_time_days
        from offers where offers.product_id = r.product_id and {seen}
    ) o, lateral (
        select coalesce(r.own_suppliers, o.suppliers) as suppliers,
               coalesce(r.own_lead_time, o.lead_time_days) as lead_time_days
    ) s, lateral (select {_FAILING_OF_OFFERS if narrowed else _NOTHING} as failing) f
    """


def _hits(seen: str, *, narrowed: bool) -> str:
    return f"""
    {_ranked(narrowed=narrowed)},
    hits as materialized (
        select r.id, r.rank, r.name, r.language, r.facets, r.number_codes, r.number_values,
               s.suppliers, s.lead_time_days, f.failing
        from (
            select *, cardinality(failing) as failed from ranked where cardinality(failing) <= 1
            order by failed, {_IN_ORDER}
        ) r, {_offered(seen, narrowed=narrowed)}
        where s.suppliers is not null
        order by failed, r.rank, r.name, r.id limit :counted + 1
    )
    """


def _page(seen: str, *, narrowed: bool) -> str:
    """Give the hits of the page, how many there are, and the mark of the catalog.

    How many match, whatever the filter says, is asked for no more than tells few from many.
    """
    matching = f"least(count(*), {SEARCH_FEW_HITS})"
    if narrowed:
        matching = f"""(
            select count(*) from (
                select from ranked r, {_offered(seen, narrowed=False)} where s.suppliers is not null
                limit {SEARCH_FEW_HITS}
            ) as few
        )"""
    return f"""
    (select 'hit' as kind, id, rank, name as word, cardinality(failing)::bigint as count,
            null::numeric as low, null::numeric as high, language, null::timestamptz as at
     from hits
     where cardinality(failing) <= :failing_max and {_BEHIND}
     order by cardinality(failing), {_IN_ORDER} limit :fetch)
    union all
    select 'found', null, count(*)::integer, '', count(*) filter (where cardinality(failing) = 0),
           {matching}, (select {_CHANGES}), null, (select clock())
    from hits
    """


_CHANGES: Final = "coalesce(sum(changes), 0) from catalog_changes"
# Values of a hit that count for facets: all where it passes the filter, and where it fails one
# group, those of that one's facet.
_COUNTED: Final = {
    False: "facet, code, value, supplier_id, days",
    True: """
    case when failing = '{}' or (cardinality(failing) = 1 and starts_with(facet, failing[1]))
         then facet end as facet,
    case when failing <@ array['n:' || code] then code end as code, value,
    case when failing <@ array['suppliers'] then supplier_id end as supplier_id,
    case when failing <@ array['lead_time'] then days end as days
    """,
}


def _counts(*, narrowed: bool) -> str:
    """Count the values of all facets by one look at the hits."""
    return f"""
    union all
    select case when facet is not null then 'facet' when code is not null then 'number'
                when supplier_id is not null then 'supplier' else 'lead_time' end,
           supplier_id, days, coalesce(facet, code), count(*), min(value), max(value),
           null, null
    from (
        select {_COUNTED[narrowed]}
        from hits, unnest(
            facets, number_codes, number_values, suppliers, array[lead_time_days]
        ) as u (facet, code, value, supplier_id, days)
    ) as counted
    group by grouping sets ((facet), (code), (supplier_id), (days))
    having coalesce(facet, code) is not null or supplier_id is not null
        or days is not null
    """


def _rest(seen: str, *, narrowed: bool) -> str:
    return f"""
    select 'hit' as kind, r.id, r.rank, r.name as word, 0::bigint as count,
           null::numeric as low, null::numeric as high, r.language
    from (
        select * from ranked where cardinality(failing) = 0 and {_BEHIND} order by {_IN_ORDER}
    ) r, {_offered(seen, narrowed=narrowed)}
    where s.suppliers is not null and cardinality(f.failing) = 0
    order by r.rank, r.name, r.id limit :fetch
    """


def _first(seen: str, *, narrowed: bool) -> str:
    """Tell whether there is a hit; nothing is put in order for it."""
    return f"""
    select 1 from ranked r, {_offered(seen, narrowed=narrowed)}
    where cardinality(r.failing) = 0 and s.suppliers is not null and cardinality(f.failing) = 0
    limit 1
    """


_PARAMETERS: Final = (
    bindparam("scopes", type_=ARRAY(Uuid)),
    bindparam("languages", type_=ARRAY(Text)),
    bindparam("categories", type_=ARRAY(Text)),
    bindparam("value_groups", type_=ARRAY(Text)),
    bindparam("value_tokens", type_=ARRAY(Text)),
    bindparam("range_codes", type_=ARRAY(Text)),
    bindparam("lows", type_=ARRAY(Numeric)),
    bindparam("highs", type_=ARRAY(Numeric)),
    bindparam("suppliers", type_=ARRAY(Uuid)),
    bindparam("lead_time_days", type_=Integer),
    bindparam("by_price", type_=Boolean),
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


def statement_of(sql: str, *parameters: Any) -> HotRead:
    """Compile SQL with named parameters, each with its type."""
    return HotRead(text(sql).bindparams(*parameters))


def _asking(sql: str) -> HotRead:
    """Compile SQL with those of the parameters that it has."""
    own = (each for each in _PARAMETERS if re.search(rf":{each.key}\b", sql))
    return statement_of(sql, *own)


_EITHER: Final = (False, True)


def _matched(seen: str, *, with_text: bool) -> str:
    return _matched_by_text(seen) if with_text else _matched_by_nothing(seen)


def _searches(seen: str) -> Mapping[tuple[bool, bool, bool], HotRead]:
    return {
        (with_text, narrowed, facets): _asking(
            f"with {_matched(seen, with_text=with_text)}, {_hits(seen, narrowed=narrowed)} "
            f"{_page(seen, narrowed=narrowed)} {_counts(narrowed=narrowed) if facets else ''}"
        )
        for with_text in _EITHER
        for narrowed in _EITHER
        for facets in _EITHER
    }


SEARCHES: Final = _searches(VISIBLE)
"""The statements, by whether there is a text, a filter, and whether facets are counted."""
OPEN_SEARCHES: Final = _searches(OPEN)
"""The same for callers who see no more than what is open."""
RESTS: Final = {
    (with_text, narrowed): _asking(
        f"with {_matched(VISIBLE, with_text=with_text)}, {_ranked(narrowed=narrowed)} "
        f"{_rest(VISIBLE, narrowed=narrowed)}"
    )
    for with_text in _EITHER
    for narrowed in _EITHER
}
"""Statements for pages behind what is counted, by whether there is a text and a filter."""
FIRSTS: Final = {
    narrowed: _asking(
        f"with {_matched(VISIBLE, with_text=True)}, {_ranked(narrowed=narrowed, whole=False)} "
        f"{_first(VISIBLE, narrowed=narrowed)}"
    )
    for narrowed in _EITHER
}
"""Statements that tell whether a text finds anything, by whether there is a filter."""


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
        "value_groups": ["c:" for _ in categories] + [f"a:{code}=" for code, _ in filters.values],
        "value_tokens": categories + [f"a:{code}={value}" for code, value in filters.values],
        "range_codes": [code for code, _ in filters.ranges],
        "lows": [each.low for _, each in filters.ranges],
        "highs": [each.high for _, each in filters.ranges],
        "suppliers": list(filters.suppliers),
        "lead_time_days": filters.lead_time_days,
        "by_price": priced is not None,
        "priced": list(priced or ()),
    }
