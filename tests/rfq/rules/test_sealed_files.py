import dataclasses
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.platform.contents.kinds import DocumentKind
from rfq.rules.sealed_files import (
    FilePlace,
    SealedFile,
    Slip,
    content_address,
    digest,
    open_file,
    padme,
    read_slip,
    seal_file,
)
from rfq.rules.sealing import Broken, unwrapped_box

KEY = X25519PrivateKey.from_private_bytes(bytes(range(32)))
PLACE = FilePlace(UUID(int=1), UUID(int=2), UUID(int=3))
CONTENT = b"a drawing, scale 1:50"
SHA = digest(CONTENT)


def sealed(content: bytes = CONTENT) -> SealedFile:
    return seal_file(content, DocumentKind.PDF, PLACE, KEY.public_key())


def slip_of(file: SealedFile, place: FilePlace = PLACE) -> Slip | Broken:
    return read_slip(unwrapped_box((place, file.slip), KEY), SHA)


def test_a_sealed_file_opens_with_the_procedures_key_and_no_other() -> None:
    file = sealed()
    slip = slip_of(file)
    assert isinstance(slip, Slip)
    assert (slip.size, slip.kind) == (len(CONTENT), DocumentKind.PDF)
    assert open_file(file.ciphertext, PLACE, bytes.fromhex(slip.key), SHA) == CONTENT
    other = X25519PrivateKey.from_private_bytes(bytes(32))
    assert isinstance(read_slip(unwrapped_box((PLACE, file.slip), other), SHA), Broken)


def test_it_opens_in_no_other_place_and_not_as_another_document() -> None:
    file = sealed()
    for change in ({"bidder_id": UUID(int=9)}, {"attachment_id": UUID(int=9)}):
        assert isinstance(slip_of(file, dataclasses.replace(PLACE, **change)), Broken)
    assert isinstance(read_slip(unwrapped_box((PLACE, file.slip), KEY), "0" * 64), Broken)


def test_a_changed_file_or_slip_is_broken_and_raises_nothing() -> None:
    file = sealed()
    slip = slip_of(file)
    assert isinstance(slip, Slip)
    key = bytes.fromhex(slip.key)
    for changed in (file.ciphertext[:-1] + b"!", b"", file.ciphertext[:20]):
        assert isinstance(open_file(changed, PLACE, key, SHA), Broken)
    box = dataclasses.replace(file.slip, box=file.slip.box[:-1] + b"!")
    assert isinstance(read_slip(unwrapped_box((PLACE, box), KEY), SHA), Broken)


def test_nothing_of_the_content_is_stored_and_slips_are_equally_long() -> None:
    one, two = sealed(), sealed(bytes(1_000_000))
    assert CONTENT not in one.ciphertext
    assert len(one.slip.box) == len(two.slip.box)
    assert sealed().ciphertext != one.ciphertext


@given(st.integers(2, 2**26))
@settings(max_examples=50)
def test_a_size_is_padded_by_an_eighth_at_most(size: int) -> None:
    assert size <= padme(size) <= size * 1.12 + 1
    assert padme(padme(size)) == padme(size)


def test_the_same_document_has_another_address_for_every_bidder_and_procedure() -> None:
    secret = bytes(32)
    addresses = {
        content_address(secret, UUID(int=p), UUID(int=b), SHA) for p in (1, 2) for b in (1, 2)
    }
    assert len(addresses) == 4
    assert content_address(b"x" * 32, UUID(int=1), UUID(int=1), SHA) not in addresses
