"""Languages of texts: which tags there are, and whose text a reader gets; pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

from babel import Locale

from marketplace.kernel.errors import invalid
from marketplace.kernel.limits import LANGUAGES_WANTED_MAX

LAST_RESORT: Final = "en"
"""Whose text is shown where there is none in a language the reader asked for."""

_TAG: Final = re.compile(
    r"(?P<language>[a-z]{2,3})(-(?P<script>[a-z]{4}))?(-(?P<region>[a-z]{2}|\d{3}))?",
    re.ASCII | re.IGNORECASE,
)
_RANGE: Final = re.compile(
    r"\s*([A-Za-z0-9-]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.ASCII
)
_ENGLISH: Final = Locale("en")

T = TypeVar("T")


def canonical_language(tag: str) -> str | None:
    """Give a short tag of BCP 47 in its usual case (``de``, ``pt-BR``, ``zh-Hant-TW``), or None.

    Language, script and region must be known; variants and private parts are no use in a catalog.
    """
    match = _TAG.fullmatch(tag)
    if match is None:
        return None
    language = match["language"].lower()
    script = (match["script"] or "").title()
    region = (match["region"] or "").upper()
    known = (
        language in _ENGLISH.languages
        and (not script or script in _ENGLISH.scripts)
        and (not region or region in _ENGLISH.territories)
    )
    return "-".join(filter(None, (language, script, region))) if known else None


def base_language(tag: str) -> str:
    """Give the language of a tag alone, whose words are looked for: `de` of ``de-AT``."""
    return tag.partition("-")[0]


def checked_language(tag: str, pointer: str = "/language") -> str:
    """Give a tag in its usual case; raises InvalidInput for one nobody knows."""
    canonical = canonical_language(tag)
    if canonical is None:
        detail = f"{tag!r} is no language known here: write it as in de, en or pt-BR (BCP 47)."
        raise invalid(pointer, "unknown_language", detail)
    return canonical


def accepted_languages(header: str) -> tuple[str, ...]:
    """Read Accept-Language: known languages, the best liked first; what is no language is skipped.

    ``*`` and ``q=0`` ask for nothing: there is always a last resort.
    """
    if not header:
        return ()
    liked: list[tuple[float, str]] = []
    for part in header.split(","):
        match = _RANGE.fullmatch(part)
        tag = canonical_language(match[1]) if match else None
        quality = float(match[2] or 1) if match and match[2] else 1.0
        if tag is not None and quality > 0:
            liked.append((quality, tag))
    liked.sort(key=lambda each: -each[0])
    return tuple(tag for _, tag in liked[:LANGUAGES_WANTED_MAX])


def fallbacks(wanted: Iterable[str]) -> tuple[str, ...]:
    """Give the languages to look for, in order: each with its shorter forms, as RFC 4647 says.

    >>> fallbacks(["de-AT", "fr"])
    ('de-AT', 'de', 'fr')
    """
    chain: dict[str, None] = {}
    for tag in wanted:
        parts = tag.split("-")
        for length in range(len(parts), 0, -1):
            chain.setdefault("-".join(parts[:length]))
    return tuple(chain)


def chosen(texts: Mapping[str, T], chain: Sequence[str]) -> T | None:
    """Give the text in the first language of the chain that there is, None if there is none."""
    return next((texts[language] for language in chain if language in texts), None)


def name_in(names: Mapping[str, str], chain: Sequence[str]) -> str:
    """Give a name that must be shown in some language: asked for, else English, else the first."""
    return chosen(names, (*chain, LAST_RESORT)) or names[min(names)]
