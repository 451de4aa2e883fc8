"""Refuses to serve in production from a place where the product's promises would not hold.

What is confirmed must survive a crash, one company must not see another's rows, the clock must be
the real one, and the code must find the schema it was written for. A server that cannot keep that
is stopped before it takes a request, with every reason at once and what to do about each.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import asyncpg

from marketplace.platform.database import Role, connect
from marketplace.platform.schema import newest_revision, revision_of
from marketplace.platform.settings import Environment, Settings, SettingsError

DIFFERENT_CHARACTERS_MIN: Final = 8
"""64 random hex digits have fewer different ones less than once in a billion billion times."""

_PLACEHOLDER: Final = re.compile(
    r"change.?me|secret|default|example|password|placeholder|insecure|development|marketplace",
    re.IGNORECASE,
)


class UnsafeSettings(SettingsError):
    """The server must not start in production like this; the message lists every reason."""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What a database says of itself and of the login; `powers` is by role the login can take."""

    fsync: bool = True
    full_page_writes: bool = True
    synchronous_commit: str = "on"
    powers: tuple[tuple[str, str], ...] = ()
    revision: str | None = None
    clock_ahead: timedelta = timedelta()


def refusals(facts: DatabaseFacts, newest: str, secret: str) -> list[str]:
    """Give every reason not to serve in production; an empty list is the permission."""
    reasons = []
    for name, on in (("fsync", facts.fsync), ("full_page_writes", facts.full_page_writes)):
        if not on:
            reasons.append(f"Postgres runs with {name} off: a crash can lose what was confirmed.")
    if facts.synchronous_commit == "off":
        reasons.append(
            "Postgres runs with synchronous_commit off: a crash loses what was just confirmed."
        )
    reasons += [
        f"The login can act as {role}, which {power}: row security does not bind it."
        for role, power in facts.powers
    ]
    if is_placeholder(secret):
        reasons.append("MARKETPLACE_SECRET is a placeholder; make one with: openssl rand -hex 32")
    if facts.revision != newest:
        reasons.append(
            f"The schema is at {facts.revision or 'nothing'} and the code needs {newest};"
            " run: marketplace migrate"
        )
    if facts.clock_ahead:
        reasons.append(
            f"The database's clock is moved by {facts.clock_ahead}: this is a test database."
        )
    return reasons


def is_placeholder(secret: str) -> bool:
    """Tell a secret somebody typed from a random one."""
    return bool(_PLACEHOLDER.search(secret)) or len(set(secret)) < DIFFERENT_CHARACTERS_MIN


async def refuse_unsafe(settings: Settings) -> None:
    """Raise UnsafeSettings if this is production and anything speaks against serving."""
    if settings.environment is not Environment.PRODUCTION:
        return
    secret = settings.secrets._root.decode()  # noqa: SLF001 - looked at here, shown nowhere
    reasons = refusals(await _facts(settings), newest_revision(), secret)
    if reasons:
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        raise UnsafeSettings(f"The server does not start in production:\n{listed}")


_POWERS: Final = """
SELECT rolname,
       CASE WHEN rolsuper THEN 'is a superuser'
            WHEN rolbypassrls THEN 'has BYPASSRLS'
            ELSE 'owns tables' END AS power
FROM pg_roles AS role
WHERE (pg_has_role(session_user, role.oid, 'MEMBER') OR rolname = session_user)
  AND (rolsuper OR rolbypassrls OR EXISTS (
      SELECT FROM pg_class WHERE relowner = role.oid AND relnamespace = 'public'::regnamespace))
ORDER BY rolname
"""


async def _facts(settings: Settings) -> DatabaseFacts:
    try:
        connection = await connect(settings.database_url, Role.API)
    except asyncpg.InvalidParameterValueError:  # the role, which the first migration makes
        return DatabaseFacts()
    try:
        show = "SELECT current_setting($1)"
        revision = await revision_of(connection)
        moved = "SELECT ahead FROM clock_offset" if revision else "SELECT '0'::interval"
        return DatabaseFacts(
            fsync=await connection.fetchval(show, "fsync") == "on",
            full_page_writes=await connection.fetchval(show, "full_page_writes") == "on",
            synchronous_commit=await connection.fetchval(show, "synchronous_commit"),
            powers=tuple((row["rolname"], row["power"]) for row in await connection.fetch(_POWERS)),
            revision=revision,
            clock_ahead=await connection.fetchval(moved),
        )
    finally:
        await connection.close()
