"""Bodies made from the OpenAPI document, with every field there is."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]

_FORMATS = {
    "uuid": "019b8c4e-0000-7000-8000-000000000001",
    "date": "2027-01-01",
    "date-time": "2027-01-01T00:00:00Z",
    "duration": "PT2M",
}
_WORDS = ("x", "X", "1", "10", "EUR", "DE", "S")


class Bodies:
    """Makes bodies by the document's schemas; `known` are values by the names of fields."""

    def __init__(self, document: Mapping[str, Any], known: Mapping[str, str]) -> None:
        self._schemas = document["components"]["schemas"]
        self._known = known

    def full(self, schema: Mapping[str, Any], name: str = "") -> Any:
        """A body with every field, each in its form."""
        schema = self.resolved(schema)
        if "enum" in schema:
            return schema["enum"][0]
        match schema.get("type"):
            case "object":
                fields = schema.get("properties", {})
                return {field: self.full(each, field) for field, each in fields.items()}
            case "array":
                return [self.full(schema["items"], name)]
            case "integer":
                return int(schema.get("minimum", 1))
            case "boolean":
                return True
            case _:
                return self._text(schema, name)

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema meant: behind references, and the first of several that is not null."""
        if "$ref" in schema:
            return self.resolved(self._schemas[schema["$ref"].rsplit("/", 1)[-1]])
        for combined in ("anyOf", "oneOf", "allOf"):
            for each in schema.get(combined, ()):
                if each.get("type") != "null":
                    return {**schema, combined: (), **self.resolved(each)}
        return schema

    def _text(self, schema: Mapping[str, Any], name: str) -> str:
        if name in self._known:
            return self._known[name]
        if schema.get("examples"):
            return str(schema["examples"][0])
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        pattern = schema.get("pattern", "")
        return next(word for word in _WORDS if re.search(pattern, word))


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a body, itself first."""
    yield path
    if isinstance(value, dict):
        for name, each in value.items():
            yield from places(each, (*path, name))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from places(each, (*path, number))


def at(value: Any, path: Path) -> Any:
    """What stands at a place."""
    for part in path:
        value = value[part]
    return value


def put(body: Any, path: Path, value: Any) -> Any:
    """The body with another value at a place; what is beside the way there is shared."""
    if not path:
        return value
    name, *rest = path
    changed = body.copy()
    changed[name] = put(body[name], tuple(rest), value) if rest else value
    return changed


def pointer_to(path: Path) -> str:
    """The JSON pointer of a place."""
    return "".join(f"/{part}" for part in path)
