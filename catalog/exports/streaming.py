"""How an export is read and sent: one snapshot, a cursor of the server, pieces as they come."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import asyncpg

from catalog.exports.writers import CellRow, RowWriter
from marketplace.kernel.limits import (
    EXPORT_PAGE_ROWS,
    EXPORTS_AT_ONCE_MAX,
    EXPORTS_OF_COMPANY_MAX,
)
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.database import Compiled, Role, scopes_literal
from marketplace.platform.shares import Shares

T = TypeVar("T")


class Exports(Shares):
    """How many exports this process has under way, and for whom."""

    def __init__(self) -> None:
        refusal = "Other exports are under way; ask again in a moment."
        super().__init__(
            EXPORTS_AT_ONCE_MAX, EXPORTS_OF_COMPANY_MAX, refusal=refusal, retry_after_s=10
        )


@asynccontextmanager
async def snapshot(platform: Platform, caller: Caller) -> AsyncIterator[asyncpg.Connection]:
    """Open a read-only snapshot on behalf of the caller; raises Unavailable beyond the bounds."""
    with platform.get(Exports).room(caller.organization_id):
        connection = await platform.database.connection(Role.API)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await connection.execute(
                    "select set_config('app.org', $1, true), set_config('app.scopes', $2, true)",
                    str(caller.organization_id),
                    scopes_literal(caller),
                )
                yield connection
        finally:
            await connection.close()


async def pages(
    connection: asyncpg.Connection, statement: Compiled, **values: object
) -> AsyncIterator[Sequence[Any]]:
    """Read a statement page by page from a cursor of the server."""
    cursor = await connection.cursor(statement.sql, *statement.arguments(**values))
    while rows := await cursor.fetch(EXPORT_PAGE_ROWS):
        yield rows


async def ahead(found: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Have the server make the next page while this one is written.

    Close it: who goes away leaves a page under way, and nothing else can be asked meanwhile.
    """
    following: asyncio.Task[T | None] = asyncio.ensure_future(_next(found))
    try:
        while (page := await following) is not None:
            following = asyncio.ensure_future(_next(found))
            await asyncio.sleep(0)
            yield page
    finally:
        following.cancel()
        await asyncio.wait([following])


async def _next(found: AsyncIterator[T]) -> T | None:
    return await anext(found, None)


async def written(
    writer: RowWriter, found: AsyncIterator[Sequence[Any]], row_of: Callable[[Any], CellRow]
) -> AsyncIterator[bytes]:
    """Write pages of rows, each row made by `row_of`."""
    yield writer.begin()
    async with aclosing(ahead(found)) as read:
        async for page in read:
            yield writer.rows([row_of(row) for row in page])
            await asyncio.sleep(0)
    for piece in writer.end():
        yield piece
