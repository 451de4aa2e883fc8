"""From a published log to the proof of its result.

Anybody can do this offline: nothing is needed but a copy of the log. A copy opens what its reader
may see; what it keeps closed is bound by the chain, and where the standing does not depend on it
(refused bids, proxies' limits, the reserve) the result is recomputed all the same.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, get_args
from uuid import UUID

import msgspec

from auctions.engine.events import (
    Admitted,
    BidAccepted,
    BidRefused,
    BidWithdrawn,
    Event,
    ProxySet,
    RejectionCode,
    Scheduled,
    StageOpened,
    WithdrawalRequested,
)
from auctions.engine.log import (
    ADJUSTMENT,
    IDENTITY,
    LIMIT,
    PRICE,
    RESERVE,
    WORDS,
    LogEntry,
    Opening,
    adjustment_of,
    commitment,
    instant_of,
)
from auctions.engine.outcome import NoWinner, Win, outcome
from auctions.engine.public import first_impossible
from auctions.engine.replay import first_wrong_decision, replay
from auctions.engine.state import LotState
from auctions.engine.terms import Terms
from marketplace.kernel.canonical import canonical_bytes, first_broken_link

SECRETS: Final = (IDENTITY, PRICE, RESERVE, ADJUSTMENT, LIMIT, WORDS)
_MAY_STAY_CLOSED: Final = {
    "scheduled": {RESERVE},
    "bid_refused": {IDENTITY, PRICE},
    "proxy_set": {IDENTITY, LIMIT},
    "surrogate_allowed": {IDENTITY},
    "withdrawal_requested": {IDENTITY},
}
_NOBODY: Final = UUID(int=0)


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What an offline check of a published log found.

    The copy is sound if `broken_link`, `false_openings`, `impossible` (an entry that cannot be, by
    its public facts) and `wrong_decision` are all empty. `closed` counts the secrets this copy does
    not open, by name: the chain binds them, their content is unchecked. `recomputed` tells whether
    what it opens was enough to make the decisions again; `state` and `outcome` are then the result.
    """

    entries: int
    head: str
    broken_link: int | None
    false_openings: tuple[tuple[int, str], ...]
    opened: int
    closed: dict[str, int]
    impossible: int | None
    recomputed: bool
    wrong_decision: int | None
    state: LotState | None
    outcome: Win | NoWinner | None

    @property
    def sealed(self) -> int:
        """Give how many secrets this copy keeps closed."""
        return sum(self.closed.values())

    @property
    def sound(self) -> bool:
        """Tell whether nothing was found."""
        numbers = (self.broken_link, self.impossible, self.wrong_decision)
        return not self.false_openings and all(number is None for number in numbers)


def verify(log: Sequence[LogEntry], expected_head: str | None = None) -> Verification:
    """Check a published log: its chain, the secrets it opens and, as far as they go, its decisions.

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
    false, opened, closed = _openings(log)
    enough = bool(log) and broken_at is None and not false and all(map(_opens_enough, log))
    events, wrong = _events_of(log) if enough else ([], None)
    if enough and wrong is None:
        unopened = frozenset(e.document["seq"] for e in log if _closed_in(e))
        wrong = first_wrong_decision(events, unopened)
    state = replay(events) if enough and wrong is None else None
    return Verification(
        entries=len(log),
        head=head,
        broken_link=broken_at,
        false_openings=tuple(false),
        opened=opened,
        closed=closed,
        impossible=first_impossible(log) if log and broken_at is None else None,
        recomputed=enough,
        wrong_decision=wrong,
        state=state,
        outcome=None if state is None else outcome(state),
    )


def _link(entry: LogEntry) -> tuple[bytes, bytes]:
    try:
        return canonical_bytes(entry.document), bytes.fromhex(entry.hash)
    except (TypeError, ValueError):
        return b"", b""  # no form that could have been hashed: the chain breaks here


def _openings(log: Sequence[LogEntry]) -> tuple[list[tuple[int, str]], int, dict[str, int]]:
    false: list[tuple[int, str]] = []
    closed: dict[str, int] = {}
    opened = 0
    for place, entry in enumerate(log, start=1):
        for name in SECRETS:
            if name not in entry.document:
                continue
            opening = entry.openings.get(name)
            if opening is None:
                closed[name] = closed.get(name, 0) + 1
            elif _opens(opening, entry.document[name]):
                opened += 1
            else:
                false.append((place, name))
    return false, opened, closed


def _opens(opening: Opening, committed: object) -> bool:
    try:
        return commitment(bytes.fromhex(opening.salt), opening.secret) == committed
    except ValueError:
        return False


def _closed_in(entry: LogEntry) -> set[str]:
    """Name what this copy keeps closed of an entry; words decide nothing."""
    names = (name for name in SECRETS if name != WORDS)
    return {name for name in names if name in entry.document and name not in entry.openings}


def _opens_enough(entry: LogEntry) -> bool:
    """Tell whether the standing does not depend on what this copy keeps closed of an entry."""
    return _closed_in(entry) <= _MAY_STAY_CLOSED.get(str(entry.document.get("kind")), set())


def _events_of(log: Sequence[LogEntry]) -> tuple[list[Event], int | None]:
    """Read a log back; also give the number of the first entry that is none the rules know."""
    events: list[Event] = []
    for number, entry in enumerate(log, start=1):
        try:
            events.append(_event_of(entry))
        except (ArithmeticError, LookupError, TypeError, ValueError, StopIteration):
            return events, number
    return events, None


def _event_of(entry: LogEntry) -> Event:
    document: dict[str, Any] = entry.document
    kind = document["kind"]
    facts = {"seq": int(document["seq"]), "at": instant_of(document["at"])}
    read = _READERS.get(kind)
    if read is not None:
        return read(entry, facts)
    type_ = _TYPES[kind]
    names = set(type_.__struct_fields__) - set(facts)
    public = {name: document[name] for name in names if name in document}
    whose = {name: value for name, value in _whose(entry).items() if name in names}
    event: Event = msgspec.convert(facts | public | whose, type_)
    return event


_TYPES: Final = {type_.__struct_config__.tag: type_ for type_ in get_args(Event)}


def _secret(entry: LogEntry, name: str) -> dict[str, str | None]:
    # Only what the document committed to: an opening beside it proves nothing.
    return entry.openings[name].secret if name in entry.document else {}


def _whose(entry: LogEntry) -> dict[str, Any]:
    """Give bidder and bid of an entry; nobody where this copy keeps them closed."""
    if IDENTITY not in entry.document:
        return {}
    if IDENTITY not in entry.openings:
        return {"bidder": _NOBODY, "bid_id": _NOBODY, "client_bid_id": ""}
    secret = _secret(entry, IDENTITY)
    whose: dict[str, Any] = {"bidder": UUID(secret["bidder"])}
    if "bid" in secret:
        whose["bid_id"] = UUID(secret["bid"])
    for name in ("client_bid_id", "alias"):
        if name in secret:
            whose[name] = secret[name]
    if "surrogate" in secret:
        whose["surrogate"] = UUID(secret["surrogate"])
        whose["proof"] = _words(entry, "proof")
    return whose


def _words(entry: LogEntry, name: str) -> str | None:
    """Give what somebody said; None where this copy keeps it closed or nothing was."""
    return _secret(entry, WORDS).get(name) if WORDS in entry.openings else None


def _scheduled(entry: LogEntry, facts: dict[str, Any]) -> Scheduled:
    reserve = _secret(entry, RESERVE) if RESERVE in entry.openings else {}
    terms = msgspec.convert(entry.document["terms"] | reserve, Terms)
    return Scheduled(**facts, lot_id=UUID(entry.document["lot_id"]), terms=terms)


def _admitted(entry: LogEntry, facts: dict[str, Any]) -> Admitted:
    price, own = _secret(entry, PRICE), _secret(entry, ADJUSTMENT)
    return Admitted(
        **facts,
        **_whose(entry),
        amount=_decimal(price["amount"]),
        currency=price.get("currency"),
        adjustment=adjustment_of(own) if own else None,
    )


def _accepted(entry: LogEntry, facts: dict[str, Any]) -> BidAccepted:
    amount = Decimal(_secret(entry, PRICE)["amount"] or "")
    return BidAccepted(**facts, **_whose(entry), amount=amount, rank=0)


def _refused(entry: LogEntry, facts: dict[str, Any]) -> BidRefused:
    code = RejectionCode(entry.document["code"])
    whose = _whose(entry)
    if not whose:
        msg = "a refused bid is somebody's"
        raise ValueError(msg)
    if _closed_in(entry):
        return BidRefused(**facts, **whose, amount=Decimal(0), code=code, bound=None)
    price = _secret(entry, PRICE)
    amount, bound = Decimal(price["amount"] or ""), _decimal(price.get("bound"))
    return BidRefused(**facts, **whose, amount=amount, code=code, bound=bound)


def _proxy(entry: LogEntry, facts: dict[str, Any]) -> ProxySet:
    if LIMIT not in entry.openings:
        return ProxySet(**facts, **_whose(entry), limit=None, step=None)
    secret = _secret(entry, LIMIT)
    limit, step = _decimal(secret["limit"]), _decimal(secret["step"])
    return ProxySet(**facts, **_whose(entry), limit=limit, step=step)


def _withdrawn(entry: LogEntry, facts: dict[str, Any]) -> BidWithdrawn:
    by_bidder = bool(entry.document.get("by_bidder"))
    reason = _words(entry, "reason") or "" if by_bidder else entry.document["reason"]
    return BidWithdrawn(**facts, **_bid_of(entry), reason=reason, by_bidder=by_bidder)


def _requested(entry: LogEntry, facts: dict[str, Any]) -> WithdrawalRequested:
    return WithdrawalRequested(**facts, **_bid_of(entry), reason=_words(entry, "reason") or "")


def _bid_of(entry: LogEntry) -> dict[str, Any]:
    whose = _whose(entry)
    return {"bidder": whose["bidder"], "bid_id": whose["bid_id"]}


def _stage(entry: LogEntry, facts: dict[str, Any]) -> StageOpened:
    document = entry.document
    return StageOpened(
        **facts,
        round=int(document["round"]),
        until=instant_of(document["until"]),
        price=_decimal(document.get("called")),
        bidder=_whose(entry).get("bidder"),
    )


_READERS: Final[dict[str, Callable[[LogEntry, dict[str, Any]], Event]]] = {
    "scheduled": _scheduled,
    "admitted": _admitted,
    "bid_accepted": _accepted,
    "bid_refused": _refused,
    "proxy_set": _proxy,
    "bid_withdrawn": _withdrawn,
    "withdrawal_requested": _requested,
    "stage_opened": _stage,
}


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
