"""Lint the SQL of all migrations with squawk, by the rules of `.squawk.toml`: `make check`."""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory

ROOT = Path(__file__).parents[1]


def sql_of(revision: Script) -> str:
    """Give what a migration sends to the database, without one."""
    sent = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": sent}
    )
    with Operations.context(context):
        revision.module.upgrade()
    return sent.getvalue()


def main() -> int:
    scripts = ScriptDirectory.from_config(Config(toml_file=ROOT / "pyproject.toml"))
    with tempfile.TemporaryDirectory() as scratch:
        paths = []
        for revision in scripts.walk_revisions():
            path = Path(scratch) / f"{revision.revision}.sql"
            path.write_text(sql_of(revision))
            paths.append(str(path))
        squawk = Path(sys.executable).parent / "squawk"
        return subprocess.run([str(squawk), *paths], cwd=ROOT, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
