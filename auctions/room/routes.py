"""The room over HTTP: a page, its parts, and the history it draws.

The page holds nothing of any auction: it is the same for everybody, and what it shows it asks for
in the name of who signed in on it.
"""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from litestar import MediaType, Response, get

from auctions.room import service
from auctions.room.history import HistorySeries
from auctions.routes import LotId
from marketplace.kernel.errors import NotFound
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.platform.http.given import FromPath, Given
from marketplace.platform.http.schemas import Output

_PAGE: Final = Path(__file__).parent / "page"
_ASSETS: Final = {
    "room.js": "text/javascript",
    "channel.js": "text/javascript",
    "lots.js": "text/javascript",
    "plot.js": "text/javascript",
    "proxy.js": "text/javascript",
    "sending.js": "text/javascript",
    "rules.js": "text/javascript",
    "room.css": "text/css",
}
_HEADERS: Final = {
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


class HistoryView(Output):
    """The amounts you were shown, by whose they are; each holds until the next of its series."""

    series: list[HistorySeries]


@get(
    "/v1/auctions/{auction_id:uuid}/history",
    operation_id="readAuctionHistory",
    tags=["auctions"],
    summary="How did it come to where it stands?",
)
async def read_history(
    auction_id: FromPath[UUID],
    caller: Given[Caller],
    platform: Given[Platform],
    lot_id: LotId = None,
) -> HistoryView:
    """Read a lot's amounts as you were shown them since the start, thinned where there are many."""
    return HistoryView(series=await service.read_history(platform, caller, auction_id, lot_id))


@get("/auctions/{auction_id:uuid}/room", include_in_schema=False)
async def read_room(auction_id: FromPath[UUID], platform: Given[Platform]) -> Response[bytes]:  # noqa: ARG001
    """Show the room; who may see the auction is asked by the page itself."""
    policy = content_policy(platform.settings.public_url)
    headers = {**_HEADERS, "Content-Security-Policy": policy}
    page = (_PAGE / "room.html").read_bytes()
    return Response(page, media_type=MediaType.HTML, headers=headers)


@get("/auctions/assets/{name:str}", include_in_schema=False)
async def read_room_asset(name: FromPath[str]) -> Response[bytes]:
    """Give a part of the page."""
    if name not in _ASSETS:
        raise NotFound("There is nothing at this address.")
    return Response((_PAGE / name).read_bytes(), media_type=_ASSETS[name], headers=_HEADERS)


def content_policy(public_url: str) -> str:
    """Allow the page its own scripts, style and server, and nothing else."""
    url = urlsplit(public_url)
    socket = f"{'wss' if url.scheme == 'https' else 'ws'}://{url.netloc}"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src data:",
            f"connect-src 'self' {socket}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


ROUTES: Final = (read_history, read_room, read_room_asset)
