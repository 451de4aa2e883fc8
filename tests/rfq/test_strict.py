"""Strict procedures: the documented client seals, and any two of three keys open."""

import importlib.util
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from marketplace.kernel.errors import Conflict, InvalidInput, StaleVersion, WrongState
from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from marketplace.worker import Worker
from rfq.bids.schemas import ReceiptView
from rfq.opening.proofs import read_opening
from rfq.procedures.reading import read_procedure
from rfq.procedures.schemas import BuyerProcedureView, StrictKeysInput
from rfq.rules.procedure import Openness, Status
from rfq.rules.proof import verify_opening
from rfq.rules.sealing import Broken, Place, Unsealed
from rfq.rules.strict import PAIRS, Holder, seal_strictly, unseal_strictly
from rfq.strict import service
from rfq.strict.schemas import EnvelopeInput, HeldKeyInput, OpeningKeysInput
from tests.rfq.documents import PDF
from tests.rfq.parties import HOUR, MoveClock, Parties, key, line_ids
from tests.rfq.test_attachments import upload

CLIENT = Path(__file__).parents[2] / "docs" / "examples" / "strict_client.py"
BUYER, AUDITOR = (X25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (7, 8))
PLACE = Place(UUID(int=1), UUID(int=2), 1)


@pytest.fixture(scope="module")
def client() -> ModuleType:
    spec = importlib.util.spec_from_file_location("strict_client", CLIENT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def public(key: X25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


@dataclass(frozen=True)
class Strict:
    """A strict procedure, and bidders with the documented client."""

    platform: Platform
    procedure: BuyerProcedureView
    client: Any

    def envelope(self, who: Caller, *prices: str, version: int = 1) -> EnvelopeInput:
        lines = zip(line_ids(self.procedure), prices, strict=False)
        bid = {
            "currency": "EUR",
            "lines": [{"line_id": str(id_), "unit_amount": price} for id_, price in lines],
            "note": "Größe – 52 kN",
        }
        shown = msgspec.to_builtins(self.procedure)
        sealed = self.client.seal(bid, shown, str(who.organization_id), version)
        return msgspec.convert(sealed.body, EnvelopeInput)

    async def submit(self, who: Caller, envelope: EnvelopeInput, once: str = "") -> ReceiptView:
        return await service.submit_envelope(
            self.platform, who, self.procedure.id, envelope, key(once)
        )

    async def show(self, who: Caller, *keys: tuple[Holder, X25519PrivateKey]) -> BuyerProcedureView:
        held = [
            HeldKeyInput(holder=holder, private_key=each.private_bytes_raw().hex())
            for holder, each in keys
        ]
        data = OpeningKeysInput(keys=held)
        return await service.show_keys(self.platform, who, self.procedure.id, data)


@pytest.fixture
async def strict(platform: Platform, parties: Parties, client: ModuleType) -> Strict:
    terms = await parties.terms(openness=Openness.OPEN)
    terms.strict = StrictKeysInput(buyer_key=public(BUYER), auditor_key=public(AUDITOR))
    return Strict(platform, await parties.published(terms), client)


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
