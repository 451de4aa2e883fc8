"""From the log to the state, and from a published log to the proof of its result.

Anybody can do this offline: nothing is needed but the log's copy.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import replace

from auctions.engine.decide import born, decide, evolve, refused, schedule
from auctions.engine.events import (
    Admitted,
    BidAccepted,
    BidRefused,
    Cancel,
    Cancelled,
    Close,
    Closed,
    CloseExtended,
    Command,
    Event,
    Invitation,
    PlaceBid,
    Rejection,
    RejectionCode,
    Scheduled,
    Start,
    Started,
)
from auctions.engine.log import IDENTITY, PRICE, LogEntry, Opening, commitment, instant_of
from auctions.engine.state import LotState
from auctions.engine.terms import Terms
from marketplace.kernel.canonical import canonical_bytes, first_broken_link
from marketplace.kernel.errors import MarketplaceError


def replay(events: Iterable[Event], state: LotState | None = None) -> LotState:
    """Fold a log, from its first entry or onto an earlier state of the same lot.

    Raises ValueError for a log that does not begin with its terms or has a gap.
    """
    for event in events:
        if state is not None:
            state = evolve(state, event)
        elif isinstance(event, Scheduled) and event.seq == 1:
            state = born(event)
        else:
            msg = "a log begins with its terms"
            raise ValueError(msg)
    if state is None:
        msg = "a log without entries has no state"
        raise ValueError(msg)
    return state


def first_wrong_decision(events: Sequence[Event]) -> int | None:
    """Decide everything again and give the number of the first entry the rules would not have made.

    None if the whole log follows from its terms, its participants and the bids in their order.
    """
    admitted = [event for event in events if isinstance(event, Admitted)]
    if not events or not isinstance(events[0], Scheduled):
        return 1
    first = events[0]
    try:
        expected = _scheduled_again(first, admitted)
    except MarketplaceError:
        return 1
    state: LotState | None = None
    pending = list(expected)
    for event in events:
        if not pending:
            if state is None:
                return event.seq
            pending = _decided_again(state, event)
        if not pending or not _same(pending[0], event):
            return event.seq
        state = born(first) if state is None else evolve(state, pending[0])
        del pending[0]
    return events[-1].seq + 1 if pending else None


def _scheduled_again(first: Scheduled, admitted: Sequence[Admitted]) -> tuple[Event, ...]:
    invitations = [
        Invitation(bidder=a.bidder, alias=a.alias, bid_id=a.bid_id, opening=a.amount)
        for a in admitted
    ]
    return schedule(first.lot_id, first.terms, invitations, first.at)


def _decided_again(state: LotState, event: Event) -> list[Event]:
    command = _command_of(event)
    if command is None:
        return []
    decision = decide(state, command, event.at)
    if not isinstance(decision, Rejection):
        return list(decision)
    if not isinstance(command, PlaceBid):
        return []
    refusal = refused(state, command, decision, event.at)
    return [] if refusal is None else [refusal]


def _command_of(event: Event) -> Command | None:
    if isinstance(event, BidAccepted | BidRefused):
        return PlaceBid(
            bid_id=event.bid_id,
            bidder=event.bidder,
            client_bid_id=event.client_bid_id,
            amount=event.amount,
        )
    if isinstance(event, Started):
        return Start()
    if isinstance(event, Closed):
        return Close()
    return Cancel(event.reason) if isinstance(event, Cancelled) else None


def _same(ours: Event, theirs: Event) -> bool:
    # The rank of a bid follows from the others; the log does not hold it.
    if isinstance(ours, BidAccepted) and isinstance(theirs, BidAccepted):
        return replace(ours, rank=0) == replace(theirs, rank=0)
    return ours == theirs


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What an offline check of a published log found.

    The copy is sound if `broken_link`, `false_openings` and `wrong_decision` are all empty.
    `sealed` secrets were not opened by this copy: the chain binds them, their content is unchecked.
    Decisions can be made again only where nothing is sealed: `recomputed` tells whether they were,
    and `state` is then the result.
    """

    entries: int
    head: str
    broken_link: int | None
    false_openings: tuple[tuple[int, str], ...]
    opened: int
    sealed: int
    recomputed: bool
    wrong_decision: int | None
    state: LotState | None

    @property
    def sound(self) -> bool:
        """Tell whether nothing was found."""
        return self.broken_link is None and not self.false_openings and self.wrong_decision is None


def verify(log: Sequence[LogEntry], expected_head: str | None = None) -> Verification:
    """Check a published log: its chain, the secrets it opens and, if all are open, its decisions.

    `expected_head`, from elsewhere, also finds a log whose end was cut off.
    """
    broken = first_broken_link(map(_link, log))
    broken_at = None if broken is None else broken.number
    if broken_at is None:
        broken_at = next(
            (n for n, entry in enumerate(log, start=1) if entry.document.get("seq") != n), None
        )
    head = log[-1].hash if log else ""
    if broken_at is None and expected_head is not None and head != expected_head:
        broken_at = len(log) + 1
    false, opened, sealed = _openings(log)
    complete = not sealed and not false and broken_at is None and bool(log)
    events, unreadable = _events_of(log) if complete else ([], None)
    wrong = unreadable
    if complete and unreadable is None:
        wrong = first_wrong_decision(events)
    return Verification(
        entries=len(log),
        head=head,
        broken_link=broken_at,
        false_openings=tuple(false),
        opened=opened,
        sealed=sealed,
        recomputed=complete,
        wrong_decision=wrong,
        state=replay(events) if complete and wrong is None else None,
    )


def _link(entry: LogEntry) -> tuple[bytes, bytes]:
    try:
        return canonical_bytes(entry.document), bytes.fromhex(entry.hash)
    except (TypeError, ValueError):
        return b"", b""  # no form that could have been hashed: the chain breaks here


def _events_of(log: Sequence[LogEntry]) -> tuple[list[Event], int | None]:
    """Read a log back; also give the number of the first entry that is none the rules know."""
    events: list[Event] = []
    for number, entry in enumerate(log, start=1):
        try:
            events.append(_event_of(entry))
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return events, number
    return events, None


def _openings(log: Sequence[LogEntry]) -> tuple[list[tuple[int, str]], int, int]:
    false: list[tuple[int, str]] = []
    opened = sealed = 0
    for place, entry in enumerate(log, start=1):
        for name in (IDENTITY, PRICE):
            if name not in entry.document:
                continue
            opening = entry.openings.get(name)
            if opening is None:
                sealed += 1
            elif _opens(opening, entry.document[name]):
                opened += 1
            else:
                false.append((place, name))
    return false, opened, sealed


def _opens(opening: Opening, committed: object) -> bool:
    try:
        return commitment(bytes.fromhex(opening.salt), opening.secret) == committed
    except ValueError:
        return False


def _event_of(entry: LogEntry) -> Event:
    document: dict[str, Any] = entry.document
    # Only what the document committed to: an opening beside it proves nothing.
    identity = entry.openings[IDENTITY].secret if IDENTITY in document else {}
    price = entry.openings[PRICE].secret if PRICE in document else {}
    seq, at = int(document["seq"]), instant_of(document["at"])
    kind = document["kind"]
    if kind == "scheduled":
        terms = msgspec.convert(document["terms"], Terms)
        return Scheduled(seq=seq, at=at, lot_id=UUID(document["lot_id"]), terms=terms)
    if kind == "admitted":
        return Admitted(
            seq=seq,
            at=at,
            bid_id=UUID(identity["bid"]),
            bidder=UUID(identity["bidder"]),
            alias=str(identity["alias"]),
            amount=_decimal(price["amount"]),
        )
    if kind in {"bid_accepted", "bid_refused"}:
        return _bid_of(document, identity, price)
    if kind == "close_extended":
        return CloseExtended(seq=seq, at=at, closes_at=instant_of(document["closes_at"]))
    if kind == "cancelled":
        return Cancelled(seq=seq, at=at, reason=document["reason"])
    return Started(seq=seq, at=at) if kind == "started" else Closed(seq=seq, at=at)


def _bid_of(
    document: dict[str, Any], identity: dict[str, str | None], price: dict[str, str | None]
) -> BidAccepted | BidRefused:
    facts: dict[str, Any] = {
        "seq": int(document["seq"]),
        "at": instant_of(document["at"]),
        "bid_id": UUID(identity["bid"]),
        "bidder": UUID(identity["bidder"]),
        "client_bid_id": identity["client_bid_id"],
        "amount": _decimal(price["amount"]),
    }
    if document["kind"] == "bid_accepted":
        return BidAccepted(**facts, rank=0)
    code = RejectionCode(document["code"])
    return BidRefused(**facts, code=code, bound=_decimal(price.get("bound")))


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
