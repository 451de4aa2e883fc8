"""The error tree and its drawing."""

import re

import pytest

from marketplace.kernel import errors
from marketplace.kernel.errors import FieldError, MarketplaceError, invalid


def family(root: type[MarketplaceError]) -> list[type[MarketplaceError]]:
    children = [cls for cls in root.__subclasses__() if cls.__module__ == errors.__name__]
    return children + [grandchild for child in children for grandchild in family(child)]


ALL = family(MarketplaceError)


def test_the_drawing_names_every_error_with_its_status() -> None:
    drawn = dict(re.findall(r"─ (\w+) +(\d{3})", errors.__doc__ or ""))
    assert drawn == {cls.__name__: str(cls.status) for cls in ALL}


def test_codes_are_unique_and_titles_are_said() -> None:
    codes = [cls.code for cls in ALL]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z_]+", code) for code in codes)
    assert all(cls.title for cls in ALL)


@pytest.mark.parametrize("cls", ALL)
def test_a_child_keeps_its_parent_s_status(cls: type[MarketplaceError]) -> None:
    parent = cls.__mro__[1]
    if parent is not MarketplaceError:
        assert issubclass(parent, MarketplaceError)
        assert cls.status == parent.status


def test_a_single_wrong_field_is_pointed_at() -> None:
    error = invalid("/lines/3/quantity", "not_positive", "A quantity must be positive.")
    assert error.errors == (
        FieldError("/lines/3/quantity", "not_positive", "A quantity must be positive."),
    )
    assert (error.status, error.detail, str(error)) == (422, *["A quantity must be positive."] * 2)
