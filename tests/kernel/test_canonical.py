"""Canonical bytes: same values, same bytes; and chains that show every change."""

import hashlib
import json
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import IntEnum, StrEnum
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.canonical import (
    GENESIS,
    BrokenLink,
    canonical_bytes,
    chain_hash,
    content_hash,
    first_broken_link,
    keyed_fingerprint,
    plain_decimal,
)


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    LARGE = 3


class Line(msgspec.Struct):
    sku: str
    quantity: Decimal


SUMMER = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "null"),
        (True, "true"),
        (-7, "-7"),
        ("Ünï €", '"Ünï €"'),
        ('"\n\x1f\\', '"\\"\\n\\u001f\\\\"'),
        (Decimal("1.50"), '"1.5"'),
        (Decimal("1E+2"), '"100"'),
        (Decimal("-0.00"), '"0"'),
        (Decimal("0.000001"), '"0.000001"'),
        (datetime(2026, 7, 1, 2, tzinfo=SUMMER), '"2026-07-01T00:00:00.000000Z"'),
        (datetime(987, 7, 1, tzinfo=UTC), '"0987-07-01T00:00:00.000000Z"'),
        (date(2026, 7, 1), '"2026-07-01"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (b"\x00\xff", '"00ff"'),
        (bytearray(b"\x00\xff"), '"00ff"'),
        (Colour.RED, '"red"'),
        (Size.LARGE, "3"),
        ((1, [2, 3]), "[1,[2,3]]"),
        ({2, 1}, "[1,2]"),
        (frozenset({"b", "a"}), '["a","b"]'),
        (Line("A-1", Decimal("2.0")), '{"quantity":"2","sku":"A-1"}'),
        ({Colour.RED: 1, "blue": 2}, '{"blue":2,"red":1}'),
        # RFC 8785 sorts by UTF-16 code units: the emoji's surrogate stands before U+FB33.
        ({"\ufb33": 1, "\U0001f600": 2}, '{"\U0001f600":2,"\ufb33":1}'),
    ],
)
def test_every_type_has_one_form(value: object, expected: str) -> None:
    assert canonical_bytes(value).decode() == expected


@pytest.mark.parametrize("value", [1.5, {"a": [0.0]}, {1.5: "a"}, object(), timedelta(1), 1j])
def test_floats_and_unknown_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="no canonical form"):
        canonical_bytes(value)


@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("-Infinity"),
        datetime(2026, 1, 1),  # noqa: DTZ001
        2**53,
        -(2**53),
        {1: "a", "1": "b"},
        "\ud800",
    ],
)
def test_values_without_one_reading_are_refused(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has a message of its own
        canonical_bytes(value)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.decimals(allow_nan=False, allow_infinity=False, places=6)
    | st.text(st.characters(codec="utf-8"))
    | st.uuids()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC))
)
texts = st.text(st.characters(codec="utf-8"), max_size=5)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)


def shuffled(value: object, source: random.Random) -> object:
    """Give an equal value whose mappings were filled in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(item, source)) for key, item in value.items()]
        source.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return [shuffled(item, source) for item in value]
    return value


@given(values, st.randoms(use_true_random=False))
def test_the_order_of_keys_is_irrelevant(value: object, source: random.Random) -> None:
    assert canonical_bytes(shuffled(value, source)) == canonical_bytes(value)


@given(values)
def test_canonical_bytes_are_json_and_canonical_again(value: object) -> None:
    once = canonical_bytes(value)
    assert canonical_bytes(json.loads(once)) == once


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 5))
def test_equal_decimals_are_written_alike(value: Decimal, zeros: int) -> None:
    if abs(value.adjusted()) > 40:
        return
    text = plain_decimal(value)
    assert Decimal(text) == value
    assert "E" not in text
    padded = format(value, "f")
    padded = padded + "0" * zeros if "." in padded else padded + "." + "0" * (zeros + 1)
    assert plain_decimal(Decimal(padded)) == text


@given(st.frozensets(st.integers(0, 20) | st.text(max_size=3) | st.uuids(), max_size=8))
def test_a_set_has_one_order(items: frozenset[object]) -> None:
    assert canonical_bytes(items) == canonical_bytes(frozenset(reversed(list(items))))


def test_a_content_hash_is_the_sha_256_of_the_canonical_form() -> None:
    assert content_hash({"b": 1, "a": 2}) == hashlib.sha256(b'{"a":2,"b":1}').digest()


def test_a_fingerprint_needs_the_key() -> None:
    # RFC 4231, test case 2
    assert keyed_fingerprint(b"Jefe", b"what do ya want for nothing?").hex().startswith("5bdcc146")
    assert keyed_fingerprint(b"a" * 32, b"x") != keyed_fingerprint(b"b" * 32, b"x")


def chained(entries: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    chain, previous = [], GENESIS
    for entry in entries:
        previous = chain_hash(previous, entry)
        chain.append((entry, previous))
    return chain


entries = st.lists(st.binary(min_size=1, max_size=20), min_size=2, max_size=12)


@given(entries)
def test_an_untouched_chain_is_whole(texts: list[bytes]) -> None:
    assert first_broken_link(chained(texts)) is None


def test_an_empty_chain_is_whole() -> None:
    assert first_broken_link([]) is None


@given(entries, st.data())
def test_a_changed_entry_is_found_at_its_place(texts: list[bytes], data: st.DataObject) -> None:
    chain = chained(texts)
    place = data.draw(st.integers(0, len(chain) - 1))
    entry, stored = chain[place]
    chain[place] = (entry + b"!", stored)
    before = chain[place - 1][1] if place else GENESIS
    expected = chain_hash(before, entry + b"!")
    assert first_broken_link(chain) == BrokenLink(place + 1, expected, stored)


@given(entries, st.data())
def test_a_changed_hash_is_found_at_its_place(texts: list[bytes], data: st.DataObject) -> None:
    chain = chained(texts)
    place = data.draw(st.integers(0, len(chain) - 1))
    entry, stored = chain[place]
    chain[place] = (entry, bytes([stored[0] ^ 1]) + stored[1:])
    found = first_broken_link(chain)
    assert found is not None
    assert found.number == place + 1


@given(entries, st.data())
def test_a_deleted_entry_is_found_where_it_is_missing(
    texts: list[bytes], data: st.DataObject
) -> None:
    chain = chained(texts)
    place = data.draw(st.integers(0, len(chain) - 2))  # a cut at the end needs the signed head
    del chain[place]
    found = first_broken_link(chain)
    assert found is not None
    assert found.number == place + 1


@given(entries, st.data())
def test_two_entries_in_each_other_s_place_are_found(
    texts: list[bytes], data: st.DataObject
) -> None:
    chain = chained(texts)
    place = data.draw(st.integers(0, len(chain) - 2))
    chain[place], chain[place + 1] = chain[place + 1], chain[place]
    found = first_broken_link(chain)
    assert found is not None
    assert found.number == place + 1
