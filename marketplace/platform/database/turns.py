"""Whose turn it is at a pool's connections: in the order they came, and no company's alone.

See docs/decisions/0800-turns-of-companies.md.
"""

import asyncio
from typing import Final
from uuid import UUID

from marketplace.kernel.errors import Unavailable
from marketplace.kernel.limits import COMPANY_WAITING_MAX, REQUEST_SECONDS_MAX

COMPANIES_KEPT_MAX: Final = 1_000
"""Companies without anything under way that are kept: to make one anew costs more than a turn."""


class _Company:
    """A company's own turns, and how many hold one or wait for it."""

    __slots__ = ("asking", "turns")

    def __init__(self, share: int) -> None:
        self.turns = asyncio.Semaphore(share)
        self.asking = 0


class Turns:
    """So many at once, half of them at most for one company; what belongs to none waits for all."""

    def __init__(self, size: int) -> None:
        self._share = (size + 1) // 2
        self._free = asyncio.Semaphore(size)
        self._companies: dict[UUID, _Company] = {}

    async def take(self, company_id: UUID | None) -> None:
        """Wait for a turn, which must be given back.

        Raises TimeoutError, and Unavailable where too many of the company wait already.
        """
        if company_id is not None:
            await self._take_own(company_id)
        free = self._free
        try:
            await (_in_time(free) if free.locked() else free.acquire())
        except BaseException:
            self._give_own_back(company_id)
            raise

    def give_back(self, company_id: UUID | None) -> None:
        """Let the next one have the turn."""
        self._free.release()
        self._give_own_back(company_id)

    async def _take_own(self, company_id: UUID) -> None:
        company = self._companies.get(company_id)
        if company is None:
            company = self._companies[company_id] = _Company(self._share)
        elif company.asking >= self._share + COMPANY_WAITING_MAX:
            detail = "Your company has too much under way here; nothing was done."
            raise Unavailable(detail, retry_after_s=1)
        company.asking += 1
        own = company.turns
        try:
            await (_in_time(own) if own.locked() else own.acquire())
        except BaseException:
            self._leave(company_id, company)
            raise

    def _give_own_back(self, company_id: UUID | None) -> None:
        if company_id is not None:
            company = self._companies[company_id]
            company.turns.release()
            self._leave(company_id, company)

    def _leave(self, company_id: UUID, company: _Company) -> None:
        company.asking -= 1
        if not company.asking and len(self._companies) > COMPANIES_KEPT_MAX:
            del self._companies[company_id]


async def _in_time(turns: asyncio.Semaphore) -> bool:
    """Wait, where there is none at once: only then it takes a timer."""
    async with asyncio.timeout(REQUEST_SECONDS_MAX):
        return await turns.acquire()
