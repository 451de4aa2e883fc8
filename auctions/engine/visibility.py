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

from auctions.engine import witnessed
from auctions.engine.events import Rejection, RejectionCode
from auctions.engine.formats import FORMATS
from auctions.engine.ranking import Place, shown_rank
from auctions.engine.scoring import in_terms_of
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import SEALED, Disclosure
from marketplace.kernel.errors import MarketplaceError, NotFound, WrongState, invalid
from marketplace.kernel.limits import AUCTION_MESSAGES_MAX
from marketplace.kernel.money import Money, currency_digits

OWNER: Final = "owner"
"""The viewer who is the buyer."""

Viewer = UUID | Literal["owner"]
"""The buyer, or one of the bidders."""


class RivalView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One standing bid, as bidders see it in an open auction."""

    rank: int
    alias: str
    amount: Money


class StageView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The round or turn that lasts until `until`: the price called, or whose turn it is."""

    round: int
    until: datetime
    price: Money | UnsetType = UNSET
    turn_of: str | UnsetType = UNSET


class NoticeView(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the buyer to all; the first has the number 1."""

    number: int
    at: datetime
    text: str


class BidderView(msgspec.Struct, frozen=True, kw_only=True, tag="bidder", tag_field="viewer"):
    """A lot as one of its bidders sees it; rivals' amounts are in his terms and currency.

    `number` counts the changes he saw. `limit` is the highest amount he may bid now and always
    acceptable, absent once he cannot go lower; `floor` the lowest, where the terms guard against
    typing errors. `best_price` and `standings` exist only where the terms disclose them and, behind
    a starting gate, after his first bid; `rank` not in auctions that hide it until the close. Since
    `paused_at` the clock stands still, `paused_because` says why. `notice` is the buyer's last
    message to all. `proxy` is his own limit; `out` tells that he left, `withdrawal_requested` that
    he asked for his bid to be struck, `surrogate_allowed` that the buyer may enter bids for him.
    A lot that `waits` starts when the one before has ended: its times are as planned.
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
    paused_at: datetime | UnsetType = UNSET
    paused_because: str | UnsetType = UNSET
    notice: NoticeView | UnsetType = UNSET
    stage: StageView | UnsetType = UNSET
    proxy: Money | UnsetType = UNSET
    out: bool | UnsetType = UNSET
    withdrawal_requested: bool | UnsetType = UNSET
    surrogate_allowed: bool | UnsetType = UNSET
    waits: bool | UnsetType = UNSET


class StandingView(msgspec.Struct, frozen=True, kw_only=True):
    """One standing bid, as the buyer sees it; `score` is what it is ranked by, if not the amount.

    `organization_id` exists once the lot is closed, or earlier if the terms say so. Where its
    bidder asks to have it struck `withdrawal_requested` says why.
    """

    rank: int
    alias: str
    amount: Money
    organization_id: UUID | UnsetType = UNSET
    score: str | UnsetType = UNSET
    withdrawal_requested: str | UnsetType = UNSET


class OwnerView(msgspec.Struct, frozen=True, kw_only=True, tag="owner", tag_field="viewer"):
    """A lot as its buyer sees it; `number` counts the changes he saw.

    Of sealed bids he sees nothing before the close. `left` counts who left a Japanese auction;
    `surrogates_allowed` are the companies for which he may enter bids. A lot that `waits` starts
    when the one before has ended: its times are as planned.
    """

    number: int
    phase: Phase
    starts_at: datetime
    closes_at: datetime
    extensions: int
    participants: int
    standings: tuple[StandingView, ...]
    paused_at: datetime | UnsetType = UNSET
    paused_because: str | UnsetType = UNSET
    notice: NoticeView | UnsetType = UNSET
    stage: StageView | UnsetType = UNSET
    left: int | UnsetType = UNSET
    surrogates_allowed: tuple[UUID, ...] | UnsetType = UNSET
    waits: bool | UnsetType = UNSET


def view(state: LotState, viewer: Viewer) -> BidderView | OwnerView:
    """Give what `viewer` may see of the lot now. Raises NotFound for one who is not invited."""
    return _owner_view(state) if isinstance(viewer, str) else _bidder_view(state, viewer)


def number(state: LotState, viewer: Viewer) -> int:
    """Give how many changes `viewer` saw: it rises by one whenever his view changes, else never."""
    if isinstance(viewer, str):
        return state.witnessed.by_owner
    return witnessed.number_of_bidder(state, viewer)


def shows_rank(state: LotState) -> bool:
    """Tell whether bidders see their rank now."""
    return state.terms.disclosure is not Disclosure.OWN_ONLY or state.phase is Phase.CLOSED


def explain(rejection: Rejection, currency: str) -> MarketplaceError:
    """Give the error a bidder gets for a refusal: what he did and his own bounds, nothing else."""
    code, bound = rejection.code, rejection.bound
    if code is RejectionCode.NOT_INVITED:
        return NotFound("There is no such auction.")
    if code in _AMOUNT_REFUSALS:
        with_bound, without = _AMOUNT_REFUSALS[code]
        detail = without if bound is None else with_bound.format(bound=f"{bound} {currency}")
        return invalid("/amount", code.value, detail)
    if code in _CLOSE_REFUSALS:
        return invalid("/closes_at", code.value, _CLOSE_REFUSALS[code])
    detail, state = _STATE_REFUSALS[code]
    return WrongState(detail, state=state.value)


_AMOUNT_REFUSALS: Final = {
    RejectionCode.ABOVE_LIMIT: (
        "The bid is too high: at most {bound} is acceptable from you now.",
        "Less than a step is left: you cannot go lower.",
    ),
    RejectionCode.BELOW_FLOOR: (
        "The bid falls too far at once: at least {bound}. Is it a slip?",
        "The bid falls too far at once. Is it a slip?",
    ),
    RejectionCode.TIED: (
        "Somebody has bid this amount and ties are forbidden; {bound} is free.",
        "Somebody has bid this amount and ties are forbidden.",
    ),
    RejectionCode.OFF_GRID: (
        "Bids fall by whole steps: {bound} is the next one above.",
        "Bids fall by whole steps.",
    ),
    RejectionCode.OFF_PRICE: (
        "The price called is {bound}: bid it to stay in.",
        "Another price is called.",
    ),
}
_STATE_REFUSALS: Final = {
    RejectionCode.NOT_STARTED: ("The auction has not started.", Phase.SCHEDULED),
    RejectionCode.TOO_LATE: ("The bid was decided at or after the close.", Phase.CLOSED),
    RejectionCode.CLOSED: ("The auction is closed.", Phase.CLOSED),
    RejectionCode.CANCELLED: ("The auction was cancelled.", Phase.CANCELLED),
    RejectionCode.NOT_DUE: ("The auction closes by its clock alone.", Phase.OPEN),
    RejectionCode.PAUSED: ("The auction is paused; the time that was left stays.", Phase.OPEN),
    RejectionCode.NOT_PAUSED: ("The auction is not paused.", Phase.OPEN),
    RejectionCode.ALREADY_IN: ("You stay in at this price already.", Phase.OPEN),
    RejectionCode.OUT: ("You did not stay in at an earlier price and are out.", Phase.OPEN),
    RejectionCode.NOT_YOUR_TURN: ("It is not your turn.", Phase.OPEN),
    RejectionCode.NO_PROXIES: ("This auction takes no proxy bids.", Phase.OPEN),
    RejectionCode.NO_CONSENT: (
        "Bids for a bidder need the terms' consent and the bidder's.",
        Phase.OPEN,
    ),
    RejectionCode.NO_SUCH_BID: ("There is no standing bid of this bidder.", Phase.OPEN),
    RejectionCode.NO_SUCH_PROXY: ("No proxy bids for you.", Phase.OPEN),
    RejectionCode.NO_WITHDRAWALS: ("The terms do not let you do this with your bid.", Phase.OPEN),
    RejectionCode.ASKED_ALREADY: ("You asked for this bid to be struck already.", Phase.OPEN),
    RejectionCode.ALLOWED_ALREADY: ("The buyer may enter bids for you already.", Phase.OPEN),
    RejectionCode.BIDS_HIDDEN: (
        "Sealed bids cannot be struck by the buyer: whether there is one is hidden from him.",
        Phase.OPEN,
    ),
    RejectionCode.TOLD_ALREADY: ("This message was sent already.", Phase.OPEN),
    RejectionCode.TOO_MANY_MESSAGES: (
        f"An auction has at most {AUCTION_MESSAGES_MAX} messages to all.",
        Phase.OPEN,
    ),
}
_CLOSE_REFUSALS: Final = {
    RejectionCode.NOT_LATER: "The close would not be later: it never moves earlier.",
    RejectionCode.BEYOND_CAP: "The terms let the close move no further than their overtime allows.",
}


def _bidder_view(state: LotState, bidder: UUID) -> BidderView:
    if bidder not in state.roster:
        raise NotFound("There is no such auction.")
    terms, currency = state.terms, state.currency_of(bidder)
    place = state.places.get(bidder)
    shown: dict[str, object] = _incidents(state)
    if place is not None:
        shown["amount"] = Money(place.amount, currency)
        if shows_rank(state):
            shown["rank"] = shown_rank(state.order, place, terms.ties)
    if state.phase in {Phase.SCHEDULED, Phase.OPEN}:
        bounds = FORMATS[terms.format].bounds(state, bidder)
        if bounds.highest > 0:
            shown["limit"] = Money(bounds.highest, currency)
        if bounds.lowest is not None:
            shown["floor"] = Money(bounds.lowest, currency)
    if place is not None or not terms.starting_gate:
        shown |= _rivals(state, bidder)
    return BidderView(
        number=number(state, bidder),
        phase=state.phase,
        starts_at=state.starts_at,
        closes_at=state.closes_at,
        extensions=state.extensions,
        **shown,  # type: ignore[arg-type]
        **_own_course(state, bidder),  # type: ignore[arg-type]
    )


def _own_course(state: LotState, bidder: UUID) -> dict[str, object]:
    """Give what only some bidders have: a proxy, wishes, consents, an end before the others."""
    shown: dict[str, object] = {}
    proxy = state.course.proxies.get(bidder)
    if proxy is not None:
        shown["proxy"] = Money(proxy.limit, state.currency_of(bidder))
    if bidder in state.course.out:
        shown["out"] = True
    if state.request_of(bidder) is not None:
        shown["withdrawal_requested"] = True
    if bidder in state.course.consents:
        shown["surrogate_allowed"] = True
    return shown


def _incidents(state: LotState) -> dict[str, object]:
    """Give what everybody sees of a wait, a pause, the buyer's messages and a stage."""
    shown: dict[str, object] = {"waits": True} if state.waits else {}
    stage, notice = state.course.stage, state.course.notice
    if state.course.paused_at is not None:
        shown["paused_at"] = state.course.paused_at
        shown["paused_because"] = state.course.paused_because or UNSET
    if notice is not None:
        number_ = len(state.course.messages)
        shown["notice"] = NoticeView(number=number_, at=notice.at, text=notice.text)
    if stage is not None and state.phase is Phase.OPEN:
        price = UNSET if stage.price is None else Money(stage.price, state.terms.currency)
        turn_of = UNSET if stage.bidder is None else state.roster[stage.bidder]
        shown["stage"] = StageView(
            round=stage.round, until=stage.until, price=price, turn_of=turn_of
        )
    return shown


def _rivals(state: LotState, bidder: UUID) -> dict[str, object]:
    disclosure = state.terms.disclosure
    if disclosure is Disclosure.BEST_PRICE and state.order:
        return {"best_price": _as_own(state, bidder, state.order[0])}
    if disclosure is Disclosure.OPEN:
        rivals = tuple(
            RivalView(
                rank=shown_rank(state.order, place, state.terms.ties),
                alias=state.roster[place.bidder],
                amount=_as_own(state, bidder, place),
            )
            for place in state.order
        )
        return {"standings": rivals}
    return {}


def _as_own(state: LotState, bidder: UUID, place: Place) -> Money:
    """Give a rival's bid as the amount of the bidder's own that would be ranked as well."""
    if not state.yardsticks:
        return Money(place.amount, state.terms.currency)
    digits = currency_digits(state.terms.currency)
    amount = in_terms_of(state.yardsticks, bidder, place.score, digits)
    return Money(amount, state.currency_of(bidder))


def _owner_view(state: LotState) -> OwnerView:
    hidden = state.terms.format in SEALED and state.phase is not Phase.CLOSED
    out = state.course.out
    return OwnerView(
        number=state.witnessed.by_owner,
        phase=state.phase,
        starts_at=state.starts_at,
        closes_at=state.closes_at,
        extensions=state.extensions,
        participants=len(state.roster),
        standings=() if hidden else _standings(state),
        left=len(out) if out else UNSET,
        surrogates_allowed=tuple(sorted(state.course.consents)) or UNSET,
        **_incidents(state),  # type: ignore[arg-type]
    )


def _standings(state: LotState) -> tuple[StandingView, ...]:
    identified = state.terms.buyer_sees_identities or state.phase is Phase.CLOSED
    return tuple(
        StandingView(
            rank=shown_rank(state.order, place, state.terms.ties),
            alias=state.roster[place.bidder],
            amount=Money(place.amount, state.currency_of(place.bidder)),
            organization_id=place.bidder if identified else UNSET,
            score=f"{place.score:f}" if place.bidder in state.yardsticks else UNSET,
            withdrawal_requested=UNSET
            if (request := state.request_of(place.bidder)) is None
            else request.reason,
        )
        for place in state.order
    )
