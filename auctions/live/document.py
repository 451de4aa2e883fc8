"""The AsyncAPI 3.0 document of the live channel, made from the types that are sent.

OpenAPI describes requests and answers, not what is said on an open channel. Kept in
`docs/asyncapi.json` and served as `/schema/asyncapi.json`.
"""

from typing import Any, Final

import msgspec

from auctions.engine.visibility import BidderView, OwnerView
from auctions.live.messages import RETRY_MS
from auctions.schemas import DeltaMessage, HeartbeatMessage, SnapshotView
from marketplace.kernel.limits import LIVE_MESSAGE_BYTES_MAX, VIEWER_BACKLOG_MAX
from marketplace.platform.http.access import SESSION_COOKIE

ADDRESS: Final = "/v1/auctions/{auction_id}/live"
VERSION: Final = "2.0.0"
"""Of the channel: the first part rises when a client must change."""
_MESSAGES: Final = {
    "snapshot": (SnapshotView, "All you may see of a lot, and where you begin"),
    "delta": (DeltaMessage, "What changed of a lot for you"),
    "heartbeat": (HeartbeatMessage, "Nothing changed of a lot; the time"),
}
_DESCRIPTION: Final = f"""\
Follow an auction: the state as you may see it, then what changes for you.

An auction has one lot or several; every message names its `lot_id`. One channel follows all lots
you see, or with `lot_id` in the address one of them. Each lot has a standing and a number of its
own:

1. The first message of a lot is a `snapshot`; if you name the last number you saw and nothing has
   changed since, it is a `heartbeat`.
2. A `delta` follows the number `previous`: apply `changes` to the lot's standing as a JSON merge
   patch (RFC 7396) and go on with `number`. One delta may carry several changes. If `previous` is
   not your number, take a snapshot: open the channel anew without a number.
3. Another `snapshot` may come at any time and replaces all you know of the lot.
4. A `heartbeat` of each lot comes every five seconds. If nothing came for fifteen, open the channel
   anew.

`after` names the last numbers you saw: one of each lot you follow, in the order in which
`GET /v1/auctions/{{auction_id}}` lists them, with dots between, and a dash where you saw none yet:
`7`, or `7.-.12`.

Numbers count what *you* saw change; they rise and are no numbers of bids. Every message tells the
server's time: count down to `closes_at` by it, never by your own clock. Fields may be added.

Who lets {VIEWER_BACKLOG_MAX} messages pile up is dropped and may come again. Without either
channel, poll `GET /v1/auctions/{{auction_id}}/standing?lot_id=L&after=N` once a second.
"""
_CLOSES: Final = """\
The server ends a socket with 1012 (it restarts: come back), 1013 (you read too slowly) or 4003 \
(your key or session counts no more). What it refuses to open it answers as any request, with a \
problem (RFC 9457): 401, 403, 404, 409, 429, 503."""
_EVENTS: Final = f"""\
A plain GET with `Accept: text/event-stream`. Each message is one event: `event` is its type, `id` \
your numbers as `after` names them, `data` the JSON of one line. A browser that was cut off comes \
back by itself after {RETRY_MS} ms and names the last `id` as `Last-Event-ID`."""
_AFTER: Final = {
    "type": "object",
    "properties": {
        "after": {
            "type": "string",
            "pattern": r"^([0-9]{1,18}|-)(\.([0-9]{1,18}|-))*$",
            "description": "The last numbers you saw of the lots you follow.",
        },
        "lot_id": {
            "type": "string",
            "format": "uuid",
            "description": "Follow this lot alone, not all you see.",
        },
    },
}


def asyncapi_document() -> dict[str, Any]:
    """Give the document as plain values."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Marketplace: live auctions",
            "version": VERSION,
            "description": _DESCRIPTION,
        },
        "defaultContentType": "application/json",
        "servers": {
            "socket": _server("wss", "Over TLS; `ws` on a machine of your own."),
            "events": _server("https", "Over TLS; `http` on a machine of your own."),
        },
        "channels": {
            "auctionSocket": _channel(
                "socket",
                f"WebSocket, messages as text. What you send is not read; at most "
                f"{LIVE_MESSAGE_BYTES_MAX} bytes at once. {_CLOSES}",
                {"ws": {"method": "GET", "query": _AFTER, "bindingVersion": "0.1.0"}},
            ),
            "auctionEvents": _channel("events", f"Server-sent events. {_EVENTS}", {}),
        },
        "operations": {
            "followBySocket": _operation("auctionSocket", {}),
            "followByEvents": _operation(
                "auctionEvents",
                {"http": {"method": "GET", "query": _AFTER, "bindingVersion": "0.3.0"}},
            ),
        },
        "components": {
            "messages": {
                name: {
                    "name": name,
                    "title": title,
                    "contentType": "application/json",
                    "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
                }
                for name, (kind, title) in _MESSAGES.items()
            },
            "schemas": _schemas(),
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key, as a header; never in the address.",
                },
                "session": {
                    "type": "httpApiKey",
                    "name": SESSION_COOKIE,
                    "in": "cookie",
                    "description": "The cookie of `POST /v1/sessions`, for pages of this server.",
                },
            },
        },
    }


def _server(protocol: str, description: str) -> dict[str, Any]:
    return {
        "host": "{host}",
        "protocol": protocol,
        "description": description,
        "variables": {"host": {"default": "localhost:8000", "description": "Where the API is."}},
        "security": [
            {"$ref": "#/components/securitySchemes/key"},
            {"$ref": "#/components/securitySchemes/session"},
        ],
    }


def _channel(server: str, description: str, bindings: dict[str, Any]) -> dict[str, Any]:
    channel = {
        "address": ADDRESS,
        "description": description,
        "servers": [{"$ref": f"#/servers/{server}"}],
        "parameters": {"auction_id": {"description": "The auction's identifier, a UUID."}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _MESSAGES},
    }
    return channel | ({"bindings": bindings} if bindings else {})


def _operation(channel: str, bindings: dict[str, Any]) -> dict[str, Any]:
    operation = {
        "action": "send",
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": "Tell a viewer what he may see, and what of it changes",
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in _MESSAGES],
    }
    return operation | ({"bindings": bindings} if bindings else {})


def _schemas() -> dict[str, Any]:
    """Give the schemas of all that is sent, as AsyncAPI writes them."""
    types = [kind for kind, _ in _MESSAGES.values()]
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    for schema in schemas.values():
        _clean(schema)
    views = (BidderView, OwnerView)
    for kind in views:
        schemas[_changes(kind)] = _patch_of(kind, schemas[kind.__name__])
    schemas[DeltaMessage.__name__]["properties"]["changes"] = {
        "description": "A JSON merge patch (RFC 7396) of the standing: null removes.",
        "anyOf": [{"$ref": f"#/components/schemas/{_changes(kind)}"} for kind in views],
    }
    return dict(sorted(schemas.items()))


def _clean(schema: dict[str, Any]) -> None:
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    for name, each in schema.get("properties", {}).items():
        # AsyncAPI's discriminator is another thing; the tag is in each alternative anyway.
        each.pop("discriminator", None)
        if name.endswith("_at"):
            each["format"] = "date-time"


def _changes(kind: type) -> str:
    return kind.__name__.removesuffix("View") + "Changes"


def _patch_of(kind: type, view: dict[str, Any]) -> dict[str, Any]:
    """Describe the merge patch of a view: each of its members, or null where it went."""
    fixed = {"number", "viewer"}
    properties = {
        name: each if name in view["required"] else {"anyOf": [each, {"type": "null"}]}
        for name, each in view["properties"].items()
        if name not in fixed
    }
    return {
        "title": _changes(kind),
        "description": f"What changed of a {kind.__name__}.",
        "type": "object",
        "properties": properties,
    }
