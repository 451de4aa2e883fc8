"""The languages a request asks texts in: ``?language=`` if it is there, else `Accept-Language`."""

from typing import Annotated, TypeAlias

from litestar.params import HeaderParameter, QueryParameter

from catalog.languages.tags import accepted_languages, checked_language, fallbacks

Languages: TypeAlias = tuple[str, ...]
"""Languages to look for, in order; empty where the reader takes what there is."""

LanguageQuery = Annotated[
    str | None,
    QueryParameter(
        name="language",
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?(?!\n)$",
        description="Language of texts (BCP 47, as in de or pt-BR); it goes before the header.",
    ),
]
AcceptLanguage = Annotated[
    str | None,
    HeaderParameter(
        name="Accept-Language",
        required=False,
        description="Languages of texts, the best liked first; what there is none of falls back.",
    ),
]


def asked_languages(language: str | None, accept_language: str | None) -> Languages:
    """Give the languages to look for; raises InvalidInput for one nobody knows in the query."""
    if language is not None:
        return fallbacks([checked_language(language, "?language")])
    return fallbacks(accepted_languages(accept_language or ""))
