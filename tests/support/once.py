"""What libraries ask of each connection or at each start, and need ask of a test process once."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, Final

import asyncpg
import pytest
from pgqueuer.core.qm import QueueManager

BUILT_IN_MAX: Final = 16_384
"""Identifiers below are Postgres's own: of the same types in every database of a server."""
_NO_STATEMENT: Final = SimpleNamespace(name="nothing was asked")


def learn_types_once(patch: pytest.MonkeyPatch) -> None:
    """Let all connections of a test process share what one was told of built-in types.

    A process of the product asks when it opens a connection, which it keeps. Tests open some ten
    thousand, and the answers were a quarter of what Postgres did for them.
    """
    connection = asyncpg.Connection
    ask = connection._introspect_types
    told: dict[frozenset[int], Any] = {}

    async def introspect_types(self: Any, oids: Iterable[int], *rest: Any) -> Any:
        asked = frozenset(oids)
        if max(asked) >= BUILT_IN_MAX:
            return await ask(self, asked, *rest)
        if asked in told:
            return told[asked], _NO_STATEMENT
        told[asked], statement = await ask(self, asked, *rest)
        return told[asked], statement

    patch.setattr(connection, "_introspect_types", introspect_types)


def look_at_the_queue_once(patch: pytest.MonkeyPatch) -> None:
    """Let the queue of jobs look but once whether its tables are there, by sixteen statements.

    All databases are clones of one; a worker looks when it starts, tests have them run to the end.
    """
    look = QueueManager.verify_structure
    looked = False

    async def verify_structure(self: QueueManager) -> None:
        nonlocal looked
        if not looked:
            await look(self)
            looked = True

    patch.setattr(QueueManager, "verify_structure", verify_structure)
