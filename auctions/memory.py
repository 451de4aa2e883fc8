"""What a process remembers of lots: those last used, as many as their bidders leave room for."""

from collections import OrderedDict
from typing import Generic, TypeVar
from uuid import UUID

from marketplace.kernel.limits import AUCTION_BIDDERS_REMEMBERED_MAX

V = TypeVar("V")


class LotMemory(Generic[V]):
    """Values by id, the longest unused forgotten first.

    A lot weighs what it has of bidders: hundreds of large ones and thousands of small ones fit into
    the same memory.
    """

    def __init__(self, bidders_max: int = AUCTION_BIDDERS_REMEMBERED_MAX) -> None:
        self._bidders_max = bidders_max
        self._bidders = 0
        self._kept: OrderedDict[UUID, tuple[V, int]] = OrderedDict()

    def __contains__(self, key: UUID) -> bool:
        return key in self._kept

    def get(self, key: UUID) -> V | None:
        """Give what is remembered, None if nothing."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        self._kept.move_to_end(key)
        return kept[0]

    def put(self, key: UUID, value: V, bidders: int) -> None:
        """Remember a value as the last used one."""
        self.forget(key)
        weight = bidders + 1
        self._kept[key] = value, weight
        self._bidders += weight
        while self._bidders > self._bidders_max and len(self._kept) > 1:
            self.forget(next(iter(self._kept)))

    def forget(self, key: UUID) -> None:
        """Forget a value, if it is remembered."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bidders -= kept[1]
