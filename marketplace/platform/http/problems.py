"""Errors as RFC 9457 problem details; nothing is worded here but what no rule has seen."""

import re
from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

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
    WrongMediaType,
    WrongState,
)
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
    problem = problem_of(error, quote(request.url.path), str(request_id))
    headers = {}
    if isinstance(error, TooManyRequests | Unavailable):
        headers["Retry-After"] = str(error.retry_after_s)
    if error.status == 401:  # noqa: PLR2004 - the status that asks for credentials
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        msgspec.json.encode(problem),
        status_code=error.status,
        media_type=PROBLEM_JSON,
        headers=headers,
    )


_PATH: Final = re.compile(r" - at `(?P<path>[^`]*)`$")


def pointer_of(path: str) -> str:
    """Turn msgspec's path (``$.lines[3].quantity``) into a JSON pointer (``/lines/3/quantity``)."""
    parts = re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", path.removeprefix("key in "))
    return "".join(
        "/" + (name or index).replace("~", "~0").replace("/", "~1") for name, index in parts
    )


def input_error(error: msgspec.ValidationError) -> InvalidInput:
    """Turn msgspec's refusal of a body into our error with a pointer to the field."""
    text = str(error)
    match = _PATH.search(text)
    pointer = pointer_of(match["path"]) if match else ""
    reason = text[: match.start()] if match else text
    unknown = re.search(r"unknown field `([^`]*)`", reason)
    missing = re.search(r"missing required field `([^`]*)`", reason)
    if unknown:
        field, code = f"{pointer}/{unknown[1]}", "unknown_field"
        detail = f"There is no field {unknown[1]!r} here; remove it or correct its name."
    elif missing:
        field, code = f"{pointer}/{missing[1]}", "missing"
        detail = f"The field {missing[1]!r} is required."
    else:
        field, code, detail = pointer, "invalid", f"{reason}."
    return InvalidInput(detail, errors=(FieldError(field, code, detail),))


def decode_body(decoder: "msgspec.json.Decoder[Any]", body: bytes) -> Any:
    """Decode a body strictly; raises MalformedRequest or InvalidInput with a pointer."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise input_error(error) from None
    except msgspec.DecodeError as error:
        raise MalformedRequest(f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply.") from None


def _parameter_error(error: ValidationException) -> MalformedRequest:
    found: Iterable[Any] = error.extra if isinstance(error.extra, list) else ()
    if any(isinstance(item, dict) and item.get("key") == "data" for item in found):
        missing = FieldError("", "missing", "Send a body: a JSON object.")
        return MalformedRequest("This operation needs a JSON body.", errors=(missing,))
    errors = tuple(
        FieldError(
            f"{'?' if item.get('source') == 'query' else ''}{item.get('key', '')}",
            "invalid",
            f"{item.get('message', 'invalid')}.",
        )
        for item in found
        if isinstance(item, dict)
    )
    detail = "; ".join(f"{e.pointer}: {e.detail}" for e in errors) or str(error.detail)
    return MalformedRequest(detail, errors=errors)


def _known(error: HTTPException) -> MarketplaceError:
    if isinstance(error, ValidationException):
        return _parameter_error(error)
    if isinstance(error, NotFoundException):
        return NotFound("There is nothing at this address.")
    if isinstance(error, MethodNotAllowedException):
        return MethodNotAllowed("This address does not know this method.")
    if error.status_code == BodyTooLarge.status:
        return BodyTooLarge("The body is larger than this operation takes.")
    if error.status_code == WrongMediaType.status:
        return WrongMediaType("The body's media type is not one this operation reads.")
    return MalformedRequest(str(error.detail) or "The request cannot be read.")


def handle_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer any exception with a problem; what we did not foresee says nothing of the inside."""
    if isinstance(error, MarketplaceError):
        return problem_response(request, error)
    if isinstance(error, HTTPException | ClientException) and error.status_code < 500:  # noqa: PLR2004
        return problem_response(request, _known(error))
    if isinstance(error, PoolTimeout) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    ):
        log.warning("database_busy", error=type(error).__name__)
        return problem_response(
            request, Unavailable("The database is busy; nothing was done.", retry_after_s=1)
        )
    log.error("request_failed", path=request.url.path, exc_info=error)
    return problem_response(
        request, MarketplaceError("This is our fault; the request's id helps to find it.")
    )


JSON: Final = MediaType.JSON
