import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
import uvicorn
from playwright.async_api import Browser, async_playwright, expect

from marketplace.development import reserved_port
from marketplace.platform.http.edge import Edge
from marketplace.platform.http.server import BoundedHttp
from marketplace.platform.settings import Settings
from tests.auctions.room.visitors import Visitors
from tests.support.waiting import GIVE_UP_S

CHROMIUM = shutil.which("chromium")
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@pytest.fixture
def port() -> Iterator[int]:
    with reserved_port() as port:
        yield port


@pytest.fixture
def settings(settings: Settings, port: int) -> Settings:
    """Settings that know the address the room is at: a cookie counts for it alone."""
    return replace(settings, public_url=f"http://127.0.0.1:{port}")


@pytest.fixture
async def at(app: Edge, port: int) -> AsyncIterator[str]:
    """The application on a port, as a browser meets it; gives its address."""
    config = uvicorn.Config(
        app, port=port, lifespan="off", http=BoundedHttp, ws="websockets-sansio", log_config=None
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    if CHROMIUM is None:
        assert not os.environ.get("CI"), "CI must install chromium"
        pytest.skip("no chromium here")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *QUIET]
        )
        expect.set_options(timeout=GIVE_UP_S * 1_000)
        yield browser
        await browser.close()


@pytest.fixture
async def visitors(at: str, browser: Browser) -> AsyncIterator[Visitors]:
    """Lets people into rooms, each in a browser of his own; none may have had errors in the end."""
    async with AsyncExitStack() as stack:
        visitors = Visitors(at, browser, stack)
        yield visitors
        assert visitors.complaints == []
        assert visitors.hosts <= {"127.0.0.1", None}
