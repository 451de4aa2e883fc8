"""Deciding on commands and folding events: the heart of the auction.

``decide`` says what happens, ``evolve`` what is then the case. Both are pure; a decision is made
against the instant it is given, which the ledger reads from the database's clock.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, cast
from uuid import UUID

from msgspec.structs import replace

from auctions.engine import visibility
from auctions.engine.events import (
    Admitted,
    BidAccepted,
    BidRefused,
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
from auctions.engine.extension import extended_close
from auctions.engine.formats import FORMATS
from auctions.engine.ranking import Place, rank_of, score
from auctions.engine.state import LOT, LotState, Phase
from auctions.engine.terms import Terms, check_amount, check_terms
from marketplace.kernel.errors import FieldError, InvalidInput, invalid
from marketplace.kernel.limits import AUCTION_PARTICIPANTS_MAX

Decision = tuple[Event, ...] | Rejection

START_GRACE: Final = timedelta(minutes=1)
"""A start may have passed by so much when a lot is scheduled: "now" takes a moment to arrive."""


def schedule(
    lot_id: UUID, terms: Terms, invitations: Sequence[Invitation], at: datetime
) -> tuple[Event, ...]:
    """Open a lot's log: its terms, then everybody who may bid, in the order given.

    Equal opening amounts rank in that order. Raises InvalidInput if the terms do not fit together,
    a bidder or an alias is named twice, or an opening amount could not have been a bid.
    """
    check_terms(terms)
    if terms.starts_at < at - START_GRACE:
        raise invalid("/starts_at", "in_the_past", "An auction cannot start in the past.")
    if terms.ends_at <= at:
        raise invalid("/ends_at", "in_the_past", "An auction cannot end in the past.")
    _check_invitations(terms, invitations)
    events: list[Event] = [Scheduled(seq=1, at=at, lot_id=lot_id, terms=terms)]
    events += [
        Admitted(
            seq=seq,
            at=at,
            bid_id=invitation.bid_id,
            bidder=invitation.bidder,
            alias=invitation.alias,
            amount=invitation.opening,
        )
        for seq, invitation in enumerate(invitations, start=2)
    ]
    return tuple(events)


def _check_invitations(terms: Terms, invitations: Sequence[Invitation]) -> None:
    if not 1 <= len(invitations) <= AUCTION_PARTICIPANTS_MAX:
        detail = f"An auction has 1 to {AUCTION_PARTICIPANTS_MAX} participants."
        raise invalid("/participants", "out_of_range", detail)
    errors = []
    bidders: set[UUID] = set()
    aliases: set[str] = set()
    for index, invitation in enumerate(invitations):
        pointer = f"/participants/{index}"
        if invitation.bidder in bidders:
            detail = "This organization is invited twice."
            errors.append(FieldError(f"{pointer}/organization_id", "duplicate", detail))
        if invitation.alias in aliases:
            detail = "Two participants have this alias."
            errors.append(FieldError(f"{pointer}/alias", "duplicate", detail))
        bidders.add(invitation.bidder)
        aliases.add(invitation.alias)
        if invitation.opening is not None:
            check_amount(invitation.opening, terms.currency, f"{pointer}/opening_amount")
            if invitation.opening > terms.ceiling:
                detail = "An opening amount must not exceed the ceiling."
                errors.append(FieldError(f"{pointer}/opening_amount", "above_ceiling", detail))
    if errors:
        raise InvalidInput("The list of participants is not right.", errors=errors)


def decide(state: LotState, command: Command, at: datetime) -> Decision:
    """Say what a command brings about at an instant: events, numbered after the state, or why not.

    An instant before the state's last one counts as that one: the log's instants never fall.
    """
    at = max(at, state.at)
    if isinstance(command, PlaceBid):
        return _decide_bid(state, command, at)
    if isinstance(command, Start):
        if state.phase is not Phase.SCHEDULED or at < state.terms.starts_at:
            return Rejection(code=RejectionCode.NOT_DUE)
        return (Started(seq=state.seq + 1, at=at),)
    if isinstance(command, Close):
        return _decide_close(state, at)
    if state.phase in {Phase.CLOSED, Phase.CANCELLED}:
        return _ended(state)
    return (Cancelled(seq=state.seq + 1, at=at, reason=command.reason),)


def _decide_bid(state: LotState, bid: PlaceBid, at: datetime) -> Decision:
    rejection = _untimely(state, at)
    if rejection is not None:
        return rejection
    if bid.bidder not in state.roster:
        return Rejection(code=RejectionCode.NOT_INVITED)
    rejection = FORMATS[state.terms.format].judge(state, bid)
    if rejection is not None:
        return rejection
    seq = state.seq + 1
    rank = rank_of(state.order, (score(state.terms, bid.amount), seq))
    accepted = BidAccepted(
        seq=seq,
        at=at,
        bid_id=bid.bid_id,
        bidder=bid.bidder,
        client_bid_id=bid.client_bid_id,
        amount=bid.amount,
        rank=rank,
    )
    closes_at = extended_close(state, rank, at)
    if closes_at is None:
        return (accepted,)
    return (accepted, CloseExtended(seq=seq + 1, at=at, closes_at=closes_at))


def _untimely(state: LotState, at: datetime) -> Rejection | None:
    if state.phase is Phase.OPEN:
        return Rejection(code=RejectionCode.TOO_LATE) if at >= state.closes_at else None
    if state.phase is Phase.SCHEDULED:
        return Rejection(code=RejectionCode.NOT_STARTED)
    return _ended(state)


def _ended(state: LotState) -> Rejection:
    closed = state.phase is Phase.CLOSED
    return Rejection(code=RejectionCode.CLOSED if closed else RejectionCode.CANCELLED)


def _decide_close(state: LotState, at: datetime) -> Decision:
    if state.phase in {Phase.CLOSED, Phase.CANCELLED}:
        return _ended(state)
    if state.phase is Phase.SCHEDULED or at < state.closes_at:
        return Rejection(code=RejectionCode.NOT_DUE)
    return (Closed(seq=state.seq + 1, at=at),)


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
    )


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
    if isinstance(event, Admitted):
        return _after_admission(state, event)
    return _after_clock(state, event)


def _after_bid(state: LotState, event: BidAccepted) -> LotState:
    bidder = event.bidder
    place = Place(score(state.terms, event.amount), event.seq, bidder, event.amount, event.bid_id)
    order, old = state.order, state.places.get(bidder)
    index = rank_of(order, place.key) - 1
    old_index = None if old is None else rank_of(order, old.key) - 1
    if old_index is None:
        order = (*order[:index], place, *order[index:])
    else:
        order = (*order[:index], place, *order[index:old_index], *order[old_index + 1 :])
    return LotState(
        lot_id=state.lot_id,
        terms=state.terms,
        phase=state.phase,
        seq=event.seq,
        at=event.at,
        closes_at=state.closes_at,
        extensions=state.extensions,
        roster=state.roster,
        places={**state.places, bidder: place},
        order=order,
        witnessed=visibility.seen_bid(state, index, old_index),
    )


def _after_admission(state: LotState, event: Admitted) -> LotState:
    """Take a bidder in. Nobody saw anything yet, so admissions count for nobody."""
    roster = {**state.roster, event.bidder: event.alias}
    if event.amount is None:
        return replace(state, seq=event.seq, at=event.at, roster=roster)
    place = Place(
        score(state.terms, event.amount), event.seq, event.bidder, event.amount, event.bid_id
    )
    order = tuple(sorted((*state.order, place)))
    return replace(
        state,
        seq=event.seq,
        at=event.at,
        roster=roster,
        places={**state.places, event.bidder: place},
        order=order,
        witnessed=replace(state.witnessed, own=(0,) * len(order)),
    )


def _after_clock(state: LotState, event: Event) -> LotState:
    state = replace(
        state, seq=event.seq, at=event.at, witnessed=visibility.seen_by_all(state.witnessed)
    )
    if isinstance(event, Started):
        return replace(state, phase=LOT.after(state.phase, "start"))
    if isinstance(event, CloseExtended):
        return replace(state, closes_at=event.closes_at, extensions=state.extensions + 1)
    if isinstance(event, Closed):
        return replace(state, phase=LOT.after(state.phase, "close"))
    reason = cast("Cancelled", event).reason
    return replace(state, phase=LOT.after(state.phase, "cancel"), cancelled_because=reason)
