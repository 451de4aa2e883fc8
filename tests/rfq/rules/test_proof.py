"""A changed, dropped or added bid fails against the root and against receipts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rfq.rules.bid import BidStatus, written
from rfq.rules.proof import Copy, Entry, OpenedBid, OpeningProof, SignedReceipt, verify_opening
from rfq.rules.receipt import Receipt, sign, signing_key
from rfq.rules.sealing import Leaf, Place, commitment, leaf_hashes, merkle_root
from tests.rfq.rules.cases import ACME, BOLT, DEADLINE, MOMENT, PAPER, TONER, bid, price, procedure

PROCEDURE = procedure()
BLINDING = bytes(range(32))
SIGNER = signing_key(bytes(32))
KEY: Ed25519PublicKey = SIGNER.public_key()
S = msgspec.structs.replace


def opened(number: int, amount: str, version: int = 1) -> OpenedBid:
    bidder = (ACME, BOLT)[number]
    text = written(bid(price(PAPER, amount), price(TONER, "90")))
    nonce = bytes([number]) * 32
    place = Place(PROCEDURE.id, bidder, version)
    return OpenedBid(
        bid_id=bidder,
        bidder_id=bidder,
        version=version,
        submitted_at=DEADLINE - timedelta(hours=1),
        commitment=commitment(place, nonce, text).hex(),
        nonce=nonce.hex(),
        content=text.decode(),
        invalid_reason=None,
    )


def entry(of: OpenedBid, status: BidStatus = BidStatus.LIVE) -> Entry:
    return Entry(commitment=of.commitment, status=status)


FIRST, SECOND = opened(0, "3.10"), opened(1, "2.90", version=2)
REPLACED = opened(1, "3.50")
ENTRIES = (entry(FIRST), entry(SECOND), entry(REPLACED, BidStatus.REPLACED))


def root(entries: tuple[Entry, ...]) -> str:
    leaves = [Leaf(bytes.fromhex(each.commitment), each.status) for each in entries]
    return merkle_root(leaf_hashes(leaves, BLINDING)).hex()


OPENING = OpeningProof(
    copy=Copy.BUYER,
    procedure_id=PROCEDURE.id,
    closed_at=DEADLINE,
    opened_at=DEADLINE + MOMENT,
    bids_root=root(ENTRIES),
    bids_blinding=BLINDING.hex(),
    entries=ENTRIES,
    bids=(FIRST, SECOND),
)


def receipt(of: OpenedBid) -> SignedReceipt:
    kept = Receipt(
        PROCEDURE.id,
        of.bidder_id,
        of.bid_id,
        of.version,
        of.submitted_at,
        bytes.fromhex(of.commitment),
    )
    return SignedReceipt(kept, sign(kept, SIGNER))


def broken(opening: OpeningProof, *receipts: SignedReceipt) -> list[str]:
    return [each.what for each in verify_opening(opening, receipts, KEY) if not each.fits]


def test_an_opening_as_it_was_fits_with_the_receipts_of_all_versions() -> None:
    assert broken(OPENING, receipt(FIRST), receipt(SECOND), receipt(REPLACED)) == []


CHANGED = S(SECOND, content=written(bid(price(PAPER, "9.90"), price(TONER, "90"))).decode())
ADDED = opened(0, "1.00", version=7)
FORGERIES: dict[str, Callable[[], OpeningProof]] = {
    "a changed price": lambda: S(OPENING, bids=(FIRST, CHANGED)),
    "a dropped bid": lambda: S(OPENING, bids=(FIRST,)),
    "a bid dropped with its entry": lambda: S(OPENING, bids=(FIRST,), entries=ENTRIES[::2]),
    "an added bid": lambda: S(OPENING, bids=(FIRST, SECOND, ADDED)),
    "a bid added with an entry": lambda: S(
        OPENING, bids=(FIRST, SECOND, ADDED), entries=(*ENTRIES, entry(ADDED))
    ),
    "a replaced version opened instead": lambda: S(OPENING, bids=(FIRST, REPLACED)),
    "a live bid called withdrawn": lambda: S(
        OPENING,
        bids=(SECOND,),
        entries=(entry(FIRST, BidStatus.WITHDRAWN), *ENTRIES[1:]),
    ),
    "a bid given to another bidder": lambda: S(OPENING, bids=(FIRST, S(SECOND, bidder_id=ACME))),
    "a bid that stands twice": lambda: S(OPENING, bids=(FIRST, SECOND, SECOND)),
    "another blinding": lambda: S(OPENING, bids_blinding=bytes(32).hex()),
    "another procedure": lambda: S(OPENING, procedure_id=ACME),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_every_forgery_is_found(forgery: str) -> None:
    assert broken(FORGERIES[forgery]())


def test_a_root_computed_anew_over_a_dropped_bid_fails_against_its_receipt() -> None:
    entries = ENTRIES[1:]
    forged = S(OPENING, bids=(SECOND,), entries=entries, bids_root=root(entries))
    assert broken(forged) == []
    assert broken(forged, receipt(FIRST)) == [
        f"receipt of bid {FIRST.bid_id}, version 1: stands below the root, as missing"
    ]


def test_a_bidders_copy_holds_his_own_bid_alone_and_fits() -> None:
    own = S(OPENING, copy=Copy.BIDDER, bids=(FIRST,))
    assert broken(own, receipt(FIRST)) == []


def test_a_receipt_of_another_signer_or_another_time_is_found() -> None:
    kept = receipt(FIRST)
    stranger = sign(kept.receipt, signing_key(b"\x01" * 32))
    earlier = replace(kept.receipt, submitted_at=kept.receipt.submitted_at - MOMENT)
    for forged in (replace(kept, signature=stranger), replace(kept, receipt=earlier)):
        assert broken(OPENING, forged) == [
            f"receipt of bid {FIRST.bid_id}, version 1: is signed by the marketplace's key"
        ]


def test_a_bid_that_did_not_open_is_said_and_breaks_nothing() -> None:
    closed = S(SECOND, content=None, nonce=None, invalid_reason="It does not open.")
    found = verify_opening(S(OPENING, bids=(FIRST, closed)), [], KEY)
    assert all(each.fits for each in found)
    assert any("did not open (It does not open.)" in each.what for each in found)
