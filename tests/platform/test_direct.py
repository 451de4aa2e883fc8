"""Operations that are called directly answer as they do by Litestar's own way."""

from typing import Annotated, Any, Final
from uuid import UUID

import httpx
import msgspec
import pytest
from litestar import Litestar, Request, Response, get, post
from litestar.di import Provide
from litestar.exceptions import ImproperlyConfiguredException
from litestar.params import HeaderParameter, QueryParameter

from marketplace.kernel.errors import MalformedRequest, NotAuthenticated, invalid
from marketplace.platform.http.body import StrictBody
from marketplace.platform.http.direct import Direct, Operation
from marketplace.platform.http.given import FromPath, Given, JSONBody
from marketplace.platform.http.parameters import refuse_unknown_parameters
from marketplace.platform.http.problems import handle_error
from marketplace.platform.http.request import WholeRequest

Name = Annotated[str | None, HeaderParameter(name="Idempotency-Key", required=False)]
Unit = Annotated[UUID | None, HeaderParameter(name="Marketplace-Unit", required=False)]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=9)]
Tags = Annotated[list[UUID] | None, QueryParameter(name="tag")]
Needed = Annotated[str, QueryParameter(name="currency", max_length=3)]

A, B = UUID(int=1), UUID(int=2)


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """A body."""

    amount: str


class Answer(msgspec.Struct):
    """What the operations were given, and under which shelf."""

    given: list[Any]
    shelf: str


async def provide_shelf(request: Request[Any, Any, Any], unit: Unit = None) -> str:
    """Depend on the request and on a parameter of its own; count how often it was asked."""
    if "authorization" not in request.headers:
        raise NotAuthenticated("Send a key.")
    request.app.state.asked += 1
    return f"shelf {unit}"


async def provide_place(shelf: Given[str], limit: Limit = 5) -> str:
    """Depend on what depends."""
    return f"{shelf}, place {limit}"


def made(middleware: list[Any]) -> Litestar:
    """Make an application whose operations have this middleware."""

    @post("/orders/{order_id:uuid}", middleware=middleware)
    async def change(
        order_id: FromPath[UUID], data: JSONBody[Order], shelf: Given[str], key: Name = None
    ) -> Answer:
        if data.amount == "0":
            raise invalid("/amount", "too_low", "This is too low.")
        return Answer([order_id, data.amount, key], shelf)

    @get("/orders", middleware=middleware)
    async def find(currency: Needed, place: Given[str], tag: Tags = None) -> Response[Answer]:
        answer = Answer([currency, tag], place)
        if currency == "OLD":
            return Response(None, status_code=304, headers={"ETag": '"1"'})  # type: ignore[arg-type]
        return Response(answer, headers={"ETag": '"2"', "Link": "<é>"})

    @get("/text", middleware=middleware)
    async def read() -> Response[bytes]:
        return Response(b"<p>", media_type="text/html")

    return Litestar(
        [change, find, read],
        dependencies={"shelf": Provide(provide_shelf), "place": Provide(provide_place)},
        request_class=WholeRequest,
        before_request=refuse_unknown_parameters,
        dto=StrictBody,
        return_dto=None,
        exception_handlers={Exception: handle_error},
        request_max_body_size=100,
        openapi_config=None,
        logging_config=None,
    )


BODY: Final = b'{"amount":"1"}'
KNOWN: Final = {"Authorization": "Bearer x"}
ASKED: Final[dict[str, tuple[str, str, bytes, Any]]] = {
    "all of it": ("POST", f"/orders/{A}", BODY, KNOWN | {"Idempotency-Key": "k"}),
    "the least": ("POST", f"/orders/{A}", BODY, KNOWN),
    "a header twice": (
        "POST",
        f"/orders/{A}",
        BODY,
        [*KNOWN.items(), ("Idempotency-Key", "k"), ("Idempotency-Key", "l")],
    ),
    "a header that is read by what it depends on": (
        "POST",
        f"/orders/{A}",
        BODY,
        KNOWN | {"Marketplace-Unit": str(B)},
    ),
    "such a header out of form": ("POST", f"/orders/{A}", BODY, KNOWN | {"Marketplace-Unit": "x"}),
    "no key": ("POST", f"/orders/{A}", BODY, {}),
    "no key and a header out of form": ("POST", f"/orders/{A}", BODY, {"Marketplace-Unit": "x"}),
    "no key and a wrong body": ("POST", f"/orders/{A}", b"{}", {}),
    "no body": ("POST", f"/orders/{A}", b"", KNOWN),
    "no JSON": ("POST", f"/orders/{A}", b"{", KNOWN),
    "a field too many": ("POST", f"/orders/{A}", b'{"amount":"1","x":1}', KNOWN),
    "another kind of body": ("POST", f"/orders/{A}", BODY, KNOWN | {"Content-Type": "text/csv"}),
    "a packed body": ("POST", f"/orders/{A}", BODY, KNOWN | {"Content-Encoding": "gzip"}),
    "too large a body": ("POST", f"/orders/{A}", BODY + b" " * 100, KNOWN),
    "what a rule refuses": ("POST", f"/orders/{A}", b'{"amount":"0"}', KNOWN),
    "no identifier": ("POST", "/orders/x", BODY, KNOWN),
    "another method": ("PUT", f"/orders/{A}", BODY, KNOWN),
    "a query where there is none": ("POST", f"/orders/{A}?x=1", BODY, KNOWN),
    "a query": ("GET", "/orders?currency=EUR&limit=7", b"", KNOWN),
    "one value of many": ("GET", f"/orders?currency=EUR&tag={A}", b"", KNOWN),
    "many values": ("GET", f"/orders?currency=EUR&tag={A}&tag={B}", b"", KNOWN),
    "one value twice": ("GET", "/orders?currency=EUR&currency=USD", b"", KNOWN),
    "nothing where something is needed": ("GET", "/orders", b"", KNOWN),
    "an empty value": ("GET", "/orders?currency=", b"", KNOWN),
    "too much of it": ("GET", "/orders?currency=EUROS", b"", KNOWN),
    "a number out of its range": ("GET", "/orders?currency=EUR&limit=10", b"", KNOWN),
    "a number that is none": ("GET", "/orders?currency=EUR&limit=x", b"", KNOWN),
    "several things wrong": ("GET", "/orders?currency=EUROS&limit=x&tag=y", b"", {}),
    "what the client keeps": ("GET", "/orders?currency=OLD", b"", KNOWN),
    "what is no JSON": ("GET", "/text", b"", {}),
}


@pytest.fixture(scope="module")
def both() -> tuple[Litestar, Litestar]:
    """Give the application that goes Litestar's way, and the one that calls directly."""
    return made([]), made([Direct])


@pytest.mark.parametrize("name", ASKED)
async def test_a_request_is_answered_as_by_litestars_own_way(
    both: tuple[Litestar, Litestar], name: str
) -> None:
    method, path, body, headers = ASKED[name]
    answers = []
    for app in both:
        app.state.asked = 0
        served: Any = app  # whose types of ASGI messages are narrower than what clients send
        transport = httpx.ASGITransport(served)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            # Twice: for the first request it may have to be worked out.
            for _ in range(2):
                answer = await client.request(method, path, content=body, headers=headers)
        answers.append((answer.status_code, answer.headers.raw, answer.content, app.state.asked))
    assert answers[0] == answers[1]
    assert answers[0][0] != 500, answers[0]


async def test_what_is_not_done_directly_is_refused_rather_than_left_out() -> None:
    async def guard(*_: object) -> None:
        raise MalformedRequest("Nobody may.")

    @get("/guarded", guards=[guard], middleware=[Direct])
    async def guarded() -> Answer:
        return Answer([], "")

    app = Litestar([guarded], openapi_config=None, before_request=refuse_unknown_parameters)
    handler: Any = app.routes[0].route_handlers[0]  # type: ignore[union-attr]
    with pytest.raises(ImproperlyConfiguredException, match="guards"):
        Operation.of(handler, {})
