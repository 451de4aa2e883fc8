from contextlib import suppress
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from auctions.engine.events import BidAccepted, Event
from auctions.engine.log import (
    IDENTITY,
    PRICE,
    LogEntry,
    _document,
    _encode,
    entry_bytes,
    entry_hash,
    published,
    secrets_of,
)
from auctions.engine.replay import first_wrong_decision, replay
from auctions.engine.terms import Disclosure
from auctions.engine.verification import verify
from auctions.engine.visibility import OWNER, Viewer
from marketplace.kernel.canonical import GENESIS, canonical_bytes, chain_hash
from tests.auctions.engine.lots import ACME, BOLT, CORE, END, MOMENT, OVERTIME, START, Lot, terms

SALT = bytes(range(16))
ENGLISH = [Disclosure.OPEN, Disclosure.BEST_PRICE, Disclosure.RANK_ONLY]


def a_lot(disclosure: Disclosure = Disclosure.RANK_ONLY) -> Lot:
    opened = terms(disclosure=disclosure, overtime=OVERTIME)
    lot = Lot(opened, openings=["950.00", None, None, None]).started()
    lot.bid(ACME, "900.00")
    lot.bid(BOLT, "899.00")
    lot.bid(BOLT, "898.00")
    lot.bid(CORE, "700.00", END - MOMENT)
    lot.bid(ACME, "600.00", lot.state.closes_at)
    return lot.closed()


def salts(lot: Lot) -> list[bytes]:
    return [seq.to_bytes(16, "big") for seq in range(1, len(lot.log) + 1)]


def copy_for(lot: Lot, reader: Viewer) -> list[LogEntry]:
    entries, head = [], GENESIS
    for event, salt in zip(lot.log, salts(lot), strict=True):
        head = entry_hash(head, event, salt)
        entries.append(published(event, salt, head, lot.state.terms, reader))
    return entries


def with_document(entry: LogEntry, **changes: object) -> LogEntry:
    return replace(entry, document={**entry.document, **changes})


def chained_again(entries: list[LogEntry]) -> list[LogEntry]:
    """Do what somebody who can write the whole database can do: recompute the chain."""
    head, result = GENESIS, []
    for entry in entries:
        head = chain_hash(head, canonical_bytes(entry.document))
        result.append(replace(entry, hash=head.hex()))
    return result


@pytest.mark.parametrize("event", a_lot().log, ids=lambda e: f"{e.seq} {type(e).__name__}")
def test_entries_are_written_in_canonical_form(event: Event) -> None:
    assert entry_bytes(event, SALT) == canonical_bytes(_document(event, SALT))


@given(
    st.text(st.characters(codec="utf-8")), st.decimals(min_value="0.01", max_value="1e17", places=2)
)
def test_secrets_of_any_text_and_amount_are_canonical(text: str, amount: Decimal) -> None:
    bid = UUID(int=7)
    event = BidAccepted(
        seq=9, at=START, bid_id=bid, bidder=ACME, client_bid_id=text, amount=amount, rank=1
    )
    for secret in secrets_of(event).values():
        assert _encode(secret) == canonical_bytes(secret)


def test_an_entrys_bytes_hold_neither_who_nor_how_much() -> None:
    for event in a_lot().log:
        if isinstance(event, BidAccepted):
            entry = entry_bytes(event, SALT).decode()
            assert str(event.bidder) not in entry
            assert f'"{event.amount}"' not in entry
            assert event.client_bid_id not in entry


def test_the_salt_of_one_secret_does_not_tell_that_of_another() -> None:
    event = next(e for e in a_lot().log if isinstance(e, BidAccepted))
    opened = published(event, SALT, GENESIS, terms(), OWNER).openings
    assert opened[IDENTITY].salt != opened[PRICE].salt
    assert SALT.hex() not in {opening.salt for opening in opened.values()}


def test_the_buyers_copy_proves_the_result() -> None:
    lot = a_lot()
    result = verify(copy_for(lot, OWNER))
    assert result.sound
    assert result.recomputed
    assert result.sealed == 0
    assert result.state == lot.state


@pytest.mark.parametrize("disclosure", ENGLISH)
def test_a_bidders_copy_opens_what_he_saw_and_proves_the_chain(disclosure: Disclosure) -> None:
    entries = copy_for(a_lot(disclosure), ACME)
    result = verify(entries)
    assert result.sound
    assert not result.recomputed
    assert result.opened + result.sealed == 2 * sum(IDENTITY in e.document for e in entries)
    known = {e.openings[IDENTITY].secret["bidder"] for e in entries if IDENTITY in e.openings}
    assert known == {str(ACME)}
    stood = [e for e in entries if PRICE in e.document and e.document["kind"] != "bid_refused"]
    assert all(PRICE in e.openings for e in stood) is (disclosure is Disclosure.OPEN)


@pytest.mark.parametrize("disclosure", ENGLISH)
def test_what_a_rival_was_refused_stays_closed(disclosure: Disclosure) -> None:
    """No auction shows it while it runs; a late bid would tell how low he could have gone."""
    lot = a_lot(disclosure)
    refused = {refusal.seq for refusal in lot.refusals() if refusal.bidder != CORE}
    assert len(refused) == 2
    copy = copy_for(lot, CORE)
    assert [e.openings for e in copy if e.document["seq"] in refused] == [{}, {}]


def test_a_changed_entry_is_found() -> None:
    entries = copy_for(a_lot(), OWNER)
    entries[6] = with_document(entries[6], at="2026-03-02T12:00:01.000000Z")
    assert verify(entries).broken_link == 7


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "gift"},
        {"at": "tomorrow"},
        {"seq": "6"},
        {"identity": None, "price": None},
        {"closes_at": 1.5},
        {"code": 2**60},
    ],
)
def test_whatever_somebody_wrote_into_a_log_is_a_finding_and_never_an_error(
    changes: dict[str, object],
) -> None:
    entries = copy_for(a_lot(), OWNER)
    entries[6] = with_document(entries[6], **changes)
    if entries[6].document["identity"] is None:
        del entries[6].document["identity"], entries[6].document["price"]
    assert not verify(entries).sound
    with suppress(TypeError, ValueError):
        entries = chained_again(entries)
    assert not verify(entries).sound


def test_what_is_no_hexadecimal_is_a_finding() -> None:
    entries = copy_for(a_lot(), OWNER)
    broken = [replace(entries[0], hash="zz"), *entries[1:]]
    assert verify(broken).broken_link == 1
    salt = replace(entries[1].openings[PRICE], salt="zz")
    entries[1] = replace(entries[1], openings={**entries[1].openings, PRICE: salt})
    assert verify(entries).false_openings == ((2, PRICE),)


def test_a_missing_entry_is_found() -> None:
    entries = copy_for(a_lot(), OWNER)
    del entries[6]
    assert verify(entries).broken_link == 7


def test_two_entries_in_the_wrong_order_are_found() -> None:
    entries = copy_for(a_lot(), OWNER)
    entries[6], entries[7] = entries[7], entries[6]
    assert verify(entries).broken_link == 7


def test_a_cut_end_is_found_by_the_head_from_elsewhere() -> None:
    entries = copy_for(a_lot(), OWNER)
    head = entries[-1].hash
    assert verify(entries[:-1], head).broken_link == len(entries)
    assert verify(entries, head).broken_link is None


def test_an_opening_that_is_not_what_was_committed_is_found() -> None:
    entries = copy_for(a_lot(), OWNER)
    forged = replace(entries[6].openings[PRICE], secret={"amount": "1"})
    entries[6] = replace(entries[6], openings={**entries[6].openings, PRICE: forged})
    assert verify(entries).false_openings == ((7, PRICE),)


def test_a_log_whose_chain_was_made_anew_is_found_by_its_decisions() -> None:
    entries = copy_for(a_lot(), OWNER)
    later = "2026-03-02T12:20:00.000000Z"
    place = next(i for i, e in enumerate(entries) if e.document["kind"] == "close_extended")
    entries[place] = with_document(entries[place], closes_at=later)
    assert verify(chained_again(entries)).wrong_decision == place + 1


def test_a_bid_accepted_against_the_rules_is_found() -> None:
    lot = a_lot()
    place = next(i for i, e in enumerate(lot.log) if isinstance(e, BidAccepted))
    bent = list(lot.log)
    bent[place] = replace(bent[place], amount=Decimal("949.00"))
    assert first_wrong_decision(bent) == place + 1


def test_an_extension_left_out_is_found() -> None:
    lot = a_lot()
    kept = [e for e in lot.log if type(e).__name__ != "CloseExtended"]
    renumbered = [replace(e, seq=n) for n, e in enumerate(kept, start=1)]
    assert first_wrong_decision(renumbered) is not None


def test_a_log_without_a_beginning_has_no_state() -> None:
    with pytest.raises(ValueError, match="begins with its terms"):
        replay(a_lot().log[1:])
    with pytest.raises(ValueError, match="without entries"):
        replay([])
