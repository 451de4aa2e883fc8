"""What searches ask again and again, kept until the catalog changes: names and synonyms."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import ARRAY, Integer, Text, Uuid, bindparam

from catalog.price_lists.mark import Mark
from catalog.search.matching import statement_of
from catalog.search.rules import Synonym, phrases_of
from marketplace.kernel.limits import CATALOG_NAMES_KEPT_MAX, SYNONYMS_KEPT_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import hot_rows

Names = Mapping[str, str]
"""What something is called, by language."""


class NamedCategory(NamedTuple):
    """A category as a facet shows it."""

    id: UUID
    code: str
    names: Names
    parent_id: UUID | None


class NamedAttribute(NamedTuple):
    """An attribute as a facet shows it; `options` are the names of an enum's values."""

    code: str
    names: Names
    kind: str
    unit: str | None
    options: Mapping[str, Names | None]


class NamedSupplier(NamedTuple):
    """A supplier as a facet shows it."""

    id: UUID
    name: str


class Named(NamedTuple):
    """What was asked for and is there, by its identifier or code."""

    categories: Mapping[UUID, NamedCategory]
    attributes: Mapping[str, NamedAttribute]
    suppliers: Mapping[UUID, NamedSupplier]


class Known:
    """What this process has read under the newest mark it has seen; every company may read it."""

    def __init__(self) -> None:
        self._changes = -1
        self._kept: dict[Any, Any] = {}
        self._newest: Mark | None = None
        self._steady = False

    def under(self, mark: Mark) -> dict[Any, Any]:
        """Give what is known and still true, to be added to."""
        if mark.changes < self._changes:
            return {}
        if mark.changes > self._changes or len(self._kept) > CATALOG_NAMES_KEPT_MAX:
            self._changes, self._kept = mark.changes, {}
        return self._kept

    @property
    def expected(self) -> Mark | None:
        """Guess the present mark by the one seen last; None where that was new then."""
        return self._newest if self._steady else None

    def saw(self, mark: Mark) -> None:
        """Note the mark that a statement told."""
        self._steady = self._newest is not None and self._newest.changes == mark.changes
        self._newest = mark


_NAMES: Final = statement_of(
    """
    select 'category' as kind, id, code, names::text, parent_id, null as attribute_kind,
           null as unit, null as options
    from categories where id = any (:categories)
    union all
    select 'attribute', null, code, names::text, null, kind, unit,
           (select jsonb_object_agg(option ->> 'code', option -> 'names')
            from jsonb_array_elements(options) as option)::text
    from (
        select distinct on (code) code, names, kind, unit, options from category_attributes
        where code = any (:attributes) order by code, category_id
    ) as attribute
    union all
    select 'supplier', id, name, null, null, null, null, null
    from organizations where id = any (:supplier_ids)
    """,
    bindparam("categories", type_=ARRAY(Uuid)),
    bindparam("attributes", type_=ARRAY(Text)),
    bindparam("supplier_ids", type_=ARRAY(Uuid)),
)
_SYNONYMS: Final = statement_of(
    """
    select terms, replacements, language from search_synonyms
    where cast(:phrases as text[]) is null or terms && :phrases
    order by id limit :most
    """,
    bindparam("phrases", type_=ARRAY(Text)),
    bindparam("most", type_=Integer),
)
_NAMES_OF: Final = msgspec.json.Decoder(dict[str, str])
_OPTIONS_OF: Final = msgspec.json.Decoder(dict[str, dict[str, str] | None])


async def read_names(
    platform: Platform,
    caller: Caller,
    mark: Mark,
    categories: Sequence[UUID],
    attributes: Sequence[str],
    suppliers: Sequence[UUID],
) -> Named:
    """Give what these are called, in all languages there are; what is kept costs no round trip."""
    known = platform.get(Known).under(mark)
    missing: dict[str, object] = {
        "categories": [each for each in categories if each not in known],
        "attributes": [each for each in attributes if each not in known],
        "supplier_ids": [each for each in suppliers if each not in known],
    }
    if any(missing.values()):
        for row in await hot_rows(platform, caller, _NAMES, missing):
            read = _read(row)
            known[read[0]] = read
    return Named(
        {each: known[each] for each in categories if each in known},
        {each: known[each] for each in attributes if each in known},
        {each: known[each] for each in suppliers if each in known},
    )


def _read(row: Any) -> NamedCategory | NamedAttribute | NamedSupplier:
    kind, identifier, code, names, parent_id, attribute_kind, unit, options = row
    if kind == "supplier":
        return NamedSupplier(identifier, code)
    called = _NAMES_OF.decode(names)
    if kind == "category":
        return NamedCategory(identifier, code, called, parent_id)
    return NamedAttribute(
        code, called, attribute_kind, unit, _OPTIONS_OF.decode(options) if options else {}
    )


async def read_synonyms(
    platform: Platform, caller: Caller, mark: Mark, words: Sequence[str], language: str
) -> list[Synonym]:
    """Give the synonyms of a search's words; all of them are kept, unless they are very many."""
    known = platform.get(Known).under(mark)
    rows = known.get(Synonym)
    if rows is None:
        most: dict[str, object] = {"phrases": None, "most": SYNONYMS_KEPT_MAX + 1}
        rows = known[Synonym] = await hot_rows(platform, caller, _SYNONYMS, most)
    if len(rows) > SYNONYMS_KEPT_MAX:
        asked: dict[str, object] = {"phrases": phrases_of(words), "most": None}
        rows = await hot_rows(platform, caller, _SYNONYMS, asked)
    return [
        Synonym(tuple(terms), tuple(replacements))
        for terms, replacements, its_language in rows
        if its_language in {"", language}
    ]
