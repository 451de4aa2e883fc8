"""Hot reads: statements compiled once, run on bare connections with few round trips."""

import functools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
from sqlalchemy.dialects.postgresql import asyncpg as postgresql
from sqlalchemy.sql import ClauseElement

from marketplace.kernel.errors import MarketplaceError
from marketplace.kernel.limits import REQUEST_SECONDS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.database.connecting import Role, discard
from marketplace.platform.database.failures import AWAY, explained
from marketplace.platform.database.pools import HasDatabase
from marketplace.platform.database.transactions import Values, scopes_literal


@asynccontextmanager
async def fast_read(platform: HasDatabase, caller: Caller) -> AsyncIterator[asyncpg.Connection]:
    """Give a bare connection in a read-only transaction of the caller's company: two round trips.

    For the few hot reads. SQL comes from `Compiled`, so that tables are described once.
    """
    pool = await platform.database.fast(Role.API)
    try:
        async with (
            platform.database.reading.turn(caller.organization_id),
            pool.acquire(timeout=REQUEST_SECONDS_MAX) as connection,
        ):
            try:
                # The values are UUIDs of a Caller, never text from outside.
                await connection.execute(
                    f"BEGIN READ ONLY;"
                    f"SELECT set_config('app.org', '{caller.organization_id}', true),"
                    f"set_config('app.scopes', '{scopes_literal(caller)}', true)"
                )
                yield cast("asyncpg.Connection", connection)
            except MarketplaceError:
                await connection.execute("COMMIT")
                raise
            except BaseException:
                discard(connection)
                raise
            await connection.execute("COMMIT")
    except (asyncpg.InterfaceError, *AWAY) as error:
        raise explained(error, "The database does not answer.") from error


async def hot_rows(
    platform: HasDatabase, caller: Caller, read: "HotRead", values: Values
) -> list[asyncpg.Record]:
    """Run a hot read for the caller's company and give its rows, by one round trip."""
    arguments = read.arguments(caller, values)
    return await platform.database.hot.fetch(read.sql, arguments, caller.organization_id)


class Compiled:
    """A statement for asyncpg: `connection.fetch(c.sql, *c.arguments(name=…))`.

    Compiled once, when it is first used: all of them together would take a tenth of a start.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self._statement = statement

    @functools.cached_property
    def _result(self) -> Any:
        return self._statement.compile(dialect=postgresql.dialect())  # type: ignore[no-untyped-call]

    @functools.cached_property
    def sql(self) -> str:
        """The text, with numbered placeholders."""
        return str(self._result)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """What stands for each placeholder."""
        return tuple(self._result.positiontup or ())

    @functools.cached_property
    def defaults(self) -> Mapping[str, Any]:
        """The values that the statement brings itself."""
        return dict(self._result.params)

    def arguments(self, **values: Any) -> list[Any]:
        """Put values into the order of the statement's placeholders."""
        return [values[name] if name in values else self.defaults[name] for name in self.names]


class HotRead:
    """A read that says itself for whom it is asked, and so needs no transaction around it.

    The settings stand in a condition that holds nothing of any row. Postgres reckons such a
    condition once, before the first row of what it guards is asked for, and row security asks for
    the tenant with the first row. As the settings are local to the statement's own transaction
    nothing of them stays; were they ever set too late, the statement would show no rows. See
    docs/decisions/0425-one-round-trip.md.
    """

    def __init__(self, statement: ClauseElement) -> None:
        self.statement = Compiled(statement)

    @functools.cached_property
    def sql(self) -> str:
        """The text, with numbered placeholders, the tenant's behind those of the statement."""
        inner = self.statement
        given = len(inner.names)
        return (
            f"SELECT * FROM ({inner.sql}) AS answer WHERE (SELECT "  # noqa: S608 - no values
            f"set_config('app.org', ${given + 1}, true) IS NOT NULL AND "
            f"set_config('app.scopes', ${given + 2}, true) IS NOT NULL)"
        )

    def arguments(self, caller: Caller, values: Values) -> list[Any]:
        """Give the arguments of the statement, and after these the tenant."""
        organization = str(caller.organization_id)
        return [*self.statement.arguments(**values), organization, scopes_literal(caller)]
