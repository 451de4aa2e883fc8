"""The OpenAPI document: what Litestar derives from the handlers, made exact.

Added here, once for all operations: the problems every operation can answer with, which headers are
required, and which operations need a key.
"""

import re
from pathlib import Path
from typing import Any, Final

import msgspec
from litestar import Litestar

from marketplace.kernel.limits import CODE_CHARACTERS_MAX
from marketplace.platform.http.problems import PROBLEM_JSON, Problem

_PROBLEMS: Final = {
    "400": "The request cannot be read, or a required header is missing.",
    "401": "No key, or one that is unknown, expired or revoked.",
    "403": "The key or the role does not allow this.",
    "404": "There is no such thing, or the caller may not know of it.",
    "409": "The present state does not allow this.",
    "410": "Older than what is kept.",
    "412": "If-Match names another version.",
    "413": "The body is too large.",
    "415": "The body's media type is not one this operation reads.",
    "422": "The body breaks a rule; `errors` point at the fields.",
    "428": "If-Match is missing.",
    "429": "Too many requests; wait for `Retry-After` seconds.",
    "500": "Our fault.",
    "503": "Overload or a part that is away; the same request is safe to send again.",
}
_PUBLIC: Final = {"400", "404", "429", "500", "503"}
_REQUIRED_HEADERS: Final = {
    "Idempotency-Key": {
        "type": "string",
        "pattern": f"^[!-~]{{1,{CODE_CHARACTERS_MAX}}}$",
        "description": "Visible ASCII characters of your choice; a UUID does.",
        "example": "019b8c4e-7d8b-7d5b-9c3a-0f6f4f6d2a11",
    },
    "If-Match": {
        "type": "string",
        "pattern": '^"[0-9]{1,18}"$',
        "description": "The ETag that you read, in its quotes.",
        "example": '"3"',
    },
}


def openapi_document(app: Litestar) -> dict[str, Any]:
    """Give the document of an application as plain values."""
    document: dict[str, Any] = app.openapi_schema.to_schema()
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(_problem_schemas())
    document = _with_any_of(_with_plain_names(document))
    components = document["components"]
    components["responses"] = {
        f"Problem{status}": {
            "description": text,
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, text in _PROBLEMS.items()
    }
    examples = msgspec.json.decode(EXAMPLES.read_bytes()) if EXAMPLES.exists() else {}
    for path, item in document["paths"].items():
        for operation in item.values():
            if isinstance(operation, dict) and "responses" in operation:
                _complete(app, path, operation)
                if operation["operationId"] in examples:
                    _with_example(operation, examples[operation["operationId"]])
    return document


EXAMPLES: Final = Path(__file__).with_name("examples.json")
"""Requests and answers of a played road, by operation id; `make examples` writes it."""


def _with_example(operation: dict[str, Any], example: dict[str, Any]) -> None:
    body = operation.get("requestBody", {}).get("content", {})
    answer = operation["responses"].get(str(example["status"]), {}).get("content", {})
    for contents, shown in ((body, example["body"]), (answer, example["answer"])):
        # Of a file that may have several formats the first is shown.
        for content in list(contents.values())[:1]:
            content["example"] = shown


def _with_plain_names(document: dict[str, Any]) -> dict[str, Any]:
    """Call a page of things ``ThingPage``: Litestar would name it after modules."""
    raw = msgspec.json.encode(document).decode()

    def plain(match: re.Match[str]) -> str:
        parts = re.findall(r"\.([A-Z][A-Za-z]*)_", match[0])
        return "Or".join(parts) + "Page"

    renamed: dict[str, Any] = msgspec.json.decode(re.sub(r"Page_[\w.]+_(?=\")", plain, raw))
    return renamed


def _with_any_of(document: dict[str, Any]) -> dict[str, Any]:
    """Say ``anyOf`` of alternatives: what shows more to its owner is also what others are shown."""
    raw = msgspec.json.encode(document).replace(b'"oneOf":', b'"anyOf":')
    changed: dict[str, Any] = msgspec.json.decode(raw)
    return changed


def _complete(app: Litestar, path: str, operation: dict[str, Any]) -> None:
    private = _needs_caller(app, operation.get("operationId", ""))
    if private:
        operation["security"] = [{"key": []}]
    else:
        operation["security"] = []
    for parameter in operation.get("parameters", []):
        if parameter["name"] in _REQUIRED_HEADERS:
            parameter["required"] = True
            parameter["schema"] = _REQUIRED_HEADERS[parameter["name"]]
        _without_null(parameter["schema"])
    operation["responses"].get("204", {}).pop("content", None)
    for status in _PROBLEMS if private else sorted(_PUBLIC):
        if status != "410" or path == "/v1/events":
            operation["responses"][status] = {"$ref": f"#/components/responses/Problem{status}"}


def _without_null(schema: dict[str, Any]) -> None:
    """Let a parameter be left out, but never null: no URL and no header can say that."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        del schema["anyOf"]
        schema.update(kinds[0])


def _needs_caller(app: Litestar, operation_id: str) -> bool:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if getattr(handler, "operation_id", None) == operation_id:
                return "caller" in handler.parsed_fn_signature.parameters
    return False


def _problem_schemas() -> dict[str, Any]:
    (_, schemas) = msgspec.json.schema_components(
        [Problem], ref_template="#/components/schemas/{name}"
    )
    return schemas


def document_bytes(app: Litestar) -> bytes:
    """Give the document as it is served and as it is kept in `docs/openapi.json`."""
    raw = msgspec.json.encode(openapi_document(app), order="deterministic")
    return msgspec.json.format(raw, indent=1) + b"\n"
