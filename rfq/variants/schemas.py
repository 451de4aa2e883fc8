"""What goes over the wire about variants."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

from marketplace.kernel.limits import MINIMUM_REQUIREMENTS_MAX, VARIANTS_MAX
from marketplace.platform.http.schemas import Code, Input, Output, Text
from rfq.rules.variants import MinimumRequirement, OpenedVariant, VariantPolicy, Variants


class MinimumRequirementInput(Input):
    """What every variant meets; decisions refer to its `code`."""

    code: Code
    text: Annotated[Text, Meta(min_length=1)]


class VariantTermsInput(Input):
    """Which variants are taken: `most` of each bidder, beside his main bid or by themselves.

    Where they are `required`, a main bid without a valid variant is invalid at the opening.
    """

    minimum_requirements: Annotated[
        list[MinimumRequirementInput], Meta(min_length=1, max_length=MINIMUM_REQUIREMENTS_MAX)
    ]
    policy: VariantPolicy = VariantPolicy.ALLOWED
    most: Annotated[int, Meta(ge=1, le=VARIANTS_MAX)] = 1
    beside_main_bid: bool = True

    def terms(self) -> Variants:
        """Give the terms as the rules know them."""
        return Variants(
            policy=self.policy,
            most=self.most,
            beside_main=self.beside_main_bid,
            requirements=tuple(
                MinimumRequirement(code=each.code, text=each.text)
                for each in self.minimum_requirements
            ),
        )


class MinimumRequirementView(Output):
    """What every variant meets."""

    code: str
    text: str


class VariantTermsView(Output):
    """Which variants are taken, and what each of them meets."""

    minimum_requirements: list[MinimumRequirementView]
    policy: VariantPolicy
    most: int
    beside_main_bid: bool

    @classmethod
    def of(cls, variants: Variants | None) -> "VariantTermsView | None":
        """Show terms; None where no variants are taken."""
        if variants is None:
            return None
        return cls(
            minimum_requirements=[
                MinimumRequirementView(code=each.code, text=each.text)
                for each in variants.requirements
            ],
            policy=variants.policy,
            most=variants.most,
            beside_main_bid=variants.beside_main,
        )


class VariantView(Output):
    """What a variant says of itself; `number` counts those of its bidder from 1."""

    number: int
    label: str
    description: str

    @classmethod
    def of(cls, variant: OpenedVariant | None) -> "VariantView | None":
        """Show a variant; None of a main bid."""
        if variant is None:
            return None
        return cls(number=variant.number, label=variant.label, description=variant.description)


class VariantDecisionInput(Input):
    """Which minimum requirements a variant does not meet, by their codes; none, if it meets all.

    Its bidder reads the `reason`; one is asked for where something is not met.
    """

    unmet: Annotated[list[Code], Meta(max_length=MINIMUM_REQUIREMENTS_MAX)] = []  # noqa: RUF012
    reason: Text = ""


class DecidedVariantView(Output):
    """A variant and what was decided of it; `version` is 0 and `meets` null until it is decided.

    One that does not `meets` is set aside: it is neither judged nor ranked.
    """

    bid_id: UUID
    bidder_id: UUID
    procedure_id: UUID
    version: int
    variant: VariantView
    lot_ids: list[UUID]
    meets: bool | None
    unmet: list[str]
    reason: str
    decided_at: datetime | None


class DecidedVariantList(Output):
    """The valid variants of a procedure: all to its buyer, his own to a bidder."""

    items: list[DecidedVariantView]
