from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import InvalidInput
from rfq.rules.criteria import Judging, judging_errors
from rfq.rules.publication import check_terms
from tests.rfq.rules.cases import OFFICE, WIRING, procedure
from tests.rfq.rules.judging import LOT, OTHER_LOT, coefficients, gate, points, price, scored

STRANGE = UUID(int=9999)


def wrong(judging: Judging, *lots: UUID) -> list[tuple[str, str]]:
    return [(e.pointer, e.code) for e in judging_errors(judging, lots or (LOT,))]


def test_weights_that_sum_to_100_for_each_lot_fit() -> None:
    assert wrong(points(price("60", "1000"), scored("40"), gate())) == []
    assert wrong(coefficients(price("70"), scored("30"))) == []
    assert wrong(points(scored("99.99"), scored("0.01", number=4))) == []
    apart = (
        price("60", "1000"),
        scored("40", lots=(LOT,)),
        scored("40", lots=(OTHER_LOT,), number=4),
    )
    assert wrong(points(*apart), LOT, OTHER_LOT) == []


@given(st.lists(st.integers(1, 60), min_size=2, max_size=5))
def test_other_sums_are_refused(weights: list[int]) -> None:
    criteria = [scored(str(weight), number=n + 10) for n, weight in enumerate(weights)]
    expected = [] if sum(weights) == 100 else [("/judging/criteria", "weights_not_100")]
    assert wrong(points(*criteria)) == expected


def test_a_lot_whose_own_criteria_fall_short_is_named() -> None:
    judging = points(price("60", "1000"), scored("40", lots=(LOT,)))
    errors = judging_errors(judging, [LOT, OTHER_LOT])
    assert [error.detail for error in errors] == ["The weights for lot 2 sum to 60, not to 100."]


def test_a_criterion_with_weight_0() -> None:
    """It would be argued about and count for nothing: refused, though the others sum to 100."""
    assert wrong(points(price("100", "1000"), scored("0"))) == [
        ("/judging/criteria/1/weight", "not_positive")
    ]
    assert wrong(points(price("0", "1000"), scored("100"))) == [
        ("/judging/criteria/0/weight", "not_positive")
    ]
    assert wrong(points(price("100", "1000"), gate("0"))) == []
    assert wrong(points(price("90", "1000"), gate("10")))[0] == (
        "/judging/criteria/1/weight",
        "not_zero",
    )


@pytest.mark.parametrize(
    ("judging", "found"),
    [
        (points(price("100")), ("/judging/criteria/0/reference", "missing")),
        (points(price("100", "50", "50")), ("/judging/criteria/0/full_points_at", "out_of_range")),
        (coefficients(price("100", "50")), ("/judging/criteria/0/reference", "not_of_method")),
        (coefficients(scored("100")), ("/judging/criteria", "price_missing")),
        (
            points(price("50", "9"), price("50", "9", number=7)),
            ("/judging/criteria", "price_twice"),
        ),
        (points(scored("100", highest="0")), ("/judging/criteria/0/max_score", "not_positive")),
        (points(scored("100", minimum="10.5")), ("/judging/criteria/0/minimum", "out_of_range")),
        (points(scored("100", lots=(STRANGE,))), ("/judging/criteria/0/lots", "unknown_lot")),
        (Judging(criteria=(scored("100"),)), ("/judging/criteria/0/kind", "not_of_method")),
    ],
)
def test_criteria_that_do_not_fit_are_refused_with_their_place(
    judging: Judging, found: tuple[str, str]
) -> None:
    assert found in wrong(judging)


def test_a_hundred_bad_criteria_are_a_hundred_errors_and_one_for_their_number() -> None:
    judging = points(*(scored("0", number=n) for n in range(100)))
    assert len(wrong(judging)) == 101


def test_terms_with_criteria_that_do_not_fit_are_not_published() -> None:
    check_terms(replace(procedure(), judging=points(price("60", "1000"), scored("40"))))
    with pytest.raises(InvalidInput) as refusal:
        check_terms(replace(procedure(), judging=points(price("60", "1000"))))
    assert [error.code for error in refusal.value.errors] == ["weights_not_100"] * 2
    assert procedure().lots == (OFFICE, WIRING)


def test_criteria_come_back_from_what_is_stored() -> None:
    judging = points(price("60.5", "1000"), scored("39.5", lots=(LOT,), minimum="1"), gate())
    stored = msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(judging)))
    assert msgspec.convert(stored, Judging) == judging
    assert msgspec.convert(stored, Judging).criteria[0].weight == Decimal("60.5")
