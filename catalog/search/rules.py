"""What a text asks of the catalog: pure.

A text becomes groups of terms. Every group must match a product, by any of its terms. Which terms a
group has depends on what stands there: a word (its stem, its plain form, the beginning of one where
the text may not be at its end), a code (without case and punctuation; its parts), a number with its
unit, a size such as ``M8 x 30`` or ``20x47x14``; and beside it what the operator calls a synonym of
it, or what it may have been meant to be.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import msgspec

from marketplace.kernel.limits import SEARCH_WORDS_MAX

LANGUAGES: Final = (
    *("ar", "da", "de", "el", "en", "es", "et", "fi", "fr", "hu", "it", "lt"),
    *("nl", "no", "pt", "ro", "ru", "sr", "sv", "tr"),
)
"""Languages whose words are found by their stems; see the migration `search`."""
NO_LANGUAGE: Final = ("en", "de")
"""Languages whose stems stand in texts of no known language, and by which these are asked."""
CODE: Final = "code"
PLAIN: Final = "search_simple"
_PIECE: Final = re.compile(r"[^\W_]+")
_MEASURE: Final = re.compile(r"([0-9][0-9.,]*)([^\W\d_]{1,3}[23]?)")
_NUMBER: Final = re.compile(r"[0-9][0-9.,]*")
_UNIT: Final = re.compile(r"[^\W\d_]{1,3}[23]?")
_RAISED: Final = str.maketrans("23", "²³")
_NORM: Final = re.compile(r"([^\W\d_]{3,})([0-9]+)")
"""A word and a number that others write apart: DIN125. One or two letters are a size, as in M8."""
_AMOUNT: Final = r"[0-9]+(?:[.,][0-9]+)?"
_SIZE: Final = re.compile(rf"([^\W\d_]?{_AMOUNT}(?: ?[x*] ?{_AMOUNT})+)(?: ?(?:mm2?|cm|m))?(?= |$)")
"""Numbers with an x or a star between, in one word or several; the first as in M8."""
_BETWEEN_SIZES: Final = re.compile(r" ?[x*] ?")
_WHOLE: Final = re.compile(r"([0-9]+)[.,]0+")
_ZEROS: Final = re.compile(r"([0-9]+[.,][0-9]*[1-9])0+")
_PREFIX_MIN: Final = 2
COMPOUND_PART_MIN: Final = 4
"""Letters of what is looked for inside of longer words: `lager` in `kugellager`, not `in`."""
_SHORT: Final = 5
"""Words up to so many letters bear one typing error, longer ones two."""


class Term(msgspec.Struct, frozen=True):
    """One way to match: a tsquery in the configuration `kind`, or a code's beginning.

    What is `exact` counts for more in the order than what is only alike.
    """

    kind: str
    text: str
    exact: bool = True


class Synonym(msgspec.Struct, frozen=True):
    """Terms that mean the same; with `replacements`, terms that are also looked for by these."""

    terms: tuple[str, ...]
    replacements: tuple[str, ...] = ()

    def alternatives(self, phrase: str) -> tuple[str, ...]:
        """Give what else to look for where somebody says `phrase`."""
        if phrase not in self.terms:
            return ()
        return self.replacements or tuple(term for term in self.terms if term != phrase)


Group = tuple[Term, ...]
Meanings = Mapping[str, Sequence[Term]]
"""What words may have been meant to be, by the word."""


def configurations(language: str) -> tuple[str, ...]:
    """Give the text search configurations by which a language's words are stemmed."""
    codes = NO_LANGUAGE if not language else (language,) if language in LANGUAGES else ()
    return tuple(f"search_{code}" for code in codes)


def words_of(text: str | None) -> tuple[str, ...]:
    """Give a search's words, the first `SEARCH_WORDS_MAX`: what has a letter or a digit in it."""
    plain = unicodedata.normalize("NFKC", text or "").lower().replace("×", "x")
    return tuple(word for word in plain.split() if _PIECE.search(word))[:SEARCH_WORDS_MAX]


def without(words: Sequence[str], places: int) -> tuple[str, ...]:
    """Leave out words, each by a bit of `places`: the first by the lowest."""
    return tuple(word for at, word in enumerate(words) if not places >> at & 1)


def phrases_of(words: Sequence[str]) -> list[str]:
    """Give all that stands in a search as a phrase of one word or more."""
    places = range(len(words) + 1)
    return [" ".join(words[first:last]) for first in places for last in places[first + 1 :]]


def groups_of(
    words: Sequence[str],
    language: str,
    synonyms: Iterable[Synonym] = (),
    meanings: Meanings | None = None,
) -> tuple[Group, ...]:
    """Read words as groups of terms, all of which must match."""
    stems = configurations(language)
    known = list(synonyms)
    groups: list[Group] = []
    at = 0
    while at < len(words):
        length, others = _longest_synonym(words, at, known)
        if length > 1:
            own = [*_pieces(words[at : at + length], stems, open_end=False)]
        elif (size := _size(words, at)) is not None:
            length, own = size
        elif _measured(words, at):
            length, own = 2, _measure(words[at], words[at + 1])
        else:
            length, own = 1, _word(words[at], stems, open_end=at == len(words) - 1)
            own += (meanings or {}).get(words[at], ())
        for other in others:
            own += _also(other, stems)
        groups.append(tuple(dict.fromkeys(own)))
        at += length
    return tuple(groups)


def _longest_synonym(
    words: Sequence[str], at: int, synonyms: Sequence[Synonym]
) -> tuple[int, list[str]]:
    for length in range(len(words) - at, 0, -1):
        phrase = " ".join(words[at : at + length])
        others = [other for each in synonyms for other in each.alternatives(phrase)]
        if others:
            return length, others
    return 1, []


def _size(words: Sequence[str], at: int) -> tuple[int, list[Term]] | None:
    """Read a size: how many words it takes, and its terms; None where none begins here.

    A text has it in one word, or with blanks around the x; decimals are parted there.
    """
    if not any(map(str.isdigit, words[at][:2])):
        return None
    found = _SIZE.match(" ".join(words[at:]))
    if found is None:
        return None
    numbers = _BETWEEN_SIZES.split(found[1])
    parts = [_following(_PIECE.findall(number)) for number in numbers]
    terms = [Term(CODE, "x".join(numbers)), Term(PLAIN, " <-> 'x' <-> ".join(parts))]
    return found[0].count(" ") + 1, terms


def _following(pieces: Sequence[str]) -> str:
    """Write pieces as a tsquery of one right behind the other."""
    return " <-> ".join(f"'{piece}'" for piece in pieces)


def _measured(words: Sequence[str], at: int) -> bool:
    return (
        at + 1 < len(words)
        and _NUMBER.fullmatch(words[at]) is not None
        and _UNIT.fullmatch(words[at + 1]) is not None
    )


def _measure(number: str, unit: str) -> list[Term]:
    """A number and its unit, written together or apart; `mm2` is also written `mm²`."""
    units = {unit, unit[:-1] + unit[-1].translate(_RAISED)}
    either = " | ".join(f"'{each}'" for each in sorted(units))
    terms = []
    for each in _forms(number):
        numbers = _following(_PIECE.findall(each))
        terms += [Term(CODE, each + unit), Term(PLAIN, f"{numbers} & ({either})")]
    return terms


def _forms(number: str) -> Sequence[str]:
    """Give the forms of a number: ``6,0`` is written 6, ``6,50`` as it stands or 6,5."""
    whole, short = _WHOLE.fullmatch(number), _ZEROS.fullmatch(number)
    if whole is not None:
        return (whole[1],)
    return (number,) if short is None else (number, short[1])


def _word(word: str, stems: Sequence[str], *, open_end: bool) -> list[Term]:
    measure = _MEASURE.fullmatch(word)
    if measure is not None:
        return _measure(measure[1], measure[2])
    pieces = _PIECE.findall(word)
    coded = any(map(str.isdigit, word))
    if _NUMBER.fullmatch(word):
        return [term for form in _forms(word) for term in _number(form)]
    terms = [Term(CODE, word)] if coded or len(pieces) > 1 else []
    norm = _NORM.fullmatch(word)
    if norm is not None:
        return [*terms, Term(PLAIN, _joined(norm.groups(), open_end=False), exact=False)]
    if coded:
        long = len(pieces[-1]) >= _PREFIX_MIN
        return [*terms, *_pieces((word,), (), open_end=long)] if len(pieces) > 1 else terms
    terms += _pieces((word,), stems, open_end=False)
    if open_end and len(pieces[-1]) >= _PREFIX_MIN:
        terms += [Term(PLAIN, _joined(pieces, open_end=True), exact=False)]
    return terms


def _number(number: str) -> list[Term]:
    """Read a number: that one counts for more than others that begin so."""
    pieces = _PIECE.findall(number)
    return [Term(CODE, number, exact=len(pieces) > 1), Term(PLAIN, _following(pieces))]


def _also(phrase: str, stems: Sequence[str]) -> list[Term]:
    words = words_of(phrase)
    if len(words) == 1 and any(map(str.isdigit, words[0])):
        return [Term(CODE, words[0], exact=False)]
    return [
        Term(term.kind, term.text, exact=False) for term in _pieces(words, stems, open_end=False)
    ]


def _pieces(words: Sequence[str], stems: Sequence[str], *, open_end: bool) -> list[Term]:
    pieces = [piece for word in words for piece in _PIECE.findall(word)]
    return [Term(kind, _joined(pieces, open_end=open_end)) for kind in (*stems, PLAIN)]


def _joined(pieces: Sequence[str], *, open_end: bool) -> str:
    """Write pieces as a tsquery that all of them match; they are letters and digits alone."""
    quoted = " & ".join(f"'{piece}'" for piece in pieces)
    return f"{quoted}:*" if open_end else quoted


# What a word may have been meant to be


def correctable(words: Sequence[str]) -> list[str]:
    """Give the words in which a typing error can be told: letters alone, three at least."""
    return [word for word in words if len(word) > _PREFIX_MIN and word.isalpha()]


def meanings_of(word: str, vocabulary: Iterable[str]) -> tuple[Term, ...]:
    """Give what a word may mean by the words there are.

    That is one it begins or, where it is not short, is in; and one a typing error away.
    """
    return tuple(
        Term(PLAIN, f"'{other}'", exact=False)
        for other in sorted(set(vocabulary))
        if _means(word, other)
    )


def compound_of(first: str, second: str) -> Term:
    """Give the meaning of a compound whose parts stand apart, or in other compounds."""
    return Term(PLAIN, f"'{first}' & '{second}'", exact=False)


def _means(word: str, other: str) -> bool:
    if word == other:
        return False
    if other.startswith(word) or (len(word) >= COMPOUND_PART_MIN and word in other):
        return True
    return distance(word, other) <= (1 if len(word) <= _SHORT else 2)


def distance(one: str, other: str) -> int:
    """Count the letters left out, added, changed or swapped with the next between two words."""
    if abs(len(one) - len(other)) > 2:  # noqa: PLR2004 - more is never asked for
        return 3
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row = row, [i]
        for j, b in enumerate(other, 1):
            least = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                least = min(least, before[j - 2] + 1)
            row.append(least)
        before = above
    return row[-1]


# Ranges of own prices


def price_steps(count: int, steps: int) -> list[tuple[int, int]]:
    """Part so many ordered prices into up to `steps` ranges that hold about as many each.

    Gives the place of each range's first, and of the first behind it.
    """
    cuts = sorted({count * step // steps for step in range(steps + 1)})
    return list(pairwise(cuts))
