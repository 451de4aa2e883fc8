"""What a text asks of the catalog."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.search.rules import (
    CODE,
    PLAIN,
    Synonym,
    Term,
    distance,
    groups_of,
    meanings_of,
    phrases_of,
    price_steps,
    words_of,
)
from marketplace.kernel.limits import SEARCH_WORDS_MAX


def test_a_word_is_asked_for_by_its_stem_and_as_it_stands_and_the_last_one_by_its_beginning() -> (
    None
):
    first, last = groups_of(words_of("Hexagon  BOLT"), "en")
    assert first == (Term("search_en", "'hexagon'"), Term(PLAIN, "'hexagon'"))
    assert last == (
        Term("search_en", "'bolt'"),
        Term(PLAIN, "'bolt'"),
        Term(PLAIN, "'bolt':*", exact=False),
    )


def test_without_a_language_words_have_the_stems_of_the_fallback() -> None:
    (group,) = groups_of(("lager",), "")
    assert [term.kind for term in group] == ["search_en", "search_de", PLAIN, PLAIN]
    (group,) = groups_of(("lager",), "xx")
    assert {term.kind for term in group} == {PLAIN}


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("6204-2RS", ["6204-2rs"]),
        ("62042rs", ["62042rs"]),
        ("o-ring", ["o-ring"]),
        ("bolt", []),
        ("M8x20 A2", ["m8x20", "a2"]),
        ("10mm", ["10mm"]),
        ("10 mm", ["10mm"]),
        ("0,5 mm²", ["0,5mm2"]),
        ("2 kabel", ["2"]),
    ],
)
def test_what_has_a_digit_or_punctuation_in_it_is_a_code_too(text: str, codes: list[str]) -> None:
    groups = groups_of(words_of(text), "de")
    assert [term.text for group in groups for term in group if term.kind == CODE] == codes


def test_norms_and_raised_units_are_found_however_they_are_written() -> None:
    (group,) = groups_of(words_of("DIN125"), "de")
    assert Term(PLAIN, "'din' & '125'", exact=False) in group
    (size,) = groups_of(words_of("M8"), "de")
    assert size == (Term(CODE, "m8"),)
    for typed in ("1,5mm²", "1,5 mm2"):
        (group,) = groups_of(words_of(typed), "de")
        assert group == (Term(CODE, "1,5mm2"), Term(PLAIN, "'1' <-> '5' & ('mm2' | 'mm²')"))


@pytest.mark.parametrize(
    "typed", ["20x47x14", "20 x 47 x 14 mm", "20X47 x14", "20×47×14mm", "20*47*14"]
)
def test_a_size_is_one_thing_however_it_is_written(typed: str) -> None:
    (group,) = groups_of(words_of(typed), "en")
    assert group == (
        Term(CODE, "20x47x14"),
        Term(PLAIN, "'20' <-> 'x' <-> '47' <-> 'x' <-> '14'"),
    )


def test_a_size_stands_among_words_and_numbers_beside_it_are_none_of_it() -> None:
    groups = groups_of(words_of("cable 5 3x1,5 mm2 bolt M8 x 30"), "en")
    sizes = [group[0].text for group in groups if group[0].kind == CODE]
    assert sizes == ["5", "3x1,5", "m8x30"]
    assert Term(PLAIN, "'3' <-> 'x' <-> '1' <-> '5'") in groups[2]
    assert len(groups) == 5
    for other in ("6204 x", "x 20", "M8x30-88", "2RSx", "25 2"):
        assert all(
            "<->" not in term.text for group in groups_of(words_of(other), "en") for term in group
        )


def test_a_number_is_the_same_with_zeros_behind_its_mark() -> None:
    for typed in ("6,0 mm", "6.00mm"):
        (group,) = groups_of(words_of(typed), "en")
        assert group == (Term(CODE, "6mm"), Term(PLAIN, "'6' & ('mm')"))
    (group,) = groups_of(words_of("6.50"), "en")
    assert group == (
        Term(CODE, "6.50"),
        Term(PLAIN, "'6' <-> '50'"),
        Term(CODE, "6.5"),
        Term(PLAIN, "'6' <-> '5'"),
    )
    (group,) = groups_of(words_of("100"), "en")
    assert group == (Term(CODE, "100", exact=False), Term(PLAIN, "'100'"))


def test_a_synonym_is_looked_for_beside_the_word_and_both_ways_unless_directed() -> None:
    two_way = Synonym(("allen key", "hex key"))
    directed = Synonym(("spanner",), ("wrench",))
    (group,) = groups_of(words_of("allen key"), "en", [two_way])
    assert Term(PLAIN, "'allen' & 'key'") in group
    assert Term(PLAIN, "'hex' & 'key'", exact=False) in group
    (group,) = groups_of(words_of("hex key"), "en", [two_way])
    assert Term(PLAIN, "'allen' & 'key'", exact=False) in group
    (group,) = groups_of(("spanner",), "en", [directed])
    assert Term("search_en", "'wrench'", exact=False) in group
    (group,) = groups_of(("wrench",), "en", [directed])
    assert "spanner" not in str(group)
    steel, key, _ = groups_of(words_of("steel hex key red"), "en", [two_way])
    assert Term(PLAIN, "'steel'") in steel
    assert Term(PLAIN, "'hex' & 'key'") in key


@pytest.mark.parametrize(
    ("word", "meant", "not_meant"),
    [
        ("bearng", "bearing", "clearing"),
        ("scruw", "screw", "crew"),
        ("bult", "bolt", "belts"),
        ("lager", "rillenkugellager", "kugel"),
        ("wahser", "washer", "winder"),
        ("ringe", "ring", "rangieren"),
        ("hex", "hexagonal", "helix"),
    ],
)
def test_a_word_may_mean_a_longer_one_it_is_in_or_one_a_typing_error_away(
    word: str, meant: str, not_meant: str
) -> None:
    terms = meanings_of(word, [meant, not_meant])
    assert terms == (Term(PLAIN, f"'{meant}'", exact=False),)


WORDS = st.text("abcde", max_size=6)


@given(WORDS, WORDS)
def test_a_distance_is_the_same_both_ways_and_nought_only_for_equal_words(
    one: str, other: str
) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)


@given(WORDS, st.integers(0, 5), st.sampled_from("abcde"))
def test_one_letter_more_is_a_distance_of_one(word: str, at: int, letter: str) -> None:
    longer = word[:at] + letter + word[at:]
    assert distance(word, longer) == 1


@given(st.text(max_size=80), st.sampled_from(["", "de", "en", "xx"]))
def test_any_text_is_a_search_that_says_nothing_to_the_parser(text: str, language: str) -> None:
    """Terms hold letters and digits in quotes, and operators of ours; codes are written in SQL."""
    quoted, ours = re.compile(r"'([^']*)'"), re.compile(r"[Q &|()<>-]+(:\*)?")
    words = words_of(text)
    assert len(words) <= SEARCH_WORDS_MAX
    groups = groups_of(words, language)
    assert len(groups) <= len(words)
    assert bool(groups) == bool(words)
    for group in groups:
        assert group
        for term in group:
            if term.kind != CODE:
                assert all(one.isalnum() for one in quoted.findall(term.text))
                assert ours.fullmatch(quoted.sub("Q", term.text))


def test_the_phrases_of_a_search_are_all_its_runs_of_words() -> None:
    assert phrases_of(("a", "b", "c")) == ["a", "a b", "a b c", "b", "b c", "c"]


@given(st.integers(0, 50), st.integers(1, 6))
def test_ranges_hold_every_price_once(count: int, steps: int) -> None:
    ranges = price_steps(count, steps)
    assert [at for first, last in ranges for at in range(first, last)] == list(range(count))
    assert len(ranges) <= steps
    sizes = [last - first for first, last in ranges]
    assert not sizes or max(sizes) - min(sizes) <= 1
