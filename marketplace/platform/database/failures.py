"""What goes wrong with a database: that it is away, and that transactions meet."""

import functools
from collections.abc import Awaitable, Callable
from typing import Final, ParamSpec, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError

from marketplace.kernel.errors import Unavailable
from marketplace.kernel.limits import CONFLICT_ATTEMPTS_MAX
from marketplace.platform.telemetry import log

P = ParamSpec("P")
T = TypeVar("T")

_CONFLICTS: Final = {"40001", "40P01"}  # serialization failure, deadlock

LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,
)
AWAY: Final = (OSError, *LOST)
"""What asyncpg raises where the server is away, starting or stopping, or the connection is lost."""
_AWAY_STATES: Final = ("08", "57P01", "57P02", "57P03")
"""The same as SQLSTATEs, as SQLAlchemy hands them on."""


def is_away(error: BaseException) -> bool:
    """Tell whether an error means that the database is away, and not what it thinks of a statement.

    After a lost connection asyncpg raises InterfaceError for whatever is done with it.
    """
    if isinstance(error, DBAPIError):
        state = sqlstate(error) or ""
        return error.connection_invalidated or state.startswith(_AWAY_STATES)
    lost = isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError)
    return lost or isinstance(error, AWAY)


def explained(error: Exception, detail: str) -> Exception:
    """Give Unavailable with this detail where the database is away, else the error itself."""
    return unavailable(detail, error) if is_away(error) else error


def unavailable(detail: str, error: BaseException) -> Unavailable:
    """Note that the database is away; give what the caller is told."""
    log.warning("database_away", error=type(error).__name__)
    return Unavailable(detail, retry_after_s=1)


def sqlstate(error: DBAPIError) -> str | None:
    """Give the SQLSTATE of an error the server reported, None if it was not the server."""
    return getattr(error.orig, "sqlstate", None)


def is_conflict(error: BaseException) -> bool:
    """Tell whether a transaction only met another: the same again may succeed."""
    return isinstance(error, DBAPIError) and sqlstate(error) in _CONFLICTS


def constraint_of(error: DBAPIError) -> str | None:
    """Give the name of the constraint an error violates, if it violates one."""
    cause = getattr(error.orig, "__cause__", None)
    return getattr(cause, "constraint_name", None)


def retries_conflicts(verb: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Run a service verb again, from its start, when its transaction met a conflict.

    Serialization failures and deadlocks are nobody's fault and roll everything back; deciding is
    pure, so the whole verb may run again. It must hold its transaction inside.
    """

    @functools.wraps(verb)
    async def run(*args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in range(1, CONFLICT_ATTEMPTS_MAX + 1):
            try:
                return await verb(*args, **kwargs)
            except DBAPIError as error:
                if not is_conflict(error) or attempt == CONFLICT_ATTEMPTS_MAX:
                    raise
                log.info("transaction_conflict", verb=verb.__name__, attempt=attempt)
        raise AssertionError

    return run
