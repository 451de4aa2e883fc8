"""The fonts of documents and plots, and what is shown in the place of what none of them has.

Ours is DejaVu Sans, which comes with the plotter. Whoever buys in China, Japan, Korea or India
names directories with fonts of his in ``MARKETPLACE_FONTS``. Words in letters that no font has are
put into Latin ones between angle quotes: a reader sees that something stood there and about what,
and a box tells nothing. For the process apart alone.
"""

import importlib.util
import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from marketplace.kernel.errors import Unavailable
from marketplace.platform.settings import font_directories

OURS: Final = "DejaVu Sans"
_ENDINGS: Final = {".ttf", ".otf", ".ttc", ".otc"}
_BEGIN: Final = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"
_END: Final = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
# Latin, Greek, Cyrillic: all of it is in ours. Only beyond does anybody look.
_BEYOND: Final = re.compile("[^\u0000-\u02e9\u0300-\u04ff\u2010-\u2027\u2030-\u205e\u20ac]+")


@dataclass(frozen=True, slots=True)
class Fonts:
    """Directories of fonts, the files in them beside ours with their families, and what all know.

    `known` are code points that one of them has.
    """

    directories: tuple[Path, ...]
    files: tuple[Path, ...]
    families: tuple[str, ...]
    known: frozenset[int]

    def legible(self, text: str) -> str:
        """Give a text with Latin letters between angle quotes for what no font has."""
        return _BEYOND.sub(lambda found: self._known_of(found.group()), text)

    def _known_of(self, text: str) -> str:
        parts = []
        for unknown, letters in _runs(text, self.known):
            parts.append(latin(letters) if unknown else letters)
        return "".join(parts)


def latin(letters: str) -> str:
    """Write letters in Latin ones between angle quotes; code points where nobody knows how."""
    from anyascii import anyascii  # noqa: PLC0415 - tables of its own, for the process apart alone

    told = anyascii(letters).strip() or " ".join(f"U+{ord(each):04X}" for each in letters)
    return f"{_BEGIN}{told}{_END}"


def _runs(text: str, known: frozenset[int]) -> list[tuple[bool, str]]:
    runs: list[tuple[bool, str]] = []
    for each in text:
        unknown = ord(each) not in known
        if runs and runs[-1][0] is unknown:
            runs[-1] = unknown, runs[-1][1] + each
        else:
            runs.append((unknown, each))
    return runs


@lru_cache(maxsize=1)
def fonts() -> Fonts:
    """Read which fonts there are, once in a process."""
    ours = _plotters()
    named = font_directories()
    found = sorted(
        path
        for directory in named
        for path in directory.rglob("*")
        if path.suffix.lower() in _ENDINGS
    )
    known: set[int] = set(_of(ours / "DejaVuSans.ttf")[1])
    families: dict[str, None] = {}
    files = []
    for path in found:
        names, points = _of(path)
        files += [path] if names else []
        families |= dict.fromkeys(names)
        known |= points
    return Fonts((ours, *named), tuple(files), tuple(families), frozenset(known))


def _of(path: Path) -> tuple[list[str], set[int]]:
    """Give the families in a file of fonts, and the code points that they have.

    A file that is no font has none: it is no reason to print nothing.
    """
    from fontTools.ttLib import TTCollection, TTFont, TTLibError  # noqa: PLC0415

    names: list[str] = []
    points: set[int] = set()
    many = path.suffix.lower() in {".ttc", ".otc"}
    try:
        with TTCollection(path, lazy=True) if many else TTFont(path, lazy=True) as found:
            for font in found.fonts if many else [found]:
                # The typographic family, where there is one beside that of four styles.
                name = font["name"].getBestFamilyName()
                names += [name] if name else []
                points |= set(font.getBestCmap() or ())
    except (OSError, TTLibError, KeyError, ValueError, struct.error):
        return [], set()
    return names, points


def _plotters() -> Path:
    """Find DejaVu Sans, which the plotter brings with it, without importing the plotter."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        raise Unavailable("The plotter with its fonts is not installed.", retry_after_s=60)
    return Path(found.origin).parent / "mpl-data" / "fonts" / "ttf"
