"""Categories and their attributes on the wire."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, UnsetType, field

from catalog.categories.rules import Attribute, Kind, Option, Value
from catalog.languages.asked import Languages
from catalog.languages.tags import name_in
from catalog.products.content import checked_languages
from marketplace.kernel.limits import (
    ATTRIBUTE_OPTIONS_MAX,
    ATTRIBUTES_MAX,
    CODE_CHARACTERS_MAX,
    LANGUAGES_MAX,
)
from marketplace.platform.http.schemas import Input, Name, Output, UnitText

KIND = Literal["text", "number", "enum", "boolean"]

CategoryCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=CODE_CHARACTERS_MAX,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(?!\n)$",
        description="Your own name of a category: letters, digits, point, hyphen, underscore.",
        examples=["ball-bearings"],
    ),
]
AttributeCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=CODE_CHARACTERS_MAX,
        pattern=r"^[a-z][a-z0-9_]*(?!\n)$",
        description="An attribute's code: small letters, digits and underscores.",
        examples=["bore_diameter"],
    ),
]
OptionCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=CODE_CHARACTERS_MAX,
        pattern=r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?(?!\n)$",
        description="The code of one of an enum's values; no space at its ends.",
        examples=["2RS"],
    ),
]
LanguageTag = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?(?!\n)$",
        description="Language: a short tag of BCP 47.",
        examples=["de"],
    ),
]


class NameInput(Input):
    """What something is called in one language."""

    language: LanguageTag
    name: Name


Names = Annotated[list[NameInput], Meta(min_length=1, max_length=LANGUAGES_MAX)]


class OptionInput(Input):
    """One of the values an enum may have."""

    code: OptionCode
    names: Names


class AttributeInput(Input):
    """What is to be told of every product of a category.

    A number's `unit` is the one it is kept in; an enum has `options`.
    """

    code: AttributeCode
    kind: KIND
    names: Names
    unit: UnitText | None = None
    required: bool = False
    options: Annotated[list[OptionInput], Meta(max_length=ATTRIBUTE_OPTIONS_MAX)] = field(
        default_factory=list
    )


class CategoryInput(Input):
    """A category, whole: sending another `parent_code` moves it with all below it."""

    names: Names
    parent_code: CategoryCode | None = None
    attributes: Annotated[list[AttributeInput], Meta(max_length=ATTRIBUTES_MAX)] = field(
        default_factory=list
    )


class NameView(Output):
    """What something is called in one language."""

    language: str
    name: str


class OptionView(Output):
    """One of the values an enum may have; `name` is in the reader's language."""

    code: str
    name: str
    names: list[NameView]


class AttributeView(Output):
    """What is told of every product of a category.

    `category_id` is the category that defines it: this one or one above.
    """

    code: str
    kind: KIND
    name: str
    names: list[NameView]
    required: bool
    category_id: UUID
    unit: str | UnsetType = UNSET
    options: list[OptionView] | UnsetType = UNSET


class CategoryView(Output):
    """A category; `path` leads from its root to itself."""

    id: UUID
    code: str
    name: str
    names: list[NameView]
    path: list[UUID]
    version: int
    created_at: datetime
    parent_id: UUID | UnsetType = UNSET


class CategoryDetails(CategoryView):
    """A category with all attributes its products have, those of the categories above first.

    `incomplete_products` is told to the operator: active products that lack what is required now.
    """

    attributes: list[AttributeView] = field(default_factory=list)
    incomplete_products: int | UnsetType = UNSET


class CategoryRef(Output):
    """A category on the way from its root to a product."""

    id: UUID
    code: str
    name: str


class ValueView(Output):
    """A value of an attribute, with what both are called in the reader's language.

    `value` is a number as text in the `unit`, an option's code, a text, or true or false.
    """

    code: str
    name: str
    kind: KIND
    value: str | bool
    unit: str | UnsetType = UNSET
    value_name: str | UnsetType = UNSET


# Between the wire and the rules


def names_of(given: Sequence[NameInput], pointer: str) -> dict[str, str]:
    """Give names by language; raises InvalidInput for unknown and repeated languages."""
    languages = checked_languages([each.language for each in given], pointer)
    return {language: each.name for language, each in zip(languages, given, strict=True)}


def attribute_of(given: AttributeInput, pointer: str) -> Attribute:
    """Give a definition; raises InvalidInput for a language nobody knows."""
    return Attribute(
        code=given.code,
        kind=Kind(given.kind),
        names=names_of(given.names, f"{pointer}/names"),
        unit=given.unit,
        required=given.required,
        options=tuple(
            Option(option.code, names_of(option.names, f"{pointer}/options/{place}/names"))
            for place, option in enumerate(given.options)
        ),
    )


def names_view(names: Mapping[str, str]) -> list[NameView]:
    """Show names, by language."""
    return [NameView(language=language, name=names[language]) for language in sorted(names)]


def attribute_view(attribute: Attribute, category_id: UUID, languages: Languages) -> AttributeView:
    """Show a definition, named in the reader's language."""
    options = [
        OptionView(
            code=option.code,
            name=name_in(option.names, languages),
            names=names_view(option.names),
        )
        for option in attribute.options
    ]
    kind: Any = attribute.kind.value
    return AttributeView(
        code=attribute.code,
        kind=kind,
        name=name_in(attribute.names, languages),
        names=names_view(attribute.names),
        required=attribute.required,
        category_id=category_id,
        unit=attribute.unit or UNSET,
        options=options or UNSET,
    )


def value_views(
    attributes: Mapping[str, Attribute], values: Mapping[str, Value], languages: Languages
) -> list[ValueView]:
    """Show a product's values in the order of its category's attributes."""
    return [
        _value_view(attribute, values[code], languages)
        for code, attribute in attributes.items()
        if code in values
    ]


def _value_view(attribute: Attribute, value: Value, languages: Languages) -> ValueView:
    option = attribute.option(value) if isinstance(value, str) else None
    kind: Any = attribute.kind.value
    return ValueView(
        code=attribute.code,
        name=name_in(attribute.names, languages),
        kind=kind,
        value=value,
        unit=attribute.unit or UNSET,
        value_name=UNSET if option is None else name_in(option.names, languages),
    )
