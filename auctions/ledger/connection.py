"""Statements on the engine's bare connections, and what it looks like when the server is away."""

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

STATEMENT_SECONDS_MAX: Final = 10

AWAY: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What asyncpg raises where the server is away, restarting, or the connection is lost."""


async def run(connection: Any, statement: str) -> str:
    """Run statements without parameters; give the status of the last."""
    status: str = await connection.execute(statement, timeout=STATEMENT_SECONDS_MAX)
    return status


async def fetch(connection: Any, statement: str, *arguments: object) -> Sequence[Any]:
    """Run one statement and give its rows."""
    rows: Sequence[Any] = await connection.fetch(
        statement, *arguments, timeout=STATEMENT_SECONDS_MAX
    )
    return rows
