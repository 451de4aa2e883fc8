"""A sheet that would need more memory than it has bytes is refused before it is read."""

import pytest

from catalog.imports.sheet_bounds import SheetBounds, Unbounded

SMALL = b'<?xml version="1.0"?><sheetData><row r="1"><c r="A1"><v>1</v></c></row>'


def look(data: bytes, size: int = 7) -> None:
    bounds = SheetBounds()
    for start in range(0, len(data), size):
        bounds.feed(data[start : start + size])


@pytest.mark.parametrize(
    "more",
    [
        b"",
        b'<row r="100000"><c r="O100000" t="s"><v>1</v></c></row>',
        b"<row><c><v>1</v></c><c/></row>" * 2_000,
        b"<x:row><x:c r='C9'/></x:row><cols><col min='1'/></cols>",
    ],
)
@pytest.mark.parametrize("size", [1, 100, 1_000_000])
def test_a_sheet_of_usual_extent_may_be_read(more: bytes, size: int) -> None:
    look(SMALL + more + b"</sheetData>", size)


@pytest.mark.parametrize(
    "more",
    [
        b'<c r="XFD1048576"/>',
        b'<c r="xfd1000"/>',
        b"<x:c r = 'XFD1000' />",
        b"<\xc3\xa9:c r='XFD1000'/>",
        b'<c x=">" r="XFD1000"/>',
        b"""<c x=" r='A1' " r="XFD1000"/>""",
        b'<c r="&#88;FD1000"/>',
        b"""<c y="<" r="XFD1000"/>""",
        b'<row r="9999999"><c/><c/></row>',
        b"<row>" + b"<c/>" * 2_000 + b'<c r="A1000"/>',
        b"<row><c/><!-- <row> --><c/>",
        b"<row><c/><?x <row> ?><c/>",
        b"<c " + b"x" * 5_000,
    ],
)
@pytest.mark.parametrize("size", [1, 100, 1_000_000])
def test_a_sheet_that_reaches_too_far_is_refused_however_it_is_written(
    more: bytes, size: int
) -> None:
    with pytest.raises(Unbounded):
        look(SMALL + more + b"</sheetData>", size)


def test_what_a_printer_is_told_is_no_sheet() -> None:
    look(b"DEV<" + bytes(20_000) + b"<" + bytes(6_000), 1_000)


def test_a_sheet_whose_bytes_are_not_those_of_ascii_is_refused() -> None:
    with pytest.raises(Unbounded):
        look(SMALL.decode().encode("utf-16"))
