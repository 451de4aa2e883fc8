"""What holds of a product's texts, classification codes, media and relations; pure."""

import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from catalog.languages.tags import canonical_language
from catalog.media.addresses import medium_at
from marketplace.kernel.errors import FieldError, InvalidInput, invalid
from marketplace.kernel.limits import ADDRESS_CHARACTERS_MAX, CODE_CHARACTERS_MAX

UNSPSC: Final = "unspsc"
ECLASS: Final = "eclass"
_SCHEME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}", re.ASCII)
_ALIASES: Final = {"ecl@ss": ECLASS, "e-class": ECLASS, "un/spsc": UNSPSC}
_VISIBLE: Final = re.compile(r"[^\x00-\x20\x7f]+")


class RelationKind(Enum):
    """What the related product is to this one."""

    ACCESSORY = "accessory"
    SPARE_PART = "spare_part"
    SUBSTITUTE = "substitute"
    BUNDLE = "bundle"


class ClassCode(msgspec.Struct, frozen=True):
    """A class of a scheme; `version` is empty where none was told."""

    scheme: str
    code: str
    version: str = ""


class Relation(msgspec.Struct, frozen=True):
    """One product's relation to another."""

    related_id: UUID
    kind: RelationKind


# Classification


def checked_code(given: ClassCode, pointer: str = "") -> ClassCode:
    """Give a code in the form of its scheme; raises InvalidInput where it does not have it.

    UNSPSC and eCl@ss are known; of any other scheme only the bounds of a code hold.
    """
    scheme = given.scheme.strip().lower()
    scheme = _ALIASES.get(scheme, scheme)
    if not _SCHEME.fullmatch(scheme):
        detail = "A scheme is a short name such as unspsc, eclass, etim or hs."
        raise invalid(f"{pointer}/scheme", "unknown_scheme", detail)
    if not _VISIBLE.fullmatch(given.code) or len(given.code) > CODE_CHARACTERS_MAX:
        detail = f"A code has 1 to {CODE_CHARACTERS_MAX} visible characters."
        raise invalid(f"{pointer}/code", "invalid_code", detail)
    code = _FORMS.get(scheme, str)(given.code)
    if not code:
        raise invalid(f"{pointer}/code", "invalid_code", _TOLD[scheme])
    return ClassCode(scheme, code, given.version.strip())


def _unspsc(code: str) -> str:
    """Give eight digits, two for each of segment, family, class, commodity; '' for no code.

    A level that is left open is 00, and so are all below it.
    """
    if not re.fullmatch(r"[1-9]\d{7}", code, re.ASCII):
        return ""
    levels = [code[place : place + 2] for place in range(0, 8, 2)]
    told = levels.index("00") if "00" in levels else len(levels)
    return code if set(levels[told:]) <= {"00"} else ""


def _eclass(code: str) -> str:
    """Give ``27-02-21-01``, however it was separated; '' for no code."""
    digits = re.sub(r"[-. ]", "", code)
    if not re.fullmatch(r"[1-9]\d{7}", digits, re.ASCII):
        return ""
    return "-".join(digits[place : place + 2] for place in range(0, 8, 2))


def _etim(code: str) -> str:
    return code.upper() if re.fullmatch(r"EC\d{6}", code, re.ASCII | re.IGNORECASE) else ""


_FORMS: Final[dict[str, Callable[[str], str]]] = {
    UNSPSC: _unspsc,
    ECLASS: _eclass,
    "etim": _etim,
}
_TOLD: Final = {
    UNSPSC: "A UNSPSC code has eight digits, as in 31171504; open levels at its end are 00.",
    ECLASS: "An eCl@ss code has four pairs of digits, as in 23-05-08-01.",
    "etim": "An ETIM class is EC and six digits, as in EC002714.",
}


def checked_codes(given: Sequence[ClassCode], pointer: str = "/codes") -> list[ClassCode]:
    """Check all codes of a product: one for each scheme and version."""
    errors: list[FieldError] = []
    codes: list[ClassCode] = []
    for place, each in enumerate(given):
        try:
            code = checked_code(each, f"{pointer}/{place}")
        except InvalidInput as error:
            errors += error.errors
            continue
        if any((code.scheme, code.version) == (c.scheme, c.version) for c in codes):
            detail = f"There is a code of {code.scheme} {code.version}".rstrip() + " already."
            errors.append(FieldError(f"{pointer}/{place}/scheme", "duplicate", detail))
        codes.append(code)
    _refuse(errors)
    return codes


# Texts, media, relations


def checked_languages(tags: Sequence[str], pointer: str = "/texts") -> list[str]:
    """Give languages in their usual case; raises InvalidInput unless known and each only once."""
    errors: list[FieldError] = []
    found: list[str] = []
    for place, tag in enumerate(tags):
        language = canonical_language(tag)
        if language is None:
            detail = f"{tag!r} is no language known here: write it as in de, en or pt-BR (BCP 47)."
            errors.append(FieldError(f"{pointer}/{place}/language", "unknown_language", detail))
        elif language in found:
            detail = f"There is a text in {language} already."
            errors.append(FieldError(f"{pointer}/{place}/language", "duplicate", detail))
        else:
            found.append(language)
    _refuse(errors)
    return found


def check_media_addresses(addresses: Sequence[str], pointer: str = "/media") -> None:
    """Refuse addresses that no buyer's browser should be sent to; raises InvalidInput for each."""
    _refuse(
        [
            FieldError(f"{pointer}/{place}/url", "invalid_url", detail)
            for place, address in enumerate(addresses)
            if medium_at(address) is None and (detail := _address_error(address)) is not None
        ]
    )


def _address_error(address: str) -> str | None:
    if len(address) > ADDRESS_CHARACTERS_MAX or not _VISIBLE.fullmatch(address):
        return f"An address has at most {ADDRESS_CHARACTERS_MAX} characters and no space."
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return "This is no address."
    if parts.scheme != "https":
        return "An address begins with https://."
    if parts.username is not None or parts.password is not None:
        return "An address carries no user or password."
    if not parts.hostname or "." not in parts.hostname or port == 0:
        return "An address names a public host."
    return None


def check_relations(
    product_id: UUID, relations: Sequence[Relation], pointer: str = "/relations"
) -> None:
    """Refuse a product's relation to itself, and the same one twice; raises InvalidInput."""
    errors: list[FieldError] = []
    for place, relation in enumerate(relations):
        here = f"{pointer}/{place}/product_id"
        if relation.related_id == product_id:
            errors.append(FieldError(here, "itself", "A product is not related to itself."))
        elif relation in relations[:place]:
            errors.append(FieldError(here, "duplicate", "This relation stands here twice."))
    _refuse(errors)


def _refuse(errors: Sequence[FieldError]) -> None:
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)
