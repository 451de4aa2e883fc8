"""Bidders of strict procedures, with the documented client and nothing else."""

import importlib.util
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from marketplace.platform.caller import Caller
from marketplace.platform.core import Platform
from rfq.attachments.client_sealed import upload_sealed
from rfq.attachments.schemas import SealedUploadView
from rfq.bids.schemas import ReceiptView
from rfq.procedures.key_schemas import FinancialKeysInput, StrictKeysInput
from rfq.procedures.schemas import BuyerProcedureView
from rfq.rules.strict import Holder
from rfq.strict import service
from rfq.strict.schemas import EnvelopeInput, HeldKeyInput, OpeningKeysInput
from tests.rfq.parties import key, line_ids

CLIENT = Path(__file__).parents[2] / "docs" / "examples" / "strict_client.py"
BUYER, AUDITOR, BUYERS_SECOND, AUDITORS_SECOND = (
    X25519PrivateKey.from_private_bytes(sha256(name).digest())
    for name in (b"buyer", b"auditor", b"buyer's second", b"auditor's second")
)


def strict_client() -> ModuleType:
    """The documented client, as a bidder has it."""
    spec = importlib.util.spec_from_file_location("strict_client", CLIENT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def public(key: X25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()


ONE_ENVELOPE = StrictKeysInput(buyer_key=public(BUYER), auditor_key=public(AUDITOR))
TWO_ENVELOPES = msgspec.structs.replace(
    ONE_ENVELOPE,
    financial=FinancialKeysInput(
        buyer_key=public(BUYERS_SECOND), auditor_key=public(AUDITORS_SECOND)
    ),
)


@dataclass(frozen=True)
class SealedDocument:
    """A document that the client sealed: what is sent, its hash, and what the bid says of it."""

    body: bytes
    sha256: str
    named: dict[str, str]


@dataclass(frozen=True)
class Strict:
    """A strict procedure, and bidders with the documented client; `directory` is theirs."""

    platform: Platform
    procedure: BuyerProcedureView
    client: Any
    directory: Path

    def shown(self) -> dict[str, Any]:
        """The procedure as the client reads it."""
        shown: dict[str, Any] = msgspec.to_builtins(self.procedure)
        return shown

    def envelope(
        self, who: Caller, *prices: str, version: int = 1, number: int = 0, **more: Any
    ) -> EnvelopeInput:
        lines = zip(line_ids(self.procedure), prices, strict=False)
        bid = {
            "currency": "EUR",
            "lines": [{"line_id": str(id_), "unit_amount": price} for id_, price in lines],
            "note": "Größe – 52 kN",
            **more,
        }
        sealed = self.client.seal(bid, self.shown(), str(who.organization_id), version, number)
        return msgspec.convert(sealed.body, EnvelopeInput)

    def sealed_file(self, who: Caller, content: bytes) -> SealedDocument:
        plain, target = self.directory / "plain", self.directory / "sealed"
        plain.write_bytes(content)
        with plain.open("rb") as source, target.open("wb") as out:
            made = self.client.seal_file(source, out, self.shown(), str(who.organization_id))
        return SealedDocument(target.read_bytes(), made.sealed_sha256, made.named)

    async def send(self, who: Caller, file: SealedDocument) -> SealedUploadView:
        return await upload_sealed(
            self.platform, who, self.procedure.id, file.sha256, in_pieces(file.body)
        )

    async def attachment(
        self, who: Caller, content: bytes, name: str, **part: str
    ) -> dict[str, str]:
        """Seal and send a document; give what the bid says of it."""
        file = self.sealed_file(who, content)
        sent = await self.send(who, file)
        return {"attachment_id": str(sent.id), "name": name, **file.named, **part}

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


async def in_pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 50_000):
        yield data[start : start + 50_000]
