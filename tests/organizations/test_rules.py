"""Trees of units, roles, rights, tax numbers and addresses."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict, InvalidInput, NotPermitted
from marketplace.kernel.limits import UNIT_DEPTH_MAX, UNITS_MAX
from marketplace.organizations.rules import (
    COUNTRIES,
    MemberRole,
    Membership,
    Parents,
    Sides,
    acting_unit_refusal,
    check_administered,
    check_country,
    check_deactivation,
    check_memberships,
    check_move,
    check_new_unit,
    check_roles,
    check_sides,
    check_within,
    checked_email,
    checked_tax_id,
    height,
    narrowed,
    path_to_company,
    roles_in,
    scopes_in,
)


def unit(number: int) -> UUID:
    return UUID(int=number)


COMPANY, NORTH, SOUTH, OSLO, BERGEN, ELSEWHERE = map(unit, range(1, 7))
TREE: Parents = {COMPANY: None, NORTH: COMPANY, SOUTH: COMPANY, OSLO: NORTH, BERGEN: NORTH}


def refusal(error: pytest.ExceptionInfo[InvalidInput]) -> tuple[str, str]:
    (field,) = error.value.errors
    return field.pointer, field.code


def line(length: int) -> dict[UUID, UUID | None]:
    return {unit(n): unit(n - 1) if n > 1 else None for n in range(1, length + 1)}


@st.composite
def trees(draw: st.DrawFn) -> dict[UUID, UUID | None]:
    parents: dict[UUID, UUID | None] = {unit(1): None}
    for number in range(2, draw(st.integers(1, 12)) + 1):
        candidates = [u for u in parents if len(path_to_company(u, parents)) < UNIT_DEPTH_MAX]
        parents[unit(number)] = draw(st.sampled_from(candidates))
    return parents


def test_a_path_leads_from_the_unit_to_its_company() -> None:
    assert path_to_company(OSLO, TREE) == (OSLO, NORTH, COMPANY)
    assert path_to_company(COMPANY, TREE) == (COMPANY,)


def test_a_cycle_is_noticed_instead_of_walked_for_ever() -> None:
    with pytest.raises(ValueError, match="its own ancestor"):
        path_to_company(NORTH, {NORTH: SOUTH, SOUTH: NORTH})


def test_a_unit_grows_only_under_a_unit_of_the_same_company() -> None:
    check_new_unit(OSLO, TREE)
    with pytest.raises(InvalidInput) as caught:
        check_new_unit(ELSEWHERE, TREE)
    assert refusal(caught) == ("/parent_id", "unknown_unit")


def test_a_tree_has_a_last_level() -> None:
    check_new_unit(unit(UNIT_DEPTH_MAX - 1), line(UNIT_DEPTH_MAX - 1))
    with pytest.raises(InvalidInput) as caught:
        check_new_unit(unit(UNIT_DEPTH_MAX), line(UNIT_DEPTH_MAX))
    assert refusal(caught) == ("/parent_id", "too_deep")


def test_a_company_has_a_last_unit() -> None:
    full: Parents = {unit(n): None if n == 1 else unit(1) for n in range(1, UNITS_MAX + 1)}
    with pytest.raises(Conflict, match="more than"):
        check_new_unit(unit(1), full)


@pytest.mark.parametrize(("moved", "under"), [(NORTH, NORTH), (NORTH, OSLO)])
def test_a_unit_cannot_move_under_itself(moved: UUID, under: UUID) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_move(moved, under, TREE)
    assert refusal(caught) == ("/parent_id", "cycle")


def test_a_company_cannot_move() -> None:
    with pytest.raises(Conflict, match="root of its tree"):
        check_move(COMPANY, NORTH, TREE)


def test_a_branch_moves_only_where_all_of_it_fits() -> None:
    deep = line(UNIT_DEPTH_MAX - 1) | {NORTH_2: unit(1), OSLO_2: NORTH_2}
    check_move(NORTH_2, unit(UNIT_DEPTH_MAX - 2), deep)
    with pytest.raises(InvalidInput) as caught:
        check_move(NORTH_2, unit(UNIT_DEPTH_MAX - 1), deep)
    assert refusal(caught) == ("/parent_id", "too_deep")


NORTH_2, OSLO_2 = unit(102), unit(103)


@given(trees(), st.data())
def test_whatever_moves_are_allowed_the_tree_stays_a_tree_of_bounded_depth(
    parents: dict[UUID, UUID | None], data: st.DataObject
) -> None:
    for _ in range(data.draw(st.integers(0, 10))):
        moved = data.draw(st.sampled_from(sorted(parents)))
        under = data.draw(st.sampled_from(sorted(parents)))
        try:
            check_move(moved, under, parents)
        except (InvalidInput, Conflict):
            continue
        parents[moved] = under
    for each in parents:
        path = path_to_company(each, parents)
        assert path[-1] == unit(1)
        assert len(path) <= UNIT_DEPTH_MAX


@given(trees())
def test_the_company_is_as_high_as_its_longest_path(parents: dict[UUID, UUID | None]) -> None:
    assert height(unit(1), parents) == max(len(path_to_company(u, parents)) for u in parents)


BUYER, SUPPLIER, OPERATOR = Sides(buyer=True), Sides(supplier=True), Sides(operator=True)


def test_a_company_stands_on_some_side() -> None:
    for sides in (BUYER, SUPPLIER, OPERATOR):
        check_sides(sides)
    with pytest.raises(InvalidInput):
        check_sides(Sides())


@pytest.mark.parametrize(
    ("role", "sides", "allowed"),
    [
        ("administrator", BUYER, True),
        ("viewer", SUPPLIER, True),
        ("purchaser", BUYER, True),
        ("purchaser", SUPPLIER, False),
        ("approver", SUPPLIER, True),
        ("seller", SUPPLIER, True),
        ("seller", BUYER, False),
        ("operator", OPERATOR, True),
        ("operator", Sides(buyer=True, supplier=True), False),
    ],
)
def test_a_role_fits_its_company(role: str, sides: Sides, *, allowed: bool) -> None:
    if allowed:
        assert check_roles([role], sides, "/roles") == {MemberRole(role)}
        return
    with pytest.raises(InvalidInput) as caught:
        check_roles(["viewer", role], sides, "/roles")
    assert refusal(caught) == ("/roles/1", "role_not_for_company")


HOLDERS = {
    "buy": frozenset({"administrator", "purchaser", "viewer"}),
    "sell": frozenset({"administrator", "seller"}),
    "approve": frozenset({"administrator", "approver"}),
    "read": frozenset({"administrator", "purchaser", "seller"}),
    "rule": frozenset({"operator"}),
    "own": frozenset({"administrator"}),
}


@pytest.mark.parametrize(
    ("sides", "scopes"),
    [
        (BUYER, "buy approve read own"),
        (SUPPLIER, "sell approve read own"),
        (Sides(buyer=True, supplier=True), "buy sell approve read own"),
        (OPERATOR, "approve rule own"),
    ],
)
def test_nobody_in_a_company_does_what_is_of_a_side_it_is_not_on(sides: Sides, scopes: str) -> None:
    assert scopes_in(HOLDERS, HOLDERS, sides) == set(scopes.split())


@pytest.mark.parametrize(("roles", "code"), [(["boss"], "unknown_role"), ([], "no_role")])
def test_unknown_roles_and_no_roles_are_refused(roles: list[str], code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_roles(roles, BUYER, "/roles")
    assert refusal(caught)[1] == code


ADMINISTRATOR = frozenset({MemberRole.ADMINISTRATOR})
PURCHASER = frozenset({MemberRole.PURCHASER})
VIEWER = frozenset({MemberRole.VIEWER})


@pytest.mark.parametrize(
    ("memberships", "code"),
    [
        ([], "too_few"),
        ([Membership(ELSEWHERE, VIEWER)], "unknown_unit"),
        ([Membership(NORTH, VIEWER), Membership(NORTH, PURCHASER)], "unit_twice"),
    ],
)
def test_a_member_belongs_to_units_of_his_company_once_each(
    memberships: Sequence[Membership], code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_memberships(memberships, TREE)
    assert refusal(caught)[1] == code


@pytest.mark.parametrize(
    ("acting", "memberships", "expected"),
    [
        (NORTH, [Membership(NORTH, PURCHASER)], PURCHASER),
        (OSLO, [Membership(NORTH, PURCHASER)], PURCHASER),
        (OSLO, [Membership(NORTH, PURCHASER, includes_subunits=False)], frozenset()),
        (NORTH, [Membership(NORTH, PURCHASER, includes_subunits=False)], PURCHASER),
        (COMPANY, [Membership(NORTH, PURCHASER)], frozenset()),
        (SOUTH, [Membership(NORTH, PURCHASER)], frozenset()),
        (OSLO, [Membership(COMPANY, VIEWER), Membership(OSLO, PURCHASER)], VIEWER | PURCHASER),
    ],
)
def test_roles_hold_in_their_unit_and_below_where_said(
    acting: UUID, memberships: Sequence[Membership], expected: frozenset[MemberRole]
) -> None:
    assert roles_in(path_to_company(acting, TREE), memberships) == expected


scopes = st.frozensets(st.sampled_from(["orders:read", "orders:write", "prices:write"]))


def test_a_key_without_a_list_has_what_the_roles_give() -> None:
    assert narrowed(frozenset({"orders:read"}), None) == {"orders:read"}


def test_a_key_with_a_list_has_what_both_give() -> None:
    given = frozenset({"orders:read", "orders:write"})
    assert narrowed(given, ["orders:read", "orders:approve"]) == {"orders:read"}


@given(scopes, st.none() | scopes)
def test_a_key_never_has_more_than_its_member(
    given: frozenset[str], listed: frozenset[str] | None
) -> None:
    assert narrowed(given, listed) <= given
    assert listed is None or narrowed(given, listed) <= listed


def test_somebody_manages_his_unit_and_what_is_below() -> None:
    check_within(NORTH, path_to_company(OSLO, TREE))
    check_within(NORTH, path_to_company(NORTH, TREE))
    for outside in (SOUTH, COMPANY):
        with pytest.raises(NotPermitted):
            check_within(NORTH, path_to_company(outside, TREE))


def test_a_company_keeps_an_administrator_of_the_whole() -> None:
    check_administered({unit(9): [Membership(COMPANY, ADMINISTRATOR)]}, COMPANY)
    for members in ({}, {unit(9): [Membership(NORTH, ADMINISTRATOR)]}):
        with pytest.raises(Conflict, match="last administrator"):
            check_administered(members, COMPANY)


def test_a_unit_somebody_stands_in_is_not_closed() -> None:
    check_deactivation(0, 0)
    for occupied in ((1, 0), (0, 1)):
        with pytest.raises(Conflict, match="deactivate them first"):
            check_deactivation(*occupied)


@pytest.mark.parametrize(
    ("path_active", "refusal"),
    [
        ([True, True, True], None),
        ([True, False, True], None),  # what is above closes nothing silently
        ([False, True, True], "This unit is inactive."),
        ([True, True, False], "This company is suspended."),
        ([False], "This company is suspended."),
    ],
)
def test_nobody_acts_for_a_closed_unit_or_company(
    path_active: list[bool], refusal: str | None
) -> None:
    assert acting_unit_refusal(path_active) == refusal


def test_there_are_249_countries() -> None:
    assert len(COUNTRIES) == 249


@pytest.mark.parametrize("country", ["", "de", "UK", "XX", "EU"])
def test_an_unknown_country_is_refused(country: str) -> None:
    with pytest.raises(InvalidInput):
        check_country(country)


@pytest.mark.parametrize(
    ("country", "number", "expected"),
    [
        ("DE", "DE 136,695 976", "136695976"),
        ("DE", "136695976", "136695976"),
        ("FR", "Fr 40 303 265 045", "40303265045"),
        ("US", "91-1144442", "911144442"),
        ("CN", "91110000600037341L", "91110000600037341L"),
        ("RU", "7736050003", "7736050003"),
        ("IR", "1010-1234567", "10101234567"),  # stdnum knows no Iranian form
    ],
)
def test_a_tax_number_is_kept_in_its_compact_form(country: str, number: str, expected: str) -> None:
    assert checked_tax_id(country, number) == expected


@pytest.mark.parametrize(
    ("country", "number"),
    [("DE", "136695978"), ("DE", ""), ("FR", "DE136695976"), ("US", "1"), ("IR", "a b'; --")],
)
def test_a_tax_number_with_a_wrong_check_digit_or_form_is_refused(
    country: str, number: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_tax_id(country, number)
    assert refusal(caught) == ("/tax_id", "invalid_tax_id")


@given(st.sampled_from(sorted(COUNTRIES)), st.text(max_size=30))
def test_any_text_is_a_tax_number_or_refused(country: str, number: str) -> None:
    try:
        compact = checked_tax_id(country, number)
    except InvalidInput:
        return
    assert checked_tax_id(country, compact) == compact


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("anna@example.com", "anna@example.com"),
        ("A.Nna+po@EXAMPLE.co.uk", "A.Nna+po@example.co.uk"),
        ("müller@bücher.example", "müller@bücher.example"),
    ],
)
def test_an_email_keeps_its_local_part_and_lowers_its_domain(email: str, expected: str) -> None:
    assert checked_email(email) == expected


@pytest.mark.parametrize(
    "email",
    ["", "anna", "@example.com", "anna@", "anna@localhost", "a b@example.com", "a@b@example.com",
     "anna@example..com", "anna@example.com\n", "<anna@example.com>", "x" * 65 + "@example.com",
     "anna@" + "x." * 130 + "com"],
)  # fmt: skip
def test_what_cannot_be_an_email_is_refused(email: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_email(email)
    assert refusal(caught) == ("/email", "invalid_email")
