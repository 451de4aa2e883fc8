"""Keyset pages: a page continues after the last item shown, however many were added before it."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response
from litestar.params import QueryParameter

from marketplace.kernel.clock import rfc3339
from marketplace.kernel.errors import FieldError, InvalidInput, MalformedRequest
from marketplace.kernel.limits import PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX
from marketplace.platform.caller import Caller
from marketplace.platform.http.access import Visitor
from marketplace.platform.http.given import Given
from marketplace.platform.http.request import path_of
from marketplace.platform.http.storable import check_without_nul

_NUMBER_MAX: Final = 2**63 - 1
"""Of a bigint."""

T = TypeVar("T")
K = TypeVar("K")


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some items, and where the next ones begin; `next` is null on the last page."""

    items: list[T]
    next: str | None


P = TypeVar("P", bound=Page[Any])


def no_cursor(detail: str) -> MalformedRequest:
    """Make the error of an `after` that is not ours."""
    return MalformedRequest(detail, errors=(FieldError("?after", "no_cursor", detail),))


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which page is asked for.

    A service fetches ``limit + 1`` rows after the key and hands them to `page`.
    """

    limit: int
    after: str | None
    path: str = ""
    query: tuple[tuple[str, str], ...] = ()

    def key(self, key_type: type[K]) -> K | None:
        """Give the key after which the page begins, None for the first; raises MalformedRequest."""
        if self.after is None:
            return None
        try:
            raw = base64.urlsafe_b64decode(self.after + "=" * (-len(self.after) % 4))
            key = msgspec.json.decode(raw, type=key_type)
            check_without_nul(raw)
            _check_comparable(key)
        except (binascii.Error, ValueError, OverflowError, msgspec.MsgspecError, InvalidInput):
            raise no_cursor("This is no cursor of this list; begin without `after`.") from None
        return key

    @property
    def fetch(self) -> int:
        """How many rows to fetch: one more than shown tells whether there is a next page."""
        return self.limit + 1


def _check_comparable(key: Any) -> None:
    """Raise ValueError or OverflowError for a forged key that no column can be compared with."""
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, datetime):
            rfc3339(part)
        if isinstance(part, int) and abs(part) > _NUMBER_MAX:
            raise OverflowError


def page(request: PageRequest, rows: Sequence[T], key_of: Callable[[T], Any]) -> Page[T]:
    """Make the page of up to ``limit + 1`` fetched items; `key_of` gives an item's sort key."""
    shown = list(rows[: request.limit])
    more = len(rows) > request.limit
    return Page(items=shown, next=cursor(key_of(shown[-1])) if more else None)


def cursor(key: Any) -> str:
    """Write a key as an opaque cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def paged(request: PageRequest, answer: P) -> Response[P]:
    """Answer with a page and, where there is a next one, its `Link`."""
    return Response(answer, headers=next_link(request, answer.next))


def next_link(request: PageRequest, following: str | None) -> dict[str, str]:
    """Give the header that leads to the next page, where there is one."""
    if following is None:
        return {}
    others = [(k, v) for k, v in request.query if k not in {"after", "limit"}]
    query = urlencode(others) if others else ""
    # A cursor is written in letters that an address may have.
    link = f"{query}&"[not query :] + f"limit={request.limit}&after={following}"
    return {"Link": f'<{request.path}?{link}>; rel="next"'}


Limit = Annotated[
    int, QueryParameter(name="limit", ge=1, le=PAGE_ITEMS_MAX, description="Items per page.")
]
After = Annotated[
    str | None,
    QueryParameter(name="after", max_length=2_000, description="`next` of the page before."),
]


async def provide_page_request(
    request: Request[Any, Any, Any],
    caller: Given[Caller],  # noqa: ARG001 - first who asks, then what
    limit: Limit = PAGE_ITEMS_DEFAULT,
    after: After = None,
) -> PageRequest:
    """Read `limit` and `after`."""
    return _page_request(request, limit, after)


async def provide_public_page(
    request: Request[Any, Any, Any],
    visitor: Given[Visitor],  # noqa: ARG001 - counted before anything is read
    limit: Limit = PAGE_ITEMS_DEFAULT,
    after: After = None,
) -> PageRequest:
    """Read `limit` and `after` of somebody without a key."""
    return _page_request(request, limit, after)


def _page_request(request: Request[Any, Any, Any], limit: int, after: str | None) -> PageRequest:
    query = tuple((k, v) for k, v in request.query_params.multi_items())
    return PageRequest(limit, after, path_of(request.scope), query)
