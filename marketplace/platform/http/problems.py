"""Errors as RFC 9457 problem details; nothing is worded here but what no rule has seen."""

from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import MediaType, Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
    WebSocketDisconnect,
)
from litestar.types import Scope
from sqlalchemy.exc import TimeoutError as PoolTimeout
from uvicorn.protocols.utils import ClientDisconnected

from marketplace.kernel.errors import (
    BodyTooLarge,
    FieldError,
    InvalidInput,
    MalformedRequest,
    MarketplaceError,
    MethodNotAllowed,
    NotFound,
    TooManyRequests,
    Unavailable,
    WrongState,
)
from marketplace.platform.database import is_away, is_conflict
from marketplace.platform.http.faults import faults
from marketplace.platform.http.parameters import parameter_error
from marketplace.platform.http.request import path_of
from marketplace.platform.http.storable import check_storable
from marketplace.platform.telemetry import log

PROBLEM_JSON: Final = "application/problem+json"


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with one place of the request."""

    pointer: str
    code: str
    detail: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong (RFC 9457). `type` is stable and documented; `errors` point at fields."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    code: str
    errors: tuple[FieldProblem, ...] = ()
    state: str | None = None


def problem_of(error: MarketplaceError, instance: str, request_id: str) -> Problem:
    """Give the problem document of an error."""
    return Problem(
        type=f"urn:marketplace:problem:{error.code}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        instance=instance,
        request_id=request_id,
        code=error.code,
        errors=tuple(
            FieldProblem(pointer=e.pointer, code=e.code, detail=e.detail) for e in error.errors
        ),
        state=error.state if isinstance(error, WrongState) else None,
    )


def problem_response(request: Request[Any, Any, Any], error: MarketplaceError) -> Response[bytes]:
    """Answer with the problem document of an error."""
    request_id = request.scope.get("request_id", "")
    problem = problem_of(error, quote(path_of(request.scope)), str(request_id))
    return Response(
        msgspec.json.encode(problem),
        status_code=error.status,
        media_type=PROBLEM_JSON,
        headers=headers_of(error),
    )


def headers_of(error: MarketplaceError) -> dict[str, str]:
    """Give the headers that come with an error: when to come back, how to say who one is."""
    headers = {}
    if isinstance(error, TooManyRequests | Unavailable):
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:  # noqa: PLR2004 - the status that asks for credentials
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def decode_body(decoder: "msgspec.json.Decoder[Any]", body: bytes) -> Any:
    """Decode a body strictly; raises MalformedRequest or InvalidInput with a pointer."""
    try:
        value = decoder.decode(body)
    except msgspec.ValidationError as error:
        wrong = faults(error, decoder.type, body)
        raise InvalidInput(wrong[0].detail, errors=wrong) from None
    except msgspec.DecodeError as error:
        raise _not_json(str(error)) from None
    except UnicodeDecodeError:
        raise _not_json("a text in it is not UTF-8") from None
    except RecursionError:
        raise _not_json("it is nested too deeply") from None
    check_storable(body, value, decoder.type)
    return value


def _not_json(reason: str) -> MalformedRequest:
    detail = f"The body is not JSON: {reason}."
    return MalformedRequest(detail, errors=(FieldError("", "not_json", detail),))


def _known(request: Request[Any, Any, Any], error: HTTPException) -> MarketplaceError:
    if isinstance(error, ValidationException):
        return parameter_error(request, error)
    if _is_broken_off(error):
        detail = "The body broke off before its end."
        return MalformedRequest(detail, errors=(FieldError("", "broken_off", detail),))
    if isinstance(error, NotFoundException):
        return NotFound("There is nothing at this address.")
    if isinstance(error, MethodNotAllowedException):
        return MethodNotAllowed("This address does not know this method; `Allow` lists those.")
    if error.status_code == BodyTooLarge.status:
        most = request.route_handler.resolve_request_max_body_size()
        return BodyTooLarge(f"The body is too large; this operation takes {most} bytes.")
    return _unreadable(request.scope, error)


def _unreadable(scope: Any, error: HTTPException) -> MalformedRequest:
    if "route_handler" in scope:
        return MalformedRequest(str(error.detail) or "The request cannot be read.")
    # Before it knows the operation, the router looks at one thing.
    detail = "Host holds what no name or address of a server has."
    return MalformedRequest(detail, errors=(FieldError("Host:", "malformed", detail),))


def handle_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer any exception with a problem; what we did not foresee says nothing of the inside."""
    if isinstance(error, MarketplaceError):
        return problem_response(request, error)
    if isinstance(error, HTTPException) and (error.status_code < 500 or _is_broken_off(error)):  # noqa: PLR2004
        answer = problem_response(request, _known(request, error))
        answer.headers.update({k: v for k, v in (error.headers or {}).items() if k == "allow"})
        return answer
    return problem_response(request, _unforeseen(request, error))


def _unforeseen(request: Request[Any, Any, Any], error: Exception) -> MarketplaceError:
    """Give what is said of an error from below: of a part that is away, or of our own fault."""
    if isinstance(error, PoolTimeout) or is_conflict(error):
        log.warning("database_busy", error=type(error).__name__)
        return Unavailable("The database is busy; nothing was done.", retry_after_s=1)
    if is_away(error) and not isinstance(error, OSError):  # which may be anything's
        log.warning("database_away", error=type(error).__name__)
        return Unavailable("The database does not answer.", retry_after_s=1)
    if isinstance(error, TimeoutError):  # a statement's: see `command_timeout`
        log.warning("database_slow", path=path_of(request.scope))
        return Unavailable("The database does not answer in time.", retry_after_s=1)
    log.error("request_failed", path=path_of(request.scope), exc_info=error)
    return MarketplaceError("This is our fault; the request's id helps to find it.")


def _is_broken_off(error: HTTPException) -> bool:
    # Litestar takes a client who went away, or fell silent, for a fault of the server's.
    return error.detail == "client disconnected prematurely"


async def log_socket_error(error: Exception, scope: Scope) -> None:
    """Log what ended a WebSocket: no answer tells of it, and Litestar just closes.

    A viewer who left while a message was on its way to him is no failure.
    """
    refused = isinstance(error, HTTPException) and error.status_code < 500  # noqa: PLR2004
    # By the server where it noticed first, by Litestar where who reads from him did.
    left = isinstance(error, ClientDisconnected | WebSocketDisconnect)
    if scope["type"] == ScopeType.WEBSOCKET and not refused and not left:
        log.error("socket_failed", path=scope["path"], exc_info=error)


JSON: Final = MediaType.JSON
