"""PDF from a template and data.

A template is a ``.typ`` file of a package, and reads no file outside its directory. The data comes
to it as JSON, as values that it shows: nothing of it is ever markup. Fonts are those of the
typesetter and those of `fonts`, never those of the machine, so that the same data gives the same
bytes on each that is set up alike. Words without glyphs are put into Latin letters, and the
document says so in its foot, see `Typeset.complete`. It is PDF/A-2a, tagged.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from marketplace.kernel.errors import InvalidInput
from marketplace.kernel.limits import (
    TYPESET_DATA_BYTES_MAX,
    TYPESET_PDF_BYTES_MAX,
    TYPESET_SECONDS_MAX,
)
from marketplace.platform.apart import run_apart
from marketplace.platform.fonts import OURS, fonts

PDF: Final = "application/pdf"
ARCHIVAL: Final = "a-2a"
# Without `fallback: false` a font that draws a box for whatever it does not know would stand in.
_MAIN: Final = """
#set text(font: ("Libertinus Serif"{}), fallback: false)
#include "{}"
"""
_NO_GLYPH: Final = "could not be displayed"


@dataclass(frozen=True, slots=True)
class Typeset:
    """A PDF. Not `complete`, some of its words are put into Latin letters."""

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
    legible = _legible(data)
    for archival in (True, False):
        try:
            pdf = _compile(template, legible, at, complete=False, archival=archival)
            return Typeset(pdf, complete=False)
        except Exception as error:  # noqa: BLE001
            if not archival or _NO_GLYPH not in str(error):
                return str(error)
    return _NO_GLYPH


def _legible(data: str) -> str:
    """Give data in which every text can be shown."""

    def shown(value: Any) -> Any:
        match value:
            case str():
                return fonts().legible(value)
            case list():
                return [shown(each) for each in value]
            case dict():
                return {name: shown(each) for name, each in value.items()}
        return value

    return msgspec.json.encode(shown(msgspec.json.decode(data))).decode()


def _compile(
    template: str, data: str, at: datetime, *, complete: bool, archival: bool = True
) -> bytes:
    import typst  # noqa: PLC0415 - 30 MB, for the process apart alone

    path = Path(template)
    nowhere = path.parent / "no-packages"
    inputs = {"data": data, "complete": "yes" if complete else "no"}
    families = "".join(f", {msgspec.json.encode(name).decode()}" for name in _families())
    # Its declared overloads know no list of paths.
    compile_: Any = typst.compile
    pdf: bytes = compile_(
        _MAIN.format(families, path.name).encode(),
        root=path.parent,
        font_paths=list(fonts().directories),
        ignore_system_fonts=True,
        format="pdf",
        sys_inputs=inputs,
        timestamp=at,
        package_path=nowhere,
        package_cache_path=nowhere,
        pdf_standards=[ARCHIVAL] if archival else [],
    )
    return pdf


def _families() -> tuple[str, ...]:
    return (OURS, *fonts().families)
