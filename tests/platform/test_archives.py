"""Archives that are damaged, or say of themselves what is not so."""

import io
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.platform.archives import ArchiveBounds, BadArchive, checked_parts, unpacked

BOUNDS = ArchiveBounds(parts_max=3, bytes_max=4_000_000, ratio_max=100)


def archive(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in parts.items():
            writer.writestr(name, content)
    return file.getvalue()


def read(data: bytes) -> dict[str, bytes]:
    file = io.BytesIO(data)
    parts = checked_parts(file, BOUNDS)
    return {part.filename: b"".join(unpacked(file, part)) for part in parts}


GOOD = archive(a=b"one " * 500, b=b"two")


def test_a_good_archive_is_read_as_it_was_written() -> None:
    assert read(GOOD) == {"a": b"one " * 500, "b": b"two"}


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255), st.integers(0, len(GOOD)))
def test_a_damaged_archive_is_refused_in_words_or_read_and_nothing_else(
    place: int, byte: int, length: int
) -> None:
    changed = bytearray(GOOD)
    changed[place] = byte
    for data in (bytes(changed), GOOD[:length], bytes(changed[length:])):
        with suppress(BadArchive):
            read(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "broken"),
        (b"no archive at all", "broken"),
        (GOOD[7:], "broken"),
        (archive(a=b"1", b=b"2", c=b"3", d=b"4"), "zip_bomb"),
        (archive(a=bytes(3_000_000)), "zip_bomb"),
        (archive(a=bytes(5_000_000)), "too_large"),
    ],
)
def test_what_is_none_or_too_much_is_named(data: bytes, code: str) -> None:
    with pytest.raises(BadArchive) as refused:
        read(data)
    assert refused.value.code == code
