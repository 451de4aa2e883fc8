"""What goes over the wire about strict procedures; keys, hashes and envelopes in hexadecimal."""

from typing import Annotated

from msgspec import Meta

from marketplace.kernel.limits import ENVELOPE_BYTES_MAX
from marketplace.platform.http.schemas import Input
from rfq.rules.strict import HALVES_BYTES, Holder

_KEY = r"^[0-9a-f]{64}(?!\n)$"
KeyText = Annotated[
    str,
    Meta(
        pattern=_KEY,
        description="A key of 32 bytes (X25519) in hexadecimal, 64 characters.",
        examples=["09" * 32],
    ),
]
HashText = Annotated[
    str,
    Meta(pattern=_KEY, description="A SHA-256 in hexadecimal.", examples=["00" * 32]),
]


HalvesText = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]*(?!\n)$",
        max_length=2 * HALVES_BYTES,
        description="The six wrapped halves of the envelope's key, one after the other.",
        examples=["00" * HALVES_BYTES],
    ),
]
CiphertextText = Annotated[
    str,
    Meta(
        pattern=r"^([0-9a-f]{2})*(?!\n)$",
        max_length=2 * ENVELOPE_BYTES_MAX,
        description="The encrypted text, with its nonce in front.",
        examples=["00"],
    ),
]


class FinancialEnvelopeInput(Input):
    """The financial envelope of a version, sealed to the `financial_keys` of the procedure."""

    commitment: HashText
    halves: HalvesText
    ciphertext: CiphertextText


class EnvelopeInput(Input):
    """A version of a bid, sealed by the bidder's own program (`docs/examples/strict_client.py`).

    `version` is one more than that of the bid before, 1 for the first: it is bound in the envelope.
    With two envelopes this is the technical one, and `financial` the other. `variant` is the number
    of a variant, 0 of the main bid, and bound in the envelope as well: a new one has the next.
    """

    version: Annotated[int, Meta(ge=1, le=1_000_000)]
    commitment: HashText
    halves: HalvesText
    ciphertext: CiphertextText
    financial: FinancialEnvelopeInput | None = None
    variant: Annotated[int, Meta(ge=0, le=1_000_000)] = 0


class HeldKeyInput(Input):
    """A holder's private key for this procedure alone."""

    holder: Holder
    private_key: KeyText


class OpeningKeysInput(Input):
    """Private keys that open a strict procedure with the platform's, or two without it."""

    keys: Annotated[list[HeldKeyInput], Meta(min_length=1, max_length=2)]
