"""What a text may become, as somebody types: products, categories, SKUs of his own catalog.

Names that begin with the text come by an index in their own order, and stop where there are enough;
only where they are few are words inside of names asked as well.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Integer, Text, Uuid, bindparam

from catalog.languages.asked import Languages
from catalog.languages.tags import LAST_RESORT
from catalog.price_lists.mark import Mark, read_mark
from catalog.price_lists.visibility import scopes_of
from catalog.search.answers import Answer, CatalogAnswers
from catalog.search.finding import Query, find_first
from catalog.search.matching import IN_LANGUAGE, VISIBLE, VISIBLE_BY_ITSELF, statement_of
from catalog.search.rules import words_of
from catalog.search.schemas import (
    SuggestedCategory,
    SuggestedProduct,
    SuggestedSku,
    Suggestions,
)
from marketplace.kernel.limits import SUGGESTIONS_SHOWN
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import hot_rows

# ruff: noqa: S608 - parts of statements are put together, values never

WORD_MIN: Final = 3
"""Letters from which words inside of names are suggested."""

# An `exists` might be made a join, which looks at every offer of all that begins like that.
_SEEN: Final = f"""
(select 1 from offers where offers.product_id = {{product}} and {VISIBLE} limit 1) is not null
"""
_BY_ITSELF: Final = " union all ".join(
    f"""
    select id, name from offers
    where product_id is null and {visible}
      and starts_with(search_fold(name), (select folded from given))
    """
    for visible in VISIBLE_BY_ITSELF
)
_STATEMENT: Final = statement_of(
    f"""
    with given as materialized (
        select search_fold(:text) as folded, search_code(:text) as code
    )
    select * from (
        select 'product' as kind, d.product_id as id, d.name, null as code,
               null::uuid as supplier_id
        from search_documents d
        where d.name_key >= (select folded from given)
          and d.name_key < (select folded from given) || chr(1114111)
          and {IN_LANGUAGE} and {_SEEN.format(product="d.product_id")}
        order by d.name_key, d.product_id limit :most
    ) as product
    union all
    select * from (
        select 'product', id, name, null, null::uuid from ({_BY_ITSELF}) as own
        order by name, id limit :most
    ) as own
    union all
    select * from (
        select 'category', c.id, coalesce(nullif(named.name, ''), c.code), c.code, null::uuid
        from categories c, lateral (select search_name(c.names, :language) as name) as named
        where position(' ' || (select folded from given) in ' ' || search_fold(named.name)) > 0
          and (
              select 1 from categories below
              join products p on p.category_id = below.id and p.state in ('proposed', 'active')
              join offers on offers.product_id = p.id and {VISIBLE}
              where below.path @> array[c.id] limit 1
          ) is not null
        order by cardinality(c.path), c.code limit :most
    ) as category
    union all
    select * from (
        select 'sku', coalesce(p.id, offers.id), coalesce(p.name, offers.name), offers.sku,
               offers.supplier_id
        from offers left join products p on p.id = offers.product_id
        where offers.sku_key >= (select code from given)
          and offers.sku_key < (select code from given) || chr(1114111)
          and length((select code from given)) > 1
          and (p.id is null or p.state in ('proposed', 'active')) and {VISIBLE}
        order by offers.sku_key, offers.supplier_id, offers.sku limit :most
    ) as sku
    """,
    bindparam("text", type_=Text),
    bindparam("languages", type_=ARRAY(Text)),
    bindparam("language", type_=Text),
    bindparam("scopes", type_=ARRAY(Uuid)),
    bindparam("most", type_=Integer),
)


async def suggest(
    platform: Platform,
    caller: Caller,
    text: str,
    languages: Languages,
    limit: int = SUGGESTIONS_SHOWN,
    mark: Mark | None = None,
) -> Suggestions:
    """Suggest so many of each kind at most."""
    caller.require("catalog:read")
    query, words = Query(text=text, languages=languages), words_of(text)
    if not words:
        return Suggestions([], [], [])
    values = {
        "text": " ".join(words),
        "languages": list(languages),
        "language": query.language or LAST_RESORT,
        "scopes": scopes_of(caller.path),
        "most": limit,
    }
    products: dict[UUID, SuggestedProduct] = {}
    made = Suggestions([], [], [])
    for kind, item_id, name, code, supplier_id in await hot_rows(
        platform, caller, _STATEMENT, values
    ):
        if kind == "product":
            products[item_id] = SuggestedProduct(item_id, name)
        elif kind == "category":
            made.categories.append(SuggestedCategory(item_id, code, name))
        else:
            made.skus.append(SuggestedSku(code, supplier_id, item_id, name))
    if len(products) < limit and len(" ".join(words)) >= WORD_MIN:
        now = mark or await read_mark(platform)
        for hit in await find_first(platform, caller, query, now, limit):
            products.setdefault(hit.id, SuggestedProduct(hit.id, hit.place.name))
    made.products = list(products.values())[:limit]
    return made


async def answer_suggestions(
    platform: Platform, caller: Caller, text: str, languages: Languages, limit: int
) -> Any:
    """Give what `suggest` gives as JSON; what is still true at once."""
    caller.require("catalog:read")
    answers, mark = platform.get(CatalogAnswers), await read_mark(platform)
    key = ("suggestions", caller.path, " ".join(words_of(text)), languages, limit)
    answer = answers.find(key, mark)
    if answer is None:
        made = await suggest(platform, caller, text, languages, limit, mark)
        answer = Answer(msgspec.json.encode(made))
        answers.keep(key, mark, answer)
    return answer.body
