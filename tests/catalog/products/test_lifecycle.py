"""The life of a product and what takes its place."""

from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.products.lifecycle import (
    MACHINE,
    Action,
    ProductState,
    check_replacement,
    successor,
)
from marketplace.kernel.errors import Conflict, InvalidInput, WrongState

PROPOSED, DRAFT, ACTIVE, GONE = ProductState


@pytest.mark.parametrize("state", ProductState)
@pytest.mark.parametrize("action", Action)
def test_every_action_leads_where_it_is_declared_to(state: ProductState, action: Action) -> None:
    allowed = {
        (PROPOSED, Action.ACCEPT): ACTIVE,
        (PROPOSED, Action.KEEP_BACK): DRAFT,
        (PROPOSED, Action.MERGE): GONE,
        (PROPOSED, Action.DISCONTINUE): GONE,
        (DRAFT, Action.ACTIVATE): ACTIVE,
        (DRAFT, Action.DISCONTINUE): GONE,
        (ACTIVE, Action.DISCONTINUE): GONE,
        (GONE, Action.REPLACE): GONE,
    }
    if (state, action) in allowed:
        assert MACHINE.after(state, action) is allowed[state, action]
    else:
        with pytest.raises(WrongState) as caught:
            MACHINE.after(state, action)
        assert caught.value.state == state.value


A, B, C = (UUID(int=number) for number in (1, 2, 3))


def test_a_product_does_not_replace_itself() -> None:
    with pytest.raises(InvalidInput, match="itself"):
        check_replacement(A, A, ACTIVE, {})


@pytest.mark.parametrize("state", [PROPOSED, DRAFT, GONE])
def test_what_is_not_active_replaces_nothing(state: ProductState) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_replacement(A, B, state, {})
    assert caught.value.errors[0].code == "not_active"


def test_replacements_in_a_circle_are_refused() -> None:
    with pytest.raises(Conflict, match="circle"):
        check_replacement(A, B, ACTIVE, {B: C, C: A})


def test_the_successor_stands_at_the_end_of_the_line() -> None:
    assert successor(A, {A: B, B: C}) == C
    assert successor(C, {A: B, B: C}) == C


PRODUCTS = st.sampled_from([UUID(int=number) for number in range(6)])


@settings(max_examples=60)
@given(st.lists(st.tuples(PRODUCTS, PRODUCTS), max_size=20))
def test_no_order_of_discontinuing_makes_a_circle(steps: list[tuple[UUID, UUID]]) -> None:
    replacements: dict[UUID, UUID] = {}
    for product, replacement in steps:
        state = GONE if replacement in replacements else ACTIVE
        try:
            check_replacement(product, replacement, state, replacements)
        except (InvalidInput, Conflict):
            continue
        replacements[product] = replacement
    for product in replacements:
        assert successor(product, replacements) not in replacements
