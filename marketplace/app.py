"""The one assembly: settings and features to a platform, and to the HTTP application on it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin

from marketplace.features import load_features
from marketplace.kernel.errors import NotFound
from marketplace.kernel.limits import BODY_BYTES_MAX
from marketplace.platform.caller import Rights
from marketplace.platform.contents.scanning import Scanner, scanner_of
from marketplace.platform.core import Platform
from marketplace.platform.feature import Feature
from marketplace.platform.garbage import SELDOM, settled
from marketplace.platform.http import operations
from marketplace.platform.http.access import (
    FingerprintKey,
    provide_caller,
    provide_idempotency_key,
    provide_if_match,
    provide_visitor,
)
from marketplace.platform.http.body import StrictBody
from marketplace.platform.http.edge import Edge
from marketplace.platform.http.paging import provide_page_request, provide_public_page
from marketplace.platform.http.parameters import refuse_unknown_parameters
from marketplace.platform.http.problems import handle_error, log_socket_error
from marketplace.platform.http.rate_limit import RateLimiter
from marketplace.platform.http.request import WholeRequest
from marketplace.platform.settings import Settings
from marketplace.platform.sheets import answers as sheets

VERSION: Final = "0.1.0"


@dataclass(slots=True)
class Assembly:
    """A platform with all ports supplied, and the features it was made of.

    Not frozen: registering the routes takes long, so tests give one application another platform.
    """

    platform: Platform
    features: Sequence[Feature]


def assemble(settings: Settings) -> Assembly:
    """Make the platform of one process; opens no connection yet."""
    features = load_features(settings.features)
    platform = Platform(settings)
    platform.provide(Rights, _rights(features))
    platform.provide(FingerprintKey, FingerprintKey(settings.secrets.key("request fingerprint")))
    platform.provide(Scanner, scanner_of(settings))
    platform.provide(RateLimiter, RateLimiter(settings, platform.redis))
    for feature in features:
        for port, make in feature.provides.items():
            platform.provide(port, make(platform))
    return Assembly(platform, features)


class MsgspecLitestar(Litestar):
    """Litestar for msgspec's types alone.

    Where pydantic is installed (a library of ours brings it), Litestar adds its plugins unasked:
    8 MB and a fifth of a second for each process, and encoders of its types for every answer.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def _rights(features: Sequence[Feature]) -> Rights:
    by_role: dict[str, set[str]] = {}
    titles: dict[str, str] = {}
    for feature in features:
        for scope in feature.scopes:
            titles[scope.name] = scope.title
            for role in scope.roles:
                by_role.setdefault(role, set()).add(scope.name)
    return Rights({role: frozenset(names) for role, names in by_role.items()}, titles)


def create_app(assembly: Assembly) -> Edge:
    """Make the ASGI application."""
    return Edge(create_litestar(assembly))


def create_litestar(assembly: Assembly) -> Litestar:
    """Make the inner application; `openapi_document` reads it without starting it."""
    routes: list[Any] = [*operations.ROUTES, *sheets.ROUTES]
    for feature in assembly.features:
        routes.extend(feature.routes)

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        platform = assembly.platform
        async with AsyncExitStack() as stack:
            stack.push_async_callback(platform.close)
            for feature in assembly.features:
                for part in feature.api_lifespans:
                    await stack.enter_async_context(part(platform))
            stack.enter_context(settled(SELDOM))
            yield

    def provide_platform() -> Platform:
        return assembly.platform

    return MsgspecLitestar(
        # By one router: what is registered with the application itself has all its routes sorted
        # anew, and each operation of a path is worked out once more for every other one on it.
        route_handlers=[Router("/", route_handlers=routes)],
        dependencies={
            "platform": Provide(provide_platform, sync_to_thread=False),
            "caller": Provide(provide_caller),
            "idempotency_key": Provide(provide_idempotency_key),
            "if_match": Provide(provide_if_match),
            "page_request": Provide(provide_page_request),
            "visitor": Provide(provide_visitor),
            "public_page": Provide(provide_public_page),
        },
        request_class=WholeRequest,
        before_request=refuse_unknown_parameters,
        dto=StrictBody,
        return_dto=None,
        exception_handlers={Exception: handle_error},
        after_exception=[log_socket_error],
        lifespan=[lifespan],
        openapi_config=openapi_config(),
        request_max_body_size=BODY_BYTES_MAX,
        logging_config=None,
        signature_types=[Platform],
    )


def openapi_config() -> OpenAPIConfig:
    """Describe the API; the page and the document are served by `operations`."""
    return OpenAPIConfig(
        title="Marketplace",
        version=VERSION,
        summary="Companies buy from companies: at negotiated prices, by sealed offers, live.",
        create_examples=False,
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                "key": SecurityScheme(type="http", scheme="bearer", description="An API key.")
            }
        ),
        render_plugins=[],
        # Litestar's own pages take their scripts from other hosts.
        openapi_router=Router(
            "/openapi-internal",
            route_handlers=[],
            include_in_schema=False,
            dto=None,
            return_dto=None,
            guards=[_nowhere],
        ),
    )


def _nowhere(_connection: object, _handler: object) -> None:
    raise NotFound("There is nothing at this address.")
