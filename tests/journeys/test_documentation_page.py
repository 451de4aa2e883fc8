"""The documentation page in a real browser, with no address but the product's own."""

import os
import shutil
from urllib.parse import urlsplit

import pytest
from playwright.async_api import async_playwright

from tests.journeys.conftest import Played
from tests.support.waiting import GIVE_UP_S

BROWSER = shutil.which("chromium")
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


async def test_the_page_lists_the_operations_and_asks_no_other_host(played: Played) -> None:
    if BROWSER is None:
        assert not os.environ.get("CI"), "CI must install chromium"
        pytest.skip("no chromium here")
    asked: set[str | None] = set()
    complaints: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu", *QUIET]
        )
        page = await browser.new_page()
        page.set_default_timeout(GIVE_UP_S * 1_000)
        page.on("request", lambda request: asked.add(urlsplit(request.url).hostname))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        await page.goto(f"{played.product.url}/schema")
        await page.get_by_text("procedures").first.click()
        await page.get_by_text("Submit a sealed bid").first.click()
        await page.get_by_text("/v1/procedures/{procedure_id}/bids").first.wait_for()
        await browser.close()
    assert complaints == []
    assert asked <= {"127.0.0.1", None}
