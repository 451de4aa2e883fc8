"""Facts for the feed about what happens beside bidding: to those whom the lot's rules let know.

No fact says more than its reader's view: the buyer is told aliases, and nothing of sealed bids.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from auctions.engine.events import (
    Announced,
    BidAccepted,
    BidWithdrawn,
    CloseExtended,
    Event,
    Paused,
    Resumed,
    SurrogateAllowed,
    SurrogateRevoked,
    WithdrawalRequested,
)
from auctions.engine.state import LotState
from auctions.engine.terms import SEALED
from marketplace.kernel.canonical import plain_decimal
from marketplace.kernel.events import Event as Fact

Told = tuple[str, dict[str, object], UUID | None]
"""Kind and payload of a fact, and the one bidder it is for; None for all."""


def facts_of(event: Event, state: LotState) -> Told | None:
    """Give what an event is told as, None where it is not; `state` is the one after it."""
    tell = _TELL.get(type(event))
    return None if tell is None else tell(event, state)


def _paused(event: Paused, _state: LotState) -> Told:
    return "auction.paused", {"paused_at": event.at, "reason": event.reason}, None


def _resumed(event: Resumed, _state: LotState) -> Told:
    return "auction.resumed", {"closes_at": event.closes_at}, None


def _extended(event: CloseExtended, _state: LotState) -> Told | None:
    if event.reason is None:
        return None
    facts: dict[str, object] = {"closes_at": event.closes_at, "reason": event.reason}
    return "auction.extended", facts, None


def _announced(event: Announced, state: LotState) -> Told:
    number = state.course.messages.index(event.message_id) + 1
    return "auction.message", {"number": number, "text": event.text}, None


def _withdrawn(event: BidWithdrawn, state: LotState) -> Told:
    facts: dict[str, object] = {"alias": state.roster[event.bidder], "reason": event.reason}
    return "auction.bid_withdrawn", facts | {"by_bidder": event.by_bidder}, event.bidder


def _requested(event: WithdrawalRequested, state: LotState) -> Told:
    facts: dict[str, object] = {"alias": state.roster[event.bidder], "reason": event.reason}
    return "auction.withdrawal_requested", facts, event.bidder


def _allowed(event: SurrogateAllowed, _state: LotState) -> Told:
    return "auction.surrogate_allowed", {"organization_id": event.bidder}, event.bidder


def _revoked(event: SurrogateRevoked, _state: LotState) -> Told:
    return "auction.surrogate_revoked", {"organization_id": event.bidder}, event.bidder


def _entered(event: BidAccepted, state: LotState) -> Told | None:
    if event.surrogate is None:
        return None
    facts: dict[str, object] = {
        "organization_id": event.bidder,
        "amount": plain_decimal(event.amount),
        "currency": state.currency_of(event.bidder),
        "proof": event.proof,
    }
    return "auction.bid_entered", facts, event.bidder


_TELL: Final[Mapping[type, Callable[[Any, LotState], Told | None]]] = {
    Paused: _paused,
    Resumed: _resumed,
    CloseExtended: _extended,
    Announced: _announced,
    BidWithdrawn: _withdrawn,
    WithdrawalRequested: _requested,
    SurrogateAllowed: _allowed,
    SurrogateRevoked: _revoked,
    BidAccepted: _entered,
}


@dataclass(frozen=True, slots=True)
class Auctioned:
    """The auction a lot belongs to, as far as its facts need it."""

    id: UUID
    buyer_id: UUID
    version: int


def facts(auction: Auctioned, state: LotState, told: Sequence[Told]) -> list[Fact]:
    """Give the facts of a lot for the outbox."""
    return [
        Fact(
            kind=kind,
            subject_kind="auction",
            subject_id=auction.id,
            version=auction.version,
            audience=_audience(auction, state, bidder),
            payload={"lot_id": state.lot_id, **payload},
        )
        for kind, payload, bidder in told
    ]


def _audience(auction: Auctioned, state: LotState, bidder: UUID | None) -> frozenset[UUID]:
    if bidder is None:
        return frozenset((auction.buyer_id, *state.roster))
    if state.terms.format in SEALED:
        return frozenset((bidder,))
    return frozenset((auction.buyer_id, bidder))
