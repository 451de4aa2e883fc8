"""Classification codes, languages of texts, addresses of media, relations."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.products.content import (
    ClassCode,
    Relation,
    RelationKind,
    check_media_addresses,
    check_relations,
    checked_code,
    checked_codes,
    checked_languages,
)
from marketplace.kernel.errors import InvalidInput


@pytest.mark.parametrize(
    ("scheme", "code", "kept"),
    [
        ("UNSPSC", "31171504", ClassCode("unspsc", "31171504")),
        ("unspsc", "31170000", ClassCode("unspsc", "31170000")),
        ("ECL@SS", "23050801", ClassCode("eclass", "23-05-08-01")),
        ("eclass", "23-05-08-01", ClassCode("eclass", "23-05-08-01")),
        ("etim", "ec002714", ClassCode("etim", "EC002714")),
        ("hs", "8482.10", ClassCode("hs", "8482.10")),
        ("house", "Größe-7", ClassCode("house", "Größe-7")),
    ],
)
def test_a_code_is_kept_in_the_form_of_its_scheme(scheme: str, code: str, kept: ClassCode) -> None:
    assert checked_code(ClassCode(scheme, code)) == kept


@pytest.mark.parametrize(
    ("scheme", "code", "where"),
    [
        ("unspsc", "3117150", "/code"),
        ("unspsc", "31001504", "/code"),
        ("unspsc", "01171504", "/code"),
        ("unspsc", "3117150x", "/code"),
        ("eclass", "23-05-08", "/code"),
        ("etim", "EV002714", "/code"),
        ("hs", "84 82", "/code"),
        ("hs", "", "/code"),
        ("hs", "8" * 65, "/code"),
        ("no scheme", "1", "/scheme"),
        ("", "1", "/scheme"),
    ],
)
def test_a_code_out_of_form_is_refused_with_its_place(scheme: str, code: str, where: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_code(ClassCode(scheme, code), "/codes/2")
    assert [error.pointer for error in caught.value.errors] == [f"/codes/2{where}"]


def test_a_product_has_one_code_of_each_version_of_a_scheme() -> None:
    both = [ClassCode("eclass", "23050801", "8.0"), ClassCode("eclass", "23050802", "11.1")]
    assert len(checked_codes(both)) == 2
    with pytest.raises(InvalidInput) as caught:
        checked_codes([*both, ClassCode("ecl@ss", "23-05-08-03", "8.0"), ClassCode("etim", "1")])
    assert [(e.pointer, e.code) for e in caught.value.errors] == [
        ("/codes/2/scheme", "duplicate"),
        ("/codes/3/code", "invalid_code"),
    ]


@settings(max_examples=50)
@given(st.text(max_size=20), st.text(max_size=20))
def test_a_code_once_kept_is_kept_again_as_it_is(scheme: str, code: str) -> None:
    try:
        kept = checked_code(ClassCode(scheme, code))
    except InvalidInput:
        return
    assert checked_code(kept) == kept


def test_texts_are_in_known_languages_each_once() -> None:
    assert checked_languages(["de", "PT-br"]) == ["de", "pt-BR"]
    with pytest.raises(InvalidInput) as caught:
        checked_languages(["de", "DE", "xx"])
    assert [(e.pointer, e.code) for e in caught.value.errors] == [
        ("/texts/1/language", "duplicate"),
        ("/texts/2/language", "unknown_language"),
    ]


def test_an_address_of_a_picture_may_be_any_public_https_one() -> None:
    check_media_addresses(["https://cdn.example.com:8443/a%20b.jpg?size=2#x"])


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/a.jpg",
        "javascript:alert(1)",
        "https://user:pw@example.com/a.jpg",
        "https:///a.jpg",
        "https://localhost/a.jpg",
        "https://example.com:99999/",
        "https://example.com/a b",
        "https://example.com/\u0000",
        "https://[::1",
        "https://example.com/" + "x" * 2000,
        "",
    ],
)
def test_an_address_a_browser_should_not_be_sent_to_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_media_addresses(["https://example.com/a.jpg", address])
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/media/1/url", "invalid_url")


def test_a_product_is_related_neither_to_itself_nor_twice() -> None:
    own, other = UUID(int=1), UUID(int=2)
    accessory = Relation(other, RelationKind.ACCESSORY)
    check_relations(own, [accessory, Relation(other, RelationKind.SUBSTITUTE)])
    with pytest.raises(InvalidInput) as caught:
        check_relations(own, [accessory, Relation(own, RelationKind.BUNDLE), accessory])
    assert [(e.pointer, e.code) for e in caught.value.errors] == [
        ("/relations/1/product_id", "itself"),
        ("/relations/2/product_id", "duplicate"),
    ]
