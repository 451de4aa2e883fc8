"""The platform of one process: its database, Redis, files, secrets, and the ports supplied."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar, cast

from marketplace.platform.database import Database
from marketplace.platform.files import Files
from marketplace.platform.redis import RedisClients
from marketplace.platform.settings import Secrets, Settings

T = TypeVar("T")


class Platform:
    """What services are handed beside the caller.

    Ports are looked up by their type when they are used, so that a lower package can ask for what
    a higher one supplies.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.secrets: Secrets = settings.secrets
        self.database = Database(settings)
        self.redis = RedisClients(settings.redis_url)
        self.files = Files(settings.data_directory / "files")
        self._parts: dict[type, Any] = {}
        self._drains: list[Callable[[], Awaitable[None]]] = []

    def provide(self, port: type, implementation: object) -> None:
        """Supply a port; a second implementation of the same port is refused."""
        if port in self._parts:
            msg = f"{port.__name__} is supplied twice"
            raise ValueError(msg)
        self._parts[port] = implementation

    def get(self, port: type[T]) -> T:
        """Give the implementation of a port; raises LookupError where no feature supplies it."""
        try:
            return cast("T", self._parts[port])
        except KeyError:
            raise LookupError(f"no installed feature supplies {port.__name__}") from None

    def has(self, port: type) -> bool:
        """Tell whether a feature supplies the port."""
        return port in self._parts

    def before_close(self, drain: Callable[[], Awaitable[None]]) -> None:
        """Have `drain` awaited before the connections close, the last one named first.

        For parts that write after they answered: what comes after the close would open connections
        that nobody closes.
        """
        self._drains.append(drain)

    async def close(self) -> None:
        """Finish what is under way, then close all connections of this process.

        If one of these fails, the others are done nevertheless.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            stack.push_async_callback(self.redis.close)
            for drain in self._drains:
                stack.push_async_callback(drain)
