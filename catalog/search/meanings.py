"""What the words of a search may have been meant to be: words of what its caller sees.

Alike are a word that begins with the one typed or holds it, one that a typing error makes of it,
and two that it is made of. The vocabulary is that of all documents. A word that stands in none the
caller sees is left out before it can change what is asked: it would find nothing, but it would
show, for a rank depends on how many words are asked for, and where a page ends on the rank.
"""

# ruff: noqa: S608 - parts of statements are put together, values never

from collections.abc import Sequence
from typing import Final

from sqlalchemy import ARRAY, Text, Uuid, bindparam

from catalog.price_lists.mark import Mark
from catalog.price_lists.visibility import scopes_of
from catalog.search.known import Known
from catalog.search.matching import OPEN, VISIBLE, statement_of
from catalog.search.rules import Term, compound_of, configurations, correctable, meanings_of
from catalog.search.shelf import Shelf
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import HotRead, hot_rows

_ALIKE: Final = statement_of(
    """
    with form as materialized (
        select given, search_fold(given) as form from unnest(:words) as given
        union
        select given, form from unnest(:words) as given, unnest(:configurations) as kind,
            unnest(tsvector_to_array(to_tsvector(kind::regconfig, given))) as form
    )
    select given, form, null as first, alike.word
    from form, lateral (
        select word from search_words where word % form
        union
        select word from search_words where length(form) > 3 and word like '%' || form || '%'
        union
        select word from search_words
        where length(form) > 2 and word >= form and word < form || chr(1114111)
        union
        select word from search_words
        where length(form) <= 5 and word >= left(form, 1)
          and word < left(form, 1) || chr(1114111)
          and length(word) between length(form) - 1 and length(form) + 1
    ) as alike
    union
    select given, form, first.word, second.word
    from form, generate_series(4, length(form) - 4) as at, lateral (
        select word from search_words where word in (left(form, at), rtrim(left(form, at), 's'))
    ) as first, lateral (
        select word from search_words where word like '%' || substr(form, at + 1)
    ) as second
    """,
    bindparam("words", type_=ARRAY(Text)),
    bindparam("configurations", type_=ARRAY(Text)),
)
"""Words of documents that are like those given, by their plain form or a stem.

With a `first` word, the two make up a compound: the second ends as the given one does. Not cut off:
what stands in documents of hidden products may add words, and take none away.
"""
# A scalar sub-select for each word: it stops at the first product that is seen, and an `exists`
# might be made a join, which would look at every product with the word.
_EVERYBODY: Final = "everybody"
"""In the place of a buyer's path: what all see who see no more than what is open."""


def _seen_in(visible: str) -> HotRead:
    parameters = [bindparam("queries", type_=ARRAY(Text))]
    if ":scopes" in visible:
        parameters.append(bindparam("scopes", type_=ARRAY(Uuid)))
    return statement_of(
        f"""
        select place from unnest(:queries) with ordinality as given (query, place)
        where (
            select 1 from search_documents d
            where d.document @@ to_tsquery('search_simple', given.query) and (
                select 1 from offers where offers.product_id = d.product_id and {visible} limit 1
            ) is not null
            limit 1
        ) is not null
        """,
        *parameters,
    )


_SEEN: Final = {True: _seen_in(OPEN), False: _seen_in(VISIBLE)}
"""By whether the caller sees no more than what is open."""


async def read_meanings(
    platform: Platform, caller: Caller, mark: Mark, words: Sequence[str], language: str
) -> dict[str, tuple[Term, ...]]:
    """Give what each word that can be mistyped may mean, of what the caller sees."""
    known = platform.get(Known).under(mark)
    asked = correctable(words)
    missing = [word for word in asked if (word, language) not in known]
    if missing:
        for word, terms in (await _alike(platform, caller, missing, language)).items():
            known[word, language] = terms
    alike = {word: known[word, language] for word in asked}
    every = {term for terms in alike.values() for term in terms}
    is_open = platform.get(Shelf).sees_what_is_open(caller.path, mark.changes)
    whose = _EVERYBODY if is_open else caller.path
    # What everybody sees he sees too.
    unasked = [
        term for term in every if not known.get((_EVERYBODY, term)) and (whose, term) not in known
    ]
    if unasked:
        seen = await _seen(platform, caller, unasked, is_open=is_open)
        known |= {(whose, term): term in seen for term in unasked}
    return {
        word: tuple(
            term for term in terms if known.get((_EVERYBODY, term)) or known.get((whose, term))
        )
        for word, terms in alike.items()
    }


async def _alike(
    platform: Platform, caller: Caller, words: Sequence[str], language: str
) -> dict[str, tuple[Term, ...]]:
    """Give what words may mean by the words there are."""
    values = {"words": list(words), "configurations": list(configurations(language))}
    like: dict[tuple[str, str], list[str]] = {}
    terms: dict[str, dict[Term, None]] = {word: {} for word in words}
    for given, form, first, word in await hot_rows(platform, caller, _ALIKE, values):
        if first is None:
            like.setdefault((given, form), []).append(word)
        else:
            terms[given][compound_of(first, word)] = None
    for (given, form), vocabulary in like.items():
        terms[given] |= dict.fromkeys(meanings_of(form, vocabulary))
    return {given: tuple(found) for given, found in terms.items()}


async def _seen(
    platform: Platform, caller: Caller, terms: Sequence[Term], *, is_open: bool
) -> set[Term]:
    """Give those of the terms that stand in a document of a product in the caller's catalog."""
    values = {"queries": [term.text for term in terms], "scopes": scopes_of(caller.path)}
    rows = await hot_rows(platform, caller, _SEEN[is_open], values)
    return {terms[place - 1] for (place,) in rows}
