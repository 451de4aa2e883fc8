"""A bounded memory of what was used last."""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps about so many values: of two generations the older goes when the younger is full.

    Cheaper than an order of use kept to the place: most look-ups touch one dictionary.
    """

    def __init__(self, size_max: int) -> None:
        self._half = size_max // 2
        self._young: dict[K, V] = {}
        self._old: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        """Give a value that is still kept."""
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        """Keep a value, in the place of one under the same key."""
        if len(self._young) >= self._half and key not in self._young:
            self._young, self._old = {}, self._young
        self._young[key] = value

    def drop(self, key: K) -> None:
        """Forget what is kept under a key."""
        self._young.pop(key, None)
        self._old.pop(key, None)
