"""Postgres: visible transactions, roles, tenants, and the one clock.

Every statement of the product runs in a transaction that has a role and, where somebody asks, a
tenant. Roles never own tables and row-level security binds all of them (see
`docs/decisions/0101-row-level-security.md`):

=========== ============================================================================
`API`       on behalf of one company: sees that company's rows (`app.org`)
`ENGINE`    procedures and auctions, where one step reads several companies' rows
`WORKER`    outbox, jobs, timers
`AUTH`      keys and sessions, before a company is known
=========== ============================================================================
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from enum import Enum
from typing import Any, Final, ParamSpec, Protocol, TypeVar, cast
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import Executable, Row, Text, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import asyncpg as postgresql
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql import ClauseElement

from marketplace.kernel.errors import MarketplaceError, Unavailable
from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import (
    AUTH_CONNECTIONS,
    IMPORT_STATEMENT_SECONDS_MAX,
    JOBS_AT_ONCE_MAX,
    REQUEST_SECONDS_MAX,
    WORKER_CONNECTIONS,
)
from marketplace.platform.caller import Caller
from marketplace.platform.settings import Settings
from marketplace.platform.telemetry import log

P = ParamSpec("P")
T = TypeVar("T")

Values = Mapping[str, Any]
"""What a statement's bound parameters are, by name."""

CONFLICT_ATTEMPTS_MAX: Final = 5
_CONFLICTS: Final = {"40001", "40P01"}  # serialization failure, deadlock


_WATCH_CLIENT: Final = "2s"


class Role(Enum):
    """A database role; its policies say what it sees."""

    API = "marketplace_api"
    ENGINE = "marketplace_engine"
    WORKER = "marketplace_worker"
    AUTH = "marketplace_auth"


async def connect(
    url: str, role: Role, statement_seconds: float = REQUEST_SECONDS_MAX
) -> asyncpg.Connection:
    """Open a connection in `role`; the login itself has no rights."""
    options = _connection_options(role) | {"command_timeout": statement_seconds}
    if statement_seconds > REQUEST_SECONDS_MAX:
        # Who dies in a statement of minutes must not keep its locks for minutes.
        options["server_settings"]["client_connection_check_interval"] = _WATCH_CLIENT
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
        },
        "command_timeout": REQUEST_SECONDS_MAX,
        "timeout": 10,
    }


def _fast_options(role: Role) -> dict[str, Any]:
    options = _connection_options(role)
    if role is Role.API:
        options["server_settings"]["default_transaction_read_only"] = "on"
    # The longest of our statements are longer than what asyncpg would keep prepared by itself.
    return {**options, "max_cacheable_statement_size": 0}


class Database:
    """Connections of one process, a pool per role.

    SQLAlchemy's pools serve the ordinary transactions; `fast` pools hold bare asyncpg connections
    for the few hot paths; those of `Role.API` only read, and `hot` reads by single statements.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database_url
        sizes = {
            Role.API: settings.api_connections,
            Role.ENGINE: settings.engine_connections,
            Role.WORKER: WORKER_CONNECTIONS,
            Role.AUTH: AUTH_CONNECTIONS,
        }
        self._engines = {role: self._engine(role, size) for role, size in sizes.items()}
        self._fast_sizes = {
            Role.API: settings.fast_connections,
            Role.ENGINE: settings.engine_connections,
            Role.AUTH: AUTH_CONNECTIONS,
            Role.WORKER: WORKER_CONNECTIONS,
        }
        self._patient = self._engine(Role.API, JOBS_AT_ONCE_MAX, IMPORT_STATEMENT_SECONDS_MAX)
        self._fast: dict[Role, asyncpg.Pool] = {}
        self.hot = HotConnections(self._url, settings.fast_connections)
        self._opening = asyncio.Lock()

    def _engine(
        self, role: Role, size: int, statement_seconds: float = REQUEST_SECONDS_MAX
    ) -> AsyncEngine:
        return create_async_engine(
            "postgresql+asyncpg://",
            async_creator=functools.partial(connect, self._url, role, statement_seconds),
            pool_size=size,
            max_overflow=0,
            pool_timeout=REQUEST_SECONDS_MAX,
            pool_use_lifo=True,
            # Values of statements are offers, prices, people: no error may carry them into a log.
            hide_parameters=True,
            json_serializer=lambda value: msgspec.json.encode(value).decode(),
            json_deserializer=msgspec.json.decode,
        )

    def engine(self, role: Role) -> AsyncEngine:
        """Give the SQLAlchemy engine of a role."""
        return self._engines[role]

    @property
    def patient(self) -> AsyncEngine:
        """Give the engine for jobs on behalf of a company, whose statements may take minutes."""
        return self._patient

    async def fast(self, role: Role) -> asyncpg.Pool:
        """Give the pool of bare connections of a role; opened when first asked for."""
        pool = self._fast.get(role)
        if pool is None:
            async with self._opening:
                pool = self._fast.get(role) or await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=self._fast_sizes[role],
                    init=_set_codecs,
                    reset=_nothing_to_reset,
                    **_fast_options(role),
                )
                self._fast[role] = pool
        return pool

    async def connection(self, role: Role) -> asyncpg.Connection:
        """Open a connection outside of the pools, for LISTEN and advisory locks."""
        return await connect(self._url, role)

    async def close(self) -> None:
        """Close all connections."""
        for engine in (*self._engines.values(), self._patient):
            await engine.dispose()
        for pool in self._fast.values():
            await pool.close()
        await self.hot.close()


async def _set_codecs(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + msgspec.json.encode(value),
        decoder=lambda data: msgspec.json.decode(data[1:]),
        format="binary",
    )


async def _nothing_to_reset(_connection: asyncpg.Connection) -> None:
    """Skip asyncpg's reset, a round trip: all we set is local to a transaction."""


class HasDatabase(Protocol):
    """Whatever holds the database of this process: the `Platform`."""

    @property
    def database(self) -> Database:
        """The database of this process."""


class Transaction:
    """An open transaction: statements, and the facts that leave with its commit."""

    __slots__ = ("_audit", "_events", "caller", "connection", "opened_at")

    def __init__(
        self, connection: AsyncConnection, caller: Caller | None, opened_at: datetime
    ) -> None:
        self.connection = connection
        self.caller = caller
        self.opened_at = opened_at
        self._events: list[Event] = []
        self._audit: list[dict[str, Any]] = []

    async def one(self, statement: Executable, values: Values | None = None) -> Row[Any]:
        """Give the one row there must be.

        A statement made once, with bound parameters, and `values` for them costs a third of one
        that is made anew each time.
        """
        return (await self.connection.execute(statement, values)).one()

    async def maybe(self, statement: Executable, values: Values | None = None) -> Row[Any] | None:
        """Give the row, or None where there is none (or none the role may see)."""
        return (await self.connection.execute(statement, values)).one_or_none()

    async def all(self, statement: Executable, values: Values | None = None) -> Sequence[Row[Any]]:
        """Give all rows; the statement bounds them."""
        return (await self.connection.execute(statement, values)).all()

    async def scalar(self, statement: Executable, values: Values | None = None) -> Any:
        """Give the first column of the first row, or None."""
        return (await self.connection.execute(statement, values)).scalar()

    async def execute(
        self, statement: Executable, parameters: Values | Sequence[Values] | None = None
    ) -> int:
        """Run a statement, once for each of `parameters`; give the number of rows it touched."""
        return (await self.connection.execute(statement, parameters)).rowcount

    async def clock(self) -> datetime:
        """Read the one clock now, not as of the transaction's start."""
        at: datetime = (await self.connection.execute(_CLOCK)).scalar_one()
        return at

    async def raw(self) -> asyncpg.Connection:
        """Give the asyncpg connection below, for COPY and pgqueuer; the transaction has begun."""
        pooled = await self.connection.get_raw_connection()
        return cast("asyncpg.Connection", pooled.driver_connection)

    def emit(self, event: Event) -> None:
        """Let a fact leave through the outbox when this transaction commits."""
        self._events.append(event)

    def record(
        self,
        action: str,
        subject_kind: str,
        subject_id: UUID,
        *,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
        organization_id: UUID | None = None,
    ) -> None:
        """Write to the audit trail who did what, with what it was before and is after.

        The trail is the caller's company's, or that of `organization_id` for system work.
        """
        caller = self.caller
        stream = organization_id or (caller.organization_id if caller else None)
        if stream is None:
            msg = f"{action}: system work must say whose audit trail it writes"
            raise ValueError(msg)
        self._audit.append(
            {
                "organization_id": stream,
                "entry": {
                    "action": action,
                    "subject": {"kind": subject_kind, "id": subject_id},
                    "member": caller.member_id if caller else None,
                    "acting_for": caller.unit_id if caller else None,
                    "address": caller.address if caller else "",
                    "request": caller.request_id if caller else "",
                    "before": before,
                    "after": after,
                },
            }
        )

    async def flush(self) -> None:
        """Write buffered events and audit entries; one round trip, none if there are none."""
        if not self._events and not self._audit:
            return
        request_id = self.caller.request_id if self.caller else ""
        events = [event_row(event, request_id) for event in self._events]
        await self.connection.execute(_RECORD, {"events": events, "audit": self._audit})
        self._events, self._audit = [], []


def event_row(event: Event, request_id: str = "") -> dict[str, Any]:
    """Give the form of an event that the database function `record_facts(jsonb, jsonb)` takes."""
    return {
        "event_id": new_id(),
        "kind": event.kind,
        "subject_kind": event.subject_kind,
        "subject_id": event.subject_id,
        "version": event.version,
        "audience": sorted(event.audience),
        "payload": event.payload,
        "request_id": request_id,
    }


_CLOCK: Final = select(func.clock())


_OPENING: Final = select(
    func.set_config("app.org", bindparam("org", type_=Text), true()),
    func.set_config("app.scopes", bindparam("scopes", type_=Text), true()),
    func.clock(),
)
_RECORD: Final = select(
    func.record_facts(bindparam("events", type_=JSONB), bindparam("audit", type_=JSONB))
)


def scopes_literal(caller: Caller) -> str:
    """Give the caller's path as a Postgres array literal, for `app.scopes`."""
    return "{" + ",".join(str(unit) for unit in caller.path) + "}"


@asynccontextmanager
async def transaction(
    platform: HasDatabase, caller: Caller, *, serializable: bool = False, patient: bool = False
) -> AsyncIterator[Transaction]:
    """Open a transaction on behalf of a caller, committed when the block ends well.

    In a `patient` one, for jobs alone, a statement may take minutes.

    The caller's company is the tenant of row-level security. Raises Unavailable if the database is
    away, or if the outcome of the commit is unknown.
    """
    async with _begin(
        platform.database.patient if patient else platform.database.engine(Role.API),
        caller,
        str(caller.organization_id),
        scopes_literal(caller),
        serializable=serializable,
    ) as tx:
        yield tx


@asynccontextmanager
async def system_transaction(
    platform: HasDatabase, role: Role, *, organization_id: UUID | None = None
) -> AsyncIterator[Transaction]:
    """Open a transaction of the product itself, in a role with policies of its own."""
    org = "" if organization_id is None else str(organization_id)
    scopes = "{}" if organization_id is None else "{" + org + "}"
    async with _begin(platform.database.engine(role), None, org, scopes) as tx:
        yield tx


@asynccontextmanager
async def _begin(
    engine: AsyncEngine, caller: Caller | None, org: str, scopes: str, *, serializable: bool = False
) -> AsyncIterator[Transaction]:
    try:
        connection = await engine.connect()
    except (DBAPIError, *AWAY) as error:
        raise _explained(error, "The database does not answer; nothing was done.") from error
    try:
        if serializable:
            connection = await connection.execution_options(isolation_level="SERIALIZABLE")
        try:
            opened = (await connection.execute(_OPENING, {"org": org, "scopes": scopes})).one()
            tx = Transaction(connection, caller, opened[2])
            yield tx
            await tx.flush()
        except (DBAPIError, asyncpg.InterfaceError, *_LOST) as error:
            if not is_away(error):
                raise
            await connection.invalidate()
            detail = "The database went away before the commit; nothing was done."
            raise _unavailable(detail, error) from error
        try:
            await connection.commit()
        except (DBAPIError, *AWAY) as error:
            detail = (
                "Whether this was done is unknown: the database went away during the commit. "
                "The same request with the same Idempotency-Key is safe."
            )
            raise _explained(error, detail) from error
    finally:
        await connection.close()


_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,
)
AWAY: Final = (OSError, *_LOST)
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


def _explained(error: Exception, detail: str) -> Exception:
    return _unavailable(detail, error) if is_away(error) else error


def _unavailable(detail: str, error: BaseException) -> Unavailable:
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


@asynccontextmanager
async def fast_read(platform: HasDatabase, caller: Caller) -> AsyncIterator[asyncpg.Connection]:
    """Give a bare connection in a read-only transaction of the caller's company: two round trips.

    For the few hot reads. SQL comes from `Compiled`, so that tables are described once.
    """
    pool = await platform.database.fast(Role.API)
    try:
        async with pool.acquire(timeout=REQUEST_SECONDS_MAX) as connection:
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
        raise _explained(error, "The database does not answer.") from error


def discard(connection: Any) -> None:
    """Close a connection without a word to the server: the one rollback that cannot hang."""
    with suppress(asyncpg.InterfaceError):  # the pool has noticed itself that it is lost
        connection.terminate()


async def hot_rows(
    platform: HasDatabase, caller: Caller, read: "HotRead", values: Values
) -> list[asyncpg.Record]:
    """Run a hot read for the caller's company and give its rows, by one round trip."""
    return await platform.database.hot.fetch(read.sql, read.arguments(caller, values))


class HotConnections:
    """Read-only connections of `Role.API` for single statements, the last used first.

    asyncpg's pool costs a task and three timers whenever a connection is taken and given back,
    which pays where a transaction has to be ended and a connection reset. A statement of its own
    leaves nothing to end. See docs/decisions/0426-connections-of-hot-reads.md.
    """

    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self._free = asyncio.Semaphore(size)
        self._idle: list[asyncpg.Connection] = []

    async def fetch(self, sql: str, arguments: Sequence[Any] = ()) -> list[asyncpg.Record]:
        """Run one statement outside of any transaction and give its rows; raises Unavailable."""
        if self._free.locked():
            async with asyncio.timeout(REQUEST_SECONDS_MAX):
                await self._free.acquire()
        else:
            await self._free.acquire()
        try:
            connection = self._taken() or await self._open()
            try:
                rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
            except BaseException:
                discard(connection)
                raise
        except (asyncpg.InterfaceError, *AWAY) as error:
            raise _explained(error, "The database does not answer.") from error
        finally:
            self._free.release()
        self._idle.append(connection)
        return rows

    def _taken(self) -> asyncpg.Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return None

    async def _open(self) -> asyncpg.Connection:
        connection: asyncpg.Connection = await asyncpg.connect(self._url, **_fast_options(Role.API))
        await _set_codecs(connection)
        return connection

    async def close(self) -> None:
        """Close those that are idle; the others are closed by whoever uses them last."""
        while self._idle:
            await self._idle.pop().close()


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


async def owner_connection(url: str) -> asyncpg.Connection:
    """Open a connection as the owner of the schema, for migrations alone."""
    # Whoever waits for a lock has all others wait behind him: a migration rather fails.
    settings = {"timezone": "UTC", "lock_timeout": "10s"}
    return await asyncpg.connect(url, server_settings=settings, timeout=10)
