"""PDF from a template and data.

A template is a ``.typ`` file of a package, and reads no file outside its directory. The data comes
to it as JSON, as values that it shows: nothing of it is ever markup. Fonts are those of the
typesetter and DejaVu Sans, so that the same data gives the same bytes on every machine; beyond
Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian and Georgian they have no glyphs. A document whose
characters all have one is PDF/A-2a, tagged; another is tagged PDF and says so in its foot, see
`Typeset.complete`.
"""

import importlib.util
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from marketplace.kernel.errors import InvalidInput, Unavailable
from marketplace.kernel.limits import (
    TYPESET_DATA_BYTES_MAX,
    TYPESET_PDF_BYTES_MAX,
    TYPESET_SECONDS_MAX,
)
from marketplace.platform.apart import run_apart

PDF: Final = "application/pdf"
ARCHIVAL: Final = "a-2a"
# Without `fallback: false` a font that draws a box for whatever it does not know would stand in.
_MAIN: Final = """
#set text(font: ("Libertinus Serif", "DejaVu Sans"), fallback: false)
#include "{}"
"""
_NO_GLYPH: Final = "could not be displayed"


@dataclass(frozen=True, slots=True)
class Typeset:
    """A PDF. Not `complete`, it holds characters without a glyph, and is not PDF/A."""

    pdf: bytes
    complete: bool


async def typeset(template: Path, data: object, at: datetime) -> Typeset:
    """Typeset a document; `at` is the instant the document bears as the one it was made at.

    The template finds the data as JSON in ``sys.inputs.data``, and in ``sys.inputs.complete``
    whether each character has a glyph. Raises InvalidInput where there is too much of it,
    Unavailable where it takes too long.
    """
    text = msgspec.json.encode(data)
    if len(text) > TYPESET_DATA_BYTES_MAX:
        raise too_much()
    made = await run_apart(
        compiled,
        str(template),
        text.decode(),
        at.astimezone(UTC).replace(microsecond=0),
        seconds_max=TYPESET_SECONDS_MAX,
    )
    if isinstance(made, str):
        raise BrokenTemplate(made)
    if len(made.pdf) > TYPESET_PDF_BYTES_MAX:
        raise too_much()
    return made


class BrokenTemplate(Exception):
    """A template does not fit its data: a mistake of ours, not of whoever asked."""


def too_much() -> InvalidInput:
    """Make the error of what is too long for a document."""
    most = TYPESET_DATA_BYTES_MAX // 1_048_576
    return InvalidInput(f"This is too much for a document, which takes up to {most} MB of text.")


def compiled(template: str, data: str, at: datetime) -> Typeset | str:
    """Typeset in this process; a text says why it could not. Not for the API's own process."""
    try:
        return Typeset(_compile(template, data, at, complete=True), complete=True)
    except Exception as error:  # noqa: BLE001 - the typesetter's errors are unknown where they go
        if _NO_GLYPH not in str(error):
            return str(error)
    try:
        return Typeset(_compile(template, data, at, complete=False), complete=False)
    except Exception as error:  # noqa: BLE001
        return str(error)


def _compile(template: str, data: str, at: datetime, *, complete: bool) -> bytes:
    import typst  # noqa: PLC0415 - 30 MB, for the process apart alone

    path = Path(template)
    nowhere = path.parent / "no-packages"
    inputs = {"data": data, "complete": "yes" if complete else "no"}
    # Its declared overloads know no list of paths.
    compile_: Any = typst.compile
    pdf: bytes = compile_(
        _MAIN.format(path.name).encode(),
        root=path.parent,
        font_paths=list(_fonts()),
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs=inputs,
        timestamp=at,
        package_path=nowhere,
        package_cache_path=nowhere,
        pdf_standards=[ARCHIVAL] if complete else [],
    )
    return pdf


@lru_cache(maxsize=1)
def _fonts() -> tuple[Path, ...]:
    """Find DejaVu Sans, which the plotter brings with it, without importing the plotter."""
    found = importlib.util.find_spec("matplotlib")
    if found is None or found.origin is None:
        raise Unavailable("The plotter with its fonts is not installed.", retry_after_s=60)
    return (Path(found.origin).parent / "mpl-data" / "fonts" / "ttf",)
