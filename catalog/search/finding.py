"""Find what a caller asks for: the hits of one page, in order, and the facets of all hits.

A text is matched by its words, stems, codes and synonyms. Where the caller then sees little, it is
matched once more, with what its words may have been meant to be; what was found the first time
comes before that. Where he sees nothing, words are left out: those that find nothing for him by
themselves, or one of them; which ones is told.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from catalog.languages.tags import base_language
from catalog.price_lists.mark import Mark, read_mark
from catalog.price_lists.visibility import scopes_of
from catalog.search.in_order import Shape
from catalog.search.known import Known, read_synonyms
from catalog.search.matching import FOUND, HIT, Filters, Place
from catalog.search.meanings import read_meanings
from catalog.search.rules import (
    Meanings,
    Synonym,
    groups_of,
    without,
    words_of,
)
from catalog.search.shelf import Shelf
from catalog.search.statements import first_of, rest_of, search_of, values_of
from marketplace.kernel.limits import SEARCH_COUNTED_MAX, SEARCH_FEW_HITS
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import hot_rows

Sort = Literal["relevance", "name", "price", "-price"]
_NIL: Final = UUID(int=0)
_NO_FILTERS: Final = Filters()
_LOWEST: Final = -(2**31)
_MEANT: Final = 1
"""The bit of a stage that says that words are matched by what they may mean as well."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the catalog, beside the page."""

    text: str | None = None
    languages: tuple[str, ...] = ()
    filters: Filters = Filters()
    sort: Sort = "relevance"
    facets: bool = False
    price_from: str | None = None
    price_to: str | None = None

    @property
    def language(self) -> str:
        """Give the language of the words, whose stems are asked for; '' where that is unknown."""
        return base_language(self.languages[0]) if self.languages else ""

    @property
    def plain(self) -> bool:
        """Tell whether it is the catalog as it is: all of it, by name."""
        return (
            not (self.text and words_of(self.text))
            and self.filters == _NO_FILTERS
            and self.sort in {"relevance", "name"}
            and not self.facets
            and not self.by_price
        )

    @property
    def by_price(self) -> bool:
        """Tell whether own prices decide what is on the page."""
        return self.limited or self.sort in {"price", "-price"}

    @property
    def limited(self) -> bool:
        """Tell whether own prices decide what is found."""
        return self.price_from is not None or self.price_to is not None


class Hit(msgspec.Struct, frozen=True):
    """A product, or an offer by itself, and its place in the order."""

    id: UUID
    place: Place
    language: str = ""
    """Of its name; '' for no known one."""


class Found(msgspec.Struct, frozen=True):
    """The hits of a page, how many there are, and rows of counts by their kind.

    `near` are hits that fail one group of the filter alone; only a search by prices asks for them,
    for they count for that group's facet. `matching` is how many match, the filter aside, up to
    what is more than few; `bounded` says that there are more than `count` and the others counted.
    `left_out` are words that were not asked for; `stage` says how the others matched. `mark` was
    read no later.
    """

    hits: list[Hit]
    matching: int
    count: int
    bounded: bool
    counts: dict[str, list[Any]]
    near: list[Hit]
    mark: Mark
    stage: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def few(self) -> bool:
        """Tell whether hardly any match."""
        return self.matching < SEARCH_FEW_HITS


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of the statements: a page of hits after a place, matched as `stage` says."""

    query: Query
    words: tuple[str, ...]
    synonyms: Sequence[Synonym] = ()
    after: Place | None = None
    fetch: int
    priced: Sequence[UUID] | None = None
    stage: int = 0
    meanings: Meanings | None = None
    is_open: bool = False
    """The caller is known to see no more than what is open."""

    @property
    def shape(self) -> Shape:
        """Tell what the statements must do."""
        filters, facets = self.query.filters, self.query.facets
        return Shape(
            with_text=bool(self.words),
            by_documents=bool(filters.categories or filters.values or filters.ranges),
            by_offers=bool(filters.suppliers) or filters.lead_time_days is not None,
            facets=facets,
            near=facets or self.query.limited,
            priced=self.priced is not None,
        )

    def meant(self, meanings: Meanings) -> "_Asked":
        """Ask once more, with what words may have been meant to be."""
        return msgspec.structs.replace(self, stage=self.stage | _MEANT, meanings=meanings)

    def without(self, places: int) -> "_Asked":
        """Leave words out, each by a bit."""
        if not places:
            return self
        kept = without(self.words, places)
        query = msgspec.structs.replace(self.query, text=" ".join(kept))
        return msgspec.structs.replace(self, query=query, words=kept, stage=places << 1)

    def values(self, caller: Caller) -> dict[str, object]:
        """Give the parameters of a statement."""
        query, place = self.query, self.after or Place(_LOWEST, "", _NIL)
        groups = groups_of(self.words, query.language, self.synonyms, self.meanings)
        return {
            **values_of(
                query.text or "",
                groups,
                query.filters,
                query.languages,
                facets=query.facets,
                priced=self.priced,
            ),
            "scopes": scopes_of(caller.path),
            "by_name": query.sort == "name",
            "after_rank": place.rank,
            "after_name": place.name,
            "after_id": place.id,
            "fetch": self.fetch,
            "counted": SEARCH_COUNTED_MAX,
            "failing_max": 1 if query.by_price else 0,
        }


async def find(
    platform: Platform,
    caller: Caller,
    query: Query,
    mark: Mark | None,
    after: Place | None,
    fetch: int,
    stage: int | None = None,
    priced: Sequence[UUID] | None = None,
) -> Found:
    """Find a page of hits after a place; by relevance or, where the query says so, by name.

    `stage` is how to match; None where that is not decided yet, as for a first page.
    `priced` are the hits in a range of prices, where one narrows the search.

    Synonyms, and whether the caller sees more than what is open, are known under a mark. Where none
    was read, the one expected is taken: the statements tell the present one, and where it is
    another, they are asked once more.
    """
    if stage is None and after is not None:
        stage = after.stage
    asked = _Asked(query=query, words=words_of(query.text), after=after, fetch=fetch, priced=priced)
    if stage is not None:
        places = stage >> 1
        left_out = without(asked.words, ~places)
        found = await _find_under_mark(platform, caller, asked.without(places), mark, stage & 1)
        return msgspec.structs.replace(found, left_out=left_out)
    found = await _find_under_mark(platform, caller, asked, mark, None)
    if found.matching or len(asked.words) < 2:  # noqa: PLR2004 - one word is all of it
        return found
    places = await _needless(platform, caller, asked, found.mark)
    if not places:
        return found
    kept = asked.without(places)
    found = await _find_under_mark(platform, caller, kept, found.mark, None)
    return msgspec.structs.replace(found, left_out=without(asked.words, ~places))


async def _find_under_mark(
    platform: Platform, caller: Caller, asked: _Asked, mark: Mark | None, way: int | None
) -> Found:
    known = platform.get(Known)
    expected = mark or known.expected or await read_mark(platform)
    is_open = platform.get(Shelf).sees_what_is_open(caller.path, expected.changes)
    found = await _find(platform, caller, asked, expected, way, is_open=is_open)
    known.saw(found.mark)
    if found.mark.changes != expected.changes:
        present = found.mark
        found = await _find(platform, caller, asked, present, way, is_open=False)
        return msgspec.structs.replace(found, mark=present)
    return found


async def _needless(platform: Platform, caller: Caller, asked: _Asked, mark: Mark) -> int:
    """Give which words to leave out so that the others find something, by bits; 0 for none.

    One of the others finds something as it stands: what may be meant by each is a guess. What is
    asked for each try stops at the first hit; words are few, and so are the tries.
    """
    words, query = asked.words, asked.query
    meant = await read_meanings(platform, caller, mark, words, query.language)

    async def finds(places: int, meanings: Meanings) -> bool:
        kept = asked.without(places)
        synonyms = await _synonyms(platform, caller, query, mark, kept.words)
        tried = msgspec.structs.replace(kept, synonyms=synonyms).meant(meanings)
        first = first_of(tried.shape.rest)
        return bool(await hot_rows(platform, caller, first, tried.values(caller)))

    every = 2 ** len(words) - 1
    each = [1 << at for at in range(len(words))]
    as_typed = [bit for bit in each if await finds(every ^ bit, {})]
    if not as_typed:
        return 0
    others = [bit for bit in each if bit not in as_typed]
    unknown = sum([bit for bit in others if not await finds(every ^ bit, meant)])
    if unknown and await finds(unknown, meant):
        return unknown
    for bit in reversed(each):
        if unknown | bit not in {unknown, every} and await finds(unknown | bit, meant):
            return unknown | bit
    return 0


async def _find(
    platform: Platform,
    caller: Caller,
    asking: _Asked,
    mark: Mark,
    way: int | None,
    *,
    is_open: bool,
) -> Found:
    """Find under a mark, in one way or in both; another mark is told where the catalog changed."""
    query, words = asking.query, asking.words
    synonyms = await _synonyms(platform, caller, query, mark, words)
    asked = msgspec.structs.replace(asking, synonyms=synonyms, is_open=is_open)
    found: Found | None = None
    if not way:
        found = await _run(platform, caller, asked)
        if way == 0 or not words or not found.few or found.mark.changes != mark.changes:
            return found
    meant = await read_meanings(platform, caller, mark, words, query.language)
    if found is not None and not any(meant.values()):
        return found
    return await _run(platform, caller, asked.meant(meant))


async def find_first(
    platform: Platform, caller: Caller, query: Query, mark: Mark, fetch: int
) -> list[Hit]:
    """Find the first hits and count nothing; of a query without filters."""
    words = words_of(query.text)
    synonyms = await _synonyms(platform, caller, query, mark, words)
    fetched = max(fetch, SEARCH_FEW_HITS)
    asked = _Asked(query=query, words=words, synonyms=synonyms, fetch=fetched)
    hits = await _run_uncounted(platform, caller, asked)
    if len(hits) < SEARCH_FEW_HITS:
        meant = await read_meanings(platform, caller, mark, words, query.language)
        if any(meant.values()):
            hits = await _run_uncounted(platform, caller, asked.meant(meant))
    return hits[:fetch]


async def _synonyms(
    platform: Platform, caller: Caller, query: Query, mark: Mark, words: Sequence[str]
) -> list[Synonym]:
    return await read_synonyms(platform, caller, mark, words, query.language) if words else []


async def _run(platform: Platform, caller: Caller, asked: _Asked) -> Found:
    hits: list[Hit] = []
    near: list[Hit] = []
    counts: dict[str, list[Any]] = {}
    statement = search_of(asked.shape, is_open=asked.is_open)
    rows = await hot_rows(platform, caller, statement, asked.values(caller))
    for row in rows:
        kind = row[0]
        if kind == HIT:
            (near if row[4] else hits).append(_hit(row, asked.stage))
        else:
            counts.setdefault(kind, []).append(row)
    ((_, _, counted, _, count, matching, changes, _, at),) = counts.pop(FOUND)
    bounded = counted > SEARCH_COUNTED_MAX
    if bounded and len(hits) < asked.fetch:
        hits = await _run_uncounted(platform, caller, asked)
    hits.sort(key=_in_order)
    mark = Mark(int(changes), at)
    count = min(count, SEARCH_COUNTED_MAX)
    return Found(hits, matching, count, bounded, counts, near, mark, asked.stage)


async def _run_uncounted(platform: Platform, caller: Caller, asked: _Asked) -> list[Hit]:
    rows = await hot_rows(platform, caller, rest_of(asked.shape.rest), asked.values(caller))
    return sorted((_hit(row, asked.stage) for row in rows), key=_in_order)


def _hit(row: Any, stage: int) -> Hit:
    return Hit(row[1], Place(row[2], row[3], row[1], stage), row[7])


def _in_order(hit: Hit) -> tuple[int, str, UUID]:
    return hit.place.rank, hit.place.name, hit.id
