"""Keys of strict procedures over the wire, in hexadecimal."""

from typing import Annotated

from msgspec import Meta

from marketplace.platform.http.schemas import Input, Output
from rfq.rules.procedure import HolderKeys, StrictKeys

PublicKeyText = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}(?!\n)$",
        description="A public key of X25519 in hexadecimal, 64 characters.",
        examples=["09" + "00" * 31],
    ),
]


class FinancialKeysInput(Input):
    """Public keys for the financial envelopes of a strict procedure, others than the first ones."""

    buyer_key: PublicKeyText
    auditor_key: PublicKeyText


class StrictKeysInput(Input):
    """Public keys of a strict procedure: bidders' own programs seal, and two of three keys open.

    The third is the platform's. Keep the private halves where this product cannot read them. With
    two envelopes these are for the technical ones, and `financial` for the others.
    """

    buyer_key: PublicKeyText
    auditor_key: PublicKeyText
    financial: FinancialKeysInput | None = None

    def keys(self) -> StrictKeys:
        """Give the keys as the rules know them."""
        apart = self.financial
        return StrictKeys(_holder_keys(self), None if apart is None else _holder_keys(apart))


def _holder_keys(keys: StrictKeysInput | FinancialKeysInput) -> HolderKeys:
    return HolderKeys(bytes.fromhex(keys.buyer_key), bytes.fromhex(keys.auditor_key))


class FinancialKeysView(Output):
    """The keys to which financial envelopes are sealed: the platform's is the `sealing_key`."""

    sealing_key: str
    buyer_key: str
    auditor_key: str
