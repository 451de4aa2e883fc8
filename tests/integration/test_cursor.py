"""Cursors tell nothing and work for nobody else."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.integration.cursor import CursorSeal
from marketplace.kernel.errors import MalformedRequest

SEAL = CursorSeal(bytes(range(32)))
numbers = st.integers(0, 2**63 - 1)


@given(st.uuids(), numbers)
def test_a_cursor_opens_to_its_number_and_is_always_the_same(company: UUID, number: int) -> None:
    cursor = SEAL.seal(company, number)
    assert SEAL.open(company, cursor) == number
    assert SEAL.seal(company, number) == cursor
    assert cursor.isascii()
    assert not set(cursor) & set("+/&?# ")


@given(st.uuids(), st.uuids(), numbers)
def test_a_cursor_of_another_company_is_refused(one: UUID, other: UUID, number: int) -> None:
    if one != other:
        with pytest.raises(MalformedRequest):
            SEAL.open(other, SEAL.seal(one, number))


@given(st.uuids(), numbers, st.data())
def test_a_changed_cursor_is_refused(company: UUID, number: int, data: st.DataObject) -> None:
    cursor = SEAL.seal(company, number)
    place = data.draw(st.integers(0, len(cursor) - 1))
    other = data.draw(st.sampled_from("Aa0-_=é+"))
    if cursor[place] != other:
        with pytest.raises(MalformedRequest):
            SEAL.open(company, cursor[:place] + other + cursor[place + 1 :])


@pytest.mark.parametrize(("ours", "foreign"), ["-+", "_/"])
def test_a_cursor_has_one_form(ours: str, foreign: str) -> None:
    company = UUID(int=1)
    cursors = (SEAL.seal(company, number) for number in range(1_000))
    cursor = next(each for each in cursors if ours in each)
    with pytest.raises(MalformedRequest):
        SEAL.open(company, cursor.replace(ours, foreign))


@given(st.text(max_size=60))
def test_any_text_is_opened_or_refused(text: str) -> None:
    with pytest.raises(MalformedRequest):
        SEAL.open(UUID(int=1), text)


def test_a_cursor_of_another_installation_is_refused() -> None:
    company = UUID(int=1)
    with pytest.raises(MalformedRequest):
        CursorSeal(bytes(32)).open(company, SEAL.seal(company, 5))


def test_neighbours_do_not_look_alike() -> None:
    company = UUID(int=1)
    one, other = SEAL.seal(company, 1_000), SEAL.seal(company, 1_001)
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 10
