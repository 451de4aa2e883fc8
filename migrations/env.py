"""Alembic's entry: runs migrations as the owner of the schema, over asyncpg."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from marketplace.features import import_tables
from marketplace.platform.columns import Base
from marketplace.platform.database import owner_connection

import_tables()


def _ours(_object: object, _name: str | None, _kind: str, reflected: bool, _other: object) -> bool:
    schema = getattr(_object, "schema", None)
    return not (reflected and schema == "jobs")


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=_ours,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _main() -> None:
    url = context.config.attributes.get("owner_url") or os.environ.get(
        "MARKETPLACE_OWNER_URL", os.environ.get("DATABASE_URL", "")
    )
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: owner_connection(url), poolclass=NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(_run)
        await connection.commit()
    await engine.dispose()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(_main())
