"""A batch of commands on one lot, decided one after the other. Pure: no clock, no database."""

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from auctions.engine.decide import decide, refused
from auctions.engine.events import (
    BidAccepted,
    BidRefused,
    Close,
    Command,
    Event,
    PlaceBid,
    ProxySet,
    Rejection,
    SetProxy,
    Start,
    Tick,
)
from auctions.engine.evolve import evolve
from auctions.engine.state import LotState
from auctions.engine.visibility import explain
from marketplace.kernel.errors import KeyReused, MarketplaceError, TooManyRequests

Answer = Event | MarketplaceError
"""What became of a command: the event it led to, or the error to raise."""
MayRefuse = Callable[[UUID], bool]
"""Counts what a bidder adds to the log without bidding lower; False once he is over his limit."""
KnownBids = MutableMapping[tuple[UUID, str], BidAccepted | BidRefused | ProxySet]
"""Bids and proxies by bidder and client_bid_id."""


@dataclass(slots=True)
class Batch:
    """Commands decided one after the other: the events, the answers, the state after them."""

    state: LotState
    events: list[Event]
    answers: list[Answer]


def decide_all(
    state: LotState,
    commands: Sequence[Command],
    known: KnownBids,
    at: datetime,
    may_refuse: MayRefuse,
) -> Batch:
    """Decide a batch at one instant.

    `known` are the bids that are in the ledger under the keys of this batch; a bid with the key of
    one of them, or of an earlier one of the batch, gets the same answer. The start and the end of a
    stage come before the bids and the close after them, so that late bids still get a number.
    """
    batch = Batch(state, [], [])
    _apply(batch, Start(), at)
    _apply(batch, Tick(), at)
    for command in commands:
        batch.answers.append(
            _answer_bid(batch, command, known, at, may_refuse)
            if isinstance(command, PlaceBid)
            else _answer_proxy(batch, command, known, at, may_refuse)
            if isinstance(command, SetProxy)
            else _answer(batch, command, at)
        )
    _apply(batch, Close(), at)
    return batch


def _apply(batch: Batch, command: Command, at: datetime) -> Event | Rejection:
    decision = decide(batch.state, command, at)
    if isinstance(decision, Rejection):
        return decision
    _append(batch, *decision)
    return decision[0]


def _append(batch: Batch, *events: Event) -> None:
    for event in events:
        batch.state = evolve(batch.state, event)
        batch.events.append(event)


def _answer(batch: Batch, command: Command, at: datetime) -> Answer:
    result = _apply(batch, command, at)
    if isinstance(result, Rejection):
        bidder = getattr(command, "bidder", None)
        currency = batch.state.terms.currency if bidder is None else batch.state.currency_of(bidder)
        return explain(result, currency)
    return result


def _answer_proxy(
    batch: Batch, proxy: SetProxy, known: KnownBids, at: datetime, may_refuse: MayRefuse
) -> Answer:
    """Set a proxy once per key. A refused one leaves no entry: it may be sent again.

    Limits may rise and fall for ever, so orders count as refusals do: the log must not be flooded.
    """
    key = (proxy.bidder, proxy.client_bid_id)
    before = known.get(key)
    if isinstance(before, ProxySet) and (before.limit, before.step) == (proxy.limit, proxy.step):
        return before
    if before is not None:
        return _other_use()
    if not may_refuse(proxy.bidder):
        detail = "Too many orders to your proxy in this minute; the last one was not taken."
        return TooManyRequests(detail, retry_after_s=60)
    answer = _answer(batch, proxy, at)
    if isinstance(answer, ProxySet):
        known[key] = answer
    return answer


def _other_use() -> KeyReused:
    return KeyReused("This Idempotency-Key came with another bid before; use a new key.")


def _answer_bid(
    batch: Batch, bid: PlaceBid, known: KnownBids, at: datetime, may_refuse: MayRefuse
) -> Answer:
    key = (bid.bidder, bid.client_bid_id)
    before = known.get(key)
    if before is not None:
        if not isinstance(before, ProxySet) and before.amount == bid.amount:
            return before
        return _other_use()
    result = _apply(batch, bid, at)
    if isinstance(result, Rejection):
        refusal = refused(batch.state, bid, result, at)
        if refusal is None:
            return explain(result, batch.state.terms.currency)
        if not may_refuse(bid.bidder):
            detail = (
                "Too many of your bids were refused in this minute; the last one has no number."
            )
            return TooManyRequests(detail, retry_after_s=60)
        _append(batch, refusal)
        known[key] = refusal
        return refusal
    known[key] = cast("BidAccepted", result)
    return result
