"""Strict procedures: the documented client seals, and any two of three keys open."""

import secrets
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from marketplace.kernel.errors import Conflict, InvalidInput, StaleVersion, WrongState
from marketplace.platform.core import Platform
from marketplace.worker import Worker
from rfq.opening.proofs import read_opening
from rfq.procedures.reading import read_procedure
from rfq.rules.procedure import Openness, Status
from rfq.rules.proof import verify_opening
from rfq.rules.sealing import Broken, Place, Unsealed
from rfq.rules.strict import PAIRS, Holder, seal_strictly, unseal_strictly
from tests.rfq.parties import HOUR, MoveClock, Parties
from tests.rfq.strict_bidders import AUDITOR, BUYER, ONE_ENVELOPE, Strict, strict_client
from tests.rfq.test_attachments import upload
from tests.support.documents import PDF

PLACE = Place(UUID(int=1), UUID(int=2), 1)


@pytest.fixture
async def strict(platform: Platform, parties: Parties, tmp_path: Path) -> Strict:
    terms = await parties.terms(openness=Openness.OPEN)
    terms.strict = ONE_ENVELOPE
    return Strict(platform, await parties.published(terms), strict_client(), tmp_path)


async def test_a_bid_sealed_by_the_documented_client_opens_with_the_buyers_key(
    platform: Platform, parties: Parties, strict: Strict, worker: Worker, move_clock: MoveClock
) -> None:
    first = strict.envelope(parties.acme, "4", "91")
    await strict.submit(parties.acme, first)
    again = strict.envelope(parties.acme, "3.10", "90", version=2)
    receipt = await strict.submit(parties.acme, again, "again")
    assert await strict.submit(parties.acme, again, "again") == receipt
    with pytest.raises(Conflict):
        await strict.show(parties.buyer, (Holder.BUYER, BUYER))
    await move_clock(HOUR)
    await worker.run_until_idle()
    closed = await read_procedure(platform, parties.buyer, strict.procedure.id)
    assert (closed.status, closed.bids_root is not None) == (Status.CLOSED, True)
    with pytest.raises(InvalidInput) as refusal:
        await strict.show(parties.buyer, (Holder.BUYER, AUDITOR))
    assert refusal.value.errors[0].code == "other_key"
    opened = await strict.show(parties.buyer, (Holder.BUYER, BUYER))
    assert opened.status is Status.OPENED
    proof = await read_opening(platform, parties.buyer, strict.procedure.id)
    assert [(bid.version, bid.commitment) for bid in proof.bids] == [(2, receipt.commitment)]
    assert "Größe – 52 kN" in (proof.bids[0].content or "")
    assert all(finding.fits for finding in verify_opening(proof, (), None))
    with pytest.raises(WrongState):
        await strict.show(parties.buyer, (Holder.AUDITOR, AUDITOR))


async def test_a_bid_that_does_not_decrypt_opens_as_invalid_and_the_others_open(
    platform: Platform, parties: Parties, strict: Strict, move_clock: MoveClock
) -> None:
    good = strict.envelope(parties.acme, "3", "90")
    await strict.submit(parties.acme, good)
    broken = strict.envelope(parties.bolt, "1", "1")
    broken.ciphertext = broken.ciphertext[:-2] + "00"
    await strict.submit(parties.bolt, broken)
    # One that decrypts and answers nothing: it prices a half of the lot.
    await strict.submit(parties.coil, strict.envelope(parties.coil, "2"))
    await move_clock(HOUR)
    await strict.show(parties.buyer, (Holder.AUDITOR, AUDITOR))
    proof = await read_opening(platform, parties.buyer, strict.procedure.id)
    reasons = {bid.bidder_id: bid.invalid_reason for bid in proof.bids}
    assert reasons[parties.acme.organization_id] is None
    assert "does not open" in (reasons[parties.bolt.organization_id] or "")
    assert "missing" in (reasons[parties.coil.organization_id] or "")


async def test_a_strict_procedure_takes_envelopes_alone_and_others_take_none(
    platform: Platform, parties: Parties, strict: Strict
) -> None:
    with pytest.raises(Conflict):
        await parties.submit(strict.procedure, parties.acme, "3", "90")
    with pytest.raises(Conflict):
        await upload(parties, parties.acme, strict.procedure, PDF)
    good = strict.envelope(parties.acme, "3", "90")
    plain = replace(strict, procedure=await parties.published())
    with pytest.raises(Conflict):
        await plain.submit(parties.acme, good)
    with pytest.raises(StaleVersion):
        await strict.submit(parties.acme, strict.envelope(parties.acme, "3", "90", version=2))
    for short in ({"halves": good.halves[:-2]}, {"ciphertext": good.ciphertext[:-2]}):
        with pytest.raises(InvalidInput):
            await strict.submit(parties.acme, msgspec.structs.replace(good, **short))
    assert platform is strict.platform


KEYS = {
    holder: X25519PrivateKey.from_private_bytes(bytes([number]) * 32)
    for number, holder in enumerate(Holder, 1)
}


@pytest.mark.parametrize("pair", PAIRS)
def test_any_two_of_three_open_and_neither_can_with_anothers_key(
    pair: tuple[Holder, Holder],
) -> None:
    keys = {holder: each.public_key() for holder, each in KEYS.items()}
    sealed = seal_strictly(b"a bid", PLACE, keys, 64)
    both = {holder: KEYS[holder] for holder in pair}
    opened = unseal_strictly(sealed.envelope, PLACE, sealed.commitment, both)
    assert opened == Unsealed(b"a bid", sealed.nonce)
    for holder in pair:
        forged = {**both, holder: X25519PrivateKey.from_private_bytes(secrets.token_bytes(32))}
        refused = unseal_strictly(sealed.envelope, PLACE, sealed.commitment, forged)
        assert isinstance(refused, Broken)
    elsewhere = replace(PLACE, version=2)
    moved = unseal_strictly(sealed.envelope, elsewhere, sealed.commitment, both)
    assert isinstance(moved, Broken)
