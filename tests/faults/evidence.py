"""What bidders were told, what the ledger holds, and every way in which the two must not differ.

Pure, so that the checker itself is checked: `test_evidence.py` bends a ledger in each way that a
crash could, and each must be found.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Literal
from uuid import UUID

from auctions.engine.events import BidAccepted, BidRefused, Closed, Event
from auctions.engine.log import entry_hash
from auctions.engine.replay import first_wrong_decision
from marketplace.kernel.canonical import GENESIS

Key = tuple[UUID, str]


@dataclass(frozen=True, slots=True)
class Told:
    """The final answer to one bid; `late` is one after the close, which need not have a number."""

    bidder: UUID
    key: str
    amount: Decimal
    outcome: Literal["accepted", "refused", "late"]
    bid_id: UUID | None = None
    decided_at: datetime | None = None
    rank: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the ledger."""

    event: Event
    salt: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Log:
    """All rows of a lot in the order of their numbers, and what the lot's row says of the end."""

    entries: tuple[Entry, ...]
    seq: int
    hash: bytes

    @property
    def events(self) -> list[Event]:
        return [entry.event for entry in self.entries]


def faults_of(told: Sequence[Told], log: Log, *, closed: bool) -> list[str]:
    """Name all that is wrong; each begins with one word for what it is."""
    return [
        *_numbers(log),
        *_chain(log),
        *_bids(told, log.events),
        *_decisions(log.events, closed=closed),
    ]


def _numbers(log: Log) -> Iterator[str]:
    numbers = [event.seq for event in log.events]
    if numbers != list(range(1, len(numbers) + 1)):
        wrong = next(n for n, seq in enumerate(numbers, start=1) if seq != n)
        yield f"gap: entry {wrong} is numbered {numbers[wrong - 1]}"
    if not numbers or log.seq != numbers[-1]:
        yield f"head: the lot is at {log.seq}, its ledger ends with {numbers[-1:]}"


def _chain(log: Log) -> Iterator[str]:
    before = GENESIS
    for entry in log.entries:
        if entry_hash(before, entry.event, entry.salt) != entry.hash:
            yield f"chain: broken at entry {entry.event.seq}"
            return
        before = entry.hash
    if before != log.hash:
        yield "chain: the lot's hash is not that of its last entry"


def _bids(told: Sequence[Told], events: Sequence[Event]) -> Iterator[str]:
    rows = [event for event in events if isinstance(event, BidAccepted | BidRefused)]
    ledger: Mapping[Key, Event] = {(row.bidder, row.client_bid_id): row for row in rows}
    for key, count in Counter((row.bidder, row.client_bid_id) for row in rows).items():
        if count > 1:
            yield f"doubled: {count} entries for bid {key[1]}"
    for count in Counter(row.bid_id for row in rows).values():
        if count > 1:
            yield f"doubled: {count} entries with one bid id"
    answers = {(answer.bidder, answer.key): answer for answer in told}
    for key, answer in answers.items():
        yield from _answer(answer, ledger.get(key))
    for key, row in ledger.items():
        if key not in answers:
            yield f"unasked: entry {row.seq} is a bid whose bidder got no answer"


def _answer(answer: Told, row: Event | None) -> Iterator[str]:
    if row is None:
        if answer.outcome != "late":
            yield f"lost: bid {answer.key} was acknowledged and is in no entry"
        return
    if isinstance(row, BidAccepted):
        stands = (row.amount, "accepted", row.bid_id, row.at, row.rank)
        was_told = (answer.amount, answer.outcome, answer.bid_id, answer.decided_at, answer.rank)
        if stands != was_told:
            yield f"changed: bid {answer.key} stands as {stands}, its bidder was told {was_told}"
    elif isinstance(row, BidRefused):
        if answer.outcome == "accepted":
            yield f"changed: bid {answer.key} was told to stand and is refused: {row.code.value}"
        elif answer.outcome == "refused" and answer.code != row.code.value:
            yield f"changed: bid {answer.key} was refused as {answer.code}, now {row.code.value}"


def _decisions(events: Sequence[Event], *, closed: bool) -> Iterator[str]:
    closes = [event.seq for event in events if isinstance(event, Closed)]
    if len(closes) != closed or (closed and closes[0] != events[-1].seq):
        yield f"close: closed at entries {closes} of {len(events)}"
    if any(later.at < earlier.at for earlier, later in pairwise(events)):
        yield "clock: an instant falls"
    wrong = first_wrong_decision(events)
    if wrong is not None:
        yield f"decision: the rules would not have made entry {wrong}"
