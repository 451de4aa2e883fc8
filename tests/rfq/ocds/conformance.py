"""The standard's own schemas, with its extensions and ours, from what lies beside the project."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

EXTENSION = Path(__file__).parents[3] / "rfq" / "ocds" / "extension" / "release-schema.json"
_FOUND = [
    found
    for parent in Path(__file__).parents
    if (found := parent / "shared" / "conformance" / "ocds").is_dir()
]
STANDARD = _FOUND[0] if _FOUND else Path("shared/conformance/ocds")
needs_standard = pytest.mark.skipif(not _FOUND, reason="the standard's schemas are not here")
OTHERS = ("SubmissionTerms", "Location")
"""What the extensions refer to in others that are not used."""


def _merge(into: dict[str, Any], patch: dict[str, Any]) -> None:
    """RFC 7396, as the standard says of extensions."""
    for name, value in patch.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _read(path: Path) -> Any:
    return msgspec.json.decode(path.read_bytes())


@cache
def release_schema() -> dict[str, Any]:
    """The release schema with all extensions merged into it."""
    schema: dict[str, Any] = _read(STANDARD / "schema-1.1.5" / "release-schema.json")
    for path in sorted((STANDARD / "extensions").glob("*/release-schema.json")):
        _merge(schema, _read(path))
    _merge(schema, _read(EXTENSION))
    for name in OTHERS:
        schema["definitions"].setdefault(name, {"type": "object"})
    return schema


def _strict(schema: Any) -> Any:
    """Refuse fields that neither the standard nor an extension knows: it lets all others pass."""
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _strict(value) for name, value in schema.items()}
    if isinstance(found.get("properties"), dict) and "additionalProperties" not in found:
        found["additionalProperties"] = False
    return found


@cache
def _validator(name: str) -> Any:
    """A validator of releases, or of packages of releases or records."""
    release = deepcopy(release_schema())
    release.pop("id", None)
    release.pop("$schema", None)
    if name == "release":
        return jsonschema_rs.Draft4Validator(_strict(release), validate_formats=True)
    package: dict[str, Any] = _read(STANDARD / "schema-1.1.5" / f"{name}-schema.json")
    text = msgspec.json.encode(package).decode()
    for each in ("release-schema.json", "versioned-release-validation-schema.json"):
        address = f"https://standard.open-contracting.org/schema/1__1__5/{each}"
        text = text.replace(f'"{address}"', '"urn:release"')
    package = msgspec.json.decode(text)
    package.pop("id", None)
    release["id"] = "urn:release"
    registry = jsonschema_rs.Registry([("urn:release", release)], draft=jsonschema_rs.Draft4)
    return jsonschema_rs.Draft4Validator(package, registry=registry, validate_formats=True)


def errors(document: Any, schema: str = "release") -> list[str]:
    """What the standard says is wrong with a document."""
    return [f"{e.instance_path}: {e.message}" for e in _validator(schema).iter_errors(document)]
