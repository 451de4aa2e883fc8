"""What a reader holds does not grow with the file; the million is in `benchmarks.transfer`."""

import tracemalloc
from collections.abc import Iterator

import pytest

from catalog.imports.formats import AnyReader
from catalog.imports.layouts import PRICES

LINES = {
    "plain": (b"sku;unit;amount\n", b"S%07d;C62;12,50\n"),
    "ndjson": (b"", b'{"sku": "S%07d", "unit": "C62", "amount": "12.50"}\n'),
}


ROWS = {"plain": 15_000, "ndjson": 2_000}


def pieces(shape: str, rows: int) -> Iterator[bytes]:
    head, line = LINES[shape]
    yield head
    for start in range(0, rows, 100):
        yield b"".join([line % number for number in range(start, start + 100)])


def peak(shape: str, rows: int) -> int:
    reader = AnyReader(PRICES, errors_max=10, plain=True)
    tracemalloc.start()
    try:
        for piece in pieces(shape, rows):
            reader.feed(piece)
        for _ in reader.finish():
            pass
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert reader.row_count == rows
    return most


@pytest.mark.parametrize("shape", LINES)
def test_a_file_five_times_as_long_takes_no_more_memory(shape: str) -> None:
    rows = ROWS[shape]
    peak(shape, rows)  # what is made once is there after it
    assert peak(shape, rows * 5) < peak(shape, rows) * 1.1 + 30_000
