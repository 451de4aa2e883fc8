"""The one tree of errors.

::

    MarketplaceError
    ├── MalformedRequest        400  the request cannot be read at all
    ├── IdempotencyKeyMissing   400  a write that must name its key did not
    ├── NotAuthenticated        401  no key, or one that is unknown, expired or revoked
    ├── NotPermitted            403  the caller is known and lacks a role or a scope
    ├── NotFound                404  there is no such thing, or the caller may not know of it
    ├── MethodNotAllowed        405
    ├── Conflict                409  the present state does not allow it
    │   ├── WrongState          409  a state machine has no such transition from here
    │   └── StillRunning        409  the twin of this request has not finished
    ├── Gone                    410  older than what is kept
    ├── StaleVersion            412  If-Match names another version
    ├── BodyTooLarge            413
    ├── WrongMediaType          415
    ├── InvalidInput            422  the body can be read and breaks a rule
    │   └── KeyReused           422  an idempotency key came back with another body
    ├── VersionRequired         428  a change came without If-Match
    ├── TooManyRequests         429  with `retry_after_s`
    └── Unavailable             503  with `retry_after_s`; the same request is safe to send again

The HTTP layer turns an error into an RFC 9457 problem and invents nothing: `code`, `status` and
`title` belong to the class, `detail` and `errors` to the raising rule.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one place of the input.

    `pointer` is an RFC 6901 JSON pointer into the body (``/lines/3/quantity``), or ``?name`` for a
    query parameter, ``Name:`` for a header, ``{name}`` for a part of the path.
    """

    pointer: str
    code: str
    detail: str


class MarketplaceError(Exception):
    """Root of the tree; never raised itself."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, errors: Iterable[FieldError] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = tuple(errors)


class MalformedRequest(MarketplaceError):
    """The request cannot be read: broken JSON, a cursor that is not ours, a header out of form."""

    code = "malformed_request"
    status = 400
    title = "Malformed request"


class IdempotencyKeyMissing(MarketplaceError):
    """A write of money, orders, bids or awards came without its key."""

    code = "idempotency_key_missing"
    status = 400
    title = "Idempotency-Key missing"


class NotAuthenticated(MarketplaceError):
    """No credentials, or credentials that do not count any more."""

    code = "not_authenticated"
    status = 401
    title = "Not authenticated"


class NotPermitted(MarketplaceError):
    """The caller is known, sees the object, and lacks a role or a scope."""

    code = "not_permitted"
    status = 403
    title = "Not permitted"


class NotFound(MarketplaceError):
    """There is no such thing, or the caller may not know that there is."""

    code = "not_found"
    status = 404
    title = "Not found"


class MethodNotAllowed(MarketplaceError):
    """The resource exists and does not know this method."""

    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"


class Conflict(MarketplaceError):
    """The present state does not allow it; `detail` says what the state is."""

    code = "conflict"
    status = 409
    title = "Conflict"


class WrongState(Conflict):
    """A declared state machine has no such transition from the present state."""

    code = "wrong_state"
    title = "The present state does not allow this"

    def __init__(self, detail: str, *, state: str) -> None:
        super().__init__(detail)
        self.state = state


class StillRunning(Conflict):
    """A request with the same idempotency key has not finished yet."""

    code = "still_running"
    title = "The same request is still running"


class Gone(MarketplaceError):
    """It existed and is older than what is kept."""

    code = "gone"
    status = 410
    title = "Gone"


class StaleVersion(MarketplaceError):
    """`If-Match` names another version than the present one."""

    code = "stale_version"
    status = 412
    title = "Stale version"


class BodyTooLarge(MarketplaceError):
    """The body exceeds its bound."""

    code = "body_too_large"
    status = 413
    title = "Body too large"


class WrongMediaType(MarketplaceError):
    """The body's media type is not one this operation reads."""

    code = "wrong_media_type"
    status = 415
    title = "Unsupported media type"


class InvalidInput(MarketplaceError):
    """The body can be read and breaks a rule; `errors` points at the fields."""

    code = "invalid_input"
    status = 422
    title = "Invalid input"


class KeyReused(InvalidInput):
    """An idempotency key came back with another body."""

    code = "idempotency_key_reused"
    title = "Idempotency-Key reused with another body"


class VersionRequired(MarketplaceError):
    """A change came without `If-Match`."""

    code = "version_required"
    status = 428
    title = "If-Match required"


class TooManyRequests(MarketplaceError):
    """The caller is over his limit; wait `retry_after_s`."""

    code = "too_many_requests"
    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(MarketplaceError):
    """Overload or a part that is away; nothing was done, or the same key tells what was."""

    code = "unavailable"
    status = 503
    title = "Unavailable"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


def invalid(pointer: str, code: str, detail: str) -> InvalidInput:
    """Make the error of a single field, the most frequent one."""
    return InvalidInput(detail, errors=(FieldError(pointer, code, detail),))
