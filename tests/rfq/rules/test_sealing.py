import hashlib
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rfq.rules import sealing as rules
from rfq.rules.bid import BidStatus
from rfq.rules.sealing import Broken, Envelope, Leaf, Place, Unsealed
from tests.rfq.rules.cases import ACME, BOLT

KEY = rules.new_procedure_key()
PLACE = Place(UUID(int=9), ACME, 1)
TEXT = b'{"lines":[{"unit_amount":"4711.42"}]}'
BLINDING = bytes(range(32))


def sealed(text: bytes = TEXT, place: Place = PLACE) -> rules.Sealed:
    return rules.seal(text, place, KEY.public_key())


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")).map(str.encode))
def test_an_envelope_opens_to_what_was_sealed(text: bytes) -> None:
    made = sealed(text)
    opened = rules.unseal(made.envelope, PLACE, made.commitment, KEY)
    assert opened == Unsealed(text, made.nonce)


def test_a_text_that_no_database_holds_is_invalid() -> None:
    made = sealed(b"a\0b")
    assert isinstance(rules.unseal(made.envelope, PLACE, made.commitment, KEY), Broken)


def test_another_key_opens_nothing() -> None:
    made = sealed()
    foreign = X25519PrivateKey.generate()
    assert isinstance(rules.unseal(made.envelope, PLACE, made.commitment, foreign), Broken)


@pytest.mark.parametrize(
    "other",
    [
        replace(PLACE, procedure_id=UUID(int=10)),
        replace(PLACE, bidder_id=BOLT),
        replace(PLACE, version=2),
    ],
)
def test_an_envelope_moved_to_another_place_does_not_open(other: Place) -> None:
    made = sealed()
    assert isinstance(rules.unseal(made.envelope, other, made.commitment, KEY), Broken)


@given(
    st.sampled_from(["ephemeral_key", "wrapped_key", "ciphertext"]),
    st.integers(min_value=0),
    st.integers(min_value=1, max_value=255),
)
def test_a_changed_byte_makes_an_invalid_bid_and_never_an_error(
    part: str, position: int, change: int
) -> None:
    made = sealed()
    broken = bytearray(getattr(made.envelope, part))
    broken[position % len(broken)] ^= change
    envelope = replace(made.envelope, **{part: bytes(broken)})
    result = rules.unseal(envelope, PLACE, made.commitment, KEY)
    # The top bit of an X25519 key is ignored by the curve (RFC 7748); the wrapping key is not.
    assert isinstance(result, Broken)


@pytest.mark.parametrize(
    "envelope",
    [
        Envelope(b"", b"", b""),
        Envelope(bytes(32), bytes(60), bytes(100)),
        Envelope(b"x" * 31, b"short", b"short"),
    ],
)
def test_rubbish_makes_an_invalid_bid_and_never_an_error(envelope: Envelope) -> None:
    assert isinstance(rules.unseal(envelope, PLACE, bytes(32), KEY), Broken)


def test_an_envelope_with_another_content_than_its_receipt_is_invalid() -> None:
    first, second = sealed(), sealed(b"cheaper")
    assert isinstance(rules.unseal(second.envelope, PLACE, first.commitment, KEY), Broken)


def test_a_text_that_is_no_text_is_invalid() -> None:
    place = PLACE
    good = sealed()
    nonce = bytes(32)

    def entropy(count: int) -> bytes:
        return bytes(count - 1) + b"\x01"

    bid_key = entropy(32)
    ciphertext = rules.encrypted(
        bid_key, nonce + rules.padded(b"\xff\xfe", 64), place.associated_data(), entropy
    )
    wrapped = rules.seal(b"x", place, KEY.public_key(), entropy=entropy).envelope
    envelope = Envelope(wrapped.ephemeral_key, wrapped.wrapped_key, ciphertext)
    result = rules.unseal(envelope, place, good.commitment, KEY)
    assert result == Broken("The envelope's content is no text.")


@pytest.mark.parametrize(
    ("text", "opens"), [(rb'{"note":"\u0000"}', False), (rb'{"note":"\\u0000"}', True)]
)
def test_an_escaped_character_that_no_database_takes_makes_an_invalid_bid(
    text: bytes, *, opens: bool
) -> None:
    made = sealed(text)
    opened = rules.unseal(made.envelope, PLACE, made.commitment, KEY)
    assert isinstance(opened, Broken) is not opens


def test_sealing_twice_gives_nothing_in_common() -> None:
    one, two = sealed(), sealed()
    assert one.commitment != two.commitment
    assert one.envelope.ciphertext[:64] != two.envelope.ciphertext[:64]
    assert one.envelope.ephemeral_key != two.envelope.ephemeral_key


def test_the_price_is_in_no_part_of_the_envelope() -> None:
    made = sealed()
    parts = made.envelope.ephemeral_key, made.envelope.wrapped_key, made.envelope.ciphertext
    assert all(b"4711" not in part for part in (*parts, made.commitment))


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_length_tells_nothing_about_the_offer(one: int, two: int) -> None:
    size = rules.envelope_bytes(1)
    lengths = {
        len(rules.seal(b"x" * n, PLACE, KEY.public_key(), size).envelope.ciphertext)
        for n in (one, two)
    }
    assert len(lengths) == 1


def test_a_text_beyond_the_usual_size_is_padded_to_a_power_of_two() -> None:
    assert len(rules.padded(b"x" * 5000, 4096)) == 8192
    assert len(rules.padded(b"x" * 4092, 4096)) == 4096
    assert len(rules.padded(b"x" * 4093, 4096)) == 8192


@given(st.binary(max_size=200), st.sampled_from([16, 64, 256]))
def test_padding_comes_off_again(text: bytes, size: int) -> None:
    assert rules.unpadded(rules.padded(text, size)) == text


@pytest.mark.parametrize("block", [b"", b"\x00\x00\x00\x05abc", b"\x00\x00\x00\x01ab"])
def test_a_block_that_was_not_padded_is_refused(block: bytes) -> None:
    # The empty block is the padding of no text at all.
    assert rules.unpadded(block) == (b"" if not block else None)


def vary(**changes: object) -> Callable[[], bytes]:
    def commit() -> bytes:
        values = {"place": PLACE, "nonce": bytes(32), "text": TEXT} | changes
        return rules.commitment(**values)  # type: ignore[arg-type]

    return commit


def test_a_commitment_binds_procedure_bidder_version_nonce_and_bid() -> None:
    made = {
        commit()
        for commit in (
            vary(),
            vary(place=replace(PLACE, procedure_id=UUID(int=10))),
            vary(place=replace(PLACE, bidder_id=BOLT)),
            vary(place=replace(PLACE, version=2)),
            vary(nonce=b"\x01" + bytes(31)),
            vary(text=TEXT + b" "),
        )
    }
    assert len(made) == 6
    assert vary()() == vary()()


LEAVES = st.lists(
    st.builds(Leaf, st.binary(min_size=32, max_size=32), st.sampled_from(list(BidStatus))),
    max_size=9,
    unique_by=lambda leaf: leaf.commitment,
)


def root(leaves: list[Leaf]) -> bytes:
    return rules.merkle_root(rules.leaf_hashes(leaves, BLINDING))


@given(LEAVES, st.randoms())
def test_the_root_does_not_depend_on_the_order_of_reading(
    leaves: list[Leaf], random: object
) -> None:
    shuffled = list(leaves)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert root(leaves) == root(shuffled)


@given(LEAVES.filter(bool), st.data())
def test_the_root_tells_a_dropped_added_swapped_or_revived_version(
    leaves: list[Leaf], data: st.DataObject
) -> None:
    i = data.draw(st.integers(0, len(leaves) - 1))
    leaf = leaves[i]
    others = [status for status in BidStatus if status is not leaf.status]
    revived = replace(leaf, status=data.draw(st.sampled_from(others)))
    swapped = replace(leaf, commitment=bytes(b ^ 1 for b in leaf.commitment))
    rest = leaves[:i] + leaves[i + 1 :]
    assert root(leaves) not in {
        root(rest),
        root([*rest, revived]),
        root([*rest, swapped]),
        root([*leaves, swapped]),
    }


def test_the_root_of_no_bids_is_not_recognizable() -> None:
    assert rules.merkle_root(rules.leaf_hashes([], BLINDING)) != rules.merkle_root([])
    assert root([]) != rules.merkle_root(rules.leaf_hashes([], bytes(32)))


def test_the_root_is_built_as_rfc_6962_says() -> None:
    # Known answers of certificate-transparency's reference tree: leaves "" and 0x00.
    first = hashlib.sha256(b"\x00").digest()
    second = hashlib.sha256(b"\x00\x00").digest()
    assert first.hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert rules.merkle_root([first, second]).hex() == (
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    )
    assert rules.merkle_root([]).hex().startswith("e3b0c442")
