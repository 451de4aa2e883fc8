"""Documents: what users write is text, the bytes are the same each time, files stay unread."""

import os
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import anyio.to_process
import pypdfium2
import pytest
from anyio.abc import Process

from marketplace.kernel.errors import InvalidInput, Unavailable
from marketplace.platform import apart, typesetting
from marketplace.platform.fonts import fonts
from marketplace.platform.typesetting import BrokenTemplate, Typeset, compiled, typeset

TEMPLATES = Path(__file__).parent / "templates"
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def _processes_end() -> AsyncIterator[None]:
    yield
    try:
        workers: set[Process] = anyio.to_process._process_pool_workers.get()
    except LookupError:
        return
    for each in workers:
        if each.returncode is None:
            each.kill()
            await each.aclose()


def text_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_range() for page in document)
    finally:
        document.close()


def letter(body: str, title: str = "A letter") -> Typeset:
    made = compiled(str(TEMPLATES / "letter.typ"), _json(title, body), AT)
    assert isinstance(made, Typeset), made
    return made


def _json(title: str, body: str) -> str:
    return typesetting.msgspec.json.encode({"title": title, "body": body}).decode()


@pytest.mark.parametrize(
    "body",
    [
        '#read("/etc/passwd")',
        "#panic()",
        "*bold* _slanted_ $x^2$ `raw` @label <label>",
        '"); #import "@preview/cetz:0.2.0": *; (',
        "= A heading\n- a list\n#pagebreak()\\ // a remark /* another */",
        "[#sys.inputs.data]",
    ],
)
def test_what_a_user_writes_is_text_never_markup(body: str) -> None:
    made = letter(body)
    assert "".join(body.split()) in "".join(text_of(made.pdf).split())
    assert made.complete


def test_the_same_data_gives_the_same_bytes_and_an_archival_tagged_document() -> None:
    first, second = letter("Angebot über 1 200,00 €"), letter("Angebot über 1 200,00 €")
    assert first.pdf == second.pdf
    assert b"pdfaid:part" in first.pdf
    assert b"/StructTreeRoot" in first.pdf or b"MarkInfo" in first.pdf


def test_scripts_of_europe_and_the_near_east_have_glyphs() -> None:
    body = "Grüße ąęłż Ελλάδα Привет Україна العربية עברית Հայերեն ქართული € ₹ ₴"
    made = letter(body)
    assert made.complete
    assert "Україна" in text_of(made.pdf)


def test_words_no_font_has_are_put_into_latin_letters_and_that_is_told() -> None:
    made = letter('Offer of 株式会社 "ग्रीस" 🙂', title="采购")
    text = text_of(made.pdf)
    assert not made.complete
    assert 'Offer of \u2039ZhuShiHuiShe\u203a "\u2039gris\u203a"' in text
    assert "\u2039CaiGou\u203a" in text
    assert "Some characters have no glyph." in text
    assert b"pdfaid:part" in made.pdf


def test_fonts_of_the_operator_show_what_ours_do_not_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "In Fraktur: \U0001d518"
    assert not letter(body).complete
    stix = fonts().directories[0] / "STIXGeneral.ttf"
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / stix.name).write_bytes(stix.read_bytes())
    (tmp_path / "cut.ttf").write_bytes(stix.read_bytes()[:3_000])
    monkeypatch.setenv("MARKETPLACE_FONTS", f"{tmp_path}{os.pathsep}/no/such/directory")
    fonts.cache_clear()
    try:
        made = letter(body)
    finally:
        fonts.cache_clear()
    assert made.complete
    assert "\U0001d518" in text_of(made.pdf)


@pytest.mark.parametrize("path", ["/etc/passwd", "/../../../../etc/passwd", "../test_wire.py"])
def test_a_template_reads_nothing_outside_its_directory(path: str) -> None:
    data = typesetting.msgspec.json.encode({"path": path}).decode()
    made = compiled(str(TEMPLATES / "prying.typ"), data, AT)
    assert isinstance(made, str)
    assert "root" in made or "not found" in made


async def test_it_is_made_in_another_process_and_mistakes_of_templates_are_ours() -> None:
    made = await typeset(TEMPLATES / "letter.typ", {"title": "A", "body": "B"}, AT)
    assert made.pdf == letter("B", "A").pdf
    with pytest.raises(BrokenTemplate, match="body"):
        await typeset(TEMPLATES / "letter.typ", {"title": "A"}, AT)


async def test_too_much_data_is_refused_before_anything_starts() -> None:
    with pytest.raises(InvalidInput, match="too much"):
        await typeset(TEMPLATES / "letter.typ", {"title": "A", "body": "x" * 5_000_000}, AT)


async def test_who_takes_too_long_or_dies_leaves_a_clear_error_and_the_next_works() -> None:
    with pytest.raises(Unavailable, match="longer than"):
        await apart.run_apart(time.sleep, 30, seconds_max=1)
    with pytest.raises(Unavailable, match="ended before"):
        await apart.run_apart(_die, seconds_max=20)
    assert await apart.run_apart(max, 1, 2, seconds_max=20) == 2


def _die() -> None:
    os._exit(3)
