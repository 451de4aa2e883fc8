"""People in the room of an auction, each with a browser window of his own."""

from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from playwright.async_api import Browser, Page

from tests.support.waiting import GIVE_UP_S
from tests.support.world import Actor, Company

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1200, "height": 800}


class Visitors:
    """Opens windows; keeps what their consoles complain of and which hosts they ask."""

    def __init__(self, url: str, browser: Browser, stack: AsyncExitStack) -> None:
        self.url = url
        self.complaints: list[str] = []
        self.hosts: set[str | None] = set()
        self._browser = browser
        self._stack = stack

    async def at_door(self, auction_id: UUID, size: Any = None) -> Page:
        """Open the page in a window that knows nobody."""
        context = await self._browser.new_context(viewport=size or DESK)
        self._stack.push_async_callback(context.close)
        page = await context.new_page()
        page.set_default_timeout(GIVE_UP_S * 1_000)
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda m: self._complain(m.type, m.text))
        await page.goto(f"{self.url}/auctions/{auction_id}/room")
        return page

    async def enter(self, auction_id: UUID, who: Company | Actor, size: Any = None) -> Page:
        """Open the page and sign in by a key."""
        page = await self.at_door(auction_id, size)
        await sign_in(page, who)
        await page.get_by_role("status").get_by_text("Live").wait_for()
        return page

    def _complain(self, kind: str, text: str) -> None:
        # A refusal is an answer, which Chromium notes as an error of the network.
        refused = "Failed to load resource" in text or "WebSocket connection to" in text
        if kind == "error" and not refused:
            self.complaints.append(text)


async def sign_in(page: Page, who: Company | Actor) -> None:
    key = who.headers["Authorization"].removeprefix("Bearer ")
    await page.get_by_label("Your API key").fill(key)
    await page.get_by_role("button", name="Enter the room").click()
