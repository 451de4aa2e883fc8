"""Folding events: what is the case after each. Nothing is decided here."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from auctions.engine import witnessed
from auctions.engine.events import (
    Admitted,
    Announced,
    BidAccepted,
    BidderLeft,
    BidRefused,
    BidWithdrawn,
    Cancelled,
    Closed,
    CloseExtended,
    Event,
    Paused,
    ProxySet,
    Resumed,
    Scheduled,
    StageOpened,
    Started,
    StartMoved,
    SurrogateAllowed,
    SurrogateRevoked,
    WithdrawalRequested,
)
from auctions.engine.ranking import Place, rank_of
from auctions.engine.scoring import score_of, yardstick
from auctions.engine.state import LOT, LotState, Notice, Phase, Proxy, Stage, WithdrawalRequest


def born(event: Scheduled) -> LotState:
    """Give the state after the first entry of a log."""
    return LotState(
        lot_id=event.lot_id,
        terms=event.terms,
        phase=Phase.SCHEDULED,
        seq=event.seq,
        at=event.at,
        closes_at=event.terms.ends_at,
    )


def evolve(state: LotState, event: Event) -> LotState:
    """Give the state after an event.

    Raises ValueError if the event does not carry the next number: a log with a gap is no log.
    """
    if event.seq != state.seq + 1:
        msg = f"entry {event.seq} cannot follow entry {state.seq}"
        raise ValueError(msg)
    if isinstance(event, BidAccepted):
        return _after_bid(state, event)
    if isinstance(event, BidRefused):
        return replace(state, seq=event.seq, at=event.at)
    return replace(_AFTER[type(event)](state, event), seq=event.seq, at=event.at)


def place_of(state: LotState, seq: int, bidder: UUID, amount: Decimal, bid_id: UUID) -> Place:
    """Give the place a bid of this number takes."""
    return Place(score_of(state.yardsticks, bidder, amount), seq, bidder, amount, bid_id)


def _after_bid(state: LotState, event: BidAccepted) -> LotState:
    bidder = event.bidder
    place = place_of(state, event.seq, bidder, event.amount, event.bid_id)
    old = state.places.get(bidder)
    index = rank_of(state.order, place) - 1
    old_index = None if old is None else rank_of(state.order, old) - 1
    ranking = list(state.order)
    if old_index is not None:
        del ranking[old_index]
    ranking.insert(index, place)  # bids only fall: nobody stands behind where he stood
    order = tuple(ranking)
    return LotState(
        lot_id=state.lot_id,
        terms=state.terms,
        phase=state.phase,
        seq=event.seq,
        at=event.at,
        closes_at=state.closes_at,
        extensions=state.extensions,
        roster=state.roster,
        yardsticks=state.yardsticks,
        places={**state.places, bidder: place},
        order=order,
        witnessed=witnessed.bid(state, order, index, old_index),
        course=state.course,
    )


def _after_admission(state: LotState, event: Admitted) -> LotState:
    """Take a bidder in. Nobody saw anything yet, so admissions count for nobody."""
    state = replace(state, roster={**state.roster, event.bidder: event.alias})
    own = yardstick(state.terms, event.currency, event.adjustment)
    if own is not None:
        state = replace(state, yardsticks={**state.yardsticks, event.bidder: own})
    if event.amount is None:
        return state
    place = place_of(state, event.seq, event.bidder, event.amount, event.bid_id)
    order = tuple(sorted((*state.order, place)))
    return replace(
        state,
        places={**state.places, event.bidder: place},
        order=order,
        witnessed=replace(state.witnessed, own=(0,) * len(order)),
    )


def _after_withdrawal(state: LotState, event: BidWithdrawn) -> LotState:
    """Take a standing bid out, and the proxy that could make it again."""
    order = tuple(place for place in state.order if place.bidder != event.bidder)
    places = {place.bidder: place for place in order}
    proxies = _without(state.course.proxies, event.bidder)
    after = replace(
        state, places=places, order=order, course=replace(state.course, proxies=proxies)
    )
    return replace(after, witnessed=witnessed.withdrawal(state, after, event.bidder))


def _without(proxies: Mapping[UUID, Proxy], bidder: UUID) -> dict[UUID, Proxy]:
    return {key: proxy for key, proxy in proxies.items() if key != bidder}


def _after_request(state: LotState, event: WithdrawalRequested) -> LotState:
    request = WithdrawalRequest(event.bid_id, event.reason)
    requests = {**state.course.requests, event.bidder: request}
    return replace(
        state,
        course=replace(state.course, requests=requests),
        witnessed=witnessed.by_one(state.witnessed, event.bidder, buyer=True),
    )


def _after_announcement(state: LotState, event: Announced) -> LotState:
    messages = (*state.course.messages, event.message_id)
    course = replace(state.course, messages=messages, notice=Notice(event.at, event.text))
    return replace(_seen(state), course=course)


def _after_proxy(state: LotState, event: ProxySet) -> LotState:
    proxies = _without(state.course.proxies, event.bidder)
    if event.limit is not None:
        proxies[event.bidder] = Proxy(event.bidder, event.limit, event.step, event.seq)
    before = state.course.proxies.get(event.bidder)
    state = replace(state, course=replace(state.course, proxies=proxies))
    if event.limit == (None if before is None else before.limit):
        return state
    return replace(state, witnessed=witnessed.by_one(state.witnessed, event.bidder))


def _after_consent(state: LotState, event: SurrogateAllowed | SurrogateRevoked) -> LotState:
    consents = state.course.consents - {event.bidder}
    if isinstance(event, SurrogateAllowed):
        consents |= {event.bidder}
    return replace(
        state,
        course=replace(state.course, consents=consents),
        witnessed=witnessed.by_one(state.witnessed, event.bidder, buyer=True),
    )


def _after_leaving(state: LotState, event: BidderLeft) -> LotState:
    return replace(
        state,
        course=replace(state.course, out=state.course.out | {event.bidder}),
        witnessed=witnessed.by_one(state.witnessed, event.bidder, buyer=True),
    )


def _after_opening(state: LotState, event: StageOpened) -> LotState:
    """Begin a stage. The close is never before its end; a round's order is that at its start."""
    queue: tuple[UUID, ...] = ()
    if event.bidder is not None:
        before = state.course.stage
        if before is None or before.round != event.round:
            queue = tuple(place.bidder for place in reversed(state.order))
        else:
            queue = before.queue
        queue = queue[queue.index(event.bidder) + 1 :]
    stage = Stage(event.round, event.until, event.price, event.bidder, queue)
    return replace(
        _seen(state),
        course=replace(state.course, stage=stage),
        closes_at=max(state.closes_at, event.until),
    )


def _after_move(state: LotState, event: StartMoved) -> LotState:
    course = replace(state.course, starts_at=event.starts_at)
    return replace(_seen(state), closes_at=event.closes_at, course=course)


def _after_start(state: LotState, _event: Started) -> LotState:
    return replace(_seen(state), phase=LOT.after(state.phase, "start"))


def _after_extension(state: LotState, event: CloseExtended) -> LotState:
    more = 0 if event.followed or event.reason is not None else 1
    return replace(_seen(state), closes_at=event.closes_at, extensions=state.extensions + more)


def _after_pause(state: LotState, event: Paused) -> LotState:
    course = replace(state.course, paused_at=event.at, paused_because=event.reason)
    return replace(_seen(state), course=course)


def _after_resumption(state: LotState, event: Resumed) -> LotState:
    """Go on: everything that was still to come is as much later as the pause was long."""
    stood = event.closes_at - state.closes_at
    course, stage = state.course, state.course.stage
    if stage is not None:
        stage = replace(stage, until=stage.until + stood)
    course = replace(
        course,
        stage=stage,
        paused_at=None,
        paused_because=None,
        paused_for=course.paused_for + stood,
    )
    return replace(_seen(state), closes_at=event.closes_at, course=course)


def _after_close(state: LotState, _event: Closed) -> LotState:
    return replace(_seen(state), phase=LOT.after(state.phase, "close"))


def _after_cancellation(state: LotState, event: Cancelled) -> LotState:
    phase = LOT.after(state.phase, "cancel")
    return replace(_seen(state), phase=phase, cancelled_because=event.reason)


def _seen(state: LotState) -> LotState:
    return replace(state, witnessed=witnessed.by_all(state.witnessed))


_AFTER: Final[dict[type, Callable[[LotState, Any], LotState]]] = {
    Admitted: _after_admission,
    StartMoved: _after_move,
    Started: _after_start,
    ProxySet: _after_proxy,
    SurrogateAllowed: _after_consent,
    SurrogateRevoked: _after_consent,
    BidWithdrawn: _after_withdrawal,
    WithdrawalRequested: _after_request,
    Announced: _after_announcement,
    StageOpened: _after_opening,
    BidderLeft: _after_leaving,
    CloseExtended: _after_extension,
    Paused: _after_pause,
    Resumed: _after_resumption,
    Closed: _after_close,
    Cancelled: _after_cancellation,
}
