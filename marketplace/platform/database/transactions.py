"""Visible transactions: statements, and the facts that leave with the commit."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

import asyncpg
from sqlalchemy import Executable, Row, Text, bindparam, func, select, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from marketplace.kernel.events import Event
from marketplace.kernel.ids import new_id
from marketplace.platform.caller import Caller
from marketplace.platform.database.connecting import Role
from marketplace.platform.database.failures import AWAY, LOST, explained, is_away, unavailable
from marketplace.platform.database.pools import HasDatabase, Pool

Values = Mapping[str, Any]
"""What a statement's bound parameters are, by name."""


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
    func.set_config("app.member", bindparam("member", type_=Text), true()),
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

    The caller's company is the tenant of row-level security, which also knows the member. Raises
    Unavailable if the database is away, or if the outcome of the commit is unknown.
    """
    async with _begin(
        platform.database.patient if patient else platform.database.pool(Role.API),
        caller,
        str(caller.organization_id),
        scopes_literal(caller),
        serializable=serializable,
        # Jobs have as many connections as there are of them, and wait for none.
        turn_of=None if patient else caller.organization_id,
    ) as tx:
        yield tx


@asynccontextmanager
async def system_transaction(
    platform: HasDatabase, role: Role, *, organization_id: UUID | None = None
) -> AsyncIterator[Transaction]:
    """Open a transaction of the product itself, in a role with policies of its own."""
    org = "" if organization_id is None else str(organization_id)
    scopes = "{}" if organization_id is None else "{" + org + "}"
    async with _begin(platform.database.pool(role), None, org, scopes) as tx:
        yield tx


@asynccontextmanager
async def _begin(
    pool: Pool,
    caller: Caller | None,
    org: str,
    scopes: str,
    *,
    serializable: bool = False,
    turn_of: UUID | None = None,
) -> AsyncIterator[Transaction]:
    async with pool.connected(turn_of) as connection:
        if serializable:
            await connection.execution_options(isolation_level="SERIALIZABLE")
        try:
            member = "" if caller is None else str(caller.member_id)
            settings = {"org": org, "scopes": scopes, "member": member}
            opened = (await connection.execute(_OPENING, settings)).one()
            tx = Transaction(connection, caller, opened[3])
            yield tx
            await tx.flush()
        except (DBAPIError, asyncpg.InterfaceError, *LOST) as error:
            if not is_away(error):
                raise
            await connection.invalidate()
            detail = "The database went away before the commit; nothing was done."
            raise unavailable(detail, error) from error
        try:
            await connection.commit()
        except (DBAPIError, *AWAY) as error:
            detail = (
                "Whether this was done is unknown: the database went away during the commit. "
                "The same request with the same Idempotency-Key is safe."
            )
            raise explained(error, detail) from error
