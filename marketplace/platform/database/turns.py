"""Whose turn it is at a pool's connections: in the order they came, and no company's alone.

See docs/decisions/0800-turns-of-companies.md.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from marketplace.kernel.errors import Unavailable
from marketplace.kernel.limits import (
    COMPANIES_TURNS_KEPT_MAX,
    COMPANY_WAITING_MAX,
    REQUEST_SECONDS_MAX,
)
from marketplace.platform.telemetry import log


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

    @asynccontextmanager
    async def turn(self, company_id: UUID | None) -> AsyncIterator[None]:
        """Wait for a turn, and have it for the length of a block; raises Unavailable as `take`."""
        await self.take(company_id)
        try:
            yield
        finally:
            self.give_back(company_id)

    async def take(self, company_id: UUID | None) -> None:
        """Wait for a turn, which must be given back.

        Raises Unavailable where too many of the company wait already, or none comes in time.
        """
        company = None if company_id is None else self._asking(company_id)
        try:
            if self._free.locked() or (company is not None and company.turns.locked()):
                await self._wait(company)
            else:  # at once, and without a timer
                await self._both(company)
        except BaseException:
            self._leave(company_id)
            raise

    def give_back(self, company_id: UUID | None) -> None:
        """Let the next one have the turn."""
        self._free.release()
        if company_id is not None:
            self._companies[company_id].turns.release()
        self._leave(company_id)

    def _asking(self, company_id: UUID) -> _Company:
        company = self._companies.get(company_id)
        if company is None:
            company = self._companies[company_id] = _Company(self._share)
        elif company.asking >= self._share + COMPANY_WAITING_MAX:
            detail = "Your company has too much under way here; nothing was done."
            raise Unavailable(detail, retry_after_s=1)
        company.asking += 1
        return company

    async def _wait(self, company: _Company | None) -> None:
        """Wait for both turns, no longer than for one: a request has one deadline."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS_MAX):
                await self._both(company)
        except TimeoutError as error:
            log.warning("turn_did_not_come", asking=None if company is None else company.asking)
            detail = "No connection to the database became free in time; nothing was done."
            raise Unavailable(detail, retry_after_s=1) from error

    async def _both(self, company: _Company | None) -> None:
        if company is not None:
            await company.turns.acquire()
        try:
            await self._free.acquire()
        except BaseException:
            if company is not None:
                company.turns.release()
            raise

    def _leave(self, company_id: UUID | None) -> None:
        if company_id is None:
            return
        company = self._companies[company_id]
        company.asking -= 1
        if not company.asking and len(self._companies) > COMPANIES_TURNS_KEPT_MAX:
            del self._companies[company_id]
