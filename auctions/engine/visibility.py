"""Who sees what: the one projection for REST, WebSocket, errors, counts and entity tags.

What a viewer gets follows from his own acts and from what the terms let him see, to the byte: if
hidden facts of his rivals change, nothing of it changes. That is why views carry a number of their
own, which counts the changes *this viewer* saw. The log's numbers and hashes would tell him how
many hidden bids there were, and a price can be guessed from two chain heads; they are published
after the close only.
"""

from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from auctions.engine.events import Rejection, RejectionCode
from auctions.engine.formats import FORMATS
from auctions.engine.ranking import rank_of
from auctions.engine.state import LotState, Phase, Witnessed
from auctions.engine.terms import Disclosure
from marketplace.kernel.errors import MarketplaceError, NotFound, WrongState, invalid
from marketplace.kernel.money import Money

OWNER: Final = "owner"
"""The viewer who is the buyer."""

Viewer = UUID | Literal["owner"]
"""The buyer, or one of the bidders."""


class RivalView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One standing bid, as bidders see it in an open auction."""

    rank: int
    alias: str
    amount: Money


class BidderView(msgspec.Struct, frozen=True, kw_only=True, tag="bidder", tag_field="viewer"):
    """A lot as one of its bidders sees it.

    `number` counts the changes he saw. `limit` is the highest amount he may bid now and always
    acceptable, absent once he cannot go lower; `floor` the lowest, where the terms guard against
    typing errors. `best_price` and
    `standings` exist only where the terms disclose them and, behind a starting gate, after his
    first bid.
    """

    number: int
    phase: Phase
    starts_at: datetime
    closes_at: datetime
    extensions: int
    amount: Money | UnsetType = UNSET
    rank: int | UnsetType = UNSET
    limit: Money | UnsetType = UNSET
    floor: Money | UnsetType = UNSET
    best_price: Money | UnsetType = UNSET
    standings: tuple[RivalView, ...] | UnsetType = UNSET


class StandingView(msgspec.Struct, frozen=True, kw_only=True):
    """One standing bid, as the buyer sees it.

    `organization_id` exists once the lot is closed, or earlier if the terms say so.
    """

    rank: int
    alias: str
    amount: Money
    organization_id: UUID | UnsetType = UNSET


class OwnerView(msgspec.Struct, frozen=True, kw_only=True, tag="owner", tag_field="viewer"):
    """A lot as its buyer sees it; `number` counts the changes he saw."""

    number: int
    phase: Phase
    starts_at: datetime
    closes_at: datetime
    extensions: int
    participants: int
    standings: tuple[StandingView, ...]


def view(state: LotState, viewer: Viewer) -> BidderView | OwnerView:
    """Give what `viewer` may see of the lot now. Raises NotFound for one who is not invited."""
    return _owner_view(state) if isinstance(viewer, str) else _bidder_view(state, viewer)


def number(state: LotState, viewer: Viewer) -> int:
    """Give how many changes `viewer` saw: it rises by one whenever his view changes, else never."""
    witnessed = state.witnessed
    if isinstance(viewer, str):
        return witnessed.by_owner
    place = state.places.get(viewer)
    if place is None:
        return witnessed.by_all
    own = witnessed.own[rank_of(state.order, place.key) - 1]
    return witnessed.by_all + witnessed.by_ranked + own


def seen_by_all(before: Witnessed) -> Witnessed:
    """Count a change of what everybody sees: the phase or the clock."""
    return Witnessed(before.by_all + 1, before.by_ranked, before.by_owner + 1, before.own)


def seen_bid(state: LotState, index: int, old_index: int | None) -> Witnessed:
    """Count who sees an accepted bid that moved its bidder to `index` of the ranking.

    `old_index` is where he stood before, None if nowhere. Bids only fall, so nobody moves back by
    his own bid; those he passed see their rank change.
    """
    before = state.witnessed
    disclosed = _discloses(state, index)
    gate = state.terms.starting_gate
    by_all = before.by_all + (disclosed and not gate)
    by_ranked = before.by_ranked + (disclosed and gate)
    own = before.own
    if old_index is None:
        mover = before.by_all + 1 - by_all - by_ranked
        passed, rest = own[index:], own[:0]
    else:
        mover = own[old_index] + (not disclosed)
        passed, rest = own[index:old_index], own[old_index + 1 :]
    if not disclosed:
        passed = tuple([count + 1 for count in passed])
    own = (*own[:index], mover, *passed, *rest)
    return Witnessed(by_all, by_ranked, before.by_owner + 1, own)


def explain(rejection: Rejection, currency: str) -> MarketplaceError:
    """Give the error a bidder gets for a refusal: what he did and his own bounds, nothing else."""
    code, bound = rejection.code, rejection.bound
    if code is RejectionCode.NOT_INVITED:
        return NotFound("There is no such auction.")
    if code is RejectionCode.ABOVE_LIMIT and bound is None:
        return invalid("/amount", code.value, "Less than a step is left: you cannot go lower.")
    if code is RejectionCode.ABOVE_LIMIT:
        detail = f"The bid is too high: at most {bound} {currency} is acceptable from you now."
        return invalid("/amount", code.value, detail)
    if code is RejectionCode.BELOW_FLOOR:
        detail = f"The bid falls too far at once: at least {bound} {currency}. Is it a slip?"
        return invalid("/amount", code.value, detail)
    detail, state = _STATE_REFUSALS[code]
    return WrongState(detail, state=state.value)


_STATE_REFUSALS: Final = {
    RejectionCode.NOT_STARTED: ("The auction has not started.", Phase.SCHEDULED),
    RejectionCode.TOO_LATE: ("The bid was decided at or after the close.", Phase.CLOSED),
    RejectionCode.CLOSED: ("The auction is closed.", Phase.CLOSED),
    RejectionCode.CANCELLED: ("The auction was cancelled.", Phase.CANCELLED),
    RejectionCode.NOT_DUE: ("The auction closes by its clock alone.", Phase.OPEN),
}


def _discloses(state: LotState, index: int) -> bool:
    """Tell whether rivals see more of a bid at `index` than their own rank."""
    disclosure = state.terms.disclosure
    if disclosure is Disclosure.RANK_ONLY:
        return False
    return disclosure is Disclosure.OPEN or index == 0


def _bidder_view(state: LotState, bidder: UUID) -> BidderView:
    if bidder not in state.roster:
        raise NotFound("There is no such auction.")
    terms, currency = state.terms, state.terms.currency
    place = state.places.get(bidder)
    shown: dict[str, object] = {}
    if place is not None:
        shown["amount"] = Money(place.amount, currency)
        shown["rank"] = rank_of(state.order, place.key)
    if state.phase in {Phase.SCHEDULED, Phase.OPEN}:
        bounds = FORMATS[terms.format].bounds(state, bidder)
        if bounds.highest > 0:
            shown["limit"] = Money(bounds.highest, currency)
        if bounds.lowest is not None:
            shown["floor"] = Money(bounds.lowest, currency)
    if place is not None or not terms.starting_gate:
        shown |= _rivals(state)
    return BidderView(
        number=number(state, bidder),
        phase=state.phase,
        starts_at=terms.starts_at,
        closes_at=state.closes_at,
        extensions=state.extensions,
        **shown,  # type: ignore[arg-type]
    )


def _rivals(state: LotState) -> dict[str, object]:
    disclosure, currency = state.terms.disclosure, state.terms.currency
    if disclosure is Disclosure.BEST_PRICE and state.order:
        return {"best_price": Money(state.order[0].amount, currency)}
    if disclosure is Disclosure.OPEN:
        rivals = tuple(
            RivalView(
                rank=rank,
                alias=state.roster[place.bidder],
                amount=Money(place.amount, currency),
            )
            for rank, place in enumerate(state.order, start=1)
        )
        return {"standings": rivals}
    return {}


def _owner_view(state: LotState) -> OwnerView:
    identified = state.terms.buyer_sees_identities or state.phase is Phase.CLOSED
    standings = tuple(
        StandingView(
            rank=rank,
            alias=state.roster[place.bidder],
            amount=Money(place.amount, state.terms.currency),
            organization_id=place.bidder if identified else UNSET,
        )
        for rank, place in enumerate(state.order, start=1)
    )
    return OwnerView(
        number=state.witnessed.by_owner,
        phase=state.phase,
        starts_at=state.terms.starts_at,
        closes_at=state.closes_at,
        extensions=state.extensions,
        participants=len(state.roster),
        standings=standings,
    )
