"""What words find of what its caller may see, and with which rank.

A hit is a product with an offer the caller may see, or an offer made for him alone: what he may not
see is left out before anything is ordered, counted or cut off. There is no share of the whole in a
rank, such as how rare a word is: it would tell of what is hidden.

Most callers see no more than what is open to everybody. Of those of whom that is known, under the
mark of the catalog that the statement tells too, only open offers are asked: none of them stands by
itself, and what makes a restricted one visible need not be looked at.
"""

# ruff: noqa: S608 - parts of statements are put together, values never

from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, text
from sqlalchemy import select as select_
from sqlalchemy.dialects import postgresql

from catalog.price_lists.visibility import open_offer, visible_by_itself, visible_offer
from catalog.products.tables import OfferRow
from marketplace.kernel.limits import SEARCH_WORDS_MAX
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


def matched_by_text(seen: str) -> str:
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


def statement_of(sql: str, *parameters: Any) -> HotRead:
    """Compile SQL with named parameters, each with its type."""
    return HotRead(text(sql).bindparams(*parameters))
