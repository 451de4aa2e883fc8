"""Deciding on commands: the heart of the auction.

``decide`` says what happens, ``evolve`` what is then the case. Both are pure; a decision is made
against the instant it is given, which the ledger reads from the database's clock.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from auctions.engine import duel
from auctions.engine.checks import bidder_errors, check_terms, opening_errors
from auctions.engine.events import (
    Admitted,
    AllowSurrogate,
    Announce,
    Announced,
    BidAccepted,
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
    RejectionCode,
    RequestWithdrawal,
    Resume,
    Resumed,
    RevokeSurrogate,
    Scheduled,
    SetProxy,
    Start,
    Started,
    StartMoved,
    SurrogateAllowed,
    SurrogateRevoked,
    Tick,
    Withdraw,
    WithdrawalRequested,
)
from auctions.engine.evolve import evolve, place_of
from auctions.engine.extension import cap_of, extended_close
from auctions.engine.formats import FORMATS
from auctions.engine.ranking import rank_of, shown_rank
from auctions.engine.scoring import score_of, yardstick
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import SEALED, Terms, Ties, Withdrawals, check_amount
from marketplace.kernel.errors import FieldError, InvalidInput, invalid
from marketplace.kernel.limits import AUCTION_MESSAGES_MAX, AUCTION_PARTICIPANTS_MAX

Decision = tuple[Event, ...] | Rejection
Duel = Callable[[LotState, datetime], tuple[BidAccepted, ...]]
"""Gives the bids proxies make in a state; `duel.fight`, or what a log claims where it is closed."""

START_GRACE: Final = timedelta(minutes=1)
"""A start may have passed by so much when a lot is scheduled: "now" takes a moment to arrive."""


def schedule(
    lot_id: UUID,
    terms: Terms,
    invitations: Sequence[Invitation],
    at: datetime,
    pointer: str = "",
) -> tuple[Event, ...]:
    """Open a lot's log: its terms, then everybody who may bid, in the order given.

    Equal opening amounts rank in that order. Raises InvalidInput, pointing behind `pointer`,
    if the terms do not fit together, a bidder or an alias is named twice, or an opening amount
    could not have been a bid.
    """
    check_terms(terms, pointer)
    if terms.starts_at < at - START_GRACE:
        raise invalid(f"{pointer}/starts_at", "in_the_past", "An auction cannot start in the past.")
    if terms.ends_at <= at:
        raise invalid(f"{pointer}/ends_at", "in_the_past", "An auction cannot end in the past.")
    check_invitations(terms, invitations, pointer)
    events: list[Event] = [Scheduled(seq=1, at=at, lot_id=lot_id, terms=terms)]
    events += [
        Admitted(
            seq=seq,
            at=at,
            bid_id=invitation.bid_id,
            bidder=invitation.bidder,
            alias=invitation.alias,
            amount=invitation.opening,
            currency=invitation.currency,
            adjustment=invitation.adjustment,
        )
        for seq, invitation in enumerate(invitations, start=2)
    ]
    return tuple(events)


def check_invitations(terms: Terms, invitations: Sequence[Invitation], pointer: str = "") -> None:
    """Raise InvalidInput, with pointers behind `pointer`, if these cannot be a lot's bidders."""
    if not 1 <= len(invitations) <= AUCTION_PARTICIPANTS_MAX:
        detail = f"An auction has 1 to {AUCTION_PARTICIPANTS_MAX} participants."
        raise invalid(f"{pointer}/participants", "out_of_range", detail)
    errors = list(opening_errors(terms, [i.opening for i in invitations], pointer))
    bidders: set[UUID] = set()
    aliases: set[str] = set()
    for index, invitation in enumerate(invitations):
        at = f"{pointer}/participants/{index}"
        if invitation.bidder in bidders:
            detail = "This organization is invited twice."
            errors.append(FieldError(f"{at}/organization_id", "duplicate", detail))
        if invitation.alias in aliases:
            errors.append(
                FieldError(f"{at}/alias", "duplicate", "Two participants have this alias.")
            )
        bidders.add(invitation.bidder)
        aliases.add(invitation.alias)
        wrong = list(bidder_errors(terms, invitation.currency, invitation.adjustment, at))
        errors += wrong or _opening_errors(terms, invitation, f"{at}/opening_amount")
    if errors:
        raise InvalidInput("The list of participants is not right.", errors=errors)


def _opening_errors(terms: Terms, invitation: Invitation, pointer: str) -> Sequence[FieldError]:
    if invitation.opening is None:
        return ()
    try:
        check_amount(invitation.opening, invitation.currency or terms.currency, pointer)
    except InvalidInput as error:
        return error.errors
    own = yardstick(terms, invitation.currency, invitation.adjustment)
    highest = terms.ceiling if own is None else own.amount_for(terms.ceiling)
    if invitation.opening > highest:
        detail = "An opening amount must not exceed the ceiling."
        return [FieldError(pointer, "above_ceiling", detail)]
    return ()


def decide(state: LotState, command: Command, at: datetime, fight: Duel = duel.fight) -> Decision:
    """Say what a command brings about at an instant: events, numbered after the state, or why not.

    An instant before the state's last one counts as that one: the log's instants never fall.
    """
    at = max(at, state.at)
    if isinstance(command, PlaceBid):
        return _decide_bid(state, command, at, fight)
    return _DECIDERS[type(command)](state, command, at, fight)


# Bids and proxies


def _decide_bid(state: LotState, bid: PlaceBid, at: datetime, fight: Duel) -> Decision:
    rules = FORMATS[state.terms.format]
    rejection = _unwelcome(state, bid, at) or rules.judge(state, bid)
    if rejection is not None:
        return rejection
    score = score_of(state.yardsticks, bid.bidder, bid.amount)
    rank = rank_of(state.order, (score, state.seq + 1))
    accepted = BidAccepted(
        seq=state.seq + 1,
        at=at,
        bid_id=bid.bid_id,
        bidder=bid.bidder,
        client_bid_id=bid.client_bid_id,
        amount=bid.amount,
        rank=rank if state.terms.ties is Ties.BY_TIME else _shown(state, bid),
        surrogate=bid.surrogate,
        proof=bid.proof,
    )
    if state.terms.proxies:
        return answered(state, (accepted,), rank, at, fight)
    closes_at = extended_close(state, rank, at)
    if closes_at is not None:
        return (accepted, CloseExtended(seq=state.seq + 2, at=at, closes_at=closes_at))
    if state.course.stage is None:
        return (accepted,)
    return (accepted, *rules.accepted(evolve(state, accepted), at))


def _unwelcome(state: LotState, bid: PlaceBid, at: datetime) -> Rejection | None:
    """Refuse a bid at the wrong time or from the wrong person, whatever its amount."""
    rejection = _untimely(state, at)
    if rejection is not None:
        return rejection
    if bid.bidder not in state.roster:
        return Rejection(code=RejectionCode.NOT_INVITED)
    if bid.surrogate is not None and bid.bidder not in state.course.consents:
        return Rejection(code=RejectionCode.NO_CONSENT)
    return None


def _shown(state: LotState, bid: PlaceBid) -> int:
    """Give the rank shown for a bid once it stands."""
    place = place_of(state, state.seq + 1, bid.bidder, bid.amount, bid.bid_id)
    others = [other for other in state.order if other.bidder != place.bidder]
    return shown_rank(sorted((*others, place)), place, state.terms.ties)


def answered(
    state: LotState, first: tuple[Event, ...], rank: int | None, at: datetime, fight: Duel
) -> tuple[Event, ...]:
    """Let proxies answer what happened, to the point where none moves; then reckon the overtime.

    `rank` is what a bid among `first` took, None if there is none. A command moves the close once
    at most, however many bids it led to.
    """
    after = state
    for event in first:
        after = evolve(after, event)
    running, answers = after, fight(after, at)
    for answer in answers:
        after = evolve(after, answer)
        key = after.places[answer.bidder].key
        taken = rank_of(after.order, key)
        rank = taken if rank is None else min(rank, taken)
    closes_at = None if rank is None else extended_close(running, rank, at)
    if closes_at is None:
        return (*first, *answers)
    return (
        *first,
        *answers,
        CloseExtended(seq=after.seq + 1, at=at, closes_at=closes_at),
    )


def _decide_proxy(state: LotState, command: SetProxy, at: datetime, fight: Duel) -> Decision:
    rejection = _untimely(state, at)
    if rejection is not None:
        return rejection
    if command.bidder not in state.roster:
        return Rejection(code=RejectionCode.NOT_INVITED)
    if not state.terms.proxies:
        return Rejection(code=RejectionCode.NO_PROXIES)
    if command.limit is None and command.bidder not in state.course.proxies:
        return Rejection(code=RejectionCode.NO_SUCH_PROXY)
    if command.limit is not None:
        highest = FORMATS[state.terms.format].bounds(state, command.bidder).highest
        if command.limit > highest:
            bound = highest if highest > 0 else None
            return Rejection(code=RejectionCode.ABOVE_LIMIT, bound=bound)
    event = ProxySet(
        seq=state.seq + 1,
        at=at,
        bid_id=command.bid_id,
        bidder=command.bidder,
        client_bid_id=command.client_bid_id,
        limit=command.limit,
        step=command.step,
    )
    return answered(state, (event,), None, at, fight)


def _decide_consent(state: LotState, command: AllowSurrogate, at: datetime, _: Duel) -> Decision:
    if state.phase in {Phase.CLOSED, Phase.CANCELLED}:
        return _ended(state)
    if command.bidder not in state.roster:
        return Rejection(code=RejectionCode.NOT_INVITED)
    if not state.terms.surrogates:
        return Rejection(code=RejectionCode.NO_CONSENT)
    if command.bidder in state.course.consents:
        return Rejection(code=RejectionCode.ALLOWED_ALREADY)
    return (SurrogateAllowed(seq=state.seq + 1, at=at, bidder=command.bidder),)


def _decide_revocation(
    state: LotState, command: RevokeSurrogate, at: datetime, _: Duel
) -> Decision:
    if state.phase in {Phase.CLOSED, Phase.CANCELLED}:
        return _ended(state)
    if command.bidder not in state.course.consents:
        return Rejection(code=RejectionCode.NO_CONSENT)
    return (SurrogateRevoked(seq=state.seq + 1, at=at, bidder=command.bidder),)


def _decide_withdrawal(state: LotState, command: Withdraw, at: datetime, fight: Duel) -> Decision:
    """Strike a standing bid; where the auction runs, proxies it kept back may lead now.

    Sealed bids the buyer cannot strike: whether there is one is hidden from him.
    """
    if state.phase in {Phase.CLOSED, Phase.CANCELLED}:
        return _ended(state)
    if command.by_bidder and state.terms.withdrawals is not Withdrawals.FREELY:
        return Rejection(code=RejectionCode.NO_WITHDRAWALS)
    if not command.by_bidder and state.terms.format in SEALED:
        return Rejection(code=RejectionCode.BIDS_HIDDEN)
    place = state.places.get(command.bidder)
    if place is None or command.bid_id not in {None, place.bid_id}:
        return Rejection(code=RejectionCode.NO_SUCH_BID)
    withdrawn = BidWithdrawn(
        seq=state.seq + 1,
        at=at,
        bid_id=place.bid_id,
        bidder=command.bidder,
        reason=command.reason,
        by_bidder=command.by_bidder,
    )
    if not state.terms.proxies or _untimely(state, at) is not None:
        return (withdrawn,)
    return answered(state, (withdrawn,), None, at, fight)


def _decide_request(state: LotState, command: RequestWithdrawal, at: datetime, _: Duel) -> Decision:
    """Pass a bidder's wish on to the buyer, once for a bid: the log must not be floodable."""
    if state.phase in {Phase.CLOSED, Phase.CANCELLED}:
        return _ended(state)
    if state.terms.withdrawals is not Withdrawals.ON_REQUEST:
        return Rejection(code=RejectionCode.NO_WITHDRAWALS)
    place = state.places.get(command.bidder)
    if place is None:
        return Rejection(code=RejectionCode.NO_SUCH_BID)
    if state.request_of(command.bidder) is not None:
        return Rejection(code=RejectionCode.ASKED_ALREADY)
    return (
        WithdrawalRequested(
            seq=state.seq + 1,
            at=at,
            bid_id=place.bid_id,
            bidder=command.bidder,
            reason=command.reason,
        ),
    )


def _decide_announcement(state: LotState, command: Announce, at: datetime, _: Duel) -> Decision:
    if state.phase in {Phase.CLOSED, Phase.CANCELLED}:
        return _ended(state)
    if command.message_id in state.course.messages:
        return Rejection(code=RejectionCode.TOLD_ALREADY)
    if len(state.course.messages) >= AUCTION_MESSAGES_MAX:
        return Rejection(code=RejectionCode.TOO_MANY_MESSAGES)
    told = Announced(seq=state.seq + 1, at=at, message_id=command.message_id, text=command.text)
    return (told,)


def _untimely(state: LotState, at: datetime) -> Rejection | None:
    if state.phase is Phase.OPEN:
        if state.course.paused_at is not None:
            return Rejection(code=RejectionCode.PAUSED)
        return Rejection(code=RejectionCode.TOO_LATE) if at >= state.closes_at else None
    if state.phase is Phase.SCHEDULED:
        return Rejection(code=RejectionCode.NOT_STARTED)
    return _ended(state)


def _ended(state: LotState) -> Rejection:
    closed = state.phase is Phase.CLOSED
    return Rejection(code=RejectionCode.CLOSED if closed else RejectionCode.CANCELLED)


# The clock


def _decide_start(state: LotState, _command: Start, at: datetime, _: Duel) -> Decision:
    if state.phase is not Phase.SCHEDULED or state.waits or at < state.starts_at:
        return Rejection(code=RejectionCode.NOT_DUE)
    started = Started(seq=state.seq + 1, at=at)
    following = FORMATS[state.terms.format].started(evolve(state, started), at)
    return (started, *following)


def _decide_tick(state: LotState, _command: Tick, at: datetime, _: Duel) -> Decision:
    stage = state.course.stage
    if stage is None or not _runs(state) or at < stage.until:
        return Rejection(code=RejectionCode.NOT_DUE)
    return FORMATS[state.terms.format].tick(state, at)


def _decide_close(state: LotState, _command: Close, at: datetime, _: Duel) -> Decision:
    if state.phase in {Phase.CLOSED, Phase.CANCELLED}:
        return _ended(state)
    if not _runs(state) or at < state.closes_at:
        return Rejection(code=RejectionCode.NOT_DUE)
    return (Closed(seq=state.seq + 1, at=at),)


def _decide_pause(state: LotState, command: Pause, at: datetime, _: Duel) -> Decision:
    rejection = _untimely(state, at)
    if rejection is not None:
        return rejection
    return (Paused(seq=state.seq + 1, at=at, reason=command.reason),)


def _decide_resume(state: LotState, _command: Resume, at: datetime, fight: Duel) -> Decision:
    paused_at = state.course.paused_at
    if state.phase is not Phase.OPEN or paused_at is None:
        return Rejection(code=RejectionCode.NOT_PAUSED)
    resumed = Resumed(seq=state.seq + 1, at=at, closes_at=state.closes_at + (at - paused_at))
    if not state.terms.proxies:
        return (resumed,)
    return answered(state, (resumed,), None, at, fight)


def _decide_following(state: LotState, command: FollowClose, at: datetime, _: Duel) -> Decision:
    rejection = _untimely(state, at)
    if rejection is not None:
        return rejection
    overtime = state.terms.overtime
    closes_at = min(command.closes_at, cap_of(state))
    if overtime is None or not overtime.all_lots or closes_at <= state.closes_at:
        return Rejection(code=RejectionCode.NOT_LATER)
    return (CloseExtended(seq=state.seq + 1, at=at, closes_at=closes_at, followed=True),)


def _decide_extension(state: LotState, command: Extend, at: datetime, _: Duel) -> Decision:
    rejection = _untimely(state, at)
    if rejection is not None:
        return rejection
    if state.terms.overtime is None or command.closes_at > cap_of(state):
        return Rejection(code=RejectionCode.BEYOND_CAP)
    if command.closes_at <= state.closes_at:
        return Rejection(code=RejectionCode.NOT_LATER)
    moved = CloseExtended(
        seq=state.seq + 1, at=at, closes_at=command.closes_at, reason=command.reason
    )
    return (moved,)


def _decide_turn(state: LotState, command: FollowLot, at: datetime, _: Duel) -> Decision:
    """Let a lot begin that waited for another to end; it lasts as long as was planned."""
    terms = state.terms
    if not state.waits or terms.follows is None:
        return Rejection(code=RejectionCode.NOT_DUE)
    starts_at = max(command.ended_at + timedelta(seconds=terms.follows.break_s), at)
    closes_at = starts_at + (terms.ends_at - terms.starts_at)
    moved = StartMoved(
        seq=state.seq + 1,
        at=at,
        ended_at=command.ended_at,
        starts_at=starts_at,
        closes_at=closes_at,
    )
    return (moved,)


def _decide_cancel(state: LotState, command: Cancel, at: datetime, _: Duel) -> Decision:
    if state.phase in {Phase.CLOSED, Phase.CANCELLED}:
        return _ended(state)
    return (Cancelled(seq=state.seq + 1, at=at, reason=command.reason),)


def _runs(state: LotState) -> bool:
    return state.phase is Phase.OPEN and state.course.paused_at is None


_DECIDERS: Final[dict[type, Callable[..., Decision]]] = {
    SetProxy: _decide_proxy,
    AllowSurrogate: _decide_consent,
    RevokeSurrogate: _decide_revocation,
    Withdraw: _decide_withdrawal,
    RequestWithdrawal: _decide_request,
    Extend: _decide_extension,
    Announce: _decide_announcement,
    Start: _decide_start,
    Tick: _decide_tick,
    Close: _decide_close,
    Pause: _decide_pause,
    Resume: _decide_resume,
    FollowClose: _decide_following,
    FollowLot: _decide_turn,
    Cancel: _decide_cancel,
}


def refused(
    state: LotState, bid: PlaceBid, rejection: Rejection, at: datetime
) -> BidRefused | None:
    """Give the log's entry of a refused bid, or None if the log does not take it.

    A log ends with its close: what comes later, or from somebody not invited, has no number.
    """
    if state.phase in {Phase.CLOSED, Phase.CANCELLED}:
        return None
    if rejection.code is RejectionCode.NOT_INVITED:
        return None
    return BidRefused(
        seq=state.seq + 1,
        at=max(at, state.at),
        bid_id=bid.bid_id,
        bidder=bid.bidder,
        client_bid_id=bid.client_bid_id,
        amount=bid.amount,
        code=rejection.code,
        bound=rejection.bound,
        surrogate=bid.surrogate,
        proof=bid.proof,
    )
