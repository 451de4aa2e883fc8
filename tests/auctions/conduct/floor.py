"""An auction over HTTP, for the tests of conducting one."""

from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from auctions.engine.log import LogEntry
from auctions.engine.verification import Verification, verify
from auctions.intake import Intake
from auctions.ledger import Ledger
from marketplace.kernel.ids import new_id
from marketplace.platform.core import Platform
from tests.auctions.auction_hall import Hall, money
from tests.conftest import MoveClock
from tests.support.world import Actor, Company


@dataclass(frozen=True)
class Floor:
    """A hall and who speaks to it; each verb is one request, and its answer is what comes back."""

    hall: Hall
    client: httpx.AsyncClient
    platform: Platform
    move_clock: MoveClock

    @property
    def buyer(self) -> Company:
        return self.hall.buyer

    async def ask(
        self, who: Company | Actor, method: str, path: str, body: Any = None, key: str | None = None
    ) -> httpx.Response:
        headers = {**who.headers, "Idempotency-Key": key or str(new_id())}
        address = f"/v1/auctions/{self.hall.auction_id}{path}"
        return await self.client.request(method, address, json=body, headers=headers)

    async def done(
        self, who: Company | Actor, method: str, path: str, body: Any = None, key: str | None = None
    ) -> Any:
        """Ask for what must not be refused; give the answer's content."""
        answer = await self.ask(who, method, path, body, key)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def refused(
        self, who: Company | Actor, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, str]:
        """Ask for what must be refused; give the status and the words."""
        answer = await self.ask(who, method, path, body, key)
        assert answer.is_client_error, answer.text
        return answer.status_code, answer.json()["detail"]

    async def bid(self, who: int, amount: str) -> Any:
        return await self.done(self.hall.suppliers[who], "POST", "/bids", money(amount))

    async def standing(self, who: Company | Actor) -> Any:
        return (await self.done(who, "GET", "/standing"))["standing"]

    async def close(self) -> None:
        """Let the time pass, and the clock's work be done."""
        head = await self.platform.get(Ledger).read(self.hall.lot_id)
        await self.move_clock(head.state.closes_at - head.state.at)
        await self.platform.get(Intake).drain()
        await self.done(self.buyer, "POST", "/close")

    async def log(self, who: Company | Actor, copy: str = "own") -> Verification:
        page = await self.done(who, "GET", f"/log?limit=100&copy={copy}")
        return verify(msgspec.convert(page["items"], list[LogEntry]), page["head"])
