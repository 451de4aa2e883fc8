"""What bidders, the buyer and the clock do next in a made-up auction."""

from datetime import timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from auctions.engine.events import (
    AllowSurrogate,
    Announce,
    Cancel,
    Close,
    Command,
    Extend,
    FollowClose,
    Pause,
    PlaceBid,
    ProxySet,
    RequestWithdrawal,
    Resume,
    RevokeSurrogate,
    SetProxy,
    Start,
    Withdraw,
)
from auctions.engine.formats import FORMATS
from auctions.engine.formats.protocol import digits_of
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import Format, rounded_down, smallest
from auctions.simulation.house import House
from auctions.simulation.made import BUYER

MOMENT = timedelta(microseconds=1)


def next_step(house: House) -> timedelta:
    """Give how far the clock moves: often to the edges, sometimes back."""
    chance, state = house.chance, house.state
    draw = chance.random()
    deadline = state.deadline()
    if draw < 0.25 and deadline is not None:
        edge = chance.choice([-MOMENT, -MOMENT, timedelta(0), MOMENT, -timedelta(seconds=20)])
        return max(deadline + edge - house.clock, timedelta(0))
    if draw < 0.3:
        return -timedelta(seconds=chance.randint(1, 90))
    if draw < 0.5:
        return timedelta(0)
    return timedelta(seconds=chance.randint(1, 50), microseconds=chance.randint(0, 999_999))


def next_commands(house: House, number: int) -> list[Command]:
    """Give the batch that arrives next: one to four commands."""
    chance = house.chance
    size = chance.choice([1, 1, 2, 3])
    commands = [_command(house, number * 10 + place) for place in range(size)]
    if chance.random() < 0.15 and house.known:
        commands.append(_again(house))
    return commands


def _again(house: House) -> Command:
    bidder, key = house.chance.choice(list(house.known))
    event = house.known[bidder, key]
    if isinstance(event, ProxySet):
        return SetProxy(
            bid_id=UUID(int=9),
            bidder=bidder,
            client_bid_id=key,
            limit=event.limit,
            step=event.step,
        )
    return PlaceBid(bid_id=UUID(int=9), bidder=bidder, client_bid_id=key, amount=event.amount)


def _command(house: House, number: int) -> Command:
    chance, state = house.chance, house.state
    draw = chance.random()
    bidder = chance.choice(house.invitations).bidder
    if state.course.paused_at is not None and draw < 0.35:
        return Resume()
    if draw < 0.06:
        return _of_the_buyer(house, bidder)
    if draw < 0.09:
        return _wish(house, bidder)
    if draw < 0.25 and state.terms.proxies:
        return _proxy(house, bidder, number)
    stage = state.course.stage
    if stage is not None and stage.bidder is not None and draw < 0.8:
        bidder = stage.bidder
    amount = _amount(chance, state, bidder)
    surrogate = BUYER if state.terms.surrogates and chance.random() < 0.2 else None
    return PlaceBid(
        bid_id=UUID(int=10_000 + number),
        bidder=bidder,
        client_bid_id=f"bid-{number}",
        amount=amount,
        surrogate=surrogate,
    )


def _of_the_buyer(house: House, bidder: UUID) -> Command:
    chance = house.chance
    if house.state.terms.surrogates and chance.random() < 0.5:
        # Seldom: what is entered for bidders needs consents that last.
        leaves = bidder in house.state.course.consents and house.state.seq % 4 == 0
        return RevokeSurrogate(bidder) if leaves else AllowSurrogate(bidder)
    overtime = house.state.terms.overtime
    if overtime is not None and overtime.all_lots and chance.random() < 0.5:
        later = house.state.closes_at + timedelta(seconds=chance.randint(-30, 60))
        return FollowClose(later)
    return chance.choice(
        [
            Pause("a question"),
            Pause("a fire alarm"),
            Withdraw(bidder, "a slip"),
            Extend(
                house.state.closes_at + timedelta(seconds=chance.randint(-30, 300)),
                "a bidder was cut off",
            ),
            Announce(UUID(int=chance.getrandbits(128)), "the drawings have changed"),
            Cancel("no need") if chance.random() < 0.3 else Close(),
            Start(),
        ]
    )


def _wish(house: House, bidder: UUID) -> Command:
    if house.chance.random() < 0.5:
        return RequestWithdrawal(bidder, "we read the wrong line")
    return Withdraw(bidder, "we read the wrong line", by_bidder=True)


def _proxy(house: House, bidder: UUID, number: int) -> SetProxy:
    chance, state = house.chance, house.state
    highest = FORMATS[state.terms.format].bounds(state, bidder).highest
    digits = digits_of(state, bidder)
    unit = smallest(digits)
    factor = Decimal(chance.choice([50, 70, 70, 90, 101])).scaleb(-2)
    limit: Decimal | None = max(unit, rounded_down(max(highest, unit) * factor, digits))
    others = list(state.course.proxies.values())
    if others and chance.random() < 0.7:
        limit = max(unit, rounded_down(chance.choice(others).limit, digits))
    if chance.random() < 0.1:
        limit = None
    step = unit * 300 if chance.random() < 0.2 else None
    return SetProxy(
        bid_id=UUID(int=50_000 + number),
        bidder=bidder,
        client_bid_id=f"proxy-{number}",
        limit=limit,
        step=step,
    )


def _amount(chance: Random, state: LotState, bidder: UUID) -> Decimal:
    """Give an amount to try: just acceptable, just not, a rival's, or anything."""
    allowed = FORMATS[state.terms.format].bounds(state, bidder)
    highest, lowest = allowed.highest, allowed.lowest
    digits = digits_of(state, bidder)
    unit = smallest(digits)
    draw = chance.random()
    amount = highest
    if draw < 0.15:
        amount = highest + unit
    elif draw < 0.3 and state.order:
        amount = chance.choice(state.order).amount
    elif draw < 0.35 and lowest is not None:
        amount = lowest - unit
    elif draw > 0.9 and state.course.stage is not None and state.course.stage.price is not None:
        amount = state.course.stage.price
    elif draw < 0.65 and state.terms.format is not Format.JAPANESE:
        amount = highest * Decimal(chance.randint(80, 99)).scaleb(-2)
    return max(unit, rounded_down(amount, digits))


def ended(state: LotState) -> bool:
    """Tell whether a lot's log is complete."""
    return state.phase in {Phase.CLOSED, Phase.CANCELLED}
