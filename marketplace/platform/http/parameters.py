"""Parameters of paths, queries and headers that cannot be read: which one, and what it takes."""

import re
from collections.abc import Iterator
from typing import Any

from litestar import Request
from litestar.exceptions import ValidationException
from litestar.params import HeaderParameter, PathParameter
from litestar.typing import FieldDefinition

from marketplace.kernel.errors import FieldError, MalformedRequest
from marketplace.platform.http.wording import expected_of, worded


def parameter_error(
    request: Request[Any, Any, Any], error: ValidationException
) -> MalformedRequest:
    """Name the parameters Litestar refused as clients know them, with what each of them takes.

    Pointers are ``?name`` for a query, ``Name:`` for a header, ``{name}`` for a part of the path.
    """
    errors = tuple(_field_errors(request, error))
    detail = " ".join(f"{e.pointer} {e.detail}".strip() for e in errors)
    return MalformedRequest(detail or "The request cannot be read.", errors=errors)


def _field_errors(
    request: Request[Any, Any, Any], error: ValidationException
) -> Iterator[FieldError]:
    missing = re.match(r"Missing required (query|header) parameter '([^']*)'", str(error.detail))
    if missing:
        pointer = f"?{missing[2]}" if missing[1] == "query" else f"{missing[2]}:"
        yield FieldError(pointer, "missing", "This is required.")
    for item in error.extra if isinstance(error.extra, list) else ():
        if not isinstance(item, dict):
            continue
        name, reason = str(item.get("key", "")), str(item.get("message", ""))
        if name == "data":
            yield FieldError("", "missing", "Send a body: a JSON object.")
            continue
        field = _field(request, name)
        expected = expected_of(
            Any if field is None else field.annotation,
            "" if field is None else getattr(field.kwarg_definition, "description", None) or "",
        )
        # Whatever stands in a URL is a text: that it is one is no help.
        reason = re.sub(r", got `.*`$", "", reason)
        yield FieldError(_pointer(name, field), "invalid", worded(reason, expected))


def _field(request: Request[Any, Any, Any], name: str) -> FieldDefinition | None:
    """Find a parameter by its Python name: the handler's own, or one of what it depends on."""
    handler = request.route_handler
    own: FieldDefinition | None = handler.parsed_fn_signature.parameters.get(name)
    if own is not None:
        return own
    for dependency in handler.resolve_dependencies().values():
        if name in dependency.parsed_fn_signature.parameters:
            found: FieldDefinition = dependency.parsed_fn_signature.parameters[name]
            return found
    return None


def _pointer(name: str, field: FieldDefinition | None) -> str:
    declared = None if field is None else field.kwarg_definition
    shown = getattr(declared, "name", None) or name
    if isinstance(declared, HeaderParameter):
        return f"{shown}:"
    return f"{{{shown}}}" if isinstance(declared, PathParameter) else f"?{shown}"
