import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_a_smoke_run_takes_or_refuses_every_bid_and_opens_them_all() -> None:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("MARKETPLACE_", "PYTEST"))}
    with tempfile.TemporaryDirectory(prefix="marketplace-bench-") as path:
        Path(path).chmod(0o755)
        command = [sys.executable, "-m", "benchmarks", "tenders", "--quick", "--directory", path]
        done = subprocess.run(  # noqa: S603 - our own command line
            command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "0 unclear, 0 lost, 0 late, 0 beyond" in done.stdout
    assert "opening of " in done.stdout
    assert "cryptography" in done.stdout
