"""How a connection to Postgres is opened: in which role, with which settings, and closed."""

from contextlib import suppress
from enum import Enum
from typing import Any, Final

import asyncpg
import msgspec

from marketplace.kernel.limits import IMPORT_STATEMENT_SECONDS_MAX, REQUEST_SECONDS_MAX

_WATCH_CLIENT: Final = "2s"
"""Who gives a statement up leaves by closing its connection; by itself Postgres would notice with
the first row it sends. See docs/decisions/0134-given-up-statements-end.md."""


class Role(Enum):
    """A database role; its policies say what it sees."""

    API = "marketplace_api"
    ENGINE = "marketplace_engine"
    WORKER = "marketplace_worker"
    AUTH = "marketplace_auth"


async def connect(url: str, role: Role, *, patient: bool = False) -> asyncpg.Connection:
    """Open a connection in `role`; the login itself has no rights.

    On a `patient` one a statement may take minutes, and is planned whenever it runs: what was
    planned for a file of ten rows takes minutes for one of thousands.
    """
    options = _connection_options(role)
    if patient:
        options["command_timeout"] = IMPORT_STATEMENT_SECONDS_MAX
        options["server_settings"]["plan_cache_mode"] = "force_custom_plan"
    return await asyncpg.connect(url, **options)


def _connection_options(role: Role) -> dict[str, Any]:
    return {
        "server_settings": {
            "role": role.value,
            "timezone": "UTC",
            "application_name": role.value,
            # A plan per call costs more than it gains on our short statements.
            "plan_cache_mode": "force_generic_plan",
            "jit": "off",
            "client_connection_check_interval": _WATCH_CLIENT,
        },
        "command_timeout": REQUEST_SECONDS_MAX,
        "timeout": 10,
    }


def fast_options(role: Role) -> dict[str, Any]:
    """Give how bare connections for hot paths are opened; those of `Role.API` only read."""
    options = _connection_options(role)
    if role is Role.API:
        options["server_settings"]["default_transaction_read_only"] = "on"
    # The longest of our statements are longer than what asyncpg would keep prepared by itself.
    return {**options, "max_cacheable_statement_size": 0}


async def set_codecs(connection: asyncpg.Connection) -> None:
    """Have a bare connection take and give JSON as what it says."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=lambda data: msgspec.json.decode(data[1:]),
        format="binary",
    )


def discard(connection: Any) -> None:
    """Close a connection without a word to the server: the one rollback that cannot hang."""
    with suppress(asyncpg.InterfaceError):  # the pool has noticed itself that it is lost
        connection.terminate()


async def owner_connection(url: str) -> asyncpg.Connection:
    """Open a connection as the owner of the schema, for migrations alone."""
    # Whoever waits for a lock has all others wait behind him: a migration rather fails.
    settings = {"timezone": "UTC", "lock_timeout": "10s"}
    return await asyncpg.connect(url, server_settings=settings, timeout=10)
