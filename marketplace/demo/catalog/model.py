"""What the demo's catalog is made of, and how it is written for the API."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from stdnum import ean

_GTIN_PREFIX: Final = "29"
"""GS1 leaves 20 to 29 to whoever numbers things for himself: no maker owns such a number."""


@dataclass(frozen=True, slots=True)
class Words:
    """The same in English and in German."""

    en: str
    de: str

    def names(self) -> list[dict[str, str]]:
        """Give them as the API takes names."""
        return [{"language": "en", "name": self.en}, {"language": "de", "name": self.de}]


@dataclass(frozen=True, slots=True)
class Attribute:
    """What is told of every product of a category; `options` make it an enum."""

    code: str
    words: Words
    kind: str = "number"
    unit: str | None = None
    options: tuple[tuple[str, Words], ...] = ()
    required: bool = True

    def body(self) -> dict[str, Any]:
        """Give it as the API takes it."""
        return {
            "code": self.code,
            "kind": self.kind,
            "names": self.words.names(),
            "unit": self.unit,
            "required": self.required,
            "options": [{"code": code, "names": words.names()} for code, words in self.options],
        }


def measure(code: str, en: str, de: str, unit: str | None = "MMT") -> Attribute:
    """Make a number, in millimetres where nothing else is said."""
    return Attribute(code, Words(en, de), unit=unit)


def choice(code: str, en: str, de: str, options: Mapping[str, str | tuple[str, str]]) -> Attribute:
    """Make an enum; an option is a code with its name, or with an English and a German one."""
    told = tuple(
        (option, Words(*name) if isinstance(name, tuple) else Words(name, name))
        for option, name in options.items()
    )
    return Attribute(code, Words(en, de), "enum", options=told)


@dataclass(frozen=True, slots=True)
class Category:
    """A category and what is told of its products, beside what its parents tell."""

    code: str
    words: Words
    parent: str | None = None
    attributes: tuple[Attribute, ...] = ()

    def body(self) -> dict[str, Any]:
        """Give it as `PUT /v1/categories/by-code/{code}` takes it."""
        return {
            "names": self.words.names(),
            "parent_code": self.parent,
            "attributes": [attribute.body() for attribute in self.attributes],
        }


@dataclass(frozen=True, slots=True)
class Product:
    """One article: how it is called, what it is, and how it is sold.

    `price` is the list price of one `unit` in euro. `pack` is how many go into a box, or onto a
    reel of what is sold by the metre. `accessories` and `substitutes` are numbers of its maker.
    """

    number: str
    maker: str
    category: str
    name: Words
    description: Words
    values: Mapping[str, str | bool]
    unspsc: str
    price: Decimal
    unit: str = "C62"
    pack: int = 1
    keywords: tuple[str, ...] = ()
    accessories: tuple[str, ...] = ()
    substitutes: tuple[str, ...] = ()
    gtin: str = field(default="")

    def row(self) -> dict[str, Any]:
        """Give it as a row of a file of products (docs/files.md)."""
        slug = "".join(c if c.isalnum() else "-" for c in self.number.lower())
        media = "https://media.example.com"
        texts = {
            f"{column}.{language}": text
            for language in ("en", "de")
            for column, text in (
                ("name", getattr(self.name, language)),
                ("description", getattr(self.description, language)),
                ("keywords", " | ".join(self.keywords)),
            )
        }
        return {
            "gtin": self.gtin,
            "maker": self.maker,
            "maker_number": self.number,
            "name": self.name.en,
            "description": self.description.en,
            "category": self.category,
            **{f"attribute.{code}": value for code, value in self.values.items()},
            **texts,
            "code.unspsc": self.unspsc,
            "media": f"image {media}/{slug}.jpg | datasheet {media}/{slug}.pdf",
            "state": "active",
        }


def numbered(products: Iterable[Product]) -> tuple[Product, ...]:
    """Give each product its GTIN-13: by its place, so that it is the same in every run."""
    found = []
    for place, product in enumerate(products, start=1):
        digits = f"{_GTIN_PREFIX}{place:010d}"
        found.append(replace(product, gtin=digits + ean.calc_check_digit(digits)))
    return tuple(found)


def euro(amount: float | str | Decimal) -> Decimal:
    """Round a price to four places."""
    return Decimal(str(amount)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
