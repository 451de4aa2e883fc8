"""What a process does so many times at once, of which no company has all."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from marketplace.kernel.errors import Unavailable


class Shares:
    """How many are under way in this process, and whose."""

    def __init__(self, at_once: int, of_company: int, *, refusal: str, retry_after_s: int) -> None:
        self._at_once = at_once
        self._of_company = of_company
        self._refusal, self._retry_after_s = refusal, retry_after_s
        self._of: Counter[UUID] = Counter()

    @contextmanager
    def room(self, company_id: UUID) -> Iterator[None]:
        """Have one more under way; raises Unavailable where there are enough already."""
        if self._of.total() >= self._at_once or self._of[company_id] >= self._of_company:
            raise Unavailable(self._refusal, retry_after_s=self._retry_after_s)
        self._of[company_id] += 1
        try:
            yield
        finally:
            self._of[company_id] -= 1
            self._of += Counter()  # forgets whoever has none
