import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROWS = (
    "empty GET",
    "empty POST",
    "price of one line",
    "prices of 1,000 lines at once",
    "page of 50, own prices, made anew",
    "page of 50, own prices, asked before",
    "order of 5 lines",
    "feed read, 50 events",
    "reference: one at a time",
    "bid, one auction, 16 bidders",
    "bid, 2 API processes",
    "bid, one auction, 16 bidders: p99 against the reference's p50",
    "8 boards from 320 bids",
    "6 lots × 4 bidders at 50 bids/s: accepted, lost",
    "20 viewers: changes seen",
    "1 starts and ends, one by one: late by, p99",
    "API process after the run",
    "import of 2,000 price rows, published",
    "price file of 1,000 offers, CSV",
    "worker process at most",
    "opening of ",
    "scenario of 4 lots × 3 bidders proposed",
)


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="marketplace-bench-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.mark.timeout(1800)
def test_a_smoke_run_fills_every_row_of_the_table(directory: Path) -> None:
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("MARKETPLACE_", "PYTEST"))}
    done = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "benchmarks", "--quick", "--directory", str(directory)],
        cwd=REPOSITORY,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    lines = done.stdout.splitlines()
    for row in ROWS:
        assert any(line.strip().startswith(row) for line in lines), (row, done.stdout)
    assert "0 unclear, 0 lost, 0 late" in done.stdout
    assert "fsync on" in done.stdout
    assert "Every target is hit." in done.stdout or "Missed: " in done.stdout
