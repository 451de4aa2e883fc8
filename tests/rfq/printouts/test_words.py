"""Every code a printout may meet has words."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import pytest

from rfq.printouts import words

BY_CODE = {
    name: said
    for name, said in vars(words).items()
    if isinstance(said, Mapping) and any(isinstance(code, Enum) for code in said)
}


@pytest.mark.parametrize("name", sorted(BY_CODE))
def test_no_code_is_without_words(name: str) -> None:
    said: Mapping[Any, str] = BY_CODE[name]
    (codes,) = {type(code) for code in said}
    assert set(said) == set(codes)
    assert all(said.values())


def test_all_tables_of_words_are_looked_at() -> None:
    assert {"KINDS", "STATUSES", "LOT_STATUSES", "PROPOSALS"} <= set(BY_CODE)
