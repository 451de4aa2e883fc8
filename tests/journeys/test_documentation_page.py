"""The documentation page in a real browser, with no address but the product's own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.journeys.conftest import Played

pytestmark = pytest.mark.xdist_group("road")

BROWSER = shutil.which("chromium")


def test_the_page_lists_the_operations_without_another_host(played: Played, tmp_path: Path) -> None:
    if BROWSER is None:
        assert not os.environ.get("CI"), "CI must install chromium"
        pytest.skip("no chromium here")
    page = subprocess.run(  # noqa: S603 - a browser on our own page
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=15000",
            "--dump-dom",
            f"{played.product.url}/schema",
        ],
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout.decode()
    for words in ("Register a company", "Submit a sealed bid", "/v1/prices/check"):
        assert words in page
    hosts = set(re.findall(r'(?:src|href)="https?://([^/"]+)', page))
    assert {host for host in hosts if not host.startswith("127.0.0.1")} == set()
