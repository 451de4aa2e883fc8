"""What stands in a PRODUCT of BMEcat 2005, as the columns of the other formats. Pure.

A text without language is in the default one of its document; where that is none (``und``), it is
the text of no language.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, get_args
from urllib.parse import urljoin, urlsplit

import msgspec
from babel.core import get_global

from catalog.imports.products import several
from catalog.languages.tags import canonical_language
from catalog.media.addresses import medium_at
from catalog.products.schemas import MEDIA_KIND

CATEGORIES: Final = "udf_marketplace-1.0"
"""The feature system whose groups are categories of the catalog, by their codes."""
GRADUATED: Final = "udp_graduated"
"""The price type of a tier for its own slice of a line alone; all others are for the whole."""
_SYSTEM: Final = re.compile(r"([A-Za-z][A-Za-z0-9@._/]*)(?:-([0-9][0-9.]*))?", re.ASCII)
_NO_LANGUAGES: Final = frozenset({"und", "mul", "mis", "zxx"})
_PURPOSES: Final = {
    "data_sheet": "datasheet",
    "safety_data_sheet": "safety_data_sheet",
    "thumbnail": "image",
    "normal": "image",
    "detail": "image",
}
_TEXTS: Final = {"name": "DESCRIPTION_SHORT", "description": "DESCRIPTION_LONG"}

ORDER: Final = "PRODUCT_ORDER_DETAILS/"
DETAILS: Final = "PRODUCT_DETAILS/"
OWN: Final = "USER_DEFINED_EXTENSIONS/UDX.MARKETPLACE."
"""What BMEcat has no element for, as our exports write it."""
OFFER_PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "sku": ("SUPPLIER_PID",),
    "maker": (f"{DETAILS}MANUFACTURER_NAME",),
    "maker_number": (f"{DETAILS}MANUFACTURER_PID",),
    "gtin": (f"{DETAILS}INTERNATIONAL_PID", f"{DETAILS}EAN"),
    "lead_time_days": (f"{DETAILS}DELIVERY_TIME",),
    "unit": (f"{ORDER}ORDER_UNIT",),
    "content": (f"{OWN}CONTENT", f"{ORDER}NO_CU_PER_OU"),
    "content_unit": (f"{ORDER}CONTENT_UNIT",),
    "minimum_quantity": (f"{ORDER}QUANTITY_MIN",),
    "multiple": (f"{ORDER}QUANTITY_INTERVAL",),
    "maximum_quantity": (f"{ORDER}QUANTITY_MAX",),
    "tax_category": (f"{OWN}TAX_CATEGORY",),
}
"""Where the columns of an offer stand in a PRODUCT."""
_GTIN_TYPES: Final = frozenset({"gtin", "ean", "upc", ""})


def offer(product: Any, document: "Document") -> dict[str, str]:
    """Give the columns of the offer that a product is."""
    texts = {
        name: next(filter(None, (first(product, path) for path in paths)), "")
        for name, paths in OFFER_PATHS.items()
    }
    numbers = children(product, f"{DETAILS}INTERNATIONAL_PID")
    if numbers:
        gtins = [n for n in numbers if (n.get("type") or "").lower() in _GTIN_TYPES]
        texts["gtin"] = (gtins[0].text or "").strip() if gtins else ""
    for column, name in _TEXTS.items():
        told = texts_of(product, f"{DETAILS}{name}")
        texts[column] = told.get("", told.get(document.language, next(iter(told.values()), "")))
    texts["state"] = "withdrawn" if product.get("mode") == "delete" else ""
    return texts


def name_of(element: Any) -> str:
    """Give the name of an element, whatever its namespace."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def children(element: Any, path: str) -> list[Any]:
    """Find the elements at a path of names, whatever their namespace."""
    found = [element]
    for name in path.split("/"):
        found = [child for parent in found for child in parent if name_of(child) == name]
    return found


def first(element: Any, path: str) -> str:
    """Give the text of the first element at a path; '' where there is none."""
    found = children(element, path)
    return (found[0].text or "").strip() if found else ""


class Document(msgspec.Struct):
    """What the header of a document says of all its products."""

    currency: str = ""
    language: str = ""
    media_root: str = ""

    def learn(self, name: str, element: Any) -> None:
        """Take in an element that stands outside of products."""
        text = (element.text or "").strip()
        match name:
            case "CURRENCY":
                self.currency = text
            case "LANGUAGE" if element.get("default") == "true" or not self.language:
                self.language = language_of(text)
            case "MIME_ROOT":
                self.media_root = text


def language_of(code: str) -> str:
    """Give the short tag of a language of ISO 639-2 (``deu`` is ``de``); '' for none."""
    if code.lower() in _NO_LANGUAGES:
        return ""
    aliases: Mapping[str, str] = get_global("language_aliases")
    return canonical_language(aliases.get(code.lower(), code)) or ""


def texts_of(product: Any, path: str) -> dict[str, str]:
    """Give the texts at a path by language; '' is the one without."""
    found: dict[str, str] = {}
    for element in children(product, path):
        text = (element.text or "").strip()
        told = element.get("lang")
        language = language_of(told) if told else ""
        if text and (language or not told):
            found.setdefault(language, text)
    return found


def product_columns(product: Any, document: Document) -> dict[str, str]:
    """Give what a product tells beside the offer: texts, classes, values, media."""
    told = offer(product, document)
    columns = {name: told[name] for name in ("sku", "maker", "maker_number", "gtin")}
    columns |= {f"new.{name}": told[name] for name in _TEXTS}
    names = _by_language(texts_of(product, f"{DETAILS}{_TEXTS['name']}"), document)
    descriptions = _by_language(texts_of(product, f"{DETAILS}{_TEXTS['description']}"), document)
    words = _keywords(product, document)
    for language, name in names.items():
        columns[f"name.{language}"] = name
        columns[f"description.{language}"] = descriptions.get(language, "")
        columns[f"keywords.{language}"] = several(words.get(language, []))
    for features in children(product, "PRODUCT_FEATURES"):
        columns |= _features(features)
    columns["media"] = several(_media(product, document))
    return {name: text for name, text in columns.items() if text}


def _by_language(texts: Mapping[str, str], document: Document) -> dict[str, str]:
    """Give texts by language; one without is in the default language, if the document has one."""
    found = {language: text for language, text in texts.items() if language}
    if "" in texts and document.language:
        found.setdefault(document.language, texts[""])
    return found


def _keywords(product: Any, document: Document) -> dict[str, list[str]]:
    words: dict[str, list[str]] = {}
    for element in children(product, f"{DETAILS}KEYWORD"):
        told, word = element.get("lang"), (element.text or "").strip()
        language = language_of(told) if told else document.language
        if word and language:
            words.setdefault(language, []).append(word)
    return words


def _features(features: Any) -> dict[str, str]:
    columns: dict[str, str] = {}
    system, group = (first(features, f"REFERENCE_FEATURE_{n}") for n in ("SYSTEM_NAME", "GROUP_ID"))
    form = _SYSTEM.fullmatch(system)
    if system == CATEGORIES:
        columns["category"] = group
    elif form and not system.startswith("udf_"):
        version = f"@{form[2]}" if form[2] else ""
        columns[f"code.{form[1].lower()}{version}"] = group
    for feature in children(features, "FEATURE"):
        name, unit = first(feature, "FNAME"), first(feature, "FUNIT")
        if name and "@" not in name:
            columns[f"attribute.{name}{f'@{unit}' if unit else ''}"] = first(feature, "FVALUE")
    return columns


def _media(product: Any, document: Document) -> list[str]:
    """Give pictures and papers at https addresses, or ours; what lies elsewhere cannot be shown."""
    found = []
    for mime in children(product, "MIME_INFO/MIME"):
        address = _address(first(mime, "MIME_SOURCE"), document)
        if address is not None:
            found.append(f"{_kind(mime)} {address} {first(mime, 'MIME_DESCR')}".strip())
    return found


def _address(source: str, document: Document) -> str | None:
    if medium_at(source):  # uploaded here, it lies under no root of the sender's
        return source
    try:
        address = urljoin(document.media_root, source)
        shown = urlsplit(address)
    except ValueError:
        return None
    return address if shown.scheme == "https" or medium_at(shown.path) else None


def _kind(mime: Any) -> str:
    purpose, alternative = first(mime, "MIME_PURPOSE"), first(mime, "MIME_ALT")
    if purpose in _PURPOSES:
        return _PURPOSES[purpose]
    if alternative in get_args(MEDIA_KIND):
        return alternative
    group = first(mime, "MIME_TYPE").partition("/")[0]
    return group if group in {"image", "video"} else "other"
