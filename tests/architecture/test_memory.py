"""What a process of the API holds in memory from its start."""

import json
import subprocess
import sys

BIG = {
    "alembic",
    "highspy",
    "matplotlib",
    "numpy",
    "openpyxl",
    "pandas",
    "pgqueuer",
    "PIL",
    "pydantic",
    "rich",
    "scipy",
    "typst",
    "valkey",
}
"""Libraries of 3 MB and more that serving needs for nothing, or in another process alone."""

SERVE = """
import json, sys
from marketplace.app import assemble, create_app
from marketplace.platform.schema import newest_revision
from marketplace.platform.settings import load_settings
newest_revision()
create_app(assemble(load_settings({
    "DATABASE_URL": "postgresql://nobody@localhost/none",
    "REDIS_URL": "redis://localhost",
    "MARKETPLACE_SECRET": "-" * 32,
})))
print(json.dumps(list(sys.modules)))
"""


def test_the_api_starts_without_what_is_big() -> None:
    """Each of a server's processes would hold it a second time."""
    ran = subprocess.run([sys.executable, "-c", SERVE], capture_output=True, check=True)  # noqa: S603
    loaded = set(json.loads(ran.stdout))
    assert "litestar" in loaded
    assert not BIG & loaded
