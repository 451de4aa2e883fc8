"""The operator's words of what else to look for where somebody looks for something."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, update

from catalog.languages.tags import base_language, checked_language
from catalog.search.rules import words_of
from catalog.search.schemas import SynonymsInput, SynonymsView
from catalog.search.tables import SearchSynonymRow
from marketplace.kernel.errors import (
    NotFound,
    NotPermitted,
    StaleVersion,
    invalid,
)
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Transaction, transaction
from marketplace.platform.http.paging import Page, PageRequest, page
from marketplace.platform.idempotency import IdempotencyKey, keep, replay

_COLUMNS: Final = (
    SearchSynonymRow.id,
    SearchSynonymRow.language,
    SearchSynonymRow.terms,
    SearchSynonymRow.replacements,
    SearchSynonymRow.version,
    SearchSynonymRow.created_at,
)


async def create_synonyms(
    platform: Platform, caller: Caller, data: SynonymsInput, key: IdempotencyKey
) -> SynonymsView:
    """Add synonyms; for the operator alone."""
    _check_operator(caller)
    values = _values(data)
    async with transaction(platform, caller) as tx:
        if (earlier := await replay(tx, key, SynonymsView)) is not None:
            return earlier
        statement = insert(SearchSynonymRow).values(id=new_id(), **values)
        view = _view(await tx.one(statement.returning(*_COLUMNS)))
        tx.record("search_synonyms.created", "search_synonyms", view.id, after=values)
        return await keep(tx, key, view)


async def list_synonyms(
    platform: Platform, caller: Caller, asked: PageRequest
) -> Page[SynonymsView]:
    """List synonyms, the oldest first; for the operator alone."""
    _check_operator(caller)
    after = asked.key(UUID) or UUID(int=0)
    statement = (
        select(*_COLUMNS)
        .where(SearchSynonymRow.id > after)
        .order_by(SearchSynonymRow.id)
        .limit(asked.fetch)
    )
    async with transaction(platform, caller) as tx:
        rows = await tx.all(statement)
    return page(asked, [_view(row) for row in rows], lambda view: view.id)


async def change_synonyms(
    platform: Platform, caller: Caller, synonym_id: UUID, version: int, data: SynonymsInput
) -> SynonymsView:
    """Put synonyms in the place of others; raises NotFound, StaleVersion."""
    _check_operator(caller)
    values = _values(data)
    async with transaction(platform, caller) as tx:
        before = await _locked(tx, synonym_id, version)
        statement = (
            update(SearchSynonymRow)
            .where(SearchSynonymRow.id == synonym_id)
            .values(version=version + 1, **values)
        )
        row = await tx.one(statement.returning(*_COLUMNS))
        told = {name: getattr(before, name) for name in values}
        tx.record(
            "search_synonyms.changed", "search_synonyms", synonym_id, before=told, after=values
        )
    return _view(row)


async def delete_synonyms(
    platform: Platform, caller: Caller, synonym_id: UUID, version: int
) -> None:
    """Delete synonyms; raises NotFound, StaleVersion."""
    _check_operator(caller)
    async with transaction(platform, caller) as tx:
        before = await _locked(tx, synonym_id, version)
        await tx.execute(delete(SearchSynonymRow).where(SearchSynonymRow.id == synonym_id))
        told = {"language": before.language, "terms": before.terms}
        tx.record("search_synonyms.deleted", "search_synonyms", synonym_id, before=told)


def _check_operator(caller: Caller) -> None:
    caller.require("catalog:write")
    if not caller.is_operator:
        raise NotPermitted("The operator keeps synonyms.")


async def _locked(tx: Transaction, synonym_id: UUID, version: int) -> Row[Any]:
    found = select(*_COLUMNS).where(SearchSynonymRow.id == synonym_id).with_for_update()
    row = await tx.maybe(found)
    if row is None:
        raise NotFound("There are no such synonyms.")
    if row.version != version:
        raise StaleVersion(f"The present version is {row.version}; read it again.")
    return row


def _values(data: SynonymsInput) -> dict[str, Any]:
    """Write terms as searches read them.

    Raises InvalidInput for one without a letter or digit, and for a language nobody knows.
    """
    terms = _phrases(data.terms, "/terms")
    replacements = _phrases(data.replacements, "/replacements")
    if not replacements and len(terms) == 1:
        detail = "One term alone means nothing else: name another, or replacements."
        raise invalid("/terms", "too_few", detail)
    language = base_language(checked_language(data.language)) if data.language else ""
    return {"language": language, "terms": terms, "replacements": replacements}


def _phrases(given: Sequence[str], pointer: str) -> list[str]:
    phrases = []
    for place, text in enumerate(given):
        phrase = " ".join(words_of(text))
        if not phrase:
            detail = "A term has a letter or a digit in it."
            raise invalid(f"{pointer}/{place}", "no_word", detail)
        phrases.append(phrase)
    return list(dict.fromkeys(phrases))


def _view(row: Row[Any]) -> SynonymsView:
    return SynonymsView(
        id=row.id,
        language=row.language,
        terms=list(row.terms),
        replacements=list(row.replacements),
        version=row.version,
        created_at=row.created_at,
    )
