"""How a route names what it is given.

``data: JSONBody[OrderInput]`` is the body, ``order_id: FromPath[UUID]`` a part of the path,
``status: FromQuery[str | None]`` a parameter of the query (the latter from `litestar.params`), and
``caller: Given[Caller]``, ``platform: Given[Platform]``, ``idempotency_key: Given[IdempotencyKey]``,
``if_match: Given[int]``, ``page_request: Given[PageRequest]`` come from the application.
"""

from typing import Annotated, TypeAlias, TypeVar

from litestar.di import Dependency
from litestar.params import FromPath, FromQuery, JSONBody, SkipValidationMarker

T = TypeVar("T")

Given: TypeAlias = Annotated[T, Dependency(kind="named"), SkipValidationMarker()]
"""Supplied by the application, as it is."""

__all__ = ["FromPath", "FromQuery", "Given", "JSONBody"]
