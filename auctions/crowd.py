"""How many may watch at once: in this process, and of one company."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from marketplace.kernel.errors import TooManyRequests, Unavailable
from marketplace.kernel.limits import LIVE_VIEWERS_MAX, LIVE_VIEWERS_OF_COMPANY_MAX
from marketplace.platform.core import Platform

COME_BACK_S: Final = 5


class Crowd:
    """Counts the open live channels of this process."""

    def __init__(self, _platform: Platform) -> None:
        self._of_company: Counter[UUID] = Counter()

    @contextmanager
    def joined(self, company_id: UUID) -> Iterator[None]:
        """Count a viewer as long as the block is open.

        Raises Unavailable where the process has too many viewers, and TooManyRequests where the
        company has: no company can take all the places.
        """
        if self._of_company.total() >= LIVE_VIEWERS_MAX:
            detail = "Too many are watching here; nothing was opened."
            raise Unavailable(detail, retry_after_s=COME_BACK_S)
        if self._of_company[company_id] >= LIVE_VIEWERS_OF_COMPANY_MAX:
            detail = f"Your company has {LIVE_VIEWERS_OF_COMPANY_MAX} live channels open already."
            raise TooManyRequests(detail, retry_after_s=COME_BACK_S)
        self._of_company[company_id] += 1
        try:
            yield
        finally:
            self._of_company[company_id] -= 1
            if not self._of_company[company_id]:
                del self._of_company[company_id]
