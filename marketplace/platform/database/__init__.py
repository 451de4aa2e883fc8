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

from marketplace.platform.database.connecting import (
    Role,
    connect,
    discard,
    owner_connection,
    set_codecs,
)
from marketplace.platform.database.failures import (
    AWAY,
    constraint_of,
    is_away,
    is_conflict,
    retries_conflicts,
    sqlstate,
)
from marketplace.platform.database.pools import Database, HasDatabase
from marketplace.platform.database.reads import Compiled, HotRead, fast_read, hot_rows
from marketplace.platform.database.transactions import (
    Transaction,
    Values,
    event_row,
    scopes_literal,
    system_transaction,
    transaction,
)

__all__ = [
    "AWAY",
    "Compiled",
    "Database",
    "HasDatabase",
    "HotRead",
    "Role",
    "Transaction",
    "Values",
    "connect",
    "constraint_of",
    "discard",
    "event_row",
    "fast_read",
    "hot_rows",
    "is_away",
    "is_conflict",
    "owner_connection",
    "retries_conflicts",
    "scopes_literal",
    "set_codecs",
    "sqlstate",
    "system_transaction",
    "transaction",
]
