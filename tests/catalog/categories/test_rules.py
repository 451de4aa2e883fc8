"""Definitions of attributes, the tree of categories, and values of products."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.categories.rules import (
    Attribute,
    Attributes,
    Doubt,
    Given,
    Kind,
    Option,
    check_attributes,
    check_defined_once,
    checked_values,
    doubts,
    inherited,
    missing,
    path_under,
)
from marketplace.kernel.errors import Conflict, InvalidInput
from marketplace.kernel.ids import new_id
from marketplace.kernel.limits import CATEGORY_DEPTH_MAX


def attribute(
    code: str,
    kind: Kind = Kind.TEXT,
    *options: str,
    unit: str | None = None,
    required: bool = False,
) -> Attribute:
    return Attribute(
        code=code,
        kind=kind,
        names={"en": code},
        unit=unit,
        required=required,
        options=tuple(Option(option, {"en": option}) for option in options),
    )


BORE = attribute("bore", Kind.NUMBER, unit="MMT", required=True)
SEAL = attribute("seal", Kind.ENUM, "open", "2RS", "ZZ")
BEARING: Attributes = inherited(
    [[attribute("series")], [BORE, SEAL, attribute("stainless", Kind.BOOLEAN)]]
)


@pytest.mark.parametrize(
    ("definition", "where", "code"),
    [
        (attribute("colour", unit="MMT"), "/unit", "not_a_number"),
        (attribute("bore", Kind.NUMBER, unit="QQQ"), "/unit", "unknown_unit"),
        (attribute("seal", Kind.ENUM), "/options", "missing"),
        (attribute("seal", Kind.TEXT, "open"), "/options", "not_an_enum"),
        (attribute("seal", Kind.ENUM, "open", "open"), "/options/1/code", "duplicate"),
    ],
)
def test_a_definition_that_means_nothing_is_refused(
    definition: Attribute, where: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_attributes([attribute("first"), definition])
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == (f"/attributes/1{where}", code)


def test_all_that_is_wrong_with_definitions_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_attributes([attribute("a"), attribute("a"), attribute("b", Kind.ENUM)])
    assert {error.pointer for error in caught.value.errors} == {
        "/attributes/1/code",
        "/attributes/2/options",
    }


def test_a_category_has_the_attributes_of_all_above_it() -> None:
    assert list(BEARING) == ["series", "bore", "seal", "stainless"]


@pytest.mark.parametrize(("above", "below"), [(["bore"], []), ([], ["bore"])])
def test_a_code_is_defined_once_on_the_way_from_root_to_leaf(
    above: list[str], below: list[str]
) -> None:
    check_defined_once(["seal"], above, below)
    with pytest.raises(InvalidInput) as caught:
        check_defined_once(["seal", "bore"], above, below)
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == ("/attributes/1/code", "defined_elsewhere")


@pytest.mark.parametrize(
    ("after", "doubted"),
    [
        ([BORE, SEAL], []),
        ([SEAL, BORE], []),
        ([BORE, attribute("seal", Kind.ENUM, "open", "2RS", "ZZ", "RZ")], []),
        ([attribute("bore", Kind.NUMBER, unit="MMT"), SEAL, attribute("new", required=True)], []),
        ([SEAL], [Doubt("bore", "bore is taken away")]),
        (
            [attribute("bore", Kind.NUMBER, unit="CMT"), SEAL],
            [Doubt("bore", "bore gets another unit")],
        ),
        ([attribute("bore"), SEAL], [Doubt("bore", "bore becomes a text")]),
        (
            [BORE, attribute("seal", Kind.ENUM, "open", "2RS")],
            [Doubt("seal", "the option 'ZZ' of seal is taken away", "ZZ")],
        ),
    ],
)
def test_a_change_puts_in_doubt_what_would_mean_something_else(
    after: list[Attribute], doubted: list[Doubt]
) -> None:
    assert doubts([BORE, SEAL], {each.code: each for each in after}) == doubted


def test_a_category_cannot_lie_under_itself_nor_too_deep() -> None:
    root, leaf = new_id(), new_id()
    assert path_under(leaf, (root,)) == (root, leaf)
    with pytest.raises(Conflict, match="itself"):
        path_under(root, (root, leaf))
    deep = [new_id() for _ in range(CATEGORY_DEPTH_MAX - 1)]
    assert path_under(leaf, deep)[-1] == leaf
    with pytest.raises(Conflict, match="deep"):
        path_under(leaf, deep, height=2)


@pytest.mark.parametrize(
    ("given_value", "kept"),
    [
        (Given("bore", "20"), "20"),
        (Given("bore", "20.50", "MMT"), "20.5"),
        (Given("bore", "2", "CMT"), "20"),
        (Given("bore", "0.5", "INH"), "12.7"),
        (Given("bore", "-0"), "0"),
        (Given("seal", "2RS"), "2RS"),
        (Given("series", "  62 "), "62"),
        (Given("stainless", value=False), False),
    ],
)
def test_a_value_is_kept_in_the_form_of_its_attribute(given_value: Given, kept: object) -> None:
    values = checked_values(BEARING, [given_value], complete=False)
    assert values == {given_value.code: kept}


@pytest.mark.parametrize(
    ("given_value", "where", "code"),
    [
        (Given("colour", "red"), "code", "unknown_attribute"),
        (Given("bore", "wide"), "value", "not_a_number"),
        (Given("bore", "1e3"), "value", "not_a_number"),
        (Given("bore", "NaN"), "value", "not_a_number"),
        (Given("bore", "٣"), "value", "not_a_number"),
        (Given("bore", value=True), "value", "not_a_number"),
        (Given("bore", "1", "KGM"), "unit", "wrong_unit"),
        (Given("bore", "1", "C62"), "unit", "wrong_unit"),
        (Given("bore", "0.0000000001"), "value", "too_many_digits"),
        (Given("bore", "999999999999999", "SMI"), "value", "too_many_digits"),
        (Given("seal", "3RS"), "value", "unknown_option"),
        (Given("seal", value=True), "value", "unknown_option"),
        (Given("seal", "open", "MMT"), "unit", "not_a_number"),
        (Given("series", " "), "value", "not_a_text"),
        (Given("series", "a\nb"), "value", "not_a_text"),
        (Given("stainless", "true"), "value", "not_a_boolean"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_place(
    given_value: Given, where: str, code: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_values(BEARING, [Given("series", "x"), given_value][-1:], complete=False)
    (error,) = caught.value.errors
    assert (error.pointer, error.code) == (f"/attributes/0/{where}", code)


def test_a_measure_that_has_no_exact_number_in_the_attributes_unit_is_refused() -> None:
    hours = {"time": attribute("time", Kind.NUMBER, unit="HUR")}
    with pytest.raises(InvalidInput) as caught:
        checked_values(hours, [Given("time", "1", "SEC")], complete=False)
    assert caught.value.errors[0].code == "not_exact"


def test_required_values_are_asked_for_only_of_what_must_be_complete() -> None:
    assert checked_values(BEARING, [], complete=False) == {}
    assert missing(BEARING, ["series"]) == ["bore"]
    with pytest.raises(InvalidInput) as caught:
        checked_values(BEARING, [], complete=True)
    assert [error.code for error in caught.value.errors] == ["required_attribute"]


def test_a_hundred_wrong_values_are_a_hundred_errors() -> None:
    wrong = [Given(f"no-{number}", "x") for number in range(100)]
    with pytest.raises(InvalidInput) as caught:
        checked_values(BEARING, wrong, complete=False)
    assert len(caught.value.errors) == 100


NUMBERS = st.decimals(-(10**6), 10**6, places=4)


@settings(max_examples=60)
@given(NUMBERS, st.sampled_from(["MMT", "CMT", "MTR", "KMT"]), st.sampled_from(["MMT", "MTR"]))
def test_the_same_measure_is_kept_the_same_whatever_unit_it_was_sent_in(
    number: Decimal, unit: str, kept_in: str
) -> None:
    attributes = {"length": attribute("length", Kind.NUMBER, unit=kept_in)}
    in_mm = {"MMT": 1, "CMT": 10, "MTR": 1_000, "KMT": 1_000_000}
    sent = Given("length", format(number, "f"), unit)
    (kept,) = checked_values(attributes, [sent], complete=True).values()
    assert Decimal(str(kept)) * in_mm[kept_in] == number * in_mm[unit]


@settings(max_examples=60)
@given(st.one_of(st.text(max_size=30), st.booleans()), st.sampled_from(list(BEARING)))
def test_whatever_is_kept_is_kept_again_as_it_is(value: str | bool, code: str) -> None:
    try:
        kept = checked_values(BEARING, [Given(code, value)], complete=False)
    except InvalidInput:
        return
    again = [Given(name, each) for name, each in kept.items()]
    assert checked_values(BEARING, again, complete=False) == kept
