"""How a route names what it is given.

=============================================  =================================================
``data: JSONBody[OrderInput]``                 the body
``order_id: FromPath[UUID]``                   a part of the path
``limit: FromQuery[int]``                      a parameter of the query
``caller: Given[Caller]``                      who asks; without it a route is public
``visitor: Given[Visitor]``                    who reads what is public; counted by his address
``platform: Given[Platform]``                  what services need beside the caller
``idempotency_key: Given[IdempotencyKey]``     the required header of the same name
``if_match: Given[int]``                       the version a change is for
``page_request: Given[PageRequest]``           `limit` and `after`
``public_page: Given[PageRequest]``            the same of a visitor
=============================================  =================================================
"""

from typing import Annotated, TypeAlias, TypeVar

from litestar.di import Dependency
from litestar.params import FromPath, FromQuery, JSONBody, SkipValidationMarker

T = TypeVar("T")

Given: TypeAlias = Annotated[T, Dependency(kind="named"), SkipValidationMarker()]
"""Supplied by the application, as it is."""

__all__ = ["FromPath", "FromQuery", "Given", "JSONBody"]
