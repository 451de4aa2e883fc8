"""Parameters of paths, queries and headers that cannot be read: which one, and what it takes.

And those of a query that an operation does not know: a filter that is mistyped or made up must not
be answered as if it had been obeyed.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

from litestar import Request
from litestar.exceptions import ValidationException
from litestar.params import HeaderParameter, PathParameter
from litestar.typing import FieldDefinition

from marketplace.kernel.errors import FieldError, MalformedRequest
from marketplace.kernel.limits import CODE_CHARACTERS_MAX, UNKNOWN_PARAMETERS_SHOWN
from marketplace.platform.http.wording import expected_of, worded

_NAMES: Final = "names of the query"


async def refuse_unknown_parameters(request: Request[Any, Any, Any]) -> None:
    """Raise MalformedRequest for parameters of the query that the operation does not know."""
    if request.scope["query_string"]:
        known = _known_names(request)
        if known is not None:
            check_names(request.query_params, known)


def check_names(given: Iterable[str], known: Collection[str]) -> None:
    """Raise MalformedRequest that names each parameter which is not known, and those that are."""
    unknown = [name for name in dict.fromkeys(given) if name not in known]
    if not unknown:
        return
    takes = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
    detail = f"This operation has no such parameter. {takes}"
    shown = [f"?{name[:CODE_CHARACTERS_MAX]}" for name in unknown[:UNKNOWN_PARAMETERS_SHOWN]]
    raise MalformedRequest(
        f"Unknown in the query: {', '.join(shown)}. {takes}",
        errors=tuple(FieldError(pointer, "unknown_parameter", detail) for pointer in shown),
    )


def _known_names(request: Request[Any, Any, Any]) -> Collection[str] | None:
    """Give the names that an operation and what it depends on declare, worked out once for each.

    None for what is no operation of the product: a page, or what a browser asks beforehand.
    """
    handler = request.route_handler
    if _NAMES not in handler.opt:
        names = None
        if handler.resolve_include_in_schema():
            places: Any = request.scope["path_params"]  # of which it takes the names
            declared = handler.create_kwargs_model(places)
            names = frozenset(each.field_alias for each in declared.expected_query_params)
        handler.opt[_NAMES] = names
    known: Collection[str] | None = handler.opt[_NAMES]
    return known


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
