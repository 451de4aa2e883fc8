"""Releases merged to one record, by the standard's rules.

`ocdsmerge` is the standard's own implementation. What it has to know of the schema, which lists
merge whole and which fields belong to one release alone, follows from our own types. It is imported
by who merges, the worker: with it come parts that the API process does not need.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import inspect

from rfq.ocds.release import Release, encode

_SCALARS: Final = {
    inspect.StrType: "string",
    inspect.IntType: "integer",
    inspect.BoolType: "boolean",
    inspect.DecimalType: "number",
    inspect.EnumType: "string",
    inspect.LiteralType: "string",
}


def merged(documents: Sequence[str]) -> bytes:
    """Merge releases of one process, the first first, to its compiled release.

    Numbers keep all their digits.
    """
    decoder = msgspec.json.Decoder(float_hook=Decimal)
    compiled = _merger().create_compiled_release([decoder.decode(each) for each in documents])
    return encode(compiled)


@cache
def _merger() -> Any:
    from ocdsmerge import Merger  # noqa: PLC0415 - see above

    return Merger(schema=merge_schema())


@cache
def merge_schema() -> dict[str, Any]:
    """Give the schema of our releases as the merge reads it: no references, types and lists."""
    return _schema(inspect.type_info(Release))


def _schema(kind: inspect.Type) -> dict[str, Any]:
    if isinstance(kind, inspect.Metadata):
        return {**_schema(kind.type), **(kind.extra_json_schema or {})}
    if isinstance(kind, inspect.UnionType):
        return _one_of(kind)
    if isinstance(kind, inspect.StructType):
        fields = {field.encode_name: _schema(field.type) for field in kind.fields}
        return {"type": "object", "properties": fields}
    if isinstance(kind, inspect.ListType):
        return {"type": "array", "items": _schema(kind.item_type)}
    return {"type": _SCALARS[type(kind)]}


def _one_of(kind: inspect.UnionType) -> dict[str, Any]:
    nothing = inspect.NoneType
    found = [_schema(each) for each in kind.types if not isinstance(each, nothing)]
    if len(found) == 1:
        return found[0]
    return {"type": [each["type"] for each in found]}
