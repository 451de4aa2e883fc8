"""Who sent a request: credentials to `Caller`, the idempotency key, the expected version.

Routes ask for these by parameter name: `caller`, `idempotency_key`, `if_match`. A route without
`caller` is public; `tests/architecture` holds the list of those that may be. One that reads from
the database asks for a `visitor`, so that it is counted.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol, TypeVar, cast
from uuid import UUID

import msgspec
from litestar import Request, Response
from litestar.params import HeaderParameter

from marketplace.kernel.canonical import keyed_fingerprint
from marketplace.kernel.errors import (
    FieldError,
    IdempotencyKeyMissing,
    MalformedRequest,
    MarketplaceError,
    NotAuthenticated,
    VersionRequired,
)
from marketplace.kernel.limits import CODE_CHARACTERS_MAX
from marketplace.platform.arrival import NOW, Arrival
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.given import Given
from marketplace.platform.http.rate_limit import RateLimiter
from marketplace.platform.http.request import header, path_of
from marketplace.platform.idempotency import IdempotencyKey

SESSION_COOKIE: Final = "marketplace_session"
_KEY_HEADER: Final = "Idempotency-Key:"
_KEY_FORM: Final = re.compile(rf"[!-~]{{1,{CODE_CHARACTERS_MAX}}}")


class Credentials(msgspec.Struct, frozen=True):
    """What a request brings to say who sends it: a bearer key or a session cookie, and a unit."""

    bearer: str | None
    session: str | None
    unit_id: UUID | None
    address: str
    request_id: str
    origin: str | None
    safe_method: bool
    arrival: Arrival = NOW


class Authenticator(Protocol):
    """Port, supplied by `organizations`: from credentials to the member and his rights."""

    async def caller_of(self, credentials: Credentials) -> Caller:
        """Give the caller.

        Raises NotAuthenticated for missing, unknown, expired or revoked credentials (the same
        error for all), NotPermitted for an address or Origin that is not allowed, NotFound for a
        unit the member does not belong to.
        """


async def provide_caller(
    request: Request[Any, Any, Any],
    platform: Given[Platform],
    marketplace_unit: Annotated[
        UUID | None,
        HeaderParameter(
            name="Marketplace-Unit",
            required=False,
            description="Act for this unit of your company instead of the one of your member.",
        ),
    ] = None,
) -> Caller:
    """Authenticate a request and count it against its company's limit."""
    caller = await authenticate(request, platform, marketplace_unit)
    await platform.get(RateLimiter).count(
        caller.organization_id, cast("dict[str, Any]", request.scope)
    )
    return caller


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who reads what is public, without a key."""

    address: str


async def provide_visitor(request: Request[Any, Any, Any], platform: Given[Platform]) -> Visitor:
    """Count a request without a key against the limit of its address."""
    client = request.scope.get("client")
    address = client[0] if client else ""
    await platform.get(RateLimiter).count_visitor(address, cast("dict[str, Any]", request.scope))
    return Visitor(address)


async def authenticate(connection: Any, platform: Platform, unit_id: UUID | None = None) -> Caller:
    """Give the caller of a request or of a WebSocket's handshake."""
    scope = connection.scope
    authorization = header(scope, b"authorization")
    bearer = None
    if authorization is not None:
        kind, _, bearer = authorization.partition(" ")
        if kind.lower() != "bearer" or not bearer:
            raise NotAuthenticated("Send the key as: Authorization: Bearer <key>.")
    client = scope.get("client")
    credentials = Credentials(
        bearer=bearer.strip() if bearer else None,
        session=None if bearer else connection.cookies.get(SESSION_COOKIE),
        unit_id=unit_id,
        address=client[0] if client else "",
        request_id=scope.get("request_id", ""),
        origin=header(scope, b"origin"),
        safe_method=scope.get("method") in {"GET", "HEAD"},
        arrival=Arrival(scope),
    )
    if credentials.bearer is None and credentials.session is None:
        raise NotAuthenticated("Send a key: Authorization: Bearer <key>.")
    return await platform.get(Authenticator).caller_of(credentials)  # type: ignore[type-abstract]


async def refuse_socket(socket: Any, error: MarketplaceError) -> None:
    """Refuse a WebSocket's handshake; the edge answers it with the problem."""
    socket.scope["refusal"] = error
    await socket.close(code=4000 + error.status, reason=error.title)


async def provide_idempotency_key(
    request: Request[Any, Any, Any],
    platform: Given[Platform],
    caller: Given[Caller],
    key_header: Annotated[
        str | None,
        HeaderParameter(
            name="Idempotency-Key",
            required=False,
            description=(
                "Names this request, so that sending it again has no second effect. Required."
            ),
        ),
    ] = None,
) -> IdempotencyKey:
    """Read the key of a write and fingerprint all that it asks; raises IdempotencyKeyMissing.

    That is its body, its address with the query, and the unit it is done for.
    """
    if not key_header:
        raise no_idempotency_key()
    if not is_idempotency_key(key_header):
        raise bad_idempotency_key()
    body = await request.body()
    try:
        canonical = msgspec.json.encode(msgspec.json.decode(body), order="sorted") if body else b""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        canonical = body
    path, query = path_of(request.scope).encode(), request.scope["query_string"]
    target = b"%b\0%b\0%b\0" % (path, query, caller.unit_id.bytes)
    return IdempotencyKey(
        operation=str(request.route_handler.operation_id),
        key=key_header,
        fingerprint=keyed_fingerprint(platform.get(FingerprintKey).value, target + canonical),
    )


def no_idempotency_key() -> IdempotencyKeyMissing:
    """Make the error of a write that does not name itself."""
    detail = (
        "Send the header Idempotency-Key with a value of your own, the same when you repeat this "
        "request, another for another request; a UUID does."
    )
    return IdempotencyKeyMissing(detail, errors=(FieldError(_KEY_HEADER, "missing", detail),))


def bad_idempotency_key() -> MalformedRequest:
    """Make the error of a name out of form."""
    detail = f"Idempotency-Key has 1 to {CODE_CHARACTERS_MAX} visible ASCII characters."
    return MalformedRequest(detail, errors=(FieldError(_KEY_HEADER, "invalid", detail),))


def is_idempotency_key(text: str) -> bool:
    """Tell whether a text has the form of a key."""
    return _KEY_FORM.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class FingerprintKey:
    """The key of request fingerprints; outside of the database."""

    value: bytes


async def provide_if_match(
    caller: Given[Caller],  # noqa: ARG001 - first who asks, then what
    if_match_header: Annotated[
        str | None,
        HeaderParameter(
            name="If-Match",
            required=False,
            description="The ETag of the version you change. Required.",
        ),
    ] = None,
) -> int:
    """Read the version a change is for; raises VersionRequired where it is missing."""
    if if_match_header is None:
        detail = 'Send If-Match with the ETag you read, such as: If-Match: "3".'
        raise VersionRequired(detail, errors=(FieldError("If-Match:", "missing", detail),))
    match = re.fullmatch(r'"([0-9]{1,18})"', if_match_header.strip())
    if match is None:
        detail = 'If-Match must be one ETag of ours, in its quotes, such as "3".'
        raise MalformedRequest(detail, errors=(FieldError("If-Match:", "invalid", detail),))
    return int(match[1])


class Versioned(Protocol):
    """A view of something that has versions."""

    @property
    def version(self) -> int:
        """Its version, from 1."""


V = TypeVar("V", bound=Versioned)
T = TypeVar("T")


def versioned(view: V, *, status_code: int | None = None) -> Response[V]:
    """Answer with a view and its ETag."""
    return Response(view, headers={"ETag": f'"{view.version}"'}, status_code=status_code)


IfNoneMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-None-Match",
        required=False,
        description="ETags of answers you keep: if one of them is this very answer, 304 says so.",
    ),
]


def is_kept(tag: str, if_none_match: str | None) -> bool:
    """Tell whether a reader keeps what has this ETag (RFC 9110, 13.1.2)."""
    given = [each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")]
    return tag in given or given == ["*"]


def unless_kept(response: Response[T], tag: str, if_none_match: str | None) -> Response[T]:
    """Answer with what has this ETag, or 304 without a body to who keeps it."""
    if is_kept(tag, if_none_match):
        return Response(cast("T", None), status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return response
