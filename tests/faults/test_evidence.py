"""The crash suite's checker is checked: each way a crash could bend a ledger is found."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec.structs import replace

from auctions.engine.events import BidAccepted, BidRefused, Closed, Event
from auctions.engine.log import entry_hash
from marketplace.kernel.canonical import GENESIS
from tests.auctions.engine.lots import ACME, BOLT, MOMENT, START, Lot
from tests.faults.evidence import Entry, Log, Told, faults_of

SALT = b"s" * 16


def chained(events: Sequence[Event]) -> Log:
    """Give a log whose chain is sound, whatever its events are."""
    entries, before = [], GENESIS
    for event in events:
        before = entry_hash(before, event, SALT)
        entries.append(Entry(event, SALT, before))
    return Log(tuple(entries), events[-1].seq, before)


def renumbered(events: Sequence[Event]) -> list[Event]:
    return [replace(event, seq=seq) for seq, event in enumerate(events, start=1)]


def told_of(event: BidAccepted | BidRefused) -> Told:
    bidder, key, amount = event.bidder, event.client_bid_id, event.amount
    if isinstance(event, BidRefused):
        return Told(bidder, key, amount, "refused", code=event.code.value)
    return Told(bidder, key, amount, "accepted", event.bid_id, event.at, event.rank)


def played() -> list[Event]:
    lot = Lot().started()
    for round_ in range(10):
        at = START + timedelta(seconds=round_)
        lot.bid(ACME, str(900 - 20 * round_), at)
        lot.bid(BOLT, str(890 - 20 * round_), at + MOMENT)
        lot.bid(ACME, "899.00", at + 2 * MOMENT)
    return lot.closed().log


EVENTS = played()
TOLD = [told_of(event) for event in EVENTS if isinstance(event, BidAccepted | BidRefused)]
PLACE = next(n for n, event in enumerate(EVENTS) if isinstance(event, BidAccepted)) + 6
BID = EVENTS[PLACE]


def without(events: list[Event]) -> list[Event]:
    return [event for event in events if event is not BID]


def changed(**changes: object) -> Callable[[list[Event]], list[Event]]:
    def change(events: list[Event]) -> list[Event]:
        return [replace(e, **changes) if e is BID else e for e in events]

    return change


def swapped(events: list[Event]) -> list[Event]:
    return [*events[:PLACE], events[PLACE + 1], BID, *events[PLACE + 2 :]]


def with_two_closes(events: list[Event]) -> list[Event]:
    return [*events, Closed(seq=0, at=events[-1].at)]


def with_a_bid_nobody_sent(events: list[Event]) -> list[Event]:
    return [replace(e, client_bid_id="unheard") if e is BID else e for e in events]


def test_the_ledger_as_it_was_written_has_no_fault() -> None:
    assert isinstance(BID, BidAccepted)
    assert faults_of(TOLD, chained(EVENTS), closed=True) == []


@pytest.mark.parametrize(
    ("bend", "found"),
    [
        (without, "lost"),
        (lambda events: [*events[:-1], BID, events[-1]], "doubled"),
        (with_a_bid_nobody_sent, "unasked"),
        (changed(amount=Decimal("1.00")), "changed"),
        (changed(rank=4), "changed"),
        (changed(at=EVENTS[PLACE].at + timedelta(microseconds=1)), "changed"),
        (swapped, "clock"),
        (with_two_closes, "close"),
        (lambda events: events[:-1], "close"),
    ],
)
def test_a_ledger_rewritten_as_a_whole_is_found_out(
    bend: Callable[[list[Event]], list[Event]], found: str
) -> None:
    """Its numbers and its chain are sound: what the bidders were told, or the rules, find it."""
    log = chained(renumbered(bend(EVENTS)))
    assert found in {fault.partition(":")[0] for fault in faults_of(TOLD, log, closed=True)}


@pytest.mark.parametrize(
    ("bent", "found"),
    [
        (chained(without(EVENTS)), "gap"),
        (chained([*EVENTS[:PLACE], replace(BID, seq=BID.seq + 1), *EVENTS[PLACE + 1 :]]), "gap"),
        (Log(chained(EVENTS).entries[:-1], EVENTS[-1].seq, b""), "head"),
        (Log(chained(EVENTS).entries, EVENTS[-1].seq, b"another"), "chain"),
        (
            Log(
                (*chained(EVENTS).entries[:PLACE], *chained(EVENTS[:-1]).entries[PLACE + 1 :]),
                EVENTS[-2].seq,
                chained(EVENTS[:-1]).hash,
            ),
            "chain",
        ),
    ],
)
def test_a_removed_or_renumbered_entry_breaks_the_numbers_or_the_chain(
    bent: Log, found: str
) -> None:
    assert found in {fault.partition(":")[0] for fault in faults_of(TOLD, bent, closed=True)}


@pytest.mark.parametrize(
    "told",
    [
        Told(ACME, "never-sent", Decimal("1.00"), "accepted"),
        Told(BOLT, "never-sent", Decimal("1.00"), "refused", code="above_limit"),
    ],
)
def test_an_acknowledged_bid_in_no_entry_is_lost_even_where_it_was_refused(told: Told) -> None:
    assert faults_of([*TOLD, told], chained(EVENTS), closed=True)[0].startswith("lost")


def test_a_bid_after_the_close_needs_no_entry() -> None:
    late = Told(ACME, "late", Decimal("1.00"), "late")
    assert faults_of([*TOLD, late], chained(EVENTS), closed=True) == []
