"""Which language a reader gets."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.languages.tags import (
    accepted_languages,
    canonical_language,
    checked_language,
    chosen,
    fallbacks,
    name_in,
)
from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.limits import LANGUAGES_WANTED_MAX


@pytest.mark.parametrize(
    ("tag", "canonical"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("pt-br", "pt-BR"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("xx", None),
        ("de-XX", None),
        ("de_DE", None),
        ("de-DE-1996", None),
        ("x-private", None),
        ("", None),
        ("d\u0435", None),  # a Cyrillic e
    ],
)
def test_a_language_is_a_short_tag_that_is_known(tag: str, canonical: str | None) -> None:
    assert canonical_language(tag) == canonical


def test_an_unknown_language_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_language("klingon", "/texts/0/language")
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/texts/0/language", "unknown_language")


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("de", ("de",)),
        ("de-AT, en;q=0.5, fr;q=0.9", ("de-AT", "fr", "en")),
        ("en;q=0, de", ("de",)),
        ("*", ()),
        ("de;q=0.5, *;q=0.1", ("de",)),
        ("; q=1, ,de;q=x,en", ("en",)),
        ("en ; q = 0.3 , de", ("de", "en")),
        ("", ()),
    ],
)
def test_accept_language_names_the_best_liked_first(
    header: str, languages: tuple[str, ...]
) -> None:
    assert accepted_languages(header) == languages


@settings(max_examples=50)
@given(st.text(max_size=200))
def test_no_header_does_harm(header: str) -> None:
    found = accepted_languages(header)
    assert len(found) <= LANGUAGES_WANTED_MAX
    assert all(canonical_language(tag) == tag for tag in found)


def test_a_language_falls_back_to_its_shorter_forms_before_the_next() -> None:
    assert fallbacks(["zh-Hant-TW", "de-AT", "de"]) == (
        "zh-Hant-TW",
        "zh-Hant",
        "zh",
        "de-AT",
        "de",
    )


def test_the_first_text_there_is_is_chosen() -> None:
    texts = {"en": "bolt", "de": "Schraube"}
    assert chosen(texts, ("fr", "de", "en")) == "Schraube"
    assert chosen(texts, ("fr",)) is None
    assert name_in(texts, ("fr",)) == "bolt"
    assert name_in({"pl": "śruba", "it": "vite"}, ("fr",)) == "vite"
