"""The life of a product, from a supplier's proposal to what took its place; pure."""

from collections.abc import Mapping
from enum import Enum
from typing import Final
from uuid import UUID

from marketplace.kernel.errors import Conflict, invalid
from marketplace.kernel.states import StateMachine, transition


class ProductState(Enum):
    """Where a product stands in its life.

    A proposed one came with a supplier's offer and can be bought; a draft is not shown yet; a
    discontinued one is not found any more, but still read by who has its address.
    """

    PROPOSED = "proposed"
    DRAFT = "draft"
    ACTIVE = "active"
    DISCONTINUED = "discontinued"


class Action(Enum):
    """What the operator does with a product."""

    ACCEPT = "accept"
    KEEP_BACK = "keep_back"
    ACTIVATE = "activate"
    MERGE = "merge"
    DISCONTINUE = "discontinue"
    REPLACE = "replace"

    def __str__(self) -> str:
        return self.value


MACHINE: Final = StateMachine(
    "product",
    (
        transition(Action.ACCEPT, ProductState.PROPOSED, ProductState.ACTIVE),
        transition(Action.KEEP_BACK, ProductState.PROPOSED, ProductState.DRAFT),
        transition(Action.MERGE, ProductState.PROPOSED, ProductState.DISCONTINUED),
        transition(Action.ACTIVATE, ProductState.DRAFT, ProductState.ACTIVE),
        transition(
            Action.DISCONTINUE,
            (ProductState.PROPOSED, ProductState.DRAFT, ProductState.ACTIVE),
            ProductState.DISCONTINUED,
        ),
        transition(Action.REPLACE, ProductState.DISCONTINUED, ProductState.DISCONTINUED),
    ),
)
"""A product that was discontinued stays so: another takes its place."""

COMPLETE: Final = frozenset({ProductState.ACTIVE})
"""States in which the attributes its category requires must be told."""
SHOWN: Final = (ProductState.PROPOSED, ProductState.ACTIVE)
"""States in which buyers find a product."""

Replacements = Mapping[UUID, UUID]
"""What took the place of discontinued products, by these."""


def successor(product_id: UUID, replacements: Replacements) -> UUID:
    """Give what stands at the end of the line of replacements: the product itself without any."""
    seen = {product_id}
    while product_id in replacements:
        product_id = replacements[product_id]
        if product_id in seen:
            msg = f"the replacements of {product_id} go in a circle"
            raise ValueError(msg)
        seen.add(product_id)
    return product_id


def check_replacement(
    product_id: UUID,
    replacement_id: UUID,
    state: ProductState,
    replacements: Replacements,
    pointer: str = "/replacement_id",
) -> None:
    """Refuse what cannot take a product's place: it must be active itself, and close no circle.

    `state` is that of the replacement. Raises InvalidInput, or Conflict for a circle.
    """
    if product_id == replacement_id:
        raise invalid(pointer, "itself", "A product does not replace itself.")
    if successor(replacement_id, replacements) == product_id:
        raise Conflict("These products would replace each other in a circle.")
    if state is not ProductState.ACTIVE:
        detail = f"The replacement is {state.value}; name one that is active."
        raise invalid(pointer, "not_active", detail)
