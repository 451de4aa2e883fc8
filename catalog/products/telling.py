"""What somebody tells of a product, beside what is known of it; pure.

A translator tells names in one language, a supplier a data sheet, a maker's file all there is. What
is left out stays as it is.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from catalog.languages.tags import canonical_language
from catalog.products.content import ClassCode, checked_code
from catalog.products.schemas import (
    ClassCodeInput,
    ProductContent,
    TextInput,
    TextPartInput,
    ToldInput,
)
from marketplace.kernel.errors import FieldError, InvalidInput
from marketplace.kernel.limits import CODES_PER_PRODUCT_MAX, LANGUAGES_MAX, MEDIA_PER_PRODUCT_MAX

T = TypeVar("T")

_BOUNDS: Final = {
    "texts": LANGUAGES_MAX,
    "codes": CODES_PER_PRODUCT_MAX,
    "media": MEDIA_PER_PRODUCT_MAX,
}


def merged(told: ToldInput, known: ProductContent | None) -> ProductContent:
    """Give a product as it is with what was told.

    What was told stands first in every list, in its order: errors point to where it was told.
    Raises InvalidInput for a product, or a language, that would have no name.
    """
    errors: list[FieldError] = []
    name = told.name or (known.name if known else "")
    if not name:
        errors.append(FieldError("/name", "missing", "A new product needs a name."))
    base = known or ProductContent(name=name)
    values = {each.code for each in told.attributes}
    made = ProductContent(
        name=name,
        description=base.description if told.description is None else told.description,
        maker=told.maker or base.maker,
        maker_number=told.maker_number or base.maker_number,
        gtin=told.gtin or base.gtin,
        category_id=told.category_id or base.category_id,
        attributes=[
            *told.attributes,
            *(each for each in base.attributes if each.code not in values),
        ],
        texts=_texts(told.texts, base.texts, errors),
        codes=_codes(told.codes, base.codes),
        media=base.media if told.media is None else told.media,
    )
    for field, most in _BOUNDS.items():
        if len(getattr(made, field)) > most:
            errors.append(FieldError(f"/{field}", "too_many", f"A product has at most {most}."))
    if errors:
        raise InvalidInput(errors[0].detail, errors=errors)
    return made


def _texts(
    told: Sequence[TextPartInput], known: Sequence[TextInput], errors: list[FieldError]
) -> list[TextInput]:
    there = {each.language: each for each in known}
    made: list[TextInput] = []
    for place, part in enumerate(told):
        language = canonical_language(part.language) or part.language
        old = there.pop(language, None)
        name = part.name or (old.name if old else "")
        if not name:
            detail = f"There is no name in {language} yet; tell it with the rest."
            errors.append(FieldError(f"/texts/{place}/name", "missing", detail))
        made.append(
            TextInput(
                language=language,
                name=name,
                description=_told(part.description, old.description if old else ""),
                keywords=_told(part.keywords, old.keywords if old else []),
            )
        )
    return [*made, *there.values()]


def _told(told: T | None, known: T) -> T:
    return known if told is None else told


def _codes(told: Sequence[ClassCodeInput], known: Sequence[ClassCodeInput]) -> list[ClassCodeInput]:
    classes = {_class_of(each) for each in told}
    return [*told, *(each for each in known if _class_of(each) not in classes)]


def _class_of(given: ClassCodeInput) -> tuple[str, str]:
    """Give scheme and version as they are kept; a code that has no form is refused later."""
    try:
        code = checked_code(ClassCode(given.scheme, given.code, given.version))
    except InvalidInput:
        return given.scheme, given.version
    return code.scheme, code.version
