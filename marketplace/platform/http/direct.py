"""Operations that are asked for so often that they are called directly.

``@post(…, middleware=[Direct])`` is all it takes. For each request Litestar finds out, step by
step, what an operation's function and those it depends on take, and how its answer is written. Here
that is laid down once, from the same declarations, when the operation is first asked for. A request
of which something cannot be read goes Litestar's own way, before anything was done for it: so who
is told why is told it in the same words.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, cast

import msgspec
from litestar import MediaType, Request, Response
from litestar.dto import AbstractDTO
from litestar.exceptions import ImproperlyConfiguredException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send
from litestar.utils.signature import ParsedSignature

from marketplace.platform.http.parameters import refuse_unknown_parameters
from marketplace.platform.http.request import header

_WITHOUT_BODY: Final = frozenset({204, 304})
_JSON: Final = (b"content-type", b"application/json")
_encode: Final = msgspec.json.Encoder().encode


class Unreadable(Exception):
    """A request lacks something, or gives something that is not what it should be."""


class Direct:
    """Takes the place of Litestar's way to an operation, for requests that can be read."""

    def __init__(self, app: ASGIApp) -> None:
        self._litestars_way = app
        self._operation: Operation | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        operation = self._operation
        if operation is None:
            handler = cast("HTTPRouteHandler", scope["route_handler"])
            operation = self._operation = Operation.of(handler, scope["path_params"])
        request = operation.request_class(scope, receive, send)
        await refuse_unknown_parameters(request)
        try:
            values = await operation.read(request)
        except Unreadable:
            await self._litestars_way(scope, receive, send)
            return
        await operation.answer(request, await operation.call(values))


Names = tuple[tuple[str, str], ...]
"""What a request gives in one place: the name of each in Python, and the one it is given under."""


@dataclass(frozen=True, slots=True)
class Function:
    """The operation's function, or one it depends on: what it takes of the values and adds."""

    gives: str
    call: Callable[..., Any]
    waits: bool
    takes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """How a request becomes values, these a result, and that an answer."""

    handler: HTTPRouteHandler
    request_class: type[Request[Any, Any, Any]]
    path: Names
    query: Names
    several: frozenset[str]
    """Parameters of the query that are lists, by their names there."""
    headers: tuple[tuple[str, bytes], ...]
    parameters: type[msgspec.Struct]
    """All of them: what each has to be, and what it is where it is not given."""
    body: type[AbstractDTO[Any]] | None
    in_json: bool
    functions: tuple[Function, ...]
    """Each behind those it depends on, the operation's own last."""

    @classmethod
    def of(cls, handler: HTTPRouteHandler, path: Mapping[str, Any]) -> Self:
        """Work it out for a handler whose path has these parameters.

        Raises ImproperlyConfiguredException where it declares what is not done here.
        """
        places: Any = path  # of which the names are taken
        declared = handler.create_kwargs_model(places)
        _refuse_others(handler, declared)
        headers = _names(declared.expected_header_params)
        return cls(
            handler=handler,
            request_class=handler.resolve_request_class(),
            path=_names(declared.expected_path_params),
            query=_names(declared.expected_query_params),
            several=frozenset(declared.sequence_query_parameter_names),
            headers=tuple((name, alias.lower().encode()) for name, alias in headers),
            parameters=_parameters(handler, declared),
            body=declared.expected_data_dto,
            in_json=handler.media_type in {"", MediaType.JSON},
            functions=tuple(_functions(handler)),
        )

    async def read(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Give the values of a request by name.

        Raises Unreadable, or what a body in another form deserves.
        """
        try:
            read = msgspec.convert(self._given(request), self.parameters, strict=False)
        except msgspec.ValidationError:
            raise Unreadable from None
        values = msgspec.structs.asdict(read)
        values["request"] = request
        if self.body is not None:
            body = await request.body()
            if not body:
                raise Unreadable
            values["data"] = self.body(request).decode_bytes(body)
        return values

    def _given(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """Give what a request gives of the parameters, as it gives it."""
        given: dict[str, Any] = {}
        for name, in_path in self.path:
            given[name] = request.path_params[in_path]
        for name, in_head in self.headers:
            text = header(request.scope, in_head)
            if text is not None:
                given[name] = text
        if self.query:
            query = request.query_params
            for name, in_query in self.query:
                if found := query.getall(in_query, []):
                    given[name] = found if in_query in self.several else found[-1]
        return given

    async def call(self, values: dict[str, Any]) -> Any:
        """Call the functions in turn; give what the last gives."""
        result = None
        for function in self.functions:
            result = function.call(**{name: values[name] for name in function.takes})
            if function.waits:
                result = await result
            values[function.gives] = result
        return result

    async def answer(self, request: Request[Any, Any, Any], result: Any) -> None:
        """Send a result: a struct or bytes of JSON, as they are or in a response with headers."""
        content, headers, status = result, [], self.handler.status_code
        if isinstance(result, Response):
            content, status = result.content, result.status_code or status
            headers = [(k.lower().encode(), v.encode("latin-1")) for k, v in result.headers.items()]
        if status in _WITHOUT_BODY or not self._is_plain(result, content):
            response = await self.handler.to_response(request.app, result, request)
            await response(request.scope, request.receive, request.send)
            return
        body = content if isinstance(content, bytes) else _encode(content)
        headers += (_JSON, (b"content-length", b"%d" % len(body)))
        await request.send({"type": "http.response.start", "status": status, "headers": headers})
        await request.send({"type": "http.response.body", "body": body, "more_body": False})

    def _is_plain(self, result: Any, content: Any) -> bool:
        """Tell whether nothing is asked of an answer but to send its content as JSON."""
        if isinstance(result, Response) and (
            result.media_type or result.cookies or result.background
        ):
            return False
        return self.in_json and isinstance(content, msgspec.Struct | bytes)


def _functions(handler: HTTPRouteHandler) -> Iterator[Function]:
    """Give the functions an operation depends on, each behind those it depends on, and its own."""
    provided, given = handler.resolve_dependencies(), set[str]()

    def needed(by: ParsedSignature) -> Iterator[Function]:
        for name in by.parameters:
            if name in provided and name not in given:
                given.add(name)
                provide = provided[name]
                yield from needed(provide.parsed_fn_signature)
                takes = tuple(provide.parsed_fn_signature.parameters)
                yield Function(name, provide.dependency, not provide.has_sync_callable, takes)

    yield from needed(handler.parsed_fn_signature)
    takes = tuple(handler.parsed_fn_signature.parameters)
    yield Function("", handler.fn, not handler.has_sync_callable, takes)


def _names(declared: Iterable[Any]) -> Names:
    return tuple((each.field_name, each.field_alias) for each in declared)


def _parameters(handler: HTTPRouteHandler, declared: Any) -> type[msgspec.Struct]:
    """Give the struct of an operation's parameters and of those it depends on."""
    provided = handler.resolve_dependencies()
    types: dict[str, Any] = {}
    for name in (each.gives for each in _functions(handler)):
        model = provided[name].signature_model if name else handler.signature_model
        for parameter, type_ in model.__annotations__.items():
            if types.setdefault(parameter, type_) != type_ and parameter not in provided:
                msg = f"{handler}: {parameter} is of two types"
                raise ImproperlyConfiguredException(msg)
    fields: list[Any] = []
    for each in (
        *declared.expected_path_params,
        *declared.expected_query_params,
        *declared.expected_header_params,
    ):
        field = each.field_name, types[each.field_name]
        fields.append(field if each.is_required else (*field, each.default))
    return msgspec.defstruct("Parameters", fields, kw_only=True)


def _refuse_others(handler: HTTPRouteHandler, declared: Any) -> None:
    """Raise ImproperlyConfiguredException for a handler that wants what is not done directly."""
    wanted = {
        "guards": handler.resolve_guards(),
        "hooks": handler.resolve_after_response()
        or any(layer.after_request for layer in handler.ownership_layers)
        or handler.resolve_before_request() is not refuse_unknown_parameters,
        "headers or cookies of its own": handler.resolve_response_headers()
        or handler.resolve_response_cookies(),
        "caching, or work behind the answer": handler.cache or handler.background,
        "another form than JSON": handler.resolve_return_dto()
        or declared.expected_form_data
        or declared.expected_msgpack_data,
        "cookies, or more of the request": declared.expected_cookie_params
        or declared.expected_reserved_kwargs - {"data", "request"},
        "dependencies to clean up": any(
            each.has_sync_generator_dependency or each.has_async_generator_dependency
            for each in handler.resolve_dependencies().values()
        ),
    }
    unserved = [what for what, is_wanted in wanted.items() if is_wanted]
    if unserved:
        raise ImproperlyConfiguredException(f"{handler} is not called directly: {unserved}")
