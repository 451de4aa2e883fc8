"""What must hold in every auction, and a count of the states that were reached."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final, NoReturn
from uuid import UUID

from msgspec.structs import replace

from auctions.batch import Batch, decide_all
from auctions.engine import duel
from auctions.engine.decide import decide
from auctions.engine.events import (
    Announced,
    BidAccepted,
    BidRefused,
    BidWithdrawn,
    Cancelled,
    Closed,
    CloseExtended,
    Command,
    Event,
    PlaceBid,
    ProxySet,
    Rejection,
    RejectionCode,
    Resumed,
    SurrogateRevoked,
    WithdrawalRequested,
)
from auctions.engine.evolve import evolve
from auctions.engine.formats import FORMATS
from auctions.engine.formats.protocol import digits_of
from auctions.engine.outcome import NoWinner, Win, outcome
from auctions.engine.replay import first_wrong_decision, replay
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import SEALED, CountedFrom, Format, Ties, Withdrawals, smallest
from auctions.engine.visibility import OWNER, Viewer, view
from auctions.simulation.house import House
from auctions.simulation.reckoning import Reckoning

BY_ARRIVAL: Final = frozenset({Format.ENGLISH, Format.SEALED, Format.VICKREY})
_PROBE: Final = UUID(int=77)


class Violated(AssertionError):
    """A property does not hold."""

    def __init__(self, rule: str, detail: object = "") -> None:
        super().__init__(f"{rule}: {detail}" if detail else rule)
        self.rule = rule


def violated(rule: str, detail: object = "") -> NoReturn:
    """Say that a property does not hold."""
    raise Violated(rule, detail)


class Watch:
    """Follows a made-up auction batch by batch and raises Violated; counts what was reached."""

    def __init__(self, house: House, reached: Counter[str]) -> None:
        self.house = house
        self.terms = house.terms
        self.reached = reached
        self.reckoning = Reckoning(house.terms, house.terms.ends_at)
        self.states = replay(house.log)
        for event in house.log:
            self.reckoning.follow(event)
        viewers: list[Viewer] = [OWNER, *(i.bidder for i in house.invitations)]
        self.viewer = house.chance.choice(viewers)
        self.shown = view(self.states, self.viewer)
        self.answers: dict[tuple[UUID, str], Event] = {}
        self.closed = 0

    def look(self, before: LotState, commands: Sequence[Command], batch: Batch) -> None:
        """Check what a batch brought about."""
        last = before.at
        for event in batch.events:
            if event.at < max(last, self.house.clock):
                violated("a decision is made at the instant the lock is held, and none goes back")
            last = event.at
        for group in _groups(batch.events):
            self._check_group(group)
        self._compare(self.house.state)
        self._check_answers(commands, batch)
        self._check_limits(self.house.state)
        self._check_rest(self.house.state)
        if len(commands) > 1:
            self._check_arrival(before, commands, batch)

    # One command's events

    def _check_group(self, group: Sequence[Event]) -> None:
        closed_at, rank = self.reckoning.closes_at, 0
        for event in group:
            if self.closed:
                violated("a log ends with its close", event)
            if isinstance(event, BidAccepted):
                self._check_bid(event)
                taken = sum(o < self.reckoning.would_stand(event) for o in self._others(event)) + 1
                rank = min(rank or taken, taken)
            elif isinstance(event, BidRefused):
                self._note_refusal(event)
            elif isinstance(event, CloseExtended):
                self._check_extension(event, closed_at, rank)
            elif isinstance(event, Resumed):
                self._check_resumption(event)
            elif isinstance(event, Closed | Cancelled):
                self._check_end(event)
            else:
                self._note_words(event)
            self.reckoning.follow(event)
            self._check_view(event)
        if rank and not isinstance(group[-1], CloseExtended):
            self._check_no_extension(group[0].at, closed_at, rank)

    def _others(self, event: BidAccepted) -> list[tuple[object, ...]]:
        return [s for s in self.reckoning.standing.values() if s.bidder != event.bidder]

    def _check_bid(self, bid: BidAccepted) -> None:
        now, amount = self.reckoning, Fraction(bid.amount)
        if bid.at >= now.closes_at or bid.at < (now.starts_at or self.terms.starts_at):
            violated("nothing is accepted before the start, at the close or after it", bid)
        if now.paused_at is not None:
            violated("nothing is accepted while the clock stands still", bid)
        if bid.at == now.closes_at - timedelta(microseconds=1):
            self.reached["bid in the last microsecond"] += 1
        own, line = now.standing.get(bid.bidder), now.lines[bid.bidder]
        if own is not None and amount >= own.amount:
            violated("own bids strictly fall", bid)
        if amount * line.rate > Fraction(self.terms.ceiling):
            violated("nobody bids above the ceiling", bid)
        self.reached["bid in another currency"] += line.rate != 1
        self._check_step(bid, amount)
        self._check_stage(bid, amount)
        self._check_maker(bid, amount)
        self._check_tie(bid, line.score(amount))

    def _check_tie(self, bid: BidAccepted, score: Fraction) -> None:
        now = self.reckoning
        tied = [s for s in now.standing.values() if s.score == score and s.bidder != bid.bidder]
        if tied and self.terms.ties is Ties.FORBIDDEN:
            violated("where ties are forbidden no two bids are equal", bid)
        if tied and score == min(s.score for s in now.standing.values()):
            self.reached["tie at first place"] += 1

    def _check_step(self, bid: BidAccepted, amount: Fraction) -> None:
        now, decrement = self.reckoning, self.terms.decrement
        reference = now.reference(bid.bidder)
        if decrement is None:
            return
        if reference is not None and amount > reference - now.step(bid.bidder, reference):
            violated("a bid is a step or more below its reference", bid)
        if decrement.multiples_only:
            anchor = Fraction(self.terms.ceiling) if reference is None else reference
            if (anchor - amount) % now.step(bid.bidder, anchor):
                violated("where only multiples count a bid falls by whole steps", bid)

    def _check_stage(self, bid: BidAccepted, amount: Fraction) -> None:
        stage = self.reckoning.stage
        if stage is None:
            return
        called = None if stage.price is None else Fraction(stage.price)
        if self.terms.format is Format.DUTCH and (called is None or amount > called):
            violated("nobody takes a price that was not called", bid)
        if self.terms.format is Format.JAPANESE and amount != called:
            violated("who stays in bids the price that is called", bid)
        if bid.bidder in self.reckoning.out:
            violated("who left does not come back", bid)
        if stage.bidder not in {None, bid.bidder}:
            violated("everybody bids in his own turn", bid)

    def _check_maker(self, bid: BidAccepted, amount: Fraction) -> None:
        if bid.surrogate is not None:
            self.reached["bid entered by the buyer"] += 1
            if bid.bidder not in self.reckoning.consents:
                violated("the buyer bids for nobody who has not consented", bid)
        if bid.client_bid_id is not None:
            return
        proxy = self.reckoning.proxies.get(bid.bidder)
        if proxy is None or proxy.limit is None or amount < Fraction(proxy.limit):
            violated("a proxy never bids below its limit", bid)
        if len(self.reckoning.proxies) > 1:
            self.reached["proxy duel"] += 1

    def _note_refusal(self, bid: BidRefused) -> None:
        overtime = self.terms.overtime
        self.reached[f"refused: {bid.code.value}"] += 1
        if bid.at == self.reckoning.closes_at:
            self.reached["bid at the very close"] += 1
        if overtime is not None and bid.code is RejectionCode.ABOVE_LIMIT:
            window = timedelta(seconds=overtime.window_s)
            self.reached["refused bid in the overtime window"] += (
                bid.at >= self.reckoning.closes_at - window
            )

    def _note_words(self, event: Event) -> None:
        self.reached["withdrawal asked for"] += isinstance(event, WithdrawalRequested)
        self.reached["message to all"] += isinstance(event, Announced)
        self.reached["consent taken back"] += isinstance(event, SurrogateRevoked)
        if isinstance(event, BidWithdrawn):
            self._note_withdrawal(event)

    def _note_withdrawal(self, event: BidWithdrawn) -> None:
        leader = self.reckoning.order()[0].bidder
        self.reached["leader withdrawn"] += leader == event.bidder
        self.reached["taken back by its bidder"] += event.by_bidder
        if event.by_bidder and self.terms.withdrawals is not Withdrawals.FREELY:
            violated("a bidder takes his bid back only where the terms let him", event)
        if not event.by_bidder and self.terms.format in SEALED:
            violated("the buyer strikes no bid he cannot see", event)

    # The close

    def _check_extension(self, event: CloseExtended, closed_at: datetime, rank: int) -> None:
        now, overtime = self.reckoning, self.terms.overtime
        if event.closes_at <= closed_at:
            violated("the close never moves earlier", event)
        if event.closes_at > now.cap():
            violated("overtime keeps to its cap", event)
        if event.followed or event.reason is not None:
            self.reached["close moved by another lot"] += event.followed
            self.reached["close moved by hand"] += not event.followed
            return
        if not rank or overtime is None:
            violated("only accepted bids move the close", event)
        if now.extensions >= overtime.at_most:
            violated("overtime comes as often as the terms say at most", event)
        if event.closes_at != self._due(event.at, closed_at, rank):
            violated("overtime is as long as the terms say", event)
        self.reached["overtime"] += 1
        self.reached["overtime cut at its cap"] += event.closes_at == now.cap()
        self.reached["overtime for the last time"] += now.extensions + 1 == overtime.at_most

    def _check_no_extension(self, at: datetime, closed_at: datetime, rank: int) -> None:
        due = self._due(at, closed_at, rank)
        if due is not None and due > closed_at:
            violated("a late bid of the ranks named moves the close", due)

    def _due(self, at: datetime, closed_at: datetime, rank: int) -> datetime | None:
        overtime = self.terms.overtime
        if overtime is None or rank > overtime.lowest_rank:
            return None
        if self.reckoning.extensions >= overtime.at_most:
            return None
        if closed_at - at > timedelta(seconds=overtime.window_s):
            return None
        start = closed_at if overtime.counted_from is CountedFrom.CLOSE else at
        return min(start + timedelta(seconds=overtime.extension_s), self.reckoning.cap())

    def _check_resumption(self, event: Resumed) -> None:
        now = self.reckoning
        if now.paused_at is None or event.closes_at - event.at != now.closes_at - now.paused_at:
            violated("a pause keeps the time that was left", event)
        self.reached["pause"] += 1
        self.reached["pause across the deadline"] += event.at >= now.closes_at

    def _check_end(self, event: Closed | Cancelled) -> None:
        self.closed += 1
        timed = self.terms.format in BY_ARRIVAL
        if timed and isinstance(event, Closed) and event.at < self.reckoning.closes_at:
            violated("an auction closes by its clock", event)
        self.reached[f"{event.__struct_config__.tag}: {self.terms.format.value}"] += 1

    # The state, the views, the answers

    def _compare(self, state: LotState) -> None:
        now = self.reckoning
        ours = [(s.bidder, s.amount, s.seq) for s in now.order()]
        theirs = [(p.bidder, Fraction(p.amount), p.seq) for p in state.order]
        if ours != theirs:
            violated("the leader has the least key, and all others follow theirs", (ours, theirs))
        if (state.closes_at, state.extensions) != (now.closes_at, now.extensions):
            violated("refused bids change nothing but the log", state.closes_at)
        for bid in self.house.log[-3:]:
            if isinstance(bid, BidAccepted) and bid is self.house.log[-1]:
                rank = now.shown_rank(bid.bidder)
                if bid.rank != rank:
                    violated("a bid is told the rank it took", (bid, rank))

    def _check_view(self, event: Event) -> None:
        if event.seq != self.states.seq + 1:
            violated("a log has no gaps", event)
        self.states = evolve(self.states, event)
        shown = view(self.states, self.viewer)
        changed = replace(shown, number=0) != replace(self.shown, number=0)
        if shown.number != self.shown.number + changed:
            violated("a viewer's number rises when his view changes, and else never", event)
        self.shown = shown

    def _check_answers(self, commands: Sequence[Command], batch: Batch) -> None:
        for command, answer in zip(commands, batch.answers, strict=True):
            if not isinstance(answer, BidAccepted | BidRefused | ProxySet):
                continue
            key = (answer.bidder, getattr(command, "client_bid_id", ""))
            before = self.answers.setdefault(key, answer)
            if before is not answer:
                violated("a bid sent twice counts once", (before, answer))

    def _check_limits(self, state: LotState) -> None:
        if state.phase is not Phase.OPEN or state.course.paused_at is not None:
            return
        if state.at >= state.closes_at:
            return
        bidder = self.house.chance.choice(self.house.invitations).bidder
        highest = FORMATS[self.terms.format].bounds(state, bidder).highest
        bid = PlaceBid(bid_id=_PROBE, bidder=bidder, client_bid_id="probe", amount=highest)
        if highest > 0 and isinstance(decide(state, bid, state.at), Rejection):
            violated("a limit that is shown is acceptable", bid)
        more = highest + smallest(digits_of(state, bidder))
        above = decide(state, replace(bid, amount=more), state.at)
        if more > 0 and not isinstance(above, Rejection):
            violated("more than the limit that is shown is not acceptable", bid)

    def _check_rest(self, state: LotState) -> None:
        if state.course.proxies and state.phase is Phase.OPEN and not state.course.paused_at:
            if duel.fight(state, state.at):
                violated("proxies rest where none would move", state.order)
            self._check_strongest()

    def _check_strongest(self) -> None:
        """Compare the leader with the proxies: of equal limits the one set first leads."""
        now = self.reckoning
        leader = now.order()[0] if now.standing else None
        proxy = now.proxies.get(leader.bidder) if leader is not None else None
        if leader is None or proxy is None or leader.amount != Fraction(proxy.limit or 0):
            return
        for rival in now.proxies.values():
            score = now.lines[rival.bidder].score(Fraction(rival.limit or 0))
            if score == leader.score and rival.bidder != leader.bidder:
                self.reached["proxies of equal limits"] += 1
                own = now.standing.get(rival.bidder)
                could = own is None or own.amount - Fraction(rival.limit or 0) >= now.step(
                    rival.bidder, own.amount
                )
                if rival.seq < proxy.seq and could and self._own_reference():
                    violated("of equal limits the earliest wins", rival)

    def _own_reference(self) -> bool:
        decrement = self.terms.decrement
        return decrement is not None and decrement.reference.value == "own"

    def _check_arrival(self, before: LotState, commands: Sequence[Command], batch: Batch) -> None:
        """Decide a batch of different bidders in the other order: only the numbers may differ."""
        bidders = [c.bidder for c in commands if isinstance(c, PlaceBid)]
        lone = len(set(bidders)) == len(commands)
        if not lone or not self._own_reference() or self.terms.ties is Ties.FORBIDDEN:
            return
        if self.terms.proxies or self.terms.format not in BY_ARRIVAL:
            return
        if any(getattr(a, "seq", before.seq + 1) <= before.seq for a in batch.answers):
            return  # one of them was sent before: it is answered, not decided
        other = decide_all(before, [*reversed(commands)], {}, self.house.clock, lambda _: True)
        if _amounts(other.state) != _amounts(batch.state):
            violated("arrival decides the numbers and nothing else", commands)
        self.reached["bids at the same instant"] += 1

    # The end

    def finish(self) -> None:
        """Check the whole log."""
        log, state = self.house.log, self.house.state
        if [event.seq for event in log] != list(range(1, len(log) + 1)):
            violated("a log has no gaps")
        if replay(log) != state or self.states != state:
            violated("replaying the log gives the stored state")
        wrong = first_wrong_decision(log)
        if wrong is not None:
            violated("every entry follows from the rules", log[wrong - 1])
        if sum(isinstance(event, Closed | Cancelled) for event in log) != 1:
            violated("an auction ends once")
        self._check_outcome(outcome(state))

    def _check_outcome(self, found: Win | NoWinner) -> None:
        now = self.reckoning
        order, reserve = now.order(), self.terms.reserve
        cancelled = isinstance(self.house.log[-1], Cancelled)
        if isinstance(found, NoWinner):
            self.reached[f"no winner: {found.value}"] += 1
            if found is NoWinner.NO_BIDS and order:
                violated("who leads at the close wins", found)
            return
        best = order[0]
        price = best.amount * now.lines[best.bidder].rate
        if found.bidder != best.bidder or cancelled or self.terms.practice:
            violated("who leads at the close wins, unless nothing is awarded", found)
        if reserve is not None and price > Fraction(reserve):
            violated("nobody wins above the reserve", found)
        if self.terms.format is Format.VICKREY and len(order) > 1:
            self.reached["second price"] += 1
            line = now.lines[best.bidder]
            most = min(Fraction(self.terms.ceiling), Fraction(reserve or self.terms.ceiling))
            limit = most / line.rate // line.unit * line.unit
            if Fraction(found.price) != min(line.own(order[1].score), limit):
                violated("a Vickrey winner gets what the second asked", found)
        elif self.terms.format is not Format.VICKREY and Fraction(found.price) != best.amount:
            violated("a winner gets what he asked", found)


def _groups(events: Sequence[Event]) -> list[list[Event]]:
    """Part a batch's events by the commands that led to them, as far as overtime is concerned."""
    groups: list[list[Event]] = []
    for event in events:
        answers = isinstance(event, BidAccepted) and event.client_bid_id is None
        extends = isinstance(event, CloseExtended) and not (event.followed or event.reason)
        if groups and (answers or extends):
            groups[-1].append(event)
        else:
            groups.append([event])
    return groups


def _amounts(state: LotState) -> dict[UUID, object]:
    return {bidder: place.amount for bidder, place in state.places.items()}
