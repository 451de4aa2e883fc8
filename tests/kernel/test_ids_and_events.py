"""Identifiers and events."""

from uuid import uuid4

import pytest

from marketplace.kernel.events import PUBLIC, Event
from marketplace.kernel.ids import new_id


def test_identifiers_sort_by_creation_and_are_version_7() -> None:
    made = [new_id() for _ in range(1_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {(value.version, value.variant) for value in made} == {
        (7, "specified in RFC 4122"),
    }


def test_an_event_without_an_audience_is_refused() -> None:
    with pytest.raises(ValueError, match=r"order\.placed: an event without an audience"):
        Event("order.placed", "order", uuid4(), 1, frozenset())


def test_an_event_for_everybody_says_so() -> None:
    assert Event("list.published", "list", uuid4(), 1, frozenset([PUBLIC])).audience == {PUBLIC}
