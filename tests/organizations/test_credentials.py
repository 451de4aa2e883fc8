"""The form of keys, their terms, scopes and addresses, and who may send a cookie."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import Conflict, InvalidInput, NotPermitted
from marketplace.organizations.credentials import (
    CredentialKind,
    Term,
    address_allowed,
    check_key_scopes,
    check_new_key,
    check_origin,
    checked_networks,
    make_credential,
    read_credential,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)

kinds = st.sampled_from(CredentialKind)
secrets = st.binary(min_size=32, max_size=32)


@given(kinds, st.uuids(), secrets)
def test_a_credential_is_read_as_it_was_made(
    kind: CredentialKind, identifier: UUID, secret: bytes
) -> None:
    made = make_credential(kind, identifier, secret)
    assert read_credential(made.text) == made
    assert re.fullmatch(r"m[ks]_[0-9A-Za-z]{22}_[0-9A-Za-z]{49}", made.text)


@given(kinds, st.uuids(), secrets, st.data())
def test_a_mistyped_credential_is_no_credential(
    kind: CredentialKind, identifier: UUID, secret: bytes, data: st.DataObject
) -> None:
    text = make_credential(kind, identifier, secret).text
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from("0Az_-é"))
    if text[place] != other:
        assert read_credential(text[:place] + other + text[place + 1 :]) is None
    assert read_credential(text[:place]) is None
    assert read_credential(text + other) is None


@given(st.text(max_size=80))
def test_any_text_is_read_without_error(text: str) -> None:
    assert read_credential(text) is None
    assert read_credential("mk_" + text) is None


@given(st.uuids(), secrets, secrets)
def test_two_secrets_make_two_credentials(identifier: UUID, one: bytes, other: bytes) -> None:
    texts = {make_credential(CredentialKind.KEY, identifier, s).text for s in (one, other)}
    assert len(texts) == (1 if one == other else 2)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        make_credential(CredentialKind.KEY, UUID(int=1), b"short")


def test_a_credential_does_not_print_itself() -> None:
    made = make_credential(CredentialKind.KEY, UUID(int=1), bytes(range(32)))
    assert made.text[26:] not in repr(made)
    assert made.text not in f"{made}"


@pytest.mark.parametrize(
    ("term", "counts"),
    [
        (Term(None, None), True),
        (Term(NOW + TICK, None), True),
        (Term(NOW, None), False),
        (Term(None, NOW), False),
        (Term(NOW + DAY, NOW + DAY), False),
    ],
)
def test_a_key_counts_until_it_expires_or_is_revoked(term: Term, *, counts: bool) -> None:
    assert term.counts(NOW) is counts


ACTIVE, EXPIRED, REVOKED = Term(None, None), Term(NOW, None), Term(None, NOW)


def test_a_third_active_key_is_refused_and_dead_keys_do_not_count() -> None:
    check_new_key([ACTIVE, EXPIRED, REVOKED, EXPIRED], None, NOW)
    with pytest.raises(Conflict, match="2 active keys"):
        check_new_key([ACTIVE, ACTIVE], None, NOW)


@pytest.mark.parametrize(
    ("expires_at", "code"),
    [(NOW, "in_the_past"), (NOW - DAY, "in_the_past"), (NOW + 800 * DAY, "too_late")],
)
def test_a_key_expires_in_the_future_but_not_in_ages(expires_at: datetime, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_new_key([], expires_at, NOW)
    assert [(e.pointer, e.code) for e in caught.value.errors] == [("/expires_at", code)]


def test_a_key_carries_only_scopes_its_member_has() -> None:
    check_key_scopes(["orders:read"], {"orders:read", "orders:write"})
    check_key_scopes(None, set())
    with pytest.raises(InvalidInput) as caught:
        check_key_scopes(["orders:read", "orders:approve"], {"orders:read"})
    assert [(e.pointer, e.code) for e in caught.value.errors] == [("/scopes/1", "scope_not_held")]
    with pytest.raises(InvalidInput, match="do nothing"):
        check_key_scopes([], {"orders:read"})


@pytest.mark.parametrize(
    ("address", "networks", "allowed"),
    [
        ("192.0.2.7", None, True),
        ("192.0.2.7", ["192.0.2.7"], True),
        ("192.0.2.8", ["192.0.2.7"], False),
        ("192.0.2.8", ["192.0.2.0/24"], True),
        ("::ffff:192.0.2.8", ["192.0.2.0/24"], True),
        ("2001:db8:0:1::5", ["192.0.2.0/24", "2001:db8::/48"], True),
        ("2001:db8:1::5", ["2001:db8::/48"], False),
        ("", ["0.0.0.0/0"], False),
        ("unix", ["0.0.0.0/0", "::/0"], False),
        ("192.0.2.7", [], False),
    ],
)
def test_a_key_bound_to_addresses_counts_only_from_there(
    address: str, networks: list[str] | None, *, allowed: bool
) -> None:
    checked = None if networks is None else checked_networks(networks, "/allowed_addresses")
    assert address_allowed(address, checked) is allowed


@pytest.mark.parametrize("text", ["", "192.0.2.1/24", "192.0.2.300", "example.com", "10/8", "::g"])
def test_what_is_no_network_is_refused_at_its_place(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        checked_networks(["::1", text], "/allowed_addresses")
    assert caught.value.errors[0].pointer == "/allowed_addresses/1"


HERE = "https://market.example"


@pytest.mark.parametrize(("origin", "safe_method"), [(None, True), (HERE, True), (HERE, False)])
def test_a_page_of_ours_may_send_its_cookie(origin: str | None, *, safe_method: bool) -> None:
    check_origin(origin, {HERE}, safe_method=safe_method)


@pytest.mark.parametrize(
    ("origin", "safe_method"),
    [
        (None, False),
        ("null", False),
        ("https://evil.example", True),
        ("https://evil.example", False),
        ("https://market.example.evil", False),
        ("http://market.example", False),
    ],
)
def test_a_foreign_page_may_not_send_the_cookie(origin: str | None, *, safe_method: bool) -> None:
    with pytest.raises(NotPermitted, match="session cookie"):
        check_origin(origin, {HERE}, safe_method=safe_method)
