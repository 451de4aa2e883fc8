"""Whoever reckons the document of a computation anew comes to its results."""

import ast
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.kernel.money import rounded
from rfq.rules.computation import Step, computed, shown
from rfq.rules.criteria import Judging, Method
from rfq.rules.evaluation import Mark, judged
from tests.rfq.rules.judging import LOT, coefficients, gate, offer, points, price, scored

ANNA, BEN, CIM = (UUID(int=n) for n in (71, 72, 73))


class _Exact(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        text = ast.Constant(str(node.value))
        return ast.Call(ast.Name("Fraction", ast.Load()), [text], [])


def reckoned(step: Step) -> Fraction:
    """Reckon the calculation of a step as a person would, with nothing of the product."""
    text = step.calculation.translate(str.maketrans("×÷−", "*/-"))
    tree = ast.fix_missing_locations(_Exact().visit(ast.parse(text, mode="eval")))
    names = {"Fraction": Fraction, "min": min, "max": max}
    result: Fraction = eval(compile(tree, "step", "eval"), names)  # noqa: S307 - our own text
    return result


def checked(judging: Judging, amount: str, scores: list[int]) -> tuple[Step, ...]:
    marks = {}
    for criterion in judging.criteria:
        given = tuple(zip((ANNA, BEN, CIM), map(Decimal, scores), strict=False))
        value = Fraction(sum(scores), len(scores))
        marks[UUID(int=1001), None, criterion.id] = Mark(value, given)
    standing = judged(judging, LOT, offer(1, amount), marks)
    found = computed(standing, judging.method, rank=1, excluded=None)
    for step in found.steps:
        exact = reckoned(step)
        if step.rounding is not None:
            exact = Fraction(rounded(Decimal(exact.numerator) / exact.denominator, "EUR"))
        assert exact == Fraction(step.result), step
    assert Fraction(found.score) == standing.score == Fraction(found.steps[-1].result)
    return found.steps


@given(
    st.sampled_from(
        [
            points(price("60.5", reference="70", full="10"), scored("39.5"), gate()),
            coefficients(price("70"), scored("30", highest="7")),
            Judging(method=Method.LOWEST_PRICE),
        ]
    ),
    st.decimals("0.01", "99", places=2),
    st.lists(st.integers(0, 7), min_size=1, max_size=3),
)
@settings(max_examples=30)
def test_each_step_comes_to_its_result(
    judging: Judging, amount: Decimal, scores: list[int]
) -> None:
    checked(judging, str(amount), scores)


def test_a_computation_reads_as_a_person_would_write_it() -> None:
    steps = checked(coefficients(price("70"), scored("30", highest="30")), "100", [20, 19])
    assert [(s.calculation, s.result, s.rounded) for s in steps] == [
        ("1 × 100 ÷ 1", "100", None),
        ("100", "100", None),
        ("(20 + 19) ÷ 2", "19.5", None),
        ("30 × 19.5 ÷ 30", "19.5", None),
        ("100 ÷ (1 + (19.5) ÷ 70)", "14000/179", "78.212291"),
    ]
    assert [(f.name, f.source) for f in steps[2].figures] == [
        ("score", f"evaluator {ANNA}"),
        ("score", f"evaluator {BEN}"),
    ]
    assert steps[0].figures[1].source.startswith(f"bid {UUID(int=1001)}, line ")


@pytest.mark.parametrize(
    ("value", "text"),
    [("1/3", "1/3"), ("-7/2", "-3.5"), ("100", "100"), ("1/1024", "0.0009765625"), ("0", "0")],
)
def test_numbers_are_written_exactly(value: str, text: str) -> None:
    assert shown(Fraction(value)) == text
