"""Health, metrics, the document and its page: what those who run the product ask."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from litestar import MediaType, Request, Response, get, post
from prometheus_client import generate_latest
from sqlalchemy import text

from marketplace.kernel.errors import NotFound, Unavailable
from marketplace.platform.core import Platform
from marketplace.platform.database import Role, system_transaction
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.http.openapi import document_bytes
from marketplace.platform.http.schemas import Output
from marketplace.platform.telemetry import METRICS

# Of this package only Swagger UI's own files are used; none of its Python is imported.
_BUNDLE: Final = Path(str(find_spec("flask_swagger_ui").origin)).parent / "dist"  # type: ignore[union-attr]
_ASSETS: Final = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Marketplace API</title>
<link rel="stylesheet" href="/schema/assets/swagger-ui.css">
<link rel="icon" href="/schema/assets/favicon-32x32.png"></head>
<body><div id="page"></div><script src="/schema/assets/swagger-ui-bundle.js"></script>
<script src="/schema/page.js"></script></body></html>
"""
_SCRIPT: Final = """SwaggerUIBundle({
  url: "/schema/openapi.json", dom_id: "#page", deepLinking: true,
  docExpansion: "none", defaultModelsExpandDepth: -1, tryItOutEnabled: false,
  persistAuthorization: true
});
"""


class Alive(Output):
    """The process answers."""

    status: str


@get("/health/live", operation_id="isAlive", tags=["operations"], summary="Is the process alive?")
async def is_alive() -> Alive:
    """Tell that the process answers; it asks nothing of anybody else."""
    return Alive(status="alive")


@get("/health/ready", operation_id="isReady", tags=["operations"], summary="Can it serve?")
async def is_ready(platform: Given[Platform]) -> Alive:
    """Tell that the database answers; without Redis the product still serves."""
    try:
        async with system_transaction(platform, Role.AUTH) as tx:
            await tx.scalar(text("select 1"))
    except Exception as error:
        raise Unavailable("The database does not answer.", retry_after_s=1) from error
    return Alive(status="ready")


@get(
    "/metrics",
    operation_id="readMetrics",
    tags=["operations"],
    summary="Prometheus metrics",
    media_type=MediaType.TEXT,
)
async def read_metrics() -> Response[bytes]:
    """Give the metrics of this process in Prometheus' text form."""
    return Response(generate_latest(METRICS), media_type="text/plain; version=0.0.4")


@get("/v1/ping", operation_id="ping", tags=["operations"], summary="Does the way to us work?")
async def ping() -> Alive:
    """Answer at once, without a key."""
    return Alive(status="alive")


@post(
    "/v1/ping",
    operation_id="pingByPost",
    tags=["operations"],
    summary="Does the way to us work, for a POST?",
    status_code=200,
)
async def ping_by_post() -> Alive:
    """Answer at once, without a key."""
    return Alive(status="alive")


@get("/schema/openapi.json", include_in_schema=False)
async def read_openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Give the OpenAPI document; made once, it changes only with the code."""
    state = request.app.state
    if "openapi_document" not in state:
        state.openapi_document = document_bytes(request.app)
    return Response(state.openapi_document, media_type=MediaType.JSON)


@get(["/schema", "/"], include_in_schema=False)
async def read_documentation() -> Response[str]:
    """Show the documentation; all of the page comes from this server."""
    policy = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'"
    return Response(_PAGE, media_type=MediaType.HTML, headers={"Content-Security-Policy": policy})


@get("/schema/page.js", include_in_schema=False)
async def read_page_script() -> Response[str]:
    """Give the few lines that start the page."""
    return Response(_SCRIPT, media_type="text/javascript")


@get("/schema/assets/{name:str}", include_in_schema=False)
async def read_asset(name: FromPath[str]) -> Response[bytes]:
    """Give a file of the documentation page."""
    if name not in _ASSETS:
        raise NotFound("There is nothing at this address.")
    return Response((_BUNDLE / name).read_bytes(), media_type=_ASSETS[name])


ROUTES: Final = (
    is_alive,
    is_ready,
    read_metrics,
    ping,
    ping_by_post,
    read_openapi,
    read_documentation,
    read_page_script,
    read_asset,
)
