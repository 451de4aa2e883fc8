"""What is hidden of rivals changes no byte for a bidder, in every format and visibility.

Each auction is played twice. The bidder does the same; his rivals bid other amounts, and are
refused more often. As long as what the terms let him see is the same, all he gets must be the same:
view, number, answers and errors. What he may see is said here anew, not taken from the projection.
"""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from auctions.batch import Answer, decide_all
from auctions.engine import witnessed
from auctions.engine.decide import schedule
from auctions.engine.events import BidAccepted, BidRefused, PlaceBid
from auctions.engine.formats import FORMATS
from auctions.engine.formats.protocol import digits_of
from auctions.engine.ranking import shown_rank
from auctions.engine.replay import replay
from auctions.engine.scoring import in_terms_of
from auctions.engine.state import LotState, Phase
from auctions.engine.terms import Disclosure, Format, rounded_down, smallest
from auctions.engine.visibility import view
from auctions.simulation.made import LOT, SCHEDULED, START, made_invitations, made_terms
from marketplace.kernel.money import currency_digits

STEPS = 14
SEEDS = 320
KINDS = {
    *((Format.ENGLISH, d) for d in Disclosure if d is not Disclosure.OWN_ONLY),
    *((f, Disclosure.OWN_ONLY) for f in (Format.SEALED, Format.VICKREY, Format.DUTCH)),
    (Format.JAPANESE, Disclosure.OWN_ONLY),
    (Format.STAGED, Disclosure.OPEN),
}


def observed(state: LotState, bidder: UUID) -> tuple[object, ...]:
    """What the terms let a bidder see of a lot."""
    terms, course = state.terms, state.course
    own, stage = state.places.get(bidder), course.stage
    seen: list[object] = [state.phase, state.starts_at, state.closes_at, state.extensions]
    seen += [course.paused_at, stage and (stage.round, stage.until, stage.price, stage.bidder)]
    seen += [own and own.amount, bidder in course.out]
    ranked = terms.disclosure is not Disclosure.OWN_ONLY or state.phase is Phase.CLOSED
    if own is not None and ranked:
        seen.append(shown_rank(state.order, own, terms.ties))
    if own is None and terms.starting_gate:
        return tuple(seen)
    digits = currency_digits(terms.currency)
    amounts = [in_terms_of(state.yardsticks, bidder, place.score, digits) for place in state.order]
    if terms.disclosure is Disclosure.BEST_PRICE:
        seen += amounts[:1]
    if terms.disclosure is Disclosure.OPEN:
        ranks = [shown_rank(state.order, place, terms.ties) for place in state.order]
        seen.append([*zip([p.bidder for p in state.order], ranks, amounts, strict=True)])
    return tuple(seen)


def told(answer: Answer, disclosure: Disclosure) -> object:
    """What a bidder is told of his bid."""
    if isinstance(answer, BidAccepted):
        rank = None if disclosure is Disclosure.OWN_ONLY else answer.rank
        return ("accepted", answer.bid_id, answer.amount, answer.at, rank)
    if isinstance(answer, BidRefused):
        return ("refused", answer.bid_id, answer.amount, answer.at, answer.code, answer.bound)
    return (type(answer), str(answer))


class Course:
    """One of the two courses of an auction."""

    def __init__(self, state: LotState, bidder: UUID) -> None:
        self.state, self.bidder = state, bidder
        self.seen: list[object] = []
        self.gets: list[object] = []
        self.look()

    def look(self) -> None:
        """Note what the bidder may see, where it is another thing than before, and what he gets."""
        seen = observed(self.state, self.bidder)
        if not self.seen or self.seen[-1] != seen:
            self.seen.append(seen)
        self.gets.append(msgspec.json.encode(view(self.state, self.bidder)))

    def bid(self, who: UUID, amount: Decimal, number: int, at: datetime) -> Answer:
        """Have somebody bid."""
        bid = PlaceBid(
            bid_id=UUID(int=number), bidder=who, client_bid_id=f"{who}-{number}", amount=amount
        )
        # Event by event: a view that was there for a moment is one he saw.
        batch = decide_all(self.state, [bid], {}, at, lambda _: True)
        for event in batch.events:
            self.state = replay([event], self.state)
            self.look()
        return batch.answers[0]


def amount_of(state: LotState, who: UUID, share: Decimal) -> Decimal:
    """An amount below what somebody may bid at most, by this share."""
    highest = FORMATS[state.terms.format].bounds(state, who).highest
    digits = digits_of(state, who)
    if state.terms.format is Format.JAPANESE:
        return max(highest, smallest(digits))
    return max(rounded_down(highest * share, digits), smallest(digits))


def compare(seed: int, reached: Counter[object]) -> None:
    """Play an auction twice and compare what the bidder gets while he may see the same."""
    chance = Random(seed)  # noqa: S311 - a made-up auction
    terms = replace(made_terms(chance), proxies=False)
    invitations = made_invitations(chance, terms)
    opened = replay(schedule(LOT, terms, invitations, SCHEDULED))
    bidder, *rivals = [invitation.bidder for invitation in invitations]
    courses = Course(opened, bidder), Course(opened, bidder)
    at = START
    for number in range(STEPS):
        at += timedelta(seconds=chance.randint(0, 70))
        stage = courses[0].state.course.stage
        who = chance.choice([bidder, *rivals])
        if stage is not None and stage.bidder is not None:
            who = stage.bidder
        share = Decimal(chance.randint(90, 100)).scaleb(-2)
        own = amount_of(courses[0].state, who, share)
        for other, course in enumerate(courses):
            amount = own
            if who != bidder and other:
                hidden = share * Decimal(chance.randint(97, 100)).scaleb(-2)
                if terms.disclosure is not Disclosure.OPEN:
                    amount = amount_of(course.state, who, hidden)
                course.bid(chance.choice(rivals), terms.ceiling * 2, 1000 + number, at)
            answer = course.bid(who, amount, number, at)
            if who == bidder:
                course.gets.append(told(answer, terms.disclosure))
        first, second = courses
        if first.seen != second.seen:
            return
        # A step that changed nothing he sees may be told more often to one: it is the same bytes.
        assert [*dict.fromkeys(first.gets)] == [*dict.fromkeys(second.gets)], (seed, number)
        if first.state.order != second.state.order or first.state.seq != second.state.seq:
            reached[terms.format, terms.disclosure] += 1


def test_what_is_hidden_of_rivals_changes_no_byte_in_any_format_and_visibility() -> None:
    reached: Counter[object] = Counter()
    for seed in range(SEEDS):
        compare(seed, reached)
    assert {kind for kind in KINDS if reached[kind] < 5} == set()


def test_a_number_that_counts_hidden_bids_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = witnessed.number_of_bidder
    monkeypatch.setattr(
        witnessed, "number_of_bidder", lambda state, who: honest(state, who) + state.seq
    )
    with pytest.raises(AssertionError):
        for seed in range(20):
            compare(seed, Counter())
