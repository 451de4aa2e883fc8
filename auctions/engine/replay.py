"""From the log to the state, and from the log to the proof that the rules made it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from auctions.engine import duel
from auctions.engine.decide import Duel, answered, decide, refused, schedule
from auctions.engine.events import (
    Admitted,
    AllowSurrogate,
    Announce,
    Announced,
    BidAccepted,
    BidderLeft,
    BidRefused,
    BidWithdrawn,
    Cancel,
    Cancelled,
    Close,
    Closed,
    CloseExtended,
    Command,
    Event,
    Extend,
    FollowClose,
    FollowLot,
    Invitation,
    Pause,
    Paused,
    PlaceBid,
    ProxySet,
    Rejection,
    RequestWithdrawal,
    Resume,
    Resumed,
    RevokeSurrogate,
    Scheduled,
    SetProxy,
    StageOpened,
    Start,
    Started,
    StartMoved,
    SurrogateAllowed,
    SurrogateRevoked,
    Tick,
    Withdraw,
    WithdrawalRequested,
)
from auctions.engine.evolve import born, evolve
from auctions.engine.formats import FORMATS
from auctions.engine.state import LotState, Phase
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


def first_wrong_decision(
    events: Sequence[Event], closed: frozenset[int] = frozenset()
) -> int | None:
    """Decide everything again and give the number of the first entry the rules would not have made.

    None if the whole log follows from its terms, its participants and the bids in their order.
    `closed` are entries whose secrets this copy keeps: refused bids, which change nothing, and
    proxies' limits. Where limits are closed the bids proxies made are taken as claimed, and checked
    to be bids the rules allow.
    """
    admitted = [event for event in events if isinstance(event, Admitted)]
    if not events or not isinstance(events[0], Scheduled):
        return 1
    first = events[0]
    try:
        expected = _scheduled_again(first, admitted)
    except MarketplaceError:
        return 1
    claimed = any(e.seq in closed and isinstance(e, ProxySet) for e in events)
    state: LotState | None = None
    pending = list(expected)
    for place, event in enumerate(events):
        if not pending:
            if state is None:
                return event.seq
            fight = _as_claimed(events[place + 1 :]) if claimed else duel.fight
            if event.seq in closed:
                pending = _closed_again(state, event, fight)
            else:
                pending = _decided_again(state, event, fight)
        if not pending or not _same(pending[0], event):
            return event.seq
        state = born(first) if state is None else evolve(state, pending[0])
        del pending[0]
    return events[-1].seq + 1 if pending else None


def _scheduled_again(first: Scheduled, admitted: Sequence[Admitted]) -> tuple[Event, ...]:
    invitations = [
        Invitation(
            bidder=a.bidder,
            alias=a.alias,
            bid_id=a.bid_id,
            opening=a.amount,
            currency=a.currency,
            adjustment=a.adjustment,
        )
        for a in admitted
    ]
    return schedule(first.lot_id, first.terms, invitations, first.at)


def _as_claimed(following: Sequence[Event]) -> Duel:
    """Give the duel a log claims: the bids without a key that follow, if the rules allow them."""

    def claims(state: LotState, at: datetime) -> tuple[BidAccepted, ...]:
        bids: list[BidAccepted] = []
        for event in following:
            if not isinstance(event, BidAccepted) or event.client_bid_id is not None:
                break
            bounds = FORMATS[state.terms.format].bounds(state, event.bidder)
            if event.at != at or event.seq != state.seq + 1 or event.amount > bounds.highest:
                break
            bids.append(event)
            state = evolve(state, event)
        return tuple(bids)

    return claims


def _closed_again(state: LotState, event: Event, fight: Duel) -> list[Event]:
    """Take an entry that is closed in this copy as it is, and decide what followed from it."""
    if isinstance(event, BidRefused | WithdrawalRequested):
        return [event]
    if state.phase is not Phase.OPEN or event.at >= state.closes_at:
        return []
    return list(answered(state, (event,), None, event.at, fight))


def _decided_again(state: LotState, event: Event, fight: Duel) -> list[Event]:
    for command in _commands_of(event):
        decision = decide(state, command, event.at, fight)
        if not isinstance(decision, Rejection):
            return list(decision)
        if isinstance(command, PlaceBid):
            refusal = refused(state, command, decision, event.at)
            return [] if refusal is None else [refusal]
    return []


def _commands_of(event: Event) -> tuple[Command, ...]:
    """Give the commands that can have led to an event as the first one, in the order to try."""
    if isinstance(event, BidAccepted | BidRefused):
        return () if event.client_bid_id is None else (_bid_again(event, event.client_bid_id),)
    if isinstance(event, ProxySet):
        return (
            SetProxy(
                bid_id=event.bid_id,
                bidder=event.bidder,
                client_bid_id=event.client_bid_id,
                limit=event.limit,
                step=event.step,
            ),
        )
    if isinstance(event, SurrogateAllowed | SurrogateRevoked):
        given = isinstance(event, SurrogateAllowed)
        return (AllowSurrogate(event.bidder) if given else RevokeSurrogate(event.bidder),)
    if isinstance(event, BidWithdrawn):
        return (Withdraw(event.bidder, event.reason, event.by_bidder),)
    if isinstance(event, WithdrawalRequested):
        return (RequestWithdrawal(event.bidder, event.reason),)
    return _of_the_buyer(event) or _of_the_clock(event)


def _of_the_clock(event: Event) -> tuple[Command, ...]:
    if isinstance(event, StartMoved):
        return (FollowLot(event.ended_at),)
    return _BY_CLOCK.get(type(event), ())


def _of_the_buyer(event: Event) -> tuple[Command, ...]:
    if isinstance(event, CloseExtended):
        if event.reason is not None:
            return (Extend(event.closes_at, event.reason),)
        return (FollowClose(event.closes_at),) if event.followed else ()
    if isinstance(event, Announced):
        return (Announce(event.message_id, event.text),)
    if isinstance(event, Paused):
        return (Pause(event.reason),)
    if isinstance(event, Cancelled):
        return (Cancel(event.reason),)
    return ()


_BY_CLOCK: Final[dict[type, tuple[Command, ...]]] = {
    Started: (Start(),),
    Resumed: (Resume(),),
    StageOpened: (Tick(),),
    BidderLeft: (Tick(),),
    Closed: (Tick(), Close()),
}


def _bid_again(event: BidAccepted | BidRefused, client_bid_id: str) -> PlaceBid:
    return PlaceBid(
        bid_id=event.bid_id,
        bidder=event.bidder,
        client_bid_id=client_bid_id,
        amount=event.amount,
        surrogate=event.surrogate,
        proof=event.proof,
    )


def _same(ours: Event, theirs: Event) -> bool:
    # The rank of a bid follows from the others; the log does not hold it.
    if isinstance(ours, BidAccepted) and isinstance(theirs, BidAccepted):
        return replace(ours, rank=0) == replace(theirs, rank=0)
    return ours == theirs
