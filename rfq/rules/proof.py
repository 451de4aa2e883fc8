"""Proof of an opening: what anybody can check without the server.

Before the opening one root was published over all versions of all bids with their status. After it
the document of the opening names what lies below the root. So a bid that was changed, dropped or
added is found: its commitment, its place among the entries, or the root does not fit.
"""

import hmac
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rfq.rules.bid import BidStatus, Part
from rfq.rules.bid import read as read_bid
from rfq.rules.envelopes import Commitments, read_financial, read_technical
from rfq.rules.receipt import Receipt, is_signed_by
from rfq.rules.sealed_files import digest
from rfq.rules.sealing import Leaf, Place, commitment, leaf_hashes, merkle_root
from rfq.rules.variants import MAIN

FORM: Final = "rfq.opening/1"


class Copy(StrEnum):
    """Whose copy a document is: the buyer's names all opened bids, a bidder's his own alone."""

    BUYER = "buyer"
    BIDDER = "bidder"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one bid as it stood at the close; `commitment` in hexadecimal."""

    commitment: str
    status: BidStatus


class Envelopes(msgspec.Struct, frozen=True, kw_only=True):
    """The two envelopes of a bid: the commitment of each, and the financial one if it was opened.

    Where it was not, `kept_closed` says why: the bid did not pass.
    """

    technical: str
    financial: str
    prices_nonce: str | None
    prices: str | None
    kept_closed: str | None


class OpenedBid(msgspec.Struct, frozen=True, kw_only=True):
    """A bid that was opened: with `nonce` its `content` gives the commitment of the receipt.

    Both are absent where the envelope did not open; `invalid_reason` then says why. With two
    envelopes they are of the technical one, and `commitment` is over the commitments of both.
    `variant` is the number of a variant, 0 of a main bid.
    """

    bid_id: UUID
    bidder_id: UUID
    version: int
    submitted_at: datetime
    commitment: str
    nonce: str | None
    content: str | None
    invalid_reason: str | None
    envelopes: Envelopes | None = None
    variant: int = MAIN


class ApprovedBy(msgspec.Struct, frozen=True, kw_only=True):
    """An officer who approved the opening of an envelope, and when."""

    envelope: Part
    officer_id: UUID
    approved_at: datetime


class OpeningProof(msgspec.Struct, frozen=True, kw_only=True):
    """The document of an opening; hashes, root and blinding in hexadecimal."""

    form: str = FORM
    copy: Copy
    procedure_id: UUID
    closed_at: datetime
    opened_at: datetime
    bids_root: str
    bids_blinding: str
    entries: tuple[Entry, ...]
    bids: tuple[OpenedBid, ...]
    approvals: tuple[ApprovedBy, ...] = ()


@dataclass(frozen=True, slots=True)
class SignedReceipt:
    """A receipt as a bidder kept it, with the marketplace's signature.

    `parts` are the commitments it names of two envelopes.
    """

    receipt: Receipt
    signature: bytes
    parts: Commitments | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked, in words, and whether it fits."""

    fits: bool
    what: str


def verify_opening(
    opening: OpeningProof, receipts: Sequence[SignedReceipt], key: Ed25519PublicKey | None
) -> tuple[Finding, ...]:
    """Check an opening against its root, and receipts against both.

    `key` is the marketplace's; without it signatures are not checked, and that is said.
    """
    return (
        _root(opening),
        *_bids(opening),
        *_completeness(opening),
        *(found for signed in receipts for found in _receipt(opening, signed, key)),
    )


def find_document(opening: OpeningProof, name: str, content: bytes) -> Finding:
    """Check that a document is one that an opened bid names, by its SHA-256."""
    sha256 = digest(content)
    naming = [bid.bid_id for bid in opening.bids if sha256 in _named(bid)]
    if not naming:
        return Finding(fits=False, what=f"{name}: no opened bid of this copy names this document")
    return Finding(fits=True, what=f"{name}: named by bid {', '.join(map(str, naming))}")


def _named(bid: OpenedBid) -> set[str]:
    """Give the hashes of the documents that the opened texts of a bid name."""
    texts = (bid.content, None if bid.envelopes is None else bid.envelopes.prices)
    parts = [
        read(text.encode())
        for text in texts
        if text is not None
        for read in (read_bid, read_technical, read_financial)
    ]
    return {each.sha256 for part in parts if part is not None for each in part.attachments}


def _root(opening: OpeningProof) -> Finding:
    leaves = [Leaf(bytes.fromhex(each.commitment), each.status) for each in opening.entries]
    root = merkle_root(leaf_hashes(leaves, bytes.fromhex(opening.bids_blinding)))
    fits = hmac.compare_digest(root.hex(), opening.bids_root)
    count = len(opening.entries)
    return Finding(fits, f"{count} versions of bids give the root published at the close")


def _bids(opening: OpeningProof) -> Iterator[Finding]:
    live = {each.commitment for each in opening.entries if each.status is BidStatus.LIVE}
    for bid in opening.bids:
        name = f"bid {bid.bid_id}, version {bid.version}"
        yield Finding(bid.commitment in live, f"{name}: was live at the close")
        if bid.envelopes is not None:
            yield from _envelopes(opening, bid, bid.envelopes, name)
            continue
        if bid.content is None or bid.nonce is None:
            yield Finding(fits=True, what=f"{name}: did not open ({bid.invalid_reason})")
            continue
        place = Place(opening.procedure_id, bid.bidder_id, bid.version, variant=bid.variant)
        found = commitment(place, bytes.fromhex(bid.nonce), bid.content.encode())
        yield Finding(found.hex() == bid.commitment, f"{name}: holds what was committed to")


def _envelopes(
    opening: OpeningProof, bid: OpenedBid, both: Envelopes, name: str
) -> Iterator[Finding]:
    parts = Commitments(bytes.fromhex(both.technical), bytes.fromhex(both.financial))
    fits = parts.combined().hex() == bid.commitment
    yield Finding(fits, f"{name}: both envelopes are those of its receipt")
    shown = (
        (Part.TECHNICAL, both.technical, bid.nonce, bid.content),
        (Part.FINANCIAL, both.financial, both.prices_nonce, both.prices),
    )
    for part, committed, nonce, content in shown:
        if content is None or nonce is None:
            why = bid.invalid_reason or both.kept_closed
            yield Finding(why is not None, f"{name}: {part} envelope was not opened ({why})")
            continue
        place = Place(opening.procedure_id, bid.bidder_id, bid.version, part, bid.variant)
        found = commitment(place, bytes.fromhex(nonce), content.encode())
        what = f"{name}: {part} envelope holds what was committed to"
        yield Finding(found.hex() == committed, what)


def _completeness(opening: OpeningProof) -> Iterator[Finding]:
    counts = Counter(bid.commitment for bid in opening.bids)
    live = [each.commitment for each in opening.entries if each.status is BidStatus.LIVE]
    if any(times > 1 for times in counts.values()):
        yield Finding(fits=False, what="no bid stands twice")
    missing = [each for each in live if each not in counts]
    if opening.copy is Copy.BUYER:
        yield Finding(not missing, f"all {len(live)} live bids are in this copy")


def _receipt(
    opening: OpeningProof, signed: SignedReceipt, key: Ed25519PublicKey | None
) -> Iterator[Finding]:
    receipt = signed.receipt
    name = f"receipt of bid {receipt.bid_id}, version {receipt.version}"
    if receipt.procedure_id != opening.procedure_id:
        yield Finding(fits=False, what=f"{name}: is for this procedure")
        return
    statuses = [e.status for e in opening.entries if e.commitment == receipt.commitment.hex()]
    status = statuses[0].value if statuses else "missing"
    yield Finding(len(statuses) == 1, f"{name}: stands below the root, as {status}")
    if signed.parts is not None:
        fits = signed.parts.combined() == receipt.commitment
        yield Finding(fits, f"{name}: binds both envelopes")
    if key is not None:
        signed_here = is_signed_by(receipt, signed.signature, key)
        yield Finding(signed_here, f"{name}: is signed by the marketplace's key")
