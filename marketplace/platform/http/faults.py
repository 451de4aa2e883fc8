"""All that is wrong with the form of a body, field by field and item by item.

msgspec ends with the first fault. Whoever sends 1,000 lines wants to hear of each, so a refused
body is taken apart, and each part is decoded for itself. Only bodies that are refused pay for it.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from marketplace.kernel.errors import FieldError
from marketplace.kernel.limits import BODY_FAULTS_BYTES_MAX, BODY_FAULTS_TOLD_MAX
from marketplace.platform.http.wording import escaped, missing_field, refused, unknown_field

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])


def faults(error: msgspec.ValidationError, body_type: Any, body: bytes) -> list[FieldError]:
    """Give what is wrong with a body that `error` refused, in its order; as many as are told."""
    if len(body) > BODY_FAULTS_BYTES_MAX:
        return [refused(error, body_type)]
    try:
        found = list(islice(_faults(body_type, msgspec.Raw(body), ""), BODY_FAULTS_TOLD_MAX))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = []  # behind the first fault it is no JSON
    return found or [refused(error, body_type)]


def _faults(annotation: Any, raw: msgspec.Raw, pointer: str) -> Iterator[FieldError]:
    try:
        _decoder(annotation).decode(raw)
    except msgspec.ValidationError as error:
        inside = False
        for fault in _inside(annotation, raw, pointer):
            inside = True
            yield fault
        if not inside:
            wrong = refused(error, annotation)
            yield FieldError(pointer + wrong.pointer, wrong.code, wrong.detail)


def _inside(annotation: Any, raw: msgspec.Raw, pointer: str) -> Iterator[FieldError]:
    """Look at the members of an object and the items of a list; at nothing inside of all else."""
    kind = _kind(annotation)
    try:
        if _is_struct(kind):
            yield from _of_members(kind, _MEMBERS.decode(raw), pointer)
        elif _is_list(kind):
            item_type = get_args(kind)[0]
            for place, item in enumerate(_ITEMS.decode(raw)):
                yield from _faults(item_type, item, f"{pointer}/{place}")
    except msgspec.ValidationError:
        return  # it is neither


def _of_members(
    struct: type[msgspec.Struct], members: dict[str, msgspec.Raw], pointer: str
) -> Iterator[FieldError]:
    known = _fields(struct)
    for name, value in members.items():
        if name in known:
            yield from _faults(known[name], value, f"{pointer}/{escaped(name)}")
        elif struct.__struct_config__.forbid_unknown_fields:
            yield unknown_field(pointer, name)
    for each in msgspec.structs.fields(struct):
        if each.required and each.encode_name not in members:
            yield missing_field(pointer, each.encode_name)


def _kind(annotation: Any) -> Any:
    """Give the one struct or list that a place takes, whatever is said of it beside; else None."""
    if get_origin(annotation) not in {Annotated, Union, UnionType}:
        return annotation if _is_struct(annotation) or _is_list(annotation) else None
    kinds = [kind for each in get_args(annotation) if (kind := _kind(each)) is not None]
    return kinds[0] if len(kinds) == 1 else None


def _is_struct(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)


def _is_list(annotation: Any) -> bool:
    """Tell whether it is a list whose items are of one kind."""
    return get_origin(annotation) in {list, tuple} and get_args(annotation)[1:] in {(), (...,)}


@lru_cache(maxsize=2_000)
def _fields(struct: type[msgspec.Struct]) -> dict[str, Any]:
    hints = get_type_hints(struct, include_extras=True)
    return {each.encode_name: hints[each.name] for each in msgspec.structs.fields(struct)}


@lru_cache(maxsize=2_000)
def _decoder(annotation: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(annotation)
