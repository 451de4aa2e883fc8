"""When a request had arrived: before a deadline that counts, not when its turn came."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

WHOLE: Final = "whole"
"""In the scope of a request all of which is here: since when, in seconds of the clock that only
runs (`time.monotonic`). Who reads its body need not wait for it."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """When all of a request was here, by the process that serves it."""

    scope: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def ago(self) -> timedelta:
        """Tell how long ago; zero where nobody noted it, or not all of it has come.

        Asked before a clock is, so that what is reckoned from that clock is never too early.
        """
        at = self.scope.get(WHOLE)
        return timedelta(0) if at is None else timedelta(seconds=time.monotonic() - at)


NOW: Final = Arrival()
"""Of what no request asks for."""
