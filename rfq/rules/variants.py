"""Variants: offers beside the main bid that meet the buyer's need in another way than he described.

As in Directive 2014/24/EU, article 45: the terms say whether variants are taken, which minimum
requirements they meet, and whether they stand beside a main bid alone. Each is an offer of its own,
with its envelope, receipt and place in the ranking; `number` counts a bidder's from 1, and 0 is his
main bid.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from marketplace.kernel.errors import Conflict, FieldError, InvalidInput, StaleVersion
from marketplace.kernel.limits import MINIMUM_REQUIREMENTS_MAX, VARIANTS_MAX

MAIN: Final = 0
"""The number of a main bid."""
NONE_TAKEN: Final = FieldError(
    "/variant", "not_allowed", "This procedure takes no variants: offer what is asked for."
)


class VariantPolicy(StrEnum):
    """Whether a bidder may send variants, or has to."""

    ALLOWED = "allowed"
    REQUIRED = "required"


class MinimumRequirement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every variant meets; decisions refer to its `code`."""

    code: str
    text: str


class Variants(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the terms say of variants: of each bidder at most so many.

    With `beside_main` they are taken beside a main bid alone.
    """

    policy: VariantPolicy = VariantPolicy.ALLOWED
    most: int = 1
    beside_main: bool = True
    requirements: tuple[MinimumRequirement, ...] = ()


class Variant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a variant says of itself in its envelope: what it is called, and what differs."""

    label: str
    description: str


@dataclass(frozen=True, slots=True)
class OpenedVariant:
    """A variant after the opening; `meets` is None until the minimum requirements were decided."""

    number: int
    label: str
    description: str
    meets: bool | None = None

    def __str__(self) -> str:
        return f"variant {self.number}: {self.label}"


def terms_errors(variants: Variants) -> Iterator[FieldError]:
    """Find what keeps these terms from being published, in the order they are written in."""
    pointer = "/variants"
    if not 1 <= variants.most <= VARIANTS_MAX:
        detail = f"A bidder sends one to {VARIANTS_MAX} variants."
        yield FieldError(f"{pointer}/most", "out_of_range", detail)
    asked = variants.requirements
    if not 1 <= len(asked) <= MINIMUM_REQUIREMENTS_MAX:
        detail = (
            f"Say what a variant meets at least, in 1 to {MINIMUM_REQUIREMENTS_MAX} requirements: "
            "no other can be taken into account."
        )
        yield FieldError(f"{pointer}/minimum_requirements", "count", detail)
    seen: set[str] = set()
    for number, each in enumerate(asked):
        if each.code in seen:
            detail = f"The code {each.code} is given twice."
            yield FieldError(f"{pointer}/minimum_requirements/{number}/code", "twice", detail)
        seen.add(each.code)


def text_errors(
    variants: Variants | None, number: int, text: Variant | None, *, conditions: bool
) -> Iterator[FieldError]:
    """Find what keeps a bid from being a main bid (`number` 0), or a variant of these terms."""
    pointer = "/variant"
    if (text is None) is not (number == MAIN):
        detail = "A variant says what it is called and what differs; a main bid does not."
        yield FieldError(pointer, "not_as_submitted", detail)
    if text is None:
        return
    if variants is None:
        yield NONE_TAKEN
    for name in ("label", "description"):
        if not getattr(text, name).strip():
            yield FieldError(f"{pointer}/{name}", "empty", "Say it in words.")
    if conditions:
        detail = "Discounts for several lots are the main bid's; a variant has prices of its own."
        yield FieldError("/conditions", "variant", detail)


def check_another(variants: Variants | None, live: Collection[int]) -> None:
    """Guard of another variant; `live` are the numbers of the bidder's live offers.

    Raises InvalidInput where none are taken, Conflict where it is one too many or stands alone.
    """
    if variants is None:
        raise InvalidInput(NONE_TAKEN.detail, errors=[NONE_TAKEN])
    if variants.beside_main and MAIN not in live:
        raise Conflict("Variants are taken beside a main bid alone: submit that first.")
    if len(set(live) - {MAIN}) >= variants.most:
        raise Conflict(
            f"You have {variants.most} variants here, and more are not taken: replace one, or "
            "withdraw it first."
        )


def check_number(number: int, given: Collection[int]) -> None:
    """Guard of a number that the bidder's own program gave: the next; raises StaleVersion."""
    following = max(given, default=MAIN) + 1
    if number != following:
        raise StaleVersion(f"Your next variant has the number {following}: seal it as that.")


def check_withdrawal(variants: Variants | None, number: int, live: Collection[int]) -> None:
    """Guard of a withdrawal: no variant is left without its main bid; raises Conflict."""
    if variants is not None and variants.beside_main and number == MAIN and set(live) - {MAIN}:
        raise Conflict("Your variants stand beside this bid alone: withdraw them first.")


def incomplete(variants: Variants | None, valid: Iterable[int]) -> Mapping[int, str]:
    """Give which of a bidder's opened offers are invalid for what is missing beside them, and why.

    `valid` are the numbers of those that are valid by themselves.
    """
    numbers = set(valid)
    if variants is None:
        return {}
    sent = numbers - {MAIN}
    if variants.beside_main and MAIN not in numbers:
        why = "Variants are taken beside a main bid alone, and no valid one stands beside it."
        return dict.fromkeys(sorted(sent), why)
    if variants.policy is VariantPolicy.REQUIRED and not sent:
        why = "The terms require a variant beside it, and no valid one was sent."
        return dict.fromkeys(sorted(numbers), why)
    return {}
