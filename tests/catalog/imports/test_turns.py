"""Reading a file leaves the worker time for its timers."""

import asyncio

from catalog.imports.importers import TURN_BYTES, read_in_turns
from catalog.imports.layouts import PRICES
from catalog.imports.separated import CsvReader


async def test_others_have_their_turn_while_a_chunk_is_read() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    reader = CsvReader(PRICES, errors_max=10)
    chunk = b"sku,unit,amount\n" + b"A,C62,1\n" * 32_000
    rows = await read_in_turns(reader, chunk)
    waiting.cancel()
    assert len(rows) == 32_000
    assert turns >= len(chunk) // TURN_BYTES
