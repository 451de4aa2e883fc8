"""What every migration that makes tables says of them: who may see and write which rows.

A table with an owner has forced row-level security. A role sees what a policy names for it and
nothing else; an unset `app.org` means no rows. See docs/decisions/0101-row-level-security.md.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op

API = "marketplace_api"
ENGINE = "marketplace_engine"
WORKER = "marketplace_worker"
AUTH = "marketplace_auth"
ROLES = (API, ENGINE, WORKER, AUTH)


def protect(*tables: str) -> None:
    """Enable and force row-level security: from here on only policies show rows."""
    for table in tables:
        op.execute(f"alter table {table} enable row level security")
        op.execute(f"alter table {table} force row level security")


@contextmanager
def all_rows_seen(*tables: str) -> Iterator[None]:
    """Let the migration, which runs as the tables' owner, see and move every row of them.

    Forced row-level security binds the owner too: without this a statement moves no row at all.
    """
    for table in tables:
        op.execute(f"alter table {table} no force row level security")
    yield
    for table in tables:
        op.execute(f"alter table {table} force row level security")


def grant(table: str, role: str, *verbs: str) -> None:
    """Grant verbs on a table to a role; without a policy that still shows no row."""
    op.execute(f"grant {', '.join(verbs)} on {table} to {role}")


def policy(
    table: str, role: str, name: str, using: str, *, verb: str = "all", check: str | None = None
) -> None:
    """Let `role` see (`using`) and write (`check`, else the same) rows of a table.

    `verb` is all, select, insert, update or delete.
    """
    clauses = "" if verb == "insert" else f" using ({using})"
    if verb in {"all", "insert", "update"}:
        clauses += f" with check ({check or using})"
    op.execute(f"create policy {name} on {table} for {verb} to {role}{clauses}")


def own_rows(table: str, *verbs: str, column: str = "organization_id", role: str = API) -> None:
    """Let a company see and write the rows it owns."""
    grant(table, role, *(verbs or ("select", "insert", "update", "delete")))
    policy(table, role, f"{table}_own", f"{column} = app_org()")


def all_rows(table: str, role: str, *verbs: str) -> None:
    """Let a system role see and write every row."""
    grant(table, role, *verbs)
    policy(table, role, f"{table}_{role.removeprefix('marketplace_')}", "true")
