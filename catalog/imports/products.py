"""Files of products: their columns, and what their rows come to.

A row tells part of what there is to say of a product; an empty field leaves what is known. Texts
have a column for each language (``name.de``), values one for each attribute (``attribute.bore``, or
``attribute.bore@INH`` for a whole column in inches), classes one for each scheme (``code.unspsc``,
``code.eclass@11.0``). ``new.name`` and ``new.description`` are for a product that is not known yet.
"""

import re
from collections.abc import Sequence
from typing import Any, Final, TypeVar, cast, get_args
from uuid import UUID

from catalog.categories.rules import Attribute, Attributes, Kind
from catalog.imports.decimals import DecimalMark, Unfit
from catalog.imports.formats import AnyReader, FileFormat
from catalog.imports.layouts import code, gtin, text, version
from catalog.imports.rows import VALUE_CHARACTERS_SHOWN, Column, Exact, Layout
from catalog.products.batches import ProductRecord
from catalog.products.lifecycle import ProductState
from catalog.products.schemas import (
    MEDIA_KIND,
    ClassCodeInput,
    MediaInput,
    TextPartInput,
    ToldInput,
    ValueInput,
)
from catalog.products.taking import NO_PRODUCT, Taking
from catalog.row_error import RowError
from marketplace.kernel.errors import FieldError, InvalidInput, MarketplaceError
from marketplace.kernel.limits import (
    ADDRESS_CHARACTERS_MAX,
    CODE_CHARACTERS_MAX,
    KEYWORDS_MAX,
    NAME_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
)
from marketplace.platform.caller import Caller
from marketplace.platform.database import Transaction

BETWEEN: Final = " | "
"""Parts of a field that holds several: keywords, media."""
_PARTS: Final = re.compile(r"\s*(?<!\\)\|\s*")

T = TypeVar("T")


def several(parts: Sequence[str]) -> str:
    """Write several texts in one field."""
    return BETWEEN.join(part.replace("|", "\\|") for part in parts)


def _parts(value: str) -> list[str]:
    return [part.replace("\\|", "|").strip() for part in _PARTS.split(value) if part.strip()]


def identifier(value: str) -> UUID:
    """Parse an identifier of ours."""
    try:
        return UUID(value)
    except ValueError:
        raise Unfit("not_an_identifier", "This is no identifier of a product.") from None


def product_state(value: str) -> str:
    """Parse a product's state."""
    if value not in {each.value for each in ProductState}:
        raise Unfit("unknown_state", "Write active, draft or discontinued.")
    return value


def keywords(value: str) -> list[str]:
    """Parse words to be found by, a bar between two."""
    words = _parts(value)
    if len(words) > KEYWORDS_MAX:
        raise Unfit("too_many", f"At most {KEYWORDS_MAX} keywords, this has {len(words)}.")
    return [text(NAME_CHARACTERS_MAX)(word) for word in words]


def media(value: str) -> list[MediaInput]:
    """Parse pictures and papers: kind, address and title, a bar between two."""
    return [_medium(part) for part in _parts(value)]


def _medium(part: str) -> MediaInput:
    kind, _, rest = part.partition(" ")
    url, _, title = rest.strip().partition(" ")
    if kind not in get_args(MEDIA_KIND) or not url or len(url) > ADDRESS_CHARACTERS_MAX:
        kinds = ", ".join(get_args(MEDIA_KIND))
        detail = f"Write kind, address and title, as in image https://… Front; kinds are {kinds}."
        raise Unfit("not_a_medium", detail)
    title = text(NAME_CHARACTERS_MAX)(title.strip())
    return MediaInput(kind=cast("Any", kind), url=url, title=title)


def make_product(
    line: int,
    product_id: UUID | None,
    sku: str | None,
    name: str | None,
    description: str | None,
    maker: str | None,
    maker_number: str | None,
    gtin_number: str | None,
    category: str | None,
    state: str | None,
    media_told: list[MediaInput] | None,
    source_version: int | None,
    others: dict[str, Any],
) -> ProductRecord:
    """Make the row of a product; raises Unfit where nothing tells which one it is."""
    if not (product_id or sku or gtin_number or maker_number):
        detail = "Give a sku, a gtin, a maker with his number, or a product_id."
        raise Unfit("no_number", detail)
    texts: dict[str, TextPartInput] = {}
    values: list[ValueInput] = []
    codes: list[ClassCodeInput] = []
    new: dict[str, str] = {}
    for column, value in others.items():
        family, _, member = column.partition(".")
        if family == "attribute":
            attribute, _, unit = member.partition("@")
            values.append(ValueInput(attribute, value, unit.upper() or None))
        elif family == "code":
            scheme, _, scheme_version = member.partition("@")
            codes.append(ClassCodeInput(scheme, value, scheme_version))
        elif family != "new":
            part = texts.setdefault(member, TextPartInput(member))
            setattr(part, family, value)
        elif member in {"name", "description"}:
            new[member] = value
        else:
            raise Unfit("unknown_column", "Of new, there are new.name and new.description.")
    told = ToldInput(
        name=name,
        description=description,
        maker=maker,
        maker_number=maker_number,
        gtin=gtin_number,
        attributes=values,
        texts=list(texts.values()),
        codes=codes,
        media=media_told,
    )
    return ProductRecord(
        line=line,
        told=told,
        sku=sku,
        product_id=product_id,
        category=category,
        state=state,
        source_version=source_version,
        new=new,
    )


def _as_it_is(value: str) -> str:
    """Take a value as it is; its attribute tells what it may be."""
    return value


PRODUCTS: Final = Layout(
    "products",
    (
        Column("product_id", identifier),
        Column("sku", code),
        Column("name", text(NAME_CHARACTERS_MAX)),
        Column("description", text(TEXT_CHARACTERS_MAX)),
        Column("maker", text(NAME_CHARACTERS_MAX)),
        Column("maker_number", code),
        Column("gtin", gtin),
        Column("category", code),
        Column("state", product_state),
        Column("media", media),
        Column("source_version", version),
    ),
    make_product,
    (
        "",
        "A-1",
        "Deep groove ball bearing 6204",
        "Sealed on both sides",
        "Acme",
        "6204-2RS",
        "4006381333931",
        "",
        "",
        "image https://media.example.com/6204.jpg Front",
        "20260131",
    ),
    (
        Column("name", text(NAME_CHARACTERS_MAX)),
        Column("description", text(TEXT_CHARACTERS_MAX)),
        Column("keywords", keywords),
        Column("attribute", _as_it_is),
        Column("code", text(CODE_CHARACTERS_MAX)),
        Column("new", text(TEXT_CHARACTERS_MAX)),
    ),
)


class ProductRows:
    """Takes the rows of one file, batch by batch, and gathers what is wrong with them.

    A document of BMEcat names features as its sender does: they are looked for by the codes and by
    the names of the category's attributes, and what is none of these is left out and counted. So
    are its offers that have no product, since only some may see them.
    """

    def __init__(
        self,
        tx: Transaction,
        caller: Caller,
        reader: AnyReader[ProductRecord],
        public_url: str,
    ) -> None:
        self.errors: list[RowError] = []
        self.left_out = self.without_product = 0
        self._reader = reader
        self._taking = Taking(tx, caller, public_url, self._interpret)

    async def take(self, batch: Sequence[ProductRecord]) -> None:
        """Take the next rows."""
        for record, error in await self._taking.take(batch):
            if self._lenient and [each.code for each in error.errors] == [NO_PRODUCT]:
                self.without_product += 1
                continue
            self.errors += _row_errors(record, error)

    @property
    def written(self) -> dict[str, int]:
        """Count what came of the rows."""
        counts: dict[str, int] = dict(self._taking.counts.items())
        if self._lenient:
            counts["values_left_out"] = self.left_out
            counts["without_product"] = self.without_product
        return counts

    @property
    def _lenient(self) -> bool:
        return self._reader.format is FileFormat.BMECAT

    def _interpret(self, record: ProductRecord, attributes: Attributes) -> None:
        """Make texts of a file the values their attributes ask for; raises InvalidInput."""
        lenient = self._lenient
        errors: list[FieldError] = []
        values: list[ValueInput] = []
        for place, given in enumerate(record.told.attributes):
            attribute = attributes.get(given.code)
            if attribute is None and lenient:
                attribute = _named(attributes, given.code)
                if attribute is None:
                    self.left_out += 1
                    continue
            try:
                values.append(_value(given, attribute, self._reader.mark, lenient=lenient))
            except Unfit as unfit:
                errors.append(FieldError(f"/attributes/{place}/value", unfit.code, unfit.detail))
        if errors:
            raise InvalidInput(errors[0].detail, errors=errors)
        record.told.attributes = values


def _named(attributes: Attributes, name: str) -> Attribute | None:
    """Find an attribute by what it is called in some language."""
    wanted = name.strip().casefold()
    found = (
        each
        for each in attributes.values()
        if any(called.casefold() == wanted for called in each.names.values())
    )
    return next(found, None)


def _value(
    given: ValueInput, attribute: Attribute | None, mark: DecimalMark, *, lenient: bool
) -> ValueInput:
    value: str | bool = given.value
    if attribute is None or not isinstance(value, str):
        return given
    unit = given.unit
    match attribute.kind:
        case Kind.NUMBER if not isinstance(value, Exact):
            value = mark.plain(value)
        case Kind.BOOLEAN if value in {"true", "false"}:
            value = value == "true"
        case Kind.ENUM if lenient and attribute.option(value) is None:
            value = _option(attribute, value)
        case _:
            pass
    if lenient and (attribute.kind is not Kind.NUMBER or attribute.unit is None):
        unit = None
    return ValueInput(attribute.code, value, unit)


def _option(attribute: Attribute, name: str) -> str:
    wanted = name.casefold()
    for option in attribute.options:
        if any(called.casefold() == wanted for called in option.names.values()):
            return option.code
    return name


# Errors


def _row_errors(record: ProductRecord, error: MarketplaceError) -> list[RowError]:
    """Make row errors of what was wrong with a record."""
    fields = error.errors or (FieldError("", error.code, error.detail),)
    return [_row_error(record, each) for each in fields]


def _row_error(record: ProductRecord, wrong: FieldError) -> RowError:
    column, value = _place(record, [part for part in wrong.pointer.split("/") if part])
    return RowError(
        line=record.line,
        column=column,
        code=wrong.code,
        detail=wrong.detail,
        value=str(value or "")[:VALUE_CHARACTERS_SHOWN],
    )


def _place(record: ProductRecord, parts: Sequence[str]) -> tuple[str, object]:
    """Give the column that a pointer leads to, and what stands in it."""
    told = record.told
    match parts:
        case []:
            return "", ""
        case [name]:
            column = "category" if name == "category_id" else name
            return column, getattr(record, column, getattr(told, column, ""))
        case [name, place, *rest] if int(place) < len(getattr(told, name) or ()):
            return _member(getattr(told, name)[int(place)], rest)
        case _:
            # What the product has already, and its new category does not ask for.
            return "category", record.category


def _member(given: object, rest: Sequence[str]) -> tuple[str, object]:
    match given:
        case ValueInput(code=name, value=value):
            return f"attribute.{name}", value
        case ClassCodeInput(scheme=scheme, code=value, version=of):
            return f"code.{scheme}{'@' if of else ''}{of}", value
        case TextPartInput(language=language):
            field = rest[0] if rest and rest[0] != "language" else "name"
            return f"{field}.{language}", getattr(given, field)
        case _:
            return "media", getattr(given, "url", "")
